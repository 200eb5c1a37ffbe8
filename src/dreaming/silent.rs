//! Contrast mining for what never raises an error: choices after which the graders found something spoiled.

use std::collections::BTreeSet;

use crate::{
    domain::tool::Condition,
    dreaming::{
        past::{Past, PastThing},
        rules::{Act, Origin, Rule},
    },
    statistics::fisher_greater,
};

/// Largest chance of a contrast as strong by luck alone; many are looked at, so it is small.
const LUCK: f64 = 0.002;
/// Fewest spoiled cases and fewest kept cases a contrast must show.
const LEAST_CASES: u32 = 2;
/// Largest share of cases that may speak against a rule, in percent.
const IMPURITY: u32 = 15;

/// One entity in one session, and whether a criterion about it was met.
struct Case<'a> {
    session: usize,
    role: usize,
    thing: &'a PastThing,
    met: bool,
}

/// Every rule the criteria teach, strongest contrast first within each criterion.
pub fn contrasts(past: &Past) -> Vec<Rule> {
    let acts = candidates(past);
    let mut rules = Vec::new();
    for criterion in 0..past.criteria.len() {
        let mut cases = cases(past, criterion);
        while let Some(rule) = strongest(&acts, &cases) {
            cases.retain(|case| case.met || !explains(&rule, case));
            rules.push(rule);
        }
    }
    rules
}

/// Whether the work of those who follow an act under a condition is nearly always graded down for some quality, and
/// more so than other work of the same tool.
pub fn spoils(past: &Past, act: Act, when: &[Condition]) -> bool {
    let is_spoiled = |criterion: usize| {
        let (mut following, mut other) = ([0_u32; 2], [0_u32; 2]);
        let cases = cases(past, criterion);
        // Goals are unmet where nothing was done, and say nothing of how it was done; qualities are met there.
        let is_quality = cases
            .iter()
            .any(|it| it.met && it.thing.steps.iter().all(|step| !step.done));
        for case in &cases {
            let is_here = when.iter().all(|it| it.holds_of(&case.thing.values));
            match follows(act, case.thing) {
                Some(true) if is_here => following[usize::from(case.met)] += 1,
                Some(_) => other[usize::from(case.met)] += 1,
                None => {}
            }
        }
        let [unmet, met] = following;
        is_quality
            && unmet >= LEAST_CASES
            && met * 100 <= (met + unmet) * IMPURITY
            && fisher_greater([following, other]) <= LUCK
    };
    (0..past.criteria.len()).any(is_spoiled)
}

fn cases(past: &Past, criterion: usize) -> Vec<Case<'_>> {
    let mut cases = Vec::new();
    for (session, read) in past.sessions.iter().enumerate() {
        for thing in &read.things {
            cases.extend(
                thing
                    .criteria
                    .iter()
                    .filter(|(index, _)| *index == criterion)
                    .map(|(_, met)| Case {
                        session,
                        role: read.role,
                        thing,
                        met: *met,
                    }),
            );
        }
    }
    cases
}

/// Whether a spoiled case is one the rule would have prevented.
fn explains(rule: &Rule, case: &Case<'_>) -> bool {
    let is_here = rule.role.is_none_or(|it| it == case.role)
        && rule.when.iter().all(|it| it.holds_of(&case.thing.values));
    is_here && follows(rule.act, case.thing) == Some(false)
}

/// Whether the entity's work agrees with an act; `None` where the act had no bearing.
pub fn follows(act: Act, thing: &PastThing) -> Option<bool> {
    let done = |tool: usize| {
        thing
            .steps
            .iter()
            .rfind(|step| step.done && step.tool == tool)
    };
    match act {
        Act::With {
            tool,
            argument,
            value,
        } => done(tool).map(|step| step.with.contains(&(argument, value))),
        Act::Avoid { tool } => Some(done(tool).is_none()),
        Act::Before { .. } | Act::Instead { .. } => None,
    }
}

fn strongest(acts: &[Act], cases: &[Case<'_>]) -> Option<Rule> {
    let mut best: Option<(f64, Rule)> = None;
    for act in acts {
        for (role, when) in scopes(cases) {
            let Some((luck, rule)) = weigh(*act, (role, when), cases) else {
                continue;
            };
            if best.as_ref().is_none_or(|(least, _)| luck < *least) {
                best = Some((luck, rule));
            }
        }
    }
    best.map(|(_, rule)| rule)
}

/// Every choice of a value with a rival, and every helper.
fn candidates(past: &Past) -> Vec<Act> {
    let helpers = past.helpers();
    let mut acts = Vec::new();
    for (tool, known) in past.words.tools.iter().enumerate() {
        for (argument, it) in known
            .arguments
            .iter()
            .enumerate()
            .filter(|(_, it)| it.values.len() > 1)
        {
            acts.extend((0..it.values.len()).map(|value| Act::With {
                tool,
                argument,
                value,
            }));
        }
        if helpers.contains(&tool) {
            acts.push(Act::Avoid { tool });
        }
    }
    acts
}

type Scope = (Option<usize>, Vec<Condition>);

fn scopes(cases: &[Case<'_>]) -> Vec<Scope> {
    let mut single: BTreeSet<Condition> = BTreeSet::new();
    let mut roles: BTreeSet<usize> = BTreeSet::new();
    for case in cases.iter().filter(|it| !it.met) {
        roles.insert(case.role);
        single.extend(
            case.thing
                .values
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
    let desks: BTreeSet<usize> = cases.iter().map(|it| it.role).collect();
    let mut scopes: Vec<Scope> = single.iter().map(|it| (None, vec![*it])).collect();
    if desks.len() > 1 {
        for role in roles {
            scopes.extend(single.iter().map(|it| (Some(role), vec![*it])));
        }
    }
    scopes
}

/// The contrast of an act within a scope: its luck and the rule, where following it keeps and straying spoils.
fn weigh(act: Act, (role, when): Scope, cases: &[Case<'_>]) -> Option<(f64, Rule)> {
    let (mut kept, mut spoiled) = ([0_u32; 2], [0_u32; 2]);
    let mut rule = Rule {
        role,
        when,
        act,
        sessions: BTreeSet::new(),
        against: BTreeSet::new(),
        origin: Origin::Contrast,
    };
    for case in cases {
        let is_here = role.is_none_or(|it| it == case.role)
            && rule.when.iter().all(|it| it.holds_of(&case.thing.values));
        let Some(follows) = is_here.then(|| follows(act, case.thing)).flatten() else {
            continue;
        };
        let side = usize::from(!follows);
        if case.met {
            kept[side] += 1;
        } else {
            spoiled[side] += 1;
        }
        if follows == case.met {
            rule.sessions.insert(case.session);
        } else {
            rule.against.insert(case.session);
        }
    }
    let is_clean = spoiled[0] * 100 <= (kept[0] + spoiled[0]) * IMPURITY
        && kept[1] * 100 <= (kept[1] + spoiled[1]) * IMPURITY;
    if kept[0] < LEAST_CASES || spoiled[1] < LEAST_CASES || !is_clean {
        return None;
    }
    let luck = fisher_greater([[kept[0], spoiled[0]], [kept[1], spoiled[1]]]);
    (luck <= LUCK).then_some((luck, rule))
}
