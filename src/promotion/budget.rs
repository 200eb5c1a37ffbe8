//! The error budget of a learning over many nights: tested again and again, it must not get in, or out, by chance.
//!
//! The i-th test of one learning with one suite and agent is held to 6/(π²i²) of the policy's error rates. These shares
//! add up to 1 however long the series, so the chance of ever promoting, or ever demoting, what does nothing stays
//! within the policy. Source: the union bound over Σ 6/(π²i²) = 1.

use std::{collections::BTreeMap, f64::consts::PI};

use crate::{
    domain::id::Digest,
    promotion::{
        ledger::{Entry, Ledger},
        policy::Policy,
    },
};

/// How often each learning was tested before; none where every run stands by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budget {
    earlier: Option<BTreeMap<String, u32>>,
}

impl Budget {
    /// What a ledger tells of tests with this suite and agent before those of `run`.
    pub fn of(ledger: &Ledger, tried_with: &Digest, run: &Digest) -> Self {
        let mut earlier: BTreeMap<String, u32> = BTreeMap::new();
        let is_own = |it: &&Entry| matches!(it, Entry::Verdicts { run: of, .. } if of == run);
        for entry in ledger.entries().take_while(|it| !is_own(it)) {
            if let Entry::Verdicts {
                tried_with: with,
                learnings,
                ..
            } = entry
                && with == tried_with
            {
                for word in learnings {
                    *earlier.entry(word.id.clone()).or_default() += 1;
                }
            }
        }
        Self {
            earlier: Some(earlier),
        }
    }

    /// The share of the policy's error rates this test of a learning may spend, above 0 and at most 1.
    pub fn share(&self, learning: &str) -> f64 {
        let Some(earlier) = &self.earlier else {
            return 1.0;
        };
        let test = f64::from(earlier.get(learning).copied().unwrap_or(0)) + 1.0;
        6.0 / (PI * PI * test * test)
    }

    /// The policy as it applies to one learning.
    pub fn policy(&self, policy: &Policy, learning: &str) -> Policy {
        let share = self.share(learning);
        let mut own = policy.clone();
        own.error.promote *= share;
        own.error.harm *= share;
        own.error.false_discovery *= share;
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_by_itself_spends_all() {
        assert_eq!(Budget::default().share("n-1"), 1.0);
    }

    #[test]
    fn the_shares_of_a_long_series_add_up_to_less_than_one() {
        let share = |earlier| {
            let known = [("n-1".to_owned(), earlier)].into();
            Budget {
                earlier: Some(known),
            }
            .share("n-1")
        };
        let spent: f64 = (0..10_000).map(share).sum();
        assert!((0.999..1.0).contains(&spent), "{spent}");
        assert!((share(0) - 0.607_927).abs() < 1e-6);
    }
}
