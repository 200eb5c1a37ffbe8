//! A piece of work as a judge, or a person, is shown it: the task, the answer and the calls, and nothing of where it comes
//! from.

use serde_json::Value;

use crate::{
    domain::task::{Brief, Criterion},
    scoring::quotes::Notes,
};

/// What is judged.
#[derive(Debug, Clone, Copy)]
pub struct Exhibit<'a> {
    /// The task as it was set, in words.
    pub task: &'a str,
    /// The final answer.
    pub answer: Option<&'a str>,
    /// The calls that were made and what they came to, where the criterion is about them.
    pub calls: Option<&'a str>,
}

/// What is shown of a trial for one criterion: quotes of memory are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The task as it was set, in words.
    pub task: String,
    /// The final answer.
    pub answer: Option<String>,
    /// The calls, where the criterion is about them.
    pub calls: Option<String>,
}

impl Shown {
    /// What is shown of an answer and a transcript; `notes` are the texts of memory the agent was given.
    pub fn without(
        notes: Vec<&str>,
        criterion: &Criterion,
        brief: &Brief,
        work: (Option<&str>, &[Value]),
    ) -> Self {
        Self::of(criterion, brief, work, &Notes::of(notes))
    }

    pub(super) fn of(
        criterion: &Criterion,
        brief: &Brief,
        (answer, events): (Option<&str>, &[Value]),
        notes: &Notes<'_>,
    ) -> Self {
        let notes = notes.but(&[&brief.prompt, &criterion.text]);
        let calls = criterion.events.then(|| {
            let events: Vec<Value> = events.iter().map(|it| notes.strip_event(it)).collect();
            calls(&events)
        });
        Self {
            task: task(brief),
            answer: answer.map(|it| notes.strip(it)),
            calls,
        }
    }

    /// What a judge is shown of it.
    pub fn exhibit(&self) -> Exhibit<'_> {
        Exhibit {
            task: &self.task,
            answer: self.answer.as_deref(),
            calls: self.calls.as_deref(),
        }
    }
}

/// The brief in words.
fn task(brief: &Brief) -> String {
    let mut text = brief.prompt.trim().to_owned();
    for entity in &brief.setup {
        let seen = entity.attributes.iter();
        let seen: Vec<String> = seen
            .map(|(name, value)| format!("{name} is {value}"))
            .collect();
        text.push_str(&format!(
            "\n- given: {} ({}) {}",
            entity.name,
            entity.kind,
            seen.join(", ")
        ));
    }
    for ask in &brief.asks {
        text.push_str(&format!("\n- asked for: {} is {}", ask.of, ask.is));
    }
    text
}

/// The calls of a transcript and what they came to, a line each; calls on a memory are left out.
fn calls(events: &[Value]) -> String {
    let text = |event: &Value, key: &str| match event.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) if parts.iter().all(|it| it.get("text").is_some()) => {
            let texts = parts.iter().filter_map(|it| it.get("text")?.as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let mut hidden: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for event in events {
        let kind = event
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if kind.starts_with("agent.") && kind.ends_with("tool_use") {
            let name = text(event, "name");
            if name == MEMORY_TOOL {
                hidden.push(text(event, "id"));
                continue;
            }
            lines.push(format!("call: {name} {}", text(event, "input")));
        } else if kind.ends_with("tool_result") {
            let of = ["tool_use_id", "mcp_tool_use_id", "custom_tool_use_id"];
            if of.iter().any(|key| hidden.contains(&text(event, key))) {
                continue;
            }
            let is_error = event.get("is_error").and_then(Value::as_bool) == Some(true);
            let word = if is_error { "refused" } else { "result" };
            lines.push(format!("{word}: {}", text(event, "content")));
        }
    }
    match lines.is_empty() {
        true => "(no call was made)".to_owned(),
        false => lines.join("\n"),
    }
}

/// The tool through which models keep files of their own.
const MEMORY_TOOL: &str = "memory";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn calls_are_told_with_what_they_came_to_and_those_on_memory_are_not() {
        let events = [
            json!({"type": "agent.message", "content": [{"type": "text", "text": "as claude"}]}),
            json!({"type": "agent.tool_use", "id": "a", "name": "open", "input": {"on": "x"}}),
            json!({"type": "agent.tool_result", "tool_use_id": "a", "is_error": true, "content": "locked"}),
            json!({"type": "agent.tool_use", "id": "m", "name": "memory", "input": {"command": "view"}}),
            json!({"type": "agent.tool_result", "tool_use_id": "m", "content": "a note"}),
            json!({"type": "agent.mcp_tool_use", "id": "b", "name": "send", "input": {}}),
            json!({"type": "agent.mcp_tool_result", "mcp_tool_use_id": "b", "content": [{"type": "text", "text": "sent"}]}),
        ];
        assert_eq!(
            calls(&events),
            "call: open {\"on\":\"x\"}\nrefused: locked\ncall: send {}\nresult: sent"
        );
        assert_eq!(calls(&[]), "(no call was made)");
    }
}
