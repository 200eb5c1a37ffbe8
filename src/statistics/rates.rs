//! Intervals for completion rates: of independent trials, and of trials that share tasks and families.

use crate::statistics::cells::TaskCell;
use crate::statistics::clusters::{Clustering, without_rounding};
use crate::statistics::distributions::{
    beta_quantile, normal_upper_quantile, student_upper_quantile,
};
use crate::statistics::{ClusterErrors, Confidence, Interval, StandardError};

/// Where the interval of a rate comes from. The first that applies is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RateMethod {
    /// Wilson on the counts: every task has one trial and every family one task, so that trials are
    /// independent.
    Plain,
    /// Wilson on the number of independent trials that would have the error clustered by family.
    ByFamily,
    /// The same with the error clustered by task: there is one family, or the families balance exactly.
    ByTask,
    /// Wilson on the number of clusters: all trials ended alike, or no error can be estimated.
    ClusterCount,
}

/// A completion rate with an interval that knows which trials belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusteredRate {
    /// Sum of the outcomes of all trials.
    pub completed: f64,
    /// Number of trials, at least 1.
    pub trials: u64,
    /// Number of tasks, at least 1.
    pub tasks: usize,
    /// Number of families, at least 1.
    pub families: usize,
    /// `completed` / `trials`, 0 to 1.
    pub rate: f64,
    /// Number of independent trials that would be as informative, above 0, at most `trials`.
    pub effective_trials: f64,
    /// Where the interval comes from.
    pub method: RateMethod,
    /// Rates from 0 to 1, never of zero width.
    pub interval: Interval,
}

/// Interval for a completion rate (Wilson score, no continuity correction).
///
/// `completed` of `trials` independent attempts; bounds are rates from 0 to 1. With no trials, or more
/// completed than tried, the interval is the whole range, since nothing is known. Source: Wilson (1927), JASA
/// 22, 209–212.
pub fn wilson(completed: u64, trials: u64, confidence: Confidence) -> Interval {
    if trials == 0 || trials < completed {
        return Interval::ANY_RATE;
    }
    score_interval(completed as f64 / trials as f64, trials as f64, confidence)
}

/// Interval for a completion rate that covers at least as often as it says (Clopper–Pearson); wider than
/// Wilson.
///
/// `completed` of `trials` independent attempts; bounds are rates from 0 to 1; the whole range with no trials
/// or contradictory counts. Beyond ten thousand trials it is Wilson's. Source: Clopper & Pearson (1934),
/// Biometrika 26, 404–413.
pub fn clopper_pearson(completed: u64, trials: u64, confidence: Confidence) -> Interval {
    if trials == 0 || trials < completed {
        return Interval::ANY_RATE;
    }
    exact_interval(completed as f64, trials as f64, confidence)
}

/// Number of independent trials whose rate would have this standard error, rate(1 − rate)/error²; above 0.
///
/// `None` when the rate is 0, 1 or outside, or the error is not positive. Source: Korn & Graubard (1998),
/// Survey Methodology 24, 193–201.
pub fn independent_trials(rate: f64, standard_error: f64) -> Option<f64> {
    let trials = rate * (1.0 - rate) / (standard_error * standard_error);
    (0.0 < trials && trials.is_finite() && 0.0 < standard_error).then_some(trials)
}

/// `independent_trials` reduced for an error estimated with few degrees of freedom: times (t_{trials−1} /
/// t_{freedom})².
///
/// `None` where that is, or with fewer than two trials. Source: Korn & Graubard (1998), Survey Methodology
/// 24, 193–201.
pub fn effective_trials(
    rate: f64,
    error: StandardError,
    trials: u64,
    confidence: Confidence,
) -> Option<f64> {
    let plain = student_upper_quantile(confidence.tail(), trials.checked_sub(1)? as f64)?;
    let clustered = student_upper_quantile(confidence.tail(), error.degrees_of_freedom)?;
    let ratio = plain / clustered;
    Some(independent_trials(rate, error.value)? * ratio * ratio).filter(|trials| 0.0 < *trials)
}

/// Wilson's interval for a `rate` known as if from `trials` independent trials, not necessarily whole. Rates
/// from 0 to 1.
///
/// `None` unless the rate lies in 0 to 1 and `trials` is positive.
pub fn wilson_effective(rate: f64, trials: f64, confidence: Confidence) -> Option<Interval> {
    is_observable(rate, trials).then(|| score_interval(rate, trials, confidence))
}

/// The Korn–Graubard interval: Clopper–Pearson for a `rate` known as if from `trials` independent trials.
/// Rates from 0 to 1.
///
/// `None` unless the rate lies in 0 to 1 and `trials` is positive. Source: Korn & Graubard (1998), Survey
/// Methodology 24, 193–201.
pub fn clopper_pearson_effective(
    rate: f64,
    trials: f64,
    confidence: Confidence,
) -> Option<Interval> {
    is_observable(rate, trials).then(|| exact_interval(rate * trials, trials, confidence))
}

