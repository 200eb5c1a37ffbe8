//! Events of a session, read and answered.

use serde_json::{Value, json};

use crate::agents::hosted::READERS;

/// The platform's own tools may be used where they only read; nothing else was offered.
pub(super) fn confirmation(id: &str, event: &Value) -> Value {
    let name = text(event, "/name").unwrap_or_default();
    let mut answer = json!({"type": "user.tool_confirmation", "tool_use_id": id});
    if kind(event) == "agent.tool_use" && READERS.contains(&name.as_str()) {
        answer["result"] = json!("allow");
    } else {
        answer["result"] = json!("deny");
        answer["deny_message"] = json!("this tool is not for this task");
    }
    answer
}

/// The type of an event.
pub(super) fn kind(event: &Value) -> &str {
    event
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The text at a place of an event.
pub(super) fn text(event: &Value, at: &str) -> Option<String> {
    event.pointer(at)?.as_str().map(str::to_owned)
}

/// The words of a message; blocks of another type are passed over.
pub(super) fn words(event: &Value) -> Option<String> {
    let blocks = event.get("content")?.as_array()?;
    let texts = blocks.iter().filter_map(|it| it.get("text")?.as_str());
    Some(texts.collect::<Vec<_>>().concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reading_is_confirmed() {
        let asked = |kind: &str, name: &str| {
            confirmation("t", &json!({"type": kind, "name": name}))["result"].clone()
        };
        assert_eq!(asked("agent.tool_use", "read"), "allow");
        assert_eq!(asked("agent.tool_use", "bash"), "deny");
        assert_eq!(asked("agent.mcp_tool_use", "read"), "deny");
    }
}
