//! Verdicts on a dream and on each of its learnings: the contents of `verdicts.json`.
//!
//! They are decided here once and carried as data; nothing downstream decides again.

use serde::{Deserialize, Serialize};

use crate::{
    analysis::evidence::{Bounds, Evidence},
    error::count,
    promotion::{
        budget::Budget,
        dream::{self, DreamVerdict},
        learning,
        policy::Policy,
        question::Question,
        screen::Severity,
    },
};

/// Everything decided from one set of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdicts {
    /// Version of this shape.
    pub format: u32,
    /// Whether the dream, or the candidate of a comparison, helps.
    pub dream: DreamVerdict,
    /// How many learnings were promoted and so on, as a sentence; empty without learnings.
    pub tally: String,
    /// One per learning, in store order.
    pub learnings: Vec<LearningVerdict>,
    /// The policy they were decided by.
    pub policy: Policy,
}

/// What becomes of a learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It earned its place.
    Promote,
    /// Not enough is known either way; the cause says what is missing.
    Hold,
    /// It earned no place: no useful effect, a violation, a leak, or a finding of the screen.
    Reject,
    /// It does harm.
    Demote,
}

/// Why a learning was not promoted, in one word for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It contains what only a grader may know.
    Leak,
    /// The screen objected to its text.
    Screen,
    /// It would be promoted, but the screen found something a person must look at first.
    NeedsReview,
    /// It leads to what a canary forbids.
    Canary,
    /// It raises violations.
    Violation,
    /// It surely gains less than the least gain.
    NoUsefulEffect,
    /// It surely makes things worse.
    Harm,
    /// It surely makes things worse in one role.
    HarmsARole,
    /// No task met its role and condition.
    NotEligible,
    /// Too few pairs or tasks.
    TooFewPairs,
    /// No error could be estimated.
    NotEstimated,
    /// Agents were rarely shown it.
    NotDelivered,
    /// Agents were shown it and rarely did as it says.
    NotFollowed,
    /// It seems to gain, but less than the least gain.
    SmallSoFar,
    /// The interval holds both nothing and a useful gain.
    Underpowered,
    /// Too many foldover trials broke.
    TooManyBroken,
    /// A judge graded it that may inform and not gate.
    JudgeNotCalibrated,
}

/// What was decided of one learning, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LearningVerdict {
    /// Content-derived id.
    pub id: String,
    /// A title for people.
    pub name: String,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why it was not promoted; null where it was.
    pub cause: Option<Cause>,
    /// Why, in sentences with their numbers; the first one says it all.
    pub reasons: Vec<String>,
    /// Effect on eligible tasks, −1 to 1.
    pub effect: Option<f64>,
    /// 95 %, two-sided.
    pub interval: Option<Bounds>,
    /// One-sided 95 %.
    pub lower_bound: Option<f64>,
    /// One-sided, for benefit, adjusted for the number of learnings.
    pub p_adjusted: Option<f64>,
    /// Foldover pairs in which it was eligible.
    pub pairs: u32,
    /// Tasks it helped on, largest first.
    pub helped_tasks: Vec<String>,
    /// Tasks it harmed on, largest first.
    pub harmed_tasks: Vec<String>,
}

/// Something the screen found in a learning before any replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The learning's id.
    pub learning: String,
    /// The finding's stable id, such as `leak`.
    pub finding: String,
    /// What was found, in words.
    pub says: String,
    /// What it does: reject, wait for a person, or nothing.
    pub severity: Severity,
}

/// Decides on the dream and on every learning.
pub fn decide(
    evidence: &Evidence,
    policy: &Policy,
    question: &Question,
    objections: &[Objection],
    budget: &Budget,
) -> Verdicts {
    let broken = learning::broken_foldover(evidence, policy);
    let learnings: Vec<LearningVerdict> = evidence
        .learnings
        .iter()
        .map(|it| {
            let policy = budget.policy(policy, &it.id);
            let unpaired =
                "no pairs were played, so nothing tells one learning from another".to_owned();
            let verdict = learning::decide(it, &policy, objections, broken.as_deref());
            match verdict.cause {
                Some(Cause::NotEligible) if evidence.pairs + evidence.broken_pairs == 0 => {
                    LearningVerdict {
                        cause: Some(Cause::NotEstimated),
                        reasons: vec![unpaired],
                        ..verdict
                    }
                }
                _ => verdict,
            }
        })
        .collect();
    Verdicts {
        format: 1,
        dream: dream::decide(evidence, policy, question),
        tally: tally(&learnings),
        learnings,
        policy: policy.clone(),
    }
}

