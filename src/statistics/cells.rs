//! What was observed: the trials of one task under one arm, and the pair of arms of one task.

/// The trials of one task under one arm, as sums of outcomes from 0 to 1. At least one trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    sum: f64,
    sum_of_squares: f64,
    trials: u32,
}

impl Cell {
    /// `completed` of `trials`; `None` without a trial or when more completed than were tried.
    pub fn of_counts(completed: u32, trials: u32) -> Option<Cell> {
        let sum = f64::from(completed);
        (0 < trials && completed <= trials).then_some(Cell {
            sum,
            sum_of_squares: sum,
            trials,
        })
    }

    /// One score from 0 to 1 per trial; `None` when there is none, too many to count, or one is outside 0 to
    /// 1 or NaN.
    pub fn of_scores(scores: &[f64]) -> Option<Cell> {
        let trials = u32::try_from(scores.len()).ok()?;
        let all_lie_within = scores.iter().all(|score| (0.0..=1.0).contains(score));
        (0 < trials && all_lie_within).then(|| Cell {
            sum: scores.iter().sum(),
            sum_of_squares: scores.iter().map(|score| score * score).sum(),
            trials,
        })
    }

    /// Sum of the outcomes, 0 to the number of trials.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Number of trials, at least 1.
    pub fn trials(&self) -> u32 {
        self.trials
    }

    /// Mean outcome, 0 to 1.
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.trials)
    }

    /// The sum as a whole number, when it is one.
    pub fn whole_sum(&self) -> Option<u32> {
        (self.sum.fract() == 0.0).then_some(self.sum as u32)
    }

    /// Variance of the mean from trial to trial, s²/n, in squared outcome units; `None` with a single trial.
    pub fn mean_variance(&self) -> Option<f64> {
        let trials = f64::from(self.trials);
        let deviations = self.sum_of_squares - self.sum * self.sum / trials;
        (1 < self.trials).then(|| deviations.max(0.0) / (trials - 1.0) / trials)
    }
}

/// One task under one arm, and the family it belongs to (any number that is the same for the tasks of one
/// family).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaskCell {
    /// The trials.
    pub cell: Cell,
    /// Label of the family.
    pub family: usize,
}

/// One task under both arms. A task that lacks an arm has no such row: it is left out by the caller and
/// listed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedTask {
    /// The arm compared against.
    pub baseline: Cell,
    /// The arm under study.
    pub candidate: Cell,
    /// Label of the family: any number that is the same for the tasks of one family.
    pub family: usize,
}

impl PairedTask {
    /// The same task with the arms exchanged.
    pub fn swapped(&self) -> PairedTask {
        PairedTask {
            baseline: self.candidate,
            candidate: self.baseline,
            family: self.family,
        }
    }
}

/// The family labels of `tasks`, in task order.
pub fn families_of(tasks: &[PairedTask]) -> Vec<usize> {
    tasks.iter().map(|task| task.family).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_cannot_have_been_observed_does_not_exist() {
        assert_eq!(Cell::of_counts(0, 0), None);
        assert_eq!(Cell::of_counts(3, 2), None);
        assert_eq!(Cell::of_scores(&[]), None);
        assert_eq!(Cell::of_scores(&[0.5, f64::NAN]), None);
        assert_eq!(Cell::of_scores(&[1.5]), None);
    }

    #[test]
    fn counts_and_the_scores_behind_them_make_the_same_cell() {
        assert_eq!(Cell::of_counts(2, 3), Cell::of_scores(&[1.0, 0.0, 1.0]));
    }

    #[test]
    fn one_trial_says_nothing_about_the_noise_between_trials() {
        assert_eq!(
            Cell::of_counts(1, 1).and_then(|cell| cell.mean_variance()),
            None
        );
        assert_eq!(
            Cell::of_counts(1, 2).and_then(|cell| cell.mean_variance()),
            Some(0.25)
        );
    }
}
