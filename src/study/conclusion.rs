//! What a finished run comes to: rows, evidence and verdicts. Decided here once, rendered elsewhere many times.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    analysis::{self, evidence::Evidence},
    domain::{
        dream::Dream,
        id::ArmName,
        memory::Learning,
        suite::Suite,
        task::{Grader, Split},
        trial::TrialRow,
    },
    error::Result,
    formats::memory,
    promotion::{
        budget::Budget,
        calibration::{Bar, Standing},
        policy::Policy,
        question::Question,
        screen::{Finding, HeldOut, Of, ScreenContext, Voices, screen},
        verdict::{Objection, Verdicts, decide},
    },
    runner::{
        bench::{Arm, Bench, session_name},
        journal::Record,
    },
    study::{
        Finished,
        asked::Asked,
        canaries,
        plan::{Amount, practice},
        rows::rows,
    },
};

/// Everything concluded from a run.
#[derive(Debug, Clone)]
pub struct Conclusion {
    /// One row per replayed trial, in plan order.
    pub rows: Arc<Vec<TrialRow>>,
    /// The numbers, with the verdicts written in.
    pub evidence: Evidence,
    /// The decisions.
    pub verdicts: Verdicts,
    /// How many trials were taken from which earlier runs, as a sentence; empty where none was named.
    pub reused: String,
    /// What the screen found in the learnings, in store order; `None` where no learnings were judged.
    pub findings: Option<Vec<Finding>>,
    /// How rubrics were judged; `None` where nothing was.
    pub judged: Option<Standing>,
}

impl Conclusion {
    /// Why nothing may be decided by these trials, where a judge may inform and not gate.
    pub fn objection(&self) -> Option<&str> {
        self.judged.as_ref()?.objection.as_deref()
    }
}

/// Draws the conclusions of a run under a policy.
///
/// # Errors
/// Counting fails, or rows of one task were judged by different graders.
pub fn conclude(asked: &Asked, finished: &Finished, policy: &Policy) -> Result<Conclusion> {
    conclude_within(asked, finished, policy, &Budget::default())
}

/// Draws the conclusions of a run that is one of many, under a policy and the learnings' error budget.
///
/// # Errors
/// As for `conclude`.
pub fn conclude_within(
    asked: &Asked,
    finished: &Finished,
    policy: &Policy,
    budget: &Budget,
) -> Result<Conclusion> {
    conclude_over(asked, finished, rows_of(asked, finished), policy, budget)
}

/// The rows of a run, which all conclusions are drawn from.
pub fn rows_of(asked: &Asked, finished: &Finished) -> Arc<Vec<TrialRow>> {
    let Finished {
        bench,
        trials,
        records,
        ..
    } = finished;
    Arc::new(rows(bench, &asked.fingerprint(), trials, records))
}

/// As [`conclude_within`], where the rows are at hand.
///
/// # Errors
/// As for `conclude`.
pub fn conclude_over(
    asked: &Asked,
    finished: &Finished,
    rows: Arc<Vec<TrialRow>>,
    policy: &Policy,
    budget: &Budget,
) -> Result<Conclusion> {
    let bench = &finished.bench;
    let order = order(bench, &rows);
    let candidate = finished
        .candidate
        .map(|index| &bench.arms[usize::from(index)]);
    let learnings: &[Learning] = candidate.map_or(&[], |arm| arm.learnings.as_slice());
    let mut evidence = analysis::evidence(&rows, &order, &contrasts(&order, policy), learnings)?;
    canaries::count_trips(finished, &mut evidence);
    let findings = candidate.map(|arm| {
        let dreamt = finished.dream.as_ref();
        let sessions = dreamt.map(|_| citable(&bench.suite, &asked.amount, asked.seed));
        findings(arm, &context(&bench.suite, arm, sessions))
    });
    let found = findings.as_deref().unwrap_or_default();
    tell(found, &mut evidence);
    let objections = objections(found);
    let judged = judged(asked, &evidence, policy);
    let mut verdicts = decide(
        &evidence,
        policy,
        &question(asked, &order, policy),
        &objections,
        budget,
    );
    if let Some(why) = judged.as_ref().and_then(|it| it.objection.as_deref()) {
        verdicts.withhold(why);
    }
    evidence.warnings.extend(unpractised(finished));
    evidence.warnings.extend(undreamt(asked, finished));
    let told = judged.iter().flat_map(|it| it.says.iter().cloned());
    evidence.warnings.extend(told);
    verdicts.write_into(&mut evidence);
    Ok(Conclusion {
        rows,
        evidence,
        verdicts,
        reused: reused(asked, finished),
        findings,
        judged,
    })
}

