//! Quantiles and tails of the normal, Student, beta and fair-coin distributions, total over every input.
//!
//! The densities and special functions are `statrs`. Its quantiles of Student's t and of beta can loop
//! without end on extreme parameters, so these two are found here by bisection on the tail.

use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::{beta::checked_beta_reg, factorial::ln_binomial};

/// Above this many degrees of freedom Student's t is the normal to about seven digits, and the beta function
/// loses as many.
const NORMAL_FROM: f64 = 1e7;

/// Below this many degrees of freedom the beta function fails; no estimate here comes near.
const LEAST_FREEDOM: f64 = 0.01;

/// Above this many tosses the fair-coin tail is the normal with continuity correction (absolute error below
/// 1e-6).
const COUNTED_TOSSES: u64 = 1_000_000;

/// P(Z > `value`) for a standard normal Z; a probability from 0 to 1. `None` when `value` is NaN.
pub fn normal_tail(value: f64) -> Option<f64> {
    (!value.is_nan()).then(|| Normal::standard().sf(value))
}

/// The value a standard normal exceeds with chance `tail`, in standard deviations. `None` unless 0 < `tail` <
/// 1.
pub fn normal_upper_quantile(tail: f64) -> Option<f64> {
    (0.0 < tail && tail < 1.0).then(|| -Normal::standard().inverse_cdf(tail))
}

/// P(T > `value`) for Student's t; a probability from 0 to 1. `degrees_of_freedom` need not be whole and may
/// be infinite.
///
/// `None` when they are below 0.01 or anything is NaN. Good to seven digits up to any degrees of freedom, to
/// ten below 100,000.
pub fn student_tail(value: f64, degrees_of_freedom: f64) -> Option<f64> {
    if value.is_nan() || degrees_of_freedom.is_nan() || degrees_of_freedom < LEAST_FREEDOM {
        return None;
    }
    if NORMAL_FROM < degrees_of_freedom {
        return normal_tail(value);
    }
    let square = value * value;
    let half = degrees_of_freedom / 2.0;
    // Either form alone loses its digits where the other is good: the first near 0, the second far out.
    let beyond = if square < 1.0 {
        0.5 - 0.5 * checked_beta_reg(0.5, half, square / (degrees_of_freedom + square)).ok()?
    } else {
        0.5 * checked_beta_reg(
            half,
            0.5,
            degrees_of_freedom / (degrees_of_freedom + square),
        )
        .ok()?
    };
    Some(if value < 0.0 { 1.0 - beyond } else { beyond })
}

/// The value Student's t exceeds with chance `tail`, in standard errors.
///
/// `None` unless 0 < `tail` < 1 and the degrees of freedom are at least 0.01, or when the value is beyond
/// floating point.
pub fn student_upper_quantile(tail: f64, degrees_of_freedom: f64) -> Option<f64> {
    if !(0.0 < tail && tail < 1.0) {
        return None;
    }
    if 0.5 < tail {
        return student_upper_quantile(1.0 - tail, degrees_of_freedom).map(|value| -value);
    }
    let mut high = 1.0;
    while tail < student_tail(high, degrees_of_freedom)? {
        high *= 2.0;
        if high == f64::INFINITY {
            return None;
        }
    }
    let low = if high == 1.0 { 0.0 } else { high / 2.0 };
    Some(bisect(low, high, |value| {
        student_tail(value, degrees_of_freedom).is_some_and(|beyond| tail < beyond)
    }))
}

/// The value a Beta(`shape_low`, `shape_high`) variable stays below with chance `probability`; from 0 to 1.
///
/// `None` unless 0 < `probability` < 1 and both shapes are positive and finite.
pub fn beta_quantile(probability: f64, shape_low: f64, shape_high: f64) -> Option<f64> {
    let positive = |shape: f64| 0.0 < shape && shape.is_finite();
    if !(0.0 < probability && probability < 1.0 && positive(shape_low) && positive(shape_high)) {
        return None;
    }
    let is_short = |value| {
        checked_beta_reg(shape_low, shape_high, value).is_ok_and(|below| below < probability)
    };
    Some(bisect(0.0, 1.0, is_short))
}

