//! What a private cache may keep, and when it may answer with it: RFC 9111, with RFC 5861 (stale answers while one asks
//! again, or when that fails) and RFC 8246 (immutable). The rule stands above the line that obeys it.
//!
//! A browser's cache has one user, so the rules for shared caches (`s-maxage`, `private`, `proxy-revalidate`, the header
//! `Authorization`) have no part in this.

use super::{date::Wall, whole};
use crate::time::Duration;

/// How long a value is fresh whose owner does not say.
pub const VALUE_TTL: Duration = Duration::from_secs(300);

/// What of a request matters here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask<'a> {
    /// Its method, as it is sent.
    pub method: &'a str,
    /// Its `Cache-Control`; lines joined.
    pub cache_control: Option<&'a str>,
    /// Its `Pragma`.
    pub pragma: Option<&'a str>,
    /// The names of the header fields that its caller set, joined by commas, in any case. The browser adds others, which no
    /// script sees.
    pub fields: Option<&'a str>,
    /// Whether the cache that asks is one user's alone: a partition says whose.
    pub partitioned: bool,
}

/// What of an answer matters here. Lines of one name are joined by commas.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// `Cache-Control`
    pub cache_control: Option<&'a str>,
    /// `Pragma`
    pub pragma: Option<&'a str>,
    /// `Expires`
    pub expires: Option<&'a str>,
    /// `Date`
    pub date: Option<&'a str>,
    /// `Age`
    pub age: Option<&'a str>,
    /// `Last-Modified`
    pub last_modified: Option<&'a str>,
    /// `Vary`
    pub vary: Option<&'a str>,
}

/// What the application says instead of the headers of a success. Any other answer goes by its own: an error that passes in a
/// moment is not to be given for as long as what was asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rule {
    /// Fresh for so long, whatever the headers say, `no-store` apart.
    pub ttl: Option<Duration>,
    /// As the directive of that name.
    pub stale_while_revalidate: Option<Duration>,
    /// As the directive of that name.
    pub stale_if_error: Option<Duration>,
}

/// Whether a stored answer may be given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// As it is.
    Fresh,
    /// As it is, while one asks again behind it.
    StaleWhileRevalidate,
    /// Only after the origin was asked whether it still holds.
    Validate,
}

/// Statuses that may be kept without being told for how long: RFC 9110, section 15.1. Not 206: parts are not put together
/// here.
const HEURISTIC: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

/// "As a typical setting of this fraction might be 10%" (RFC 9111, section 4.2.2)
const FRACTION: u32 = 10;

/// What is not understood of a number of seconds that is too large: RFC 9111, section 1.2.2.
const MAX_SECONDS: u64 = 1 << 31;

/// What is kept beside an answer: plain values, which may lie in any storage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// How long it is fresh from its beginning.
    pub lifetime: Duration,
    /// How old it was when it came.
    pub initial_age: Duration,
    /// When it came.
    pub received: Wall,
    /// Not to be given, ever, before the origin was asked.
    pub always_validate: bool,
    /// Not to be given once it is stale.
    pub must_revalidate: bool,
    /// How long after its lifetime it may be given while one asks again behind it.
    pub stale_while_revalidate: Duration,
    /// How long after its lifetime it may be given when the origin fails.
    pub stale_if_error: Duration,
}

impl Policy {
    /// What to keep beside the answer to a request that was sent and answered at these times. `None`: it must not be
    /// kept.
    pub fn of(ask: &Ask<'_>, answer: &Answer<'_>, rule: &Rule, sent: Wall, received: Wall) -> Option<Self> {
        // A field Pragma without Cache-Control is read as that, as Chromium reads it: RFC 9111 gives it no meaning in a
        // response, and the servers that send it mean this.
        let own = Directives::of(answer.cache_control.or(answer.pragma));
        let success = (200..300).contains(&answer.status);
        let rule = &if success { *rule } else { Rule::default() };
        if !storable(ask, answer, rule, &own) {
            return None;
        }
        let date = answer.date.and_then(|date| Wall::parse(date, received));
        // "A recipient with a clock that receives a response message without a Date header field MUST record the time
        // it was received" (RFC 9110, section 6.6.1)
        let date = date.unwrap_or(received);
        let lifetime = rule.ttl.unwrap_or_else(|| lifetime(answer, &own, date, received));
        let ttl = rule.ttl.is_some();
        let seconds = |name| own.seconds(name).unwrap_or_default();
        Some(Self {
            lifetime,
            initial_age: if ttl { Duration::ZERO } else { initial_age(answer, date, sent, received) },
            received,
            // "The no-cache response directive, in its unqualified form […], indicates that the response MUST NOT be used
            // to satisfy any other request without forwarding it for validation" (section 5.2.2.4). For the qualified
            // form, see `withheld`.
            always_validate: !ttl && own.all("no-cache").any(|names| qualified(names).is_none()),
            must_revalidate: !ttl && own.has("must-revalidate"),
            stale_while_revalidate: rule
                .stale_while_revalidate
                .unwrap_or_else(|| seconds("stale-while-revalidate")),
            stale_if_error: rule.stale_if_error.unwrap_or_else(|| seconds("stale-if-error")),
        })
    }

