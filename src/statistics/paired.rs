//! The headline comparison: mean difference between two arms over the same tasks, clustered by family.

use crate::statistics::cells::{PairedTask, families_of};
use crate::statistics::clusters::Clustering;
use crate::statistics::differences::{Differences, Directions};
use crate::statistics::families::stratified_error;
use crate::statistics::{ClusterErrors, Confidence, Interval, StandardError};

/// Which of three intervals stands. The first that is defined and has a width is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Clustered by family: Bell–McCaffrey standard error and degrees of freedom.
    Cr2,
    /// Tasks taken as independent, because there is one family or the families balance exactly. To be shown
    /// with a warning: it says nothing about families not seen.
    Task,
    /// All differences are equal, so no error can be estimated: the exact bound on how many units may still
    /// differ.
    ExactFallback {
        /// Independent units: families where there are several, tasks otherwise.
        units: usize,
    },
}

/// Candidate minus baseline over the same tasks; each task counts once, whatever its number of trials.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedDifference {
    /// Number of tasks, at least 1.
    pub tasks: usize,
    /// Number of families, at least 1.
    pub families: usize,
    /// Mean over tasks of the baseline's task means, 0 to 1.
    pub baseline_mean: f64,
    /// Mean over tasks of the candidate's task means, 0 to 1.
    pub candidate_mean: f64,
    /// Mean over tasks of candidate − baseline, −1 to 1.
    pub estimate: f64,
    /// Tasks that improved, regressed or tied, decided on exact fractions.
    pub directions: Directions,
    /// Errors for new families; `None` with one family.
    pub family_errors: Option<ClusterErrors>,
    /// Error for tasks taken as independent; `None` with one task.
    pub task_error: Option<StandardError>,
    /// Error for new tasks of the same families; `None` when a family has one task.
    pub stratified_error: Option<f64>,
    /// Error for these very tasks, from trial noise alone; `None` when a cell has one trial.
    pub fixed_suite_error: Option<f64>,
    /// Where the interval comes from.
    pub method: Method,
    /// The interval that stands, −1 to 1, never of zero width.
    pub interval: Interval,
    /// Two-sided p-value, 0 to 1, by the same method; `None` for the exact fallback, where a sign-flip test
    /// speaks instead.
    pub p_two_sided: Option<f64>,
}

/// Compares two arms over `tasks`, one row per task that has both arms, in plan order. `None` without tasks.
///
/// D is the mean of D_i = candidate mean − baseline mean. The standard error is CR2 by family with
/// Bell–McCaffrey degrees of freedom (see `ClusterErrors::of_sums`); the fallback is `exact_fallback`.
/// Source: Miller (2024), arXiv 2411.00640, for the paired, clustered estimate; Pustejovsky & Tipton (2018),
/// JBES 36, 672–683, for the small-sample correction.
pub fn paired_difference(tasks: &[PairedTask], confidence: Confidence) -> Option<PairedDifference> {
    let differences = Differences::of_tasks(tasks);
    let estimate = differences.mean()?;
    let clustering = Clustering::by(&families_of(tasks));
    let count = tasks.len() as f64;
    let family_errors = differences.cluster_errors(&clustering);
    let task_error = differences.unit_error();
    let method = method(&differences, clustering.count(), family_errors.as_ref());
    let mut paired = PairedDifference {
        tasks: tasks.len(),
        families: clustering.count(),
        baseline_mean: tasks.iter().map(|task| task.baseline.mean()).sum::<f64>() / count,
        candidate_mean: tasks.iter().map(|task| task.candidate.mean()).sum::<f64>() / count,
        estimate,
        directions: differences.directions(),
        family_errors,
        task_error,
        stratified_error: stratified_error(&differences, &clustering),
        fixed_suite_error: fixed_suite_error(tasks),
        method,
        interval: Interval {
            low: -1.0,
            high: 1.0,
        },
        p_two_sided: None,
    };
    paired.interval = paired.interval_at(confidence);
    paired.p_two_sided = paired
        .standing_error()
        .and_then(|error| error.p_two_sided(estimate));
    Some(paired)
}

impl PairedDifference {
    /// The error behind the interval that stands; `None` for the exact fallback.
    pub fn standing_error(&self) -> Option<StandardError> {
        match self.method {
            Method::Cr2 => self.family_errors.map(|errors| errors.cr2),
            Method::Task => self.task_error,
            Method::ExactFallback { .. } => None,
        }
    }

