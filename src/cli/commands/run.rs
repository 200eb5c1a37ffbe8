//! `run`: the main job from the command line.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    cli::{
        args::{BoundArgs, RunArgs},
        commands::{
            clock::now,
            forecast, gate, given,
            pages::{self, Wants},
            report::read_run_file,
            runtime, settle,
        },
        exit::Exit,
        progress::{Progress, at_hand},
        speech,
    },
    domain::{
        halt::{Halt, Why},
        id::Digest,
    },
    error::{Error, Result},
    files,
    hosted::Platform,
    promotion::{baseline::Baseline, policy::Policy},
    runner::{Pace, event::Event, purse::Purse, reuse::Earlier},
    study::{
        self,
        asked::{Asked, RunFile},
    },
};

/// Plays a run, or goes on with one, and reports.
pub fn run(args: &RunArgs) -> Result<Exit> {
    let policy = settle::policy(args.policy.as_deref())?;
    let halt = Arc::new(Halt::default());
    let (asked, earlier, folder) = match &args.resume {
        Some(folder) => {
            let asked = resumed(folder, &halt)?;
            let earlier = earlier(&asked)?;
            (asked, earlier, folder.clone())
        }
        None => {
            let asked = settle::asked(settle::typed(args)?, &halt)?;
            if args.bounds.max_cost.is_some() {
                forecast::check_priced(&asked)?;
            }
            if args.plan {
                speech::answer(&forecast::tell(&asked)?);
                return Ok(Exit::Done);
            }
            let earlier = earlier(&asked)?;
            wished(args, &asked, &policy)?;
            let folder = begin(&asked, args.out.as_deref())?;
            (asked, earlier, folder)
        }
    };
    let wish = wished(args, &asked, &policy)?;
    let runtime = runtime()?;
    let pace = pace(&asked, args.jobs, &args.bounds, halt);
    let mut progress = Progress::new(args.voice.quiet);
    hear(asked.platform.as_ref(), args.voice.quiet);
    let finished = runtime.block_on(async {
        watch(&pace.halt, &args.bounds, asked.platform.as_ref());
        let mut observe = |event: &Event| progress.observe(event);
        study::run_reusing(&asked, &earlier, &folder, &pace, &mut observe).await
    })?;
    let Some(finished) = finished else {
        let (told, exit) = ended_early(&pace.halt);
        speech::remark(&format!(
            "{told}; every finished trial is in the journal\nnext: dreameval run --resume {}{}",
            folder.display(),
            bound_again(&pace, args.bounds.max_cost)
        ));
        return Ok(exit);
    };
    let wants = Wants {
        csv: args.csv,
        gate: wish,
        ..Wants::default()
    };
    let told = runtime.block_on(pages::conclude(&asked, &finished, &policy, &folder, &wants))?;
    end(&asked, &folder, told.journal)?;
    pages::tell(&told.conclusion, &folder, &args.voice);
    let exit = gate::tell(told.gate.as_ref(), &folder);
    if told.conclusion.evidence.is_all_broken() {
        speech::remark(
            "stopped short: every trial broke, so nothing was measured\nnext: mend what broke them and run it again",
        );
        return Ok(Exit::Outside);
    }
    Ok(exit)
}

/// The earlier runs that were named, as far as they were played.
fn earlier(asked: &Asked) -> Result<Earlier> {
    let mut earlier = Earlier::default();
    for folder in asked.typed.reuse.iter().map(Path::new) {
        let file = read_run_file(folder)?;
        earlier.add(folder, &file.run)?;
        file.check_journal(folder)?;
    }
    Ok(earlier)
}

/// The gate that was asked for, checked before anything is played.
fn wished(args: &RunArgs, asked: &Asked, policy: &Policy) -> Result<Option<Option<Baseline>>> {
    if !args.gate {
        return Ok(None);
    }
    let file = gate::baseline_for(asked, args.baseline.as_deref())?;
    let arm = &policy.gate.baseline;
    let is_own = asked.extra.iter().any(|(name, _)| name.as_str() == arm);
    if file.is_none() && !asked.wants(arm) && !is_own {
        return Err(Error::usage(format!(
            "the gate is to hold the run against arm `{arm}`, which is not among `--arms`"
        ))
        .mend("add it to `--arms`, name another as `gate.baseline` in the policy, or give `--baseline FILE`"));
    }
    Ok(Some(file))
}

/// The run of a folder, if nothing it was made from has changed.
///
/// # Errors
/// Something has.
pub fn resumed(folder: &Path, halt: &Arc<Halt>) -> Result<Asked> {
    let file = read_run_file(folder)?;
    let asked = given::asked_again(file.asked.clone(), folder, halt)?;
    file.check(&asked, &folder.join("run.json"))?;
    Ok(asked)
}

/// Makes the run's folder and writes what was asked.
fn begin(asked: &Asked, out: Option<&Path>) -> Result<PathBuf> {
    let folder = match out {
        Some(folder) => {
            if files::exists(&folder.join("run.json")) {
                return Err(Error::usage("this folder holds a run already")
                    .in_file(folder)
                    .mend("go on with it by `--resume`, or choose another `--out`"));
            }
            files::create_folder(folder)?;
            folder.to_owned()
        }
        None => {
            let base = Path::new("reports").join(&asked.suite.name);
            files::create_numbered_folder(&base)?
        }
    };
    begin_in(asked, &folder)?;
    Ok(folder)
}

