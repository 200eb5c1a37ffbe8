//! Typed words become settled choices.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    agents::{
        Agent,
        command::ProgramAgent,
        embedded::{Embedded, Policy as EmbeddedPolicy},
    },
    cli::{
        args::{CastArgs, ModelArgs, Preset, RunArgs},
        commands::{
            reach::{Reach, names_hosted, names_model},
            room,
        },
    },
    domain::{
        halt::{Halt, Why},
        id::ArmName,
        memory::Store,
        suite::Suite,
    },
    draw::Key,
    dreaming::{Dreamer, command::ProgramDreamer, controls::Control, embedded::Reference},
    error::{Error, Result, did_you_mean},
    files,
    formats::{memory::read_store, store_template::check_filled, suite::load_suite},
    hosted::Platform,
    process::{PREFIX, Program, is_set},
    promotion::{
        calibration::Calibration,
        ledger::{Custody, Ledger},
        policy::Policy,
    },
    scoring::Judge,
    study::{
        asked::{Asked, Network, Typed},
        plan::Amount,
    },
};

/// The built-in arms, in the order they are shown.
const ARMS: [&str; 5] = ["bare", "stored", "dreamed", "placebo", "oracle"];

/// What was typed, by value.
///
/// # Errors
/// A variable to be passed is none, or the ledger of the store is not what was written.
pub fn typed(args: &RunArgs) -> Result<Typed> {
    let usual = amount(args.preset);
    let suite = args.suite.as_deref().unwrap_or(Path::new(""));
    Ok(Typed {
        suite: suite.display().to_string(),
        world_seed: args.world_seed,
        memory: args.memory.as_ref().map(|it| it.display().to_string()),
        stored: args.stored.as_ref().map(|it| it.display().to_string()),
        ledger_head: ledger_head(args.stored.as_ref().or(args.memory.as_ref()))?,
        arms: args.arms.clone(),
        repeats: args.repeats.unwrap_or(usual.repeats),
        practice_repeats: usual.practice_repeats,
        pairs: args.pairs.unwrap_or(usual.pairs),
        no_sweep: args.no_sweep || !usual.sweeps,
        seed: args.seed,
        reuse: args
            .reuse
            .iter()
            .map(|it| it.display().to_string())
            .collect(),
        ..cast(&args.cast)?
    })
}

/// Who takes part, as typed; nothing is said of what is played.
///
/// # Errors
/// A variable to be passed is none, or the instructions cannot be read.
pub fn cast(args: &CastArgs) -> Result<Typed> {
    Ok(Typed {
        agent: args.agent.clone(),
        dreamer: args.dreamer.clone(),
        delivery: args.room.delivery.clone(),
        sandbox: args.room.sandbox,
        instructions: instructions(args.instructions.as_deref())?,
        pass_env: passed(&args.pass_env)?,
        judge: args.judge.judge.clone(),
        judge_votes: args.judge.judge_votes,
        calibration: args.calibration.as_ref().map(|it| it.display().to_string()),
        network: network(&args.models),
        ..Typed::default()
    })
}

/// A store somebody names.
///
/// # Errors
/// It cannot be read, or is a suite's own with placeholders in it.
pub fn given_store(path: &Path) -> Result<Store> {
    let store = read_store(path)?;
    check_filled(&store, path)?;
    Ok(store)
}

/// The head of the ledger beside a store, where there is one.
fn ledger_head(store: Option<&PathBuf>) -> Result<Option<String>> {
    let Some(Ok(custody)) = store.map(|it| Custody::of(it)) else {
        return Ok(None);
    };
    let path = custody.ledger_path();
    match files::exists(&path) {
        true => Ok(Some(Ledger::read(&path)?.head().to_string())),
        false => Ok(None),
    }
}

/// How much a preset plays.
pub fn amount(preset: Preset) -> Amount {
    let (practice_repeats, repeats, pairs) = match preset {
        Preset::Smoke => (1, 1, 200),
        Preset::Gate => (2, 3, 1000),
        Preset::Promote => (2, 5, 3000),
    };
    Amount {
        practice_repeats,
        repeats,
        pairs,
        sweeps: preset != Preset::Smoke,
    }
}

/// How models are reached, as typed.
pub fn network(args: &ModelArgs) -> Network {
    let path = |it: &Option<PathBuf>| it.as_ref().map(|it| it.display().to_string());
    Network {
        base_url: args.base_url.clone(),
        models: path(&args.models),
        record: path(&args.record),
        replay: path(&args.replay),
    }
}

