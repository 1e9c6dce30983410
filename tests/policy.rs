//! What may be kept and given, compared with the crate `http-cache-semantics` on random requests, answers and times. Where
//! the two differ, the section that decides is named, and the difference is a rule here: any other one is a failure.

#![allow(clippy::disallowed_types, reason = "the other implementation wants the time of the system")]

use http::{Request, Response};
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use sixlane::cache::date::Wall;
use sixlane::cache::policy::{Answer, Ask, Policy, Rule, Verdict};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

const CASES: u32 = 200_000;

/// Sun, 06 Nov 1994 08:49:37 GMT: when the request is answered.
const RECEIVED: u64 = 784_111_777;

const STATUSES: [u16; 10] = [200, 200, 200, 200, 203, 302, 404, 410, 500, 299];
const AGES: [&str; 3] = ["0", "7", "90"];
const DATES: [&str; 3] =
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:07 GMT", "Sun, 06 Nov 1994 08:50:37 GMT"];
const EXPIRES: [&str; 8] = [
    "Sun, 06 Nov 1994 08:50:07 GMT",
    "Sun, 06 Nov 1994 08:59:37 GMT",
    "Sun, 06 Nov 1994 08:40:00 GMT",
    "0",
    "Sunday, 06-Nov-94 08:59:37 GMT",
    "Sun Nov  6 08:59:37 1994",
    "sun, 06 nov 1994 08:59:37 gmt",
    "Sun, 06 Nov 94 08:59:37 GMT",
];
const MODIFIED: [&str; 2] = ["Sun, 06 Nov 1994 08:00:07 GMT", "Sat, 05 Nov 1994 08:49:37 GMT"];
const OF_ANSWERS: [&str; 13] = [
    "max-age=0",
    "max-age=30",
    "max-age=600",
    "max-age=x",
    "max-age",
    "public",
    "private",
    "no-cache",
    "must-revalidate",
    "s-maxage=900",
    "proxy-revalidate",
    "immutable",
    "must-understand",
];
const OF_REQUESTS: [&str; 8] = [
    "no-cache",
    "max-age=20",
    "max-age=0",
    "min-fresh=15",
    "max-stale",
    "max-stale=30",
    "max-stale=90",
    "no-store",
];

