//! Which notes an agent that reads files was shown, and which it asked for, as far as its calls and their results tell.

use serde_json::Value;

use crate::agents::Given;

/// What calls and their results say of the files notes stand in.
#[derive(Debug)]
pub(super) struct Shown {
    notes: Vec<Note>,
}

#[derive(Debug)]
struct Note {
    /// Where its file stands, as calls name it; `None` where nobody knows.
    file: Option<String>,
    lines: Vec<String>,
    was_named: bool,
    was_held: bool,
}

impl Shown {
    /// Nothing is shown yet; `place` tells where the file of a store stands for the agent.
    pub fn new(memory: &[Given<'_>], place: impl Fn(&str) -> Option<String>) -> Self {
        let notes = memory.iter().map(|it| {
            let text = it.learning.text.lines().map(str::trim);
            Note {
                file: place(&it.learning.source.path),
                lines: text
                    .filter(|it| !it.is_empty())
                    .map(str::to_owned)
                    .collect(),
                was_named: false,
                was_held: false,
            }
        });
        Self {
            notes: notes.collect(),
        }
    }

    /// Takes a call that did not fail and its result.
    pub fn take(&mut self, input: &Value, result: &Value) {
        let (mut named, mut shown) = (Vec::new(), Vec::new());
        texts(input, &mut named);
        texts(result, &mut shown);
        for note in &mut self.notes {
            let Some(file) = &note.file else {
                continue;
            };
            note.was_named |= named.iter().any(|it| names(it, file));
            note.was_held |= !note.lines.is_empty()
                && shown
                    .iter()
                    .any(|text| note.lines.iter().all(|line| text.contains(line.as_str())));
        }
    }

    /// Indices of the notes all lines of which stood in a result.
    pub fn held(&self) -> Vec<u16> {
        self.those(|it| it.was_held)
    }

    /// Indices of the notes whose file a call asked for by name.
    pub fn named(&self) -> Vec<u16> {
        self.those(|it| it.was_named)
    }

    fn those(&self, is_so: impl Fn(&Note) -> bool) -> Vec<u16> {
        (0..)
            .zip(&self.notes)
            .filter(|(_, note)| is_so(note))
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
    let goes_on = |it: char| it.is_alphanumeric() || "._-".contains(it);
    text.match_indices(file).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let next = text[at + file.len()..].chars().next();
        !before.is_some_and(goes_on) && !next.is_some_and(|it| goes_on(it) || it == '/')
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

    /// Named and held, of the notes one, two and three.
    fn after(input: &Value, result: &Value) -> (Vec<u16>, Vec<u16>) {
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
        let mut shown = Shown::new(&given, |path| Some(format!("{MOUNT}{path}")));
        shown.take(input, result);
        (shown.named(), shown.held())
    }

    #[test]
    fn trap_14_a_note_is_asked_for_by_the_place_its_file_stands_at() {
        let named = |path: &str| after(&json!({"file_path": path}), &json!([])).0;
        assert_eq!(named("/mnt/memory/notes-2/a.md"), [0, 1]);
        assert_eq!(named("/mnt/memory/notes-2/a.md.old.md"), [2]);
        assert_eq!(named("/mnt/memory/notes/a.md"), [0_u16; 0]);
        assert_eq!(named("x/mnt/memory/notes-2/a.mdx"), [0_u16; 0]);
    }

    #[test]
    fn a_listing_shows_no_note_and_a_text_that_holds_one_does() {
        let list = json!({"pattern": "/mnt/memory/notes-2/*"});
        let held = |content: Value| after(&list, &content).1;
        assert_eq!(held(json!("/mnt/memory/notes-2/a.md")), [0_u16; 0]);
        let content = json!([{"type": "text", "text": "1\t- one\n2\t- tw"}]);
        assert_eq!(held(content), [0]);
    }
}