/// Loads everything a run names; `halt` is what providers set once they are down.
///
/// # Errors
/// A suite, store, agent, dreamer or arm is not acceptable.
pub fn asked(typed: Typed, halt: &Arc<Halt>) -> Result<Asked> {
    let mut suite = load_suite(Path::new(&typed.suite), typed.world_seed)?;
    if let Some(path) = &typed.stored {
        suite.memory = given_store(Path::new(path))?;
        suite
            .digests
            .insert("memory".to_owned(), suite.memory.digest());
    }
    let suite = Arc::new(suite);
    let way = Reach::new(&typed.network, first_model(&typed), halt)?;
    let judge = judge(&typed, &suite, &way)?;
    let memory = typed
        .memory
        .as_ref()
        .map(|path| given_store(Path::new(path)))
        .transpose()?;
    let (arms, extra) = arms(&typed.arms)?;
    if memory.is_some() && !arms.iter().any(|it| it == "dreamed") {
        return Err(Error::usage("`--memory` gives the store of arm `dreamed`, which is not among `--arms`")
            .mend("add `dreamed` to `--arms`, or give the store as an arm of its own: `--arms name=STORE`"));
    }
    let calibration = typed
        .calibration
        .as_ref()
        .map(|it| calibration(Path::new(it)));
    let platform = platform(&typed, halt)?;
    let mut asked = Asked {
        agent: fitting_agent((&typed, halt), &suite, &way, platform.as_ref())?,
        dreamer: fitting_dreamer(&typed, &way, halt, platform.as_ref())?,
        platform,
        suite,
        judge: None,
        calibration: calibration.transpose()?,
        memory,
        arms,
        extra,
        amount: Amount {
            practice_repeats: typed.practice_repeats,
            repeats: typed.repeats,
            pairs: typed.pairs,
            sweeps: !typed.no_sweep,
        },
        seed: typed.seed,
        tries_dropped: typed.tries_dropped,
        typed,
    };
    asked.judged_by(judge);
    asked.check_judge()?;
    Ok(asked)
}

/// Built-in arms by name, and stores with names of their own.
type Arms = (Vec<String>, Vec<(ArmName, Store)>);

/// The arms that were typed.
fn arms(typed: &[String]) -> Result<Arms> {
    let (mut arms, mut extra) = (Vec::new(), Vec::new());
    for arm in typed {
        match arm.split_once('=') {
            Some((name, path)) => extra.push(own_arm(name, path)?),
            None if ARMS.contains(&arm.as_str()) => arms.push(arm.clone()),
            None => {
                return Err(
                    Error::usage(format!("there is no arm `{arm}`")).mend(format!(
                        "{}, or name=STORE",
                        did_you_mean(arm, "arms", ARMS)
                    )),
                );
            }
        }
    }
    let names: Vec<&str> = arms
        .iter()
        .map(String::as_str)
        .chain(extra.iter().map(|(name, _)| name.as_str()))
        .collect();
    if let Some(twice) = (1..names.len()).find(|it| names[..*it].contains(&names[*it])) {
        return Err(
            Error::usage(format!("`--arms` names `{}` twice", names[twice]))
                .mend("an arm is replayed once; for more attempts give `--repeats`"),
        );
    }
    Ok((arms, extra))
}

/// The first model that was typed, which `--base-url` is meant for; nothing where there is none.
fn first_model(typed: &Typed) -> &str {
    let judge = typed.judge.as_deref().unwrap_or_default();
    let mut words = [typed.agent.as_str(), judge, &typed.dreamer].into_iter();
    let first = words.find(|it| names_model(it) || names_hosted(it));
    first.filter(|it| names_model(it)).unwrap_or_default()
}

/// The judge that was typed, where the suite has anything to judge.
fn judge(typed: &Typed, suite: &Suite, way: &Reach) -> Result<Option<Arc<Judge>>> {
    match (&typed.judge, suite.is_judged()) {
        (None, _) => Ok(None),
        (Some(word), true) => Ok(Some(Arc::new(way.judge(word, typed.judge_votes)?))),
        (Some(_), false) => Err(Error::usage(
            "a judge is named, and no task of this suite has a rubric",
        )
        .mend("leave out `--judge`")),
    }
}

/// A calibration file.
///
/// # Errors
/// It cannot be read, or is none.
pub fn calibration(path: &Path) -> Result<Calibration> {
    Calibration::parse(&files::read_text(path)?, path)
}

