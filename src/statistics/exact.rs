//! Exact tests on counts of pairs that disagree: McNemar's test and the sign test.

use crate::statistics::distributions::fair_coin_at_most;

/// McNemar's exact test for pairs of single trials. All p-values are above 0, at most 1; without a pair that
/// disagrees they are 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Either arm may be better.
    pub two_sided: f64,
    /// Against "the candidate is no better".
    pub greater: f64,
    /// Against "the candidate is no worse".
    pub less: f64,
    /// Two-sided, less the chance of exactly this split: nearer to its nominal error, no longer conservative.
    pub mid_p: f64,
}

/// The sign test on units that went up or down, ties left out. All p-values are above 0, at most 1; without
/// such a unit they are 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignTest {
    /// Units may lean either way.
    pub two_sided: f64,
    /// Against "no more units improve than regress".
    pub greater: f64,
    /// Against "no more units regress than improve".
    pub less: f64,
}

/// Tests whether `candidate_only` pairs (the candidate alone completed) outnumber `baseline_only` by more
/// than a fair coin would.
///
/// Source: McNemar (1947), Psychometrika 12, 153–157; mid-p: Fagerland, Lydersen & Laake (2013), BMC Med.
/// Res. Methodol. 13:91.
pub fn mcnemar(candidate_only: u64, baseline_only: u64) -> McNemar {
    let SignTest {
        two_sided,
        greater,
        less,
    } = sign_test(candidate_only, baseline_only);
    let tosses = candidate_only.saturating_add(baseline_only);
    let fewer = candidate_only.min(baseline_only);
    let below = fewer
        .checked_sub(1)
        .map_or(0.0, |heads| fair_coin_at_most(heads, tosses));
    let exactly = fair_coin_at_most(fewer, tosses) - below;
    let mid_p = if candidate_only == baseline_only {
        1.0
    } else {
        (two_sided - exactly).clamp(f64::MIN_POSITIVE, 1.0)
    };
    McNemar {
        two_sided,
        greater,
        less,
        mid_p,
    }
}

/// Tests whether `improved` outnumbers `regressed` by more than a fair coin would. Source: Dixon & Mood
/// (1946), JASA 41, 557–566.
pub fn sign_test(improved: u64, regressed: u64) -> SignTest {
    let tosses = improved.saturating_add(regressed);
    SignTest {
        two_sided: (2.0 * fair_coin_at_most(improved.min(regressed), tosses)).min(1.0),
        greater: fair_coin_at_most(regressed, tosses),
        less: fair_coin_at_most(improved, tosses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_of_three_pairs_for_the_candidate_have_one_chance_in_eight() {
        let test = mcnemar(3, 0);
        assert!((test.greater - 0.125).abs() < 1e-15);
        assert!((test.two_sided - 0.25).abs() < 1e-15);
        assert!((test.mid_p - 0.125).abs() < 1e-15);
        assert_eq!(test.less, 1.0);
    }

    #[test]
    fn pairs_that_all_agree_show_nothing() {
        assert_eq!(
            mcnemar(0, 0),
            McNemar {
                two_sided: 1.0,
                greater: 1.0,
                less: 1.0,
                mid_p: 1.0
            }
        );
    }

    #[test]
    fn counts_beyond_reason_still_have_a_p_value() {
        assert!(0.0 < mcnemar(u64::MAX, 0).two_sided);
        assert!((sign_test(u64::MAX / 2, u64::MAX / 2).two_sided - 1.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn exchanging_the_arms_exchanges_the_tails(first in 0u64..5000, second in 0u64..5000) {
            let (there, back) = (mcnemar(first, second), mcnemar(second, first));
            prop_assert_eq!(there.two_sided, back.two_sided);
            prop_assert_eq!(there.mid_p, back.mid_p);
            prop_assert_eq!(there.greater, back.less);
            prop_assert!(there.mid_p <= there.two_sided && there.two_sided <= 1.0);
        }
    }
}
