//! Differences family by family, and the two estimates that treat families as fixed strata or as equals.

use crate::statistics::StandardError;
use crate::statistics::cells::{PairedTask, families_of};
use crate::statistics::clusters::{Clustering, independent_error};
use crate::statistics::differences::Differences;

/// What one family showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FamilyDifference {
    /// The label given by the caller.
    pub family: usize,
    /// Number of its tasks, at least 1.
    pub tasks: usize,
    /// Mean over its tasks of candidate − baseline, −1 to 1.
    pub estimate: f64,
}

/// Mean over families, each counting once however many tasks it has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FamilyMean {
    /// Mean of the family means, −1 to 1.
    pub estimate: f64,
    /// With one degree of freedom fewer than families; `None` with one family.
    pub standard_error: Option<StandardError>,
}

/// One row per family, in order of first appearance in `tasks`.
pub fn family_table(tasks: &[PairedTask]) -> Vec<FamilyDifference> {
    let labels = families_of(tasks);
    let clustering = Clustering::by(&labels);
    let mut first_labels = vec![0; clustering.count()];
    for (slot, label) in clustering.slots().iter().zip(&labels).rev() {
        first_labels[*slot] = *label;
    }
    let Some(totals) = Differences::of_tasks(tasks).totals(&clustering) else {
        return Vec::new();
    };
    let sized = clustering.sizes().into_iter().zip(totals.values());
    first_labels
        .into_iter()
        .zip(sized)
        .map(|(family, (tasks, total))| FamilyDifference {
            family,
            tasks,
            estimate: total / tasks as f64,
        })
        .collect()
}

/// The mean of the family means: another estimand than the mean over tasks, to be named where it is shown.
/// `None` without tasks.
pub fn equal_family_weight(tasks: &[PairedTask]) -> Option<FamilyMean> {
    let table = family_table(tasks);
    let estimate = table.iter().map(|row| row.estimate).sum::<f64>() / table.len() as f64;
    let residuals: Vec<f64> = table.iter().map(|row| row.estimate - estimate).collect();
    (!table.is_empty()).then(|| FamilyMean {
        estimate,
        standard_error: independent_error(&residuals),
    })
}

/// Error of the mean difference for new tasks of the same families: √Σ (n_g/T)² s²_g/n_g, in outcome units.
///
/// `None` without tasks or when a family has one task, so that its spread is unknown. Source: Cochran (1977),
/// Sampling Techniques, §5.
pub fn stratified_error(differences: &Differences, clustering: &Clustering) -> Option<f64> {
    let totals = differences.totals(clustering)?;
    let sizes = clustering.sizes();
    let means: Vec<f64> = totals
        .values()
        .iter()
        .zip(&sizes)
        .map(|(total, size)| total / *size as f64)
        .collect();
    let mut squares = vec![0.0; clustering.count()];
    for (slot, value) in clustering.slots().iter().zip(differences.values()) {
        let residual = value - means[*slot];
        squares[*slot] += residual * residual;
    }
    let tasks = differences.count() as f64;
    let variance: f64 = sizes
        .iter()
        .zip(&squares)
        .map(|(size, squares)| *size as f64 / (*size as f64 - 1.0) * squares)
        .sum();
    (0.0 < tasks && sizes.iter().all(|size| 1 < *size)).then(|| variance.sqrt() / tasks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Cell;

    fn task(family: usize, baseline: u32, candidate: u32) -> PairedTask {
        let cell = |completed| Cell::of_counts(completed, 2).expect("at most two of two");
        PairedTask {
            baseline: cell(baseline),
            candidate: cell(candidate),
            family,
        }
    }

    #[test]
    fn families_are_listed_as_they_first_appear_under_their_own_labels() {
        let tasks = [task(9, 0, 2), task(4, 1, 1), task(9, 0, 1)];
        assert_eq!(
            family_table(&tasks),
            [
                FamilyDifference {
                    family: 9,
                    tasks: 2,
                    estimate: 0.75
                },
                FamilyDifference {
                    family: 4,
                    tasks: 1,
                    estimate: 0.0
                }
            ]
        );
    }

    #[test]
    fn a_large_family_weighs_no_more_than_a_small_one() {
        let tasks = [task(9, 0, 2), task(4, 1, 1), task(9, 0, 1)];
        assert_eq!(
            equal_family_weight(&tasks).map(|mean| mean.estimate),
            Some(0.375)
        );
        assert_eq!(equal_family_weight(&[]), None);
    }

    #[test]
    fn a_family_of_one_task_has_no_known_spread() {
        let tasks = [task(9, 0, 2), task(4, 1, 1), task(9, 0, 1)];
        assert_eq!(
            stratified_error(&Differences::of_tasks(&tasks), &Clustering::by(&[9, 4, 9])),
            None
        );
    }
}