/// The managed-agents platform, where agent or dreamer work there: one for both, so that what they make is kept and
/// removed together.
fn platform(typed: &Typed, halt: &Arc<Halt>) -> Result<Option<Arc<Platform>>> {
    let words = [&typed.agent, &typed.dreamer];
    let Some(word) = words.into_iter().find(|it| names_hosted(it)) else {
        return Ok(None);
    };
    let mut network = typed.network.clone();
    if !first_model(typed).is_empty() {
        // It is meant for the agent or the judge, and for another provider.
        network.base_url = None;
    }
    Reach::new(&network, word, halt)?.platform(word).map(Some)
}

/// The agent that was typed, if it can play this suite.
fn fitting_agent(
    (typed, halt): (&Typed, &Halt),
    suite: &Suite,
    way: &Reach,
    platform: Option<&Arc<Platform>>,
) -> Result<Arc<dyn Agent>> {
    room::check(typed, suite)?;
    let agent = match platform {
        Some(platform) if names_hosted(&typed.agent) => way.hosted_agent(&typed.agent, platform)?,
        _ => agent((typed, halt), suite, way)?,
    };
    match agent.refuses(&suite.setting) {
        None => Ok(agent),
        Some(why) => Err(
            Error::usage(format!("this agent and this suite do not fit: {why}"))
                .mend(match typed.agent.as_str() {
                    "embedded" | "forager" => {
                        "name a model or a program: `--agent anthropic:MODEL`, `openai:MODEL` or `command:PROGRAM`"
                    }
                    _ if suite.world().is_some() => {
                        "name another suite, or play this one with `--agent embedded`"
                    }
                    _ => "name another suite, or play this one with a model or a program: `--agent anthropic:MODEL`, \
                          `openai:MODEL` or `command:PROGRAM`",
                }),
        ),
    }
}

/// The dreamer that was typed, if it takes what it is to be told.
fn fitting_dreamer(
    typed: &Typed,
    way: &Reach,
    halt: &Arc<Halt>,
    platform: Option<&Arc<Platform>>,
) -> Result<Arc<dyn Dreamer>> {
    let (word, instructions) = (typed.dreamer.as_str(), typed.instructions.clone());
    match platform {
        Some(platform) if names_hosted(word) => {
            check_played_there(typed)?;
            let reach = Reach::new(&typed.network, word, halt)?;
            Ok(Arc::new(reach.hosted_dreamer(
                word,
                platform,
                instructions,
            )?))
        }
        _ if names_model(word) => Ok(Arc::new(way.dreamer(word, instructions, typed.seed)?)),
        _ => {
            check_uninstructed(word, instructions.as_ref())?;
            dreamer(
                (word, typed.base.as_deref(), halt),
                &typed.pass_env,
                typed.seed,
            )
        }
    }
}

/// A hosted dream reads sessions of the platform, and the practice of no other agent lies there.
fn check_played_there(typed: &Typed) -> Result<()> {
    let is_dreamt = typed.memory.is_none() && typed.arms.iter().any(|it| it == "dreamed");
    if names_hosted(&typed.agent) || !is_dreamt {
        return Ok(());
    }
    Err(Error::usage(format!(
        "a hosted dream reads sessions of the platform, and the agent `{}` plays none there",
        typed.agent
    ))
    .mend(
        "practise with `--agent hosted:MODEL`, or dream elsewhere: `--dreamer command:PROGRAM`, or `embedded`",
    ))
}

/// Only models are told anything.
///
/// # Errors
/// Another dreamer is.
pub fn check_uninstructed(word: &str, instructions: Option<&String>) -> Result<()> {
    match instructions {
        None => Ok(()),
        Some(_) => Err(
            Error::usage(format!("the dreamer `{word}` takes no instructions"))
                .mend("leave out `--instructions`, or name a model as `--dreamer`"),
        ),
    }
}

/// What a dreaming model is told besides.
///
/// # Errors
/// The file cannot be read.
pub fn instructions(path: Option<&Path>) -> Result<Option<String>> {
    path.map(files::read_text).transpose()
}

fn own_arm(name: &str, path: &str) -> Result<(ArmName, Store)> {
    // An arm's name becomes that of a folder.
    let is_word = name
        .chars()
        .all(|it| it.is_alphanumeric() || "-_".contains(it));
    if name.is_empty() || !is_word || ["foldover", "canary"].contains(&name) || ARMS.contains(&name)
    {
        return Err(
            Error::usage(format!("an arm of your own cannot be called `{name}`"))
                .mend("choose another name of letters, digits, `-` and `_`, such as `--arms bare,mine=STORE`"),
        );
    }
    Ok((ArmName::new(name), given_store(Path::new(path))?))
}

