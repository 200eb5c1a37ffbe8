//! What a run consumed, by who was paid.

use crate::domain::trial::Usage;

/// Tokens and dollars of one role; a sum of which any part is unknown is unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Spending {
    /// Who was paid, and for what, in words.
    pub role: String,
    /// Attempts, judgements or dreams.
    pub times: u32,
    /// Input tokens, those read from or written to a cache included.
    pub input_tokens: Option<u64>,
    /// Output tokens.
    pub output_tokens: Option<u64>,
    /// Dollars.
    pub dollars: Option<f64>,
}

impl Spending {
    /// The sum of what these consumed, in their order; `None` where none of them says anything of tokens or dollars.
    pub fn of(role: &str, usages: &[Option<Usage>]) -> Option<Self> {
        let says = |it: &Usage| it.input_tokens.is_some() || it.cost_usd.is_some();
        if !usages.iter().flatten().any(says) {
            return None;
        }
        let input = |it: &Usage| {
            let cached = it.cache_read_tokens.unwrap_or(0) + it.cache_write_tokens.unwrap_or(0);
            Some(it.input_tokens? + cached)
        };
        let all = || usages.iter().map(Option::as_ref);
        Some(Self {
            role: role.to_owned(),
            times: u32::try_from(usages.len()).unwrap_or(u32::MAX),
            input_tokens: all().map(|it| input(it?)).sum(),
            output_tokens: all().map(|it| it?.output_tokens).sum(),
            dollars: all().map(|it| it?.cost_usd).sum(),
        })
    }

    /// All roles together; `None` of fewer than two.
    pub fn total(roles: &[Self]) -> Option<Self> {
        (1 < roles.len()).then(|| Self {
            role: "All together".to_owned(),
            times: roles.iter().map(|it| it.times).sum(),
            input_tokens: roles.iter().map(|it| it.input_tokens).sum(),
            output_tokens: roles.iter().map(|it| it.output_tokens).sum(),
            dollars: roles.iter().map(|it| it.dollars).sum(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_with_an_unknown_part_is_unknown_and_who_says_nothing_is_left_out() {
        let paid = |cost_usd: Option<f64>| {
            Some(Usage {
                input_tokens: Some(10),
                cache_read_tokens: Some(5),
                output_tokens: Some(2),
                cost_usd,
                ..Usage::default()
            })
        };
        let arms = Spending::of("The agent", &[paid(Some(0.5)), paid(Some(0.25))]).unwrap();
        assert_eq!((arms.input_tokens, arms.dollars), (Some(30), Some(0.75)));
        let dream = Spending::of("The dream", &[paid(None)]).unwrap();
        assert_eq!(dream.dollars, None);
        let all = Spending::total(&[arms, dream]).unwrap();
        assert_eq!(
            (all.times, all.output_tokens, all.dollars),
            (3, Some(6), None)
        );
        assert_eq!(
            Spending::of("Nobody", &[None, Some(Usage::default())]),
            None
        );
    }
}
