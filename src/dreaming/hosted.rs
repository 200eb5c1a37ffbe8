//! The platform's own dreams: practice sessions that were played there, and a copy of the store, become another store.

use std::{cmp::Reverse, sync::Arc};

use serde_json::Value;

use crate::{
    chat::{Prices, Tokens},
    domain::{
        dream::{Action, Change, Dream},
        id::Digest,
        memory::Store,
        session::Session,
        trial::Usage,
    },
    dreaming::{Boxed, Dreamer, InVain, Looked, Slept, changes::changes, past::small, untouched},
    error::{Error, Result, count},
    formats::memory::split_unwritable,
    hosted::{
        Platform,
        dreams::{DreamPlan, MOST_INSTRUCTIONS, MOST_SESSIONS},
        sessions::{SESSION_EVENT, Spent},
    },
};

/// What every dream is asked to look for.
pub const INSTRUCTIONS: &str = "\
Write what the sessions teach about doing such tasks better: mistakes that recur and what mended them, the order of work \
that succeeded, and what was wanted although nothing failed. Write one lesson a file, under /playbooks or /notes. Each \
begins with when it applies, in the words of the task (When ATTRIBUTE is VALUE, do TOOL with ARGUMENT=VALUE before \
TOOL), and stands alone. Merge lessons that say the same, replace what the sessions contradict, and keep what they do \
not touch as it is. Never write what only one task could use, such as names of its things or its answer.";

/// A dreamer of the platform.
#[derive(Debug)]
pub struct HostedDreamer {
    platform: Arc<Platform>,
    model: String,
    instructions: String,
    prices: Prices,
}

impl HostedDreamer {
    /// A dreamer with this model; `instructions` are told after [`INSTRUCTIONS`].
    ///
    /// # Errors
    /// The instructions are longer than the platform takes.
    pub fn new(
        platform: Arc<Platform>,
        model: impl Into<String>,
        instructions: Option<String>,
        prices: Prices,
    ) -> Result<Self> {
        let instructions = match instructions {
            None => INSTRUCTIONS.to_owned(),
            Some(more) => format!("{INSTRUCTIONS}\n\n{}", more.trim()),
        };
        let length = instructions.chars().count();
        if MOST_INSTRUCTIONS < length {
            return Err(Error::usage(format!(
                "the instructions of a dream have {length} characters, and the most is {MOST_INSTRUCTIONS}"
            ))
            .mend("shorten them"));
        }
        platform.await_dream(true);
        Ok(Self {
            platform,
            model: model.into(),
            instructions,
            prices,
        })
    }

    async fn sleep(&self, sessions: &[Session], store: &Store) -> Slept {
        let (chosen, told) = chosen(sessions)?;
        let ids: Vec<String> = chosen.iter().map(|(id, _)| id.clone()).collect();
        let plan = DreamPlan {
            model: &self.model,
            instructions: &instructed(&self.instructions, &chosen),
            sessions: &ids,
            store,
        };
        let dreamt = self.platform.dream(&plan).await.map_err(|it| InVain {
            usage: it
                .spent
                .map(|(spent, seconds)| Box::new(self.usage(&spent, seconds))),
            error: it.trouble.into_error("the hosted dream did not come about"),
        })?;
        let why = format!("by dream {}, {told}", dreamt.id);
        let (written, left_out) = split_unwritable(dreamt.store);
        let mut changes = changes(Vec::new(), store, &written, &why);
        changes.extend(left_out.into_iter().map(unwritten));
        let dream = untouched(Dream {
            dreamer: self.name(),
            changes,
            patterns: Vec::new(),
            sessions: small(ids.len()),
            input_before: dreamt.input_before.digest(),
            input_after: dreamt.input_after.digest(),
            usage: Some(self.usage(&dreamt.spent, dreamt.seconds)),
            store: written,
        })?;
        self.platform.await_dream(false);
        Ok(dream)
    }

    fn usage(&self, spent: &Spent, seconds: f64) -> Usage {
        let tokens = Tokens {
            input: spent.input,
            output: spent.output,
            cache_read: spent.cache_read,
            cache_write: spent.cache_write,
            thinking: None,
        };
        let price = self.prices.of(&self.model);
        Usage {
            input_tokens: spent.input,
            output_tokens: spent.output,
            cache_read_tokens: spent.cache_read,
            cache_write_tokens: spent.cache_write,
            cost_usd: price.and_then(|it| it.cost(&tokens)),
            seconds: Some(seconds),
            ..Usage::default()
        }
    }
}

