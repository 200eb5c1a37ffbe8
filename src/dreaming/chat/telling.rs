//! Sessions as a model reads them: short lines, long sessions in parts, no part longer than a model is given at once.

use serde_json::Value;

use crate::domain::session::Session;

/// Characters of transcripts in one question; about a quarter as many tokens.
pub(super) const PART: usize = 24_000;
/// Characters of one event that are told; of longer ones beginning and end.
const EVENT: usize = 1_500;
/// What stands where something is left out.
const LEFT_OUT: &str = " […] ";

/// Some pieces of transcripts that fit into one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    /// The pieces, one below the other.
    pub text: String,
    /// Places of the sessions they are of, each once, in order.
    pub sessions: Vec<usize>,
}

/// All sessions, in their order, in as few batches as hold them.
pub(super) fn batches(sessions: &[Session]) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for (place, session) in sessions.iter().enumerate() {
        for piece in pieces(place, session) {
            match batches.last_mut() {
                Some(last) if last.text.chars().count() + piece.chars().count() <= PART => {
                    last.text.push_str("\n\n");
                    last.text.push_str(&piece);
                    if last.sessions.last() != Some(&place) {
                        last.sessions.push(place);
                    }
                }
                _ => batches.push(Batch {
                    text: piece,
                    sessions: vec![place],
                }),
            }
        }
    }
    batches
}

/// The name a session has in questions: its own may say anything.
pub(super) fn called(place: usize) -> String {
    format!("S{}", place + 1)
}

/// A session in parts that fit, each under its head.
fn pieces(place: usize, session: &Session) -> Vec<String> {
    let head = head(place, session);
    let mut parts: Vec<String> = vec![String::new()];
    for line in lines(session) {
        let is_full = parts.last().is_some_and(|it| {
            !it.is_empty()
                && PART / 2 < head.chars().count() + it.chars().count() + line.chars().count()
        });
        if is_full {
            parts.push(String::new());
        }
        if let Some(last) = parts.last_mut() {
            last.push('\n');
            last.push_str(&line);
        }
    }
    let all = parts.len();
    let numbered = parts.into_iter().enumerate();
    numbered
        .map(|(index, part)| match all {
            1 => format!("{head}{part}"),
            _ => format!("{head} (part {} of {all}){part}", index + 1),
        })
        .collect()
}

fn head(place: usize, session: &Session) -> String {
    let start = &session.start;
    let mut head = format!(
        "session {}: role {}, task {}",
        called(place),
        line_of(&start.role),
        line_of(&start.task)
    );
    match &session.outcome {
        None => head.push_str(", outcome not known"),
        Some(outcome) => {
            head.push_str(if outcome.completed {
                ", completed"
            } else {
                ", not completed"
            });
            let missed: Vec<String> = outcome
                .criteria
                .iter()
                .filter(|(_, met)| !met)
                .map(|(name, _)| line_of(name))
                .collect();
            if !missed.is_empty() {
                head.push_str(&format!("; not met: {}", missed.join("; ")));
            }
            if !outcome.violations.is_empty() {
                let breached: Vec<String> =
                    outcome.violations.iter().map(|it| line_of(it)).collect();
                head.push_str(&format!("; breached: {}", breached.join("; ")));
            }
        }
    }
    shortened(&head)
}

fn lines(session: &Session) -> Vec<String> {
    let mut lines: Vec<String> = session
        .start
        .setup
        .iter()
        .map(|entity| {
            let seen = entity.attributes.iter();
            let seen: Vec<String> = seen
                .map(|(name, value)| format!("{name} is {value}"))
                .collect();
            line_of(&format!(
                "given: {} ({}) {}",
                entity.name,
                entity.kind,
                seen.join(", ")
            ))
        })
        .collect();
    lines.extend(session.events.iter().filter_map(event));
    lines
}

/// One event on one line; `None` where it says nothing a lesson could rest on.
fn event(event: &Value) -> Option<String> {
    let kind = event.get("type").and_then(Value::as_str)?;
    let is_error = event.get("is_error").and_then(Value::as_bool) == Some(true);
    let line = match kind {
        "user.message" => format!("asked: {}", text(event, "content")),
        "agent.message" => format!("said: {}", text(event, "content")),
        _ if kind.starts_with("agent.") && kind.ends_with("tool_use") => {
            format!("call: {} {}", text(event, "name"), text(event, "input"))
        }
        _ if kind.ends_with("tool_result") && is_error => {
            format!("refused: {}", text(event, "content"))
        }
        _ if kind.ends_with("tool_result") => format!("result: {}", text(event, "content")),
        _ => return None,
    };
    Some(shortened(&line_of(&line)))
}

fn text(event: &Value, key: &str) -> String {
    match event.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|it| it.get("text")?.as_str());
            texts.collect::<Vec<_>>().join(" ")
        }
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// A text on one line.
pub(super) fn line_of(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text without its middle where it is long.
pub(super) fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= EVENT {
        return text.to_owned();
    }
    let head: String = text.chars().take(EVENT / 2).collect();
    let tail: String = text.chars().skip(length - EVENT / 2).collect();
    format!("{head}{LEFT_OUT}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::{SessionOutcome, SessionStart};
    use serde_json::json;

    fn session(events: usize, length: usize) -> Session {
        Session {
            start: SessionStart {
                session: "redline-1".to_owned(),
                task: "redline".to_owned(),
                role: "clerk".to_owned(),
                arm: String::new(),
                agent: String::new(),
                setup: Vec::new(),
            },
            events: vec![
                json!({"type": "agent.tool_result", "is_error": true, "content": "x".repeat(length)});
                events
            ],
            outcome: Some(SessionOutcome {
                completed: false,
                score: 0.0,
                criteria: vec![("keeps its tables".to_owned(), false)],
                violations: Vec::new(),
            }),
        }
    }

    #[test]
    fn short_sessions_share_a_question_and_long_ones_are_cut() {
        let short = [session(1, 4), session(1, 4)];
        let told =
            "role clerk, task redline, not completed; not met: keeps its tables\nrefused: xxxx";
        let found = batches(&short);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].text,
            format!("session S1: {told}\n\nsession S2: {told}")
        );
        assert_eq!(found[0].sessions, [0, 1]);
        let long = batches(&[session(60, 1_000), session(1, 4)]);
        assert!(3 <= long.len() && long.iter().all(|it| it.text.chars().count() <= PART + 2));
        assert!(
            long[0].text.contains("(part 2 of 6)"),
            "{}",
            &long[0].text[..80]
        );
        assert_eq!(long.last().unwrap().sessions, [0, 1]);
    }

    #[test]
    fn one_endless_event_is_told_by_its_ends() {
        let found = batches(&[session(1, 1_000_000)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].text.chars().count() < 2 * EVENT && found[0].text.contains("[…]"));
    }
}
