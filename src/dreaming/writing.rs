//! Rules and kept learnings become a store, a change log and a table of patterns.

use std::collections::BTreeMap;

use crate::{
    domain::{
        dream::{Action, Change, Pattern, PatternKind},
        memory::{Entry, Learning, Learnings, Source, Store},
    },
    dreaming::{
        curation::Fate,
        past::{Past, small},
        rules::{Origin, Rule},
    },
    error::count,
    formats::memory::{Playbook, render_playbook},
};

/// Most sessions a playbook cites by name.
const CITED: usize = 12;
/// Fewest sessions that make a pattern worth a line.
const LEAST_SEEN: u32 = 3;

/// The playbook that states a rule, and its path. Numbers, not names, give the order.
pub fn playbook(past: &Past, rule: &Rule, number: usize) -> Entry {
    let words = &past.words;
    let tool = &words.tools[rule.act.tool()].name;
    let (sessions, tasks) = past.spread(&rule.sessions);
    let text = render_playbook(&Playbook {
        name: name(past, rule),
        description: format!(
            "Seen in {} at {}; {} against",
            count(sessions as usize, "session"),
            count(tasks as usize, "task"),
            rule.against.len()
        ),
        when: (!rule.when.is_empty()).then(|| conditions(past, rule)),
        roles: rule
            .role
            .iter()
            .map(|it| words.roles[*it].name.clone())
            .collect(),
        evidence: cited(past, rule),
        body: format!("{}.\n", rule.line(words)),
    });
    Entry {
        path: format!("/playbooks/{number:03}-{}.md", slug(tool)),
        text,
    }
}

/// A title for people.
pub fn name(past: &Past, rule: &Rule) -> String {
    let tool = &past.words.tools[rule.act.tool()].name;
    if rule.when.is_empty() {
        return format!("{tool}, always");
    }
    format!("{tool} where {}", conditions(past, rule))
}

fn conditions(past: &Past, rule: &Rule) -> String {
    rule.when
        .iter()
        .map(|it| past.words.say(*it))
        .collect::<Vec<_>>()
        .join(" and ")
}

fn cited(past: &Past, rule: &Rule) -> Vec<String> {
    rule.sessions
        .iter()
        .take(CITED)
        .map(|index| past.sessions[*index].name.clone())
        .collect()
}

