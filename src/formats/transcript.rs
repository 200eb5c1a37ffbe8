//! Transcripts as JSON Lines: a first line, one event a line, a last line with the outcome.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{
    domain::session::{Session, SessionOutcome, SessionStart},
    error::{Error, Result, without_place},
};

/// The type of the first line and of the last.
const START: &str = "session.start";
const OUTCOME: &str = "session.outcome";

/// Writes a session, ending with a line feed.
pub fn write_session(session: &Session) -> String {
    let mut lines = Vec::with_capacity(session.events.len() + 2);
    lines.push(tagged(START, serde_json::to_value(&session.start)));
    lines.extend(session.events.iter().map(written));
    if let Some(outcome) = &session.outcome {
        lines.push(tagged(OUTCOME, serde_json::to_value(outcome)));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn tagged(kind: &str, fields: serde_json::Result<Value>) -> String {
    let mut line = Map::new();
    line.insert("type".to_owned(), json!(kind));
    if let Ok(Value::Object(fields)) = fields {
        line.extend(fields);
    }
    written(&Value::Object(line))
}

/// As `Value::to_string` writes it, in half the time.
fn written(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
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
