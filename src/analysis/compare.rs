//! Two arms compared, task by task: what `compare` prints and every verdict on a dream rests on.

use std::collections::BTreeMap;

use crate::analysis::breakdown::{changes, groups};
use crate::analysis::caveats;
use crate::analysis::evidence::{
    Comparison, DifferenceEvidence, GroupDifference, HeadlineUnder, McNemarEvidence, PassPair,
    RatioEvidence,
};
use crate::analysis::outcomes::{LEVEL, Outcome, bounds, headline, pass_curves, rate};
use crate::analysis::pairing::{Pairing, Policy, check_graders, pair};
use crate::domain::id::ArmName;
use crate::domain::trial::TrialRow;
use crate::error::{Error, Result, did_you_mean};
use crate::statistics::clusters::Clustering;
use crate::statistics::{
    Cell, Confidence, Differences, FlipMethod, Method, PairedDifference, PairedTask, TaskCell,
    exact_fallback, mcnemar, paired_difference, rate_ratio, sign_flip,
};

/// Points of both arms' pass curves, by k.
type Passes = BTreeMap<u32, PassPair>;

/// Decides the sign patterns drawn where they are too many to count.
const FLIP_SEED: u64 = 0;

/// Candidate minus baseline over the headline rows of `rows`.
///
/// Rates and the difference are over the tasks both arms have. A task with some broken trials keeps the graded ones.
///
/// # Errors
/// An arm that has no headline rows; rows of one task judged by different graders.
pub fn compare(rows: &[TrialRow], baseline: &ArmName, candidate: &ArmName) -> Result<Comparison> {
    let judging = headline(rows);
    check_arms(&judging, &[baseline, candidate])?;
    let of_arms: Vec<&TrialRow> = judging
        .into_iter()
        .filter(|row| row.arm == *baseline || row.arm == *candidate)
        .collect();
    let contrast = Contrast::of(&of_arms, [baseline, candidate])?;
    let mut comparison = contrast.comparison();
    comparison
        .warnings
        .extend(caveats::left_out(rows, &of_arms));
    Ok(comparison)
}

/// # Errors
/// An arm that stands in none of the rows.
pub fn check_arms(rows: &[&TrialRow], arms: &[&ArmName]) -> Result<()> {
    let is_there = |arm: &&&ArmName| rows.iter().any(|row| row.arm == ***arm);
    let Some(absent) = arms.iter().find(|arm| !is_there(arm)) else {
        return Ok(());
    };
    let mut known: Vec<&str> = Vec::new();
    for row in rows {
        if !known.contains(&row.arm.as_str()) {
            known.push(row.arm.as_str());
        }
    }
    Err(
        Error::usage(format!("there is no arm `{absent}`")).mend(did_you_mean(
            absent.as_str(),
            "arms",
            known,
        )),
    )
}

/// Rows of two arms and their pairing by task.
struct Contrast<'rows> {
    rows: &'rows [&'rows TrialRow],
    arms: [&'rows ArmName; 2],
    outcome: Outcome,
    pairing: Pairing,
    cells: Vec<PairedTask>,
}

