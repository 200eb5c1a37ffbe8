//! What tokens cost. A model without a price has an unknown cost, never one of zero.

use std::{collections::BTreeMap, ops::Range};

use serde::Deserialize;

use crate::chat::Tokens;

/// Dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input that no cache held.
    pub input: f64,
    /// Output, thinking included.
    pub output: f64,
    /// Input read from a cache.
    #[serde(default)]
    pub cache_read: Option<f64>,
    /// Input written to a cache.
    #[serde(default)]
    pub cache_write: Option<f64>,
    /// What holds instead for a whole request with a long prompt.
    #[serde(default)]
    pub long: Option<LongPrice>,
}

/// Dollars for a million tokens of a request whose prompt is long.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongPrice {
    /// Prompt tokens, cached ones included, above which it holds.
    pub above: u64,
    /// Input that no cache held.
    pub input: f64,
    /// Output.
    pub output: f64,
}

/// Prices by model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prices(BTreeMap<String, Price>);

/// Model, input, output. Caches are read at a tenth of input and written at five quarters of it.
/// Source: platform.claude.com, about-claude/pricing, as read in November 2026; a user's own table goes before it.
const KNOWN: [(&str, f64, f64); 14] = [
    ("claude-fable-5", 10.0, 50.0),
    ("claude-fable-5-1", 10.0, 50.0),
    ("claude-opus-5-5", 4.0, 20.0),
    ("claude-opus-5", 5.0, 25.0),
    ("claude-opus-4-8", 5.0, 25.0),
    ("claude-opus-4-7", 5.0, 25.0),
    ("claude-opus-4-6", 5.0, 25.0),
    ("claude-opus-4-5", 5.0, 25.0),
    ("claude-sonnet-5", 2.0, 10.0),
    ("claude-sonnet-5-5", 2.0, 10.0),
    ("claude-sonnet-4-6", 3.0, 15.0),
    ("claude-sonnet-4-5", 3.0, 15.0),
    ("claude-haiku-5-5", 0.1, 0.5),
    ("claude-haiku-4-5", 1.0, 5.0),
];

impl Prices {
    /// The published prices this program knows.
    pub fn known() -> Self {
        let mut prices = BTreeMap::new();
        for (model, input, output) in KNOWN {
            let price = Price {
                input,
                output,
                cache_read: Some(if model == "claude-opus-5-5" {
                    0.2
                } else {
                    input / 10.0
                }),
                cache_write: Some(input * 1.25),
                long: (model == "claude-haiku-5-5").then_some(LongPrice {
                    above: 100_000,
                    input: 0.5,
                    output: 2.5,
                }),
            };
            prices.insert(model.to_owned(), price);
        }
        Self(prices)
    }

    /// Sets the price of a model; it goes before one already there.
    pub fn set(&mut self, model: &str, price: Price) {
        self.0.insert(model.to_owned(), price);
    }

    /// The price of a model: by its whole name, or without the date at its end.
    pub fn of(&self, model: &str) -> Option<Price> {
        let undated = model
            .rsplit_once('-')
            .filter(|(_, date)| date.len() == 8 && date.bytes().all(|it| it.is_ascii_digit()))
            .map(|(name, _)| name);
        self.0.get(model).or_else(|| self.0.get(undated?)).copied()
    }
}

impl Price {
    /// Every number in it.
    pub(super) fn parts(&self) -> Vec<f64> {
        let long = self.long.map(|it| [it.input, it.output]);
        let own = [
            Some(self.input),
            Some(self.output),
            self.cache_read,
            self.cache_write,
        ];
        own.into_iter()
            .flatten()
            .chain(long.into_iter().flatten())
            .collect()
    }

