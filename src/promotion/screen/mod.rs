//! The first screen: what keeps a learning from being replayed or promoted at all, found without running anything.
//!
//! A screen catches accidents and lazy attacks. What passes it is not thereby harmless, and no page may say so.

mod citations;
mod confusables;
mod folded;
mod hidden;
mod hygiene;
mod instructions;
mod leaks;
mod payloads;
mod personal;
mod phrased;
pub mod rules;
mod secrets;
mod voices;
mod wording;

pub use leaks::{HeldOut, Of};
pub use rules::{RULES, Rule, Severity};
pub use voices::Voices;

use std::collections::BTreeSet;

use regex::Regex;
use serde::Serialize;

use crate::domain::id::LearningId;
use crate::domain::memory::{Learning, Store};
use crate::domain::tool::Handbook;
use crate::error::count;
use crate::formats::memory::CONTENT_BYTES;

/// Lines beyond which a learning should be looked at by a person: the advice for skills (Agent Skills specification).
const LINES_AT_EASE: usize = 500;

/// Findings of one rule that are told of one learning; the last of them says how many more there are.
const TOLD: usize = 20;

/// What the screen compares a learning with.
#[derive(Debug, Clone)]
pub struct ScreenContext<'a> {
    /// The store the learnings stand in.
    pub store: &'a Store,
    /// What of the test and confirm tasks no learning may hold.
    pub held_out: Vec<HeldOut>,
    /// Tools and policies of the world; `None` where there is none, and then nothing is said of either.
    pub handbook: Option<&'a Handbook>,
    /// Names of every session a learning may cite; `None` where they are not known.
    pub sessions: Option<BTreeSet<String>>,
    /// What the other learnings of the store and those in force say.
    pub voices: Voices,
}

impl<'a> ScreenContext<'a> {
    /// A context of which only the store is known.
    pub fn of(store: &'a Store) -> Self {
        Self {
            store,
            held_out: Vec::new(),
            handbook: None,
            sessions: None,
            voices: Voices::default(),
        }
    }
}

/// One thing found in a learning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's id: one of [`RULES`].
    pub id: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// The learning it was found in.
    pub learning: LearningId,
    /// The path of the learning's file in its store.
    pub path: String,
    /// Line in that file, from 1.
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

/// Everything found in a learning, in the order of the rules. Front matter is screened like the text an agent is
/// shown, since promotion keeps it.
pub fn screen(learning: &Learning, context: &ScreenContext<'_>) -> Vec<Finding> {
    let finding = |rule: &Rule, severity, (line, column), says| Finding {
        id: rule.id,
        severity,
        learning: learning.id.clone(),
        path: learning.source.path.clone(),
        line,
        column,
        says,
    };
    let Some(bytes) = context
        .store
        .bytes_of(&learning.source)
        .filter(|it| it.contains(&learning.text))
    else {
        let says = "the text that was evaluated no longer stands in its file".into();
        let place = (learning.source.line, 1);
        return vec![finding(
            &rules::INTEGRITY,
            rules::INTEGRITY.severity,
            place,
            says,
        )];
    };
    let column = column_of(learning, context.store);
    let place = |offset: usize| {
        let (line, inner) = crate::files::position(bytes, offset);
        let column = if line == 1 { column + inner - 1 } else { inner };
        (learning.source.line + line - 1, column)
    };
    let mut findings = Vec::new();
    for (rule, severity, mut spots) in found(learning, bytes, context) {
        let more = spots.len().saturating_sub(TOLD);
        spots.truncate(TOLD);
        if let Some(last) = spots.last_mut().filter(|_| 0 < more) {
            last.says.push_str(&format!("; {more} more like it"));
        }
        for spot in spots {
            findings.push(finding(rule, severity, place(spot.offset), spot.says));
        }
    }
    findings
}

/// `24 learnings were screened: screen passed, 3 notes.`, or how many findings of each severity there are.
pub fn tally(learnings: usize, findings: &[Finding]) -> String {
    let number = |severity| findings.iter().filter(|it| it.severity == severity).count();
    let were = if learnings == 1 { "was" } else { "were" };
    let (hard, review) = (number(Severity::Hard), number(Severity::Review));
    let outcome = match (hard, review) {
        (0, 0) => "screen passed".to_owned(),
        _ => format!("{hard} hard findings, {review} for a person to review")
            .replace("1 hard findings", "1 hard finding"),
    };
    format!(
        "{} {were} screened: {outcome}, {}.",
        count(learnings, "learning"),
        count(number(Severity::Note), "note")
    )
}

