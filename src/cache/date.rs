//! Dates as HTTP writes them.

use std::time::Duration;

/// A moment on the wall clock, in milliseconds since 1970. Only it outlives a page; unlike [`Time`](crate::Time) it may
/// be set.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Wall(u64);

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days before each month of a year that begins in March, so that the leap day is the last.
const BEFORE: [u64; 12] = [306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275];

impl Wall {
    /// The moment so many milliseconds after 1970 began.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970 began.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; `None` when that lies ahead.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_millis)
    }

    /// A date in one of the three forms of RFC 9110, section 5.6.7; the second one with its two digits of a year is
    /// read as seen from `now`.
    pub fn parse(text: &str, now: Self) -> Option<Self> {
        // All that matters stands apart by blanks, and dashes in the second form; the name of the day says nothing new.
        let mut parts = text.trim_ascii().split([' ', '-']).filter(|part| !part.is_empty());
        let [day_name, rest @ ..]: [&str; 7] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let (day, month, year, time) = match rest {
            [day, month, year, time, "GMT", ""] if day_name.ends_with(',') => (day, month, year, time),
            // asctime: "Sun Nov  6 08:49:37 1994"
            [month, day, time, year, "", ""] if !day_name.ends_with(',') => (day, month, year, time),
            _ => return None,
        };
        let day = digits(day, 1..=2).filter(|day| (1..=31).contains(day))?;
        let month = MONTHS.iter().position(|name| *name == month)?;
        let year = match year.len() {
            4 => digits(year, 4..=4)?,
            2 => century(digits(year, 2..=2)?, now),
            _ => return None,
        };
        let mut clock = time.split(':').map(|part| digits(part, 2..=2));
        let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
        // A leap second is the next one to who does not know of it.
        if clock.next().is_some() || hour > 23 || minute > 59 || second > 60 || year < 1970 {
            return None;
        }
        let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        Some(Self(seconds * 1_000))
    }
}

fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<u64> {
    let plain = length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
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
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0",
            "-1",
            "soon",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1900 08:49:37 GMT",
            "Sun, 06 Nov 994 08:49:37 GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_year_of_two_digits_is_at_most_50_years_ahead() {
        let year = |text: &str| seconds(text).map(|seconds| 1970 + seconds / 31_556_952);
        assert_eq!(year("Sunday, 06-Jul-76 08:49:37 GMT"), Some(2076));
        assert_eq!(year("Sunday, 06-Jul-77 08:49:37 GMT"), Some(1977));
    }
}
