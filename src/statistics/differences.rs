//! Differences between the arms of each task, kept as exact fractions wherever the outcomes are whole
//! numbers.
//!
//! Whether all differences are equal, or a family balances to exactly nothing, decides which interval may be
//! printed. Floating point cannot decide it: 1/3 − 1/3 need not be 0 after a few sums.

use crate::statistics::cells::{Cell, PairedTask};
use crate::statistics::clusters::{Clustering, independent_error, without_rounding};
use crate::statistics::{ClusterErrors, StandardError};

/// Differences of scores that are not whole numbers are equal when they are this close.
const CLOSE: f64 = 1e-12;

/// Differences candidate − baseline, one per unit (a task, or a family's total), in outcome units, each
/// finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Differences {
    values: Vec<f64>,
    exact: Option<Fractions>,
}

/// Whole numerators over one common denominator above 0.
#[derive(Debug, Clone, PartialEq)]
struct Fractions {
    numerators: Vec<i128>,
    denominator: i128,
}

/// How many units went up, went down or stayed; together all units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Directions {
    /// Units with a difference above 0.
    pub improved: usize,
    /// Units with a difference below 0.
    pub regressed: usize,
    /// Units without a difference.
    pub tied: usize,
}

impl Differences {
    /// Task means of the candidate minus those of the baseline, each from −1 to 1, in task order.
    pub fn of_tasks(tasks: &[PairedTask]) -> Differences {
        match exact_fractions(tasks) {
            Some(exact) => Differences::of_exact(exact),
            None => Differences {
                values: tasks.iter().map(difference).collect(),
                exact: None,
            },
        }
    }

    /// `numerators` over a common `denominator`; `None` when that is 0.
    pub fn of_fractions(numerators: &[i64], denominator: u32) -> Option<Differences> {
        let numerators = numerators
            .iter()
            .map(|numerator| i128::from(*numerator))
            .collect();
        (0 < denominator).then(|| {
            Differences::of_exact(Fractions {
                numerators,
                denominator: i128::from(denominator),
            })
        })
    }

    /// Differences known only as floating point; `None` when one is not finite.
    pub fn of_values(values: &[f64]) -> Option<Differences> {
        values
            .iter()
            .all(|value| value.is_finite())
            .then(|| Differences {
                values: values.to_vec(),
                exact: None,
            })
    }

    fn of_exact(exact: Fractions) -> Differences {
        let denominator = exact.denominator as f64;
        let values = exact
            .numerators
            .iter()
            .map(|numerator| *numerator as f64 / denominator)
            .collect();
        Differences {
            values,
            exact: Some(exact),
        }
    }

    /// Number of units.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// The differences in outcome units.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The differences as multiples of one common fraction, when they are known exactly.
    pub fn numerators(&self) -> Option<&[i128]> {
        self.exact.as_ref().map(|exact| exact.numerators.as_slice())
    }

    /// Mean difference, each unit counting once; `None` without units.
    pub fn mean(&self) -> Option<f64> {
        let count = self.values.len() as f64;
        let exact = self
            .exact
            .as_ref()
            .and_then(|exact| Some(exact.total()? as f64 / exact.denominator as f64));
        let total = exact.unwrap_or_else(|| self.values.iter().sum());
        (0.0 < count).then(|| total / count)
    }

    /// Whether every difference is the same number. True without units.
    pub fn all_are_equal(&self) -> bool {
        match (self.numerators(), self.values.first()) {
            (Some(numerators), _) => numerators.windows(2).all(|pair| pair[0] == pair[1]),
            (None, Some(first)) => self
                .values
                .iter()
                .all(|value| (value - first).abs() <= CLOSE),
            (None, None) => true,
        }
    }

    /// Counts of units that went up, down or stayed.
    pub fn directions(&self) -> Directions {
        // A fraction is 0.0 only when it is exactly nothing; scores need the tolerance.
        let close = if self.exact.is_some() { 0.0 } else { CLOSE };
        let improved = self.values.iter().filter(|value| close < **value).count();
        let regressed = self.values.iter().filter(|value| **value < -close).count();
        Directions {
            improved,
            regressed,
            tied: self.values.len() - improved - regressed,
        }
    }

