//! Whether to ask again, and when, as the official clients decide it.
//!
//! Source: the `anthropic` and `openai` packages' `_base_client.py`, as told in their policy: `x-should-retry` first,
//! then 408, 409, 429, 5xx and connection faults; `retry-after-ms`, then `retry-after`, then a jittered backoff.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::{
    draw::Key,
    http::{
        Repeat,
        wire::{Answer, Broken, How},
    },
};

/// A wait longer than this is not worth making: the answer stands as it is.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// The first backoff and the longest, in milliseconds.
const FIRST_BACKOFF: u64 = 500;
const LONGEST_BACKOFF: u64 = 8000;
/// Refusals that no waiting heals: the money is spent.
const SPENT: [&str; 6] = [
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "insufficient_quota",
    "credit_balance_exhausted",
    "billing_hard_limit_reached",
    "billing_error",
];

/// What a refusal says where the money is spent and no code tells so.
const SPENT_IN_WORDS: [&str; 2] = ["api usage limits", "credit balance is too low"];
/// Statuses that types of errors stand for: some gateways send an error with the status of a success.
const MEANT: [(&str, u16); 14] = [
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("invalid_api_key", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("rate_limit_exceeded", 429),
    ("insufficient_quota", 429),
    ("api_error", 500),
    ("server_error", 500),
    ("timeout_error", 504),
    ("overloaded_error", 529),
];

/// The status an answer stands for: its own, or the one of the error it holds although its status is that of a success.
/// Messages of JSON-RPC, whose errors are answers, have the status they came with.
pub(super) fn meant(answer: &Answer) -> u16 {
    let error = match &answer.body {
        Ok(body) if answer.status < 300 && body.get("jsonrpc").is_none() => body.get("error"),
        _ => None,
    };
    let words = ["code", "type"]
        .iter()
        .filter_map(|it| error?.get(it)?.as_str());
    let known = |word: &str| MEANT.iter().find(|(kind, _)| *kind == word);
    let found = words.filter_map(known).next();
    found.map_or(answer.status, |(_, status)| *status)
}

/// What to do after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The exchange stands.
    Stand,
    /// Ask again after this long.
    Again(Duration),
}

/// Decides what follows an exchange; `tried` counts the exchanges of this request before it.
pub(super) fn next(
    exchange: &Result<Answer, Broken>,
    repeat: Repeat,
    tried: u32,
    address: Key,
) -> Next {
    let (may_repeat, asked) = match exchange {
        Err(broken) => {
            let may = match broken.how {
                How::PastLimit => false,
                How::Unconnected => true,
                How::Cut | How::Late => repeat == Repeat::Freely,
            };
            (may, None)
        }
        Ok(answer) => (is_repeated(answer, repeat), wait_asked(&answer.headers)),
    };
    match asked {
        _ if !may_repeat => Next::Stand,
        Some(wait) if LONGEST_WAIT < wait => Next::Stand,
        Some(wait) if !wait.is_zero() => Next::Again(wait),
        _ => Next::Again(backoff(tried, address)),
    }
}

fn is_repeated(answer: &Answer, repeat: Repeat) -> bool {
    if is_spent(answer) {
        return false;
    }
    // A success that cannot be read is an answer cut short.
    let fits = match answer.headers.get("x-should-retry").map(String::as_str) {
        _ if answer.status < 300 => answer.body.is_err(),
        Some("true") => true,
        Some("false") => false,
        _ => matches!(answer.status, 408 | 409 | 429) || 500 <= answer.status,
    };
    fits && match repeat {
        Repeat::Freely => true,
        // Only a refusal at the door says for certain that nothing was made.
        Repeat::Creation => answer.status == 429,
    }
}

/// Whether the provider says that the money is spent; its `retry-after` never comes.
pub(super) fn is_spent(answer: &Answer) -> bool {
    let Ok(body) = &answer.body else {
        return answer.status == 402;
    };
    let words = ["/error/details/error_code", "/error/code", "/error/type"];
    answer.status == 402
        || (400 <= answer.status
            && words
                .iter()
                .filter_map(|at| body.pointer(at).and_then(Value::as_str))
                .any(|word| SPENT.contains(&word)))
        || (400 <= answer.status && answer.status < 500 && is_spent_in_words(body))
}

fn is_spent_in_words(body: &Value) -> bool {
    let told = body.pointer("/error/message").and_then(Value::as_str);
    told.is_some_and(|told| {
        let told = told.to_lowercase();
        SPENT_IN_WORDS.iter().any(|it| told.contains(it))
    })
}

/// How long the provider asks to wait, where it does. A date is counted from the answer's own `date`, so that our
/// clock need not agree with theirs.
pub(super) fn wait_asked(headers: &BTreeMap<String, String>) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.trim().parse::<f64>().ok();
    if let Some(milliseconds) = number("retry-after-ms") {
        return seconds(milliseconds / 1000.0);
    }
    if let Some(asked) = number("retry-after") {
        return seconds(asked);
    }
    seconds(seconds_between(
        headers.get("date")?,
        headers.get("retry-after")?,
    )?)
}

fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok()
}

/// Seconds from one HTTP date to another.
fn seconds_between(from: &str, to: &str) -> Option<f64> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    let (from, to) = (
        parser.parse_timestamp(from).ok()?,
        parser.parse_timestamp(to).ok()?,
    );
    Some((to.as_second() - from.as_second()) as f64)
}