/// What is asked: whether the dream helps, or the memory that was given; without either, whether what was named last does.
fn question(asked: &Asked, order: &[ArmName], policy: &Policy) -> Question {
    let is_run = |arm: &str| order.iter().any(|it| it.as_str() == arm);
    let own = asked.extra.last().map(|(name, _)| name.as_str());
    let other = own.or(is_run("stored").then_some("stored"));
    match other.filter(|_| !is_run("dreamed")) {
        Some(candidate) => {
            let mut baselines = vec!["bare", "stored"];
            baselines.retain(|it| is_run(it) && *it != candidate);
            Question::of_arms(candidate, &baselines)
        }
        None if asked.memory.is_some() => Question::of_memory(policy),
        None => Question::of_dream(policy),
    }
}

/// That `dreamed` is not what its name says, where nothing was dreamed or the dream changed nothing.
fn undreamt(asked: &Asked, finished: &Finished) -> Option<String> {
    finished.candidate?;
    let is_unchanged = |it: &Dream| it.store == asked.suite.memory;
    match &finished.dream {
        None => Some(
            "nothing was dreamed in this run: what is called dreamed memory is the store that was given".to_owned(),
        ),
        Some(dream) if is_unchanged(dream) => {
            Some("the dream left the store as it was, so nothing here is its doing".to_owned())
        }
        Some(_) => None,
    }
}

/// That practice trials broke, so that the dream had fewer sessions to read.
fn unpractised(finished: &Finished) -> Option<String> {
    let all = finished.practised.len();
    if finished.dream.is_some() && all == 0 {
        return Some(
            "the suite has no practice tasks, so the dream had no sessions to read".to_owned(),
        );
    }
    let is_broken = |it: &&Record| it.outcome.completed().is_none();
    let broken = finished.practised.iter().filter(is_broken).count();
    (0 < broken).then(|| {
        format!("{broken} of {all} practice trials broke, so the dream had fewer sessions to read")
    })
}

/// How the rubrics of a run were judged; `None` where it has none.
fn judged(asked: &Asked, evidence: &Evidence, policy: &Policy) -> Option<Standing> {
    let judge = asked.judge.as_ref()?;
    let (name, digest) = (judge.name(), judge.digest());
    let tests = || asked.suite.split(Split::Test).map(|(_, task)| &task.grader);
    let named = tests().flat_map(Grader::judged).map(|it| it.name.clone());
    let criteria: BTreeSet<String> = named.collect();
    let criteria: Vec<String> = criteria.into_iter().collect();
    let bar = Bar {
        judge: &name,
        digest: &digest,
        calibration: asked.calibration.as_ref(),
        criteria: &criteria,
        is_all: tests().all(|it| matches!(it, Grader::Rubric { .. })),
    };
    let candidate = "dreamed";
    Some(bar.standing(&evidence.comparisons, [candidate, &policy.gate.baseline]))
}

/// `reused 3,410 of 3,900 trials from reports/legal-desk-1`.
fn reused(asked: &Asked, finished: &Finished) -> String {
    let taken = finished.records.iter().filter(|it| it.reused).count();
    match asked.typed.reuse.as_slice() {
        [] => String::new(),
        runs => format!(
            "reused {} of {} trials from {}",
            grouped(taken),
            grouped(finished.records.len()),
            runs.join(" and ")
        ),
    }
}

/// `3,410`
fn grouped(number: usize) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), number % 1000),
    }
}

/// The arms that were replayed, in the order they are shown.
fn order(bench: &Bench, rows: &[TrialRow]) -> Vec<ArmName> {
    let known = ["bare", "stored", "dreamed", "placebo", "oracle"].map(ArmName::new);
    let own = bench
        .arms
        .iter()
        .map(|arm| arm.name.clone())
        .filter(|name| !known.contains(name));
    let order: Vec<ArmName> = known.iter().cloned().chain(own).collect();
    order
        .into_iter()
        .filter(|name| {
            rows.iter()
                .any(|row| row.arm == *name && row.pair.is_none())
        })
        .collect()
}

