//! Credit to single learnings, from foldover pairs: a random half of the learnings against the other half, on the same task.

mod delivery;
mod effects;
mod pairs;

use std::collections::{BTreeMap, HashMap};

use crate::analysis::credit::delivery::delivery;
use crate::analysis::credit::effects::{Estimates, Found, by_role};
use crate::analysis::credit::pairs::{Pair, pairs};
use crate::analysis::evidence::LearningEvidence;
use crate::analysis::outcomes::{LEVEL, bounds};
use crate::domain::memory::{Learning, LearningKind};
use crate::domain::trial::TrialRow;
use crate::error::{Result, count};
use crate::statistics::{benjamini_hochberg, sign_test};

/// Findings for every learning, and what they rest on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Credit {
    /// In the order of the learnings; verdicts are still empty.
    pub learnings: Vec<LearningEvidence>,
    /// Pairs that entered the regression.
    pub pairs: u32,
    /// Pairs left out, as a half broke or never ran.
    pub broken_pairs: u32,
    /// What to know.
    pub warnings: Vec<String>,
}

/// Estimates the effect of each of `learnings` from the foldover halves among `rows`.
///
/// With z = +1 for a learning in the subset half, −1 for one in the complement, 0 for one not eligible, the difference of a pair is
/// Σ 2β z and noise, so the least-squares coefficient is the Banzhaf effect 2β. Source: see `statistics::foldover`.
///
/// # Errors
/// A pair with one half twice, or halves of different tasks.
pub fn credit(rows: &[TrialRow], learnings: &[Learning]) -> Result<Credit> {
    let numbers: HashMap<&str, usize> = learnings
        .iter()
        .enumerate()
        .map(|(number, it)| (it.id.as_str(), number))
        .collect();
    let found = pairs(rows, &numbers)?;
    let effects = Estimates::of(&found.pairs, |pair| Some(pair.difference), learnings.len()).found;
    let violations = Estimates::of(&found.pairs, |pair| pair.violations, learnings.len()).found;
    let deliveries = delivery(rows, &numbers);
    let roles = by_role(&found.pairs, learnings.len());
    let mut credit = Credit {
        pairs: u32::try_from(found.pairs.len()).unwrap_or(u32::MAX),
        broken_pairs: u32::try_from(found.broken).unwrap_or(u32::MAX),
        ..Credit::default()
    };
    if 0 < found.broken {
        let broken = count(found.broken, "foldover pair");
        credit.warnings.push(format!(
            "{broken} left out of attribution, as a half broke or never ran"
        ));
    }
    for (number, (learning, by_role)) in learnings.iter().zip(roles).enumerate() {
        let mut evidence = described(learning);
        write_effect(&mut evidence, &effects[number]);
        if let Found::Effect(estimate) = &violations[number] {
            evidence.violations_effect = Some(estimate.effect.estimate);
            evidence.violations_p = estimate.p_benefit;
        }
        evidence.surfaced_rate = deliveries[number].surfaced_rate();
        evidence.followed_rate = deliveries[number].followed_rate();
        evidence.by_role = by_role;
        (evidence.helped_tasks, evidence.harmed_tasks) = named_tasks(&found.pairs, number);
        credit
            .warnings
            .extend(caveat(&effects[number], number, learnings));
        credit.learnings.push(evidence);
    }
    adjust(
        &mut credit.learnings,
        |it| it.p,
        |it, p| it.p_adjusted = Some(p),
    );
    adjust(
        &mut credit.learnings,
        |it| it.violations_p,
        |it, p| it.violations_p_adjusted = Some(p),
    );
    adjust(
        &mut credit.learnings,
        |it| it.p_harm_adjusted,
        |it, p| it.p_harm_adjusted = Some(p),
    );
    Ok(credit)
}

