//! Programs as dreamers: sessions and a store in folders, another store in a third (docs/programs.md).

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;

use crate::{
    domain::{
        dream::{Dream, Pattern, PatternKind},
        id::Digest,
        memory::{Entry, Store},
        session::Session,
        trial::Usage,
    },
    dreaming::{
        Boxed, Dreamer, InVain, Slept,
        changes::{TellsChange, changes},
        past::small,
    },
    error::{Error, Result},
    files::{self, TemporaryFolder},
    formats::{
        memory::{read_store, write_store},
        told::Told,
        transcript::write_session,
    },
    process::{self, End, Heard, Program, Request, last_words},
    secret::{holds_secret, strike},
};

/// How long a dreaming program may take: 6 hours.
const DEADLINE: Duration = Duration::from_secs(6 * 3600);
/// Bytes it may write on its standard output.
const MOST_OUTPUT: usize = 64 << 20;
/// Largest file of its input store that is looked at afterwards, in bytes.
const LARGEST: u64 = 256 << 20;

/// A program that dreams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramDreamer {
    /// What is run.
    pub program: Program,
    /// Environment variables it is given beside the few every program gets.
    pub pass: Vec<String>,
    /// The number it is given to draw from.
    pub seed: u64,
}

impl Dreamer for ProgramDreamer {
    fn name(&self) -> String {
        self.program.name()
    }

    fn is_repeatable(&self) -> bool {
        false
    }

    fn dream<'a>(&'a self, sessions: &'a [Session], store: &'a Store) -> Boxed<'a> {
        Box::pin(self.sleep(sessions, store))
    }
}

/// The folders of one dream.
struct Bed {
    sessions: PathBuf,
    memory: PathBuf,
    out: PathBuf,
}

impl ProgramDreamer {
    async fn sleep(&self, sessions: &[Session], store: &Store) -> Slept {
        let room = TemporaryFolder::create("dream")?;
        let bed = Bed::make(room.path(), sessions, store)?;
        let input = json!({
            "format": 1,
            "sessions": bed.sessions.to_string_lossy(),
            "memory": bed.memory.to_string_lossy(),
            "out": bed.out.to_string_lossy(),
            "seed": self.seed,
        });
        let heard = process::watch(Request {
            run: &self.program.run,
            folder: room.path(),
            input: input.to_string().as_bytes(),
            deadline: DEADLINE,
            most_output: MOST_OUTPUT,
            pass: &self.pass,
        })
        .await?;
        let told = reply(&heard).map_err(|what| self.fault(&what, &heard))?;
        let new = read_store(&bed.out)?;
        let says = |it: &Entry| holds_secret(&it.text) || holds_secret(&it.path);
        if let Some(entry) = new.entries.iter().find(|it| says(it)) {
            let error = Error::outside(format!(
                "the store that `{}` wrote holds a key or the value of a variable it was passed, in `{}`",
                self.program.called(),
                strike(&entry.path)
            ))
            .mend("have the dreamer leave keys out of what it writes");
            let usage = Some(Box::new(told.usage));
            return Err(InVain { error, usage });
        }
        Ok(Dream {
            dreamer: self.name(),
            changes: changes(told.changes.unwrap_or_default(), store, &new, NO_REASON),
            patterns: told.patterns.into_iter().map(TellsPattern::plain).collect(),
            sessions: small(sessions.len()),
            input_before: store.digest(),
            input_after: digest_of(&bed.memory),
            usage: Some(Usage {
                seconds: told.usage.seconds.or(Some(heard.seconds)),
                ..told.usage
            }),
            store: new,
        })
    }

    fn fault(&self, what: &str, heard: &Heard) -> Error {
        let error = Error::outside(format!("the dreamer `{}` {what}", self.program.called()));
        let words = last_words(&heard.errors);
        match words.is_empty() {
            true => error,
            false => error.because(format!("its last words: {words}")),
        }
        .mend("mend the program; what was practised is kept, and `--resume` dreams again")
    }
}

impl Bed {
    fn make(room: &Path, sessions: &[Session], store: &Store) -> Result<Self> {
        let bed = Self {
            sessions: room.join("sessions"),
            memory: room.join("memory"),
            out: room.join("out"),
        };
        let written: Vec<(PathBuf, String)> = sessions
            .iter()
            .enumerate()
            .map(|(index, it)| (format!("{index:05}.jsonl").into(), write_session(it)))
            .collect();
        let written: Vec<(PathBuf, &[u8])> = written
            .iter()
            .map(|(path, text)| (path.clone(), text.as_bytes()))
            .collect();
        files::write_folder(&bed.sessions, &written)?;
        write_store(store, &bed.memory)?;
        files::create_folder(&bed.out)?;
        Ok(bed)
    }
}

