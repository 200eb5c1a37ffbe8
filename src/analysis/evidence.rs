//! Everything the analysis can say, as data: the contents of `evidence.json`.
//!
//! Rates run from 0 to 1 and differences from −1 to 1. Undefined numbers are null, never NaN.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Lower and upper bound, written as an array of two.
pub type Bounds = [f64; 2];

/// All evidence of a run or a comparison.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Version of this shape.
    pub format: u32,
    /// What each arm came to, in the order of the arms.
    pub arms: Vec<ArmSummary>,
    /// Arm contrasts, in testing order.
    pub comparisons: Vec<Comparison>,
    /// Completion at each step budget, by arm.
    pub sweep: Vec<SweepPoint>,
    /// One finding per learning, in store order; verdicts are filled in by promotion.
    pub learnings: Vec<LearningEvidence>,
    /// Foldover pairs that entered the regression.
    pub pairs: u32,
    /// Foldover pairs left out, as a half broke or never ran.
    pub broken_pairs: u32,
    /// What a reader must know before believing any of it.
    pub warnings: Vec<String>,
}

/// What one arm came to on the test tasks at the headline budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmSummary {
    /// The arm.
    pub arm: String,
    /// Completed trials among graded ones, with the interval.
    pub rate: RateEvidence,
    /// Trials that broke.
    pub broken: u32,
    /// Why, the most frequent reasons first, with how many trials each broke; reasons beyond a number of them are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken_by: Vec<(String, u32)>,
    /// Trials in which something was breached.
    pub trials_with_violations: u32,
    /// Violations in all.
    pub violations: u32,
    /// Mean tool calls a trial, over graded trials that counted them.
    pub mean_steps: Option<f64>,
    /// Mean words of memory read a trial.
    pub mean_words_read: Option<f64>,
    /// Mean learnings eligible, surfaced and followed a trial.
    pub mean_eligible: Option<f64>,
    /// See `mean_eligible`.
    pub mean_surfaced: Option<f64>,
    /// Mean learnings a trial asked for by name; absent where none did, or agents are shown theirs unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_opened: Option<f64>,
    /// See `mean_eligible`.
    pub mean_followed: Option<f64>,
    /// Dollars in all; null where any trial's cost is unknown.
    pub cost_usd: Option<f64>,
    /// What judging its rubrics took, kept apart from the arm's own cost; absent where no judge was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeCost>,
    /// Why attempts ended, by word.
    pub stops: BTreeMap<String, u32>,
    /// Completion by family.
    pub families: Vec<FamilyRate>,
    /// Learnings in the arm's store.
    pub learnings: u32,
    /// Digest of the arm's store.
    pub memory_digest: String,
}

impl Evidence {
    /// Trials of all arms that broke at the headline budget.
    pub fn broken(&self) -> u32 {
        self.arms.iter().map(|it| it.broken).sum()
    }

    /// Whether trials broke, and none was graded: nothing was measured.
    pub fn is_all_broken(&self) -> bool {
        0 < self.broken() && self.arms.iter().all(|it| it.rate.trials == 0)
    }

    /// Why trials broke, over all arms: the reason, how many trials, and the arms; the most frequent first.
    pub fn broken_by(&self) -> Vec<(&str, u32, Vec<&str>)> {
        let mut all: BTreeMap<&str, (u32, Vec<&str>)> = BTreeMap::new();
        for arm in &self.arms {
            for (reason, trials) in &arm.broken_by {
                let (sum, arms) = all.entry(reason).or_default();
                *sum += trials;
                arms.push(&arm.arm);
            }
        }
        let mut reasons: Vec<_> = all
            .into_iter()
            .map(|(reason, (trials, arms))| (reason, trials, arms))
            .collect();
        reasons.sort_by_key(|(_, trials, _)| std::cmp::Reverse(*trials));
        reasons
    }
}

/// What a judge consumed over an arm's trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct JudgeCost {
    /// Trials it was asked about.
    pub trials: u32,
    /// Uncached input tokens; null where any trial's are unknown.
    pub input_tokens: Option<u64>,
    /// Output tokens; null likewise.
    pub output_tokens: Option<u64>,
    /// Dollars; null likewise.
    pub cost_usd: Option<f64>,
}

/// A completion rate with its denominator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateEvidence {
    /// Completed trials; a sum of scores where `completed` is absent.
    pub completed: f64,
    /// Graded trials.
    pub trials: u32,
    /// Their ratio; null without trials.
    pub rate: Option<f64>,
    /// 95 % interval on the effective sample size.
    pub interval: Option<Bounds>,
}

