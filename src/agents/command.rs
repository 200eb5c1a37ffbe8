//! Programs as agents: one JSON object in, one out (docs/programs.md). What happens inside a program is not known here.

use std::{borrow::Cow, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{
    agents::{Agent, Boxed, Fault, Work},
    domain::{
        suite::Setting,
        trial::{Attempt, Stop, Usage},
    },
    environment::Place,
    error::Error,
    files::{self, TemporaryFolder},
    formats::{
        memory::{part, write_store},
        told::Told,
    },
    process::{self, End, Heard, Program, Request, Sandbox, last_words},
};

/// Bytes a program may write on its standard output.
const MOST_OUTPUT: usize = 16 << 20;
/// Types of lines that are the harness's own, with which a transcript begins and ends.
const OUR_EVENTS: [&str; 2] = ["session.start", "session.outcome"];

/// A program that attempts tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramAgent {
    /// What is run for each attempt.
    pub program: Program,
    /// Environment variables it is given beside the few every program gets.
    pub pass: Vec<String>,
    /// Where it runs, where it may not run free.
    pub sandbox: Option<Sandbox>,
}

impl Agent for ProgramAgent {
    fn name(&self) -> String {
        match self.sandbox {
            Some(_) => format!("{} in a sandbox", self.program.name()),
            None => self.program.name(),
        }
    }

    fn about(&self) -> String {
        "A program of its user. What it was given is known; what it did with it is only known as far as it said."
            .to_owned()
    }

    fn is_repeatable(&self) -> bool {
        false
    }

    fn refuses(&self, setting: &Setting) -> Option<String> {
        match setting {
            Setting::World(_) => Some(
                "a program cannot play the desk of a world; it plays suites with a workspace or with none"
                    .to_owned(),
            ),
            Setting::Workspace { .. } | Setting::None => None,
        }
    }

    fn attempt<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Attempt> {
        Box::pin(async move { self.play(&work).await })
    }
}

impl ProgramAgent {
    async fn play(&self, work: &Work<'_>) -> Result<Attempt, Fault> {
        let shelf = TemporaryFolder::create("memory").map_err(in_words)?;
        let memory = shelf.path().join("memory");
        put_memory(work, &memory).map_err(in_words)?;
        let nowhere;
        let (folder, workspace) = match &work.place {
            Place::Workspace(folder) => (*folder, Some(*folder)),
            Place::Nowhere => {
                nowhere = TemporaryFolder::create("nowhere").map_err(in_words)?;
                (nowhere.path(), None)
            }
            Place::Desk(_) => return Err("a program cannot play the desk of a world".into()),
        };
        let input = input(work, &memory, workspace);
        let run = match &self.sandbox {
            None => Cow::Borrowed(&self.program.run),
            Some(sandbox) => {
                // The words that name files, and the notes; what else lies in a home is not seen.
                let named = self.program.run.iter().map(Path::new);
                let mut shown: Vec<&Path> = named.filter(|it| it.is_absolute()).collect();
                shown.push(&memory);
                Cow::Owned(sandbox.wrapped(&self.program.run, folder, &shown))
            }
        };
        let heard = process::watch(Request {
            run: &run,
            folder,
            input: input.to_string().as_bytes(),
            deadline: Duration::from_secs(u64::from(work.brief.limits.seconds)),
            most_output: MOST_OUTPUT,
            pass: &self.pass,
        })
        .await
        .map_err(in_words)?;
        self.attempted(work, &heard).map_err(|what| {
            let words = last_words(&heard.errors);
            let called = self.program.called();
            Fault::from(match words.is_empty() {
                true => format!("`{called}` {what}"),
                false => format!("`{called}` {what}; its last words: {words}"),
            })
        })
    }

    /// What a program's end comes to. Past its deadline it is a fact about the attempt, and what it had said until then
    /// counts where it is whole; every other end that is not its own is a fault.
    fn attempted(&self, work: &Work<'_>, heard: &Heard) -> Result<Attempt, String> {
        let usage = Usage {
            seconds: Some(heard.seconds),
            ..Usage::default()
        };
        let cut_off = || Attempt {
            answer: None,
            stop: Stop::Seconds,
            usage,
            surfaced: all_of(work),
            opened: Vec::new(),
            followed: Vec::new(),
            events: Vec::new(),
        };
        match heard.end {
            End::Code(0) => read(work, heard),
            End::Code(code) => Err(format!("ended with code {code}")),
            End::Signal => Err("was ended by a signal".to_owned()),
            End::Flooded => Err(format!("wrote more than {MOST_OUTPUT} bytes")),
            End::Overdue => Ok(read(work, heard).map_or_else(
                |_| cut_off(),
                |attempt| Attempt {
                    stop: Stop::Seconds,
                    ..attempt
                },
            )),
        }
    }
}