    /// How old the response is. `None`: the clock was set back to before it came, so its age is unknown.
    pub fn age(&self, now: Wall) -> Option<Duration> {
        // "resident_time = now - response_time; current_age = corrected_initial_age + resident_time;" (section 4.2.3)
        Some(self.initial_age + now.since(self.received)?)
    }

    /// What to keep beside a value that the application gives, now.
    pub fn of_value(rule: &Rule, now: Wall) -> Self {
        Self {
            lifetime: rule.ttl.unwrap_or_default(),
            initial_age: Duration::ZERO,
            received: now,
            always_validate: false,
            must_revalidate: false,
            stale_while_revalidate: rule.stale_while_revalidate.unwrap_or_default(),
            stale_if_error: rule.stale_if_error.unwrap_or_default(),
        }
    }

    /// From when on it is not given any more to a request that asks for nothing special, neither fresh nor stale.
    pub fn useful_until(&self) -> Wall {
        if self.always_validate {
            return self.received;
        }
        let stale = self.stale_while_revalidate.max(self.stale_if_error);
        let stale = if self.must_revalidate { Duration::ZERO } else { stale };
        // It is fresh before its lifetime is over, and may be given stale to the end of that time.
        let last = if stale.is_zero() { Duration::ZERO } else { Duration::from_nanos(1) };
        let age = self.lifetime + stale + last;
        self.received.after(age.saturating_sub(self.initial_age))
    }

    /// Whether there is any use in keeping the answer: it is fresh for a while, or may be given stale, or the origin can be
    /// asked whether it still holds.
    pub const fn is_useful(&self, has_validator: bool) -> bool {
        let fresh = !self.always_validate && !self.lifetime.is_zero();
        let stale = !self.stale_while_revalidate.is_zero() || !self.stale_if_error.is_zero();
        fresh || stale || has_validator
    }

    /// Whether it may answer this request now.
    pub fn verdict(&self, ask: &Ask<'_>, now: Wall) -> Verdict {
        let wanted = Directives::of(ask.cache_control);
        // "The no-cache request directive indicates that the client prefers a stored response not be used to satisfy
        // the request without successful validation on the origin server." (section 5.2.1.4) The field Pragma says the
        // same where there is no Cache-Control (section 5.4).
        let pragma = ask.cache_control.is_none()
            && ask.pragma.is_some_and(|pragma| Directives::of(Some(pragma)).has("no-cache"));
        let Some(age) = self.age(now).filter(|_| !self.always_validate && !wanted.has("no-cache") && !pragma)
        else {
            return Verdict::Validate;
        };
        // "The max-age request directive indicates that the client prefers a response whose age is less than or equal to
        // the specified number of seconds." (section 5.2.1.1)
        if wanted.seconds("max-age").is_some_and(|most| age > most) {
            return Verdict::Validate;
        }
        // "The min-fresh request directive indicates that the client prefers a response whose freshness lifetime is no
        // less than its current age plus the specified time in seconds." (section 5.2.1.3)
        let ahead = wanted.seconds("min-fresh").unwrap_or_default();
        // "response_is_fresh = (freshness_lifetime > current_age)" (section 4.2)
        if self.lifetime > age && self.lifetime >= age + ahead {
            return Verdict::Fresh;
        }
        let staleness = age.saturating_sub(self.lifetime);
        // "A cache MUST NOT generate a stale response if it is prohibited by an explicit in-protocol directive"
        // (section 4.2.4)
        if self.must_revalidate || self.lifetime > age {
            return Verdict::Validate;
        }
        // "The max-stale request directive indicates that the client will accept a response that has exceeded its
        // freshness lifetime", by no more than the seconds that it names, if any (section 5.2.1.2)
        let tolerated =
            |most: Option<&str>| most.is_none_or(|most| seconds(most).is_some_and(|most| staleness <= most));
        if wanted.all("max-stale").next().is_some_and(tolerated) {
            return Verdict::Fresh;
        }
        // "the cache MAY serve the response in which it appears after it becomes stale, up to the indicated number of
        // seconds" (RFC 5861, section 3)
        if staleness <= self.stale_while_revalidate && !self.stale_while_revalidate.is_zero() {
            return Verdict::StaleWhileRevalidate;
        }
        Verdict::Validate
    }

