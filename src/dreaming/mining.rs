//! Error → recovery mining: what got past a refusal, and under which visible condition that was needed.

use std::collections::BTreeSet;

use crate::{
    domain::{
        advice::conditions_in,
        tool::{Condition, Handbook},
    },
    dreaming::{
        past::{Past, PastStep, PastThing},
        rules::{Act, Origin, Rule},
    },
    statistics::fisher_greater,
};

/// Fewest sessions that make a rule, and fewest distinct tasks among them.
const LEAST_SESSIONS: usize = 3;
const LEAST_TASKS: u32 = 2;
/// Largest chance of a condition separating as well as it does by luck alone.
const LUCK: f64 = 0.01;
/// Smallest share of a condition's cases that must speak for the rule, in percent.
const PURITY: usize = 85;

/// One case in which an act was seen to be needed, not needed, or not enough.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// The session, by number.
    pub session: usize,
    /// The desk.
    pub role: usize,
    /// The entity's attribute values.
    pub values: &'a [Option<usize>],
    /// Whether it speaks for the act.
    pub speaks_for: bool,
    /// Conditions the refusal itself named.
    pub named: Vec<Condition>,
}

/// Every rule the refusals of these sessions teach, in the order their acts were first seen.
pub fn recoveries(past: &Past) -> Vec<Rule> {
    let uses = uses(past);
    let mut acts: Vec<Act> = Vec::new();
    for act in uses.iter().filter_map(|it| it.recovered_by) {
        if !acts.contains(&act) {
            acts.push(act);
        }
    }
    let mut rules = Vec::new();
    for act in acts {
        let cases: Vec<Case<'_>> = uses.iter().filter_map(|it| it.case_for(act)).collect();
        rules.extend(induce(past, act, cases));
    }
    rules
}

/// One tool's whole story on one entity: its refusals, and how it went through, if it did.
#[derive(Debug, Clone)]
struct Use<'a> {
    session: usize,
    role: usize,
    values: &'a [Option<usize>],
    tool: usize,
    refusals: Vec<Try<'a>>,
    done: Option<Try<'a>>,
    recovered_by: Option<Act>,
    named: Vec<Condition>,
}

/// A call with the helpers that had been used before it.
#[derive(Debug, Clone)]
struct Try<'a> {
    with: &'a [(usize, usize)],
    helped_by: BTreeSet<usize>,
}

fn uses(past: &Past) -> Vec<Use<'_>> {
    let results = past.results();
    let mut uses = Vec::new();
    for (session, read) in past.sessions.iter().enumerate() {
        for thing in &read.things {
            uses.extend(uses_of(&past.words, &results, (session, read.role), thing));
        }
    }
    uses
}

fn uses_of<'a>(
    words: &Handbook,
    results: &[Option<String>],
    (session, role): (usize, usize),
    thing: &'a PastThing,
) -> Vec<Use<'a>> {
    let mut uses: Vec<Use<'a>> = Vec::new();
    let mut used: BTreeSet<usize> = BTreeSet::new();
    for step in &thing.steps {
        let at = uses
            .iter()
            .position(|it| it.tool == step.tool && it.done.is_none());
        let this = Try {
            with: &step.with,
            helped_by: used.clone(),
        };
        let at = at.unwrap_or_else(|| {
            uses.push(Use {
                session,
                role,
                values: &thing.values,
                tool: step.tool,
                refusals: Vec::new(),
                done: None,
                recovered_by: None,
                named: Vec::new(),
            });
            uses.len() - 1
        });
        if step.done {
            uses[at].recovered_by = recovery(&uses[at], &this);
            uses[at].done = Some(this);
            used.insert(step.tool);
            credit_alternative(&mut uses, results, step);
        } else {
            uses[at].named = conditions_in(&step.said, words);
            uses[at].refusals.push(this);
        }
    }
    uses
}

/// What changed between the last refusal and the success, where exactly one thing did.
fn recovery(of: &Use<'_>, success: &Try<'_>) -> Option<Act> {
    let last = of.refusals.last()?;
    let helpers: Vec<usize> = success
        .helped_by
        .difference(&last.helped_by)
        .copied()
        .collect();
    let values: Vec<(usize, usize)> = success
        .with
        .iter()
        .filter(|it| !last.with.contains(it))
        .copied()
        .collect();
    match (helpers.as_slice(), values.as_slice()) {
        ([first], []) => Some(Act::Before {
            first: *first,
            tool: of.tool,
        }),
        ([], [(argument, value)]) => Some(Act::With {
            tool: of.tool,
            argument: *argument,
            value: *value,
        }),
        _ => None,
    }
}

