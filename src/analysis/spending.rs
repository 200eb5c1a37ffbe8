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
    /// Answers that were lost on the way: they may be billed, and are in no other figure.
    pub lost: u32,
}

impl Spending {
    /// The sum of what these consumed, in their order; `None` where none of them says anything of tokens or dollars.
    pub fn of(role: &str, usages: &[Option<Usage>]) -> Option<Self> {
        let says = |it: &Usage| it.input_tokens.is_some() || it.cost_usd.is_some();
        if !usages.iter().flatten().any(says) {
            return None;
        }
        let input = |it: &Usage| {
            let cached = [it.cache_read_tokens, it.cache_write_tokens];
            let cached = cached.into_iter().flatten();
            Some(cached.fold(it.input_tokens?, u64::saturating_add))
        };
        let all = || usages.iter().map(Option::as_ref);
        Some(Self {
            role: role.to_owned(),
            times: u32::try_from(usages.len()).unwrap_or(u32::MAX),
            input_tokens: sum(all().map(|it| input(it?))),
            output_tokens: sum(all().map(|it| it?.output_tokens)),
            dollars: all().map(|it| it?.cost_usd).sum(),
            lost: all().filter_map(|it| it?.lost_answers).sum(),
        })
    }

    /// All roles together; `None` of fewer than two.
    pub fn total(roles: &[Self]) -> Option<Self> {
        (1 < roles.len()).then(|| Self {
            role: "All together".to_owned(),
            times: roles.iter().map(|it| it.times).sum(),
            input_tokens: sum(roles.iter().map(|it| it.input_tokens)),
            output_tokens: sum(roles.iter().map(|it| it.output_tokens)),
            dollars: roles.iter().map(|it| it.dollars).sum(),
            lost: roles.iter().map(|it| it.lost).sum(),
        })
    }
}

/// A sum that ends at the largest number: programs may say anything.
fn sum(mut numbers: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    numbers.try_fold(0, |sum: u64, it| Some(sum.saturating_add(it?)))
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