    /// Whether it may be given when the origin could not be asked, or answered 500, 502, 503 or 504.
    pub fn stands_in(&self, ask: &Ask<'_>, now: Wall) -> bool {
        let Some(age) = self.age(now) else { return false };
        let wanted = Directives::of(ask.cache_control);
        // "without successful validation": see `verdict`.
        if wanted.has("no-cache") {
            return false;
        }
        let wanted = wanted.seconds("stale-if-error").unwrap_or_default();
        // "when an error is encountered, a cached stale response MAY be used to satisfy the request, regardless of other
        // freshness information" (RFC 5861, section 4); what must be revalidated must be all the same (RFC 9111, section
        // 4.2.4).
        let most = wanted.max(self.stale_if_error);
        !self.must_revalidate
            && !self.always_validate
            && !most.is_zero()
            && age.saturating_sub(self.lifetime) <= most
    }
}

/// "A cache MUST NOT store a response to a request unless: …" (section 3)
fn storable(ask: &Ask<'_>, answer: &Answer<'_>, rule: &Rule, own: &Directives<'_>) -> bool {
    // "the request method is understood by the cache;"
    let method = ask.method == "GET";
    // "the response status code is final"; "if the response status code is 206 or 304 […] the cache understands the
    // response status code;" Neither is kept as an answer of its own here. Of one above 599 no page can make a response.
    // Nor is what refuses the request and not its target: credentials that were missing (401, 407) are there after a login
    // that changes nothing a script can see, and the range of a 416 is no part of the key. Chromium keeps none of them.
    // Responses with the statuses of RFC 6585 "MUST NOT be stored by a cache" (sections 3 to 6).
    let status = (200..600).contains(&answer.status)
        && ![206, 304, 401, 407, 416, 428, 429, 431, 511].contains(&answer.status);
    // "if the must-understand cache directive is present in the response, the cache understands and conforms to the
    // requirements of the response status code"; then a no-store beside it is for those who do not (section 5.2.2.3).
    let understood = HEURISTIC.contains(&answer.status);
    let must_understand = own.has("must-understand");
    // "the no-store cache directive is not present in the response" nor in the request (section 5.2.1.5)
    let no_store = (own.has("no-store") && !(must_understand && understood))
        || Directives::of(ask.cache_control).has("no-store");
    // "the response contains at least one of the following: …", and what the application says.
    let told = own.has("public")
        || own.has("private")
        || own.has("max-age")
        || answer.expires.is_some()
        || rule.ttl.is_some()
        || understood;
    method
        && status
        && !no_store
        && (!must_understand || understood)
        && told
        && varies_on(ask, answer).is_some()
}

/// Section 4.2.1
fn lifetime(answer: &Answer<'_>, own: &Directives<'_>, date: Wall, received: Wall) -> Duration {
    // "If the max-age response directive is present, use its value"; caches are encouraged to take a response for stale
    // whose information is invalid.
    if let Some(first) = own.all("max-age").next() {
        let conflict = own.all("max-age").any(|other| other != first);
        return first.and_then(seconds).filter(|_| !conflict).unwrap_or_default();
    }
    // "If the Expires response header field is present, use its value minus the value of the Date response header field".
    // "A cache recipient MUST interpret invalid date formats, especially the value '0', as representing a time in the
    // past" (section 5.3)
    if let Some(expires) = answer.expires {
        let expires = Wall::parse(expires, received);
        return expires.and_then(|expires| expires.since(date)).unwrap_or_default();
    }
    // "A cache MUST NOT use heuristics to determine freshness when an explicit expiration time is present […] it can only
    // be used on responses […] whose status codes are defined as heuristically cacheable [or] explicitly marked as
    // cacheable (e.g., with a public response directive)." (section 4.2.2)
    if !(HEURISTIC.contains(&answer.status) || own.has("public")) {
        return Duration::ZERO;
    }
    let modified = answer.last_modified.and_then(|modified| Wall::parse(modified, received));
    modified.and_then(|modified| date.since(modified)).unwrap_or_default() / FRACTION
}

/// Section 4.2.3
fn initial_age(answer: &Answer<'_>, date: Wall, sent: Wall, received: Wall) -> Duration {
    // "apparent_age = max(0, response_time - date_value);"
    let apparent = received.since(date).unwrap_or_default();
    // "a recipient encountering a field value that is not a single integer SHOULD use the first, and otherwise ignore it"
    // (section 5.1)
    let said = answer.age.and_then(|age| seconds(age.split(',').next().unwrap_or_default().trim_ascii()));
    // "response_delay = response_time - request_time; corrected_age_value = age_value + response_delay;"
    let delay = received.since(sent).unwrap_or_default();
    let corrected = said.unwrap_or_default() + delay;
    // "corrected_initial_age = max(apparent_age, corrected_age_value);"
    apparent.max(corrected)
}

