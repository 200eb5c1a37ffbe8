//! Dreamers that must lose to the reference: one copies, one swaps remedies, one hoards.

use std::future::ready;

use crate::{
    domain::{
        dream::{Action, Change, Dream},
        memory::{Entry, Store},
        session::Session,
    },
    dreaming::{
        Boxed, Dreamer,
        embedded::{Mined, mine, write},
        past::small,
        rules::{Act, Rule},
    },
    formats::memory,
};

/// Which control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Copies its input.
    Null,
    /// Dreams as the reference does, then swaps the remedies among the conditions.
    Shuffler,
    /// Copies its input and appends every lesson of every session.
    Hoarder,
}

impl Dreamer for Control {
    fn name(&self) -> String {
        match self {
            Control::Null => "control-null/1",
            Control::Shuffler => "control-shuffler/1",
            Control::Hoarder => "control-hoarder/1",
        }
        .to_owned()
    }

    fn dream<'a>(&'a self, sessions: &'a [Session], store: &'a Store) -> Boxed<'a> {
        let dream = match self {
            Control::Null => copy(self.name(), sessions, store),
            Control::Shuffler => {
                let mut mined = mine(sessions);
                shuffle(&mut mined.rules);
                write(self.name(), &mined, store, sessions.len())
            }
            Control::Hoarder => hoard(self.name(), sessions, store),
        };
        Box::pin(ready(Ok(dream)))
    }
}

fn copy(dreamer: String, sessions: &[Session], store: &Store) -> Dream {
    let changes = memory::learnings(store)
        .learnings
        .into_iter()
        .map(|learning| Change {
            action: Action::Kept,
            id: Some(learning.id),
            name: learning.name,
            path: learning.source.path,
            why: "copied".to_owned(),
        })
        .collect();
    Dream {
        dreamer,
        store: store.clone(),
        changes,
        patterns: Vec::new(),
        sessions: small(sessions.len()),
        input_before: store.digest(),
        input_after: store.digest(),
        usage: None,
    }
}

/// Each rule takes the remedy of the next rule of its kind at its tool (and argument): every condition keeps its
/// place, and none keeps its remedy where the kind has two.
fn shuffle(rules: &mut [Rule]) {
    let old: Vec<Act> = rules.iter().map(|rule| rule.act).collect();
    for (index, rule) in rules.iter_mut().enumerate() {
        let mut later = (1..old.len()).map(|step| old[(index + step) % old.len()]);
        rule.act = match rule.act {
            Act::Before { first, tool } => later
                .find_map(|act| match act {
                    Act::Before { first: other, .. } if other != first => Some(other),
                    _ => None,
                })
                .map_or(rule.act, |first| Act::Before { first, tool }),
            Act::With {
                tool,
                argument,
                value,
            } => later
                .find(|act| {
                    matches!(act, Act::With { tool: of, argument: at, value: other }
                        if *of == tool && *at == argument && *other != value)
                })
                .unwrap_or(rule.act),
            Act::Instead { tool, other } => Act::Instead {
                tool: other,
                other: tool,
            },
            Act::Avoid { tool } => later
                .find(|act| matches!(act, Act::Avoid { tool: other } if *other != tool))
                .unwrap_or(rule.act),
        };
    }
}

/// Every rule again for every session that shows it, without its condition, after everything that was there.
fn hoard(dreamer: String, sessions: &[Session], store: &Store) -> Dream {
    let Mined { past, rules } = mine(sessions);
    let mut dream = copy(dreamer, sessions, store);
    let mut entries = store.entries.clone();
    for (index, session) in past.sessions.iter().enumerate() {
        let lines: Vec<String> = rules
            .iter()
            .filter(|rule| rule.sessions.contains(&index))
            .map(|rule| {
                let bare = Rule {
                    when: Vec::new(),
                    ..rule.clone()
                };
                format!(
                    "- {}\n- In {} this was found out the hard way, so keep it in mind for every task.\n",
                    bare.line(&past.words),
                    session.name
                )
            })
            .collect();
        if !lines.is_empty() {
            let path = format!("/lessons/{index:04}.md");
            dream.changes.push(Change {
                action: Action::Added,
                id: None,
                name: format!("lessons of {}", session.name),
                path: path.clone(),
                why: "everything is worth keeping".to_owned(),
            });
            entries.push(Entry {
                path,
                text: lines.concat(),
            });
        }
    }
    dream.store = Store::new(entries);
    dream
}
