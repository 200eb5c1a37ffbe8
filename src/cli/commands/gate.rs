//! `gate` and `baseline`: an exit code CI can trust, and the file it is held against.

use std::path::Path;

use crate::{
    cli::{
        args::{BaselineArgs, GateArgs},
        commands::{
            clock::moment,
            pages::{self, Wants},
            report::{again, again_with, read_run_file},
            runtime, settle,
        },
        exit::Exit,
        speech,
    },
    domain::task::Split,
    error::Result,
    files,
    promotion::{
        baseline::{self, Baseline},
        gate::{Gate, GateWord},
        ledger::{Custody, Entry, Ledger},
    },
    study::{
        asked::Asked,
        conclusion::conclude,
        gating::{self, ruler},
    },
};

/// Judges a finished run and ends with the gate's code.
pub fn gate(args: &GateArgs) -> Result<Exit> {
    let file = read_run_file(&args.run)?;
    let policy = settle::policy(args.policy.as_deref())?;
    let runtime = runtime()?;
    let (asked, finished) = again_with(&file, &args.run, &runtime, args.calibration.as_deref())?;
    let baseline = baseline_for(&asked, args.baseline.as_deref())?;
    let wants = Wants {
        gate: Some(baseline),
        ..Wants::default()
    };
    let told = runtime.block_on(pages::conclude(
        &asked, &finished, &policy, &args.run, &wants,
    ))?;
    if let (Some(store), Some(gate)) = (&args.store, &told.gate) {
        let custody = Custody::of(store)?;
        let _lock = custody.lock()?;
        let mut ledger = Ledger::open(&custody.ledger_path())?;
        let entry = Entry::Gate {
            run: asked.fingerprint(),
            word: gate.word.word().to_owned(),
            baseline: match &args.baseline {
                Some(_) => baseline::ARM.to_owned(),
                None => policy.gate.baseline.clone(),
            },
            policy: Box::new(policy),
            reasons: std::iter::once(&gate.says)
                .chain(&gate.reasons)
                .cloned()
                .collect(),
        };
        ledger.append(entry, &moment())?;
    }
    Ok(tell(told.gate.as_ref(), &args.run))
}

/// The baseline file, if one is named and it was measured with what the run was.
///
/// # Errors
/// It cannot be read, is not a baseline, or was measured with something else.
pub fn baseline_for(asked: &Asked, path: Option<&Path>) -> Result<Option<Baseline>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let baseline = Baseline::parse(&files::read_text(path)?, path)?;
    baseline.check(&ruler(asked), path)?;
    let tasks = asked.suite.split(Split::Test).map(|(_, task)| task);
    baseline.check_tasks(tasks, path)?;
    Ok(Some(baseline))
}

/// Prints the gate's word and gives its code.
pub fn tell(gate: Option<&Gate>, folder: &Path) -> Exit {
    let Some(gate) = gate else {
        return Exit::Done;
    };
    let mut lines = vec![gate.says.clone()];
    lines.extend(gate.reasons.iter().map(|it| format!("  {it}")));
    if let Some(suspect) = &gate.responsible {
        lines.push(format!(
            "  look first at learning “{}” ({}): {}",
            suspect.name, suspect.id, suspect.because
        ));
    }
    if let Some(trial) = gate.replay {
        lines.push(format!(
            "  replay one: dreameval replay {} {trial}",
            folder.display()
        ));
    }
    speech::answer(&lines.join("\n"));
    match gate.counts_as {
        GateWord::Pass => Exit::Done,
        GateWord::Fail => Exit::Failed,
        GateWord::Inconclusive => Exit::Inconclusive,
    }
}

/// Writes what the candidate of a run came to as the baseline of later gates.
pub fn baseline(args: &BaselineArgs) -> Result<Exit> {
    let file = read_run_file(&args.run)?;
    let runtime = runtime()?;
    let (asked, finished) = again(&file, &args.run, &runtime)?;
    let conclusion = conclude(&asked, &finished, &settle::policy(None)?)?;
    let baseline = gating::baseline(&asked, &finished, &conclusion)?;
    files::write(&args.to, baseline.text()?.as_bytes())?;
    speech::answer(&format!(
        "baseline of store {} over {} tasks: {}\nreview the change before it is committed: later gates hold against it",
        baseline.store.short(),
        baseline.tasks.len(),
        args.to.display()
    ));
    Ok(Exit::Done)
}
