//! Standard errors of a mean whose values come in clusters, and what follows from them: intervals, bounds,
//! p-values.

use std::collections::BTreeMap;

use crate::statistics::distributions::{student_tail, student_upper_quantile};
use crate::statistics::{Confidence, Interval};

/// Sums of residuals below this share of the total magnitude are rounding, not variation.
const ROUNDING: f64 = 1e-12;

/// A standard error and the degrees of freedom of the t distribution it goes with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StandardError {
    /// In the unit of the estimate, at least 0. Exactly 0 when nothing varies; then nothing below is defined.
    pub value: f64,
    /// Above 0, not necessarily whole.
    pub degrees_of_freedom: f64,
}

impl StandardError {
    /// Two-sided t interval around `estimate`; `None` when the error is 0, so that no interval has zero
    /// width.
    pub fn interval(&self, estimate: f64, confidence: Confidence) -> Option<Interval> {
        let reach = self.reach(confidence.tail())?;
        let interval = Interval {
            low: estimate - reach,
            high: estimate + reach,
        };
        (interval.low < interval.high).then_some(interval)
    }

    /// One-sided lower bound: the truth lies above it with this confidence. `None` when the error is 0.
    pub fn lower_bound(&self, estimate: f64, confidence: Confidence) -> Option<f64> {
        self.reach(confidence.error()).map(|reach| estimate - reach)
    }

    /// One-sided upper bound: the truth lies below it with this confidence. `None` when the error is 0.
    pub fn upper_bound(&self, estimate: f64, confidence: Confidence) -> Option<f64> {
        self.reach(confidence.error()).map(|reach| estimate + reach)
    }

    /// Two-sided p-value, 0 to 1, for a truth of 0. `None` when the error is 0.
    pub fn p_two_sided(&self, estimate: f64) -> Option<f64> {
        self.tail_beyond(estimate.abs())
            .map(|tail| (2.0 * tail).min(1.0))
    }

    /// One-sided p-value, 0 to 1, against "the truth is at most `threshold`". `None` when the error is 0.
    pub fn p_above(&self, estimate: f64, threshold: f64) -> Option<f64> {
        self.tail_beyond(estimate - threshold)
    }

    fn reach(&self, tail: f64) -> Option<f64> {
        let quantile = student_upper_quantile(tail, self.degrees_of_freedom)?;
        let reach = quantile * self.value;
        (0.0 < self.value && reach.is_finite()).then_some(reach)
    }

    fn tail_beyond(&self, distance: f64) -> Option<f64> {
        if self.value <= 0.0 {
            return None;
        }
        student_tail(distance / self.value, self.degrees_of_freedom)
    }
}

/// Which cluster each value belongs to. Clusters are numbered by first appearance, so relabelling them
/// changes no bit of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    slots: Vec<usize>,
    count: usize,
}

impl Clustering {
    /// Values with equal labels share a cluster.
    pub fn by(labels: &[usize]) -> Clustering {
        let mut numbers = BTreeMap::new();
        let slots = labels
            .iter()
            .map(|label| {
                let next = numbers.len();
                *numbers.entry(*label).or_insert(next)
            })
            .collect();
        Clustering {
            slots,
            count: numbers.len(),
        }
    }

    /// Every value is a cluster of its own.
    pub fn singletons(values: usize) -> Clustering {
        Clustering {
            slots: (0..values).collect(),
            count: values,
        }
    }

    /// Number of clusters.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The cluster of each value, from 0 to `count` − 1, in the order of the values.
    pub fn slots(&self) -> &[usize] {
        &self.slots
    }

    /// Number of values in each cluster.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.count];
        for slot in &self.slots {
            sizes[*slot] += 1;
        }
        sizes
    }

    /// Sum of `values` in each cluster, added in the order of the values.
    pub fn sums(&self, values: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.count];
        for (slot, value) in self.slots.iter().zip(values) {
            sums[*slot] += value;
        }
        sums
    }
}

