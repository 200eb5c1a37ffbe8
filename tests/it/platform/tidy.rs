//! Paths that are kept clean, and what was left lying about.

use std::collections::{BTreeMap, BTreeSet};

use super::{answer::Refusal, state::State};

/// Objects by kind: `agent`, `environment`, `memory_store`, `session`, `dream`. Made by dreams, too: their output
/// stores and pipeline sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ever made.
    pub made: BTreeMap<&'static str, usize>,
    /// Deleted.
    pub deleted: BTreeMap<&'static str, usize>,
    /// Archived and not deleted.
    pub archived: BTreeMap<&'static str, usize>,
    /// Ids of those neither deleted nor archived.
    pub left: BTreeMap<&'static str, Vec<String>>,
}

/// What there was and what is left.
pub(super) fn counts(state: &State) -> Counts {
    let gone: BTreeSet<&String> = state.deleted.iter().map(|it| &it.1).collect();
    let mut counts = Counts::default();
    for (kind, id) in &state.made {
        *counts.made.entry(kind).or_default() += 1;
        if gone.contains(id) {
            *counts.deleted.entry(kind).or_default() += 1;
        } else if is_archived(state, kind, id) {
            *counts.archived.entry(kind).or_default() += 1;
        } else {
            counts.left.entry(kind).or_default().push(id.clone());
        }
    }
    counts
}

fn is_archived(state: &State, kind: &str, id: &str) -> bool {
    let shown = match kind {
        "agent" => state.agents.get(id).map(|it| &it.shown),
        "environment" => state.environments.get(id).map(|it| &it.shown),
        "memory_store" => state.stores.get(id).map(|it| &it.shown),
        "session" => state.sessions.get(id).map(|it| &it.shown),
        _ => state.dreams.get(id).map(|it| &it.shown),
    };
    shown.is_some_and(|it| it["archived_at"].is_string())
}

/// Refuses what no memory may be called.
pub(super) fn check_path(path: &str) -> Result<(), Refusal> {
    let wrong = |why: &str| Err(Refusal::invalid(format!("path: {why}")));
    if 1_024 < path.len() {
        return wrong("at most 1024 bytes");
    }
    let Some(below) = path.strip_prefix('/') else {
        return wrong("must begin with /");
    };
    let segments: Vec<&str> = below.split('/').collect();
    if 20 < segments.len() {
        return wrong("at most 20 segments");
    }
    if segments.iter().any(|it| matches!(*it, "" | "." | "..")) {
        return wrong("no empty segment, no . and no ..");
    }
    if path.chars().any(is_unseen) {
        return wrong("no control or format characters");
    }
    if !is_composed(path) {
        return wrong("must be in Unicode NFC");
    }
    Ok(())
}

fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

/// Whether a text is in NFC, as far as Latin letters with their common marks, Hangul and the signs of Kelvin, Ohm and
/// Ångström go: enough to catch a client that does not compose.
fn is_composed(text: &str) -> bool {
    const MARKS: [(char, &str); 8] = [
        ('\u{300}', "AEINOUWYaeinouwy"),
        ('\u{301}', "ACEGIKLMNOPRSUWYZacegiklmnoprsuwyz"),
        ('\u{302}', "ACEGHIJOSUWYZaceghijosuwyz"),
        ('\u{303}', "AEINOUVYaeinouvy"),
        ('\u{308}', "AEHIOUWXYaehiotuwxy"),
        ('\u{30a}', "AUauwy"),
        ('\u{30c}', "ACDEGHIKLNORSTUZacdeghijklnorstuz"),
        ('\u{327}', "CDEGHKLNRSTcdeghklnrst"),
    ];
    let letters: Vec<char> = text.chars().collect();
    let is_single = |it: &char| matches!(it, '\u{212a}' | '\u{2126}' | '\u{212b}');
    let is_apart = |pair: &[char]| {
        let is_hangul = matches!(pair[0], '\u{1100}'..='\u{1112}')
            && matches!(pair[1], '\u{1161}'..='\u{1175}');
        let mut marks = MARKS.iter();
        is_hangul || marks.any(|(mark, bases)| *mark == pair[1] && bases.contains(pair[0]))
    };
    !letters.iter().any(is_single) && !letters.windows(2).any(is_apart)
}