impl Dreamer for HostedDreamer {
    fn name(&self) -> String {
        let mut name = format!("hosted:{} dream/1", self.model);
        if self.instructions != INSTRUCTIONS {
            let digest = Digest::of(self.instructions.as_bytes());
            name.push_str(&format!(" instructions={}", digest.short()));
        }
        name
    }

    fn is_repeatable(&self) -> bool {
        false
    }

    fn is_priced(&self) -> bool {
        self.prices.of(&self.model).is_some()
    }

    fn look_ahead(&self) -> Looked<'_> {
        Box::pin(async {
            if self.platform.is_tidied() {
                return Err(Error::outside(
                    "what this run made on the platform was removed by `tidy`, and its dream was to read it",
                )
                .mend("begin a new run"));
            }
            let allowed = self.platform.may_dream().await;
            allowed.map_err(|it| it.into_error("there can be no hosted dream"))
        })
    }

    fn has_begun(&self) -> bool {
        self.platform.has_begun_dream()
    }

    fn dream<'a>(&'a self, sessions: &'a [Session], store: &'a Store) -> Boxed<'a> {
        Box::pin(self.sleep(sessions, store))
    }
}

/// What the change log says of a file the dream wrote and no folder can hold.
fn unwritten((path, fault): (String, String)) -> Change {
    Change {
        action: Action::Dropped,
        id: None,
        name: path.clone(),
        path,
        why: format!("the dream wrote it, and it is left out: {fault}"),
    }
}

/// A session a dream is to read, by its id on the platform.
type Chosen<'a> = (String, &'a Session);