/// Cluster-robust standard errors of a mean, in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusterErrors {
    /// Number of clusters, at least 2.
    pub clusters: usize,
    /// Without small-sample correction; too small with few clusters.
    pub cr0: f64,
    /// With the factor G/(G−1) and G−1 degrees of freedom.
    pub cr1: StandardError,
    /// Bell–McCaffrey: unbiased when values are alike, with matching degrees of freedom. The default.
    pub cr2: StandardError,
}

impl ClusterErrors {
    /// From the size of each cluster and the sum of its residuals (value − mean); sizes may be weights, such
    /// as trials.
    ///
    /// `None` with fewer than two clusters or a size that is not positive. For a mean, CR2 needs no matrix:
    /// with c = 1/(1 − n_g/N) the variance is Σ c s_g² / N², and the degrees of freedom are N² / (Σ n_g² +
    /// Σ_{g≠h} c_g n_g² c_h n_h² / N²). Source: Bell & McCaffrey (2002), Survey Methodology 28, 169–181;
    /// Pustejovsky & Tipton (2018), JBES 36, 672–683.
    pub fn of_sums(sizes: &[f64], residual_sums: &[f64]) -> Option<ClusterErrors> {
        let clusters = sizes.len();
        let total: f64 = sizes.iter().sum();
        if clusters < 2
            || clusters != residual_sums.len()
            || !sizes.iter().all(|size| 0.0 < *size && *size < total)
        {
            return None;
        }
        let (mut plain, mut corrected, mut squares, mut cross, mut before) =
            (0.0, 0.0, 0.0, 0.0, 0.0);
        for (size, sum) in sizes.iter().zip(residual_sums) {
            let correction = total / (total - size);
            plain += sum * sum;
            corrected += correction * sum * sum;
            squares += size * size;
            let weight = correction * size * size;
            // Products of pairs are added as they come: the textbook (Σw)² − Σw² would cancel when one
            // cluster dominates.
            cross += 2.0 * weight * before;
            before += weight;
        }
        let groups = clusters as f64;
        let cr0 = plain.sqrt() / total;
        let freedom = total * total / (squares + cross / (total * total));
        let errors = ClusterErrors {
            clusters,
            cr0,
            cr1: StandardError {
                value: cr0 * (groups / (groups - 1.0)).sqrt(),
                degrees_of_freedom: groups - 1.0,
            },
            cr2: StandardError {
                value: corrected.sqrt() / total,
                degrees_of_freedom: freedom,
            },
        };
        (errors.cr2.value.is_finite() && freedom.is_finite()).then_some(errors)
    }
}

/// Standard error of the mean of independent values, from their residuals (value − mean); T − 1 degrees of
/// freedom.
///
/// In the unit of the values. `None` with fewer than two values.
pub fn independent_error(residuals: &[f64]) -> Option<StandardError> {
    let values = residuals.len() as f64;
    let squares: f64 = residuals.iter().map(|residual| residual * residual).sum();
    let value = (squares / (values * (values - 1.0))).sqrt();
    (1.0 < values && value.is_finite()).then_some(StandardError {
        value,
        degrees_of_freedom: values - 1.0,
    })
}

/// A mean over tasks with errors by family and by task, for values known only as floating point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusteredMean {
    /// Number of tasks, at least 1.
    pub tasks: usize,
    /// Number of families, at least 1.
    pub families: usize,
    /// Mean over tasks, in the unit of the values.
    pub estimate: f64,
    /// Errors clustered by family; `None` with one family. Sums that differ from 0 only by rounding count as
    /// 0.
    pub family_errors: Option<ClusterErrors>,
    /// Error that takes tasks as independent; `None` with one task.
    pub task_error: Option<StandardError>,
}

impl ClusteredMean {
    /// The interval by family (CR2), by task where that is 0 or undefined, `None` where both are.
    pub fn interval(&self, confidence: Confidence) -> Option<Interval> {
        let by_family = self
            .family_errors
            .and_then(|errors| errors.cr2.interval(self.estimate, confidence));
        by_family.or_else(|| self.task_error?.interval(self.estimate, confidence))
    }
}

