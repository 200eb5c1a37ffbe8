//! A finished run becomes files and an answer.

use std::{path::Path, sync::Arc};

use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::{
    analysis::{
        evidence::{Comparison, Evidence},
        frames::{to_csv, to_parquet},
        spending::Spending,
    },
    cli::{
        args::{Format, Preset, Voice},
        commands::{reach::names_model, settle},
        speech,
    },
    domain::{dream::Dream, id::Digest, memory::Store, trial::TrialRow},
    error::{Error, Result, count},
    files,
    formats::memory::{learnings, read_store, write_store},
    promotion::{
        baseline::Baseline,
        budget::Budget,
        figures::{achieved, arm_words, points, range},
        gate::Gate,
        policy::Policy,
    },
    report::{self, Inputs, criteria::criteria, examples, inputs::RunInfo, summary},
    runner::{
        journal::{self, Record},
        plan::Lane,
        transcripts,
    },
    study::{
        Finished,
        asked::Asked,
        conclusion::{Conclusion, conclude_over as decide, rows_of},
        gating,
    },
};

/// Reasons for broken trials that are printed.
const REASONS: usize = 3;

/// What to write beside the report.
#[derive(Debug, Clone, Default)]
pub struct Wants {
    /// Also trials.csv.
    pub csv: bool,
    /// A gate's word, against a baseline file where there is one.
    pub gate: Option<Option<Baseline>>,
    /// How often the learnings were tested before.
    pub budget: Budget,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Told {
    /// Rows, numbers and verdicts.
    pub conclusion: Conclusion,
    /// The gate's word, where it was asked for.
    pub gate: Option<Gate>,
    /// The digest of the journal it was drawn from.
    pub journal: Digest,
}

/// Concludes a run and writes everything that can be computed from its journal.
///
/// # Errors
/// The conclusions cannot be drawn, or the disk fails.
pub async fn conclude(
    asked: &Asked,
    finished: &Finished,
    policy: &Policy,
    folder: &Path,
    wants: &Wants,
) -> Result<Told> {
    let journal = digest_journal(folder);
    let rows = rows_of(asked, finished);
    let table = write_table(&rows, folder);
    let conclusion = decide(asked, finished, rows, policy, &wants.budget)?;
    let gate = match &wants.gate {
        Some(file) => Some(gating::gate(finished, &conclusion, policy, file.as_ref())?),
        None => None,
    };
    let journal = journal.await.map_err(|fault| cut_short(&fault))??;
    let told = Told {
        conclusion,
        gate,
        journal,
    };
    let conclusion = &told.conclusion;
    if wants.csv {
        files::write(&folder.join("trials.csv"), &to_csv(&conclusion.rows)?)?;
    }
    for arm in finished
        .bench
        .arms
        .iter()
        .filter(|arm| !arm.store.entries.is_empty())
    {
        let place = folder.join("memory").join(arm.name.as_str());
        keep_store(&arm.store, &place)?;
    }
    if let Some(dream) = &finished.dream {
        files::write(&folder.join("dream.json"), dream_log(dream)?.as_bytes())?;
    }
    finished.settling.end().await?;
    write_report(asked, finished, &told, folder).await?;
    table.await.map_err(|fault| cut_short(&fault))??;
    if let Some(gate) = &told.gate {
        let summary = summary::page(gate, &folder.display().to_string());
        files::write(
            &folder.join("gate.json"),
            report::json::pretty(gate)?.as_bytes(),
        )?;
        files::write(&folder.join("gate.md"), summary.as_bytes())?;
    }
    Ok(told)
}

fn cut_short(fault: &JoinError) -> Error {
    Error::bug("a part of the conclusions was cut short").because(fault)
}

/// Digests the journal, beside other work.
fn digest_journal(folder: &Path) -> JoinHandle<Result<Digest>> {
    let path = journal::path_in(folder);
    spawn_blocking(move || journal::digest(&path))
}

/// Writes the table of all trials, beside other work.
fn write_table(rows: &Arc<Vec<TrialRow>>, folder: &Path) -> JoinHandle<Result<()>> {
    let (rows, path) = (Arc::clone(rows), folder.join("trials.parquet"));
    spawn_blocking(move || files::write(&path, &to_parquet(&rows)?))
}

/// Refuses a run whose stores are not what was evaluated.
///
/// # Errors
/// Integrity: a store differs or is gone.
pub fn check_stores(finished: &Finished, folder: &Path) -> Result<()> {
    let arms = finished.bench.arms.iter();
    for arm in arms.filter(|arm| !arm.store.entries.is_empty()) {
        let place = folder.join("memory").join(arm.name.as_str());
        if files::exists(&place) {
            keep_store(&arm.store, &place)?;
        }
    }
    Ok(())
}

/// A report's inputs without dream, transcripts and criteria.
pub fn bare_inputs<'a>(run: &'a RunInfo, conclusion: &'a Conclusion) -> Inputs<'a> {
    Inputs {
        run,
        evidence: &conclusion.evidence,
        verdicts: &conclusion.verdicts,
        dream: None,
        criteria: &[],
        transcripts: &[],
        gate: None,
        not_understood: &[],
        findings: conclusion.findings.as_deref(),
    }
}

/// Writes a store as it was evaluated, once; one that stands there already must be the same.
fn keep_store(store: &Store, place: &Path) -> Result<()> {
    if !files::exists(place) {
        return write_store(store, place);
    }
    if read_store(place)?.digest() == store.digest() {
        return Ok(());
    }
    Err(Error::integrity("this store is not what was evaluated")
        .in_file(place)
        .mend("restore it, or remove it to have it written again"))
}

async fn write_report(
    asked: &Asked,
    finished: &Finished,
    Told {
        conclusion, gate, ..
    }: &Told,
    folder: &Path,
) -> Result<()> {
    let bench = &finished.bench;
    let index = |name: &str| {
        bench
            .arms
            .iter()
            .position(|arm| arm.name.as_str() == name)
            .and_then(|it| u16::try_from(it).ok())
    };
    let transcripts = match (index("bare"), index("dreamed").or(finished.candidate)) {
        (Some(bare), Some(candidate)) => {
            let library = transcripts::library_of(folder);
            examples::pairs(
                bench,
                &finished.trials,
                &finished.records,
                (bare, candidate),
                library.as_ref(),
            )
            .await?
        }
        _ => Vec::new(),
    };
    let baseline = conclusion
        .verdicts
        .dream
        .question
        .baselines
        .first()
        .map_or("bare", String::as_str);
    let criteria = criteria(&bench.suite, &conclusion.rows, baseline, "dreamed");
    let not_understood = finished.candidate.map_or_else(Vec::new, |it| {
        learnings(&bench.arms[usize::from(it)].store).not_understood
    });
    let run = run_info(asked, finished, &conclusion.reused);
    let inputs = Inputs {
        run: &run,
        evidence: &conclusion.evidence,
        verdicts: &conclusion.verdicts,
        dream: finished.dream.as_ref(),
        criteria: &criteria,
        transcripts: &transcripts,
        gate: gate.as_ref(),
        not_understood: &not_understood,
        findings: conclusion.findings.as_deref(),
    };
    for file in report::files(&inputs)? {
        files::write(&folder.join(&file.name), file.text.as_bytes())?;
    }
    Ok(())
}

/// What a report says of a run; `reused` says what was taken from earlier runs.
pub fn run_info(asked: &Asked, finished: &Finished, reused: &str) -> RunInfo {
    RunInfo {
        title: asked.suite.name.clone(),
        about: asked.suite.about.clone(),
        agent: asked.agent.name(),
        agent_note: asked.agent.about(),
        model: asked.agent.model(),
        dreamer: finished
            .dream
            .as_ref()
            .map(|it| it.dreamer.clone())
            .unwrap_or_default(),
        seed: Some(asked.seed),
        world_seed: asked.typed.world_seed,
        repeats: Some(asked.amount.repeats),
        steps: Some(asked.suite.limits.steps),
        fingerprint: asked.fingerprint().to_string(),
        digests: asked
            .suite
            .digests
            .iter()
            .map(|(name, digest)| (name.clone(), digest.to_string()))
            .chain(
                finished
                    .bench
                    .arms
                    .iter()
                    .map(|arm| (format!("memory of {}", arm.name), arm.digest.to_string())),
            )
            .chain(
                asked
                    .typed
                    .ledger_head
                    .iter()
                    .map(|head| ("ledger head when the run began".to_owned(), head.clone())),
            )
            .collect(),
        versions: vec![("dreameval".to_owned(), env!("CARGO_PKG_VERSION").to_owned())],
        reproduce: reproduce(asked),
        spending: spending(finished),
        reused: sentence(reused),
    }
}

/// What a run consumed, by who was paid, and all of it together.
fn spending(finished: &Finished) -> Vec<Spending> {
    let usages = |records: &mut dyn Iterator<Item = &Record>| {
        // What got no answer cost nothing.
        records
            .filter(|it| !it.reused && (it.outcome.completed().is_some() || it.is_paid()))
            .map(|it| it.usage)
            .collect::<Vec<_>>()
    };
    let replayed = |lanes: &[Lane]| {
        let both = finished.trials.iter().zip(&finished.records);
        usages(&mut both.filter(|it| lanes.contains(&it.0.lane)).map(|it| it.1))
    };
    let judged = finished.practised.iter().chain(&finished.records);
    let judged = judged.chain(&finished.cut_short);
    let judged: Vec<_> = judged
        .filter(|it| it.judge.is_some() && !it.reused)
        .map(|it| it.judge)
        .collect();
    let dream = finished.dream.iter().map(|it| it.usage).collect::<Vec<_>>();
    let in_vain: Vec<_> = finished.dreamt_in_vain.iter().copied().map(Some).collect();
    let mut all: Vec<Spending> = [
        (
            "The agent, practising",
            usages(&mut finished.practised.iter()),
        ),
        ("The dreamer", dream),
        ("The dreamer, where a dream came to nothing", in_vain),
        (
            "The agent, under the arms",
            replayed(&[Lane::Arms, Lane::Own]),
        ),
        (
            "The agent, in pairs for each learning",
            replayed(&[Lane::Foldover]),
        ),
        ("The agent, at canary tasks", replayed(&[Lane::Canary])),
        (
            "The agent, where the end of the run cut it short",
            usages(&mut finished.cut_short.iter()),
        ),
        ("The judge of the rubrics", judged),
    ]
    .into_iter()
    .filter_map(|(role, usages)| Spending::of(role, &usages))
    .collect();
    all.extend(Spending::total(&all));
    all
}

/// A remark as a sentence of a page; an empty one stays empty.
fn sentence(remark: &str) -> String {
    let mut letters = remark.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), letters.as_str())
    })
}

