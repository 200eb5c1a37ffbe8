//! The x-fold: ratio of two arms' mean rates over the same tasks, with an interval on the log scale.

use crate::statistics::cells::{PairedTask, families_of};
use crate::statistics::clusters::{ClusteredMean, clustered_mean};
use crate::statistics::{Confidence, Interval, StandardError};

/// Candidate rate over baseline rate. Not portable between base rates: always shown with both.
#[derive(Debug, Clone, PartialEq)]
pub struct RateRatio {
    /// Mean of the candidate's task means over that of the baseline's, at least 0.
    pub estimate: f64,
    /// Error of the logarithm, clustered by family (CR2); `None` with one family or a candidate mean of 0.
    pub family_error: Option<StandardError>,
    /// Error of the logarithm, tasks taken as independent; `None` with one task or a candidate mean of 0.
    pub task_error: Option<StandardError>,
    /// By family; by task where that error is 0 or undefined; `None` where both are. Above 0, never of zero
    /// width.
    pub interval: Option<Interval>,
}

/// Compares the mean rates of two arms as a ratio. `None` without tasks or when the baseline completed
/// nothing.
///
/// With u_i = candidate_i / candidate mean − baseline_i / baseline mean, the error of the logarithm is the
/// clustered error of the mean of u (delta method), and the interval is estimate × exp(±t × error). Source:
/// log-ratio interval of Katz et al. (1978), Biometrics 34, 469–474, with the clustered errors of
/// `ClusterErrors::of_sums`.
pub fn rate_ratio(tasks: &[PairedTask], confidence: Confidence) -> Option<RateRatio> {
    let count = tasks.len() as f64;
    let baseline_mean = tasks.iter().map(|task| task.baseline.mean()).sum::<f64>() / count;
    let candidate_mean = tasks.iter().map(|task| task.candidate.mean()).sum::<f64>() / count;
    if tasks.is_empty() || baseline_mean <= 0.0 {
        return None;
    }
    let estimate = candidate_mean / baseline_mean;
    let relative = relative_differences(tasks, candidate_mean, baseline_mean);
    let family_error = relative
        .and_then(|mean| mean.family_errors)
        .map(|errors| errors.cr2);
    let task_error = relative.and_then(|mean| mean.task_error);
    let around = |error: Option<StandardError>| {
        let logs = error?.interval(0.0, confidence)?;
        let interval = Interval {
            low: estimate * logs.low.exp(),
            high: estimate * logs.high.exp(),
        };
        (interval.low < interval.high && interval.high.is_finite()).then_some(interval)
    };
    Some(RateRatio {
        estimate,
        family_error,
        task_error,
        interval: around(family_error).or_else(|| around(task_error)),
    })
}

fn relative_differences(
    tasks: &[PairedTask],
    candidate_mean: f64,
    baseline_mean: f64,
) -> Option<ClusteredMean> {
    if candidate_mean <= 0.0 {
        return None;
    }
    let relative = |task: &PairedTask| {
        let difference =
            task.candidate.mean() / candidate_mean - task.baseline.mean() / baseline_mean;
        // Arms in fixed proportion differ by rounding alone, which must not become a width.
        if difference.abs() < 1e-12 {
            0.0
        } else {
            difference
        }
    };
    clustered_mean(
        &tasks.iter().map(relative).collect::<Vec<f64>>(),
        &families_of(tasks),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Cell;

    fn task(family: usize, baseline: u32, candidate: u32) -> PairedTask {
        let cell = |completed| Cell::of_counts(completed, 3).expect("at most three of three");
        PairedTask {
            baseline: cell(baseline),
            candidate: cell(candidate),
            family,
        }
    }

    #[test]
    fn nothing_is_a_multiple_of_a_baseline_that_completed_nothing() {
        assert_eq!(
            rate_ratio(&[task(0, 0, 3), task(1, 0, 1)], Confidence::NINETY_FIVE),
            None
        );
        assert_eq!(rate_ratio(&[], Confidence::NINETY_FIVE), None);
    }

    #[test]
    fn a_candidate_that_completed_nothing_has_a_ratio_without_interval() {
        let ratio = rate_ratio(&[task(0, 1, 0), task(1, 3, 0)], Confidence::NINETY_FIVE)
            .expect("the baseline completed four");
        assert_eq!((ratio.estimate, ratio.interval), (0.0, None));
    }

    #[test]
    fn arms_in_fixed_proportion_have_a_ratio_without_interval() {
        let ratio = rate_ratio(
            &[task(0, 1, 2), task(1, 1, 2), task(2, 1, 2)],
            Confidence::NINETY_FIVE,
        )
        .expect("three tasks");
        assert_eq!((ratio.estimate, ratio.interval), (2.0, None));
    }

    #[test]
    fn one_family_leaves_the_interval_to_its_tasks() {
        let ratio = rate_ratio(
            &[task(0, 1, 2), task(0, 1, 1), task(0, 2, 3)],
            Confidence::NINETY_FIVE,
        )
        .expect("three tasks");
        assert_eq!(ratio.family_error, None);
        assert!(
            ratio
                .interval
                .is_some_and(|interval| interval.contains(ratio.estimate))
        );
    }
}
