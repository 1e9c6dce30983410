//! Dates as HTTP writes them.

use super::whole;
use crate::time::Duration;

/// A moment on the wall clock, in milliseconds since 1970. Only it outlives a page; unlike [`Time`](crate::Time) it may
/// be set.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Wall(u64);

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days before each month of a year that begins in March, so that the leap day is the last.
const BEFORE: [u64; 12] = [306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275];

impl Wall {
    /// The last moment there is.
    pub const END: Self = Self(u64::MAX);

    /// The moment so many milliseconds after 1970 began.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970 began.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The first whole millisecond that is `wait` later at least, or the last one there is.
    #[must_use]
    pub const fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait.as_nanos().div_ceil(1_000_000)))
    }

    /// Time passed since `earlier`; `None` when that lies ahead.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_millis)
    }

    /// A date in one of the three forms of RFC 9110, section 5.6.7; the second one with its two digits of a year is
    /// read as seen from `now`. Nothing else is a date.
    ///
    /// In two ways this takes more than the grammar: the case of letters does not matter, and the name of the day may be
    /// that of another day than the date's, because it says nothing new.
    pub fn parse(text: &str, now: Self) -> Option<Self> {
        let mut parts = text.trim_ascii().split(' ');
        let first: [&str; 7] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        if parts.next().is_some() {
            return None;
        }
        let (day, month, year, time) = match first {
            // IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT"
            [name, day, month, year, time, zone, ""]
                if is_gmt(zone) && is_day(name.strip_suffix(',')?, 3) =>
            {
                (digits(day, 2)?, month, digits(year, 4)?, time)
            }
            // rfc850-date: "Sunday, 06-Nov-94 08:49:37 GMT"
            [name, date, time, zone, "", "", ""] if is_gmt(zone) && is_day(name.strip_suffix(',')?, 9) => {
                let (day, rest) = date.split_once('-')?;
                let (month, year) = rest.split_once('-')?;
                (digits(day, 2)?, month, century(digits(year, 2)?, now), time)
            }
            // asctime-date: "Sun Nov  6 08:49:37 1994", and "Sun Nov 16 08:49:37 1994"
            [name, month, "", day, time, year, ""] if is_day(name, 3) => {
                (digits(day, 1)?, month, digits(year, 4)?, time)
            }
            [name, month, day, time, year, "", ""] if is_day(name, 3) => {
                (digits(day, 2)?, month, digits(year, 4)?, time)
            }
            _ => return None,
        };
        let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
        let mut clock = time.split(':').map(|part| digits(part, 2));
        let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
        // A leap second is the next one to who does not know of it.
        if clock.next().is_some() || hour > 23 || minute > 59 || second > 60 || year < 1970 {
            return None;
        }
        let first = days(year, month, 1);
        let next = if month == 11 { days(year + 1, 0, 1) } else { days(year, month + 1, 1) };
        if day == 0 || day > next - first {
            return None;
        }
        let seconds = (first + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second;
        Some(Self(seconds * 1_000))
    }
}

/// Whether it is the name of a day, cut to so many letters.
fn is_day(name: &str, length: usize) -> bool {
    DAYS.iter().any(|day| day[..day.len().min(length)].eq_ignore_ascii_case(name))
}

fn is_gmt(zone: &str) -> bool {
    zone.eq_ignore_ascii_case("GMT")
}

/// A number of exactly so many digits.
fn digits(text: &str, length: usize) -> Option<u64> {
    whole(text).filter(|_| text.len() == length)
}

/// "Recipients of a timestamp value in rfc850-date format, which uses a two-digit year, MUST interpret a timestamp that
/// appears to be more than 50 years in the future as representing the most recent year in the past that had the same
/// last two digits." (RFC 9110, section 5.6.7)
const fn century(year: u64, now: Wall) -> u64 {
    let this = 1970 + now.0 / 31_556_952_000;
    let guess = this / 100 * 100 + year;
    if guess > this + 50 { guess - 100 } else { guess }
}

/// Days from 1970 to a day of the Gregorian calendar.
const fn days(year: u64, month: usize, day: u64) -> u64 {
    // Years that begin in March; 719 468 days lie between the first of these and 1970.
    let year = if month < 2 { year - 1 } else { year };
    year * 365 + year / 4 - year / 100 + year / 400 + BEFORE[month] + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall::from_millis(1_795_392_000_000);

    fn seconds(text: &str) -> Option<u64> {
        Wall::parse(text, NOW).map(|date| date.as_millis() / 1_000)
    }

    #[test]
    fn all_three_forms_are_the_same_moment() {
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn leap_days_and_the_ends_of_years_are_where_they_are() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Thu, 31 Dec 2026 23:59:59 GMT", 1_798_761_599),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn letters_may_be_of_any_case_and_the_day_of_any_name() {
        for text in [
            "SUN, 06 nov 1994 08:49:37 gmt",
            "sunDAY, 06-NOV-94 08:49:37 Gmt",
            "sun NOV  6 08:49:37 1994",
            " Mon, 06 Nov 1994 08:49:37 GMT\t",
        ] {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
        assert_eq!(seconds("Sun Nov 16 08:49:37 1994"), Some(784_975_777));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0",
            "-1",
            "soon",
            "784111777",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37 GMT GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT  GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 1994 08:49:37 GMT",
            "Sun, 29 Feb 2100 08:49:37 GMT",
            "Sun, 32 Dec 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1900 08:49:37 GMT",
            "Sun, 06 Nov 994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 November 1994 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov  1994 08:49:37 GMT",
            "Sun, 06 Nov 1994  08:49:37 GMT",
            "Sun, 06\tNov 1994 08:49:37 GMT",
            "Sun,06 Nov 1994 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Day, 06 Nov 1994 08:49:37 GMT",
            "06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 6-Nov-94 08:49:37 GMT",
            "Sunday, 06 Nov 94 08:49:37 GMT",
            "Sunday, 06-Nov--94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov 06 08:49:37 94",
            "Sun Nov  6 08:49:37 94",
            "Sun Nov   6 08:49:37 1994",
            "Sun Nov  16 08:49:37 1994",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sunday Nov  6 08:49:37 1994",
            "Sun, Nov  6 08:49:37 1994",
            "Sün, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    /// The days of each month, counted by the rule for leap years and nothing else.
    #[test]
    fn each_day_of_two_centuries_is_the_one_after_the_day_before() {
        let mut expected = 0;
        for year in 1970..2170_u32 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (month, length) in MONTHS.iter().zip(lengths) {
                for day in 1..=31 {
                    let text = format!("Sun, {day:02} {month} {year} 00:00:00 GMT");
                    let found = (day <= length).then_some(expected);
                    assert_eq!(seconds(&text), found, "{text}");
                    expected += if day <= length { 86_400 } else { 0 };
                }
            }
        }
    }

    #[test]
    fn a_year_of_two_digits_is_at_most_50_years_ahead() {
        let year = |text: &str| seconds(text).map(|seconds| 1970 + seconds / 31_556_952);
        assert_eq!(year("Sunday, 06-Jul-76 08:49:37 GMT"), Some(2076));
        assert_eq!(year("Sunday, 06-Jul-77 08:49:37 GMT"), Some(1977));
    }
}
