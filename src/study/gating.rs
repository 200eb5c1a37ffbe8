//! A finished run held against an arm of its own or a baseline file.

use crate::{
    analysis,
    domain::{
        id::{ArmName, Digest},
        trial::TrialRow,
    },
    error::{Error, Result, did_you_mean},
    promotion::{
        baseline::{self, Baseline, Ruler},
        budget::Budget,
        gate::{CANDIDATE, Gate, GateCase},
        ledger::Ledger,
        policy::Policy,
    },
    runner::bench::Arm,
    study::{Finished, asked::Asked, conclusion::Conclusion},
};

/// What a run's results were measured with.
pub fn ruler(asked: &Asked) -> Ruler {
    let digests = asked.suite.digests.iter();
    Ruler {
        suite: asked.suite.name.clone(),
        agent: asked.agent.name(),
        seed: asked.seed,
        repeats: asked.amount.repeats,
        steps: asked.suite.limits.steps,
        digests: digests
            .filter(|(part, _)| part.as_str() != "memory")
            .map(|(part, digest)| (part.clone(), *digest))
            .collect(),
    }
}

/// The baseline the candidate of a run leaves.
///
/// # Errors
/// The run has no candidate.
pub fn baseline(asked: &Asked, finished: &Finished, conclusion: &Conclusion) -> Result<Baseline> {
    let arm = candidate(finished)?;
    Ok(Baseline::of(
        ruler(asked),
        arm.digest,
        ids(arm),
        &headline(conclusion),
    ))
}

/// The gate's word on a run, against `file` where one is given, else against the arm the policy names.
///
/// # Errors
/// The run has no candidate, or counting fails.
pub fn gate(
    finished: &Finished,
    conclusion: &Conclusion,
    policy: &Policy,
    file: Option<&Baseline>,
) -> Result<Gate> {
    candidate(finished)?;
    let case = GateCase {
        evidence: &conclusion.evidence,
        verdicts: &conclusion.verdicts,
        policy,
        rows: &conclusion.rows,
        baseline: &policy.gate.baseline,
        known: &[],
        baseline_store: "",
        findings: conclusion.findings.as_deref().unwrap_or_default(),
        judged: conclusion.judged.as_ref(),
    };
    let Some(file) = file else {
        check_arm(&policy.gate.baseline, conclusion)?;
        let arms = &finished.bench.arms;
        let arm = arms
            .iter()
            .find(|it| it.name.as_str() == policy.gate.baseline);
        let known = arm.map_or_else(Vec::new, ids);
        let store = arm.map_or_else(String::new, |it| it.digest.to_string());
        return Ok(GateCase {
            known: &known,
            baseline_store: &store,
            ..case
        }
        .decide());
    };
    let mut rows = file.rows();
    rows.extend(headline(conclusion).into_iter().cloned());
    let arms = [baseline::ARM, CANDIDATE].map(ArmName::new);
    let contrast = [(arms[0].clone(), arms[1].clone())];
    let evidence = analysis::evidence(&rows, &arms, &contrast, &[])?;
    Ok(GateCase {
        evidence: &evidence,
        baseline: baseline::ARM,
        known: &file.learnings,
        baseline_store: &file.store.to_string(),
        ..case
    }
    .decide())
}

/// A gate needs an arm beside the candidate that was replayed.
fn check_arm(baseline: &str, conclusion: &Conclusion) -> Result<()> {
    let arms = conclusion.evidence.arms.iter().map(|it| it.arm.as_str());
    let others: Vec<&str> = arms.filter(|it| *it != CANDIDATE).collect();
    if others.contains(&baseline) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "the gate has nothing to hold the run against: it replayed no arm `{baseline}` beside the candidate"
    ))
    .mend(format!(
        "{}; replay it beside the candidate (`--arms {baseline},dreamed`), name another as `gate.baseline` in a policy \
         (`dreameval policy > policy.toml`, then `--policy policy.toml`), or give `--baseline FILE`",
        did_you_mean(baseline, "arms", others)
    )))
}

/// The arm in question.
///
/// # Errors
/// There is none.
pub fn candidate(finished: &Finished) -> Result<&Arm> {
    let index = finished.candidate.ok_or_else(|| {
        Error::usage("this run has no store in question: it replayed no arm `dreamed`")
            .mend("run it with `dreamed` among `--arms`")
    })?;
    Ok(&finished.bench.arms[usize::from(index)])
}

fn ids(arm: &Arm) -> Vec<String> {
    arm.learnings.iter().map(|it| it.id.to_string()).collect()
}

/// The candidate's trials at the headline budget.
fn headline(conclusion: &Conclusion) -> Vec<&TrialRow> {
    conclusion
        .rows
        .iter()
        .filter(|row| row.arm.as_str() == CANDIDATE && row.budget.is_none() && row.pair.is_none())
        .collect()
}

/// What the learnings of a run may spend: a share by their earlier tests where the run is one of many nights.
pub fn budget(asked: &Asked, ledger: &Ledger) -> Budget {
    match asked.tries_dropped {
        true => Budget::of(ledger, &tried_with(asked), &asked.fingerprint()),
        false => Budget::default(),
    }
}

/// The key under which tests of one learning are counted: the suite without its memory, and the agent.
pub fn tried_with(asked: &Asked) -> Digest {
    let ruler = ruler(asked);
    let parts: Vec<String> = std::iter::once(format!("agent\0{}", ruler.agent))
        .chain(
            ruler
                .digests
                .iter()
                .map(|(name, digest)| format!("{name}\0{digest}")),
        )
        .collect();
    Digest::of_parts(parts.iter().map(String::as_bytes))
}
