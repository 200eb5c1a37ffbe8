//! `compare`: evidence and a report from results made elsewhere.

use std::path::{Path, PathBuf};

use crate::{
    analysis::{
        self,
        evidence::Evidence,
        table::{Reading, Table, read_trials},
    },
    cli::{
        args::{CompareArgs, Format},
        commands::settle,
        exit::Exit,
        speech,
    },
    domain::id::ArmName,
    error::{Error, Result, count},
    files,
    promotion::{
        question::Question,
        verdict::{Verdicts, decide},
    },
    report::{self, Inputs, inputs::RunInfo},
};

/// Largest table read, in bytes.
const LARGEST: u64 = 4 << 30;

/// Compares two arms of some tables and writes a report.
pub fn compare(args: &CompareArgs) -> Result<Exit> {
    if args.baseline == args.candidate {
        return Err(Error::usage(format!(
            "`{}` is named as `--baseline` and as `--candidate`",
            args.baseline
        ))
        .mend("name two arms"));
    }
    let policy = settle::policy(args.policy.as_deref())?;
    let reading = Reading::new(&args.map, &args.filters)?;
    let tables: Vec<Table> = args
        .tables
        .iter()
        .map(|path| Table::read(&files::read_bytes(path, LARGEST)?, path))
        .collect::<Result<_>>()?;
    let trials = read_trials(&tables, &reading)?;
    let (baseline, candidate) = (
        ArmName::new(args.baseline.as_str()),
        ArmName::new(args.candidate.as_str()),
    );
    let order = [baseline.clone(), candidate.clone()];
    let mut evidence = analysis::evidence(&trials.rows, &order, &[(baseline, candidate)], &[])?;
    evidence.warnings.extend(trials.warnings);
    let question = Question::of_arms(&args.candidate, &[&args.baseline]);
    let verdicts = decide(&evidence, &policy, &question, &[], &Default::default());
    let folder = out_folder(args)?;
    write_report(args, &evidence, &verdicts, &folder)?;
    match args.voice.format {
        Format::Json => speech::answer(&report::json::pretty(&evidence)?),
        Format::Text => speech::answer(&tell(&evidence, &verdicts, &folder)),
    }
    Ok(Exit::Done)
}

fn out_folder(args: &CompareArgs) -> Result<PathBuf> {
    match &args.out {
        Some(folder) => {
            files::create_folder(folder)?;
            Ok(folder.clone())
        }
        None => files::create_numbered_folder(&Path::new("reports").join(title(args))),
    }
}

/// The first table's name.
fn title(args: &CompareArgs) -> String {
    args.tables
        .first()
        .and_then(|path| path.file_stem())
        .map_or_else(
            || "comparison".to_owned(),
            |stem| stem.to_string_lossy().into_owned(),
        )
}

fn write_report(
    args: &CompareArgs,
    evidence: &Evidence,
    verdicts: &Verdicts,
    folder: &Path,
) -> Result<()> {
    let run = RunInfo {
        title: title(args),
        reproduce: reproduce(args),
        versions: vec![("dreameval".to_owned(), env!("CARGO_PKG_VERSION").to_owned())],
        ..RunInfo::default()
    };
    let inputs = Inputs {
        run: &run,
        evidence,
        verdicts,
        dream: None,
        criteria: &[],
        transcripts: &[],
        gate: None,
        not_understood: &[],
        findings: None,
    };
    for file in report::files(&inputs)? {
        files::write(&folder.join(&file.name), file.text.as_bytes())?;
    }
    Ok(())
}

fn reproduce(args: &CompareArgs) -> String {
    let mut words = vec!["dreameval compare".to_owned()];
    words.extend(args.tables.iter().map(|path| path.display().to_string()));
    words.push(format!(
        "--baseline {} --candidate {}",
        args.baseline, args.candidate
    ));
    words.extend(args.map.iter().map(|it| format!("--map {it}")));
    words.extend(args.filters.iter().map(|it| format!("--where {it}")));
    words.join(" ")
}

fn tell(evidence: &Evidence, verdicts: &Verdicts, folder: &Path) -> String {
    let mut lines = vec![verdicts.dream.sentence.clone()];
    lines.extend(verdicts.dream.reasons.iter().map(|it| format!("  {it}")));
    for comparison in &evidence.comparisons {
        lines.push(format!(
            "  {} improved, {} regressed, {} tied",
            count(comparison.improved as usize, "task"),
            comparison.regressed,
            comparison.tied
        ));
        if !comparison.excluded_tasks.is_empty() {
            lines.push(format!(
                "  {} left out, since one of the arms lacks them",
                count(comparison.excluded_tasks.len(), "task")
            ));
        }
    }
    lines.extend(evidence.warnings.iter().map(|it| format!("  note: {it}")));
    lines.push(format!("report: {}", folder.join("report.html").display()));
    lines.join("\n")
}