/// Completion rate over all trials of `tasks`, one row per task with its family. `None` without tasks.
///
/// The rate is pooled, Σ outcomes / Σ trials. Its error is that of a mean over trials clustered by family (by
/// task with one family): CR2 with Bell–McCaffrey degrees of freedom, a cluster weighing its number of
/// trials. The interval is Wilson's on `effective_trials`, never more than the trials there were; on the
/// number of clusters when the rate is 0 or 1 or the error cannot be estimated; on the counts when no two
/// trials share a task and no two tasks a family. Source: Korn & Graubard (1998), Survey Methodology 24,
/// 193–201, with the errors of `ClusterErrors::of_sums`.
pub fn clustered_rate(tasks: &[TaskCell], confidence: Confidence) -> Option<ClusteredRate> {
    let completed: f64 = tasks.iter().map(|task| task.cell.sum()).sum();
    let trials: u64 = tasks.iter().map(|task| u64::from(task.cell.trials())).sum();
    if trials == 0 {
        return None;
    }
    let rate = (completed / trials as f64).min(1.0);
    let families = Clustering::by(&tasks.iter().map(|task| task.family).collect::<Vec<usize>>());
    let by_task = Clustering::singletons(tasks.len());
    let effective = |clustering: &Clustering| {
        let error = cluster_error(tasks, rate, clustering)?;
        Some(effective_trials(rate, error, trials, confidence)?.min(trials as f64))
    };
    let clusters = if 1 < families.count() {
        families.count()
    } else {
        tasks.len()
    };
    let (method, effective_trials) =
        if trials == tasks.len() as u64 && families.count() == tasks.len() {
            (RateMethod::Plain, trials as f64)
        } else if let Some(by_family) = effective(&families) {
            (RateMethod::ByFamily, by_family)
        } else if let Some(by_task) = effective(&by_task) {
            (RateMethod::ByTask, by_task)
        } else {
            (RateMethod::ClusterCount, clusters as f64)
        };
    Some(ClusteredRate {
        completed,
        trials,
        tasks: tasks.len(),
        families: families.count(),
        rate,
        effective_trials,
        method,
        interval: score_interval(rate, effective_trials, confidence),
    })
}

/// CR2 error of the pooled rate, clusters weighing their trials; `None` below two clusters.
fn cluster_error(tasks: &[TaskCell], rate: f64, clustering: &Clustering) -> Option<StandardError> {
    let trials: Vec<f64> = tasks
        .iter()
        .map(|task| f64::from(task.cell.trials()))
        .collect();
    let residuals: Vec<f64> = tasks
        .iter()
        .map(|task| task.cell.sum() - rate * f64::from(task.cell.trials()))
        .collect();
    let sums = without_rounding(clustering.sums(&residuals), trials.iter().sum());
    ClusterErrors::of_sums(&clustering.sums(&trials), &sums).map(|errors| errors.cr2)
}

fn is_observable(rate: f64, trials: f64) -> bool {
    (0.0..=1.0).contains(&rate) && 0.0 < trials && trials.is_finite()
}

/// Wilson's formula; the caller vouches for a rate from 0 to 1 and a positive number of trials.
fn score_interval(rate: f64, trials: f64, confidence: Confidence) -> Interval {
    let Some(quantile) = normal_upper_quantile(confidence.tail()) else {
        return Interval::ANY_RATE;
    };
    let square = quantile * quantile;
    let scale = 1.0 + square / trials;
    let centre = (rate + square / (2.0 * trials)) / scale;
    let reach =
        quantile / scale * (rate * (1.0 - rate) / trials + square / (4.0 * trials * trials)).sqrt();
    let low = if rate == 0.0 { 0.0 } else { centre - reach };
    let high = if rate == 1.0 { 1.0 } else { centre + reach };
    around(rate, low, high)
}

/// Beta quantiles; the caller vouches for 0 ≤ completed ≤ trials, trials positive.
fn exact_interval(completed: f64, trials: f64, confidence: Confidence) -> Interval {
    // The continued fraction behind the beta function converges up to about here.
    if 10_000.0 < trials {
        return score_interval(completed / trials, trials, confidence);
    }
    let failed = trials - completed;
    let low = beta_quantile(confidence.tail(), completed, failed + 1.0).unwrap_or(0.0);
    let high = beta_quantile(1.0 - confidence.tail(), completed + 1.0, failed).unwrap_or(1.0);
    around(completed / trials, low, high)
}

