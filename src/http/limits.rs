//! The pace at which one provider is asked: requests and tokens a minute, slowed by refusals and by what its headers say.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use crate::http::{
    clock::{Clock, lock},
    retry::{LONGEST_WAIT, wait_asked},
    wire::Answer,
};

/// Seconds of the pace that may be used at once after a pause.
const BURST: f64 = 1.0;
/// What a refusal leaves of the pace, and what each second without one gives back. It is time that gives back and not
/// answers: where a share of requests is refused whatever the pace, the slower pace of answers would slow it for ever.
const SLOWED: f64 = 0.8;
const RECOVERED: f64 = 1.5;
/// Requests a minute that refusals leave in any case.
const SLOWEST: f64 = 6.0;
/// How far one answer can put off the next request, in seconds, however many tokens it says it took.
const FARTHEST: f64 = 2.0 * MINUTE;
/// Seconds nobody asks after a refusal that names no time.
const PAUSE: f64 = 0.25;
const MINUTE: f64 = 60.0;

/// What the user allows; `None` leaves it to the provider.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Requests a minute.
    pub requests_per_minute: Option<f64>,
    /// Tokens a minute, input and output together.
    pub tokens_per_minute: Option<f64>,
}

/// The pace of one provider.
#[derive(Debug)]
pub(super) struct Limiter(Mutex<State>);

#[derive(Debug)]
struct State {
    requests: Pace,
    tokens: Pace,
    /// Nobody asks before this.
    closed_until: f64,
    /// Up to when time has given back.
    recovered: f64,
    /// When the present slowing began, and requests let in since.
    since: f64,
    admitted: u32,
}

/// Units a minute, spaced evenly. Times are seconds of the clock.
#[derive(Debug, Clone, Copy)]
struct Pace {
    most: Option<f64>,
    now: Option<f64>,
    free_at: f64,
}

impl Pace {
    fn new(most: Option<f64>) -> Self {
        Self {
            most,
            now: most,
            free_at: 0.0,
        }
    }

    /// When the next units may be used.
    fn ready(&self) -> f64 {
        self.now.map_or(0.0, |_| self.free_at)
    }

    /// Uses `units`.
    fn take(&mut self, units: f64, now: f64) {
        if let Some(rate) = self.now {
            let begin = self.free_at.max(now - BURST);
            self.free_at = begin + units * MINUTE / rate.max(f64::MIN_POSITIVE);
        }
    }

    fn slow(&mut self, seen: Option<f64>, slowest: f64) {
        if let Some(rate) = self.now.or(seen) {
            let slowest = self.most.map_or(slowest, |most| most.min(slowest));
            self.now = Some((rate * SLOWED).max(slowest));
        }
    }

    fn recover(&mut self, seconds: f64) {
        let more = RECOVERED.powf(seconds.min(MINUTE));
        self.now = match (self.now, self.most) {
            (Some(rate), Some(most)) => Some((rate * more).min(most)),
            (Some(rate), None) => Some((rate * more).min(f64::MAX)),
            (None, most) => most,
        };
    }

    fn learn_most(&mut self, most: Option<f64>) {
        if let Some(most) = most.filter(|it| 0.0 < *it) {
            self.most = Some(self.most.map_or(most, |own| own.min(most)));
            self.now = Some(self.now.map_or(most, |rate| rate.min(most)));
        }
    }
}

impl State {
    /// Gives back what time has given back since the last time.
    fn recover(&mut self, now: f64) {
        let seconds = now - self.recovered;
        self.requests.recover(seconds);
        self.tokens.recover(seconds);
        self.recovered = now;
    }
}

impl Limiter {
    pub fn new(limits: Limits) -> Self {
        Self(Mutex::new(State {
            requests: Pace::new(limits.requests_per_minute),
            tokens: Pace::new(limits.tokens_per_minute),
            closed_until: 0.0,
            recovered: 0.0,
            since: 0.0,
            admitted: 0,
        }))
    }

    /// Lets a request of about `tokens` tokens through now, or tells how long to wait before it is to ask again.
    pub fn admit(&self, clock: &Clock, tokens: u64) -> Option<Duration> {
        let now = clock.now();
        let mut state = lock(&self.0);
        let ready = state.requests.ready().max(state.tokens.ready());
        let wait = ready.max(state.closed_until) - now;
        // Times are rounded to nanoseconds, so what is left may never become nothing.
        if 1e-6 <= wait {
            return Some(Duration::from_secs_f64(wait));
        }
        state.admitted += 1;
        state.requests.take(1.0, now);
        state.tokens.take(tokens as f64, now);
        None
    }

    /// The bounds, as far as they were set or told.
    pub fn allowed(&self) -> Limits {
        let state = lock(&self.0);
        Limits {
            requests_per_minute: state.requests.most,
            tokens_per_minute: state.tokens.most,
        }
    }