/// The evidence of a learning of which nothing was measured.
fn described(learning: &Learning) -> LearningEvidence {
    let kind = match learning.kind {
        LearningKind::Note => "note",
        LearningKind::Playbook => "playbook",
    };
    LearningEvidence {
        id: learning.id.to_string(),
        name: learning.name.clone(),
        kind: kind.to_owned(),
        verdict: String::new(),
        reasons: Vec::new(),
        effect: None,
        se: None,
        interval: None,
        lower_bound: None,
        upper_bound: None,
        p: None,
        p_harm: None,
        p_adjusted: None,
        p_harm_adjusted: None,
        pairs: 0,
        tasks: 0,
        by_role: Vec::new(),
        violations_effect: None,
        violations_p: None,
        violations_p_adjusted: None,
        surfaced_rate: None,
        followed_rate: None,
        helped_tasks: Vec::new(),
        harmed_tasks: Vec::new(),
        words: u32::try_from(learning.text.split_whitespace().count()).unwrap_or(u32::MAX),
        text: learning.text.clone(),
        source: format!("{}:{}", learning.source.path, learning.source.line),
        roles: learning.roles.clone(),
        findings: Vec::new(),
        canary: None,
    }
}

fn write_effect(evidence: &mut LearningEvidence, found: &Found) {
    let Found::Effect(estimate) = found else {
        return;
    };
    evidence.effect = Some(estimate.effect.estimate);
    evidence.se = estimate.error().map(|error| error.value);
    evidence.interval = estimate.interval().map(bounds);
    evidence.lower_bound = estimate.lower_bound(LEVEL);
    evidence.upper_bound = estimate.upper_bound(LEVEL);
    evidence.p = estimate.p_benefit;
    evidence.p_harm = estimate.p_harm;
    evidence.p_harm_adjusted = estimate.p_harm_here;
    evidence.pairs = u32::try_from(estimate.effect.pairs).unwrap_or(u32::MAX);
    evidence.tasks = u32::try_from(estimate.effect.tasks).unwrap_or(u32::MAX);
}

/// Tasks on which halves with the learning did better, or worse, beyond chance: a one-sided sign test per task at 5 %.
/// Largest mean signed difference first.
fn named_tasks(pairs: &[Pair<'_>], learning: usize) -> (Vec<String>, Vec<String>) {
    let mut tasks: BTreeMap<usize, TaskTally<'_>> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| pair.signs[learning] != 0) {
        let tally = tasks.entry(pair.task).or_insert(TaskTally {
            name: pair.task_name,
            sum: 0.0,
            pairs: 0,
            better: 0,
            worse: 0,
        });
        let signed = f64::from(pair.signs[learning]) * pair.difference;
        tally.sum += signed;
        tally.pairs += 1;
        tally.better += u64::from(0.0 < signed);
        tally.worse += u64::from(signed < 0.0);
    }
    let mut tallies: Vec<TaskTally<'_>> = tasks.into_values().collect();
    tallies.sort_by(|one, other| other.mean().abs().total_cmp(&one.mean().abs()));
    let named = |is_named: fn(&TaskTally<'_>) -> bool| {
        tallies
            .iter()
            .filter(|it| is_named(it))
            .map(|it| it.name.to_owned())
            .collect()
    };
    (
        named(|it| sign_test(it.better, it.worse).greater <= TASK_CHANCE),
        named(|it| sign_test(it.worse, it.better).greater <= TASK_CHANCE),
    )
}

/// Chance at which one task is named as helped or harmed when nothing is the matter.
const TASK_CHANCE: f64 = 0.05;

/// How one task's pairs came out with a learning against without it.
struct TaskTally<'a> {
    name: &'a str,
    sum: f64,
    pairs: u32,
    better: u64,
    worse: u64,
}

impl TaskTally<'_> {
    fn mean(&self) -> f64 {
        self.sum / f64::from(self.pairs)
    }
}

fn caveat(found: &Found, number: usize, learnings: &[Learning]) -> Option<String> {
    let name = |number: &usize| {
        learnings
            .get(*number)
            .map_or_else(String::new, |it| format!("`{}`", it.name))
    };
    let this = name(&number);
    match found {
        Found::Nothing => None,
        Found::Collinear(with) => {
            let others: Vec<String> = with.iter().map(name).collect();
            Some(format!(
                "{this} cannot be told apart from {}: they always went together",
                others.join(", ")
            ))
        }
        Found::Effect(estimate) if estimate.is_exact => Some(format!(
            "{this} did the same on all of {}: its bounds are exact, its p-values those of the sign-flip test",
            count(estimate.effect.tasks, "task")
        )),
        Found::Effect(estimate) if estimate.effect.task_error.is_none() => Some(format!(
            "{this} was tried on {} in {}: no error can be estimated",
            count(estimate.effect.tasks, "task"),
            count(estimate.effect.pairs, "pair")
        )),
        Found::Effect(_) => None,
    }
}