    /// Totals over each cluster, exact where the differences are. `None` when the labels are not one per
    /// unit.
    pub fn totals(&self, clustering: &Clustering) -> Option<Differences> {
        if clustering.slots().len() != self.count() {
            return None;
        }
        let exact = self
            .exact
            .as_ref()
            .and_then(|exact| exact.totals(clustering));
        Some(match exact {
            Some(exact) => Differences::of_exact(exact),
            None => Differences {
                values: clustering.sums(&self.values),
                exact: None,
            },
        })
    }

    /// Errors of the mean clustered by `clustering`, exactly 0 when every cluster balances exactly. `None`
    /// below two clusters.
    pub fn cluster_errors(&self, clustering: &Clustering) -> Option<ClusterErrors> {
        let sizes: Vec<f64> = clustering.sizes().iter().map(|size| *size as f64).collect();
        let sums = self
            .exact
            .as_ref()
            .and_then(|exact| exact.residual_sums(clustering))
            .or_else(|| self.rounded_residual_sums(clustering));
        ClusterErrors::of_sums(&sizes, &sums?)
    }

    /// Error of the mean that takes units as independent, exactly 0 when all are equal. `None` below two
    /// units.
    pub fn unit_error(&self) -> Option<StandardError> {
        let mean = self.mean()?;
        if self.all_are_equal() {
            return independent_error(&vec![0.0; self.count()]);
        }
        independent_error(
            &self
                .values
                .iter()
                .map(|value| value - mean)
                .collect::<Vec<f64>>(),
        )
    }

    fn rounded_residual_sums(&self, clustering: &Clustering) -> Option<Vec<f64>> {
        let mean = self.mean()?;
        let residuals: Vec<f64> = self.values.iter().map(|value| value - mean).collect();
        let magnitude: f64 = self.values.iter().map(|value| value.abs()).sum();
        Some(without_rounding(clustering.sums(&residuals), magnitude))
    }
}

impl Fractions {
    fn total(&self) -> Option<i128> {
        self.numerators
            .iter()
            .try_fold(0i128, |total, numerator| total.checked_add(*numerator))
    }

    fn totals(&self, clustering: &Clustering) -> Option<Fractions> {
        let mut numerators = vec![0i128; clustering.count()];
        for (slot, numerator) in clustering.slots().iter().zip(&self.numerators) {
            numerators[*slot] = numerators[*slot].checked_add(*numerator)?;
        }
        Some(Fractions {
            numerators,
            denominator: self.denominator,
        })
    }

    /// Σ over a cluster of (difference − mean) = (T Σ_g − n_g Σ) / (T × denominator), subtracted before any
    /// rounding.
    fn residual_sums(&self, clustering: &Clustering) -> Option<Vec<f64>> {
        let count = i128::try_from(self.numerators.len()).ok()?;
        let total = self.total()?;
        let scale = count.checked_mul(self.denominator)? as f64;
        let totals = self.totals(clustering)?;
        let sized = totals.numerators.iter().zip(clustering.sizes());
        sized
            .map(|(cluster_total, size)| {
                let share = i128::try_from(size).ok()?.checked_mul(total)?;
                Some(cluster_total.checked_mul(count)?.checked_sub(share)? as f64 / scale)
            })
            .collect()
    }
}

/// All differences over their least common denominator; `None` when a sum is not whole or the numbers grow
/// too large.
fn exact_fractions(tasks: &[PairedTask]) -> Option<Fractions> {
    let fractions: Vec<(i128, i128)> = tasks.iter().map(exact_difference).collect::<Option<_>>()?;
    let denominator = fractions
        .iter()
        .try_fold(1i128, |common, (_, denominator)| {
            (common / common_divisor(common, *denominator)).checked_mul(*denominator)
        })?;
    let scaled = fractions
        .iter()
        .map(|(numerator, own)| numerator.checked_mul(denominator / own));
    Some(Fractions {
        numerators: scaled.collect::<Option<_>>()?,
        denominator,
    })
}