    /// Corrects an estimate once the tokens used are known.
    pub fn settle(&self, clock: &Clock, estimated: u64, used: u64) {
        let mut state = lock(&self.0);
        if let Some(rate) = state.tokens.now {
            let more = used as f64 - estimated as f64;
            let free_at = state.tokens.free_at + more * MINUTE / rate.max(f64::MIN_POSITIVE);
            let farthest = (clock.now() + FARTHEST).max(state.tokens.free_at);
            state.tokens.free_at = free_at.min(farthest);
        }
    }

    /// Learns from an answer: refusals slow the pace, others let it recover, and headers may name its bounds.
    pub fn learn(&self, clock: &Clock, answer: &Answer) {
        let now = clock.now();
        let mut state = lock(&self.0);
        let headers = &answer.headers;
        state.requests.learn_most(limit_of(headers, "requests"));
        state
            .tokens
            .learn_most(limit_of(headers, "input-tokens").or_else(|| limit_of(headers, "tokens")));
        if answer.status == 429 {
            // Many requests under way are refused together; that is one refusal.
            if state.closed_until <= now {
                let seconds = (now - state.since).max(1.0);
                let seen = f64::from(state.admitted) * MINUTE / seconds;
                state.recover(now);
                state.requests.slow(Some(seen), SLOWEST);
                let slowest = state.tokens.most.map_or(0.0, |most| most / 100.0);
                state.tokens.slow(None, slowest);
                (state.since, state.admitted) = (now, 0);
            }
            // Whoever is asked to wait longer than is worth it gives up, and so will the next: soon the provider is down.
            let asked = wait_asked(headers).filter(|it| *it <= LONGEST_WAIT);
            let wait = asked.map_or(PAUSE, |it| it.as_secs_f64());
            state.closed_until = state.closed_until.max(now + wait);
        } else if answer.status < 400 {
            state.recover(now);
            let exhausted = ["requests", "input-tokens", "tokens"]
                .iter()
                .filter_map(|what| reset_of(headers, what))
                .fold(0.0, f64::max);
            state.closed_until = state.closed_until.max(now + exhausted.min(MINUTE));
        }
    }
}

/// The limit a minute that a header names.
fn limit_of(headers: &BTreeMap<String, String>, what: &str) -> Option<f64> {
    header(headers, what, "limit")?.parse().ok()
}

/// Seconds until something that is used up is there again; `None` where it is not used up.
fn reset_of(headers: &BTreeMap<String, String>, what: &str) -> Option<f64> {
    let left: f64 = header(headers, what, "remaining")?.parse().ok()?;
    if 0.0 < left {
        return None;
    }
    let reset = header(headers, what, "reset")?;
    if let Ok(at) = reset.parse::<jiff::Timestamp>() {
        let parser = jiff::fmt::rfc2822::DateTimeParser::new();
        let date = parser.parse_timestamp(headers.get("date")?).ok()?;
        return Some((at.as_second() - date.as_second()) as f64).filter(|it| 0.0 < *it);
    }
    duration(reset)
}

fn header<'a>(headers: &'a BTreeMap<String, String>, what: &str, field: &str) -> Option<&'a str> {
    let is_named = |name: &str, prefix: &str, first: &str, second: &str| {
        let rest = name
            .strip_prefix(prefix)
            .and_then(|it| it.strip_prefix(first));
        rest.and_then(|it| it.strip_prefix('-')) == Some(second)
    };
    let value = |prefix: &str, first: &str, second: &str| {
        let mut all = headers.iter();
        all.find(|(name, _)| is_named(name, prefix, first, second))
    };
    value("anthropic-ratelimit-", what, field)
        .or_else(|| value("x-ratelimit-", field, what))
        .map(|(_, value)| value.trim())
}

