//! The verdict on a dream: its arm against each baseline in a fixed order, stopping at the first failure.
//!
//! Each contrast is tested at the full one-sided error rate, which is sound because a later one is looked at only
//! when every earlier one was passed (fixed sequence; Maurer, Hothorn and Lehmacher 1995). `compare` asks the same
//! question of any two arms.

use serde::{Deserialize, Serialize};

use crate::{
    analysis::evidence::{Comparison, Evidence, GroupDifference},
    error::count,
    promotion::{
        contrast::{self, ContrastVerdict, Finding},
        figures::{achieved, arm_words},
        policy::Policy,
        question::Question,
    },
};

/// Whether a dream, or another candidate, helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DreamWord {
    /// It beat every baseline asked for.
    #[serde(rename = "helps")]
    Helps,
    /// It surely gains less than the least gain over some baseline.
    #[serde(rename = "no useful effect")]
    NoUsefulEffect,
    /// It is surely worse than some baseline.
    #[serde(rename = "harms")]
    Harms,
    /// Not enough is known either way.
    #[serde(rename = "undecided")]
    Undecided,
}

/// What was decided of a dream, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DreamVerdict {
    /// The verdict.
    pub verdict: DreamWord,
    /// What was asked.
    pub question: Question,
    /// The verdict with its denominator, in one sentence: the first line of every report.
    pub sentence: String,
    /// What else decided it, in sentences.
    pub reasons: Vec<String>,
    /// Every contrast in order, tested or not.
    pub contrasts: Vec<ContrastVerdict>,
    /// The baseline at which testing stopped; null where every contrast was passed.
    pub stopped_at: Option<String>,
    /// Roles and families that lost more than the tolerated loss against the first baseline, largest loss first.
    pub hurt: Vec<Hurt>,
}

/// A group of tasks that got worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hurt {
    /// `role` or `family`.
    pub kind: String,
    /// The group, its tasks and rates.
    pub group: GroupDifference,
}

/// Decides on a dream, or on any candidate.
pub fn decide(evidence: &Evidence, policy: &Policy, question: &Question) -> DreamVerdict {
    let asked = question;
    let question = &asked.answerable(evidence);
    let candidate = question.candidate.as_str();
    let is_run = evidence.arms.iter().any(|it| it.arm == candidate);
    let missing = (!is_run).then_some(candidate);
    let mut contrasts = Vec::new();
    let mut stop: Option<Finding> = None;
    for baseline in &question.baselines {
        let contrast = match (comparison(evidence, &question.candidate, baseline), stop) {
            (None, _) if is_run && asked.is_input(baseline) => contrast::without_input(baseline),
            (None, _) => contrast::absent(baseline, missing),
            (Some(compared), Some(_)) => contrast::untested(compared),
            (Some(compared), None) => contrast::tested(compared, evidence, policy),
        };
        if stop.is_none() && !matches!(contrast.finding, Finding::Gain | Finding::NotRun) {
            stop = Some(contrast.finding);
        }
        contrasts.push(contrast);
    }
    let verdict = word(stop, &contrasts);
    let deciding = deciding(&contrasts);
    let first = contrasts.iter().find(|it| it.finding != Finding::NotRun);
    let first_compared =
        first.and_then(|it| comparison(evidence, &question.candidate, &it.baseline));
    DreamVerdict {
        verdict,
        question: question.clone(),
        sentence: sentence(verdict, deciding, evidence, question),
        reasons: reasons(&contrasts, deciding, first_compared),
        stopped_at: deciding
            .filter(|_| stop.is_some())
            .map(|it| it.baseline.clone()),
        hurt: first_compared.map_or_else(Vec::new, |it| hurt(it, policy)),
        contrasts,
    }
}

fn comparison<'a>(
    evidence: &'a Evidence,
    candidate: &str,
    baseline: &str,
) -> Option<&'a Comparison> {
    let mut all = evidence.comparisons.iter();
    all.find(|it| it.candidate == candidate && it.baseline == baseline)
}

fn word(stop: Option<Finding>, contrasts: &[ContrastVerdict]) -> DreamWord {
    match stop {
        Some(Finding::Harm) => DreamWord::Harms,
        Some(Finding::NoUsefulEffect) => DreamWord::NoUsefulEffect,
        Some(_) => DreamWord::Undecided,
        None if contrasts.iter().any(|it| it.finding == Finding::Gain) => DreamWord::Helps,
        None => DreamWord::Undecided,
    }
}

/// The contrast the sentence speaks of: the one that stopped the sequence, or the first one passed.
fn deciding(contrasts: &[ContrastVerdict]) -> Option<&ContrastVerdict> {
    let stopped = contrasts
        .iter()
        .find(|it| !matches!(it.finding, Finding::Gain | Finding::NotRun));
    stopped.or_else(|| contrasts.iter().find(|it| it.finding == Finding::Gain))
}