/// The command that gives this run again.
fn reproduce(asked: &Asked) -> String {
    let typed = &asked.typed;
    let smoke = settle::amount(Preset::Smoke);
    let is_smoke = typed.practice_repeats == smoke.practice_repeats && typed.no_sweep;
    let mut words = vec![format!("dreameval run {}", shell_word(&typed.suite))];
    let mut add = |flag: &str, value: Option<String>| {
        words.extend(value.map(|it| format!("--{flag} {}", shell_word(&it))));
    };
    add("preset", is_smoke.then(|| "smoke".to_owned()));
    add("seed", Some(typed.seed.to_string()));
    add("world-seed", typed.world_seed.map(|it| it.to_string()));
    add("agent", Some(typed.agent.clone()));
    add("delivery", typed.delivery.clone());
    // The address of the platform stands in no name, and a recording is played without it.
    let words_of = [
        &typed.agent,
        &typed.dreamer,
        typed.judge.as_ref().unwrap_or(&typed.agent),
    ];
    let is_named = words_of.into_iter().any(|it| names_model(it));
    add(
        "base-url",
        typed.network.base_url.clone().filter(|_| is_named),
    );
    add("models", typed.network.models.clone());
    for name in &typed.pass_env {
        add("pass-env", Some(name.clone()));
    }
    add("stored", typed.stored.clone());
    add("memory", typed.memory.clone());
    add(
        "dreamer",
        Some(typed.dreamer.clone()).filter(|_| typed.memory.is_none()),
    );
    // What it says stands in `run.json`; the file it was read from is not known there.
    add(
        "instructions",
        typed.instructions.as_ref().map(|_| "FILE".to_owned()),
    );
    add("judge", typed.judge.clone());
    add("judge-votes", typed.judge_votes.map(|it| it.to_string()));
    add("calibration", typed.calibration.clone());
    add("arms", Some(typed.arms.join(",")));
    add("repeats", Some(typed.repeats.to_string()));
    add("pairs", Some(typed.pairs.to_string()));
    let flags = [
        ("--no-sweep", typed.no_sweep && !is_smoke),
        ("--sandbox", typed.sandbox),
    ];
    let given = flags.into_iter().filter(|(_, is_given)| *is_given);
    words.extend(given.map(|(flag, _)| flag.to_owned()));
    words.join(" ")
}