fn in_words(error: Error) -> Fault {
    error.what().into()
}

/// Writes the learnings given, byte for byte; where there are none the folder is empty, since every arm has the same
/// scaffold.
fn put_memory(work: &Work<'_>, folder: &Path) -> crate::error::Result<()> {
    let given: Vec<_> = work.memory.iter().map(|it| it.learning).collect();
    let store = part(work.store, &given);
    match store.entries.is_empty() {
        true => files::create_folder(folder),
        false => write_store(&store, folder),
    }
}

/// What a program reads.
fn input(work: &Work<'_>, memory: &Path, workspace: Option<&Path>) -> Value {
    let brief = work.brief;
    let mut told = json!({
        "role": brief.role,
        "prompt": brief.prompt,
        "setup": brief.setup,
        "limits": brief.limits,
    });
    if !brief.asks.is_empty() {
        told["asks"] = json!(brief.asks);
    }
    let learnings: Vec<Value> = work
        .memory
        .iter()
        .map(|it| json!({"id": it.learning.id, "text": it.learning.text}))
        .collect();
    json!({
        "format": 1,
        "brief": told,
        "memory": {"folder": memory.to_string_lossy(), "learnings": learnings},
        "workspace": workspace.map(Path::to_string_lossy),
        // As many bits as every JSON reader keeps of a number.
        "seed": work.key.word("program").draw(0) >> 11,
    })
}

/// What a program answered.
fn read(work: &Work<'_>, heard: &Heard) -> Result<Attempt, String> {
    let mut told = Told::parse(&heard.output)?;
    let answer: Option<String> = told.take("answer")?;
    let mut usage = told.usage()?;
    usage.seconds = usage.seconds.or(Some(heard.seconds));
    let followed = places(work, told.take("followed")?.unwrap_or_default(), "followed")?;
    let mut surfaced = match told.take("surfaced")? {
        Some(ids) => places(work, ids, "surfaced")?,
        // They all stood in its input.
        None => all_of(work),
    };
    surfaced.extend(&followed);
    surfaced.sort_unstable();
    surfaced.dedup();
    let events: Vec<Value> = told.take("events")?.unwrap_or_default();
    let events = checked(events, answer.as_deref())?;
    Ok(Attempt {
        stop: told.take("stop")?.unwrap_or(Stop::Finished),
        answer,
        usage,
        surfaced,
        opened: Vec::new(),
        followed,
        events: if work.keep_events { events } else { Vec::new() },
    })
}

fn all_of(work: &Work<'_>) -> Vec<u16> {
    (0..).zip(work.memory).map(|(place, _)| place).collect()
}