    /// The interval of the standing method at another confidence; −1 to 1, never of zero width.
    pub fn interval_at(&self, confidence: Confidence) -> Interval {
        let by_error = self
            .standing_error()
            .and_then(|error| error.interval(self.estimate, confidence));
        // A t interval that floating point cannot hold is as wide as the fallback for one unit, or wider.
        let interval = by_error
            .unwrap_or_else(|| exact_fallback(self.estimate, self.fallback_units(), confidence));
        interval.within(-1.0, 1.0)
    }

    /// The interval that takes tasks as independent, whichever method stands. `None` with one task or equal
    /// differences.
    pub fn task_interval(&self, confidence: Confidence) -> Option<Interval> {
        self.task_error
            .and_then(|error| error.interval(self.estimate, confidence))
    }

    /// One-sided lower bound by the standing method: the true difference lies above it with this confidence.
    /// At least −1.
    pub fn lower_bound(&self, confidence: Confidence) -> f64 {
        let by_error = self
            .standing_error()
            .and_then(|error| error.lower_bound(self.estimate, confidence));
        by_error
            .unwrap_or_else(|| exact_fallback(self.estimate, self.fallback_units(), confidence).low)
            .max(-1.0)
    }

    /// One-sided upper bound by the standing method: the true difference lies below it with this confidence.
    /// At most 1.
    pub fn upper_bound(&self, confidence: Confidence) -> f64 {
        let by_error = self
            .standing_error()
            .and_then(|error| error.upper_bound(self.estimate, confidence));
        by_error
            .unwrap_or_else(|| {
                exact_fallback(self.estimate, self.fallback_units(), confidence).high
            })
            .min(1.0)
    }

    /// One-sided p-value, 0 to 1, against "the true difference is at most `threshold`"; with −margin this is
    /// non-inferiority.
    ///
    /// For the exact fallback it is the smallest error at which `lower_bound` exceeds the threshold:
    /// ((1+threshold)/(1+estimate))^units.
    pub fn p_above(&self, threshold: f64) -> Option<f64> {
        match self.method {
            Method::Cr2 | Method::Task => self.standing_error()?.p_above(self.estimate, threshold),
            Method::ExactFallback { .. } if threshold.is_nan() => None,
            Method::ExactFallback { .. } if self.estimate <= threshold => Some(1.0),
            Method::ExactFallback { units } => {
                let ratio =
                    (1.0 + threshold).max(0.0) / (1.0 + self.estimate).max(f64::MIN_POSITIVE);
                Some(ratio.powf(units as f64).min(1.0))
            }
        }
    }

    fn fallback_units(&self) -> usize {
        match self.method {
            Method::ExactFallback { units } => units,
            Method::Cr2 | Method::Task => 1,
        }
    }
}

/// Interval for a mean difference when all `units` show the same difference, −1 to 1.
///
/// With confidence 1 − a, at most a share u = 1 − a^(1/units) of units deviates from `estimate`, and each by
/// no more than the range allows. Never of zero width; without units the whole range. Source: exact binomial
/// bound for zero events, Clopper & Pearson (1934), Biometrika 26, 404–413.
pub fn exact_fallback(estimate: f64, units: usize, confidence: Confidence) -> Interval {
    let share = deviating_share(units, confidence);
    let estimate = estimate.clamp(-1.0, 1.0);
    Interval {
        low: estimate - share * (1.0 + estimate),
        high: estimate + share * (1.0 - estimate),
    }
}

/// The largest share of units that may still deviate when none of `units` did, 0 to 1: 1 − a^(1/units), the
/// "rule of three".
pub fn deviating_share(units: usize, confidence: Confidence) -> f64 {
    if units == 0 {
        return 1.0;
    }
    -(confidence.error().ln() / units as f64).exp_m1()
}

fn method(
    differences: &Differences,
    families: usize,
    family_errors: Option<&ClusterErrors>,
) -> Method {
    if differences.all_are_equal() {
        let units = if 1 < families {
            families
        } else {
            differences.count()
        };
        return Method::ExactFallback { units };
    }
    match family_errors {
        Some(errors) if 0.0 < errors.cr2.value => Method::Cr2,
        Some(_) | None => Method::Task,
    }
}