/// A word as a shell takes it: in quotes where it holds anything but plain letters.
pub fn shell_word(word: &str) -> String {
    let is_plain = |it: char| it.is_alphanumeric() || "-_:./,=".contains(it);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// The change log and the patterns of a dream.
fn dream_log(dream: &Dream) -> Result<String> {
    let mut log = serde_json::json!({
        "format": 1,
        "dreamer": dream.dreamer,
        "sessions": dream.sessions,
        "input_before": dream.input_before,
        "input_after": dream.input_after,
        "output": dream.store.digest(),
        "changes": dream.changes,
        "patterns": dream.patterns,
    });
    if let Some(usage) = &dream.usage {
        log["usage"] = serde_json::json!(usage);
    }
    serde_json::to_string_pretty(&log)
        .map(|text| format!("{text}\n"))
        .map_err(|fault| Error::bug("the change log could not be written").because(fault))
}

/// What the arms came to against each other, where none of them is the candidate of a verdict.
fn compared(conclusion: &Conclusion) -> Vec<String> {
    let candidate = &conclusion.verdicts.dream.question.candidate;
    let comparisons = &conclusion.evidence.comparisons;
    if comparisons.iter().any(|it| it.candidate == *candidate) {
        return Vec::new();
    }
    let told = |it: &Comparison| {
        let difference = it.difference.estimate.map(|estimate| {
            let interval = it.difference.interval;
            let interval = interval.map_or_else(String::new, |it| format!(" ({})", range(it)));
            format!(": {}{interval}", points(estimate))
        });
        format!(
            "  {} with {}, {} with {}{}",
            achieved(&it.candidate_rate, &it.outcome),
            arm_words(&it.candidate),
            achieved(&it.baseline_rate, &it.outcome),
            arm_words(&it.baseline),
            difference.unwrap_or_default()
        )
    };
    let graded = |it: &&Comparison| 0 < it.candidate_rate.trials + it.baseline_rate.trials;
    comparisons.iter().filter(graded).map(told).collect()
}

/// How many trials broke, and why.
fn broken(evidence: &Evidence) -> Vec<String> {
    let broken = evidence.broken();
    if broken == 0 {
        return Vec::new();
    }
    let trials = count(broken as usize, "trial");
    let are = if broken == 1 { "is" } else { "are" };
    let mut lines = vec![format!("  {trials} broke and {are} not counted:")];
    let reasons = evidence.broken_by();
    for (reason, trials, _) in reasons.iter().take(REASONS) {
        lines.push(format!("    {trials} × {reason}"));
    }
    let told: u32 = reasons.iter().take(REASONS).map(|it| it.1).sum();
    if told < broken {
        lines.push(format!("    {} × something else", broken - told));
    }
    lines
}

/// Prints the answer: the verdict with its denominator, the tally, and where the report is.
pub fn tell(conclusion: &Conclusion, folder: &Path, voice: &Voice) {
    match voice.format {
        Format::Json => match report::json::pretty(&conclusion.evidence) {
            Ok(text) => speech::answer(&text),
            Err(error) => speech::complain(&error),
        },
        Format::Text => {
            let verdicts = &conclusion.verdicts;
            let mut lines = vec![verdicts.dream.sentence.clone()];
            lines.extend(verdicts.dream.reasons.iter().map(|it| format!("  {it}")));
            lines.extend(compared(conclusion));
            if !verdicts.tally.is_empty() {
                lines.push(verdicts.tally.clone());
            }
            lines.extend(broken(&conclusion.evidence));
            if !conclusion.reused.is_empty() {
                lines.push(format!("  {}", conclusion.reused));
            }
            lines.push(format!("report: {}", folder.join("report.html").display()));
            speech::answer(&lines.join("\n"));
        }
    }
}
