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
        silent,
    },
    error::count,
};

/// Token overlap from which two prose learnings say the same.
const SAME_WORDS: f64 = 0.9;
/// Fewest sessions that can speak a learning down where others speak for it.
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
    let mut fates: Vec<Fate> = old
        .learnings
        .iter()
        .map(|learning| {
            let fate = fate(past, rules, learning, &kept_words);
            if fate.action == Action::Kept {
                kept_words.push(words_of(&learning.text));
            }
            fate
        })
        .collect();
    narrow(past, old, &mut fates);
    fates
}

/// An unconditional line gives way to a kept one that says the same of some places only.
fn narrow(past: &Past, old: &Learnings, fates: &mut [Fate]) {
    let claims: Vec<Option<(Act, Vec<Condition>)>> =
        old.learnings.iter().map(|it| claim(past, it)).collect();
    let scoped: Vec<Act> = claims
        .iter()
        .zip(fates.iter())
        .filter(|(_, fate)| fate.action == Action::Kept)
        .filter_map(|(claim, _)| claim.as_ref())
        .filter(|(_, when)| !when.is_empty())
        .map(|(act, _)| *act)
        .collect();
    for (claim, fate) in claims.iter().zip(fates) {
        if let Some((act, when)) = claim
            && when.is_empty()
            && fate.action == Action::Kept
            && scoped.iter().any(|it| is_same(*it, *act))
        {
            *fate = Fate {
                action: Action::Superseded,
                why: "another entry says where it holds".to_owned(),
            };
        }
    }
}

/// What a learning of one understood line says to do, and when.
fn claim(past: &Past, learning: &Learning) -> Option<(Act, Vec<Condition>)> {
    let reading = read(&learning.text, &past.words);
    match reading.advice.as_slice() {
        [advice] if reading.prose_lines == 0 => Some((act_of(advice)?, advice.when.clone())),
        _ => None,
    }
}

fn fate(past: &Past, rules: &[Rule], learning: &Learning, kept: &[BTreeSet<String>]) -> Fate {
    if let Some((act, when)) = claim(past, learning) {
        return judge(past, rules, act, &when);
    }
    let refuted = read(&learning.text, &past.words)
        .advice
        .iter()
        .filter_map(|line| Some(judge(past, rules, act_of(line)?, &line.when)))
        .find(|fate| fate.action == Action::Superseded || fate.action == Action::Dropped);
    if let Some(fate) = refuted {
        return Fate {
            action: Action::Dropped,
            why: format!("one of its lines does not hold: {}", fate.why),
        };
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
    let record = Record::of(past, act, when);
    let followed = record.helped.len() + record.smooth.len();
    let fate = |action, why| Fate { action, why };
    let is_against = record.failed.len() >= LEAST_AGAINST || followed == 0;
    if is_against && record.failed.len() > followed {
        let all = count(followed + record.failed.len(), "session");
        let why = format!("followed in {all} and in vain in {}", record.failed.len());
        return fate(Action::Dropped, why);
    }
    if record.needless.len() >= LEAST_AGAINST && record.needless.len() > 2 * record.helped.len() {
        let without = count(record.needless.len(), "session");
        let why = format!("the tool went through without it in {without}");
        return fate(Action::Dropped, why);
    }
    let why = format!(
        "{} followed it and went through, {} in vain",
        count(followed, "session"),
        record.failed.len()
    );
    fate(Action::Kept, why)
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

/// The sessions that show something of an act, by what they show.
#[derive(Debug, Default)]
struct Record {
    /// The tool refused without it and went through with it.
    helped: BTreeSet<usize>,
    /// It alone was followed from the start, so that nobody saw whether it was needed.
    smooth: BTreeSet<usize>,
    /// It was followed in vain.
    failed: BTreeSet<usize>,
    /// The tool went through at once without it.
    needless: BTreeSet<usize>,
}

impl Record {
    fn of(past: &Past, act: Act, when: &[Condition]) -> Self {
        let mut record = Self::default();
        let helpers = past.helpers();
        let is_spoiling = match act {
            Act::With { .. } => silent::spoils(past, act, when),
            Act::Before { .. } | Act::Instead { .. } | Act::Avoid { .. } => false,
        };
        for (session, read) in past.sessions.iter().enumerate() {
            let meets = |it: &&PastThing| when.iter().all(|one| one.holds_of(&it.values));
            for thing in read.things.iter().filter(meets) {
                let side = match act {
                    Act::Before { first, tool } => record.of_helper((first, tool), &helpers, thing),
                    // A value that raises no error is judged by what the graders found, not by going through.
                    Act::With { .. } if silent::follows(act, thing) == Some(true) => {
                        Some(if is_spoiling {
                            &mut record.failed
                        } else {
                            &mut record.smooth
                        })
                    }
                    Act::With { .. } | Act::Instead { .. } | Act::Avoid { .. } => None,
                };
                side.map(|sessions| sessions.insert(session));
            }
        }
        record
    }

    /// What one entity shows of using `first` before `tool`: the first call behind it tells whether it was enough, the
    /// first call of all whether it was needed. Where other helpers had been used too, going through tells nothing.
    fn of_helper(
        &mut self,
        (first, tool): (usize, usize),
        helpers: &[usize],
        thing: &PastThing,
    ) -> Option<&mut BTreeSet<usize>> {
        let used = |at: usize| {
            let done = thing.steps[..at].iter().filter(|it| it.done);
            done.map(|it| it.tool)
                .filter(|it| helpers.contains(it) || *it == first)
        };
        let is_helped = |at: usize| used(at).any(|it| it == first);
        let calls: Vec<usize> = (0..thing.steps.len())
            .filter(|at| thing.steps[*at].tool == tool)
            .collect();
        let opening = *calls.first()?;
        if used(opening).next().is_none() && thing.steps[opening].done {
            return Some(&mut self.needless);
        }
        let place = calls.iter().position(|at| is_helped(*at))?;
        let behind = calls[place];
        if !thing.steps[behind].done {
            return Some(&mut self.failed);
        }
        let before: BTreeSet<usize> = match place.checked_sub(1) {
            Some(last) => used(calls[last]).collect(),
            None => BTreeSet::new(),
        };
        let is_alone = used(behind).all(|it| it == first || before.contains(&it));
        is_alone.then_some(if place == 0 {
            &mut self.smooth
        } else {
            &mut self.helped
        })
    }
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
