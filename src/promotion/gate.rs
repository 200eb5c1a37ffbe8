//! The gate: may this store take the place of the one before? Pass, fail, or not enough evidence either way.
//!
//! It fails where the candidate surely falls below the baseline, where violations rise, and where a learning in the
//! store does harm or may not be there at all. It passes where the candidate surely lost less than is tolerated, or
//! where the store is the baseline's, byte for byte.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    analysis::evidence::{Comparison, Evidence, TaskChange},
    domain::trial::TrialRow,
    error::count,
    promotion::{
        calibration::Standing,
        contrast::{self, ContrastVerdict, Finding},
        figures::{achieved, arm_words, chance, names, plain_points, points, signed},
        policy::Policy,
        screen::{self, Severity},
        verdict::{Cause, LearningVerdict, Verdict, Verdicts},
    },
};

/// How many tasks a reason names.
const NAMED: usize = 5;

/// What the gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateWord {
    /// Nothing got worse beyond what is tolerated.
    Pass,
    /// Something got worse.
    Fail,
    /// Not enough evidence either way.
    Inconclusive,
}

/// The gate's word and all it rests on: the contents of `gate.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Version of this shape.
    pub format: u32,
    /// What the evidence says.
    pub word: GateWord,
    /// What it counts as by the policy: `word` unless that is undecided and the policy says more.
    pub counts_as: GateWord,
    /// The word with its reason and numbers, in one line.
    pub says: String,
    /// Further reasons, each a sentence.
    pub reasons: Vec<String>,
    /// The comparison it rests on; null where the baseline was not run.
    pub contrast: Option<ContrastVerdict>,
    /// Tasks that got worse, the largest loss first.
    pub flipped: Vec<TaskChange>,
    /// The learning most responsible, where one can be named.
    pub responsible: Option<Suspect>,
    /// A trial of the task that lost most, to be replayed; null where none lost.
    pub replay: Option<u32>,
    /// Digest of the store in question.
    pub store: String,
}

/// A learning to look at first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// The learning.
    pub id: String,
    /// Its title.
    pub name: String,
    /// Why it is suspected.
    pub because: String,
}

/// What a gate decides on.
#[derive(Debug, Clone, Copy)]
pub struct GateCase<'a> {
    /// Arms and the comparison with the baseline.
    pub evidence: &'a Evidence,
    /// What was decided on the candidate's learnings.
    pub verdicts: &'a Verdicts,
    /// The policy.
    pub policy: &'a Policy,
    /// The trials of the run, in plan order.
    pub rows: &'a [TrialRow],
    /// The arm compared against.
    pub baseline: &'a str,
    /// Ids of the learnings of the baseline's store.
    pub known: &'a [String],
    /// Digest of the baseline's store.
    pub baseline_store: &'a str,
    /// What the screen found in the candidate's learnings.
    pub findings: &'a [screen::Finding],
    /// How rubrics were judged; `None` where nothing was.
    pub judged: Option<&'a Standing>,
}

/// The arm in question.
pub const CANDIDATE: &str = "dreamed";

impl<'a> GateCase<'a> {
    /// Decides.
    pub fn decide(&self) -> Gate {
        let compared = self
            .evidence
            .comparisons
            .iter()
            .find(|it| it.candidate == CANDIDATE && it.baseline == self.baseline);
        let tested = compared.map(|it| contrast::tested(it, self.evidence, self.policy));
        let mut reasons = Vec::new();
        let objection = self.judged.and_then(|it| it.objection.as_deref());
        let worse = objection.is_none()
            && tested
                .as_ref()
                .is_some_and(|it| it.finding == Finding::Harm);
        if worse {
            reasons.extend(compared.map(|it| self.fell(it, tested.as_ref())));
        }
        reasons.extend(compared.and_then(|it| self.breaches(it)));
        reasons.extend(self.unwanted());
        let word = self.word(&reasons, tested.as_ref());
        let is_undecided = word == GateWord::Inconclusive;
        if is_undecided {
            if self.evidence.is_all_broken() {
                reasons.push("every trial broke, so nothing was measured".to_owned());
            }
            reasons.extend(objection.map(str::to_owned));
            reasons.extend(self.awaiting());
        }
        if reasons.is_empty() {
            reasons.push(self.why(word, compared, tested.as_ref()));
        }
        if !is_undecided {
            reasons.extend(self.awaiting());
        }
        let told = self.judged.into_iter().flat_map(|it| &it.says);
        let is_new = |it: &&String| !reasons.contains(it);
        reasons.extend(told.filter(is_new).cloned().collect::<Vec<_>>());
        let flipped = compared.map_or_else(Vec::new, |it| it.regressed_tasks.clone());
        let counts_as = self.counts_as(word);
        let says = format!("gate: {}: {}", said(word, counts_as), reasons.remove(0));
        Gate {
            format: 1,
            word,
            counts_as,
            says,
            reasons,
            contrast: tested,
            responsible: self.suspect(&flipped),
            replay: self.replay(&flipped),
            flipped,
            store: self.store().to_owned(),
        }
    }