/// A duration such as `850ms`, `1.2s` or `6m0s`, in seconds.
fn duration(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let units = [("ms", 0.001), ("s", 1.0), ("m", MINUTE), ("h", 3600.0)];
        let (unit, worth) = units.iter().find(|(unit, _)| rest.starts_with(unit))?;
        total += number * worth;
        rest = &rest[unit.len()..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Answer {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Answer {
            status,
            headers: headers.iter().map(owned).collect(),
            body: Err(String::new()),
            seconds: 0.0,
        }
    }

    async fn admitted(limiter: &Limiter, clock: &Clock, tokens: u64) {
        while let Some(wait) = limiter.admit(clock, tokens) {
            clock.wait(wait.min(Duration::from_secs(1))).await;
        }
    }

    async fn seconds_for(limiter: &Limiter, clock: &Clock, requests: usize, tokens: u64) -> f64 {
        let began = clock.now();
        for _ in 0..requests {
            admitted(limiter, clock, tokens).await;
        }
        (clock.now() - began).round()
    }

    #[tokio::test]
    async fn requests_and_tokens_a_minute_are_kept() {
        let clock = Clock::told();
        let limits = Limits {
            requests_per_minute: Some(60.0),
            tokens_per_minute: None,
        };
        // The first stands at 0; 60 more follow a second apart.
        assert_eq!(
            seconds_for(&Limiter::new(limits), &clock, 61, 9).await,
            60.0
        );
        let clock = Clock::told();
        let limits = Limits {
            requests_per_minute: None,
            tokens_per_minute: Some(6000.0),
        };
        let limiter = Limiter::new(limits);
        assert_eq!(seconds_for(&limiter, &clock, 11, 1000).await, 100.0);
        limiter.settle(&clock, 1000, 500);
        assert_eq!(seconds_for(&limiter, &clock, 1, 1000).await, 5.0);
        limiter.settle(&clock, 1000, u64::MAX);
        assert_eq!(seconds_for(&limiter, &clock, 1, 1000).await, 120.0);
    }

    #[tokio::test]
    async fn a_refusal_closes_the_door_and_slows_the_pace_once_however_many_were_refused() {
        let clock = Clock::told();
        let limits = Limits {
            requests_per_minute: Some(60.0),
            tokens_per_minute: None,
        };
        let limiter = Limiter::new(limits);
        admitted(&limiter, &clock, 0).await;
        for _ in 0..50 {
            limiter.learn(&clock, &answer(429, &[("retry-after", "10")]));
        }
        assert_eq!(seconds_for(&limiter, &clock, 1, 0).await, 10.0);
        // 48 a minute: 1.25 s apart, the first of them after a quarter of a second.
        assert_eq!(seconds_for(&limiter, &clock, 40, 0).await, 49.0);
        for _ in 0..100 {
            limiter.learn(&clock, &answer(200, &[]));
        }
        assert_eq!(seconds_for(&limiter, &clock, 60, 0).await, 60.0);
    }

    #[tokio::test]
    async fn refusals_that_come_whatever_the_pace_do_not_slow_it_for_ever() {
        let clock = Clock::told();
        let limiter = Limiter::new(Limits::default());
        for number in 0..3000 {
            admitted(&limiter, &clock, 100).await;
            clock.wait(Duration::from_millis(5)).await;
            let status = if number % 13 == 0 { 429 } else { 200 };
            limiter.learn(&clock, &answer(status, &[]));
        }
        // Each refusal closes the door for a second, which is most of the time; nothing grows beyond it.
        let refusals = 3000.0 / 13.0;
        assert!(clock.now() < refusals * 3.0, "{}", clock.now());
    }

    #[tokio::test]
    async fn a_server_that_only_refuses_is_asked_at_a_pace_that_does_not_fade() {
        let clock = Clock::told();
        let limiter = Limiter::new(Limits::default());
        for _ in 0..300 {
            admitted(&limiter, &clock, 100).await;
            limiter.learn(&clock, &answer(429, &[]));
        }
        assert!(clock.now() < 300.0 * MINUTE / SLOWEST, "{}", clock.now());
        assert!(seconds_for(&limiter, &clock, 1, 100).await <= MINUTE / SLOWEST);
    }

    #[tokio::test]
    async fn a_wait_that_is_not_worth_making_closes_no_door() {
        let clock = Clock::told();
        let limiter = Limiter::new(Limits::default());
        limiter.learn(&clock, &answer(429, &[("retry-after", "1e9")]));
        assert!(seconds_for(&limiter, &clock, 1, 0).await <= 10.0);
    }

    #[tokio::test]
    async fn headers_name_bounds_and_pauses() {
        let clock = Clock::told();
        let limiter = Limiter::new(Limits::default());
        limiter.learn(
            &clock,
            &answer(200, &[("anthropic-ratelimit-requests-limit", "60")]),
        );
        assert_eq!(seconds_for(&limiter, &clock, 61, 0).await, 60.0);
        let used_up = [
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "6.5s"),
        ];
        let limiter = Limiter::new(Limits::default());
        limiter.learn(&clock, &answer(200, &used_up));
        assert_eq!(seconds_for(&limiter, &clock, 1, 0).await, 7.0);
    }

    #[test]
    fn durations_are_read_as_openai_writes_them() {
        for (text, seconds) in [("850ms", 0.85), ("6m0s", 360.0), ("1h2m3.5s", 3723.5)] {
            assert!((duration(text).unwrap() - seconds).abs() < 1e-9, "{text}");
        }
        assert_eq!(duration("soon"), None);
        assert_eq!(duration("5"), None);
    }
}