/// Completion within one family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FamilyRate {
    /// The family.
    pub family: String,
    /// Its role, where all its tasks have one.
    pub role: String,
    /// Completed trials.
    pub completed: f64,
    /// Graded trials.
    pub trials: u32,
}

/// Candidate minus baseline, paired by task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The arm compared against.
    pub baseline: String,
    /// The arm in question.
    pub candidate: String,
    /// What is compared: `completed` or `score`.
    pub outcome: String,
    /// Tasks with graded trials in both arms.
    pub tasks: u32,
    /// Families among them.
    pub families: u32,
    /// Tasks left out because an arm lacks them, by name.
    pub excluded_tasks: Vec<String>,
    /// Over the tasks compared.
    pub baseline_rate: RateEvidence,
    /// Over the tasks compared.
    pub candidate_rate: RateEvidence,
    /// Mean over tasks of the difference of task means.
    pub difference: DifferenceEvidence,
    /// The same difference for the share of trials in which something was breached; nulls where nobody looked.
    pub violations: DifferenceEvidence,
    /// Candidate rate over baseline rate; null where the baseline is 0.
    pub ratio: Option<RatioEvidence>,
    /// Exact McNemar test; null unless every cell has one trial.
    pub mcnemar: Option<McNemarEvidence>,
    /// Two-sided sign-flip test over families.
    pub sign_flip_p: Option<f64>,
    /// Whether that test enumerated every pattern; otherwise it was drawn.
    pub sign_flip_exact: bool,
    /// Tasks with a higher candidate mean.
    pub improved: u32,
    /// Tasks with a lower candidate mean.
    pub regressed: u32,
    /// Tasks with equal means.
    pub tied: u32,
    /// Improved tasks by name, largest gain first.
    pub improved_tasks: Vec<TaskChange>,
    /// Regressed tasks by name, largest loss first.
    pub regressed_tasks: Vec<TaskChange>,
    /// The same difference within each family; empty where every task is its own.
    pub by_family: Vec<GroupDifference>,
    /// The same difference within each role.
    pub by_role: Vec<GroupDifference>,
    /// Chance that at least one of k trials completes, by k.
    pub pass_at_k: BTreeMap<u32, PassPair>,
    /// Chance that all of k trials complete, by k.
    pub pass_hat_k: BTreeMap<u32, PassPair>,
    /// The headline under each policy for what is missing, by its name.
    pub missingness: BTreeMap<String, Option<HeadlineUnder>>,
    /// Smallest true difference this comparison would see with 80 % power at two-sided 5 %.
    pub smallest_visible: Option<f64>,
    /// What to know about this comparison.
    pub warnings: Vec<String>,
}

/// The estimated difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DifferenceEvidence {
    /// Null where no task has both arms.
    pub estimate: Option<f64>,
    /// Standard error by `method`.
    pub se: Option<f64>,
    /// Degrees of freedom.
    pub df: Option<f64>,
    /// 95 %, never of zero width.
    pub interval: Option<Bounds>,
    /// Two-sided.
    pub p: Option<f64>,
    /// `cr2`, `task` or `exact-fallback`; `none` where no task has both arms.
    pub method: String,
    /// CR1 standard error by family.
    pub se_cr1: Option<f64>,
    /// Standard error over tasks, as if families did not matter.
    pub se_task: Option<f64>,
    /// 95 % interval over tasks.
    pub interval_task: Option<Bounds>,
}

impl DifferenceEvidence {
    /// Nothing to compare.
    pub fn none() -> Self {
        Self {
            estimate: None,
            se: None,
            df: None,
            interval: None,
            p: None,
            method: "none".to_owned(),
            se_cr1: None,
            se_task: None,
            interval_task: None,
        }
    }
}

/// The x-fold, beside which both rates must always be printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RatioEvidence {
    /// Ratio of mean rates.
    pub estimate: f64,
    /// 95 %, from the log scale; null where it cannot be had.
    pub interval: Option<Bounds>,
    /// `log-cr2`, `log-task` where families say nothing, or `none`.
    pub method: String,
}

/// Exact McNemar test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct McNemarEvidence {
    /// Tasks only the candidate completed.
    pub gained: u32,
    /// Tasks only the baseline completed.
    pub lost: u32,
    /// Two-sided.
    pub p_exact: f64,
}

/// How one task changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskChange {
    /// The task.
    pub task: String,
    /// Its family.
    pub family: String,
    /// Mean outcome in the baseline.
    pub baseline: f64,
    /// Mean outcome in the candidate.
    pub candidate: f64,
}

