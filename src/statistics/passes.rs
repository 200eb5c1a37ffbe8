//! pass@k and pass^k: the chance that at least one, or every one, of k attempts at a task completes.

/// Chance that at least one of `k` trials drawn from the `trials` made completes; 0 to 1, unbiased for a
/// task's pass@k.
///
/// `None` when `k` is 0 or exceeds `trials`, or more completed than were tried. Averaged over tasks by
/// `clustered_mean`. Source: Chen et al. (2021), arXiv 2107.03374.
pub fn pass_at_k(completed: u32, trials: u32, k: u32) -> Option<f64> {
    let failed = trials.checked_sub(completed)?;
    Some(1.0 - all_drawn_from(failed, trials, k)?)
}

/// Chance that all of `k` trials drawn from the `trials` made complete; 0 to 1, unbiased for a task's pass^k.
///
/// `None` as for `pass_at_k`. Source: Yao et al. (2024), arXiv 2406.12045.
pub fn pass_all_k(completed: u32, trials: u32, k: u32) -> Option<f64> {
    trials.checked_sub(completed)?;
    all_drawn_from(completed, trials, k)
}

/// C(marked, k) / C(trials, k) as a running product, along whichever of its two forms is shorter.
fn all_drawn_from(marked: u32, trials: u32, k: u32) -> Option<f64> {
    if k == 0 || trials < k {
        return None;
    }
    if marked < k {
        return Some(0.0);
    }
    let factor = |taken: u32, of: u32| f64::from(of - taken) / f64::from(of);
    let unmarked = trials - marked;
    let mut product = 1.0;
    if k <= unmarked {
        // (m/n) ((m−1)/(n−1)) … : each draw leaves one fewer; the unmarked are what a draw must miss.
        for drawn in 0..k {
            product *= factor(unmarked, trials - drawn);
            if product == 0.0 {
                break;
            }
        }
    } else {
        for above in marked + 1..=trials {
            product *= factor(k, above);
            if product == 0.0 {
                break;
            }
        }
    }
    Some(product)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_draws_from_one_pass_in_three_find_it_twice_in_three_times_and_never_find_two() {
        assert_eq!(
            pass_at_k(1, 3, 2).map(|chance| (chance * 3.0).round()),
            Some(2.0)
        );
        assert_eq!(pass_all_k(1, 3, 2), Some(0.0));
    }

    #[test]
    fn more_draws_than_trials_are_undefined() {
        assert_eq!(
            [
                pass_at_k(2, 3, 5),
                pass_all_k(2, 3, 5),
                pass_at_k(2, 3, 0),
                pass_at_k(4, 3, 1)
            ],
            [None; 4]
        );
    }

    proptest! {
        #[test]
        fn every_draw_passing_is_no_likelier_than_one(trials in 1u32..200, passed in 0.0..=1.0f64, drawn in 0.0..=1.0f64) {
            let completed = (passed * f64::from(trials)) as u32;
            let k = 1 + (drawn * f64::from(trials - 1)) as u32;
            let (one, all) = (pass_at_k(completed, trials, k), pass_all_k(completed, trials, k));
            prop_assert!(all.is_some_and(|all| one.is_some_and(|one| 0.0 <= all && all <= one + 1e-12 && one <= 1.0)));
        }
    }
}