/// Mean of one value per task, clustered by family: pass^k, log cost ratios, and whatever else has a value
/// per task.
///
/// `None` when there is no value, one is not finite, or labels and values differ in number. Source: see
/// `ClusterErrors::of_sums`.
pub fn clustered_mean(values: &[f64], families: &[usize]) -> Option<ClusteredMean> {
    let total: f64 = values.iter().sum();
    if values.is_empty() || values.len() != families.len() || !total.is_finite() {
        return None;
    }
    let clustering = Clustering::by(families);
    let estimate = total / values.len() as f64;
    let magnitude: f64 = values.iter().map(|value| value.abs()).sum();
    let residuals: Vec<f64> = values.iter().map(|value| value - estimate).collect();
    let sizes: Vec<f64> = clustering.sizes().iter().map(|size| *size as f64).collect();
    let sums = without_rounding(clustering.sums(&residuals), magnitude);
    Some(ClusteredMean {
        tasks: values.len(),
        families: clustering.count(),
        estimate,
        family_errors: ClusterErrors::of_sums(&sizes, &sums),
        task_error: independent_error(&without_rounding(residuals, magnitude)),
    })
}

/// Sums that are 0 but for rounding, relative to `magnitude`, made exactly 0.
pub fn without_rounding(sums: Vec<f64>, magnitude: f64) -> Vec<f64> {
    sums.into_iter()
        .map(|sum| {
            if sum.abs() <= ROUNDING * magnitude {
                0.0
            } else {
                sum
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_of_one_give_the_independent_error() {
        let mean = clustered_mean(&[0.0, 1.0, 1.0, 0.5], &[7, 3, 9, 1]).expect("four values");
        let by_family = mean.family_errors.expect("four families").cr2;
        let by_task = mean.task_error.expect("four tasks");
        assert!((by_family.value - by_task.value).abs() < 1e-15);
        assert!((by_family.degrees_of_freedom - 3.0).abs() < 1e-12);
    }

    #[test]
    fn equal_clusters_give_cr1_with_one_degree_fewer_than_clusters() {
        let errors =
            ClusterErrors::of_sums(&[2.0, 2.0, 2.0], &[0.5, -0.25, -0.25]).expect("three clusters");
        assert!((errors.cr1.value - errors.cr2.value).abs() < 1e-15);
        assert!((errors.cr2.degrees_of_freedom - 2.0).abs() < 1e-12);
    }

    #[test]
    fn families_that_balance_leave_the_interval_to_the_tasks() {
        let mean = clustered_mean(&[0.1, 0.3, 0.3, 0.1], &[0, 0, 1, 1]).expect("four values");
        let by_task = mean
            .task_error
            .and_then(|error| error.interval(mean.estimate, Confidence::NINETY_FIVE));
        assert_eq!(mean.family_errors.map(|errors| errors.cr2.value), Some(0.0));
        assert_eq!(mean.interval(Confidence::NINETY_FIVE), by_task);
    }

    #[test]
    fn nothing_is_claimed_about_no_values_or_broken_ones() {
        assert_eq!(clustered_mean(&[], &[]), None);
        assert_eq!(clustered_mean(&[0.0, f64::NAN], &[0, 1]), None);
        assert_eq!(clustered_mean(&[0.0, 1.0], &[0]), None);
        assert_eq!(ClusterErrors::of_sums(&[3.0], &[0.0]), None);
    }

    #[test]
    fn the_independent_error_of_two_values_is_half_their_distance() {
        let half = StandardError {
            value: 0.5,
            degrees_of_freedom: 1.0,
        };
        assert_eq!(independent_error(&[-0.5, 0.5]), Some(half));
        assert_eq!(independent_error(&[0.0]), None);
    }

    #[test]
    fn an_error_of_zero_gives_no_interval() {
        let nothing_varies = StandardError {
            value: 0.0,
            degrees_of_freedom: 5.0,
        };
        assert_eq!(nothing_varies.interval(0.5, Confidence::NINETY_FIVE), None);
        assert_eq!(nothing_varies.p_two_sided(0.5), None);
    }
}