/// min(0.5 s × 2^n, 8 s), less up to a quarter.
fn backoff(tried: u32, address: Key) -> Duration {
    let whole = FIRST_BACKOFF
        .saturating_mul(1 << tried.min(10))
        .min(LONGEST_BACKOFF);
    let less = address.word("backoff").below(u64::from(tried), 251) as u64;
    Duration::from_millis(whole - whole * less / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEY: fn() -> Key = || Key::root(1);

    fn answer(status: u16, headers: &[(&str, &str)], body: Value) -> Result<Answer, Broken> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Ok(Answer {
            status,
            headers: headers.iter().map(owned).collect(),
            body: Ok(body),
            seconds: 0.0,
        })
    }

    fn broken(how: How) -> Result<Answer, Broken> {
        Err(Broken {
            how,
            told: String::new(),
            had_begun: false,
        })
    }

    fn after(exchange: &Result<Answer, Broken>, repeat: Repeat) -> Next {
        next(exchange, repeat, 0, KEY())
    }

    #[test]
    fn waits_are_taken_from_the_headers_in_the_clients_order() {
        let wait = |headers: &[(&str, &str)]| match answer(429, headers, json!({})) {
            Ok(answer) => wait_asked(&answer.headers),
            Err(_) => None,
        };
        let both = [("retry-after-ms", "250"), ("retry-after", "9")];
        assert_eq!(wait(&both), Some(Duration::from_millis(250)));
        assert_eq!(
            wait(&[("retry-after", "1.5")]),
            Some(Duration::from_millis(1500))
        );
        let date = [
            ("date", "Sat, 28 Nov 2026 18:00:00 GMT"),
            ("retry-after", "Sat, 28 Nov 2026 18:00:07 GMT"),
        ];
        assert_eq!(wait(&date), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[("retry-after", "-3")]), None);
    }

    #[test]
    fn the_clients_statuses_are_repeated_and_no_others() {
        for status in [408, 409, 429, 500, 503, 504, 529] {
            let next = after(&answer(status, &[], json!({})), Repeat::Freely);
            assert!(matches!(next, Next::Again(_)), "{status}");
        }
        for status in [200, 301, 400, 401, 402, 403, 404, 413, 422] {
            let next = after(&answer(status, &[], json!({})), Repeat::Freely);
            assert_eq!(next, Next::Stand, "{status}");
        }
        let told = |word, status| answer(status, &[("x-should-retry", word)], json!({}));
        assert_eq!(after(&told("false", 500), Repeat::Freely), Next::Stand);
        assert!(matches!(
            after(&told("true", 400), Repeat::Freely),
            Next::Again(_)
        ));
        let late = answer(429, &[("retry-after", "3600")], json!({}));
        assert_eq!(after(&late, Repeat::Freely), Next::Stand);
    }

    #[test]
    fn trap_03_what_creates_is_repeated_only_where_nothing_can_have_been_made() {
        for how in [How::Cut, How::Late] {
            assert_eq!(after(&broken(how), Repeat::Creation), Next::Stand);
            assert!(matches!(
                after(&broken(how), Repeat::Freely),
                Next::Again(_)
            ));
        }
        for status in [408, 409, 500, 529] {
            assert_eq!(
                after(&answer(status, &[], json!({})), Repeat::Creation),
                Next::Stand
            );
        }
        for sure in [broken(How::Unconnected), answer(429, &[], json!({}))] {
            assert!(matches!(after(&sure, Repeat::Creation), Next::Again(_)));
        }
    }

    #[test]
    fn trap_04_a_spend_cap_is_final_whatever_its_status_promises() {
        let anthropic = json!({"error": {"type": "rate_limit_error",
            "details": {"error_code": "enforced_spend_limit_reached"}}});
        let openai = json!({"error": {"type": "insufficient_quota", "code": "insufficient_quota"}});
        let monthly = json!({"error": {"type": "invalid_request_error",
            "message": "You have reached your specified API usage limits. You will regain access on 2026-12-01."}});
        let Ok(refused) = answer(400, &[], monthly) else {
            panic!("no answer");
        };
        assert!(is_spent(&refused));
        for body in [anthropic, openai] {
            let capped = answer(
                429,
                &[("x-should-retry", "true"), ("retry-after", "1")],
                body,
            );
            assert_eq!(after(&capped, Repeat::Freely), Next::Stand);
        }
    }

    #[test]
    fn an_error_behind_the_status_of_a_success_is_what_it_says() {
        let of = |body| answer(200, &[], body).map_or(0, |it| meant(&it));
        let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
        assert_eq!(of(overloaded), 529);
        assert_eq!(
            of(json!({"error": {"code": "rate_limit_exceeded", "type": "tokens"}})),
            429
        );
        assert_eq!(
            of(json!({"jsonrpc": "2.0", "id": 1, "error": {"code": "server_error"}})),
            200
        );
        for body in [
            json!({"error": null}),
            json!({"error": ""}),
            json!({"error": {}}),
            json!([]),
        ] {
            assert_eq!(of(body), 200);
        }
    }

    #[test]
    fn backoff_doubles_to_eight_seconds_and_gives_up_at_most_a_quarter() {
        for tried in 0..9 {
            let whole = Duration::from_millis((500 << tried).min(8000));
            let wait = backoff(tried, KEY());
            assert!(
                whole.mul_f64(0.75) <= wait && wait <= whole,
                "{tried}: {wait:?}"
            );
        }
        assert_ne!(backoff(3, Key::root(1)), backoff(3, Key::root(2)));
        assert_eq!(backoff(3, Key::root(1)), backoff(3, Key::root(1)));
    }
}
