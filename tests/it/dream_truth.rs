//! A dream held against its world: which quirks that practice met it found, and which of its rules are true.

use std::collections::BTreeMap;

use dreameval::{
    domain::{
        advice::{Advice, Stance, read},
        dream::{Action, Dream},
        memory::{Learning, Store},
        session::Session,
        tool::Condition,
        world::{Quirk, Visibility, World},
    },
    formats::memory::learnings,
};
use serde_json::Value;

/// Right ones among all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Right ones.
    pub right: usize,
    /// All of them.
    pub all: usize,
}

impl Share {
    /// Counts one more.
    pub fn count(&mut self, is_right: bool) {
        self.right += usize::from(is_right);
        self.all += 1;
    }

    /// Right over all in percent; 100 where there are none.
    pub fn percent(self) -> f64 {
        100.0 * self.right as f64 / self.all.max(1) as f64
    }
}

/// How well some dreams did.
#[derive(Debug, Clone, Default)]
pub struct Quality {
    /// Quirks met in practice, and those stated, by visibility.
    pub recall: BTreeMap<Visibility, Share>,
    /// Rules added, and those true.
    pub added: Share,
    /// Everything in the new store that advises anything, and what of it is true.
    pub whole: Share,
    /// Rules that are not true, and quirks that were missed, in words.
    pub faults: Vec<String>,
}

impl Quality {
    /// Adds one dream.
    pub fn count(&mut self, world: &World, sessions: &[Session], dream: &Dream) {
        let stated = statements(&dream.store, world);
        for (quirk, truth) in world.quirks.iter().zip(truths(world)) {
            if is_met(quirk, world, sessions) {
                let is_found = stated.iter().any(|it| it.says(&truth));
                self.recall
                    .entry(quirk.visibility)
                    .or_default()
                    .count(is_found);
                if !is_found {
                    self.faults.push(format!("missed {}", quirk.id));
                }
            }
        }
        let added: Vec<&str> = dream
            .changes
            .iter()
            .filter(|it| it.action == Action::Added)
            .map(|it| it.path.as_str())
            .collect();
        for statement in stated.iter().filter(|it| !it.advice.is_empty()) {
            let is_true = statement.is_true(world);
            self.whole.count(is_true);
            if added.contains(&statement.learning.source.path.as_str()) {
                self.added.count(is_true);
            }
            if !is_true {
                let text = statement.learning.text.trim();
                self.faults.push(format!(
                    "untrue: {text} {:?} ({})",
                    statement.roles, statement.learning.source.path
                ));
            }
        }
    }
}

/// A learning with what it says.
pub struct Statement {
    /// The learning.
    pub learning: Learning,
    /// Its lines in the controlled phrasing.
    pub advice: Vec<Advice>,
    /// The desks it is meant for; empty means all.
    pub roles: Vec<String>,
}

/// What every learning of a store says.
pub fn statements(store: &Store, world: &World) -> Vec<Statement> {
    learnings(store)
        .learnings
        .into_iter()
        .map(|learning| {
            let reading = read(&learning.text, &world.handbook);
            let roles = reading
                .roles
                .into_iter()
                .chain(learning.roles.iter().cloned())
                .collect();
            Statement {
                advice: reading.advice,
                roles,
                learning,
            }
        })
        .collect()
}

/// A true remedy as advice, with the only desk it is true at.
pub struct Truth {
    /// What to do and when.
    pub advice: Advice,
    /// The desk, where there is but one.
    pub role: Option<String>,
}

/// The true remedy of every quirk, in their order.
pub fn truths(world: &World) -> Vec<Truth> {
    let advice = |line: &str| read(line, &world.handbook).advice.remove(0);
    world
        .remedies()
        .into_iter()
        .map(|it| Truth {
            advice: advice(&it.line),
            role: it.role,
        })
        .collect()
}

impl Statement {
    /// Whether it states this remedy under its very condition, to everybody who needs it.
    pub fn says(&self, truth: &Truth) -> bool {
        self.advice.contains(&truth.advice)
            && (self.roles.is_empty()
                || truth.role.as_ref().is_none_or(|it| self.roles.contains(it)))
    }

    /// Whether each of its lines mends a quirk wherever its condition holds, or keeps from damage.
    pub fn is_true(&self, world: &World) -> bool {
        self.advice.iter().all(|line| {
            let mends = truths(world).iter().any(|truth| {
                has_same_act(line, &truth.advice)
                    && includes(&line.when, &truth.advice.when)
                    && truth
                        .role
                        .as_ref()
                        .is_none_or(|it| self.roles == [it.clone()])
            });
            let keeps_off = line.stance == Stance::Avoid
                && world
                    .hazards
                    .iter()
                    .any(|it| it.tool == line.tool && includes(&line.when, &it.when));
            mends || keeps_off
        })
    }
}

/// Whether two lines say to do the same thing, whatever their conditions.
fn has_same_act(one: &Advice, other: &Advice) -> bool {
    (one.stance, one.tool, &one.with, one.order)
        == (other.stance, other.tool, &other.with, other.order)
}

fn includes(when: &[Condition], needed: &[Condition]) -> bool {
    needed.iter().all(|it| when.contains(it))
}

/// Whether some session called the quirk's tool where it sits.
pub fn is_met(quirk: &Quirk, world: &World, sessions: &[Session]) -> bool {
    let book = &world.handbook;
    let tool = &book.tools[quirk.tool].name;
    let role = quirk.role.map(|it| &book.roles[it].name);
    sessions
        .iter()
        .filter(|it| role.is_none_or(|role| *role == it.start.role))
        .any(|session| {
            session.start.setup.iter().any(|entity| {
                let has = |it: &Condition| {
                    let attribute = &book.attributes[it.attribute];
                    entity
                        .attributes
                        .contains(&(attribute.name.clone(), attribute.values[it.value].clone()))
                };
                quirk.when.iter().all(has)
                    && session.events.iter().any(|event| {
                        event.get("type").and_then(Value::as_str) == Some("agent.tool_use")
                            && event["name"] == tool.as_str()
                            && event["input"]["on"] == entity.name.as_str()
                    })
            })
        })
}
