//! The reference dreamer: no language model, every step inspectable. A baseline any paid dreamer must beat.
//!
//! Recoveries from refusals, contrasts between kept and spoiled work, condition induction, curation of the old store.
//! What it finds are associations: it proposes, replay disposes.

use std::future::ready;

use crate::{
    domain::{
        dream::Dream,
        memory::{Entry, Store},
        session::Session,
    },
    dreaming::{
        Boxed, Dreamer, curation, mining,
        past::{Past, small},
        rules::Rule,
        silent, writing,
    },
    formats::memory,
};

/// The reference dreamer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference;

impl Dreamer for Reference {
    fn name(&self) -> String {
        "embedded-reference/1".to_owned()
    }

    fn dream<'a>(&'a self, sessions: &'a [Session], store: &'a Store) -> Boxed<'a> {
        let mined = mine(sessions);
        Box::pin(ready(Ok(write(self.name(), &mined, store, sessions.len()))))
    }
}

/// What mining found in some sessions.
#[derive(Debug, Clone)]
pub(super) struct Mined {
    /// What was read.
    pub past: Past,
    /// What it teaches: recoveries first, contrasts behind them.
    pub rules: Vec<Rule>,
}

pub(super) fn mine(sessions: &[Session]) -> Mined {
    let past = Past::read(sessions);
    let mut rules = mining::recoveries(&past);
    rules.extend(silent::contrasts(&past));
    Mined { past, rules }
}

/// Curates the old store by what was mined and writes the new one.
pub(super) fn write(dreamer: String, mined: &Mined, store: &Store, sessions: usize) -> Dream {
    let input_before = store.digest();
    let old = memory::learnings(store);
    let fates = curation::fates(&mined.past, &mined.rules, &old);
    let mut entries: Vec<Entry> = mined
        .rules
        .iter()
        .enumerate()
        .map(|(index, rule)| writing::playbook(&mined.past, rule, index + 1))
        .collect();
    for mut entry in writing::kept_entries(store, &old, &fates) {
        while entries.iter().any(|it| it.path == entry.path) {
            entry.path = format!("/kept{}", entry.path);
        }
        entries.push(entry);
    }
    Dream {
        dreamer,
        store: Store::new(entries),
        changes: writing::changes(&mined.past, &mined.rules, &old, &fates),
        patterns: writing::patterns(&mined.past, &mined.rules),
        sessions: small(sessions),
        input_after: store.digest(),
        input_before,
        usage: None,
    }
}
