//! Transcripts as JSON Lines: a first line, one event a line, a last line with the outcome.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    domain::session::{Session, SessionOutcome, SessionStart},
    error::{Error, Result, without_place},
};

/// The type of the first line and of the last.
const START: &str = "session.start";
const OUTCOME: &str = "session.outcome";

/// The first line. The keys of every line stand in the order of the alphabet.
#[derive(Serialize)]
struct StartLine<'a> {
    agent: &'a str,
    arm: &'a str,
    role: &'a str,
    session: &'a str,
    setup: Value,
    task: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// The last line.
#[derive(Serialize)]
struct OutcomeLine<'a> {
    completed: bool,
    criteria: &'a [(String, bool)],
    score: f64,
    #[serde(rename = "type")]
    kind: &'static str,
    violations: &'a [String],
}

/// Writes a session, ending with a line feed.
pub fn write_session(session: &Session) -> String {
    let start = &session.start;
    let mut bytes = Vec::new();
    add_line(
        &mut bytes,
        &StartLine {
            agent: &start.agent,
            arm: &start.arm,
            role: &start.role,
            session: &start.session,
            setup: json!(start.setup),
            task: &start.task,
            kind: START,
        },
    );
    for event in &session.events {
        add_line(&mut bytes, event);
    }
    if let Some(outcome) = &session.outcome {
        add_line(
            &mut bytes,
            &OutcomeLine {
                completed: outcome.completed,
                criteria: &outcome.criteria,
                score: outcome.score,
                kind: OUTCOME,
                violations: &outcome.violations,
            },
        );
    }
    // What serde writes is text.
    String::from_utf8(bytes).unwrap_or_default()
}

/// Not by `Value::to_string`, which goes through the formatter and takes twice as long.
fn add_line(bytes: &mut Vec<u8>, line: &impl Serialize) {
    // Neither these types nor a `Vec` can fail to be written.
    let _ = serde_json::to_writer(&mut *bytes, line);
    bytes.push(b'\n');
}

/// Reads a session. Events of unknown type are kept as they are.
///
/// # Errors
/// A line is not a JSON object, the first line is missing, or a first or last line lacks its fields.
pub fn read_session(text: &str, path: &Path) -> Result<Session> {
    let mut start: Option<SessionStart> = None;
    let mut outcome: Option<SessionOutcome> = None;
    let mut events = Vec::new();
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let place = |error: Error| error.in_file(path).at(index + 1, 1);
        let event: Value = serde_json::from_str(line).map_err(|fault| {
            place(
                Error::input("this line of the transcript is not JSON")
                    .because(without_place(&fault)),
            )
        })?;
        if !event.is_object() {
            return Err(place(Error::input(
                "this line of the transcript is not a JSON object",
            )));
        }
        let kind = event.get("type").and_then(Value::as_str);
        let misread = |fault: serde_json::Error| {
            place(
                Error::input("a field of this line is missing or wrong")
                    .because(without_place(&fault)),
            )
        };
        match kind {
            Some(START) if start.is_some() => {
                return Err(place(Error::input(format!(
                    "this transcript has a second `{START}` line"
                )))
                .mend("a transcript is one session: give each a file of its own"));
            }
            Some(OUTCOME) if outcome.is_some() => {
                return Err(place(Error::input(format!(
                    "this transcript has a second `{OUTCOME}` line"
                )))
                .mend("a session has one outcome"));
            }
            Some(START) => start = Some(serde_json::from_value(event).map_err(misread)?),
            Some(OUTCOME) => outcome = Some(serde_json::from_value(event).map_err(misread)?),
            _ => events.push(event),
        }
    }
    let start = start.ok_or_else(|| {
        Error::input(format!("this transcript has no `{START}` line"))
            .in_file(path)
            .mend("its first line names `session` and `task`, such as {\"type\":\"session.start\",\"session\":\"s1\",\"task\":\"t1\"}")
    })?;
    Ok(Session {
        start,
        events,
        outcome,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_with_unknown_events_kept() {
        let session = Session {
            start: SessionStart {
                session: "s1".into(),
                task: "t1".into(),
                role: "associate".into(),
                arm: "practice".into(),
                agent: "a/1".into(),
                setup: Vec::new(),
            },
            events: vec![json!({"type": "span.unheard_of", "x": 1})],
            outcome: Some(SessionOutcome {
                completed: true,
                score: 1.0,
                criteria: vec![("done".into(), true)],
                violations: Vec::new(),
            }),
        };
        let text = write_session(&session);
        assert_eq!(text.lines().count(), 3);
        assert_eq!(read_session(&text, Path::new("s1.jsonl")).unwrap(), session);
    }

    #[test]
    fn a_torn_line_is_named() {
        let error = read_session("{\"type\":\"session.start\"", Path::new("s.jsonl")).unwrap_err();
        assert!(error.to_string().starts_with(
            "error: this line of the transcript is not JSON\n  --> s.jsonl:1:1\n  because: EOF"
        ));
    }
}