/// Agents by name; models and programs beside them.
const AGENTS: [&str; 6] = [
    "embedded",
    "forager",
    "anthropic:MODEL",
    "openai:MODEL",
    "hosted:MODEL",
    "command:PROGRAM",
];
/// Dreamers by name; programs beside them.
const DREAMERS: [&str; 8] = [
    "embedded",
    "null",
    "shuffler",
    "hoarder",
    "anthropic:MODEL",
    "openai:MODEL",
    "hosted:MODEL",
    "command:PROGRAM",
];

/// Refuses a word that names nothing of this program's own in that role: `agent`, `dreamer` or `judge`.
///
/// # Errors
/// It does not.
pub fn check_built_in(role: &str, word: &str) -> Result<()> {
    let known: &[&str] = match role {
        "agent" => &AGENTS,
        "dreamer" => &DREAMERS,
        _ => &["anthropic:MODEL", "openai:MODEL"],
    };
    match known.contains(&word) {
        true => Ok(()),
        false => Err(
            Error::usage(format!("there is no {role} `{word}`")).mend(did_you_mean(
                word,
                &format!("{role}s"),
                known.iter().copied(),
            )),
        ),
    }
}

/// A program; one that is not only read of must be there.
fn program_of(words: &str, folder: Option<&Path>, halt: &Halt) -> Result<Program> {
    let program = Program::parse_in(words, folder.unwrap_or(Path::new("")))?;
    match halt.why() {
        Some(Why::Reading) => Ok(program),
        _ => program.found(),
    }
}

fn agent((typed, halt): (&Typed, &Halt), suite: &Suite, way: &Reach) -> Result<Arc<dyn Agent>> {
    if let Some(program) = typed.agent.strip_prefix(PREFIX) {
        return Ok(Arc::new(ProgramAgent {
            program: program_of(program, typed.base.as_deref(), halt)?,
            pass: typed.pass_env.clone(),
            // A program that asks a model needs the network.
            sandbox: room::sandbox(typed, halt, true)?,
        }));
    }
    match typed.agent.as_str() {
        "embedded" => Ok(Arc::new(Embedded::new(EmbeddedPolicy::Planner))),
        "forager" => Ok(Arc::new(Embedded::new(EmbeddedPolicy::Forager))),
        word if names_model(word) => Ok(Arc::new(room::chat((typed, halt), suite, way)?)),
        other => Err(Error::usage(format!("there is no agent `{other}`"))
            .mend(did_you_mean(other, "agents", AGENTS))),
    }
}

/// The dreamer of that word; a program is given the variables of `pass` and the seed.
///
/// # Errors
/// There is none.
pub fn dreamer(
    (word, folder, halt): (&str, Option<&Path>, &Halt),
    pass: &[String],
    seed: u64,
) -> Result<Arc<dyn Dreamer>> {
    if let Some(program) = word.strip_prefix(PREFIX) {
        return Ok(Arc::new(ProgramDreamer {
            program: program_of(program, folder, halt)?,
            pass: pass.to_vec(),
            seed: Key::root(seed).word("dreamer").draw(0) >> 11,
        }));
    }
    match word {
        "embedded" => Ok(Arc::new(Reference)),
        "null" => Ok(Arc::new(Control::Null)),
        "shuffler" => Ok(Arc::new(Control::Shuffler)),
        "hoarder" => Ok(Arc::new(Control::Hoarder)),
        other => Err(Error::usage(format!("there is no dreamer `{other}`"))
            .mend(did_you_mean(other, "dreamers", DREAMERS))),
    }
}

/// The names of variables to be passed to programs, each once.
///
/// # Errors
/// One is no name, or is not set here.
pub fn passed(names: &[String]) -> Result<Vec<String>> {
    let mut passed = names.to_vec();
    passed.sort();
    passed.dedup();
    for name in &passed {
        let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(Error::usage("`--pass-env` takes the name of an environment variable")
                .mend("name it alone, as in `--pass-env API_KEY`; its value is taken from the environment"));
        }
        if !is_set(name) {
            return Err(Error::usage(format!(
                "the environment variable `{name}` is not set, so it cannot be passed on"
            ))
            .mend("set it, or take its name out of `--pass-env` or of `pass_env` in the suite"));
        }
    }
    Ok(passed)
}

/// The policy of a file, or the default.
///
/// # Errors
/// The file cannot be read or is not a policy.
pub fn policy(path: Option<&Path>) -> Result<Policy> {
    match path {
        Some(path) => Policy::parse(path, &files::read_text(path)?),
        None => Ok(Policy::default()),
    }
}