/// Baseline and candidate of every contrast: the dream's first, in testing order, then what explains them.
fn contrasts(order: &[ArmName], policy: &Policy) -> Vec<(ArmName, ArmName)> {
    let of = |baseline: &str, candidate: &str| (ArmName::new(baseline), ArmName::new(candidate));
    let mut contrasts: Vec<(ArmName, ArmName)> = policy
        .dream
        .contrasts
        .iter()
        .chain([&policy.gate.baseline])
        .map(|baseline| of(baseline, "dreamed"))
        .collect();
    contrasts.extend([
        of("bare", "stored"),
        of("bare", "placebo"),
        of("dreamed", "oracle"),
    ]);
    let known = ["bare", "stored", "dreamed", "placebo", "oracle"];
    contrasts.extend(
        order
            .iter()
            .filter(|name| !known.contains(&name.as_str()))
            .flat_map(|name| ["bare", "stored"].map(|it| (ArmName::new(it), name.clone()))),
    );
    let mut kept: Vec<(ArmName, ArmName)> = Vec::new();
    for contrast in contrasts {
        if order.contains(&contrast.0) && order.contains(&contrast.1) && !kept.contains(&contrast) {
            kept.push(contrast);
        }
    }
    kept
}

/// What the screen finds in the learnings of an arm, in store order.
pub fn findings(arm: &Arm, context: &ScreenContext<'_>) -> Vec<Finding> {
    let all = arm.learnings.iter();
    all.flat_map(|it| screen(it, context)).collect()
}

/// Findings as what verdicts are decided by.
pub fn objections(findings: &[Finding]) -> Vec<Objection> {
    let objection = |finding: &Finding| Objection {
        learning: finding.learning.to_string(),
        finding: finding.id.to_owned(),
        severity: finding.severity,
        says: finding.says.clone(),
    };
    findings.iter().map(objection).collect()
}

/// Tells each finding in the evidence of its learning.
fn tell(findings: &[Finding], evidence: &mut Evidence) {
    for finding in findings {
        for own in evidence
            .learnings
            .iter_mut()
            .filter(|it| it.id == finding.learning.as_str())
        {
            own.findings.push(format!(
                "{}: {} (line {})",
                finding.id, finding.says, finding.line
            ));
        }
    }
}

/// Sessions a dream may cite: those of the practice it read, and those its input already cited.
pub fn citable(suite: &Suite, amount: &Amount, seed: u64) -> BTreeSet<String> {
    let practised = practice(suite, amount, 0, seed);
    let read = practised
        .iter()
        .map(|it| session_name(&suite.tasks[it.task as usize].id, it.repeat));
    let cited = memory::learnings(&suite.memory).learnings;
    read.chain(cited.into_iter().flat_map(|it| it.evidence))
        .collect()
}

/// What the learnings of an arm are screened against: everything the suite knows. Without `sessions` nothing is said
/// of the evidence they cite.
pub fn context<'a>(
    suite: &'a Suite,
    arm: &'a Arm,
    sessions: Option<BTreeSet<String>>,
) -> ScreenContext<'a> {
    let handbook = suite.world().map(|it| &it.handbook);
    let in_force = memory::learnings(&suite.memory).learnings;
    let mut context = ScreenContext {
        handbook,
        sessions,
        voices: Voices::of(arm.learnings.iter().chain(&in_force), handbook),
        ..ScreenContext::of(&arm.store)
    };
    for task in suite
        .tasks
        .iter()
        .filter(|task| task.split != Split::Practice)
    {
        let answers = answers(&task.grader);
        let answers = answers.iter().map(|it| (Of::Answer, it.as_str()));
        let entities = task.brief.setup.iter();
        let entities = entities.map(|it| (Of::Entity, it.name.as_str()));
        let own = [
            (Of::Name, task.id.as_str()),
            (Of::Brief, task.brief.prompt.as_str()),
        ];
        let texts = answers.chain(entities).chain(own);
        let held_out = texts.map(|(of, text)| HeldOut::of(&task.id, of, text));
        context.held_out.extend(held_out);
    }
    context
}

/// Texts that complete a task by themselves.
fn answers(grader: &Grader) -> Vec<String> {
    match grader {
        Grader::Exact { text } => vec![text.clone()],
        Grader::Contains { all_of, .. } => all_of.clone(),
        Grader::Number { value, .. } => vec![value.to_string()],
        Grader::Fields { equal } => equal.iter().map(|(_, value)| value.to_string()).collect(),
        Grader::Files { files } => files.iter().filter_map(|it| it.text.clone()).collect(),
        Grader::Rubric { criteria } => criteria.iter().map(|it| it.text.clone()).collect(),
        Grader::All(parts) | Grader::Any(parts) => parts.iter().flat_map(answers).collect(),
        Grader::Weighted { parts, .. } => parts.iter().flat_map(|(_, it)| answers(it)).collect(),
        Grader::Pattern { .. } | Grader::State { .. } | Grader::Command { .. } => Vec::new(),
    }
}
