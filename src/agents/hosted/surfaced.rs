//! Which notes a hosted agent opened, as far as its tools' events tell.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::agents::Given;

/// What the events of one session say of its memory folder.
#[derive(Debug)]
pub(super) struct Opened {
    /// As the platform says; nothing is ever opened where it does not.
    mount_path: Option<String>,
    /// For each note given, where its file stands, and whether it was shown.
    notes: Vec<Note>,
    /// Inputs of calls that have no result yet, by id.
    open: BTreeMap<String, Value>,
}

#[derive(Debug)]
struct Note {
    file: String,
    lines: Vec<String>,
    is_shown: bool,
}

impl Opened {
    /// Nothing is opened yet.
    pub fn new(memory: &[Given<'_>], mount_path: Option<&str>) -> Self {
        let mount_path = mount_path
            .map(|it| it.trim_end_matches('/').to_owned())
            .filter(|it| !it.is_empty());
        let notes = memory.iter().map(|it| {
            let text = it.learning.text.lines().map(str::trim);
            Note {
                file: format!(
                    "{}{}",
                    mount_path.as_deref().unwrap_or_default(),
                    it.learning.source.path
                ),
                lines: text
                    .filter(|it| !it.is_empty())
                    .map(str::to_owned)
                    .collect(),
                is_shown: false,
            }
        });
        Self {
            notes: notes.collect(),
            mount_path,
            open: BTreeMap::new(),
        }
    }

    /// Takes an event: a note was shown where a call named its file and did not fail, or where a result holds all its
    /// lines.
    pub fn take(&mut self, event: &Value) {
        let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "agent.tool_use" => {
                let input = event.get("input").cloned().unwrap_or(Value::Null);
                self.open.insert(text("id").to_owned(), input);
            }
            "agent.tool_result" => {
                let input = self.open.remove(text("tool_use_id"));
                if event.get("is_error").and_then(Value::as_bool) != Some(true) {
                    self.show(&input.unwrap_or(Value::Null), event);
                }
            }
            _ => {}
        }
    }

    fn show(&mut self, input: &Value, result: &Value) {
        if self.mount_path.is_none() {
            return;
        }
        let mut named = Vec::new();
        texts(input, &mut named);
        let mut shown = Vec::new();
        texts(result.get("content").unwrap_or(&Value::Null), &mut shown);
        for note in &mut self.notes {
            let is_named = named.iter().any(|it| names(it, &note.file));
            let is_held = !note.lines.is_empty()
                && shown
                    .iter()
                    .any(|text| note.lines.iter().all(|line| text.contains(line.as_str())));
            note.is_shown |= is_named || is_held;
        }
    }

    /// Indices of the notes that were shown.
    pub fn surfaced(&self) -> Vec<u16> {
        (0..)
            .zip(&self.notes)
            .filter(|(_, note)| note.is_shown)
            .map(|(index, _)| index)
            .collect()
    }
}

/// Every text in a value.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|it| texts(it, found)),
        Value::Object(fields) => fields.values().for_each(|it| texts(it, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a text names this file and not one whose name only begins so.
fn names(text: &str, file: &str) -> bool {
    text.match_indices(file).any(|(at, _)| {
        let next = text[at + file.len()..].chars().next();
        next.is_none_or(|it| !(it.is_alphanumeric() || "._-/".contains(it)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            advice::Reading,
            memory::{Entry, Store},
        },
        formats::memory::learnings,
    };
    use serde_json::json;

    const MOUNT: &str = "/mnt/memory/notes-2";

    fn surfaced(mount: Option<&str>, events: &[Value]) -> Vec<u16> {
        let entry = |path: &str, text: &str| Entry {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let store = Store::new(vec![
            entry("/a.md", "- one\n- two\n"),
            entry("/a.md.old.md", "- three\n"),
        ]);
        let found = learnings(&store).learnings;
        let reading = Reading::default();
        let given: Vec<Given<'_>> = found
            .iter()
            .map(|learning| Given {
                learning,
                reading: &reading,
            })
            .collect();
        let mut opened = Opened::new(&given, mount);
        events.iter().for_each(|it| opened.take(it));
        opened.surfaced()
    }

    fn called(input: &Value, content: &Value, is_error: bool) -> Vec<Value> {
        vec![
            json!({"type": "agent.tool_use", "id": "t", "name": "read", "input": input}),
            json!({"type": "agent.tool_result", "tool_use_id": "t", "content": content, "is_error": is_error}),
        ]
    }

    #[test]
    fn trap_14_a_note_is_opened_where_the_platform_says_its_file_is() {
        let read = |path: &str| {
            let input = json!({"file_path": path});
            surfaced(Some(MOUNT), &called(&input, &json!([]), false))
        };
        assert_eq!(read("/mnt/memory/notes-2/a.md"), [0, 1]);
        assert_eq!(read("/mnt/memory/notes-2/a.md.old.md"), [2]);
        assert_eq!(read("/mnt/memory/notes/a.md"), [0_u16; 0]);
        let input = json!({"file_path": "/mnt/memory/notes-2/a.md"});
        assert_eq!(
            surfaced(None, &called(&input, &json!([]), false)),
            [0_u16; 0]
        );
        assert_eq!(
            surfaced(Some(MOUNT), &called(&input, &json!("no such file"), true)),
            [0_u16; 0]
        );
    }

    #[test]
    fn a_listing_shows_no_note_and_a_text_that_holds_one_does() {
        let list = json!({"pattern": "/mnt/memory/notes-2/*"});
        let told = |content: Value| surfaced(Some(MOUNT), &called(&list, &content, false));
        assert_eq!(told(json!("/mnt/memory/notes-2/a.md")), [0_u16; 0]);
        let content = json!([{"type": "text", "text": "1\t- one\n2\t- tw"}]);
        assert_eq!(told(content), [0]);
    }
}
