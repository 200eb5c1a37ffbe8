//! What each arm came to by itself: at the headline budget, and at the budgets of the sweep.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::compare::headline_of;
use crate::analysis::evidence::{ArmSummary, FamilyRate, JudgeCost, SweepPoint};
use crate::analysis::frames::{By, Tally, tally};
use crate::analysis::outcomes::{Outcome, headline, judging, rate, task_cells};
use crate::analysis::pairing::{Policy, pair};
use crate::domain::id::{ArmName, LearningId};
use crate::domain::trial::{TrialRow, Usage};
use crate::error::Result;

/// The arm the sweep is compared with.
const BARE: &str = "bare";

/// One summary per arm of `order` that has headline rows, in that order.
///
/// # Errors
/// Only when counting fails, which is a bug of ours.
pub fn summaries(rows: &[TrialRow], order: &[ArmName]) -> Result<Vec<ArmSummary>> {
    let judging = headline(rows);
    let counts = Counts::of(&judging)?;
    let outcome = Outcome::of(judging.iter().copied());
    let summary = |arm: &ArmName| {
        let rows: Vec<&TrialRow> = judging
            .iter()
            .copied()
            .filter(|row| row.arm == *arm)
            .collect();
        (!rows.is_empty()).then(|| summary(arm, &rows, outcome, &counts))
    };
    Ok(order.iter().filter_map(summary).collect())
}

/// Counts over all arms, made once.
struct Counts {
    arms: Vec<Tally>,
    families: Vec<Tally>,
    stops: Vec<Tally>,
}

impl Counts {
    fn of(rows: &[&TrialRow]) -> Result<Counts> {
        Ok(Counts {
            arms: tally(rows, &[By::Arm])?,
            families: tally(rows, &[By::Arm, By::Family])?,
            stops: tally(rows, &[By::Arm, By::Stop])?,
        })
    }
}

/// The counts of one arm.
fn of_arm<'counts>(
    counts: &'counts [Tally],
    arm: &ArmName,
) -> impl Iterator<Item = &'counts Tally> {
    counts
        .iter()
        .filter(move |tally| tally.keys[0] == arm.as_str())
}

fn summary(arm: &ArmName, rows: &[&TrialRow], outcome: Outcome, counts: &Counts) -> ArmSummary {
    let total = of_arm(&counts.arms, arm).next();
    let stops: BTreeMap<String, u32> = of_arm(&counts.stops, arm)
        .filter(|tally| !tally.keys[1].is_empty())
        .map(|tally| (tally.keys[1].clone(), tally.trials))
        .collect();
    // What was read is known only of a store we gave.
    let given: Vec<&TrialRow> = graded(rows, outcome)
        .filter(|row| !row.memory_digest.is_empty())
        .collect();
    let listed =
        |list: fn(&TrialRow) -> &[LearningId]| mean(given.iter().map(|row| list(row).len() as f64));
    ArmSummary {
        arm: arm.to_string(),
        rate: rate(&task_cells(rows, outcome)),
        broken: total.map_or(0, |tally| tally.trials - tally.graded),
        broken_by: reasons(rows),
        trials_with_violations: total.map_or(0, |tally| tally.trials_with_violations),
        violations: total.map_or(0, |tally| tally.violations),
        mean_steps: mean(used(graded(rows, outcome), |usage| usage.steps)),
        mean_words_read: mean(used(given.iter().copied(), |usage| usage.words_read)),
        mean_eligible: listed(|row| &row.eligible),
        mean_surfaced: listed(|row| &row.surfaced),
        mean_opened: listed(|row| &row.opened).filter(|it| 0.0 < *it),
        mean_followed: listed(|row| &row.followed),
        cost_usd: rows
            .iter()
            .map(|row| row.usage.and_then(|usage| usage.cost_usd))
            .sum(),
        judge: judge_cost(rows),
        stops,
        families: families(rows, outcome, of_arm(&counts.families, arm)),
        learnings: rows
            .iter()
            .map(|row| row.learnings.len())
            .max()
            .map_or(0, |count| count as u32),
        memory_digest: rows
            .first()
            .map_or_else(String::new, |row| row.memory_digest.to_string()),
    }
}

/// Most reasons of one arm that are kept: some programs say something else each time.
const MOST_REASONS: usize = 20;

/// Why trials broke.
fn reasons(rows: &[&TrialRow]) -> Vec<(String, u32)> {
    let mut counted: BTreeMap<&str, u32> = BTreeMap::new();
    for reason in rows.iter().filter_map(|row| row.broken.as_deref()) {
        *counted.entry(reason).or_default() += 1;
    }
    let mut reasons: Vec<(String, u32)> = counted
        .into_iter()
        .map(|(reason, trials)| (reason.to_owned(), trials))
        .collect();
    reasons.sort_by_key(|(_, trials)| std::cmp::Reverse(*trials));
    reasons.truncate(MOST_REASONS);
    reasons
}

/// What the judge took; `None` where none was asked.
fn judge_cost(rows: &[&TrialRow]) -> Option<JudgeCost> {
    let asked: Vec<Usage> = rows.iter().filter_map(|row| row.judge).collect();
    (!asked.is_empty()).then(|| JudgeCost {
        trials: asked.len() as u32,
        input_tokens: asked.iter().map(|it| it.input_tokens).sum(),
        output_tokens: asked.iter().map(|it| it.output_tokens).sum(),
        cost_usd: asked.iter().map(|it| it.cost_usd).sum(),
    })
}

fn graded<'rows>(
    rows: &'rows [&'rows TrialRow],
    outcome: Outcome,
) -> impl Iterator<Item = &'rows TrialRow> {
    rows.iter()
        .copied()
        .filter(move |row| outcome.value(row).is_some())
}