/// (1/T) √Σ (s²/n of both cells): these tasks only, Miller (2024), arXiv 2411.00640.
fn fixed_suite_error(tasks: &[PairedTask]) -> Option<f64> {
    let variance = tasks
        .iter()
        .map(|task| Some(task.candidate.mean_variance()? + task.baseline.mean_variance()?))
        .sum::<Option<f64>>()?;
    (!tasks.is_empty()).then(|| variance.sqrt() / tasks.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Cell;
    use proptest::prelude::*;

    fn task(family: usize, baseline: (u32, u32), candidate: (u32, u32)) -> PairedTask {
        let cell =
            |(completed, trials)| Cell::of_counts(completed, trials).expect("a possible cell");
        PairedTask {
            baseline: cell(baseline),
            candidate: cell(candidate),
            family,
        }
    }

    fn compare(tasks: &[PairedTask]) -> PairedDifference {
        paired_difference(tasks, Confidence::NINETY_FIVE).expect("at least one task")
    }

    #[test]
    fn thirty_unchanged_tasks_leave_room_for_a_tenth() {
        let tasks: Vec<PairedTask> = (0..30).map(|_| task(0, (1, 2), (1, 2))).collect();
        let paired = compare(&tasks);
        assert_eq!(paired.method, Method::ExactFallback { units: 30 });
        assert_eq!((paired.interval.low * 1e3).round(), -95.0);
        assert_eq!((paired.interval.high * 1e3).round(), 95.0);
        assert_eq!(paired.p_two_sided, None);
    }

    #[test]
    fn a_gate_passes_on_fifty_nine_unchanged_tasks_and_not_on_fifty_eight() {
        let unchanged = |count| compare(&vec![task(0, (1, 1), (1, 1)); count]);
        assert!(-0.05 < unchanged(59).lower_bound(Confidence::NINETY_FIVE));
        assert!(unchanged(58).lower_bound(Confidence::NINETY_FIVE) < -0.05);
        assert!(unchanged(59).p_above(-0.05).is_some_and(|p| p <= 0.05));
        assert!(unchanged(58).p_above(-0.05).is_some_and(|p| 0.05 < p));
    }

    #[test]
    fn families_that_balance_exactly_leave_the_tasks_to_speak() {
        let thirds =
            [(0, 3), (1, 3), (0, 3), (1, 3)].map(|(candidate, trials)| (candidate, trials));
        let tasks = [
            task(0, (0, 3), thirds[0]),
            task(0, (0, 3), thirds[1]),
            task(1, (0, 3), thirds[2]),
            task(1, (0, 3), thirds[3]),
        ];
        let paired = compare(&tasks);
        assert_eq!(paired.method, Method::Task);
        assert_eq!(
            paired.family_errors.map(|errors| errors.cr2.value),
            Some(0.0)
        );
        assert_eq!(
            Some(paired.interval),
            paired
                .task_interval(Confidence::NINETY_FIVE)
                .map(|interval| interval.within(-1.0, 1.0))
        );
    }

    #[test]
    fn one_family_leaves_the_tasks_to_speak() {
        assert_eq!(
            compare(&[task(4, (0, 1), (1, 1)), task(4, (1, 1), (1, 1))]).method,
            Method::Task
        );
    }

    #[test]
    fn no_tasks_make_no_comparison() {
        assert_eq!(paired_difference(&[], Confidence::NINETY_FIVE), None);
    }

    prop_compose! {
        fn any_cell()(trials in 1u32..7)(completed in 0..=trials, trials in Just(trials)) -> (u32, u32) { (completed, trials) }
    }

    fn any_tasks() -> impl Strategy<Value = Vec<PairedTask>> {
        let row = (0usize..5, any_cell(), any_cell())
            .prop_map(|(family, baseline, candidate)| task(family, baseline, candidate));
        prop::collection::vec(row, 1..25)
    }

    proptest! {
        #[test]
        fn the_interval_has_width_and_holds_the_estimate(tasks in any_tasks()) {
            let paired = compare(&tasks);
            prop_assert!(paired.interval.low < paired.interval.high);
            prop_assert!(paired.interval.contains(paired.estimate));
            prop_assert!(-1.0 <= paired.interval.low && paired.interval.high <= 1.0);
            prop_assert!(paired.lower_bound(Confidence::NINETY_FIVE) <= paired.estimate);
        }

        #[test]
        fn swapping_the_arms_flips_the_sign(tasks in any_tasks()) {
            let (there, back) = (compare(&tasks), compare(&tasks.iter().map(PairedTask::swapped).collect::<Vec<_>>()));
            prop_assert_eq!(there.estimate, -back.estimate);
            prop_assert_eq!(there.directions.improved, back.directions.regressed);
            prop_assert_eq!(there.method, back.method);
            prop_assert!((there.interval.low + back.interval.high).abs() < 1e-12);
        }

        #[test]
        fn relabelling_the_families_changes_no_bit(tasks in any_tasks(), shift in 1usize..1000) {
            let relabelled: Vec<PairedTask> =
                tasks.iter().map(|task| PairedTask { family: (task.family * 7919 + shift) % 7927, ..*task }).collect();
            prop_assert_eq!(compare(&tasks), compare(&relabelled));
        }
    }
}
