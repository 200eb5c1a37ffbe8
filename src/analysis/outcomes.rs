//! Which rows speak, what each of them says, and the completion rate they come to.

use std::collections::{BTreeMap, HashMap};

use crate::analysis::evidence::{Bounds, RateEvidence};
use crate::domain::trial::TrialRow;
use crate::statistics::{
    Cell, Confidence, Interval, TaskCell, clustered_mean, clustered_rate, pass_all_k, pass_at_k,
};

/// The confidence of every two-sided interval here, and of every one-sided bound.
pub const LEVEL: Confidence = Confidence::NINETY_FIVE;

/// The split that judges.
const TEST: &str = "test";

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Whether trials completed.
    Completed,
    /// Their scores, where no row says whether it completed.
    Score,
    /// Whether anything was breached.
    Breached,
}

impl Outcome {
    /// What the rows can be compared by: `completed` decides, the score only where that is absent everywhere.
    pub fn of<'row>(rows: impl IntoIterator<Item = &'row TrialRow>) -> Outcome {
        let (mut has_claims, mut has_scores) = (false, false);
        for row in rows {
            has_claims |= row.completed.is_some();
            has_scores |= row.score.is_some();
        }
        if has_scores && !has_claims {
            Outcome::Score
        } else {
            Outcome::Completed
        }
    }

    /// The outcome of a trial from 0 to 1; `None` where it broke.
    pub fn value(self, row: &TrialRow) -> Option<f64> {
        match self {
            Outcome::Completed => row.completed.map(share),
            Outcome::Score => row.score,
            Outcome::Breached => row.violations.map(|count| share(0 < count)),
        }
    }

    /// The column's name.
    pub fn column(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Score => "score",
            Outcome::Breached => "violations",
        }
    }
}

fn share(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// The rows that judge arms at the headline budget: no foldover halves, no other budgets, and where there are test tasks only those.
pub fn headline(rows: &[TrialRow]) -> Vec<&TrialRow> {
    let whole = || {
        rows.iter()
            .filter(|row| row.pair.is_none() && row.half.is_none())
    };
    let rows: Vec<&TrialRow> = whole().filter(|row| row.budget.is_none()).collect();
    judging(rows)
}

/// The test rows among `rows`, or all where none is marked so.
pub fn judging(rows: Vec<&TrialRow>) -> Vec<&TrialRow> {
    if rows.iter().any(|row| &*row.split == TEST) {
        rows.into_iter().filter(|row| &*row.split == TEST).collect()
    } else {
        rows
    }
}

/// Numbers for names, in order of first appearance.
#[derive(Debug, Default)]
pub struct Numbering<'name> {
    numbers: HashMap<&'name str, usize>,
}

impl<'name> Numbering<'name> {
    /// The number of `name`, a new one if it was not seen before.
    pub fn of(&mut self, name: &'name str) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry(name).or_insert(next)
    }
}

/// The graded trials of each task, tasks in order of first appearance; a task without any is absent.
pub fn task_cells(rows: &[&TrialRow], outcome: Outcome) -> Vec<TaskCell> {
    let (mut tasks, mut families) = (Numbering::default(), Numbering::default());
    let mut values: Vec<(usize, Vec<f64>)> = Vec::new();
    for row in rows {
        let Some(value) = outcome.value(row) else {
            continue;
        };
        let (task, family) = (
            tasks.of(row.task.as_str()),
            families.of(row.family.as_str()),
        );
        match values.get_mut(task) {
            Some((_, values)) => values.push(value),
            None => values.push((family, vec![value])),
        }
    }
    let cell = |(family, values): &(usize, Vec<f64>)| {
        Some(TaskCell {
            cell: Cell::of_scores(values)?,
            family: *family,
        })
    };
    values.iter().filter_map(cell).collect()
}

/// The completion rate over the trials of some tasks, with Wilson's interval on the number of independent trials they are worth.
pub fn rate(cells: &[TaskCell]) -> RateEvidence {
    match clustered_rate(cells, LEVEL) {
        Some(rate) => RateEvidence {
            completed: rate.completed,
            trials: u32::try_from(rate.trials).unwrap_or(u32::MAX),
            rate: Some(rate.rate),
            interval: Some(bounds(rate.interval)),
        },
        None => RateEvidence {
            completed: 0.0,
            trials: 0,
            rate: None,
            interval: None,
        },
    }
}

/// Chance that one of k trials completes and that all do, by k up to the smallest number of trials of a task; means over tasks.
pub fn pass_curves(cells: &[TaskCell]) -> (BTreeMap<u32, f64>, BTreeMap<u32, f64>) {
    let most = cells
        .iter()
        .map(|task| task.cell.trials())
        .min()
        .unwrap_or(0);
    let families: Vec<usize> = cells.iter().map(|task| task.family).collect();
    let curve = |pass: fn(u32, u32, u32) -> Option<f64>| -> BTreeMap<u32, f64> {
        let point = |k: u32| {
            let value = |task: &TaskCell| pass(task.cell.whole_sum()?, task.cell.trials(), k);
            let values: Vec<f64> = cells.iter().map(value).collect::<Option<_>>()?;
            Some((k, clustered_mean(&values, &families)?.estimate))
        };
        (1..=most).filter_map(point).collect()
    };
    (curve(pass_at_k), curve(pass_all_k))
}

/// An interval as evidence writes it.
pub fn bounds(interval: Interval) -> Bounds {
    [interval.low, interval.high]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::samples::trial;

    #[test]
    fn a_broken_trial_is_not_a_failed_one() {
        let rows = [
            trial("a", "x", Some(true)),
            trial("a", "x", None),
            trial("b", "x", Some(false)),
        ];
        let rate = rate(&task_cells(
            &rows.iter().collect::<Vec<_>>(),
            Outcome::Completed,
        ));
        assert_eq!(
            (rate.completed, rate.trials, rate.rate),
            (1.0, 2, Some(0.5))
        );
    }

    #[test]
    fn nothing_graded_has_no_rate() {
        assert_eq!(rate(&[]).rate, None);
    }

    #[test]
    fn scores_speak_only_where_no_row_says_whether_it_completed() {
        let scored = TrialRow {
            score: Some(0.5),
            ..trial("a", "x", None)
        };
        assert_eq!(Outcome::of([&scored]), Outcome::Score);
        assert_eq!(
            Outcome::of([&scored, &trial("b", "x", Some(true))]),
            Outcome::Completed
        );
    }

    #[test]
    fn halves_other_budgets_and_other_splits_do_not_judge() {
        let marked = |split: &str, budget, pair| TrialRow {
            split: split.into(),
            budget,
            pair,
            ..trial("a", "x", None)
        };
        let rows = [
            marked("test", None, None),
            marked("test", Some(15), None),
            marked("test", None, Some(1)),
            marked("practice", None, None),
        ];
        assert_eq!(headline(&rows), [&rows[0]]);
        assert_eq!(headline(&rows[3..]), [&rows[3]]);
    }
}