impl Verdicts {
    /// Writes each learning's verdict and reasons into its evidence.
    pub fn write_into(&self, evidence: &mut Evidence) {
        for verdict in &self.learnings {
            for learning in &mut evidence.learnings {
                if learning.id == verdict.id {
                    learning.verdict = verdict.verdict.word().to_owned();
                    learning.reasons = verdict.reasons.clone();
                }
            }
        }
    }

    /// Holds every learning whose verdict rests on a judge that may inform and not gate, `why` it may not before the reasons
    /// the numbers gave. What stands in a text, what is breached and what a canary tells do not rest on a judge.
    pub fn withhold(&mut self, why: &str) {
        for verdict in &mut self.learnings {
            let is_plain = matches!(
                verdict.cause,
                Some(Cause::Leak | Cause::Screen | Cause::Canary | Cause::Violation)
            );
            let is_held = verdict.verdict == Verdict::Hold && !verdict.is_open();
            if !is_plain && !is_held {
                verdict.verdict = Verdict::Hold;
                verdict.cause = Some(Cause::JudgeNotCalibrated);
                verdict.reasons.insert(0, why.to_owned());
            }
        }
        self.tally = tally(&self.learnings);
    }

    /// The learnings with this verdict, in store order.
    pub fn with(&self, verdict: Verdict) -> impl Iterator<Item = &LearningVerdict> {
        self.learnings
            .iter()
            .filter(move |it| it.verdict == verdict)
    }
}

impl LearningVerdict {
    /// Whether it may be put in force as soon as nobody objects: it earned its place, or did but for a person's word.
    pub fn is_open(&self) -> bool {
        self.verdict == Verdict::Promote || self.cause == Some(Cause::NeedsReview)
    }
}

impl Verdict {
    /// Every verdict, best first.
    pub const ALL: [Verdict; 4] = [
        Verdict::Promote,
        Verdict::Hold,
        Verdict::Reject,
        Verdict::Demote,
    ];

    /// The word used in files.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Promote => "promote",
            Verdict::Hold => "hold",
            Verdict::Reject => "reject",
            Verdict::Demote => "demote",
        }
    }
}

impl Cause {
    /// The cause in a reader's words.
    pub fn words(self) -> &'static str {
        match self {
            Cause::Leak => "leak",
            Cause::Screen => "screened out",
            Cause::NeedsReview => "needs review",
            Cause::Canary => "canary",
            Cause::Violation => "violation",
            Cause::NoUsefulEffect => "no useful effect",
            Cause::Harm => "harm",
            Cause::HarmsARole => "harms a role",
            Cause::NotEligible => "never eligible",
            Cause::TooFewPairs => "too few pairs",
            Cause::NotEstimated => "not estimated",
            Cause::NotDelivered => "not delivered",
            Cause::NotFollowed => "not followed",
            Cause::SmallSoFar => "small so far",
            Cause::Underpowered => "underpowered",
            Cause::TooManyBroken => "too many broken",
            Cause::JudgeNotCalibrated => "judge not calibrated",
        }
    }
}

fn tally(learnings: &[LearningVerdict]) -> String {
    let number = |verdict| learnings.iter().filter(|it| it.verdict == verdict).count();
    let others: Vec<String> = [
        (Verdict::Hold, "held"),
        (Verdict::Reject, "rejected"),
        (Verdict::Demote, "demoted for harm"),
    ]
    .into_iter()
    .filter(|(verdict, _)| 0 < number(*verdict))
    .map(|(verdict, word)| format!("{} {word}", number(verdict)))
    .collect();
    let promoted = number(Verdict::Promote);
    let is_one = promoted == 1 || learnings.len() == 1;
    let earn = if is_one { "earns" } else { "earn" };
    let all = count(learnings.len(), "learning");
    match (learnings.is_empty(), others.is_empty()) {
        (true, _) => String::new(),
        (false, true) => format!("{promoted} of {all} {earn} promotion."),
        (false, false) => format!(
            "{promoted} of {all} {earn} promotion; {}.",
            others.join(", ")
        ),
    }
}
