//! `dream`: sessions and a store in, another store out.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    cli::{
        args::DreamArgs,
        commands::{
            reach::{Reach, names_hosted, names_model},
            run::listen,
            runtime, settle,
        },
        exit::Exit,
        progress::tidied,
        speech,
    },
    domain::{
        dream::{Action, Dream},
        halt::{Halt, Why},
        id::Digest,
        memory::Store,
        session::Session,
    },
    dreaming::Dreamer as _,
    error::{Error, ErrorKind, Result, count},
    files,
    formats::{
        memory::{learnings, read_store, write_store},
        transcript::read_session,
    },
    runner::{
        journal,
        plan::Stage,
        transcripts::{self, Library},
    },
};

/// Dreams once and writes the new store; the input is proven untouched.
pub fn dream(args: &DreamArgs) -> Result<Exit> {
    let store = args
        .memory
        .as_deref()
        .map_or_else(|| Ok(Store::default()), settle::given_store)?;
    if let Some(memory) = &args.memory
        && files::lies_below(&args.out, memory)
    {
        return Err(
            Error::usage("`--out` lies inside `--memory`, which a dream never writes to")
                .in_file(&args.out)
                .mend("name a folder elsewhere"),
        );
    }
    let sessions = read_sessions(&args.sessions)?;
    let halt = Arc::new(Halt::default());
    let dream = match slept(args, &sessions, &store, &halt) {
        Err(fault)
            if fault.kind() == ErrorKind::Outside && halt.why() == Some(&Why::Interrupted) =>
        {
            speech::remark("interrupted; nothing was written");
            return Ok(Exit::Interrupted);
        }
        other => other?,
    };
    if let Some(path) = &args.memory
        && read_store(path)?.digest() != dream.input_before
    {
        return Err(Error::integrity("the input store changed while dreaming").in_file(path));
    }
    dream.check_untouched()?;
    write_store(&dream.store, &args.out)?;
    let log = serde_json::to_string_pretty(&Log::of(&dream))
        .map_err(|fault| Error::bug("the change log could not be written").because(fault))?;
    let log_path = args.out.with_extension("dream.json");
    files::write(&log_path, format!("{log}\n").as_bytes())?;
    speech::answer(&summary(&dream, &args.out, &log_path));
    Ok(Exit::Done)
}

/// The dream of whoever was typed. What it made on the managed-agents platform is removed, however it went.
fn slept(args: &DreamArgs, sessions: &[Session], store: &Store, halt: &Arc<Halt>) -> Result<Dream> {
    let word = &args.dreamer;
    let instructions = settle::instructions(args.instructions.as_deref())?;
    if names_model(word) {
        let reach = Reach::new(&settle::network(&args.models), word, halt)?;
        let dreamer = reach.dreamer(word, instructions, 1)?;
        let slept = runtime()?.block_on(dreamer.dream(sessions, store));
        return slept.map_err(|it| it.error);
    }
    if !names_hosted(word) {
        settle::check_uninstructed(word, instructions.as_ref())?;
        let dreamer = settle::dreamer(
            (word, None, &Halt::default()),
            &settle::passed(&args.pass_env)?,
            1,
        )?;
        let slept = runtime()?.block_on(dreamer.dream(sessions, store));
        return slept.map_err(|it| it.error);
    }
    let reach = Reach::new(&settle::network(&args.models), word, halt)?;
    let platform = reach.platform(word)?;
    platform.heard_by(speech::remark);
    let dreamer = reach.hosted_dreamer(word, &platform, instructions)?;
    runtime()?.block_on(async {
        tokio::spawn(listen(Arc::clone(halt), Some(Arc::clone(&platform))));
        let dream = dreamer.dream(sessions, store).await;
        let ended = platform.end(true, None).await?;
        if let Some(told) = tidied(&ended) {
            speech::remark(&told);
        }
        dream.map_err(|it| it.error)
    })
}

/// What is kept of a dream beside its store.
#[derive(serde::Serialize)]
struct Log<'a> {
    format: u32,
    dreamer: &'a str,
    sessions: u32,
    input_before: Digest,
    input_after: Digest,
    output: Digest,
    changes: &'a [crate::domain::dream::Change],
    patterns: &'a [crate::domain::dream::Pattern],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<crate::domain::trial::Usage>,
}

impl<'a> Log<'a> {
    fn of(dream: &'a Dream) -> Self {
        Self {
            format: 1,
            dreamer: &dream.dreamer,
            sessions: dream.sessions,
            input_before: dream.input_before,
            input_after: dream.input_after,
            output: dream.store.digest(),
            changes: &dream.changes,
            patterns: &dream.patterns,
            usage: dream.usage,
        }
    }
}

fn summary(dream: &Dream, out: &Path, log: &Path) -> String {
    let counts: Vec<String> = [
        (Action::Added, "added"),
        (Action::Kept, "kept"),
        (Action::Merged, "merged"),
        (Action::Superseded, "superseded"),
        (Action::Dropped, "dropped"),
    ]
    .into_iter()
    .map(|(action, word)| {
        let number = dream
            .changes
            .iter()
            .filter(|change| change.action == action)
            .count();
        format!("{number} {word}")
    })
    .collect();
    format!(
        "{} from {}: {}\nstore: {}\nchanges: {}\nthe input store is as it was (sha256 {})",
        count(learnings(&dream.store).learnings.len(), "learning"),
        count(dream.sessions as usize, "session"),
        counts.join(", "),
        out.display(),
        log.display(),
        dream.input_after.short()
    )
}

/// Largest transcript read, in bytes.
const LARGEST: u64 = 256 << 20;

/// The sessions of a folder of transcripts, by path; or the practice sessions of a run, in plan order.
fn read_sessions(folder: &Path) -> Result<Vec<Session>> {
    let pack = transcripts::path_in(folder);
    if files::exists(&pack) {
        return practice_sessions(folder, &pack);
    }
    let is_transcript = |path: &PathBuf| path.extension().is_some_and(|it| it == "jsonl");
    let mut sessions = Vec::new();
    for path in files::list(folder)?.into_iter().filter(is_transcript) {
        let path = folder.join(path);
        let text = files::text_of(files::read_bytes(&path, LARGEST)?, &path)?;
        sessions.push(read_session(&text, &path)?);
    }
    if sessions.is_empty() {
        return Err(Error::input("this folder holds no sessions")
            .in_file(folder)
            .mend("name a folder of transcripts (`*.jsonl`), or a run"));
    }
    Ok(sessions)
}

fn practice_sessions(run: &Path, pack: &Path) -> Result<Vec<Session>> {
    let library = Library::read(pack)?;
    let mut records: Vec<_> = journal::read(&journal::path_in(run))?
        .into_iter()
        .filter(|((stage, _), _)| *stage == Stage::Practice)
        .collect();
    records.sort_by_key(|((_, number), _)| *number);
    records
        .iter()
        .filter_map(|(_, record)| record.transcript.as_ref())
        .map(|digest| read_session(&library.get(digest)?, pack))
        .collect()
}