/// The sessions a dream is to read, and what to say of the choice. Where there are more than it can read, those that
/// failed come first, the latest of them before the others.
fn chosen(sessions: &[Session]) -> Result<(Vec<Chosen<'_>>, String)> {
    let mut known: Vec<(usize, Chosen<'_>)> = Vec::new();
    for (place, session) in sessions.iter().enumerate() {
        match id_in(session) {
            Some(id) if known.iter().any(|it| it.1.0 == id) => {}
            Some(id) => known.push((place, (id, session))),
            None => return Err(stranger(session)),
        }
    }
    if known.is_empty() {
        return Err(Error::input(
            "there are no sessions to dream over, and a hosted dream needs at least one",
        )
        .mend("give the suite practice tasks, or name another dreamer"));
    }
    let all = known.len();
    let mut told = format!("over {}", count(all, "session"));
    if MOST_SESSIONS < all {
        known.sort_by_key(|(place, (_, session))| (completed(session), Reverse(*place)));
        known.truncate(MOST_SESSIONS);
        known.sort_by_key(|(place, _)| *place);
        told =
            format!("over {MOST_SESSIONS} of {all} sessions (failed ones first, then the latest)");
    }
    Ok((known.into_iter().map(|it| it.1).collect(), told))
}

fn completed(session: &Session) -> bool {
    session.outcome.as_ref().is_some_and(|it| it.completed)
}

/// The instructions, and below them how each session was judged: the platform knows nothing of that, and every other
/// dreamer reads it in the transcripts. As many as there is room for, those that failed first.
fn instructed(instructions: &str, chosen: &[Chosen<'_>]) -> String {
    let mut text = instructions.to_owned();
    let mut judged: Vec<&Chosen<'_>> = chosen
        .iter()
        .filter(|(_, session)| session.outcome.is_some())
        .collect();
    judged.sort_by_key(|(_, session)| completed(session));
    let mut length = text.chars().count();
    let mut heading = "\n\nHow the sessions were judged afterwards:";
    for line in judged.into_iter().map(verdict) {
        let more = heading.chars().count() + line.chars().count() + 1;
        if MOST_INSTRUCTIONS < length + more {
            break;
        }
        text.push_str(heading);
        text.push('\n');
        text.push_str(&line);
        heading = "";
        length += more;
    }
    text
}

/// `- sesn_01: not completed (letter-02 is sent)`
fn verdict((id, session): &Chosen<'_>) -> String {
    let Some(outcome) = &session.outcome else {
        return String::new();
    };
    let unmet = outcome.criteria.iter().filter(|(_, is_met)| !is_met);
    let faults: Vec<&str> = unmet
        .map(|(name, _)| name.as_str())
        .chain(outcome.violations.iter().map(String::as_str))
        .collect();
    let word = if outcome.completed {
        "completed"
    } else {
        "not completed"
    };
    match faults.is_empty() {
        true => format!("- {id}: {word}"),
        false => format!("- {id}: {word} (wanting: {})", faults.join("; ")),
    }
}

/// The id a session has on the platform.
fn id_in(session: &Session) -> Option<String> {
    let kind = |it: &&Value| it.get("type").and_then(Value::as_str) == Some(SESSION_EVENT);
    let event = session.events.iter().find(kind)?;
    event.get("session_id")?.as_str().map(str::to_owned)
}

fn stranger(session: &Session) -> Error {
    let start = &session.start;
    Error::usage(format!(
        "a hosted dream reads sessions of the platform, and session `{}` was played by `{}`",
        start.session, start.agent
    ))
    .mend(
        "practise with `--agent hosted:MODEL`, or dream elsewhere: `--dreamer command:PROGRAM`, or `embedded`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::{SessionOutcome, SessionStart};
    use serde_json::json;

    fn session(number: usize, completed: bool, is_hosted: bool) -> Session {
        let event = json!({"type": SESSION_EVENT, "session_id": format!("sesn_{number:03}")});
        Session {
            start: SessionStart {
                session: format!("t-{number}"),
                task: "t".to_owned(),
                role: String::new(),
                arm: "practice".to_owned(),
                agent: "embedded".to_owned(),
                setup: Vec::new(),
            },
            events: if is_hosted { vec![event] } else { Vec::new() },
            outcome: Some(SessionOutcome {
                completed,
                score: 0.0,
                criteria: Vec::new(),
                violations: Vec::new(),
            }),
        }
    }

    #[test]
    fn of_more_sessions_than_a_dream_reads_the_failed_and_the_latest_are_chosen_and_told() {
        let sessions: Vec<Session> = (0..130).map(|it| session(it, it != 3, true)).collect();
        let (ids, told) = chosen(&sessions).unwrap();
        assert_eq!(ids.len(), 100);
        assert_eq!(
            (ids[0].0.as_str(), ids[1].0.as_str()),
            ("sesn_003", "sesn_031")
        );
        assert_eq!(
            told,
            "over 100 of 130 sessions (failed ones first, then the latest)"
        );
        let twice = [session(1, true, true), session(1, true, true)];
        assert_eq!(chosen(&twice).unwrap().1, "over 1 session");
    }

    #[test]
    fn instructions_tell_how_sessions_were_judged_as_far_as_there_is_room() {
        let mut failed = session(2, false, true);
        if let Some(outcome) = &mut failed.outcome {
            outcome.criteria = vec![("b is sent".to_owned(), false), ("a".to_owned(), true)];
            outcome.violations = vec!["no plain covers".to_owned()];
        }
        let sessions = [session(1, true, true), failed];
        let (both, _) = chosen(&sessions).unwrap();
        assert_eq!(
            instructed("Look.", &both),
            "Look.\n\nHow the sessions were judged afterwards:\n\
             - sesn_002: not completed (wanting: b is sent; no plain covers)\n- sesn_001: completed"
        );
        let sessions: Vec<Session> = (0..100).map(|it| session(it, false, true)).collect();
        let (all, _) = chosen(&sessions).unwrap();
        let long = instructed(&"x".repeat(3000), &all);
        assert!((4000..=MOST_INSTRUCTIONS).contains(&long.chars().count()));
        let full = "x".repeat(MOST_INSTRUCTIONS);
        assert_eq!(instructed(&full, &all), full);
    }

    #[test]
    fn sessions_played_elsewhere_are_refused_with_the_way_out() {
        let error = chosen(&[session(1, true, true), session(2, true, false)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "error: a hosted dream reads sessions of the platform, and session `t-2` was played by `embedded`\n\n\
             hint: practise with `--agent hosted:MODEL`, or dream elsewhere: `--dreamer command:PROGRAM`, or `embedded`"
        );
        assert!(chosen(&[]).is_err());
    }
}
