//! What becomes of the learnings a store already holds: kept, merged, superseded or dropped, each with its reason.

use std::collections::BTreeSet;

use crate::{
    domain::{
        advice::{Advice, Order, Stance, read},
        dream::Action,
        memory::{Learning, Learnings},
        tool::Condition,
    },
    dreaming::{
        past::{Past, PastThing},
        rules::{Act, Rule},
    },
    error::count,
};

/// Token overlap from which two prose learnings say the same.
const SAME_WORDS: f64 = 0.9;
/// Fewest sessions that can speak a learning down.
const LEAST_AGAINST: usize = 3;

/// The word on one old learning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// What is done with it.
    pub action: Action,
    /// Why, in a sentence.
    pub why: String,
}

/// Decides on every learning of a store, in store order.
pub fn fates(past: &Past, rules: &[Rule], old: &Learnings) -> Vec<Fate> {
    let mut kept_words: Vec<BTreeSet<String>> = Vec::new();
    old.learnings
        .iter()
        .map(|learning| {
            let fate = fate(past, rules, learning, &kept_words);
            if fate.action == Action::Kept {
                kept_words.push(words_of(&learning.text));
            }
            fate
        })
        .collect()
}

fn fate(past: &Past, rules: &[Rule], learning: &Learning, kept: &[BTreeSet<String>]) -> Fate {
    let reading = read(&learning.text, &past.words);
    if reading.prose_lines == 0
        && let [advice] = reading.advice.as_slice()
        && let Some(act) = act_of(advice)
    {
        return judge(past, rules, act, &advice.when);
    }
    let words = words_of(&learning.text);
    if kept
        .iter()
        .any(|other| overlap(&words, other) >= SAME_WORDS)
    {
        return Fate {
            action: Action::Merged,
            why: "says in nearly the same words what another entry says".to_owned(),
        };
    }
    Fate {
        action: Action::Kept,
        why: "no session speaks for or against it".to_owned(),
    }
}

fn act_of(advice: &Advice) -> Option<Act> {
    match (advice.stance, advice.order, advice.with.as_slice()) {
        (Stance::Do, Some((Order::Before, tool)), []) => Some(Act::Before {
            first: advice.tool,
            tool,
        }),
        (Stance::Do, None, [(argument, value)]) => Some(Act::With {
            tool: advice.tool,
            argument: *argument,
            value: *value,
        }),
        (Stance::Do, None, []) => Some(Act::Instead {
            tool: advice.tool,
            other: advice.tool,
        }),
        (Stance::Avoid, None, []) => Some(Act::Avoid { tool: advice.tool }),
        _ => None,
    }
}

fn judge(past: &Past, rules: &[Rule], act: Act, when: &[Condition]) -> Fate {
    if let Some(rule) = rules
        .iter()
        .find(|rule| is_same(rule.act, act) && rule.when == when)
    {
        return Fate {
            action: Action::Merged,
            why: format!("{} show the same", count(rule.sessions.len(), "session")),
        };
    }
    if let Some(rule) = rules
        .iter()
        .find(|rule| is_rival(rule.act, act) && rule.when == when)
    {
        return Fate {
            action: Action::Superseded,
            why: format!(
                "{} show another remedy there: {}",
                count(rule.sessions.len(), "session"),
                rule.line(&past.words)
            ),
        };
    }
    if let Some(rule) = rules
        .iter()
        .find(|rule| when.is_empty() && is_same(rule.act, act))
    {
        return Fate {
            action: Action::Superseded,
            why: format!("holds only in places: {}", rule.line(&past.words)),
        };
    }
    let (helped, failed, needless) = record(past, act, when);
    if failed.len() >= LEAST_AGAINST && failed.len() > helped.len() {
        return Fate {
            action: Action::Dropped,
            why: format!(
                "followed in {} and refused all the same in {}",
                count(helped.len() + failed.len(), "session"),
                failed.len()
            ),
        };
    }
    if needless.len() >= LEAST_AGAINST && needless.len() > 2 * helped.len() {
        return Fate {
            action: Action::Dropped,
            why: format!(
                "the tool went through without it in {}",
                count(needless.len(), "session")
            ),
        };
    }
    Fate {
        action: Action::Kept,
        why: format!(
            "{} followed it and went through",
            count(helped.len(), "session")
        ),
    }
}

fn is_same(one: Act, other: Act) -> bool {
    match (one, other) {
        // A bare `do TOOL` does not say instead of what.
        (Act::Instead { other: one, .. }, Act::Instead { other, .. }) => one == other,
        _ => one == other,
    }
}

/// Two acts that answer the same need in different ways.
fn is_rival(one: Act, other: Act) -> bool {
    match (one, other) {
        (Act::Before { tool: one, .. }, Act::Before { tool: other, .. }) => one == other,
        (
            Act::With { tool, argument, .. },
            Act::With {
                tool: other,
                argument: of,
                ..
            },
        ) => tool == other && argument == of,
        (Act::Instead { tool, .. }, Act::Instead { other, .. }) => tool == other,
        _ => false,
    }
}

type Sessions = BTreeSet<usize>;

/// Sessions in which an act was followed and helped, was followed in vain, and was not followed and not missed.
fn record(past: &Past, act: Act, when: &[Condition]) -> (Sessions, Sessions, Sessions) {
    let (mut helped, mut failed, mut needless) =
        (Sessions::new(), Sessions::new(), Sessions::new());
    for (session, read) in past.sessions.iter().enumerate() {
        for thing in read
            .things
            .iter()
            .filter(|it| when.iter().all(|one| one.holds_of(&it.values)))
        {
            match followed(act, thing) {
                Some((true, true)) => helped.insert(session),
                Some((true, false)) => failed.insert(session),
                Some((false, true)) => needless.insert(session),
                Some((false, false)) | None => false,
            };
        }
    }
    (helped, failed, needless)
}

/// Whether the act was followed at the tool's last call, and whether that call was done.
fn followed(act: Act, thing: &PastThing) -> Option<(bool, bool)> {
    let at = thing
        .steps
        .iter()
        .rposition(|step| step.tool == act.tool())?;
    let step = &thing.steps[at];
    let is_followed = match act {
        Act::Before { first, .. } => thing.steps[..at]
            .iter()
            .any(|step| step.done && step.tool == first),
        // A value that raises no error cannot be judged by going through.
        Act::With { .. } => return None,
        Act::Instead { .. } | Act::Avoid { .. } => return None,
    };
    Some((is_followed, step.done))
}

fn words_of(text: &str) -> BTreeSet<String> {
    text.split(|it: char| !it.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Shared words over all words (Jaccard 1901), from 0 to 1.
fn overlap(one: &BTreeSet<String>, other: &BTreeSet<String>) -> f64 {
    let shared = one.intersection(other).count();
    let all = one.len() + other.len() - shared;
    if all == 0 {
        return 0.0;
    }
    shared as f64 / all as f64
}