    fn word(&self, reasons: &[String], tested: Option<&ContrastVerdict>) -> GateWord {
        match reasons.is_empty() {
            false => GateWord::Fail,
            // Of a store nobody could try nothing is known, whatever it is.
            true if self.evidence.is_all_broken() => GateWord::Inconclusive,
            true if self.is_unchanged() => GateWord::Pass,
            true if self.is_withheld() || self.awaiting().next().is_some() => {
                GateWord::Inconclusive
            }
            true if self.is_held(tested) => GateWord::Pass,
            true => GateWord::Inconclusive,
        }
    }

    fn counts_as(&self, word: GateWord) -> GateWord {
        match (word, self.policy.gate.inconclusive.as_str()) {
            // Whoever lets doubt pass speaks of too little evidence; this is evidence nobody may rely on.
            (GateWord::Inconclusive, "pass")
                if !self.is_withheld() && !self.evidence.is_all_broken() =>
            {
                GateWord::Pass
            }
            (GateWord::Inconclusive, "fail") => GateWord::Fail,
            _ => word,
        }
    }

    fn is_withheld(&self) -> bool {
        self.judged.is_some_and(|it| it.objection.is_some())
    }

    fn store(&self) -> &str {
        let arms = &self.evidence.arms;
        arms.iter()
            .find(|it| it.arm == CANDIDATE)
            .map_or("", |it| it.memory_digest.as_str())
    }

    fn is_unchanged(&self) -> bool {
        !self.baseline_store.is_empty() && self.store() == self.baseline_store
    }

    /// Whether the candidate surely lost less than is tolerated.
    fn is_held(&self, tested: Option<&ContrastVerdict>) -> bool {
        let tolerated = self.policy.effect.tolerated_loss;
        tested.is_some_and(|it| {
            it.finding != Finding::TooManyBroken
                && it.lower_bound.is_some_and(|lower| -tolerated < lower)
        })
    }

    fn rates(&self, compared: &Comparison) -> String {
        format!(
            "{} against {} with {}",
            achieved(&compared.candidate_rate, &compared.outcome),
            achieved(&compared.baseline_rate, &compared.outcome),
            arm_words(&compared.baseline)
        )
    }

    fn fell(&self, compared: &Comparison, tested: Option<&ContrastVerdict>) -> String {
        let size = tested.map_or_else(String::new, |it| it.size.clone());
        let lost: Vec<String> = compared
            .regressed_tasks
            .iter()
            .map(|it| it.task.clone())
            .collect();
        format!(
            "completion fell: {} ({size}); {} did worse: {}",
            self.rates(compared),
            count(lost.len(), "task"),
            names(&lost, NAMED)
        )
    }

    /// Violations rise where the share of trials with one is surely higher.
    fn breaches(&self, compared: &Comparison) -> Option<String> {
        let rise = &compared.violations;
        let (more, p) = (rise.estimate?, rise.p?);
        (0.0 < more && p / 2.0 <= self.policy.error.harm).then(|| {
            format!(
                "violations rise: {} in the share of trials with one against {} (one-sided p {})",
                points(more),
                arm_words(&compared.baseline),
                chance(p / 2.0)
            )
        })
    }

    /// Learnings that may not be in a store: harm, violations, leaks, and what the screen stops.
    fn unwanted(&self) -> Vec<String> {
        let is_unwanted = |it: &&LearningVerdict| {
            it.verdict == Verdict::Demote
                || it.verdict == Verdict::Reject && it.cause != Some(Cause::NoUsefulEffect)
        };
        let told = |it: &LearningVerdict| {
            let cause = it.cause.map_or("", Cause::words);
            let why = it.reasons.first().map_or("", String::as_str);
            format!("learning “{}” ({}): {cause}: {why}", it.name, it.id)
        };
        let all = self.verdicts.learnings.iter();
        all.filter(is_unwanted).map(told).collect()
    }