/// The names of the request's header fields on which a response depends, in small letters. `None`: it fits no other request.
/// That is so for "*" (section 4.1), for what is no name of a field, and for fields that the browser sends by itself and
/// shows to no script, unless the caller set that field of this request: then its value is known, and a request of which the
/// caller did not set it is another one.
///
/// The origin of a page is always the same, and so are the encodings that its browser accepts. Cookies are one user's, and
/// constant where all that is asked for is, too: in a partition. Elsewhere the next request may be another user's.
///
/// Names are joined by commas.
pub fn varies_on(ask: &Ask<'_>, answer: &Answer<'_>) -> Option<String> {
    let mut seen = String::new();
    for name in names(answer.vary.unwrap_or_default()) {
        let name = name.to_ascii_lowercase();
        let constant = match name.as_str() {
            "accept-encoding" | "origin" => true,
            "cookie" => ask.partitioned,
            _ => false,
        };
        let known = || has_name(ask.fields.unwrap_or_default(), &name);
        if name == "*" || !is_token(&name) || (is_hidden(&name) && !constant && !known()) {
            return None;
        }
        if !constant && !has_name(&seen, &name) {
            if !seen.is_empty() {
                seen.push(',');
            }
            seen.push_str(&name);
        }
    }
    Some(seen)
}

/// Whether the browser sends this field by itself, with a value that may be another one tomorrow: the user changes the
/// language, the screen, the network, or is another one. A name in small letters.
fn is_hidden(name: &str) -> bool {
    const HIDDEN: [&str; 13] = [
        "accept-language",
        "cookie",
        "device-memory",
        "dnt",
        "downlink",
        "dpr",
        "ect",
        "referer",
        "rtt",
        "save-data",
        "user-agent",
        "viewport-width",
        "width",
    ];
    HIDDEN.contains(&name) || name.starts_with("sec-")
}

/// The header fields of a response that are not kept with it: what is about one connection (RFC 9110, section 7.6.1) or
/// one proxy, and "The no-cache […] and private […] cache directives can have arguments that prevent storage of header
/// fields by all caches and shared caches, respectively" (RFC 9111, section 3.1). This is no shared cache.
///
/// Names in small letters, joined by commas; one may come twice.
pub fn withheld(connection: Option<&str>, cache_control: Option<&str>) -> String {
    let mut all = String::from(
        "connection,keep-alive,proxy-authenticate,proxy-authentication-info,proxy-connection,te,trailer,\
         transfer-encoding,upgrade",
    );
    let own = Directives::of(cache_control);
    let qualified = own.all("no-cache").filter_map(qualified);
    for name in connection.into_iter().chain(qualified).flat_map(names) {
        all.push(',');
        all.push_str(name);
    }
    all.make_ascii_lowercase();
    all
}

/// The argument of a directive that has names of fields. `None`: there are none, or something else is among them, and the
/// directive is to be taken for its unqualified form.
fn qualified(argument: Option<&str>) -> Option<&str> {
    argument.filter(|argument| names(argument).next().is_some() && names(argument).all(is_token))
}

/// The elements of a list: RFC 9110, section 5.6.1.
fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim_ascii).filter(|name| !name.is_empty())
}

/// In any case.
fn has_name(list: &str, name: &str) -> bool {
    names(list).any(|own| own.eq_ignore_ascii_case(name))
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(of_token)
}

/// Whether a request with this method and an answer with this status make what is kept for its URL invalid: "A cache MUST
/// invalidate the target URI when it receives a non-error status code in response to an unsafe request method"
/// (section 4.4)
pub fn invalidates(method: &str, status: u16) -> bool {
    !["GET", "HEAD", "OPTIONS", "TRACE"].contains(&method) && (200..400).contains(&status)
}

/// Whether an answer with this status, to a request that was not met by what is kept for its URL, takes the place of that also
/// when it is not kept itself: any but those by which an origin says that it cannot answer now, and a request may be made
/// again (RFC 9110, section 15; 425 in RFC 8470, 429 in RFC 6585).
pub const fn supersedes(status: u16) -> bool {
    !matches!(status, 304 | 408 | 425 | 429 | 500..)
}

fn seconds(text: &str) -> Option<Duration> {
    // "If a cache receives a delta-seconds value greater than the greatest integer it can represent […] the cache MUST
    // consider the value to be 2147483648" (section 1.2.2)
    Some(Duration::from_secs(whole(text)?.min(MAX_SECONDS)))
}

