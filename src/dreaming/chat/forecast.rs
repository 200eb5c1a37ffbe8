//! What a dream may cost, guessed from the length of what it is to read.

use std::ops::Range;

use crate::{
    chat::Price,
    domain::{memory::Store, session::Session},
    dreaming::chat::{
        drafts, lessons, review,
        telling::{PART, batches},
    },
};

/// Tokens of a short answer and of a long one.
const SHORT: u64 = 200;
const LONG: u64 = 1_500;
/// Bytes of the lessons of one question, where few are found.
const FEW_LESSONS: usize = 600;

/// Dollars from a dream that finds little to one that finds much and has half its answers asked for again.
pub(super) fn forecast(price: Price, sessions: &[Session], store: &Store) -> Option<Range<f64>> {
    let batches = batches(sessions);
    let asks = |system: &str, bytes: usize| {
        let bytes = system.len() + bytes;
        Some(price.guess_answer(bytes, SHORT)?..1.5 * price.guess_answer(bytes, LONG)?)
    };
    let old: usize = store.entries.iter().map(|it| it.text.len()).sum();
    let few = PART.min(batches.len() * FEW_LESSONS);
    let mut parts: Vec<Range<f64>> = batches
        .iter()
        .map(|it| asks(lessons::READS, it.text.len()))
        .collect::<Option<_>>()?;
    parts.push(asks(drafts::WRITES, few)?);
    parts.push(asks(review::REVIEWS, old + few)?);
    let merged = asks(lessons::MERGES, PART)?.end * (batches.len() as f64 / 4.0).floor();
    let (least, most) = parts
        .iter()
        .fold((0.0, merged), |sum, it| (sum.0 + it.start, sum.1 + it.end));
    Some(least..most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::SessionStart;
    use serde_json::json;

    fn sessions(number: usize) -> Vec<Session> {
        let said = json!({"type": "agent.message", "content": "x".repeat(1_000)});
        let start = SessionStart {
            session: "s".to_owned(),
            task: "t".to_owned(),
            role: String::new(),
            arm: String::new(),
            agent: String::new(),
            setup: Vec::new(),
        };
        let one = Session {
            start,
            events: vec![said; 10],
            outcome: None,
        };
        vec![one; number]
    }

    #[test]
    fn a_dream_over_more_sessions_costs_as_much_more() {
        let price: Price = toml::from_str("input = 4\noutput = 0").unwrap();
        let of = |number| forecast(price, &sessions(number), &Store::default()).unwrap();
        let (none, forty) = (of(0), of(40));
        // 400,000 characters are 100,000 tokens, at $4 a million.
        assert!(
            (0.4..0.5).contains(&(forty.start - none.start)),
            "{forty:?}"
        );
        assert!(forty.start < forty.end && forty.end < 3.0 * forty.start);
    }
}