    /// Learnings new to the store that somebody must read, whatever the trials say.
    fn awaiting(&self) -> impl Iterator<Item = String> {
        let is_new =
            |it: &&screen::Finding| !self.known.iter().any(|id| id == it.learning.as_str());
        let found = self.findings.iter();
        found
            .filter(|it| it.severity == Severity::Review)
            .filter(is_new)
            .map(|it| {
                let (id, place) = (it.learning.as_str(), format!("{}:{}", it.path, it.line));
                format!(
                    "a person must read learning {id} ({place}): {}: {}",
                    it.id, it.says
                )
            })
    }

    fn why(
        &self,
        word: GateWord,
        compared: Option<&Comparison>,
        tested: Option<&ContrastVerdict>,
    ) -> String {
        let baseline = arm_words(self.baseline);
        let tolerated = plain_points(self.policy.effect.tolerated_loss);
        let (Some(compared), Some(tested)) = (compared, tested) else {
            return format!("there is nothing to compare with: {baseline} was not run");
        };
        let rates = self.rates(compared);
        if word == GateWord::Pass && self.is_unchanged() {
            return format!("the store is that of {baseline}, byte for byte: {rates}");
        }
        if word == GateWord::Pass {
            let lower = tested.lower_bound.unwrap_or_default();
            return format!(
                "{rates}; a loss of more than {tolerated} is excluded (lower bound {})",
                signed(lower)
            );
        }
        if tested.finding == Finding::TooManyBroken {
            return tested.says.clone();
        }
        let lower = tested.lower_bound.map_or_else(
            || "no bound can be had".to_owned(),
            |it| format!("lower bound {}", signed(it)),
        );
        let sees = compared.smallest_visible.map_or_else(String::new, |it| {
            format!(
                "; with {} in {} the smallest loss it would see 4 times in 5 is {}",
                count(compared.tasks as usize, "task"),
                count(compared.families as usize, "family"),
                plain_points(it)
            )
        });
        format!(
            "a loss of more than {tolerated} is neither shown nor excluded: {rates} ({lower}){sees}"
        )
    }

    /// The learning most responsible: the one proven to harm most; else among those new to the store, the one followed
    /// most often where tasks were lost.
    fn suspect(&self, flipped: &[TaskChange]) -> Option<Suspect> {
        let demoted = self.verdicts.with(Verdict::Demote).min_by(|one, other| {
            one.effect
                .partial_cmp(&other.effect)
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        if let Some(it) = demoted {
            return Some(Suspect {
                id: it.id.clone(),
                name: it.name.clone(),
                because: it.reasons.first().cloned().unwrap_or_default(),
            });
        }
        let mut followed: BTreeMap<&str, usize> = BTreeMap::new();
        for row in self.lost_trials(flipped) {
            for id in row.followed.iter().map(|it| it.as_str()) {
                if !self.known.iter().any(|known| known == id) {
                    *followed.entry(id).or_default() += 1;
                }
            }
        }
        let (id, times) = followed
            .into_iter()
            .max_by(|one, other| one.1.cmp(&other.1).then(other.0.cmp(one.0)))?;
        let own = self.verdicts.learnings.iter().find(|it| it.id == id)?;
        Some(Suspect {
            id: id.to_owned(),
            name: own.name.clone(),
            because: format!(
                "new to the store, and followed in {} of tasks that did worse",
                count(times, "trial")
            ),
        })
    }

    /// The candidate's trials, at the headline budget, of tasks that got worse and that were not completed.
    fn lost_trials(&self, flipped: &[TaskChange]) -> impl Iterator<Item = &'a TrialRow> {
        let lost: Vec<String> = flipped.iter().map(|it| it.task.clone()).collect();
        self.rows.iter().filter(move |row| {
            row.arm.as_str() == CANDIDATE
                && row.budget.is_none()
                && row.completed == Some(false)
                && lost.iter().any(|it| it == row.task.as_str())
        })
    }

    fn replay(&self, flipped: &[TaskChange]) -> Option<u32> {
        let first = flipped.first()?;
        let position = self.rows.iter().position(|row| {
            row.arm.as_str() == CANDIDATE
                && row.budget.is_none()
                && row.completed == Some(false)
                && row.task.as_str() == first.task
        })?;
        u32::try_from(position).ok()
    }
}

/// `pass`, or `inconclusive, counted as pass`.
fn said(word: GateWord, counts_as: GateWord) -> String {
    match word == counts_as {
        true => word.word().to_owned(),
        false => format!("{}, counted as {}", word.word(), counts_as.word()),
    }
}

impl GateWord {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            GateWord::Pass => "pass",
            GateWord::Fail => "fail",
            GateWord::Inconclusive => "inconclusive",
        }
    }
}