impl<'rows> Contrast<'rows> {
    fn of(rows: &'rows [&'rows TrialRow], arms: [&'rows ArmName; 2]) -> Result<Contrast<'rows>> {
        check_graders(rows)?;
        let outcome = Outcome::of(rows.iter().copied());
        let pairing = pair(rows, arms, outcome, Policy::ExcludeTask);
        let cells = pairing.cells();
        Ok(Contrast {
            rows,
            arms,
            outcome,
            pairing,
            cells,
        })
    }

    fn comparison(self) -> Comparison {
        let paired = paired_difference(&self.cells, LEVEL);
        let (improved_tasks, regressed_tasks) = changes(&self.pairing.pairs);
        let by_family = self.by_family();
        let [baseline_cells, candidate_cells] = self.sides();
        let (pass_at_k, pass_hat_k) = passes(self.outcome, &baseline_cells, &candidate_cells);
        let (sign_flip_p, sign_flip_exact) = self.flips();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let [baseline, candidate] = self.arms;
        let directions = paired.as_ref().map(|paired| paired.directions);
        let direction = |part: fn(&crate::statistics::Directions) -> usize| {
            directions.as_ref().map_or(0, |it| count(part(it)))
        };
        Comparison {
            baseline: baseline.to_string(),
            candidate: candidate.to_string(),
            outcome: self.outcome.column().to_owned(),
            tasks: count(self.cells.len()),
            families: paired.as_ref().map_or(0, |paired| count(paired.families)),
            excluded_tasks: self.pairing.excluded.clone(),
            baseline_rate: rate(&baseline_cells),
            candidate_rate: rate(&candidate_cells),
            difference: difference(paired.as_ref()),
            violations: self.violations(),
            ratio: ratio(&self.cells),
            mcnemar: self.mcnemar(),
            sign_flip_p,
            sign_flip_exact,
            improved: direction(|it| it.improved),
            regressed: direction(|it| it.regressed),
            tied: direction(|it| it.tied),
            improved_tasks,
            regressed_tasks,
            warnings: caveats::of_comparison(
                paired.as_ref(),
                &self.cells,
                &by_family,
                self.outcome,
            ),
            by_family,
            by_role: groups(&self.pairing.pairs, |pair| &pair.role),
            pass_at_k,
            pass_hat_k,
            missingness: self.missingness(),
            smallest_visible: paired.as_ref().and_then(smallest_visible),
        }
    }

    /// The trials of the tasks compared, of the baseline and of the candidate.
    fn sides(&self) -> [Vec<TaskCell>; 2] {
        let side = |cell: fn(&PairedTask) -> Cell| {
            let of_task = |task: &PairedTask| TaskCell {
                cell: cell(task),
                family: task.family,
            };
            self.cells.iter().map(of_task).collect()
        };
        [side(|task| task.baseline), side(|task| task.candidate)]
    }

    /// Defined only where every cell has one trial and says whether it completed.
    fn mcnemar(&self) -> Option<McNemarEvidence> {
        let is_single =
            |task: &PairedTask| task.baseline.trials() == 1 && task.candidate.trials() == 1;
        if self.outcome == Outcome::Score
            || self.cells.is_empty()
            || !self.cells.iter().all(is_single)
        {
            return None;
        }
        let only = |winner: fn(&PairedTask) -> (f64, f64)| {
            self.cells
                .iter()
                .filter(|task| winner(task) == (1.0, 0.0))
                .count() as u64
        };
        let gained = only(|task| (task.candidate.sum(), task.baseline.sum()));
        let lost = only(|task| (task.baseline.sum(), task.candidate.sum()));
        Some(McNemarEvidence {
            gained: u32::try_from(gained).ok()?,
            lost: u32::try_from(lost).ok()?,
            p_exact: mcnemar(gained, lost).two_sided,
        })
    }

    /// The difference in the share of trials in which something was breached.
    fn violations(&self) -> DifferenceEvidence {
        let pairing = pair(self.rows, self.arms, Outcome::Breached, Policy::ExcludeTask);
        difference(paired_difference(&pairing.cells(), LEVEL).as_ref())
    }

    /// The sign-flip test over families, and whether every pattern was counted.
    fn flips(&self) -> (Option<f64>, bool) {
        let families: Vec<usize> = self.cells.iter().map(|task| task.family).collect();
        let totals = Differences::of_tasks(&self.cells).totals(&Clustering::by(&families));
        match totals
            .filter(|totals| 0 < totals.count())
            .map(|totals| sign_flip(&totals, FLIP_SEED))
        {
            Some(flip) => (Some(flip.two_sided), flip.method == FlipMethod::Exact),
            None => (None, false),
        }
    }

    /// Families one by one; none where every task is its own, as that table is the list of tasks.
    fn by_family(&self) -> Vec<GroupDifference> {
        let families = groups(&self.pairing.pairs, |pair| &pair.family);
        if families.len() < self.pairing.pairs.len() {
            families
        } else {
            Vec::new()
        }
    }

    fn missingness(&self) -> BTreeMap<String, Option<HeadlineUnder>> {
        let stops_are_known = self.rows.iter().any(|row| row.stop.is_some());
        let under = |policy: Policy| {
            let is_known = policy != Policy::LimitExcluded || stops_are_known;
            let pairing = is_known.then(|| pair(self.rows, self.arms, self.outcome, policy));
            (
                policy.name().to_owned(),
                pairing.and_then(|pairing| headline_of(&pairing.cells())),
            )
        };
        Policy::ALL.into_iter().map(under).collect()
    }
}

/// pass@k and pass^k of both arms, up to the smallest number of trials of a cell; none of scores.
fn passes(outcome: Outcome, baseline: &[TaskCell], candidate: &[TaskCell]) -> (Passes, Passes) {
    if outcome == Outcome::Score {
        return (Passes::new(), Passes::new());
    }
    let both = |baseline: BTreeMap<u32, f64>, candidate: BTreeMap<u32, f64>| {
        let point = |(k, baseline)| {
            let candidate = *candidate.get(&k)?;
            Some((
                k,
                PassPair {
                    baseline,
                    candidate,
                },
            ))
        };
        baseline.into_iter().filter_map(point).collect()
    };
    let ((any, all), (any_candidate, all_candidate)) =
        (pass_curves(baseline), pass_curves(candidate));
    (both(any, any_candidate), both(all, all_candidate))
}

/// The difference in short; `None` without tasks.
pub fn headline_of(cells: &[PairedTask]) -> Option<HeadlineUnder> {
    let paired = paired_difference(cells, LEVEL)?;
    Some(HeadlineUnder {
        tasks: u32::try_from(paired.tasks).ok()?,
        estimate: paired.estimate,
        interval: Some(bounds(paired.interval)),
    })
}

fn difference(paired: Option<&PairedDifference>) -> DifferenceEvidence {
    let error = paired.and_then(PairedDifference::standing_error);
    let method = paired.map_or("none", |paired| match paired.method {
        Method::Cr2 => "cr2",
        Method::Task => "task",
        Method::ExactFallback { .. } => "exact-fallback",
    });
    let over_tasks = |paired: &PairedDifference| {
        paired
            .task_interval(LEVEL)
            .unwrap_or_else(|| exact_fallback(paired.estimate, paired.tasks, LEVEL))
    };
    DifferenceEvidence {
        estimate: paired.map(|paired| paired.estimate),
        se: error.map(|error| error.value),
        df: error.map(|error| error.degrees_of_freedom),
        interval: paired.map(|paired| bounds(paired.interval)),
        p: paired.and_then(|paired| paired.p_two_sided),
        method: method.to_owned(),
        se_cr1: paired
            .and_then(|paired| paired.family_errors)
            .map(|errors| errors.cr1.value),
        se_task: paired
            .and_then(|paired| paired.task_error)
            .map(|error| error.value),
        interval_task: paired.map(|paired| bounds(over_tasks(paired))),
    }
}

fn ratio(cells: &[PairedTask]) -> Option<RatioEvidence> {
    let ratio = rate_ratio(cells, LEVEL)?;
    let by_family = ratio.family_error.is_some_and(|error| 0.0 < error.value);
    let method = match ratio.interval {
        None => "none",
        Some(_) if by_family => "log-cr2",
        Some(_) => "log-task",
    };
    Some(RatioEvidence {
        estimate: ratio.estimate,
        interval: ratio.interval.map(bounds),
        method: method.to_owned(),
    })
}

/// The smallest true difference seen with 80 % power at two-sided 5 %: (t at 97.5 % + t at 80 %) × error.
///
/// `None` where no error can be estimated. Source: Bloom (1995), Evaluation Review 19, 547–556.
fn smallest_visible(paired: &PairedDifference) -> Option<f64> {
    let error = paired.standing_error()?;
    let reach = |level: f64| error.upper_bound(0.0, Confidence::new(level)?);
    Some(reach(0.975)? + reach(0.8)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::samples::trial;
    use crate::domain::id::FamilyId;
    use crate::error::ErrorKind;

    /// One row per character: `1` completed, `0` did not, `x` broke; all of one task and arm.
    fn cell(task: &str, family: &str, arm: &str, outcomes: &str) -> Vec<TrialRow> {
        let row = |(repeat, outcome): (usize, char)| TrialRow {
            family: FamilyId::new(family),
            role: format!("role of {family}").into(),
            repeat: repeat as u32,
            ..trial(
                task,
                arm,
                [("1", true), ("0", false)]
                    .iter()
                    .find(|(word, _)| *word == outcome.to_string())
                    .map(|(_, it)| *it),
            )
        };
        outcomes.chars().enumerate().map(row).collect()
    }

    fn compared(cells: &[(&str, &str, &str, &str)]) -> Comparison {
        let rows: Vec<TrialRow> = cells
            .iter()
            .flat_map(|(task, family, bare, dreamed)| {
                [
                    cell(task, family, "bare", bare),
                    cell(task, family, "dreamed", dreamed),
                ]
            })
            .flatten()
            .collect();
        compare(&rows, &ArmName::new("bare"), &ArmName::new("dreamed")).unwrap()
    }

    #[test]
    fn single_trials_give_mcnemar_and_named_changes() {
        let found = compared(&[
            ("a", "a", "0", "1"),
            ("b", "b", "1", "0"),
            ("c", "c", "0", "1"),
            ("d", "d", "1", "1"),
        ]);
        assert_eq!(found.mcnemar.map(|it| (it.gained, it.lost)), Some((2, 1)));
        assert_eq!((found.improved, found.regressed, found.tied), (2, 1, 1));
        assert_eq!(
            found
                .regressed_tasks
                .iter()
                .map(|it| it.task.as_str())
                .collect::<Vec<_>>(),
            ["b"]
        );
        assert_eq!(found.difference.estimate, Some(0.25));
        assert_eq!(found.baseline_rate.completed, 2.0);
        assert_eq!(found.by_family, []);
        assert_eq!(found.missingness["limit-excluded"], None);
    }

    #[test]
    fn repeats_give_pass_curves_up_to_the_shortest_cell_and_no_mcnemar() {
        let found = compared(&[("a", "f", "010", "11"), ("b", "f", "00", "001")]);
        assert_eq!(found.mcnemar, None);
        assert_eq!(found.pass_at_k.keys().copied().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(
            found.pass_hat_k[&2],
            PassPair {
                baseline: 0.0,
                candidate: 0.5
            }
        );
        assert_eq!(found.by_family.len(), 1);
        assert_eq!(found.difference.method, "task");
    }

    #[test]
    fn a_task_keeps_its_graded_trials_and_without_any_it_is_listed() {
        let found = compared(&[
            ("a", "a", "0x", "1"),
            ("b", "b", "1", "xx"),
            ("c", "c", "0", "0"),
        ]);
        assert_eq!(
            (found.tasks, found.excluded_tasks),
            (2, vec!["b".to_owned()])
        );
        assert_eq!(
            found.missingness["worst-case"].as_ref().map(|it| it.tasks),
            Some(3)
        );
    }

    #[test]
    fn no_change_at_all_leaves_an_interval_and_no_error() {
        let found = compared(&[
            ("a", "a", "1", "1"),
            ("b", "b", "0", "0"),
            ("c", "c", "0", "0"),
        ]);
        assert_eq!(
            (
                found.difference.method.as_str(),
                found.difference.se,
                found.difference.p
            ),
            ("exact-fallback", None, None)
        );
        assert!(
            found
                .difference
                .interval
                .is_some_and(|[low, high]| low < 0.0 && 0.0 < high)
        );
        assert_eq!(
            (found.sign_flip_p, found.smallest_visible),
            (Some(1.0), None)
        );
        assert_eq!(
            found.warnings,
            [
                "every task differs by the same amount, so no error can be estimated: the interval is the exact bound for 3 families",
                "3 families: nothing is claimed about families not seen",
                "only 0 tasks differ between the arms: trust the exact tests before the interval",
                "1 of 3 tasks always completed and 2 never, in both arms: more than half the suite says nothing of the difference",
            ]
        );
    }

    #[test]
    fn families_that_lose_behind_a_mean_that_gains_raise_an_alarm() {
        let found = compared(&[
            ("a", "large", "0", "1"),
            ("b", "large", "0", "1"),
            ("c", "large", "0", "1"),
            ("d", "small", "1", "0"),
            ("e", "other", "1", "0"),
        ]);
        assert_eq!(
            found.warnings[0],
            "the mean over tasks is a gain, but 2 of 3 families lose and 1 gain: read the families one by one"
        );
        assert_eq!(
            found
                .by_role
                .iter()
                .map(|it| it.group.as_str())
                .collect::<Vec<_>>(),
            ["role of large", "role of small", "role of other"]
        );
    }

    #[test]
    fn arms_without_a_task_in_common_are_compared_as_far_as_that_goes() {
        let rows = [cell("a", "a", "bare", "1"), cell("b", "b", "dreamed", "1")].concat();
        let found = compare(&rows, &ArmName::new("bare"), &ArmName::new("dreamed")).unwrap();
        assert_eq!(
            (found.tasks, found.difference.estimate, &found.ratio),
            (0, None, &None)
        );
        assert_eq!(
            found.warnings,
            ["no task has a graded trial in both arms, so nothing can be compared"]
        );
        assert!(!serde_json::to_string(&found).unwrap().contains("NaN"));
    }

    #[test]
    fn an_arm_that_is_not_there_is_named_with_those_that_are() {
        let error = compare(
            &[trial("a", "bare", Some(true))],
            &ArmName::new("bare"),
            &ArmName::new("barr"),
        )
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(
            error.to_string(),
            "error: there is no arm `barr`\n\nhint: did you mean `bare`? arms: bare"
        );
    }

    #[test]
    fn test_tasks_judge_and_others_are_counted() {
        let marked = |task: &str, split: &str| TrialRow {
            split: split.into(),
            ..trial(task, "bare", Some(true))
        };
        let other = TrialRow {
            arm: ArmName::new("dreamed"),
            ..marked("a", "test")
        };
        let rows = [marked("a", "test"), marked("b", "practice"), other];
        let found = compare(&rows, &ArmName::new("bare"), &ArmName::new("dreamed")).unwrap();
        assert_eq!(found.tasks, 1);
        assert_eq!(
            found.warnings.last().map(String::as_str),
            Some("1 row of other splits than `test` left out")
        );
    }
}