fn sentence(
    verdict: DreamWord,
    deciding: Option<&ContrastVerdict>,
    evidence: &Evidence,
    question: &Question,
) -> String {
    if evidence.is_all_broken() {
        return format!(
            "It is undecided whether {} helps: every trial broke, so nothing was measured.",
            question.inner()
        );
    }
    let compared = deciding
        .and_then(|it| Some((it, comparison(evidence, &question.candidate, &it.baseline)?)));
    let Some((contrast, compared)) = compared else {
        return format!(
            "It is undecided whether {} helps: there is nothing to compare it with.",
            question.inner()
        );
    };
    let who = question.candidate_words();
    let did = match compared.outcome.as_str() {
        "score" => "scored",
        _ => "completed",
    };
    let size = match contrast.size.as_str() {
        "" => String::new(),
        size => format!(" ({size})"),
    };
    format!(
        "{}: {who} {did} {} attempts at {}, {} {}{size}.",
        claim(verdict, contrast, question),
        achieved(&compared.candidate_rate, &compared.outcome),
        count(compared.tasks as usize, "task"),
        arm_words(&compared.baseline),
        achieved(&compared.baseline_rate, &compared.outcome),
    )
}

/// `Dreaming helped`, `Dreaming had no useful effect beyond the store as it was`.
fn claim(verdict: DreamWord, deciding: &ContrastVerdict, question: &Question) -> String {
    let subject = &question.subject;
    let baseline = arm_words(&deciding.baseline);
    let is_first = question.baselines.first() == Some(&deciding.baseline);
    let beyond = match is_first {
        true => String::new(),
        false => format!(" beyond {baseline}"),
    };
    match verdict {
        DreamWord::Helps => format!("{subject} helped"),
        DreamWord::NoUsefulEffect => format!("{subject} had no useful effect{beyond}"),
        DreamWord::Harms if is_first => format!("{subject} did harm"),
        DreamWord::Harms => format!("{subject} did worse than {baseline}"),
        DreamWord::Undecided => {
            let because = match deciding.finding {
                Finding::TooManyBroken => ", because too many trials broke",
                _ => "",
            };
            format!(
                "It is undecided whether {} helps{beyond}{because}",
                question.inner()
            )
        }
    }
}

fn reasons(
    contrasts: &[ContrastVerdict],
    deciding: Option<&ContrastVerdict>,
    first: Option<&Comparison>,
) -> Vec<String> {
    let mut reasons: Vec<String> = contrasts
        .iter()
        .filter(|it| {
            // The sentence has said the deciding one already, but not what broke.
            it.finding == Finding::TooManyBroken
                || deciding.is_none_or(|other| other.baseline != it.baseline)
        })
        .map(|it| it.says.clone())
        .collect();
    let excluded = first.map_or(0, |it| it.excluded_tasks.len());
    if 0 < excluded {
        reasons.push(format!(
            "{} left out of the difference, because one arm has no graded attempt there.",
            count(excluded, "task")
        ));
    }
    reasons
}

