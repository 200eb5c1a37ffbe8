//! The sign-flip permutation test: could these differences arise if the two arms of each unit were
//! interchangeable?

use crate::statistics::differences::{Differences, common_divisor};

/// Patterns drawn when they cannot all be counted.
pub const DRAWS: u32 = 100_000;

/// Table cells times units up to which all patterns are counted: about a second of work.
const COUNTED_WORK: u128 = 400_000_000;

/// Table cells up to which all patterns are counted: 32 MB.
const COUNTED_CELLS: u128 = 4_000_000;

/// How the share of sign patterns was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FlipMethod {
    /// Every pattern was counted.
    Exact,
    /// So many patterns were drawn; p-values are (hits + 1) / (draws + 1).
    Drawn(u32),
}

/// Shares of the 2^units sign patterns at least as extreme as the one observed. Each is above 0, at most 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignFlip {
    /// Patterns whose sum is at least the observed one: small when the candidate is better.
    pub greater: f64,
    /// Patterns whose sum is at most the observed one: small when the candidate is worse.
    pub less: f64,
    /// Patterns whose sum is at least as far from 0.
    pub two_sided: f64,
    /// Number of units flipped; with few, no p-value can be below 2^−units.
    pub units: usize,
    /// How the shares were found.
    pub method: FlipMethod,
}

/// Flips the signs of `units`: task differences, or family totals (`Differences::totals`) so that a family
/// flips together.
///
/// The null hypothesis is sharp: within every unit the arms are interchangeable. Exact where the differences
/// are fractions and the table of sums is manageable; otherwise `DRAWS` patterns determined by `seed` alone.
/// Source: Fisher (1935), The Design of Experiments, §21; for (hits + 1)/(draws + 1) Phipson & Smyth (2010),
/// Stat. Appl. Genet. Mol. Biol. 9, 39.
pub fn sign_flip(units: &Differences, seed: u64) -> SignFlip {
    units
        .numerators()
        .and_then(count_patterns)
        .unwrap_or_else(|| draw_patterns(units.values(), seed))
}

/// Counts every pattern, by the distribution of Σ ±numerator. `None` when its table would be too large.
fn count_patterns(numerators: &[i128]) -> Option<SignFlip> {
    let divisor = numerators
        .iter()
        .fold(0, |divisor, numerator| common_divisor(divisor, *numerator))
        .max(1);
    let weights: Vec<u128> = numerators
        .iter()
        .map(|numerator| (numerator / divisor).unsigned_abs())
        .collect();
    let span = weights
        .iter()
        .try_fold(0u128, |span, weight| span.checked_add(*weight))?;
    if COUNTED_CELLS < span || COUNTED_WORK < span * weights.len() as u128 {
        return None;
    }
    let weights: Vec<usize> = weights
        .into_iter()
        .filter_map(|weight| usize::try_from(weight).ok())
        .collect();
    let chances = chances_of_positive_part(&weights);
    let span = chances.len() - 1;
    let gains = numerators
        .iter()
        .zip(&weights)
        .filter(|(numerator, _)| 0 < **numerator);
    let observed: usize = gains.map(|(_, weight)| weight).sum();
    // Smallest terms first, so that a tiny tail keeps its digits.
    let at_least = |part: usize| {
        chances[part..]
            .iter()
            .rev()
            .sum::<f64>()
            .clamp(f64::MIN_POSITIVE, 1.0)
    };
    let at_most = |part: usize| {
        chances[..=part]
            .iter()
            .sum::<f64>()
            .clamp(f64::MIN_POSITIVE, 1.0)
    };
    let (nearer, farther) = (observed.min(span - observed), observed.max(span - observed));
    let two_sided = if nearer == farther {
        1.0
    } else {
        (at_least(farther) + at_most(nearer)).min(1.0)
    };
    Some(SignFlip {
        greater: at_least(observed),
        less: at_most(observed),
        two_sided,
        units: numerators.len(),
        method: FlipMethod::Exact,
    })
}

/// The chance of each sum of the positively signed `weights`, from 0 to all of them, by adding one weight at
/// a time.
///
/// A pattern whose positive part is p has the sum 2p − (all weights), so this is the distribution of the
/// signed sum.
fn chances_of_positive_part(weights: &[usize]) -> Vec<f64> {
    let mut chances = vec![0.0; weights.iter().sum::<usize>() + 1];
    chances[0] = 1.0;
    let mut reached = 0;
    for weight in weights.iter().filter(|weight| 0 < **weight) {
        reached += weight;
        for part in (0..=reached).rev() {
            let with_weight = part.checked_sub(*weight).map_or(0.0, |rest| chances[rest]);
            chances[part] = 0.5 * (chances[part] + with_weight);
        }
    }
    chances
}