/// Benjamini–Hochberg over the learnings that have the p-value in question.
fn adjust(
    learnings: &mut [LearningEvidence],
    p_of: fn(&LearningEvidence) -> Option<f64>,
    write: fn(&mut LearningEvidence, f64),
) {
    let p_values: Vec<f64> = learnings.iter().filter_map(p_of).collect();
    let adjusted = benjamini_hochberg(&p_values).unwrap_or_default();
    let tested = learnings
        .iter_mut()
        .filter(|learning| p_of(learning).is_some());
    for (learning, p) in tested.zip(adjusted) {
        write(learning, p);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::samples::trial;
    use crate::domain::id::LearningId;
    use crate::domain::memory::Source;
    use crate::domain::trial::Half;

    fn learning(id: &str) -> Learning {
        Learning {
            id: LearningId::new(id),
            name: format!("about {id}"),
            kind: LearningKind::Note,
            source: Source {
                path: "/notes.md".to_owned(),
                span: 0..3,
                line: 4,
            },
            text: "two words".to_owned(),
            roles: Vec::new(),
            evidence: Vec::new(),
        }
    }

    fn ids(ids: &str) -> Vec<LearningId> {
        ids.split_whitespace().map(LearningId::new).collect()
    }

    /// Both halves of a pair: the subset's learnings and outcome, then the complement's.
    fn halves(
        pair: u32,
        task: &str,
        subset: (&str, Option<bool>),
        complement: (&str, Option<bool>),
    ) -> [TrialRow; 2] {
        let half = |half: Half, (learnings, completed): (&str, Option<bool>)| TrialRow {
            pair: Some(pair),
            half: Some(half),
            learnings: ids(learnings),
            eligible: ids("good bad"),
            role: "clerk".into(),
            violations: Some(0),
            ..trial(task, "foldover", completed)
        };
        [
            half(Half::Subset, subset),
            half(Half::Complement, complement),
        ]
    }

    const DONE: Option<bool> = Some(true);
    const FAILED: Option<bool> = Some(false);

    #[test]
    fn what_always_helps_is_told_from_what_does_nothing() {
        let rows = [
            halves(0, "a", ("good bad", DONE), ("", FAILED)),
            halves(1, "a", ("good", DONE), ("bad", FAILED)),
            halves(2, "b", ("bad", FAILED), ("good", DONE)),
            halves(3, "b", ("", FAILED), ("good bad", DONE)),
        ]
        .concat();
        let credit = credit(&rows, &[learning("good"), learning("bad")]).unwrap();
        let [good, bad] = credit.learnings.as_slice() else {
            panic!("two learnings")
        };
        assert_eq!((good.effect, bad.effect), (Some(1.0), Some(0.0)));
        assert_eq!((good.pairs, good.tasks, credit.pairs), (4, 2, 4));
        // Two pairs a task are not beyond chance.
        assert!(good.helped_tasks.is_empty());
        assert_eq!((good.p, good.p_harm), (Some(0.25), Some(1.0)));
        assert_eq!(good.p_adjusted, Some(0.5));
        assert!(good.interval.is_some_and(|[low, high]| low < high));
        assert_eq!(
            good.by_role
                .iter()
                .map(|it| (it.role.as_str(), it.effect))
                .collect::<Vec<_>>(),
            [("clerk", 1.0)]
        );
        assert_eq!(
            (good.violations_effect, good.violations_p),
            (Some(0.0), Some(1.0))
        );
        assert_eq!((good.source.as_str(), good.words), ("/notes.md:4", 2));
        assert_eq!(
            credit.warnings[0],
            "`about good` did the same on all of 2 tasks: its bounds are exact, its p-values those of the sign-flip test"
        );
    }

    #[test]
    fn a_task_is_named_when_its_pairs_agree_beyond_chance() {
        let rows: Vec<TrialRow> = (0..5)
            .flat_map(|pair| {
                let helped = halves(pair, "a", ("good", DONE), ("bad", FAILED));
                let once = halves(
                    10 + pair,
                    "b",
                    ("good", DONE),
                    ("bad", if pair == 0 { FAILED } else { DONE }),
                );
                [helped, once].concat()
            })
            .collect();
        let credit = credit(&rows, &[learning("good"), learning("bad")]).unwrap();
        assert_eq!(credit.learnings[0].helped_tasks, ["a"]);
        assert_eq!(credit.learnings[1].harmed_tasks, ["a"]);
    }

    #[test]
    fn noise_gives_an_error_clustered_by_task() {
        let rows = [
            halves(0, "a", ("good", DONE), ("bad", FAILED)),
            halves(1, "b", ("good bad", DONE), ("", DONE)),
            halves(2, "c", ("bad", FAILED), ("good", DONE)),
            halves(3, "d", ("", DONE), ("good bad", DONE)),
            halves(4, "e", ("good", FAILED), ("bad", DONE)),
        ]
        .concat();
        let credit = credit(&rows, &[learning("good"), learning("bad")]).unwrap();
        let good = &credit.learnings[0];
        assert!(good.se.is_some_and(|se| 0.0 < se));
        assert!(good.lower_bound < good.effect && good.effect < good.upper_bound);
        assert_eq!(
            good.p
                .zip(good.p_harm)
                .map(|(p, harm)| ((p + harm) * 1e9).round()),
            Some(1e9)
        );
        assert_eq!(credit.warnings, Vec::<String>::new());
    }

    #[test]
    fn a_pair_with_a_broken_half_is_left_out_and_counted() {
        let rows = [
            halves(0, "a", ("good", DONE), ("bad", None)),
            halves(1, "b", ("good", DONE), ("bad", FAILED)),
        ]
        .concat();
        let credit = credit(&rows, &[learning("good")]).unwrap();
        assert_eq!((credit.pairs, credit.learnings[0].pairs), (1, 1));
        assert_eq!(
            credit.warnings,
            [
                "1 foldover pair left out of attribution, as a half broke or never ran",
                "`about good` was tried on 1 task in 1 pair: no error can be estimated",
            ]
        );
        assert_eq!(
            (credit.learnings[0].interval, credit.learnings[0].p),
            (None, None)
        );
    }

    #[test]
    fn a_learning_without_pairs_has_no_effect() {
        let credit = credit(&[], &[learning("good")]).unwrap();
        assert_eq!(
            (
                credit.learnings[0].effect,
                credit.learnings[0].p_adjusted,
                credit.pairs
            ),
            (None, None, 0)
        );
    }

    #[test]
    fn learnings_that_always_go_together_cannot_be_told_apart() {
        let rows = [
            halves(0, "a", ("good bad", DONE), ("", FAILED)),
            halves(1, "b", ("", FAILED), ("good bad", DONE)),
        ]
        .concat();
        let credit = credit(&rows, &[learning("good"), learning("bad")]).unwrap();
        assert_eq!(credit.learnings[0].effect, None);
        assert_eq!(
            credit.warnings[0],
            "`about good` cannot be told apart from `about bad`: they always went together"
        );
    }

    #[test]
    fn delivery_is_counted_where_the_store_had_it() {
        let mut rows = halves(0, "a", ("good", DONE), ("bad", FAILED));
        rows[0].surfaced = ids("good");
        let credit = credit(&rows, &[learning("good"), learning("bad")]).unwrap();
        let rates: Vec<_> = credit
            .learnings
            .iter()
            .map(|it| (it.surfaced_rate, it.followed_rate))
            .collect();
        assert_eq!(rates, [(Some(1.0), Some(0.0)), (Some(0.0), None)]);
    }

    #[test]
    fn halves_that_do_not_fit_together_are_refused() {
        let one = halves(0, "a", ("good", DONE), ("bad", FAILED));
        let other = halves(0, "b", ("good", DONE), ("bad", FAILED));
        let error = credit(&[one[0].clone(), other[1].clone()], &[learning("good")]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("error: the halves of foldover pair 0 are of tasks `a` and `b`")
        );
        let error = credit(&[one[0].clone(), other[0].clone()], &[learning("good")]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("error: foldover pair 0 has one half twice")
        );
    }
}
