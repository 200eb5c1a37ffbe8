//! The first screen: what keeps a learning from being replayed or promoted at all, found without running anything.

mod hidden;
mod leaks;
mod secrets;

use serde::{Deserialize, Serialize};

use crate::domain::id::TaskId;
use crate::domain::memory::{Learning, Store};
use crate::error::count;
use crate::formats::memory::CONTENT_BYTES;

/// Lines beyond which a learning should be looked at by a person: the advice for skills (Agent Skills specification).
const LINES_AT_EASE: usize = 500;

/// What the screen compares a learning with.
#[derive(Debug, Clone)]
pub struct ScreenContext<'a> {
    /// The store the learnings stand in.
    pub store: &'a Store,
    /// Names of the test and confirm tasks.
    pub task_ids: Vec<TaskId>,
    /// What completes a test or confirm task, where that is a text of its own. Words of the world's own vocabulary
    /// (tools, attribute values) do not belong here: every useful learning names them.
    pub answers: Vec<(TaskId, String)>,
    /// Names that only this test or confirm task has: its files, clients, accounts.
    pub entities: Vec<(TaskId, String)>,
    /// What agents are asked in test and confirm tasks.
    pub prompts: Vec<(TaskId, String)>,
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A person should look.
    Review,
    /// Never promoted.
    Hard,
}

/// One thing found in a learning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule, stable across versions: `integrity`, `hidden-text`, `secret`, `leak` or `size`.
    pub id: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// Line in the learning's file, from 1.
    pub line: usize,
    /// Column in that line, in characters from 1.
    pub column: usize,
    /// What was found, in a sentence that repeats no secret and no answer.
    pub says: String,
}

/// A finding that still counts in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spot {
    offset: usize,
    says: String,
}

/// Everything wrong with a learning, in the order of the rules. Front matter is screened like the text an agent is
/// shown, since promotion keeps it.
pub fn screen(learning: &Learning, context: &ScreenContext<'_>) -> Vec<Finding> {
    let Some(bytes) = context
        .store
        .bytes_of(&learning.source)
        .filter(|it| it.contains(&learning.text))
    else {
        return vec![Finding {
            id: "integrity",
            severity: Severity::Hard,
            line: learning.source.line,
            column: 1,
            says: "the text that was evaluated no longer stands in its file".into(),
        }];
    };
    let column = column_of(learning, context.store);
    let mut findings = Vec::new();
    let mut add = |id: &'static str, severity: Severity, spots: Vec<Spot>| {
        findings.extend(spots.into_iter().map(|spot| {
            let (line, inner) = crate::files::position(bytes, spot.offset);
            Finding {
                id,
                severity,
                line: learning.source.line + line - 1,
                column: if line == 1 { column + inner - 1 } else { inner },
                says: spot.says,
            }
        }));
    };
    add("hidden-text", Severity::Hard, hidden::spots(bytes));
    add("secret", Severity::Hard, secrets::spots(bytes));
    add("leak", Severity::Hard, leaks::spots(bytes, context));
    if CONTENT_BYTES < bytes.len() {
        let says = format!(
            "it has {}, and the most a memory may have is {CONTENT_BYTES}",
            count(bytes.len(), "byte")
        );
        add("size", Severity::Hard, vec![Spot { offset: 0, says }]);
    } else if LINES_AT_EASE < bytes.lines().count() {
        let says = format!(
            "it has {}, and more than {LINES_AT_EASE} are seldom read to the end",
            count(bytes.lines().count(), "line")
        );
        add("size", Severity::Review, vec![Spot { offset: 0, says }]);
    }
    findings
}

/// The column in which a learning begins.
fn column_of(learning: &Learning, store: &Store) -> usize {
    let entry = store
        .entries
        .iter()
        .find(|it| it.path == learning.source.path);
    entry.map_or(1, |it| {
        crate::files::position(&it.text, learning.source.span.start).1
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::memory::Entry;
    use crate::formats::memory::learnings;

    fn store(text: &str) -> Store {
        Store::new(vec![Entry {
            path: "/a.md".into(),
            text: text.into(),
        }])
    }

    fn context(store: &Store) -> ScreenContext<'_> {
        ScreenContext {
            store,
            task_ids: vec![TaskId::new("redline-017")],
            answers: Vec::new(),
            entities: Vec::new(),
            prompts: Vec::new(),
        }
    }

    fn findings(text: &str) -> Vec<Finding> {
        let store = store(text);
        let context = context(&store);
        learnings(&store)
            .learnings
            .iter()
            .flat_map(|it| screen(it, &context))
            .collect()
    }

    #[test]
    fn findings_name_the_line_and_column_of_the_file() {
        let found = findings("# Notes\n\n- do convert\n-  say\u{200b} hello\n  and redline-017\n");
        let places: Vec<_> = found
            .iter()
            .map(|it| (it.id, it.severity, it.line, it.column))
            .collect();
        assert_eq!(
            places,
            [
                ("hidden-text", Severity::Hard, 4, 7),
                ("leak", Severity::Hard, 5, 7)
            ]
        );
    }

    #[test]
    fn the_front_matter_is_screened_too() {
        let found = findings("---\nname: a\ndescription: \"see redline-017\"\n---\ndo convert\n");
        assert_eq!(
            (found[0].id, found[0].line, found[0].column),
            ("leak", 3, 19)
        );
    }

    #[test]
    fn a_plain_learning_passes() {
        assert_eq!(
            findings("---\nname: a\n---\nWhen format is wpd, do convert before open\n"),
            []
        );
    }

    #[test]
    fn a_text_that_is_not_in_the_store_is_found() {
        let store = store("- one\n");
        let other = Store::new(vec![Entry {
            path: "/a.md".into(),
            text: "- two\n".into(),
        }]);
        let found = screen(&learnings(&store).learnings[0], &context(&other));
        assert_eq!((found.len(), found[0].id), (1, "integrity"));
    }

    #[test]
    fn long_learnings_are_for_a_person_to_look_at_and_huge_ones_are_refused() {
        let lines = |number: usize| "word\n".repeat(number);
        assert_eq!(findings(&lines(500)), []);
        let long = findings(&lines(501));
        assert_eq!((long[0].id, long[0].severity), ("size", Severity::Review));
        assert_eq!(
            long[0].says,
            "it has 501 lines, and more than 500 are seldom read to the end"
        );
        let huge = findings(&"word ".repeat(CONTENT_BYTES / 5 + 1));
        assert_eq!((huge[0].id, huge[0].severity), ("size", Severity::Hard));
    }
}