fn draw_patterns(values: &[f64], seed: u64) -> SignFlip {
    let observed: f64 = values.iter().sum();
    // Patterns that tie with the observed one must count as hits, whatever the rounding of their sums.
    let slack = 1e-10 * values.iter().map(|value| value.abs()).sum::<f64>();
    let words = values.len().div_ceil(64) as u64;
    let (mut greater, mut less, mut two_sided) = (0u32, 0u32, 0u32);
    for draw in 0..u64::from(DRAWS) {
        let mut sum = 0.0;
        for (word, chunk) in (0..).zip(values.chunks(64)) {
            let mut bits = draw_word(seed, draw * words + word);
            for value in chunk {
                sum += if bits & 1 == 0 { *value } else { -value };
                bits >>= 1;
            }
        }
        greater += u32::from(observed - slack <= sum);
        less += u32::from(sum <= observed + slack);
        two_sided += u32::from(observed.abs() - slack <= sum.abs());
    }
    let share = |hits: u32| f64::from(hits + 1) / f64::from(DRAWS + 1);
    SignFlip {
        greater: share(greater),
        less: share(less),
        two_sided: share(two_sided),
        units: values.len(),
        method: FlipMethod::Drawn(DRAWS),
    }
}

/// The `index`-th random word of `seed`, found without those before it. Source: Steele, Lea & Flood (2014),
/// OOPSLA, SplitMix64.
fn draw_word(seed: u64, index: u64) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let finish = |mut word: u64| {
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    // The seed is mixed first, lest seeds one step apart share all but one word.
    finish(finish(seed).wrapping_add(STEP.wrapping_mul(index.wrapping_add(1))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn halves(numerators: &[i64]) -> Differences {
        Differences::of_fractions(numerators, 2).expect("two is no zero")
    }

    #[test]
    fn three_equal_gains_have_one_chance_in_eight() {
        let flip = sign_flip(&halves(&[1, 1, 1]), 0);
        assert_eq!(
            flip,
            SignFlip {
                greater: 0.125,
                less: 1.0,
                two_sided: 0.25,
                units: 3,
                method: FlipMethod::Exact
            }
        );
    }

    #[test]
    fn nothing_to_flip_shows_nothing() {
        let flip = sign_flip(&halves(&[]), 0);
        assert_eq!((flip.greater, flip.less, flip.two_sided), (1.0, 1.0, 1.0));
    }

    #[test]
    fn no_p_value_is_zero_however_many_units_agree() {
        assert!(0.0 < sign_flip(&halves(&[1; 3000]), 0).two_sided);
    }

    #[test]
    fn patterns_too_many_to_count_are_drawn_and_the_seed_decides_them() {
        let coarse = [5, -2, 3, 1, 4, -1, 2, 2, -3, 1];
        let scores: Vec<f64> = coarse.iter().map(|value| f64::from(*value) / 7.0).collect();
        let drawn = Differences::of_values(&scores).expect("finite scores");
        let whole: Vec<i64> = coarse.iter().map(|value| i64::from(*value)).collect();
        let counted = sign_flip(&Differences::of_fractions(&whole, 7).expect("sevenths"), 0);
        let flip = sign_flip(&drawn, 11);
        assert_eq!(flip, sign_flip(&drawn, 11));
        assert_eq!(flip.method, FlipMethod::Drawn(DRAWS));
        assert!((flip.greater - counted.greater).abs() < 0.006);
        assert!((flip.less - counted.less).abs() < 0.006);
        assert!((flip.two_sided - counted.two_sided).abs() < 0.006);
    }

    #[test]
    fn a_denominator_too_fine_to_tabulate_is_drawn() {
        let fine = Differences::of_fractions(&[i64::MAX, 1, -5], 1).expect("ones");
        assert_eq!(sign_flip(&fine, 3).method, FlipMethod::Drawn(DRAWS));
    }

    proptest! {
        #[test]
        fn exchanging_the_arms_exchanges_the_tails(numerators in prop::collection::vec(-6i64..=6, 0..30)) {
            let swapped: Vec<i64> = numerators.iter().map(|numerator| -numerator).collect();
            let (there, back) = (sign_flip(&halves(&numerators), 0), sign_flip(&halves(&swapped), 0));
            prop_assert!((there.greater - back.less).abs() < 1e-12);
            prop_assert!((there.two_sided - back.two_sided).abs() < 1e-12);
            prop_assert!(there.greater.min(there.less) <= there.two_sided + 1e-12);
        }
    }
}