/// The directives of a `Cache-Control` field: section 5.2.
struct Directives<'a>(&'a str);

impl<'a> Directives<'a> {
    fn of(field: Option<&'a str>) -> Self {
        Self(field.unwrap_or_default())
    }

    /// Each name with its argument, a quoted one without its quotes.
    fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = end_of(rest);
            let one = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            let (name, argument) = match one.split_once('=') {
                Some((name, argument)) => (name, Some(argument.trim_ascii().trim_matches('"'))),
                None => (one, None),
            };
            Some((name.trim_ascii(), argument))
        })
    }

    /// The arguments of each directive of this name.
    fn all(&self, name: &str) -> impl Iterator<Item = Option<&'a str>> {
        self.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, argument)| argument)
    }

    fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Of the first of this name.
    fn seconds(&self, name: &str) -> Option<Duration> {
        self.all(name).next()?.and_then(seconds)
    }
}

/// Where the first directive ends: at a comma that is in no quotes. A quote that is never closed is none, lest it hide what
/// follows.
fn end_of(text: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    if quoted { text.find(',').unwrap_or(text.len()) } else { text.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GET: Ask<'_> =
        Ask { method: "GET", cache_control: None, pragma: None, fields: None, partitioned: false };
    const OK: Answer<'_> = Answer {
        status: 200,
        cache_control: None,
        pragma: None,
        expires: None,
        date: Some("Sun, 06 Nov 1994 08:49:37 GMT"),
        age: None,
        last_modified: None,
        vary: None,
    };
    const NO_RULE: Rule = Rule { ttl: None, stale_while_revalidate: None, stale_if_error: None };

    /// So many seconds after the date of `OK`.
    fn at(seconds: u64) -> Wall {
        Wall::from_millis((784_111_777 + seconds) * 1_000)
    }

    fn kept(answer: &Answer<'_>) -> Option<Policy> {
        Policy::of(&GET, answer, &NO_RULE, at(0), at(0))
    }

    fn with(cache_control: &str) -> Policy {
        kept(&Answer { cache_control: Some(cache_control), ..OK }).unwrap()
    }

    fn asks(cache_control: &str) -> Ask<'_> {
        Ask { cache_control: Some(cache_control), ..GET }
    }

    #[test]
    fn it_is_fresh_until_its_lifetime_is_over() {
        let policy = with("max-age=60");
        assert_eq!(policy.verdict(&GET, at(59)), Verdict::Fresh);
        assert_eq!(policy.verdict(&GET, at(60)), Verdict::Validate);
    }

    #[test]
    fn the_lifetime_is_from_max_age_then_expires_then_a_tenth_of_the_time_unchanged() {
        let expires = Answer { expires: Some("Sun, 06 Nov 1994 08:50:37 GMT"), ..OK };
        let modified = Answer { last_modified: Some("Sun, 06 Nov 1994 08:39:37 GMT"), ..OK };
        for (answer, seconds) in [
            (Answer { cache_control: Some("max-age=5"), ..expires }, 5),
            (Answer { cache_control: Some("public, Max-Age=\"7\""), ..expires }, 7),
            (expires, 60),
            (Answer { expires: Some("0"), ..modified }, 0),
            (Answer { expires: Some("Sun, 06 Nov 1994 08:49:36 GMT"), ..modified }, 0),
            (modified, 60),
            (Answer { status: 302, cache_control: Some("private"), ..modified }, 0),
            (Answer { status: 302, cache_control: Some("public"), ..modified }, 60),
            (OK, 0),
            (Answer { cache_control: Some("max-age=x"), ..expires }, 0),
            (Answer { cache_control: Some("max-age"), ..expires }, 0),
            (Answer { cache_control: Some("max-age=-1"), ..expires }, 0),
            (Answer { cache_control: Some("max-age=5, max-age=6"), ..expires }, 0),
            (Answer { cache_control: Some("max-age=5, max-age=5"), ..expires }, 5),
            (Answer { cache_control: Some("s-maxage=5"), ..expires }, 60),
            (Answer { cache_control: Some("x=\"a, max-age=9\", max-age=4"), ..expires }, 4),
            (Answer { cache_control: Some("max-age=99999999999999999999"), ..expires }, MAX_SECONDS),
        ] {
            assert_eq!(kept(&answer).unwrap().lifetime, Duration::from_secs(seconds), "{answer:?}");
        }
    }

    #[test]
    fn what_must_not_be_kept_is_not() {
        for (answer, stays) in [
            (OK, true),
            (Answer { status: 302, ..OK }, false),
            (Answer { status: 302, cache_control: Some("max-age=5"), ..OK }, true),
            (Answer { status: 500, expires: Some("0"), ..OK }, true),
            (Answer { status: 206, cache_control: Some("max-age=5"), ..OK }, false),
            (Answer { status: 304, cache_control: Some("max-age=5"), ..OK }, false),
            (Answer { status: 103, cache_control: Some("max-age=5"), ..OK }, false),
            (Answer { cache_control: Some("no-store, max-age=5"), ..OK }, false),
            (Answer { cache_control: Some("NO-STORE"), ..OK }, false),
            (Answer { cache_control: Some("no-store, must-understand"), ..OK }, true),
            (Answer { status: 299, cache_control: Some("max-age=5, must-understand"), ..OK }, false),
            (Answer { vary: Some("Accept, *"), ..OK }, false),
            (Answer { vary: Some("User-Agent"), ..OK }, false),
            (Answer { vary: Some("Sec-Fetch-Site"), ..OK }, false),
            (Answer { vary: Some("Origin, Accept-Encoding"), ..OK }, true),
            (Answer { vary: Some("Origin, Cookie"), ..OK }, false),
        ] {
            assert_eq!(kept(&answer).is_some(), stays, "{answer:?}");
        }
        let none = |ask: Ask<'_>| Policy::of(&ask, &OK, &NO_RULE, at(0), at(0)).is_none();
        assert!(none(Ask { method: "POST", ..GET }) && none(Ask { method: "HEAD", ..GET }));
        assert!(none(asks("no-store")));
    }

    #[test]
    fn the_age_is_the_larger_of_what_is_said_and_what_is_seen() {
        let age = |answer: Answer<'_>, sent, received, now| {
            let policy = Policy::of(&GET, &answer, &NO_RULE, at(sent), at(received)).unwrap();
            policy.age(at(now)).map(Duration::as_secs)
        };
        assert_eq!(age(OK, 0, 0, 7), Some(7));
        assert_eq!(age(OK, 10, 12, 12), Some(12), "the date says so");
        assert_eq!(age(Answer { date: None, ..OK }, 10, 12, 12), Some(2), "the delay");
        assert_eq!(age(Answer { age: Some("30"), ..OK }, 10, 12, 13), Some(33));
        assert_eq!(age(Answer { age: Some("30, 5"), ..OK }, 10, 12, 12), Some(32));
        assert_eq!(age(Answer { age: Some("old"), ..OK }, 10, 12, 12), Some(12));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_immortal() {
        let policy =
            Policy::of(&GET, &Answer { cache_control: Some("max-age=60"), ..OK }, &NO_RULE, at(100), at(100));
        let policy = policy.unwrap();
        assert_eq!(policy.age(at(99)), None);
        assert_eq!(policy.verdict(&GET, at(99)), Verdict::Validate);
        assert!(!policy.stands_in(&asks("stale-if-error=9999"), at(99)));
    }

    proptest! {
        #[test]
        fn it_is_useful_as_long_as_it_may_be_given_and_no_longer(
            lifetime in 0..50_u64,
            initial_age in 0..70_u64,
            flags in 0..4_u8,
            stale_while_revalidate in 0..30_u64,
            stale_if_error in 0..30_u64,
            micros in 0..2_u64,
            later in 0..200_u64,
        ) {
            let millis = |millis| Duration::from_micros(millis * 1_000 + micros * 500);
            let stale = |millis| if millis == 0 { Duration::ZERO } else { Duration::from_millis(millis) };
            let policy = Policy {
                lifetime: millis(lifetime),
                initial_age: Duration::from_millis(initial_age),
                received: at(0),
                always_validate: flags & 1 != 0,
                must_revalidate: flags & 2 != 0,
                stale_while_revalidate: stale(stale_while_revalidate),
                stale_if_error: stale(stale_if_error),
            };
            let now = at(0).after(Duration::from_millis(later));
            let given = policy.verdict(&GET, now) != Verdict::Validate || policy.stands_in(&GET, now);
            prop_assert_eq!(now < policy.useful_until(), given);
        }
    }

    #[test]
    fn a_request_may_want_more_or_less_than_fresh() {
        let policy = with("max-age=60");
        for (wanted, now, verdict) in [
            ("no-cache", 0, Verdict::Validate),
            ("max-age=0", 1, Verdict::Validate),
            ("max-age=10", 10, Verdict::Fresh),
            ("max-age=10", 11, Verdict::Validate),
            ("min-fresh=20", 40, Verdict::Fresh),
            ("min-fresh=20", 41, Verdict::Validate),
            ("max-stale", 9_999, Verdict::Fresh),
            ("max-stale=5", 65, Verdict::Fresh),
            ("max-stale=5", 66, Verdict::Validate),
            ("max-stale, max-age=70", 71, Verdict::Validate),
        ] {
            assert_eq!(policy.verdict(&asks(wanted), at(now)), verdict, "{wanted} at {now}");
        }
        assert_eq!(policy.verdict(&Ask { pragma: Some("no-cache"), ..GET }, at(0)), Verdict::Validate);
        let both = Ask { pragma: Some("no-cache"), ..asks("max-age=10") };
        assert_eq!(policy.verdict(&both, at(0)), Verdict::Fresh);
    }

    #[test]
    fn stale_is_given_only_where_nobody_forbids_it() {
        let swr = with("max-age=10, stale-while-revalidate=5");
        assert_eq!(swr.verdict(&GET, at(15)), Verdict::StaleWhileRevalidate);
        assert_eq!(swr.verdict(&GET, at(16)), Verdict::Validate);
        for directive in ["must-revalidate", "no-cache"] {
            let policy =
                with(&format!("max-age=10, stale-while-revalidate=5, stale-if-error=5, {directive}"));
            assert_eq!(policy.verdict(&asks("max-stale"), at(11)), Verdict::Validate);
            assert!(!policy.stands_in(&GET, at(11)));
        }
        let stale = with("max-age=10, stale-if-error=5");
        assert!(stale.stands_in(&GET, at(15)) && !stale.stands_in(&GET, at(16)));
        assert!(stale.stands_in(&asks("stale-if-error=50"), at(60)));
        assert!(!with("max-age=10").stands_in(&GET, at(5)), "nobody said that it may");
        assert!(!stale.stands_in(&asks("no-cache"), at(15)));
    }

    #[test]
    fn the_application_has_the_last_word_but_for_no_store() {
        let rule = Rule { ttl: Some(Duration::from_secs(100)), ..NO_RULE };
        let of = |cache_control| {
            let answer = Answer { cache_control: Some(cache_control), age: Some("1000"), ..OK };
            Policy::of(&GET, &answer, &rule, at(0), at(0))
        };
        assert_eq!(of("no-store"), None);
        let policy = of("no-cache, must-revalidate, max-age=1").unwrap();
        assert_eq!(policy.verdict(&GET, at(99)), Verdict::Fresh);
        assert_eq!(policy.verdict(&GET, at(100)), Verdict::Validate);
        let late = Rule { stale_while_revalidate: Some(Duration::from_secs(5)), ..rule };
        let policy = Policy::of(&GET, &OK, &late, at(0), at(0)).unwrap();
        assert_eq!(policy.verdict(&GET, at(105)), Verdict::StaleWhileRevalidate);
    }

    #[test]
    fn what_is_no_success_is_kept_by_its_own_headers_alone() {
        let second = Some(Duration::from_secs(100));
        let rule = Rule { ttl: second, stale_while_revalidate: second, stale_if_error: second };
        let of = |status, cache_control| {
            let answer = Answer { status, cache_control, ..OK };
            Policy::of(&GET, &answer, &rule, at(0), at(0)).map(|policy| policy.is_useful(false))
        };
        for status in [401, 403, 429, 500, 502, 503] {
            assert_eq!(of(status, None), None, "{status}");
        }
        assert_eq!((of(404, None), of(404, Some("max-age=5"))), (Some(false), Some(true)));
        assert_eq!((of(200, None), of(203, None)), (Some(true), Some(true)));
    }

    #[test]
    fn an_origin_in_trouble_replaces_nothing() {
        let replaced: Vec<u16> = (200..600).filter(|&status| supersedes(status)).collect();
        assert!([200, 204, 302, 401, 403, 404, 410].iter().all(|status| replaced.contains(status)));
        assert!(![408, 425, 429, 500, 503, 599].iter().any(|status| replaced.contains(status)));
    }

    #[test]
    fn a_quote_that_is_never_closed_hides_nothing() {
        let of = |cache_control| {
            let answer = Answer { cache_control: Some(cache_control), ..OK };
            Policy::of(&GET, &answer, &NO_RULE, at(0), at(0)).is_some()
        };
        assert!(of(r#"max-age=60, private="x, no-store""#));
        assert!(!of(r#"max-age=60, private="x, no-store"#));
    }

    fn varies(vary: &str, fields: &str) -> Option<String> {
        varies_on(&Ask { fields: Some(fields), ..GET }, &Answer { vary: Some(vary), ..OK })
    }

    #[test]
    fn what_a_response_varies_on_is_named_once_in_small_letters() {
        assert_eq!(varies("X-One, Accept-Encoding , ,x-one", ""), Some("x-one".into()));
        assert_eq!(varies("", "").as_deref(), Some(""));
        assert_eq!(varies("B, a,b", "").as_deref(), Some("b,a"));
        assert_eq!(varies("*", "*"), None);
    }

    #[test]
    fn what_the_browser_adds_by_itself_fits_nobody_unless_the_caller_set_it() {
        let hidden =
            "Accept-Language,DPR,Width,Viewport-Width,Device-Memory,RTT,Downlink,ECT,Save-Data,Sec-CH-UA";
        for name in hidden.split(',') {
            assert_eq!(varies(name, "accept,x-one"), None, "{name}");
            assert_eq!(varies(name, &format!("accept,{name}")), Some(name.to_ascii_lowercase()), "{name}");
        }
    }

    #[test]
    fn cookies_are_constant_only_where_a_partition_says_whose_they_are() {
        let of = |partitioned, fields| {
            let ask = Ask { fields, partitioned, ..GET };
            let answer = Answer { vary: Some("X-One, Cookie"), cache_control: Some("max-age=9"), ..OK };
            let kept = Policy::of(&ask, &answer, &NO_RULE, at(0), at(0)).is_some();
            let names = varies_on(&ask, &answer);
            assert_eq!(kept, names.is_some());
            names
        };
        assert_eq!(of(false, None), None);
        assert_eq!(of(true, None).as_deref(), Some("x-one"));
        // Outside of browsers a caller may set it.
        assert_eq!(of(false, Some("cookie")).as_deref(), Some("x-one,cookie"));
        assert_eq!(of(true, Some("cookie")).as_deref(), Some("x-one"));
    }

    #[test]
    fn what_is_no_name_of_a_field_fits_nobody() {
        for vary in
            ["Accept-Encoding;User-Agent", "a b", "\"x\"", "x/y", "a, (b)", "ü", "a:", "x\u{0}", "[object]"]
        {
            assert_eq!(varies(vary, ""), None, "{vary}");
            assert_eq!(
                kept(&Answer { vary: Some(vary), cache_control: Some("max-age=9"), ..OK }),
                None,
                "{vary}"
            );
        }
        assert!(varies("x!#$%&'*+-.^_`|~9", "").is_some());
    }

    #[test]
    fn fields_of_one_connection_and_those_that_no_cache_names_are_withheld() {
        let always = withheld(None, None);
        let more = |connection, cache_control| {
            let all = withheld(Some(connection), Some(cache_control));
            all.strip_prefix(&always).expect("it begins with those").to_owned()
        };
        for name in ["connection", "keep-alive", "transfer-encoding", "upgrade"] {
            assert!(has_name(&always, name), "{name}");
        }
        assert_eq!(more("close, X-Hop ,,x-b", ""), ",close,x-hop,x-b");
        assert_eq!(
            more("", "max-age=9, No-Cache=\"Set-Cookie, X-One\", no-cache=x-two"),
            ",set-cookie,x-one,x-two"
        );
        assert_eq!(more("", "no-cache, private=\"x-one\", no-cache=\"\", no-cache=\"a b\""), "");
    }

    #[test]
    fn no_cache_that_names_fields_lets_the_rest_be_given() {
        for (directive, always) in [
            ("no-cache", true),
            ("no-cache=\"\"", true),
            ("no-cache=\",\"", true),
            ("no-cache=\"x one\"", true),
            ("no-cache=\"x-one\"", false),
            ("no-cache=x-one", false),
            ("no-cache=\"x-one\", no-cache", true),
        ] {
            assert_eq!(with(&format!("max-age=9, {directive}")).always_validate, always, "{directive}");
        }
    }

    #[test]
    fn pragma_of_a_response_means_no_cache_where_there_is_no_cache_control() {
        let of = |cache_control| {
            let answer = Answer { cache_control, pragma: Some("no-cache"), ..OK };
            kept(&Answer { expires: Some("Sun, 06 Nov 1994 08:59:37 GMT"), ..answer }).unwrap()
        };
        assert_eq!(of(None).verdict(&GET, at(0)), Verdict::Validate);
        assert_eq!(of(Some("max-age=9")).verdict(&GET, at(0)), Verdict::Fresh);
    }

    #[test]
    fn what_refuses_the_request_and_not_its_target_is_not_kept() {
        for status in [401, 407, 416, 428, 429, 431, 511] {
            let answer = Answer { status, cache_control: Some("public, max-age=60"), ..OK };
            assert_eq!(kept(&answer), None, "{status}");
        }
    }

    #[test]
    fn a_change_that_succeeded_makes_what_is_kept_invalid() {
        assert!(invalidates("POST", 201) && invalidates("DELETE", 303));
        assert!(!invalidates("POST", 500) && !invalidates("GET", 200) && !invalidates("HEAD", 200));
    }
}