/// A difference within a group of tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupDifference {
    /// The group's name.
    pub group: String,
    /// Tasks in it.
    pub tasks: u32,
    /// Mean difference of its tasks.
    pub estimate: f64,
    /// 95 % where there are two tasks or more.
    pub interval: Option<Bounds>,
    /// Baseline's mean of task means.
    pub baseline: f64,
    /// Candidate's mean of task means.
    pub candidate: f64,
}

/// A pass curve's point in both arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PassPair {
    /// The baseline's.
    pub baseline: f64,
    /// The candidate's.
    pub candidate: f64,
}

/// The headline under one missingness policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeadlineUnder {
    /// Tasks compared.
    pub tasks: u32,
    /// The difference.
    pub estimate: f64,
    /// 95 %.
    pub interval: Option<Bounds>,
}

/// Completion of one arm at one step budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// The arm.
    pub arm: String,
    /// Tool calls allowed.
    pub steps: u32,
    /// What it came to.
    pub rate: RateEvidence,
    /// Difference from bare at the same budget; null for bare itself.
    pub from_bare: Option<HeadlineUnder>,
}

/// What is known of one learning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LearningEvidence {
    /// Content-derived id.
    pub id: String,
    /// A title for people.
    pub name: String,
    /// `note` or `playbook`.
    pub kind: String,
    /// `promote`, `hold`, `reject` or `demote`; empty until decided.
    pub verdict: String,
    /// Why, in sentences.
    pub reasons: Vec<String>,
    /// Banzhaf effect on eligible tasks (2β of the foldover regression), its reading cost included.
    pub effect: Option<f64>,
    /// Clustered by task.
    pub se: Option<f64>,
    /// 95 %, two-sided.
    pub interval: Option<Bounds>,
    /// One-sided 95 % lower bound, which the verdict cites.
    pub lower_bound: Option<f64>,
    /// One-sided 95 % upper bound.
    pub upper_bound: Option<f64>,
    /// One-sided, for benefit.
    pub p: Option<f64>,
    /// One-sided, for harm.
    pub p_harm: Option<f64>,
    /// Benjamini-Hochberg over `p`.
    pub p_adjusted: Option<f64>,
    /// One-sided, for harm on these very tasks (HC2, each pair a unit), Benjamini-Hochberg over the learnings.
    pub p_harm_adjusted: Option<f64>,
    /// Foldover pairs in which it was eligible.
    pub pairs: u32,
    /// Distinct tasks among them.
    pub tasks: u32,
    /// Effect by role.
    pub by_role: Vec<RoleEffect>,
    /// Mean violations with it minus without it, over its pairs.
    pub violations_effect: Option<f64>,
    /// One-sided p that it raises violations.
    pub violations_p: Option<f64>,
    /// The same, adjusted for the number of learnings (BH).
    pub violations_p_adjusted: Option<f64>,
    /// Share of trials that had it and in which it was eligible where it was shown.
    pub surfaced_rate: Option<f64>,
    /// Share of trials shown it in which an action followed it.
    pub followed_rate: Option<f64>,
    /// Tasks on which halves with it did better, largest first.
    pub helped_tasks: Vec<String>,
    /// Tasks on which halves with it did worse, largest first.
    pub harmed_tasks: Vec<String>,
    /// Words an agent reads of it.
    pub words: u32,
    /// The exact text evaluated.
    pub text: String,
    /// Where it stands in its store: path and line.
    pub source: String,
    /// Roles it is narrowed to.
    pub roles: Vec<String>,
    /// Findings of the screen, in words.
    pub findings: Vec<String>,
    /// Whether it leads to misbehaviour; null where it met no canary.
    #[serde(default)]
    pub canary: Option<CanaryEvidence>,
}

/// What a learning, given alone, did on canary tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CanaryEvidence {
    /// Graded trials whose counterpart without memory did not trip.
    pub trials: u32,
    /// How many of them tripped.
    pub trips: u32,
    /// One-sided 95 % upper bound of the share that trips (Clopper–Pearson), as if trials were independent; without a
    /// trip in n trials it is 1 − 0.05^(1/n).
    pub upper_bound: f64,
    /// Each trial that tripped.
    pub tripped: Vec<TrippedCanary>,
}

/// A canary that tripped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrippedCanary {
    /// The task.
    pub task: String,
    /// The repeat, from 0.
    pub repeat: u32,
    /// What tripped it, in words.
    pub by: Vec<String>,
}

/// A learning's effect at one desk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleEffect {
    /// The role.
    pub role: String,
    /// Pairs at that desk.
    pub pairs: u32,
    /// Effect there.
    pub effect: f64,
    /// Clustered by task.
    pub se: Option<f64>,
    /// One-sided upper bound, Holm-adjusted over the learning's roles.
    pub upper_bound: Option<f64>,
}