/// A tool that went through where another, which says the same when done, had been refused to the end.
fn credit_alternative(uses: &mut [Use<'_>], results: &[Option<String>], step: &PastStep) {
    let said = results[step.tool].as_deref();
    for open in uses.iter_mut() {
        let reaches_same = open.tool != step.tool && results[open.tool].as_deref() == said;
        if reaches_same && open.done.is_none() && !open.refusals.is_empty() {
            open.recovered_by = Some(Act::Instead {
                tool: open.tool,
                other: step.tool,
            });
        }
    }
}

impl<'a> Use<'a> {
    /// What this story says of an act; `None` where it says nothing.
    fn case_for(&self, act: Act) -> Option<Case<'a>> {
        if self.tool != act.tool() {
            return None;
        }
        let has = |it: &Try<'_>| match act {
            Act::Before { first, .. } => it.helped_by.contains(&first),
            Act::With {
                argument, value, ..
            } => it.with.contains(&(argument, value)),
            Act::Instead { .. } | Act::Avoid { .. } => false,
        };
        let speaks_for = if self.recovered_by == Some(act) {
            true
        } else if self.refusals.iter().any(has) {
            false
        } else {
            match &self.done {
                Some(done) if has(done) => return None,
                Some(_) => false,
                None => return None,
            }
        };
        Some(Case {
            session: self.session,
            role: self.role,
            values: self.values,
            speaks_for,
            named: self.named.clone(),
        })
    }
}

/// The conditions under which an act is needed: what the refusals name, else the smallest visible condition that
/// separates its cases; covered cases are taken out and the rest is looked at again.
fn induce(past: &Past, act: Act, mut cases: Vec<Case<'_>>) -> Vec<Rule> {
    let mut rules = Vec::new();
    while let Some((role, when)) = best_condition(past, &cases) {
        let covers = |case: &Case<'_>| {
            role.is_none_or(|it| it == case.role) && when.iter().all(|it| it.holds_of(case.values))
        };
        let (inside, outside): (Vec<_>, Vec<_>) = cases.into_iter().partition(covers);
        let (sessions, against) = split(&inside);
        rules.push(Rule {
            role,
            when,
            act,
            sessions,
            against,
            origin: Origin::Recovery,
        });
        cases = outside;
    }
    rules
}

fn split(cases: &[Case<'_>]) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let numbers = |wanted: bool| {
        cases
            .iter()
            .filter(|it| it.speaks_for == wanted)
            .map(|it| it.session)
            .collect()
    };
    (numbers(true), numbers(false))
}

type Scope = (Option<usize>, Vec<Condition>);

/// The smallest scope that holds enough cases, nearly all of them for the act, and not by luck.
pub fn best_condition(past: &Past, cases: &[Case<'_>]) -> Option<Scope> {
    let is_enough = |inside: &[&Case<'_>]| {
        let sessions: BTreeSet<usize> = inside
            .iter()
            .filter(|it| it.speaks_for)
            .map(|it| it.session)
            .collect();
        let (count, tasks) = past.spread(&sessions);
        count as usize >= LEAST_SESSIONS && tasks >= LEAST_TASKS
    };
    let mut best: Option<(usize, usize, Scope)> = None;
    for (size, scope) in scopes(cases) {
        if best.as_ref().is_some_and(|(_, smaller, _)| *smaller < size) {
            break;
        }
        let inside: Vec<&Case<'_>> = cases.iter().filter(|it| covers(&scope, it)).collect();
        let for_it = inside.iter().filter(|it| it.speaks_for).count();
        if for_it * 100 < inside.len() * PURITY || !is_enough(&inside) {
            continue;
        }
        let is_named = inside.iter().any(|it| it.speaks_for && it.named == scope.1);
        if !is_named && !is_beyond_luck(cases, &inside, for_it) {
            continue;
        }
        if best.as_ref().is_none_or(|(most, ..)| for_it > *most) {
            best = Some((for_it, size, scope));
        }
    }
    best.map(|(_, _, scope)| scope)
}

fn covers((role, when): &Scope, case: &Case<'_>) -> bool {
    role.is_none_or(|it| it == case.role) && when.iter().all(|it| it.holds_of(case.values))
}

fn is_beyond_luck(cases: &[Case<'_>], inside: &[&Case<'_>], for_it: usize) -> bool {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let all_for = cases.iter().filter(|it| it.speaks_for).count();
    let against = inside.len() - for_it;
    let outside_for = all_for - for_it;
    let outside_against = cases.len() - inside.len() - outside_for;
    fisher_greater([
        [count(for_it), count(against)],
        [count(outside_for), count(outside_against)],
    ]) <= LUCK
}

/// Candidate scopes by size: one condition, one at one desk, two conditions.
fn scopes(cases: &[Case<'_>]) -> Vec<(usize, Scope)> {
    let mut single: BTreeSet<Condition> = BTreeSet::new();
    let mut roles: BTreeSet<usize> = BTreeSet::new();
    for case in cases.iter().filter(|it| it.speaks_for) {
        roles.insert(case.role);
        single.extend(
            case.values
                .iter()
                .enumerate()
                .filter_map(|(attribute, value)| {
                    Some(Condition {
                        attribute,
                        value: (*value)?,
                    })
                }),
        );
    }
    let mut scopes: Vec<(usize, Scope)> = Vec::new();
    scopes.extend(single.iter().map(|it| (1, (None, vec![*it]))));
    for role in &roles {
        scopes.extend(single.iter().map(|it| (2, (Some(*role), vec![*it]))));
    }
    for one in &single {
        let more = single.iter().filter(|it| it.attribute > one.attribute);
        scopes.extend(more.map(|it| (2, (None, vec![*one, *it]))));
    }
    scopes
}