fn slug(name: &str) -> String {
    let slug: String = name
        .chars()
        .map(|it| {
            if it.is_ascii_alphanumeric() {
                it.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    slug.trim_matches('-').chars().take(40).collect()
}

/// The entries of the old store that are kept: whole where all of an entry is, else one entry per kept learning, so
/// that none comes to stand under another's heading.
pub fn kept_entries(store: &Store, old: &Learnings, fates: &[Fate]) -> Vec<Entry> {
    let kept: Vec<&Learning> = old
        .learnings
        .iter()
        .zip(fates)
        .filter(|(_, fate)| fate.action == Action::Kept)
        .map(|(learning, _)| learning)
        .collect();
    let mut entries = Vec::new();
    for entry in &store.entries {
        let is_here = |it: &&&Learning| it.source.path == entry.path;
        if is_whole(old, fates, &entry.path) {
            entries.extend(kept.iter().find(is_here).map(|_| entry.clone()));
            continue;
        }
        for learning in kept.iter().filter(is_here) {
            let bytes = store.bytes_of(&learning.source).unwrap_or_default();
            entries.push(Entry {
                path: own_path(&learning.source),
                text: format!("{}\n", bytes.trim_end_matches('\n')),
            });
        }
    }
    entries
}

/// Whether everything in an entry is kept.
fn is_whole(old: &Learnings, fates: &[Fate], path: &str) -> bool {
    old.duplicates.iter().all(|(other, _)| other != path)
        && old
            .learnings
            .iter()
            .zip(fates)
            .filter(|(learning, _)| learning.source.path == path)
            .all(|(_, fate)| fate.action == Action::Kept)
}

/// The path of a learning that leaves its old entry: `/notes.md`, line 4, becomes `/notes-line-4.md`.
fn own_path(source: &Source) -> String {
    let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let (stem, ending) = file.rsplit_once('.').unwrap_or((file, "md"));
    format!("{folder}/{stem}-line-{}.{ending}", source.line)
}

/// What happened to each old learning and which rules are new.
pub fn changes(past: &Past, rules: &[Rule], old: &Learnings, fates: &[Fate]) -> Vec<Change> {
    let mut changes: Vec<Change> = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| {
            let (sessions, tasks) = past.spread(&rule.sessions);
            let how = match rule.origin {
                Origin::Recovery => "got past a refusal",
                Origin::Contrast => "told kept work from spoiled work",
            };
            Change {
                action: Action::Added,
                id: None,
                name: name(past, rule),
                path: playbook(past, rule, index + 1).path,
                why: format!(
                    "{how} in {} at {}, {} against",
                    count(sessions as usize, "session"),
                    count(tasks as usize, "task"),
                    rule.against.len()
                ),
            }
        })
        .collect();
    for (learning, fate) in old.learnings.iter().zip(fates) {
        changes.push(Change {
            action: fate.action,
            id: Some(learning.id.clone()),
            name: learning.name.clone(),
            path: if fate.action == Action::Kept && !is_whole(old, fates, &learning.source.path) {
                own_path(&learning.source)
            } else {
                learning.source.path.clone()
            },
            why: fate.why.clone(),
        });
    }
    for (path, line) in &old.duplicates {
        changes.push(Change {
            action: Action::Merged,
            id: None,
            name: format!("line {line}"),
            path: path.clone(),
            why: "the same text stands elsewhere in the store".to_owned(),
        });
    }
    changes.sort_by_key(|change| change.action);
    changes
}

/// Recurring mistakes, preferences and workflows, most sessions first.
pub fn patterns(past: &Past, rules: &[Rule]) -> Vec<Pattern> {
    let mut patterns: Vec<Pattern> = rules.iter().map(|rule| answered(past, rule)).collect();
    patterns.extend(unanswered(past, rules));
    patterns.extend(workflows(past));
    patterns.sort_by_key(|pattern| u32::MAX - pattern.sessions);
    patterns
}

fn answered(past: &Past, rule: &Rule) -> Pattern {
    let (sessions, tasks) = past.spread(&rule.sessions);
    let mut roles: Vec<usize> = rule
        .sessions
        .iter()
        .map(|it| past.sessions[*it].role)
        .collect();
    roles.sort_unstable();
    roles.dedup();
    let (kind, verb) = match rule.origin {
        Origin::Recovery => (PatternKind::Mistake, "refuses"),
        Origin::Contrast => (PatternKind::Preference, "is graded down"),
    };
    let tool = &past.words.tools[rule.act.tool()].name;
    Pattern {
        kind,
        what: format!("{tool} {verb} where {}", conditions(past, rule)),
        roles: roles
            .into_iter()
            .map(|it| past.words.roles[it].name.clone())
            .collect(),
        sessions,
        tasks,
        answered_by: Some(name(past, rule)),
    }
}

/// Refusals no rule answers, by tool and by what it said.
fn unanswered(past: &Past, rules: &[Rule]) -> Vec<Pattern> {
    let mut seen: Vec<(usize, String, BTreeMap<usize, usize>)> = Vec::new();
    for (index, session) in past.sessions.iter().enumerate() {
        for thing in &session.things {
            for step in thing.steps.iter().filter(|step| !step.done) {
                let is_answered = rules.iter().any(|rule| {
                    rule.act.tool() == step.tool
                        && rule.role.is_none_or(|it| it == session.role)
                        && rule.when.iter().all(|it| it.holds_of(&thing.values))
                });
                if is_answered {
                    continue;
                }
                let at = seen
                    .iter()
                    .position(|(tool, said, _)| *tool == step.tool && *said == step.said)
                    .unwrap_or_else(|| {
                        seen.push((step.tool, step.said.clone(), BTreeMap::new()));
                        seen.len() - 1
                    });
                seen[at].2.insert(index, session.role);
            }
        }
    }
    seen.into_iter()
        .filter(|(.., sessions)| small(sessions.len()) >= LEAST_SEEN)
        .map(|(_, said, sessions)| {
            let mut roles: Vec<usize> = sessions.values().copied().collect();
            roles.sort_unstable();
            roles.dedup();
            let (count, tasks) = past.spread(&sessions.into_keys().collect());
            Pattern {
                kind: PatternKind::Mistake,
                what: said,
                roles: roles
                    .into_iter()
                    .map(|it| past.words.roles[it].name.clone())
                    .collect(),
                sessions: count,
                tasks,
                answered_by: None,
            }
        })
        .collect()
}

/// The order of work that completed sessions of a desk share most often.
fn workflows(past: &Past) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for (role, known) in past.words.roles.iter().enumerate() {
        let mut orders: Vec<(Vec<usize>, std::collections::BTreeSet<usize>)> = Vec::new();
        let own = past
            .sessions
            .iter()
            .enumerate()
            .filter(|(_, it)| it.role == role);
        for (index, session) in own.filter(|(_, it)| it.completed == Some(true)) {
            for thing in &session.things {
                let order: Vec<usize> = thing
                    .steps
                    .iter()
                    .filter(|it| it.done)
                    .map(|it| it.tool)
                    .collect();
                if order.len() < 2 {
                    continue;
                }
                match orders.iter_mut().find(|(known, _)| *known == order) {
                    Some((_, sessions)) => _ = sessions.insert(index),
                    None => orders.push((order, [index].into())),
                }
            }
        }
        let Some((order, sessions)) = orders.into_iter().rev().max_by_key(|(_, it)| it.len())
        else {
            continue;
        };
        let (count, tasks) = past.spread(&sessions);
        if count < LEAST_SEEN {
            continue;
        }
        let steps: Vec<&str> = order
            .iter()
            .map(|it| past.words.tools[*it].name.as_str())
            .collect();
        patterns.push(Pattern {
            kind: PatternKind::Workflow,
            what: steps.join(" → "),
            roles: vec![known.name.clone()],
            sessions: count,
            tasks,
            answered_by: None,
        });
    }
    patterns
}