/// Writes into a folder what was asked.
///
/// # Errors
/// The disk fails.
pub fn begin_in(asked: &Asked, folder: &Path) -> Result<()> {
    files::create_folder(&folder.join("transcripts"))?;
    given::keep_given(asked, folder)?;
    let mut file = RunFile::of(asked);
    file.times.insert("began".to_owned(), now());
    write_run_file(&file, folder)
}

/// Notes when the run ended, and with which journal.
///
/// # Errors
/// The disk fails.
pub fn end(asked: &Asked, folder: &Path, journal: Digest) -> Result<()> {
    let mut file = read_run_file(folder)?;
    // It may have ended before, and have been resumed since.
    file.check_journal(folder)?;
    let times: BTreeMap<String, String> = std::mem::take(&mut file.times);
    file = RunFile::of(asked);
    file.times = times;
    file.times.insert("ended".to_owned(), now());
    file.journal = Some(journal);
    write_run_file(&file, folder)
}

fn write_run_file(file: &RunFile, folder: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(file)
        .map_err(|fault| Error::bug("`run.json` could not be written").because(fault))?;
    files::write(&folder.join("run.json"), format!("{text}\n").as_bytes())
}

/// Trials under way at once where each waits for a network.
const REMOTE: usize = 64;

/// How many trials are under way at once, where nobody says otherwise the cores or many for a network, and what they
/// may cost; embedded agents cost nothing.
pub fn pace(asked: &Asked, jobs: Option<u32>, bounds: &BoundArgs, halt: Arc<Halt>) -> Pace {
    let usual = match asked.agent.is_remote() || asked.judge.is_some() {
        true => REMOTE,
        false => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let is_free =
        asked.agent.is_repeatable() && asked.judge.is_none() && asked.dreamer.is_repeatable();
    let most = bounds.max_cost.filter(|_| !is_free);
    Pace {
        workers: jobs.map_or(usual, |jobs| jobs as usize),
        purse: most.map(|most| Arc::new(Purse::new(most, Arc::clone(&halt)))),
        halt,
    }
}

/// Ends the run at an interrupt, and once its time is over. To be called on the run's own runtime.
pub fn watch(halt: &Arc<Halt>, bounds: &BoundArgs, platform: Option<&Arc<Platform>>) {
    tokio::spawn(listen(Arc::clone(halt), platform.map(Arc::clone)));
    if let Some(seconds) = bounds.max_seconds {
        let halt = Arc::clone(halt);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs_f64(seconds.min(YEAR))).await;
            halt.set(Why::Spent(format!("{seconds} seconds are over")));
        });
    }
}

/// Seconds nobody waits longer than.
const YEAR: f64 = 366.0 * 86_400.0;

/// What a resumed run must be told again, as bounds are not kept; and when it is of no use to resume.
fn bound_again(pace: &Pace, bound: Option<f64>) -> String {
    let more = pace.purse.as_ref().and_then(|it| it.more());
    match (pace.halt.why(), bound) {
        (Some(Why::Spent(_)), Some(_)) => format!(
            "{}\n      the bound is for the whole run; without `--max-cost` there is none",
            more.map_or_else(String::new, |it| format!(" --max-cost {}", plain(it)))
        ),
        (Some(Why::Down(told)), bound) => format!(
            "{}\n      once that is mended; another model, address or program is another run{}",
            bound.map_or_else(String::new, |it| format!(" --max-cost {it}")),
            match told.contains("status 404") {
                true =>
                    ": is the model spelt as its provider has it, and does the address end as it should (often `/v1`)?",
                false => "",
            }
        ),
        (_, Some(dollars)) => format!(" --max-cost {dollars}"),
        (_, None) => String::new(),
    }
}

/// Dollars as one types them: `0.064`, `12`.
fn plain(dollars: f64) -> String {
    let text = format!("{dollars:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

/// What is said of a run that ended before its last trial, and how the program ends.
pub fn ended_early(halt: &Halt) -> (String, Exit) {
    match halt.why() {
        Some(Why::Down(told) | Why::Spent(told)) => (format!("stopped: {told}"), Exit::Outside),
        Some(Why::Interrupted | Why::Reading) | None => {
            ("interrupted".to_owned(), Exit::Interrupted)
        }
    }
}

/// Tells of what is heard of the managed-agents platform, to whoever does not want quiet.
pub fn hear(platform: Option<&Arc<Platform>>, is_quiet: bool) {
    if let Some(platform) = platform.filter(|_| !is_quiet) {
        platform.heard_by(speech::remark);
    }
}

/// The first interrupt ends the run after the trials under way; the second ends it at once, and names what is left on
/// the platform.
pub async fn listen(halt: Arc<Halt>, platform: Option<Arc<Platform>>) {
    if interrupt().await {
        speech::remark("ending after the trials under way; interrupt again to end at once");
        halt.set(Why::Interrupted);
    }
    if interrupt().await {
        let left = platform.map(|it| it.at_hand());
        if let Some(told) = left.as_ref().and_then(at_hand) {
            speech::remark(&told);
        }
        // A dream alone has no journal, and no folder.
        if left.is_none_or(|it| it.folder.is_some()) {
            speech::remark(
                "every finished trial is in the journal, and `dreameval run --resume RUN` goes on",
            );
        }
        std::process::exit(i32::from(Exit::Interrupted.code()));
    }
}

/// Waits for SIGINT or SIGTERM; `false` where signals cannot be had.
async fn interrupt() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        return tokio::signal::ctrl_c().await.is_ok();
    };
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt.is_ok(),
        ended = term.recv() => ended.is_some(),
    }
}