    /// Dollars for one answered request; `None` where tokens or a price that matters are unknown.
    pub fn cost(&self, tokens: &Tokens) -> Option<f64> {
        let (input, output) = (tokens.input?, tokens.output?);
        let (read, written) = (
            tokens.cache_read.unwrap_or(0),
            tokens.cache_write.unwrap_or(0),
        );
        let prompt = input.saturating_add(read).saturating_add(written);
        let (of_input, of_output) = match self.long {
            Some(long) if long.above < prompt => (long.input, long.output),
            _ => (self.input, self.output),
        };
        let cached = |tokens: u64, price: Option<f64>| match tokens {
            0 => Some(0.0),
            _ => price.map(|it| it * tokens as f64),
        };
        let sum = of_input * input as f64
            + of_output * output as f64
            + cached(read, self.cache_read)?
            + cached(written, self.cache_write)?;
        Some(sum / 1e6)
    }

    /// Dollars a talk of so many turns may come to that opens with `bytes`, where nothing is read from a cache.
    pub fn guess(&self, bytes: usize, turns: u64) -> Option<f64> {
        let opening = bytes as u64 / BYTES_A_TOKEN;
        self.cost(&Tokens {
            input: Some((0..turns).map(|turn| opening + turn * TOKENS_A_TURN).sum()),
            output: Some(turns * TOKENS_A_TURN),
            ..Tokens::default()
        })
    }

    /// Dollars one answer of so many tokens may come to, where `bytes` were sent.
    pub fn guess_answer(&self, bytes: usize, tokens: u64) -> Option<f64> {
        self.cost(&Tokens {
            input: Some(bytes as u64 / BYTES_A_TOKEN),
            output: Some(tokens),
            ..Tokens::default()
        })
    }

    /// Dollars an attempt may come to that opens with `bytes` and may take `steps`: from a quick one to one that takes
    /// them all.
    pub fn guess_attempt(&self, bytes: usize, steps: u64) -> Option<Range<f64>> {
        let most = steps + 1;
        Some(self.guess(bytes, FEW_TURNS.min(most))?..self.guess(bytes, most)?)
    }
}

/// What a guess takes for granted: bytes of a token, tokens each turn adds, turns of a quick attempt.
const BYTES_A_TOKEN: u64 = 4;
const TOKENS_A_TURN: u64 = 150;
const FEW_TURNS: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: u64, output: u64, cache_read: Option<u64>) -> Tokens {
        Tokens {
            input: Some(input),
            output: Some(output),
            cache_read,
            ..Tokens::default()
        }
    }

    fn plain(input: f64, output: f64) -> Price {
        Price {
            input,
            output,
            cache_read: None,
            cache_write: None,
            long: None,
        }
    }

    fn cost(prices: &Prices, model: &str, tokens: &Tokens) -> Option<f64> {
        let cost = prices.of(model)?.cost(tokens)?;
        Some((cost * 1e9).round() / 1e9)
    }

    #[test]
    fn cost_is_tokens_times_price_and_a_missing_price_leaves_it_unknown() {
        let mut prices = Prices::known();
        let used = tokens(1_000, 200, Some(10_000));
        // 1,000 × $5 + 200 × $25 + 10,000 × $0.50, for a million.
        assert_eq!(cost(&prices, "claude-opus-5", &used), Some(0.015));
        assert_eq!(cost(&prices, "claude-opus-5-20261101", &used), Some(0.015));
        assert_eq!(cost(&prices, "somebody-elses", &used), None);
        prices.set("somebody-elses", plain(1.0, 2.0));
        assert_eq!(
            cost(&prices, "somebody-elses", &tokens(1_000, 200, None)),
            Some(0.0014)
        );
        // It has a price, but none for the cache that was read.
        assert_eq!(cost(&prices, "somebody-elses", &used), None);
        assert_eq!(cost(&prices, "claude-opus-5", &Tokens::default()), None);
    }

    #[test]
    fn a_long_prompt_has_its_own_price() {
        let prices = Prices::known();
        assert_eq!(
            cost(&prices, "claude-haiku-5-5", &tokens(100_000, 0, None)),
            Some(0.01)
        );
        assert_eq!(
            cost(&prices, "claude-haiku-5-5", &tokens(100_001, 0, None)),
            Some(0.050_000_5)
        );
    }
}
