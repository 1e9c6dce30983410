//! The pause that a response asks for: by `Retry-After` (RFC 9110, section 10.2.3), or by fields of a rate limit that has
//! nothing left.

use crate::cache::date::Wall;
use crate::codes::codes;
use crate::time::Duration;

codes! {
    /// The header fields by which a response asks for a pause. Each is the name of its field in small letters, words
    /// joined by hyphens; `scripts/codes.mjs` writes them so for TypeScript.
    pub enum PauseField {
        /// When the response was made, by the clock of the server.
        Date,
        /// Seconds, or a date.
        RetryAfter,
        /// All the forms that drafts of the IETF gave it.
        Ratelimit,
        /// Requests left.
        RatelimitRemaining,
        /// Seconds until there are more.
        RatelimitReset,
        /// As above, by custom.
        XRatelimitRemaining,
        /// Seconds, or a moment since 1970 in seconds or milliseconds.
        XRatelimitReset,
        /// As above, in another spelling.
        XRateLimitRemaining,
        /// As above, in another spelling.
        XRateLimitReset,
    }
}

/// Those fields, each at its number, where a response has them.
pub type PauseFields<'a> = [Option<&'a str>; PauseField::ALL.len()];

/// From here on a number of seconds is a moment (this one in 2001), and not a wait (of 31 years).
const MOMENT: f64 = 1e9;

/// The pause that a response with this status asks for, as seen at `now`: with 429 or 503 by `Retry-After`, with any by a
/// rate limit that has nothing left.
pub fn asked(status: u16, fields: &PauseFields<'_>, now: Wall) -> Option<Duration> {
    let field = |field: PauseField| fields[field as usize].map(str::trim_ascii);
    if let (429 | 503, Some(said)) = (status, field(PauseField::RetryAfter)) {
        let pause = decimal(said).map(span_of).or_else(|| {
            // By the server's own clock, where it tells it.
            let clock = field(PauseField::Date).and_then(|date| Wall::parse(date, now)).unwrap_or(now);
            Wall::parse(said, clock).map(|until| until.since(clock).unwrap_or_default())
        });
        if pause.is_some() {
            return pause;
        }
    }
    if let Some(said) = field(PauseField::Ratelimit) {
        return rate_limit(said);
    }
    let older = [
        (PauseField::RatelimitRemaining, PauseField::RatelimitReset),
        (PauseField::XRatelimitRemaining, PauseField::XRatelimitReset),
        (PauseField::XRateLimitRemaining, PauseField::XRateLimitReset),
    ];
    older.into_iter().filter(|&(remaining, _)| field(remaining) == Some("0")).find_map(|(_, reset)| {
        let reset = decimal(field(reset)?)?;
        if reset < MOMENT {
            return Some(span_of(reset));
        }
        #[expect(clippy::cast_sign_loss, reason = "it is above zero")]
        let moment = (if reset < MOMENT * 1_000.0 { reset * 1_000.0 } else { reset }) as u64;
        Some(Wall::from_millis(moment).since(now).unwrap_or_default())
    })
}

/// The longest wait of the limits in it that have nothing left.
fn rate_limit(said: &str) -> Option<Duration> {
    // In the forms of old, commas divide the parameters of one limit; in those with semicolons, limits.
    let several = said.contains(';');
    let (mut empty, mut wait, mut longest) = (false, None, None);
    let mut rest = Some(said);
    while let Some(text) = rest {
        let end = text.bytes().position(|byte| matches!(byte, b';' | b','));
        let parameter = &text[..end.unwrap_or(text.len())];
        rest = end.map(|end| &text[end + 1..]);
        if let Some((name, value)) = parameter.split_once('=') {
            match name.trim_ascii() {
                "r" | "remaining" => empty = value.trim_ascii() == "0",
                "t" | "reset" => wait = decimal(value.trim_ascii()).map(span_of),
                _ => {}
            }
        }
        if end.is_none_or(|end| several && text.as_bytes()[end] == b',') {
            longest = longest.max(wait.filter(|_| empty));
            (empty, wait) = (false, None);
        }
    }
    longest
}

/// Digits, with a fraction perhaps. Not what else Rust takes for a number: signs, exponents, infinity.
fn decimal(text: &str) -> Option<f64> {
    let (mut value, mut scale) = (0.0, 1.0);
    let (mut fraction, mut digit) = (false, false);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if fraction && scale > 1e9 => {}
            b'0'..=b'9' => {
                value = value * 10.0 + f64::from(byte - b'0');
                scale *= if fraction { 10.0 } else { 1.0 };
                digit = true;
            }
            b'.' if digit && !fraction => (fraction, digit) = (true, false),
            _ => return None,
        }
    }
    digit.then_some(value / scale)
}