fn exact_difference(task: &PairedTask) -> Option<(i128, i128)> {
    let part = |cell: &Cell| Some((i128::from(cell.whole_sum()?), i128::from(cell.trials())));
    let (baseline, baseline_trials) = part(&task.baseline)?;
    let (candidate, candidate_trials) = part(&task.candidate)?;
    let numerator = candidate * baseline_trials - baseline * candidate_trials;
    let denominator = candidate_trials * baseline_trials;
    let divisor = common_divisor(denominator, numerator);
    Some((numerator / divisor, denominator / divisor))
}

fn difference(task: &PairedTask) -> f64 {
    task.candidate.mean() - task.baseline.mean()
}

/// Greatest common divisor, at least 1 when `first` is.
pub fn common_divisor(first: i128, second: i128) -> i128 {
    let (mut larger, mut smaller) = (first.abs(), second.abs());
    while smaller != 0 {
        (larger, smaller) = (smaller, larger % smaller);
    }
    larger
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(baseline: (u32, u32), candidate: (u32, u32)) -> PairedTask {
        let cell =
            |(completed, trials)| Cell::of_counts(completed, trials).expect("a possible cell");
        PairedTask {
            baseline: cell(baseline),
            candidate: cell(candidate),
            family: 0,
        }
    }

    #[test]
    fn a_third_is_a_third_however_many_trials_it_took() {
        let differences = Differences::of_tasks(&[
            task((0, 3), (1, 3)),
            task((1, 7), (10, 21)),
            task((2, 6), (4, 6)),
        ]);
        assert!(differences.all_are_equal());
        assert_eq!(differences.numerators(), Some([1, 1, 1].as_slice()));
    }

    #[test]
    fn clusters_that_balance_exactly_have_an_error_of_exactly_zero() {
        let up_and_down = [
            task((0, 3), (1, 3)),
            task((1, 3), (0, 3)),
            task((0, 7), (2, 7)),
            task((2, 7), (0, 7)),
        ];
        let errors =
            Differences::of_tasks(&up_and_down).cluster_errors(&Clustering::by(&[0, 0, 1, 1]));
        assert_eq!(errors.map(|errors| errors.cr2.value), Some(0.0));
    }

    #[test]
    fn scores_are_equal_up_to_rounding() {
        let scores = |baseline, candidate| PairedTask {
            baseline: Cell::of_scores(&[baseline]).expect("a score"),
            candidate: Cell::of_scores(&[candidate]).expect("a score"),
            family: 0,
        };
        assert!(Differences::of_tasks(&[scores(0.1, 0.3), scores(0.5, 0.7)]).all_are_equal());
        assert_eq!(
            Differences::of_tasks(&[scores(0.1, 0.3), scores(0.7, 0.7), scores(0.7, 0.6)])
                .directions(),
            Directions {
                improved: 1,
                regressed: 1,
                tied: 1
            }
        );
    }

    #[test]
    fn trial_counts_without_a_manageable_common_multiple_fall_back_to_floating_point() {
        let primes = [
            4_294_967_291,
            4_294_967_279,
            4_294_967_231,
            4_294_967_197,
            4_294_967_189,
        ];
        let tasks: Vec<PairedTask> = primes
            .iter()
            .map(|prime| task((0, 1), (1, *prime)))
            .collect();
        assert_eq!(Differences::of_tasks(&tasks).numerators(), None);
    }

    #[test]
    fn fractions_too_fine_to_add_up_are_added_as_floating_point() {
        let fine = [4_294_967_291, 4_294_967_279, 4_294_967_231, 2_000_000_011]
            .map(|prime| task((0, 1), (1, prime)));
        let differences = Differences::of_tasks(&[fine, [task((0, 1), (1, 1)); 4]].concat());
        assert!(differences.numerators().is_some());
        assert!(
            differences
                .mean()
                .is_some_and(|mean| (mean - 0.5).abs() < 1e-9)
        );
        let errors = differences.cluster_errors(&Clustering::by(&[0, 0, 0, 0, 1, 1, 1, 1]));
        assert!(errors.is_some_and(|errors| 0.0 < errors.cr2.value));
    }

    #[test]
    fn nothing_has_no_mean() {
        assert_eq!(Differences::of_tasks(&[]).mean(), None);
        assert_eq!(Differences::of_values(&[f64::NAN]), None);
        assert_eq!(Differences::of_fractions(&[1], 0), None);
    }
}
