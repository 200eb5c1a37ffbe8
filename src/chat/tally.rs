//! What answered requests consumed, each counted once.

use crate::{
    chat::{Fault, Spent, Tokens},
    domain::trial::Usage,
};

/// The sum over some replies; what one of them does not tell is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// `None` before the first reply.
    tokens: Option<Tokens>,
    /// The outer is `None` before the first reply, the inner where a cost is unknown.
    cost_usd: Option<Option<f64>>,
    seconds: f64,
    lost: u32,
}

impl Tally {
    /// Counts what came of a request that came to nothing.
    pub fn fail(&mut self, fault: &Fault) {
        match fault.spent {
            Some(spent) => self.add(Spent {
                lost: fault.lost,
                ..spent
            }),
            None => self.lost += fault.lost,
        }
    }

    /// Counts an answer.
    pub fn add(&mut self, spent: Spent) {
        self.lost += spent.lost;
        self.tokens = Some(match self.tokens {
            Some(tokens) => tokens.plus(spent.tokens),
            None => spent.tokens,
        });
        self.cost_usd = Some(match self.cost_usd {
            Some(sum) => sum.zip(spent.cost_usd).map(|(sum, more)| sum + more),
            None => spent.cost_usd,
        });
        self.seconds += spent.seconds;
    }

    /// Counts all that another has counted.
    pub fn join(&mut self, other: &Self) {
        let lost = self.lost + other.lost;
        if self.is_empty() {
            *self = *other;
        } else if !other.is_empty() {
            self.join_answers(other);
        }
        self.lost = lost;
    }

    fn join_answers(&mut self, other: &Self) {
        self.tokens = self
            .tokens
            .zip(other.tokens)
            .map(|(one, other)| one.plus(other));
        let costs = self.cost_usd.flatten().zip(other.cost_usd.flatten());
        self.cost_usd = Some(costs.map(|(one, other)| one + other));
        self.seconds += other.seconds;
    }

    /// Whether the replies so far cost so many cents; a cost that is not known is no bound.
    pub fn has_spent(&self, cents: u32) -> bool {
        let dollars = self.cost_usd.flatten();
        dollars.is_some_and(|it| f64::from(cents) <= it * 100.0)
    }

    /// Seconds from sending to the last byte, over all replies.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Whether nothing was counted yet.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_none()
    }

    /// Tokens, dollars and seconds; nothing else was looked at.
    pub fn usage(&self) -> Usage {
        let tokens = self.tokens.unwrap_or_default();
        Usage {
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            cache_read_tokens: tokens.cache_read,
            cache_write_tokens: tokens.cache_write,
            cost_usd: self.cost_usd.flatten(),
            seconds: Some((self.seconds * 1000.0).round() / 1000.0),
            lost_answers: Some(self.lost).filter(|it| 0 < *it),
            ..Usage::default()
        }
    }
}
