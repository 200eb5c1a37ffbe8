//! What a finished run comes to: rows, evidence and verdicts. Decided here once, rendered elsewhere many times.

use crate::{
    analysis::{self, evidence::Evidence},
    domain::{
        id::ArmName,
        memory::Learning,
        suite::Suite,
        task::{Grader, Split},
        trial::TrialRow,
    },
    error::Result,
    promotion::{
        dream::Question,
        policy::Policy,
        screen::{ScreenContext, Severity, screen},
        verdict::{Objection, Verdicts, decide},
    },
    runner::bench::{Arm, Bench},
    study::{Finished, asked::Asked, canaries, rows::rows},
};

/// Everything concluded from a run.
#[derive(Debug, Clone)]
pub struct Conclusion {
    /// One row per replayed trial, in plan order.
    pub rows: Vec<TrialRow>,
    /// The numbers, with the verdicts written in.
    pub evidence: Evidence,
    /// The decisions.
    pub verdicts: Verdicts,
    /// How many trials were taken from which earlier runs, as a sentence; empty where none was named.
    pub reused: String,
}

/// Draws the conclusions of a run under a policy.
///
/// # Errors
/// Counting fails, or rows of one task were judged by different graders.
pub fn conclude(asked: &Asked, finished: &Finished, policy: &Policy) -> Result<Conclusion> {
    let bench = &finished.bench;
    let rows = rows(
        bench,
        &asked.fingerprint(),
        &finished.trials,
        &finished.records,
    );
    let order = order(bench, &rows);
    let candidate = finished
        .candidate
        .map(|index| &bench.arms[usize::from(index)]);
    let learnings: &[Learning] = candidate.map_or(&[], |arm| arm.learnings.as_slice());
    let mut evidence = analysis::evidence(&rows, &order, &contrasts(&order, policy), learnings)?;
    canaries::count_trips(finished, &mut evidence);
    let objections =
        candidate.map_or_else(Vec::new, |arm| object(&bench.suite, arm, &mut evidence));
    let verdicts = decide(&evidence, policy, &Question::of_dream(policy), &objections);
    verdicts.write_into(&mut evidence);
    Ok(Conclusion {
        rows,
        evidence,
        verdicts,
        reused: reused(asked, finished),
    })
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
            .map(|name| (ArmName::new("bare"), name.clone())),
    );
    let mut kept: Vec<(ArmName, ArmName)> = Vec::new();
    for contrast in contrasts {
        if order.contains(&contrast.0) && order.contains(&contrast.1) && !kept.contains(&contrast) {
            kept.push(contrast);
        }
    }
    kept
}

/// Screens every learning; findings are told in the evidence and become objections.
fn object(suite: &Suite, arm: &Arm, evidence: &mut Evidence) -> Vec<Objection> {
    let context = context(suite, arm);
    let mut objections = Vec::new();
    for learning in &arm.learnings {
        for finding in screen(learning, &context) {
            for own in evidence
                .learnings
                .iter_mut()
                .filter(|it| it.id == learning.id.as_str())
            {
                own.findings.push(format!(
                    "{}: {} (line {})",
                    finding.id, finding.says, finding.line
                ));
            }
            objections.push(Objection {
                learning: learning.id.to_string(),
                finding: finding.id.to_owned(),
                hard: finding.severity == Severity::Hard,
                says: finding.says,
            });
        }
    }
    objections
}

fn context<'a>(suite: &Suite, arm: &'a Arm) -> ScreenContext<'a> {
    let mut context = ScreenContext {
        store: &arm.store,
        task_ids: Vec::new(),
        answers: Vec::new(),
        entities: Vec::new(),
        prompts: Vec::new(),
    };
    for task in suite
        .tasks
        .iter()
        .filter(|task| task.split != Split::Practice)
    {
        context.task_ids.push(task.id.clone());
        context.answers.extend(
            answers(&task.grader)
                .into_iter()
                .map(|it| (task.id.clone(), it)),
        );
        context.entities.extend(
            task.brief
                .setup
                .iter()
                .map(|it| (task.id.clone(), it.name.clone())),
        );
        context
            .prompts
            .push((task.id.clone(), task.brief.prompt.clone()));
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
        Grader::All(parts) | Grader::Any(parts) => parts.iter().flat_map(answers).collect(),
        Grader::Weighted { parts, .. } => parts.iter().flat_map(|(_, it)| answers(it)).collect(),
        Grader::Pattern { .. } | Grader::State { .. } | Grader::Command { .. } => Vec::new(),
    }
}