/// P(X ≤ `heads`) for the number X of heads in `tosses` of a fair coin; a probability above 0, at most 1.
///
/// Summed term by term up to a million tosses, the normal with continuity correction beyond (absolute error
/// below 1e-6).
pub fn fair_coin_at_most(heads: u64, tosses: u64) -> f64 {
    if tosses <= heads {
        return 1.0;
    }
    if tosses - heads <= heads {
        // By symmetry the other side is the shorter sum.
        return 1.0 - fair_coin_at_most(tosses - heads - 1, tosses);
    }
    if COUNTED_TOSSES < tosses {
        let deviation = (tosses as f64 / 2.0 - heads as f64 - 0.5) / ((tosses as f64).sqrt() / 2.0);
        return Normal::standard().sf(deviation).max(f64::MIN_POSITIVE);
    }
    let mut term = 1.0;
    let mut sum = 1.0;
    for fewer in (1..=heads).rev() {
        term *= fewer as f64 / (tosses - fewer + 1) as f64;
        sum += term;
        if term < sum * 1e-18 {
            break;
        }
    }
    let largest = (ln_binomial(tosses, heads) - tosses as f64 * std::f64::consts::LN_2).exp();
    (largest * sum).clamp(f64::MIN_POSITIVE, 1.0)
}

/// The point between `low` and `high` at which `is_short` turns from true to false, to the last bit.
fn bisect(mut low: f64, mut high: f64, is_short: impl Fn(f64) -> bool) -> f64 {
    // Near 0 the floating-point grid grows ever finer, so halving could go on a thousand times; 200 halvings
    // reach 1e-60.
    for _ in 0..200 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || high <= middle {
            break;
        }
        if is_short(middle) {
            low = middle
        } else {
            high = middle
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_near(got: Option<f64>, want: f64) -> bool {
        got.is_some_and(|value| (value - want).abs() <= 1e-9 * want.abs())
    }

    #[test]
    fn student_quantiles_agree_with_printed_tables() {
        assert!(is_near(
            student_upper_quantile(0.025, 1.0),
            12.706_204_736_432_1
        ));
        assert!(is_near(
            student_upper_quantile(0.025, 9.0),
            2.262_157_162_740_99
        ));
        assert!(is_near(
            student_upper_quantile(0.975, 9.0),
            -2.262_157_162_740_99
        ));
        assert!(is_near(
            student_upper_quantile(0.025, f64::INFINITY),
            1.959_963_984_540_05
        ));
    }

    #[test]
    fn odd_degrees_of_freedom_give_no_quantile_and_no_panic() {
        assert_eq!(
            [0.0, -1.0, f64::NAN, 1e-300].map(|freedom| student_upper_quantile(0.025, freedom)),
            [None; 4]
        );
        assert_eq!(
            [0.0, 1.0, f64::NAN].map(|tail| student_upper_quantile(tail, 5.0)),
            [None; 3]
        );
        assert_eq!(student_tail(f64::INFINITY, 3.0), Some(0.0));
        assert_eq!(beta_quantile(0.5, 0.0, 1.0), None);
    }

    #[test]
    fn two_heads_or_fewer_of_four_tosses_have_eleven_chances_in_sixteen() {
        assert!(is_near(Some(fair_coin_at_most(2, 4)), 11.0 / 16.0));
        assert_eq!(fair_coin_at_most(4, 4), 1.0);
        assert_eq!(fair_coin_at_most(0, 0), 1.0);
    }

    #[test]
    fn counting_and_the_normal_meet_at_a_million_tosses() {
        let counted = fair_coin_at_most(499_000, COUNTED_TOSSES);
        let normal = fair_coin_at_most(499_000, COUNTED_TOSSES + 1);
        assert!((counted - normal).abs() < 1e-4);
        assert!(fair_coin_at_most(3, u64::MAX) <= 1e-300);
    }

    proptest! {
        #[test]
        fn tail_and_quantile_undo_each_other(tail in 1e-9..0.5f64, freedom in 0.5..1e5f64) {
            let value = student_upper_quantile(tail, freedom);
            prop_assert!(is_near(value.and_then(|value| student_tail(value, freedom)), tail));
        }

        #[test]
        fn no_degrees_of_freedom_leave_a_usual_tail_without_quantile(freedom in 0.5..1e12f64) {
            let normal = student_upper_quantile(0.025, f64::INFINITY);
            prop_assert!(normal.is_some() && normal <= student_upper_quantile(0.025, freedom).map(|value| value + 1e-6));
        }

        #[test]
        fn a_beta_quantile_is_a_rate(probability in 1e-6..0.999f64, low in 1e-3..1e12f64, high in 1e-3..1e12f64) {
            let value = beta_quantile(probability, low, high);
            prop_assert!(value.is_some_and(|value| (0.0..=1.0).contains(&value)));
        }
    }
}