fn hurt(compared: &Comparison, policy: &Policy) -> Vec<Hurt> {
    let of = |kind: &str, groups: &[GroupDifference]| -> Vec<Hurt> {
        let mut hurt: Vec<Hurt> = groups
            .iter()
            .filter(|group| group.estimate < -policy.effect.tolerated_loss)
            .map(|group| Hurt {
                kind: kind.to_owned(),
                group: group.clone(),
            })
            .collect();
        hurt.sort_by(|one, other| one.group.estimate.total_cmp(&other.group.estimate));
        hurt
    };
    let mut all = of("role", &compared.by_role);
    all.extend(of("family", &compared.by_family));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::evidence::{ArmSummary, DifferenceEvidence, RateEvidence};

    const BARE: f64 = 61.0;

    #[test]
    fn a_dream_that_beats_every_baseline_helps() {
        let verdict = decided(&[("bare", 0.45), ("stored", 0.31), ("placebo", 0.43)]);
        assert_eq!(verdict.verdict, DreamWord::Helps);
        assert_eq!(
            verdict.sentence,
            "Dreaming helped: dreamed memory completed 152 of 201 attempts at 67 tasks, no memory 61 of 201 \
             (+45 points, 95 % sure of at least +38)."
        );
        assert_eq!(
            verdict.reasons,
            [
                "It beat the store as it was: 152 of 201 against 61 of 201 (+31 points, 95 % sure of at least +24).",
                "It beat placebo text: 152 of 201 against 61 of 201 (+43 points, 95 % sure of at least +36)."
            ]
        );
        assert_eq!(verdict.stopped_at, None);
    }

    #[test]
    fn testing_stops_at_the_first_baseline_not_beaten() {
        let verdict = decided(&[("bare", 0.45), ("stored", -0.03), ("placebo", 0.43)]);
        assert_eq!(verdict.verdict, DreamWord::NoUsefulEffect);
        assert_eq!(verdict.stopped_at, Some("stored".to_owned()));
        assert_eq!(
            verdict.sentence,
            "Dreaming had no useful effect beyond the store as it was: dreamed memory completed 152 of 201 attempts \
             at 67 tasks, the store as it was 61 of 201 (−3 points, 95 % sure of at most +3.7)."
        );
        assert_eq!(
            verdict.reasons,
            [
                "It beat no memory: 152 of 201 against 61 of 201 (+45 points, 95 % sure of at least +38).",
                "Not tested against placebo text, since an earlier comparison failed."
            ]
        );
    }

    #[test]
    fn a_sure_loss_is_harm() {
        let verdict = decided(&[("bare", -0.12)]);
        assert_eq!(verdict.verdict, DreamWord::Harms);
        assert_eq!(
            verdict.sentence,
            "Dreamed memory did harm: it completed 152 of 201 attempts at 67 tasks, no memory 61 of 201 \
             (−12 points, 95 % sure of a loss of at least 5.3 points)."
        );
    }

    #[test]
    fn an_interval_holding_both_nothing_and_a_useful_gain_is_undecided() {
        let verdict = decided(&[("bare", 0.04)]);
        assert_eq!(verdict.verdict, DreamWord::Undecided);
        assert_eq!(
            verdict.sentence,
            "It is undecided whether dreamed memory helps: it completed 152 of 201 attempts at 67 tasks, \
             no memory 61 of 201 (+4 points, 95 % interval −4.1 to +12)."
        );
    }

    #[test]
    fn too_many_broken_trials_decide_nothing() {
        let mut evidence = evidence(&[("bare", 0.45)]);
        evidence.arms[1].broken = 14;
        let verdict = decide(&evidence, &Policy::default(), &question());
        assert_eq!(verdict.verdict, DreamWord::Undecided);
        assert_eq!(
            verdict.reasons[0],
            "Too many broken: 14 of 215 trials broke under dreamed memory (6.5 %; the limit is 5 %)."
        );
        evidence.arms[1].broken = 8;
        let verdict = decide(&evidence, &Policy::default(), &question());
        assert_eq!(
            verdict.reasons[0],
            "Too many broken: 8 of 209 trials broke under dreamed memory (3.8 %), 3.8 points more than under the \
             other arm; the limit is 3 points."
        );
    }

    #[test]
    fn where_every_trial_broke_the_first_sentence_says_so() {
        let mut evidence = evidence(&[("bare", 0.45)]);
        for arm in &mut evidence.arms {
            (arm.broken, arm.rate.trials) = (6, 0);
        }
        let verdict = decide(&evidence, &Policy::default(), &question());
        assert_eq!(
            verdict.sentence,
            "It is undecided whether dreamed memory helps: every trial broke, so nothing was measured."
        );
    }

    #[test]
    fn a_baseline_that_was_not_run_is_named_and_skipped() {
        let verdict = decided(&[("bare", 0.45), ("stored", 0.31)]);
        assert_eq!(verdict.verdict, DreamWord::Helps);
        assert_eq!(
            verdict.reasons[1],
            "Not compared with placebo text: that arm was not run."
        );
        assert_eq!(
            decided(&[]).sentence,
            "It is undecided whether dreaming helps: there is nothing to compare it with."
        );
    }

    #[test]
    fn without_the_store_as_it_was_memory_helps_and_nobody_knows_of_the_dream() {
        let verdict = decided(&[("bare", 0.45)]);
        assert_eq!(
            verdict.sentence,
            "Dreamed memory helped: it completed 152 of 201 attempts at 67 tasks, no memory 61 of 201 \
             (+45 points, 95 % sure of at least +38)."
        );
        assert_eq!(
            verdict.reasons[0],
            "Not compared with the store as it was, which was not run: so nobody can tell what the dream added to it."
        );
    }

    #[test]
    fn any_two_arms_can_be_asked_about() {
        let mut evidence = evidence(&[("none", 0.22)]);
        evidence.comparisons[0].candidate = "reflexion".into();
        let question = Question::of_arms("reflexion", &["none"]);
        assert_eq!(
            decide(&evidence, &Policy::default(), &question).sentence,
            "“reflexion” helped: it completed 152 of 201 attempts at 67 tasks, “none” 61 of 201 (+22 points, 95 % \
             sure of at least +15)."
        );
    }

    #[test]
    fn scores_are_said_as_averages() {
        let mut evidence = evidence(&[("bare", 0.45)]);
        evidence.comparisons[0].outcome = "score".into();
        assert_eq!(
            decide(&evidence, &Policy::default(), &question()).sentence,
            "Dreamed memory helped: it scored 0.76 on average over 201 attempts at 67 tasks, no memory 0.30 on \
             average over 201 (+45 points, 95 % sure of at least +38)."
        );
    }

    #[test]
    fn roles_and_families_beyond_the_tolerated_loss_are_named_largest_loss_first() {
        let mut evidence = evidence(&[("bare", 0.45)]);
        evidence.comparisons[0].by_role = vec![group("kyc", -0.02), group("desk", -0.04)];
        evidence.comparisons[0].by_family =
            vec![group("a", -0.1), group("b", 0.2), group("c", -0.3)];
        let verdict = decide(&evidence, &Policy::default(), &question());
        let hurt: Vec<&str> = verdict
            .hurt
            .iter()
            .map(|it| it.group.group.as_str())
            .collect();
        assert_eq!(hurt, ["desk", "c", "a"]);
    }

    #[test]
    fn another_rule_for_missing_trials_decides_by_its_own_interval() {
        let mut evidence = evidence(&[("bare", 0.45)]);
        let under = crate::analysis::evidence::HeadlineUnder {
            tasks: 67,
            estimate: 0.02,
            interval: Some([-0.02, 0.06]),
        };
        let missingness = &mut evidence.comparisons[0].missingness;
        missingness.insert("worst-case".into(), Some(under));
        let mut policy = Policy::default();
        policy.dream.missing = "worst-case".into();
        let verdict = decide(&evidence, &policy, &question());
        assert_eq!(verdict.verdict, DreamWord::Undecided);
    }

    fn decided(differences: &[(&str, f64)]) -> DreamVerdict {
        decide(&evidence(differences), &Policy::default(), &question())
    }

    fn question() -> Question {
        Question::of_dream(&Policy::default())
    }

    /// The dreamed arm against each baseline, with a standard error of 4 points.
    fn evidence(differences: &[(&str, f64)]) -> Evidence {
        Evidence {
            arms: ["bare", "dreamed"].map(arm).into(),
            comparisons: differences.iter().map(|it| compared(it.0, it.1)).collect(),
            ..Evidence::default()
        }
    }

    fn arm(name: &str) -> ArmSummary {
        ArmSummary {
            arm: name.into(),
            rate: rate(BARE),
            broken_by: Vec::new(),
            broken: 0,
            trials_with_violations: 0,
            violations: 0,
            mean_steps: None,
            mean_words_read: None,
            mean_eligible: None,
            mean_surfaced: None,
            mean_opened: None,
            mean_followed: None,
            cost_usd: None,
            judge: None,
            stops: Default::default(),
            families: vec![],
            learnings: 0,
            memory_digest: String::new(),
        }
    }

    fn rate(completed: f64) -> RateEvidence {
        RateEvidence {
            completed,
            trials: 201,
            rate: Some(completed / 201.0),
            interval: None,
        }
    }

    fn group(name: &str, estimate: f64) -> GroupDifference {
        GroupDifference {
            group: name.into(),
            tasks: 5,
            estimate,
            interval: None,
            baseline: 0.5,
            candidate: 0.5 + estimate,
        }
    }

    fn compared(baseline: &str, estimate: f64) -> Comparison {
        Comparison {
            baseline: baseline.into(),
            candidate: "dreamed".into(),
            outcome: "completed".into(),
            tasks: 67,
            families: 20,
            excluded_tasks: vec![],
            baseline_rate: rate(BARE),
            candidate_rate: rate(152.0),
            difference: DifferenceEvidence {
                estimate: Some(estimate),
                se: Some(0.04),
                df: Some(40.0),
                interval: Some([estimate - 0.081, estimate + 0.081]),
                p: Some(if estimate.abs() < 0.08 { 0.4 } else { 0.004 }),
                method: "cr2".into(),
                se_cr1: None,
                se_task: None,
                interval_task: None,
            },
            violations: DifferenceEvidence::none(),
            ratio: None,
            mcnemar: None,
            sign_flip_p: None,
            sign_flip_exact: false,
            improved: 40,
            regressed: 3,
            tied: 24,
            improved_tasks: vec![],
            regressed_tasks: vec![],
            by_family: vec![],
            by_role: vec![],
            pass_at_k: Default::default(),
            pass_hat_k: Default::default(),
            missingness: Default::default(),
            smallest_visible: None,
            warnings: vec![],
        }
    }
}