fn used<'rows>(
    rows: impl Iterator<Item = &'rows TrialRow>,
    part: fn(&Usage) -> Option<u32>,
) -> impl Iterator<Item = f64> {
    rows.filter_map(move |row| row.usage.as_ref().and_then(part))
        .map(f64::from)
}

/// The mean of values added in plan order; `None` of none.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (0 < count).then(|| sum / f64::from(count))
}

fn families<'counts>(
    rows: &[&TrialRow],
    outcome: Outcome,
    counts: impl Iterator<Item = &'counts Tally>,
) -> Vec<FamilyRate> {
    let mut scores: BTreeMap<&str, f64> = BTreeMap::new();
    let mut roles: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        let family = row.family.as_str();
        *scores.entry(family).or_default() += outcome.value(row).unwrap_or(0.0);
        roles.entry(family).or_default().insert(&row.role);
    }
    let role = |family: &str| match roles.get(family) {
        Some(roles) if roles.len() == 1 => roles.iter().copied().collect(),
        _ => String::new(),
    };
    let family = |tally: &Tally| {
        let name = &tally.keys[1];
        FamilyRate {
            family: name.clone(),
            role: role(name),
            completed: scores.get(name.as_str()).copied().unwrap_or(0.0),
            trials: tally.graded,
        }
    };
    counts.map(family).collect()
}

/// Completion of each arm at each budget other than the headline's, arms in `order`, budgets rising.
pub fn sweep(rows: &[TrialRow], order: &[ArmName]) -> Vec<SweepPoint> {
    let budgeted = rows
        .iter()
        .filter(|row| row.pair.is_none() && row.half.is_none() && row.budget.is_some());
    let rows = judging(budgeted.collect());
    let outcome = Outcome::of(rows.iter().copied());
    let budgets: BTreeSet<u32> = rows.iter().filter_map(|row| row.budget).collect();
    let bare = ArmName::new(BARE);
    let mut points = Vec::new();
    for arm in order {
        for steps in &budgets {
            let at_budget: Vec<&TrialRow> = rows
                .iter()
                .copied()
                .filter(|row| row.budget == Some(*steps))
                .collect();
            let own: Vec<&TrialRow> = at_budget
                .iter()
                .copied()
                .filter(|row| row.arm == *arm)
                .collect();
            if own.is_empty() {
                continue;
            }
            let from_bare = || {
                headline_of(&pair(&at_budget, [&bare, arm], outcome, Policy::ExcludeTask).cells())
            };
            points.push(SweepPoint {
                arm: arm.to_string(),
                steps: *steps,
                rate: rate(&task_cells(&own, outcome)),
                from_bare: if *arm == bare { None } else { from_bare() },
            });
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::samples::trial;
    use crate::domain::trial::Stop;

    fn names(names: &[&str]) -> Vec<ArmName> {
        names.iter().map(|name| ArmName::new(*name)).collect()
    }

    fn measured(
        task: &str,
        completed: Option<bool>,
        steps: u32,
        cost_usd: Option<f64>,
    ) -> TrialRow {
        let usage = Usage {
            steps: Some(steps),
            cost_usd,
            ..Usage::default()
        };
        TrialRow {
            usage: Some(usage),
            stop: Some(Stop::Finished),
            role: "clerk".into(),
            violations: Some(3),
            ..trial(task, "x", completed)
        }
    }

    #[test]
    fn an_arm_is_counted_without_its_broken_trials() {
        let rows = [
            measured("a", Some(true), 4, Some(0.5)),
            measured("b", Some(false), 8, Some(0.25)),
            measured("c", None, 100, Some(0.0)),
        ];
        let found = summaries(&rows, &names(&["absent", "x"])).unwrap();
        let [summary] = found.as_slice() else {
            panic!("one arm has rows")
        };
        assert_eq!(
            (summary.rate.completed, summary.rate.trials, summary.broken),
            (1.0, 2, 1)
        );
        assert_eq!((summary.trials_with_violations, summary.violations), (3, 9));
        assert_eq!(
            (summary.mean_steps, summary.cost_usd),
            (Some(6.0), Some(0.75))
        );
        assert_eq!(summary.stops, BTreeMap::from([("finished".to_owned(), 3)]));
        assert_eq!(
            summary
                .families
                .iter()
                .map(|it| (it.role.as_str(), it.completed, it.trials))
                .collect::<Vec<_>>(),
            [("clerk", 1.0, 1), ("clerk", 0.0, 1), ("clerk", 0.0, 0)]
        );
    }

    #[test]
    fn what_is_not_known_of_every_trial_is_not_summed() {
        let rows = [
            measured("a", Some(true), 4, Some(0.5)),
            measured("b", Some(true), 4, None),
        ];
        let found = summaries(&rows, &names(&["x"])).unwrap();
        assert_eq!(
            (
                found[0].cost_usd,
                found[0].mean_words_read,
                found[0].mean_eligible
            ),
            (None, None, None)
        );
    }

    #[test]
    fn the_sweep_is_compared_with_bare_at_the_same_budget() {
        let at = |arm: &str, budget: u32, completed: bool| TrialRow {
            budget: Some(budget),
            ..trial("a", arm, Some(completed))
        };
        let rows = [
            at("bare", 15, false),
            at("dreamed", 15, true),
            at("bare", 5, false),
            trial("a", "bare", Some(true)),
        ];
        let points = sweep(&rows, &names(&["bare", "dreamed"]));
        let shown: Vec<_> = points
            .iter()
            .map(|it| {
                (
                    it.arm.as_str(),
                    it.steps,
                    it.from_bare.as_ref().map(|it| it.estimate),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("bare", 5, None),
                ("bare", 15, None),
                ("dreamed", 15, Some(1.0))
            ]
        );
    }
}