type Found = (&'static Rule, Severity, Vec<Spot>);

/// What each rule finds, in bytes of the learning.
fn found(learning: &Learning, bytes: &str, context: &ScreenContext<'_>) -> Vec<Found> {
    use rules::{
        AGAINST_POLICY, CONFLICT, CONFUSABLE, DEAD_TOOL, EXECUTABLE, HIDDEN_TEXT, INSTRUCTION,
        LEAK, NO_EVIDENCE, PERSONAL_DATA, PROVENANCE, RELATIVE_DATE, SECRET, SINGLE_SESSION, SIZE,
        UNSCOPED,
    };
    let start = bytes.find(&learning.text).unwrap_or_default();
    let text = learning.text.as_str();
    let shown = |spots: Vec<Spot>| {
        let moved = spots.into_iter().map(|it| Spot {
            offset: start + it.offset,
            ..it
        });
        moved.collect::<Vec<Spot>>()
    };
    let told = |of: fn(&str, &Handbook) -> Vec<Spot>| {
        let spots = context.handbook.map(|it| of(text, it));
        shown(spots.unwrap_or_default())
    };
    let is_conditional = bytes[..start].lines().any(|it| it.starts_with("when:"));
    let unscoped = if is_conditional {
        Vec::new()
    } else {
        hygiene::unscoped(text)
    };
    let conflicts = context.voices.against(learning, context.handbook);
    let sessions = context.sessions.as_ref();
    let by_rule: [(&'static Rule, Vec<Spot>); 15] = [
        (&HIDDEN_TEXT, hidden::spots(bytes)),
        (&CONFUSABLE, confusables::spots(bytes)),
        (&SECRET, secrets::spots(bytes)),
        (&LEAK, leaks::spots(bytes, context)),
        (&EXECUTABLE, payloads::spots(bytes)),
        (&PERSONAL_DATA, personal::spots(bytes)),
        (&INSTRUCTION, instructions::spots(bytes)),
        (&PROVENANCE, citations::unknown(learning, bytes, sessions)),
        (&AGAINST_POLICY, told(phrased::forbidden)),
        (&UNSCOPED, shown(unscoped)),
        (&NO_EVIDENCE, citations::missing(learning)),
        (&SINGLE_SESSION, citations::single(learning, bytes)),
        (&RELATIVE_DATE, shown(hygiene::relative_dates(text))),
        (&DEAD_TOOL, told(phrased::dead_tools)),
        (&CONFLICT, shown(conflicts)),
    ];
    let mut found: Vec<Found> = by_rule
        .into_iter()
        .map(|(rule, spots)| (rule, rule.severity, spots))
        .collect();
    found.extend(size(bytes).map(|(severity, spot)| (&SIZE, severity, vec![spot])));
    found
}

/// Whether a learning is longer than people read, or than a memory may be.
fn size(bytes: &str) -> Option<(Severity, Spot)> {
    let lines = bytes.lines().count();
    let (severity, says) = if CONTENT_BYTES < bytes.len() {
        let says = format!(
            "it has {}, and the most a memory may have is {CONTENT_BYTES}",
            count(bytes.len(), "byte")
        );
        (Severity::Hard, says)
    } else if LINES_AT_EASE < lines {
        let says = format!(
            "it has {}, and more than {LINES_AT_EASE} are seldom read to the end",
            count(lines, "line")
        );
        (Severity::Review, says)
    } else {
        return None;
    };
    Some((severity, Spot { offset: 0, says }))
}

/// Patterns with what is said of each, compiled; one that cannot be is left out, which a test of each list would tell.
fn compiled(patterns: &[(&str, &'static str)]) -> Vec<(Regex, &'static str)> {
    patterns
        .iter()
        .filter_map(|(pattern, says)| Some((Regex::new(pattern).ok()?, *says)))
        .collect()
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
    use crate::domain::id::TaskId;
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
            held_out: vec![HeldOut::of(
                &TaskId::new("redline-017"),
                Of::Name,
                "redline-017",
            )],
            ..ScreenContext::of(store)
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
        assert_eq!(found[1].id, "no-evidence");
    }

    #[test]
    fn a_plain_learning_passes() {
        assert_eq!(
            findings(
                "---\nname: a\nevidence: [s-1, s-2]\n---\nWhen format is wpd, do convert before open\n"
            ),
            []
        );
    }

    #[test]
    fn a_rule_that_sees_only_the_shown_text_still_names_the_place_in_the_file() {
        let found = findings("---\nname: a\nevidence: [s-1, s-2]\n---\nPrint.\nAlways stamp it\n");
        let place = (
            found[0].id,
            found[0].path.as_str(),
            found[0].line,
            found[0].column,
        );
        assert_eq!(place, ("unscoped", "/a.md", 6, 1));
    }

    #[test]
    fn ids_are_unique_and_the_screen_is_tallied_in_a_sentence() {
        let ids: BTreeSet<&str> = RULES.iter().map(|it| it.id).collect();
        assert_eq!(ids.len(), RULES.len());
        assert_eq!(
            tally(2, &[]),
            "2 learnings were screened: screen passed, 0 notes."
        );
        assert_eq!(
            tally(1, &findings("redline-017 and jane@firm.com")),
            "1 learning was screened: 1 hard finding, 1 for a person to review, 0 notes."
        );
    }

    #[test]
    fn what_is_found_again_and_again_is_counted() {
        let found = findings(&"Always stamp it.\n".repeat(23));
        assert_eq!((found.len(), found[19].line), (20, 20));
        assert!(found[19].says.ends_with("; 3 more like it"));
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
