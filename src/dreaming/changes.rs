//! The change log of a dream that somebody else dreamt: what was told, and what the two stores show.

use serde::Deserialize;

use crate::{
    domain::{
        dream::{Action, Change},
        id::LearningId,
        memory::{Learning, Store},
    },
    formats::memory::learnings,
};

/// A change as a dreamer tells it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TellsChange {
    action: Action,
    #[serde(default)]
    id: Option<LearningId>,
    name: String,
    path: String,
    #[serde(default)]
    why: String,
}

/// What a dreamer says it did, and what it did without a word, for `no_reason`: nothing may be added or leave unseen.
pub(super) fn changes(
    told: Vec<TellsChange>,
    old: &Store,
    new: &Store,
    no_reason: &str,
) -> Vec<Change> {
    let known = learnings(old).learnings;
    let changes = told
        .into_iter()
        .map(|it| Change {
            id: it.id.clone().or_else(|| meant(&it, &known)),
            action: it.action,
            name: it.name,
            path: it.path,
            why: match it.why.is_empty() {
                true => no_reason.to_owned(),
                false => it.why,
            },
        })
        .collect();
    complete(changes, old, new, no_reason)
}

/// These changes, and whatever the two stores show beside them.
pub(super) fn complete(
    mut changes: Vec<Change>,
    old: &Store,
    new: &Store,
    no_reason: &str,
) -> Vec<Change> {
    let (old, new) = (learnings(old).learnings, learnings(new).learnings);
    let silent = |action: Action, it: &Learning, id: Option<&LearningId>| Change {
        action,
        id: id.cloned(),
        name: it.name.clone(),
        path: it.source.path.clone(),
        why: no_reason.to_owned(),
    };
    for learning in &new {
        let was_there = old.iter().any(|it| it.id == learning.id);
        let is_told = changes.iter().any(|it| match &it.id {
            Some(id) => *id == learning.id,
            None => it.name == learning.name || it.path == learning.source.path,
        });
        match (is_told, was_there) {
            (true, _) => {}
            (false, true) => changes.push(silent(Action::Kept, learning, Some(&learning.id))),
            (false, false) => changes.push(silent(Action::Added, learning, None)),
        }
    }
    for learning in old
        .iter()
        .filter(|it| !new.iter().any(|new| new.id == it.id))
    {
        let is_told = changes
            .iter()
            .any(|it| it.id.as_ref() == Some(&learning.id) && it.action != Action::Kept);
        if !is_told {
            changes.push(silent(Action::Dropped, learning, Some(&learning.id)));
        }
    }
    changes
}

/// The old learning a change speaks of, where its name or its path is that of one alone.
fn meant(change: &TellsChange, old: &[Learning]) -> Option<LearningId> {
    if change.action == Action::Added {
        return None;
    }
    let only = |found: Vec<&Learning>| match found.as_slice() {
        [one] => Some(one.id.clone()),
        _ => None,
    };
    let named = old.iter().filter(|it| it.name == change.name).collect();
    let placed = || {
        old.iter()
            .filter(|it| it.source.path == change.path)
            .collect()
    };
    only(named).or_else(|| only(placed()))
}