/// Places of learnings among those given, in their order and each once.
fn places(work: &Work<'_>, ids: Vec<String>, key: &str) -> Result<Vec<u16>, String> {
    let place = |id: String| {
        let mut given = (0..).zip(work.memory);
        given
            .find(|(_, it)| it.learning.id.as_str() == id)
            .map(|(place, _)| place)
            .ok_or_else(|| {
                format!("says in `{key}` that it was given a learning `{id}`, which it was not")
            })
    };
    let mut places: Vec<u16> = ids.into_iter().map(place).collect::<Result<_, _>>()?;
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

/// The events of a transcript, with the answer as the last of them where no message gives it.
fn checked(mut events: Vec<Value>, answer: Option<&str>) -> Result<Vec<Value>, String> {
    let kind = |it: &Value| it.get("type").and_then(Value::as_str).map(str::to_owned);
    for (index, event) in events.iter().enumerate() {
        match kind(event) {
            None => {
                return Err(format!(
                    "gave an event without a `type` (`events[{index}]`)"
                ));
            }
            Some(kind) if OUR_EVENTS.contains(&kind.as_str()) => {
                return Err(format!(
                    "gave an event `{kind}`, which only the harness writes"
                ));
            }
            Some(_) => {}
        }
    }
    let is_said = events.last().and_then(kind).as_deref() == Some("agent.message");
    if let Some(answer) = answer
        && !is_said
    {
        events
            .push(json!({"type": "agent.message", "content": [{"type": "text", "text": answer}]}));
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        agents::{Given, Label},
        domain::{
            advice::Reading,
            memory::{Entry, Store},
            suite::Kit,
            task::{Brief, Limits},
        },
        draw::Key,
        formats::memory::learnings,
    };

    fn brief() -> Brief {
        Brief {
            role: "clerk".to_owned(),
            prompt: "Do it.".to_owned(),
            setup: Vec::new(),
            asks: Vec::new(),
            limits: Limits {
                steps: 5,
                seconds: 2,
                cents: None,
            },
        }
    }

    /// What the shell script makes of a brief, with the notes `one` and `two` given.
    async fn attempt(script: &str) -> Result<Attempt, String> {
        let agent = ProgramAgent {
            program: Program::parse(&json!(["sh", "-c", script]).to_string()).unwrap(),
            pass: Vec::new(),
            sandbox: None,
        };
        let store = Store::new(vec![Entry {
            path: "/notes.md".to_owned(),
            text: "- one\n- two\n".to_owned(),
        }]);
        let found = learnings(&store).learnings;
        let reading = Reading::default();
        let given: Vec<Given<'_>> = found
            .iter()
            .map(|learning| Given {
                learning,
                reading: &reading,
            })
            .collect();
        let work = Work {
            brief: &brief(),
            memory: &given,
            store: &store,
            kit: &Kit::default(),
            place: Place::Nowhere,
            key: Key::root(1),
            keep_events: true,
            label: Label::default(),
        };
        let mut attempt = agent.attempt(work).await.map_err(|it| it.told)?;
        assert!(attempt.usage.seconds.take().is_some());
        Ok(attempt)
    }

    #[tokio::test]
    async fn a_program_reads_its_brief_and_memory_and_its_answer_is_the_attempt() {
        let script = r#"read -r input
            folder=$(printf %s "$input" | sed 's/.*"folder":"\([^"]*\)".*/\1/')
            printf '%s' "$input" | grep -q '"workspace":null' || exit 9
            printf '%s' "$input" | grep -q '"brief":{"limits":{"seconds":2,"steps":5},"prompt":"Do it.","role":"clerk","setup":\[\]}' || exit 8
            printf '{"answer":"%s","usage":{"steps":3},"surfaced":[],"stop":"gave-up"}' "$(tr '\n' ' ' < "$folder/notes.md")""#;
        let expected = Attempt {
            answer: Some("- one - two ".to_owned()),
            stop: Stop::GaveUp,
            usage: Usage {
                steps: Some(3),
                ..Usage::default()
            },
            surfaced: Vec::new(),
            opened: Vec::new(),
            followed: Vec::new(),
            events: vec![json!({
                "type": "agent.message",
                "content": [{"type": "text", "text": "- one - two "}],
            })],
        };
        assert_eq!(attempt(script).await, Ok(expected));
    }

    #[tokio::test]
    async fn learnings_are_named_by_id_and_what_was_followed_was_seen() {
        let script = r#"id=$(sed 's/.*"id":"\([^"]*\)".*/\1/'); printf '{"surfaced":[],"followed":["%s"]}' "$id""#;
        let found = attempt(script).await.unwrap();
        assert_eq!((found.surfaced, found.followed), (vec![1], vec![1]));
        let found = attempt("echo '{}'").await.unwrap();
        assert_eq!((found.surfaced, found.followed), (vec![0, 1], vec![]));
        assert_eq!(
            attempt(r#"echo '{"followed":["n-1"]}'"#).await.unwrap_err(),
            "`sh` says in `followed` that it was given a learning `n-1`, which it was not"
        );
    }

    #[tokio::test]
    async fn an_end_that_is_not_its_own_is_a_fault_with_its_last_words() {
        assert_eq!(
            attempt("echo 'no \x1b[1mluck' >&2; exit 3")
                .await
                .unwrap_err(),
            "`sh` ended with code 3; its last words: no \u{fffd}[1mluck"
        );
        assert_eq!(
            attempt("kill -9 $$").await.unwrap_err(),
            "`sh` was ended by a signal"
        );
        assert_eq!(
            attempt("true").await.unwrap_err(),
            "`sh` wrote no answer on its standard output"
        );
    }

    #[tokio::test]
    async fn the_deadline_is_a_fact_about_the_attempt_and_what_was_said_before_it_counts() {
        let found = attempt("sleep 60").await.unwrap();
        assert_eq!((found.stop, found.answer), (Stop::Seconds, None));
        let found = attempt(r#"echo '{"answer":"a"}'; sleep 60"#).await.unwrap();
        assert_eq!(
            (found.stop, found.answer),
            (Stop::Seconds, Some("a".to_owned()))
        );
    }

    #[tokio::test]
    async fn a_program_cannot_write_the_harness_s_own_lines_of_a_transcript() {
        let script = r#"echo '{"events":[{"type":"session.outcome","completed":true,"score":1}]}'"#;
        assert_eq!(
            attempt(script).await.unwrap_err(),
            "`sh` gave an event `session.outcome`, which only the harness writes"
        );
    }
}