#[derive(Debug)]
struct Case {
    status: u16,
    answer: Vec<(&'static str, String)>,
    first: Option<String>,
    second: Option<String>,
    pragma: bool,
    language: [&'static str; 2],
    /// Seconds after the answer at which the second request comes.
    later: u64,
}

impl Case {
    fn random(rng: &mut fastrand::Rng) -> Self {
        let mut answer = Vec::new();
        let mut directives: Vec<&str> = Vec::new();
        for _ in 0..rng.usize(..4) {
            let one = OF_ANSWERS[rng.usize(..OF_ANSWERS.len())];
            let name = one.split('=').next();
            // Two of one name are not compared: any of both readings is allowed (section 4.2.1).
            if directives.iter().all(|other| other.split('=').next() != name) {
                directives.push(one);
            }
        }
        if rng.u8(..20) == 0 {
            directives.push("no-store");
        }
        if !directives.is_empty() {
            answer.push(("cache-control", directives.join(", ")));
        }
        let mut maybe = |name, values: &[&str], one_in: u8| {
            if rng.u8(..one_in) == 0 {
                answer.push((name, values[rng.usize(..values.len())].to_owned()));
            }
        };
        maybe("age", &AGES, 4);
        maybe("date", &DATES, 2);
        maybe("expires", &EXPIRES, 3);
        maybe("last-modified", &MODIFIED, 3);
        maybe("vary", &["accept-language", "Accept-Language", "*", "Origin"], 6);
        let mut asks = |one_in: u8| {
            (rng.u8(..one_in) == 0).then(|| OF_REQUESTS[rng.usize(..OF_REQUESTS.len())].to_owned())
        };
        let (first, second) = (asks(12), asks(2));
        Self {
            status: STATUSES[rng.usize(..STATUSES.len())],
            answer,
            first,
            second,
            pragma: rng.u8(..12) == 0,
            language: [["de", "en"][rng.usize(..2)], ["de", "en"][rng.usize(..2)]],
            later: [0, 1, 14, 15, 29, 30, 31, 60, 119, 120, 500, 700][rng.usize(..12)],
        }
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.answer.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    fn says(&self, directive: &str) -> bool {
        let field = self.field("cache-control").unwrap_or_default();
        field.split(", ").any(|one| one.split('=').next() == Some(directive))
    }

    /// Whether our cache keeps the answer, and gives it to the second request as fresh.
    fn ours(&self) -> (bool, bool) {
        let first = Ask {
            method: "GET",
            cache_control: self.first.as_deref(),
            pragma: None,
            fields: Some("accept-language"),
            partitioned: false,
        };
        let pragma = self.pragma.then_some("no-cache");
        let second = Ask { method: "GET", cache_control: self.second.as_deref(), pragma, ..first };
        let answer = Answer {
            status: self.status,
            cache_control: self.field("cache-control"),
            pragma: None,
            expires: self.field("expires"),
            date: self.field("date"),
            age: self.field("age"),
            last_modified: self.field("last-modified"),
            vary: self.field("vary"),
        };
        let received = Wall::from_millis(RECEIVED * 1_000);
        let Some(policy) = Policy::of(&first, &answer, &Rule::default(), received, received) else {
            return (false, false);
        };
        let names = sixlane::cache::policy::varies_on(&first, &answer).expect("it is kept");
        let fits = names != "accept-language" || self.language[0] == self.language[1];
        let now = Wall::from_millis((RECEIVED + self.later) * 1_000);
        (true, fits && policy.verdict(&second, now) == Verdict::Fresh)
    }

    fn theirs(&self) -> (bool, bool) {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let request = |control: Option<&str>, language: &str, pragma: bool| {
            let mut request = Request::get("https://example.test/").header("accept-language", language);
            if let Some(control) = control {
                request = request.header("cache-control", control);
            }
            if pragma {
                request = request.header("pragma", "no-cache");
            }
            request.body(()).expect("it is one")
        };
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.answer {
            response = response.header(*name, value);
        }
        let response = response.body(()).expect("it is one");
        let options = CacheOptions { shared: false, ..CacheOptions::default() };
        let first = request(self.first.as_deref(), self.language[0], false);
        let policy = CachePolicy::new_options(&first, &response, at(RECEIVED), options);
        let second = request(self.second.as_deref(), self.language[1], self.pragma);
        let given = policy.before_request(&second, at(RECEIVED + self.later));
        (policy.is_storable(), policy.is_storable() && matches!(given, BeforeRequest::Fresh(_)))
    }

    /// Why the two may differ, by the section of RFC 9111 that decides for us.
    fn reason(&self, ours: (bool, bool), theirs: (bool, bool)) -> Option<&'static str> {
        let understood = [200, 203, 302, 404, 410].contains(&self.status);
        let default = [200, 203, 404, 410].contains(&self.status);
        let bare = self.field("cache-control").is_some_and(|all| all.split(", ").any(|one| one == "max-age"));
        let wants = |name: &str| self.second.as_deref().is_some_and(|one| one.starts_with(name));
        if ours.0 != theirs.0 {
            return match () {
                // "must-understand": kept by who knows the status, even beside no-store; by nobody else.
                () if self.says("must-understand") => Some("5.2.2.3 must-understand"),
                // "a private response directive, if the cache is not shared" is enough to keep it.
                () if self.says("private") && !default => Some("3 private is explicit"),
                // Any final status is kept that is said to be cacheable; theirs has a list.
                () if !understood => Some("3 any final status"),
                // What can fit no request is not kept: they keep it, and never give it.
                () if self.field("vary") == Some("*") => Some("4.1 Vary: *"),
                () => None,
            };
        }
        match () {
            // "apparent_age = max(0, response_time - date_value)": they take the Age field alone.
            () if theirs.1 && self.field("date") == Some(DATES[1]) => Some("4.2.3 apparent age"),
            // "MUST NOT be used […] without forwarding it for validation": not even for max-stale.
            () if theirs.1 && self.says("no-cache") => Some("5.2.2.4 no-cache and max-stale"),
            // No rule gives an answer a lifetime because it is immutable: RFC 8246, section 2.
            () if theirs.1 && self.says("immutable") && (!self.says("max-age") || bare) => {
                Some("RFC 8246 immutable is no lifetime")
            }
            // An argument that is missing is invalid, and the answer stale; they look at Expires.
            () if theirs.1 && bare => Some("4.2.1 max-age without a number"),
            // Pragma counts only where there is no Cache-Control.
            () if ours.1 && self.pragma && self.second.is_some() => Some("5.4 Pragma beside Cache-Control"),
            // "no more than the specified number of seconds".
            () if ours.1 && wants("max-stale=") => Some("5.2.1.2 max-stale to the second"),
            // Three forms of a date there are, and no other: they read those of e-mail.
            () if !self.says("max-age")
                && self.field("expires").is_some_and(|date| EXPIRES[4..].contains(&date)) =>
            {
                Some("RFC 9110, 5.6.7 dates")
            }
            () => None,
        }
    }
}

#[test]
fn we_agree_with_another_implementation_wherever_it_follows_the_rfc() {
    let mut rng = fastrand::Rng::with_seed(9_111);
    let mut reasons: BTreeMap<&str, u32> = BTreeMap::new();
    let mut given = 0;
    for number in 0..CASES {
        let case = Case::random(&mut rng);
        let (ours, theirs) = (case.ours(), case.theirs());
        given += u32::from(ours.1 && theirs.1);
        if ours != theirs {
            let reason = case.reason(ours, theirs);
            let reason =
                reason.unwrap_or_else(|| panic!("case {number}: {ours:?}, {theirs:?} for {case:#?}"));
            *reasons.entry(reason).or_default() += 1;
        }
    }
    println!("{reasons:#?}, {given} given by both");
    assert!(given > CASES / 10, "{given} were given by both");
    assert!(reasons.values().sum::<u32>() < CASES / 4, "{reasons:?}");
    assert_eq!(reasons.len(), 11, "each difference was met: {reasons:?}");
}
