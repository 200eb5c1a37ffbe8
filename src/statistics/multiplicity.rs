//! Adjusted p-values for several claims at once.

/// Holm's adjusted p-values, in input order: rejecting those at most α makes any false rejection at most that
/// likely.
///
/// Each from 0 to 1; `None` when a p-value lies outside 0 to 1 or is NaN. Holds under any dependence.
/// Source: Holm (1979), Scand. J. Stat. 6, 65–70.
pub fn holm(p_values: &[f64]) -> Option<Vec<f64>> {
    let order = ascending(p_values)?;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut highest = 0.0f64;
    for (rank, index) in order.iter().enumerate() {
        highest = highest
            .max(p_values[*index] * (order.len() - rank) as f64)
            .min(1.0);
        adjusted[*index] = highest;
    }
    Some(adjusted)
}

/// Benjamini–Hochberg adjusted p-values, in input order: rejecting those at most q keeps the expected share
/// of false rejections at q.
///
/// Each from 0 to 1; `None` when a p-value lies outside 0 to 1 or is NaN. Holds for independent or positively
/// dependent tests. Source: Benjamini & Hochberg (1995), JRSS B 57, 289–300.
pub fn benjamini_hochberg(p_values: &[f64]) -> Option<Vec<f64>> {
    let order = ascending(p_values)?;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut lowest = 1.0f64;
    for (rank, index) in order.iter().enumerate().rev() {
        lowest = lowest.min(p_values[*index] * order.len() as f64 / (rank + 1) as f64);
        adjusted[*index] = lowest;
    }
    Some(adjusted)
}

/// Indices by rising p-value, ties in input order.
fn ascending(p_values: &[f64]) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|left, right| p_values[*left].total_cmp(&p_values[*right]));
    p_values
        .iter()
        .all(|p| (0.0..=1.0).contains(p))
        .then_some(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_smallest_of_two_is_doubled_and_the_larger_is_not() {
        assert_eq!(holm(&[0.25, 0.125]), Some(vec![0.25, 0.25]));
        assert_eq!(benjamini_hochberg(&[0.25, 0.125]), Some(vec![0.25, 0.25]));
        assert_eq!(holm(&[0.5, 0.125]), Some(vec![0.5, 0.25]));
    }

    #[test]
    fn no_claims_need_no_adjustment_and_broken_p_values_get_none() {
        assert_eq!(holm(&[]), Some(Vec::new()));
        assert_eq!(holm(&[0.1, f64::NAN]), None);
        assert_eq!(benjamini_hochberg(&[1.5]), None);
    }

    proptest! {
        #[test]
        fn holm_is_stricter_than_benjamini_hochberg_and_both_than_none(p_values in prop::collection::vec(0.0..=1.0f64, 0..40)) {
            let holm = holm(&p_values).expect("p-values");
            let hochberg = benjamini_hochberg(&p_values).expect("p-values");
            for ((plain, lenient), strict) in p_values.iter().zip(&hochberg).zip(&holm) {
                prop_assert!(*plain <= lenient + 1e-15 && *lenient <= strict + 1e-15 && *strict <= 1.0);
            }
        }
    }
}