/// The digest of whatever stands in the input folder now, however little of a store it may be.
fn digest_of(folder: &Path) -> Digest {
    let entry = |path: PathBuf| -> Result<Entry> {
        let bytes = files::read_bytes(&folder.join(&path), LARGEST)?;
        Ok(Entry {
            path: format!("/{}", path.display()),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    };
    let found = files::list(folder)
        .and_then(|paths| paths.into_iter().map(entry).collect::<Result<Vec<_>>>());
    match found {
        Ok(entries) => Store::new(entries).digest(),
        Err(error) => Digest::of(error.to_string().as_bytes()),
    }
}

/// What a dreamer says beside its store.
#[derive(Debug, Default)]
struct Reply {
    changes: Option<Vec<TellsChange>>,
    patterns: Vec<TellsPattern>,
    usage: Usage,
}

/// A pattern as a program tells it.
#[derive(Debug, Clone, Deserialize)]
struct TellsPattern {
    kind: PatternKind,
    what: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    sessions: u32,
    #[serde(default)]
    tasks: u32,
    #[serde(default)]
    answered_by: Option<String>,
}

impl TellsPattern {
    fn plain(self) -> Pattern {
        Pattern {
            kind: self.kind,
            what: self.what,
            roles: self.roles,
            sessions: self.sessions,
            tasks: self.tasks,
            answered_by: self.answered_by,
        }
    }
}

/// The reason given where the program gave none.
const NO_REASON: &str = "the dreamer gave no reason";

fn reply(heard: &Heard) -> std::result::Result<Reply, String> {
    match heard.end {
        End::Code(0) => {}
        End::Code(code) => return Err(format!("ended with code {code}")),
        End::Signal => return Err("was ended by a signal".to_owned()),
        End::Flooded => return Err(format!("wrote more than {MOST_OUTPUT} bytes")),
        End::Overdue => {
            return Err(format!("did not end within {} seconds", DEADLINE.as_secs()));
        }
    }
    let mut told = Told::parse(&heard.output)?;
    Ok(Reply {
        changes: told.take("changes")?,
        patterns: told.take("patterns")?.unwrap_or_default(),
        usage: told.usage()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dream::Action;

    fn store(files: &[(&str, &str)]) -> Store {
        let entry = |(path, text): &(&str, &str)| Entry {
            path: (*path).into(),
            text: (*text).into(),
        };
        Store::new(files.iter().map(entry).collect())
    }

    /// What the shell script dreams over a store of the notes `one` and `two`; `$1` to `$3` are its folders.
    async fn dream(script: &str) -> Result<Dream> {
        let folders = r#"input=$(cat)
            part() { printf %s "$input" | sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
            set -- "$(part sessions)" "$(part memory)" "$(part out)"
            "#;
        let words = json!(["sh", "-c", format!("{folders}{script}")]);
        let dreamer = ProgramDreamer {
            program: Program::parse(&words.to_string()).unwrap(),
            pass: Vec::new(),
            seed: 1,
        };
        let old = store(&[("/notes.md", "- one\n- two\n")]);
        dreamer.dream(&[], &old).await.map_err(|it| it.error)
    }

    fn told(dream: &Dream) -> Vec<(Action, &str, &str)> {
        let changes = dream.changes.iter();
        changes
            .map(|it| (it.action, it.name.as_str(), it.why.as_str()))
            .collect()
    }

    #[tokio::test]
    async fn what_stands_in_the_folder_out_is_the_new_store() {
        let dream = dream(
            r#"[ -d "$1" ] && printf -- '- one\n- three\n' > "$3/notes.md"
            echo '{"usage":{"cost_usd":0.5},"changes":[{"action":"dropped","name":"two","path":"/notes.md","why":"stale"}]}'"#,
        )
        .await
        .unwrap();
        assert_eq!(dream.store, store(&[("/notes.md", "- one\n- three\n")]));
        assert_eq!(
            told(&dream),
            [
                (Action::Dropped, "two", "stale"),
                (Action::Kept, "one", NO_REASON),
                (Action::Added, "three", NO_REASON),
            ]
        );
        assert_eq!(dream.usage.and_then(|it| it.cost_usd), Some(0.5));
        assert_eq!(dream.check_untouched(), Ok(()));
    }

    #[tokio::test]
    async fn nothing_leaves_a_store_without_a_word() {
        let dream = dream("echo '{}'").await.unwrap();
        assert_eq!(
            told(&dream),
            [
                (Action::Dropped, "one", NO_REASON),
                (Action::Dropped, "two", NO_REASON),
            ]
        );
        assert!(dream.changes.iter().all(|it| it.id.is_some()));
    }

    #[tokio::test]
    async fn a_dreamer_that_writes_to_its_input_is_found_out() {
        for script in [
            r#"echo more >> "$2/notes.md""#,
            r#"rm "$2/notes.md""#,
            r#"ln -s / "$2/link""#,
        ] {
            let dream = dream(&format!("{script}; echo '{{}}'")).await.unwrap();
            let error = dream.check_untouched().unwrap_err();
            assert!(error.what().contains("changed its input store"), "{script}");
        }
    }

    #[tokio::test]
    async fn a_dreamer_that_fails_leaves_no_dream() {
        let error = dream("echo 'no tokens' >&2; exit 2").await.unwrap_err();
        assert!(error.to_string().starts_with(
            "error: the dreamer `sh` ended with code 2\n  because: its last words: no tokens\n"
        ));
        let error = dream("echo done").await.unwrap_err();
        assert!(
            error
                .what()
                .starts_with("the dreamer `sh` wrote an answer that is not JSON")
        );
        let error = dream(r#"printf '\377' > "$3/a.md"; echo '{}'"#)
            .await
            .unwrap_err();
        assert_eq!(
            error.what(),
            "this file is not UTF-8: byte 0 fits no character"
        );
    }
}