/// What is too long for a [`Duration`] is the longest there is.
fn span_of(seconds: f64) -> Duration {
    crate::option::span(seconds * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: Wall = Wall::from_millis(784_111_777_000);

    fn pause(status: u16, said: &[(PauseField, &str)]) -> Option<u64> {
        let mut fields = PauseFields::default();
        for &(field, value) in said {
            fields[field as usize] = Some(value);
        }
        asked(status, &fields, NOW).map(Duration::as_millis)
    }

    #[test]
    fn retry_after_is_heard_with_429_and_503_alone() {
        for (status, wanted) in
            [(200, None), (301, None), (429, Some(2_000)), (500, None), (503, Some(2_000))]
        {
            assert_eq!(pause(status, &[(PauseField::RetryAfter, "2")]), wanted, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_nothing_else() {
        for (said, wanted) in [
            (" 1.5 ", Some(1_500)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000)),
            ("Sunday, 06-Nov-94 08:49:47 GMT", Some(10_000)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("-1", None),
            ("+1", None),
            ("1e3", None),
            ("inf", None),
            ("1.", None),
            (".5", None),
            ("1.2.3", None),
            ("1994-11-06T08:49:47Z", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(pause(503, &[(PauseField::RetryAfter, said)]), wanted, "{said:?}");
        }
        assert_eq!(asked(503, &only(PauseField::RetryAfter, &"9".repeat(400)), NOW), Some(Duration::MAX));
    }

    fn only(field: PauseField, value: &str) -> PauseFields<'_> {
        let mut fields = PauseFields::default();
        fields[field as usize] = Some(value);
        fields
    }

    #[test]
    fn a_date_counts_from_the_servers_own_clock() {
        let until = (PauseField::RetryAfter, "Sun, 06 Nov 1994 09:49:37 GMT");
        let clock = (PauseField::Date, "Sun, 06 Nov 1994 09:49:30 GMT");
        assert_eq!(pause(503, &[until, clock]), Some(7_000));
        assert_eq!(pause(503, &[until, (PauseField::Date, "today")]), Some(3_600_000));
    }

    #[test]
    fn a_rate_limit_with_nothing_left_asks_for_a_pause_with_any_status() {
        for (said, wanted) in [
            ("limit=100, remaining=0, reset=5", Some(5_000)),
            ("limit=100, remaining=1, reset=5", None),
            ("\"default\";r=0;t=7", Some(7_000)),
            ("\"default\";r=50;t=7", None),
            ("\"burst\";r=0;t=2, \"daily\";r=0;t=9", Some(9_000)),
            ("\"burst\";r=0;t=2, \"daily\";r=5;t=9", Some(2_000)),
            ("\"burst\"; r=0; t=2", Some(2_000)),
            ("remaining = 0, reset = 4", Some(4_000)),
            ("r=0;t=2,", Some(2_000)),
            ("\"default\";r=0.5;t=7", None),
            ("r=0", None),
            ("", None),
        ] {
            assert_eq!(pause(200, &[(PauseField::Ratelimit, said)]), wanted, "{said:?}");
        }
    }

    #[test]
    fn the_older_fields_count_in_seconds_or_tell_a_moment() {
        let left = |said| (PauseField::XRatelimitRemaining, said);
        let reset = |said| (PauseField::XRatelimitReset, said);
        assert_eq!(pause(200, &[left("0"), reset("3")]), Some(3_000));
        assert_eq!(pause(200, &[left("1"), reset("3")]), None);
        assert_eq!(pause(200, &[left("0")]), None);
        assert_eq!(pause(200, &[left("0"), reset("1000000000")]), Some(215_888_223_000));
        assert_eq!(
            pause(200, &[left("0"), reset("1000000000000")]),
            Some(215_888_223_000),
            "in milliseconds"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(status in 0..600_u16, said in proptest::array::uniform9(".{0,24}")) {
            let fields: PauseFields<'_> = std::array::from_fn(|place| Some(said[place].as_str()));
            let _ = asked(status, &fields, NOW);
        }

        #[test]
        fn a_number_of_seconds_is_that_wait(tenths in 0..10_000_000_u32) {
            let said = format!("{}.{}", tenths / 10, tenths % 10);
            let wanted = u64::from(tenths) * 100;
            let found = pause(429, &[(PauseField::RetryAfter, &said)]).expect("it is a number");
            prop_assert!(found.abs_diff(wanted) <= 1, "{said}: {found}");
        }
    }
}