/// Bounds that enclose the rate, inside 0 to 1; a floating-point step wide at least, for counts too large to
/// tell apart.
fn around(rate: f64, low: f64, high: f64) -> Interval {
    let interval = Interval {
        low: low.clamp(0.0, rate),
        high: high.clamp(rate, 1.0),
    };
    if interval.low < interval.high {
        return interval;
    }
    if 0.0 < rate {
        Interval {
            low: rate.next_down(),
            high: rate,
        }
    } else {
        Interval {
            low: 0.0,
            high: f64::MIN_POSITIVE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Cell;
    use proptest::prelude::*;

    const LEVEL: Confidence = Confidence::NINETY_FIVE;

    fn row(family: usize, completed: u32, trials: u32) -> TaskCell {
        TaskCell {
            cell: Cell::of_counts(completed, trials).expect("a possible cell"),
            family,
        }
    }

    fn rate(tasks: &[TaskCell]) -> ClusteredRate {
        clustered_rate(tasks, LEVEL).expect("at least one task")
    }

    #[test]
    fn nothing_is_known_without_trials_or_from_impossible_counts() {
        assert_eq!(wilson(0, 0, LEVEL), Interval::ANY_RATE);
        assert_eq!(wilson(3, 2, LEVEL), Interval::ANY_RATE);
        assert_eq!(clopper_pearson(3, 2, LEVEL), Interval::ANY_RATE);
        assert_eq!(clustered_rate(&[], LEVEL), None);
    }

    #[test]
    fn huge_counts_keep_a_width() {
        for completed in [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
            assert!(0.0 < wilson(completed, u64::MAX, LEVEL).width());
            assert!(0.0 < clopper_pearson(completed, u64::MAX, LEVEL).width());
        }
    }

    #[test]
    fn independent_trials_get_the_plain_interval() {
        let independent = rate(&[row(0, 1, 1), row(1, 0, 1), row(2, 1, 1)]);
        assert_eq!(
            (independent.method, independent.interval),
            (RateMethod::Plain, wilson(2, 3, LEVEL))
        );
    }

    #[test]
    fn repeats_that_agree_with_each_other_count_as_few_trials() {
        let families = [row(0, 10, 10), row(1, 0, 10), row(2, 10, 10), row(3, 0, 10)];
        let clustered = rate(&families);
        assert_eq!(clustered.method, RateMethod::ByFamily);
        assert!(clustered.effective_trials < 4.0);
        assert!(wilson(20, 40, LEVEL).width() < clustered.interval.width());
    }

    #[test]
    fn all_completed_counts_families_not_trials() {
        let perfect = rate(&[row(0, 5, 5), row(0, 5, 5), row(1, 5, 5), row(2, 5, 5)]);
        assert_eq!(
            (perfect.method, perfect.interval),
            (RateMethod::ClusterCount, wilson(3, 3, LEVEL))
        );
    }

    #[test]
    fn one_family_is_judged_by_its_tasks_and_one_task_by_itself() {
        assert_eq!(
            rate(&[row(8, 5, 5), row(8, 0, 5), row(8, 1, 5)]).method,
            RateMethod::ByTask
        );
        assert_eq!(
            rate(&[row(8, 2, 5)]).interval,
            score_interval(0.4, 1.0, LEVEL)
        );
    }

    #[test]
    fn families_that_balance_exactly_are_judged_by_their_tasks() {
        let balanced = rate(&[row(0, 3, 3), row(0, 0, 3), row(1, 3, 3), row(1, 0, 3)]);
        assert_eq!(balanced.method, RateMethod::ByTask);
    }

    proptest! {
        #[test]
        fn a_plain_interval_holds_its_rate(trials in 1u64..1_000_000, share in 0.0..=1.0f64) {
            let completed = (share * trials as f64) as u64;
            let observed = completed as f64 / trials as f64;
            for interval in [wilson(completed, trials, LEVEL), clopper_pearson(completed, trials, LEVEL)] {
                prop_assert!(interval.contains(observed));
                prop_assert!(0.0 <= interval.low && interval.low < interval.high && interval.high <= 1.0);
            }
        }

        #[test]
        fn a_clustered_interval_holds_its_rate_and_is_no_narrower_than_the_plain_one(
            rows in prop::collection::vec((0usize..4, 1u32..6, 0.0..=1.0f64), 1..20)
        ) {
            let tasks: Vec<TaskCell> =
                rows.iter().map(|(family, trials, share)| row(*family, (share * f64::from(*trials)).round() as u32, *trials)).collect();
            let clustered = rate(&tasks);
            prop_assert!(clustered.interval.contains(clustered.rate));
            prop_assert!(wilson(clustered.completed as u64, clustered.trials, LEVEL).width() <= clustered.interval.width() + 1e-12);
            let relabelled: Vec<TaskCell> = tasks.iter().map(|task| TaskCell { family: 90 - task.family, ..*task }).collect();
            prop_assert_eq!(clustered, rate(&relabelled));
        }
    }
}
