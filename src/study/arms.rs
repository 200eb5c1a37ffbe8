//! The stores of the control arms: documented facts as a placebo, true remedies as an oracle.

use crate::{
    domain::{
        advice::{Reading, count_words},
        memory::{Entry, Learning, Store},
        tool::Handbook,
        world::World,
    },
    formats::memory::{Playbook, render_playbook},
};

/// As much text as `learnings`, in the same form and under the same conditions, saying nothing that the handbook
/// does not say: one entry per learning, of as many words.
pub fn placebo(learnings: &[Learning], readings: &[Reading], world: &World) -> Store {
    let facts = Facts::of(&world.handbook);
    let entries = learnings
        .iter()
        .zip(readings)
        .enumerate()
        .map(|(index, (learning, reading))| Entry {
            path: format!("/placebo/{:03}.md", index + 1),
            text: render_playbook(&Playbook {
                name: format!("Handbook, fact {}", index + 1),
                description: String::new(),
                when: None,
                roles: reading.roles.clone(),
                evidence: learning.evidence.clone(),
                body: facts.restate(reading, index),
            }),
        })
        .collect();
    Store::new(entries)
}

/// The true remedies of a world, one playbook each: the ceiling.
pub fn oracle(world: &World) -> Store {
    let entries = world
        .remedies()
        .into_iter()
        .enumerate()
        .map(|(index, remedy)| Entry {
            path: format!("/oracle/{:03}.md", index + 1),
            text: render_playbook(&Playbook {
                name: format!("Remedy {}", index + 1),
                description: "true in this world".to_owned(),
                when: None,
                roles: remedy.role.into_iter().collect(),
                evidence: Vec::new(),
                body: format!("{}.\n", remedy.line),
            }),
        })
        .collect();
    Store::new(entries)
}

/// What a handbook documents, ready to be said again.
struct Facts<'a> {
    handbook: &'a Handbook,
    /// `do FIRST before TOOL`, where FIRST alone gives what TOOL requires.
    orders: Vec<(usize, usize)>,
    /// Tools that alone give their fact, so that preferring them changes nothing.
    sole: Vec<usize>,
    prose: Vec<&'a str>,
}

impl<'a> Facts<'a> {
    fn of(handbook: &'a Handbook) -> Self {
        let giving = |fact: usize| {
            let mut tools = (0..handbook.tools.len())
                .filter(move |tool| handbook.tools[*tool].gives == Some(fact));
            let first = tools.next();
            if tools.next().is_some() { None } else { first }
        };
        let tools = handbook.tools.iter().enumerate();
        let orders = tools
            .clone()
            .flat_map(|(tool, it)| {
                it.requires
                    .iter()
                    .filter_map(move |fact| Some((giving(*fact)?, tool)))
            })
            .collect();
        let sole = tools
            .filter(|(index, it)| it.gives.is_some_and(|fact| giving(fact) == Some(*index)))
            .map(|(index, _)| index)
            .collect();
        Self {
            handbook,
            orders,
            sole,
            prose: handbook
                .tools
                .iter()
                .flat_map(|it| it.about.split_whitespace())
                .collect(),
        }
    }

    /// A text of exactly as many words as the reading, with the same conditions.
    fn restate(&self, reading: &Reading, index: usize) -> String {
        let target = reading.words as usize;
        let mut lines: Vec<String> = Vec::new();
        let mut words = 0;
        for (at, advice) in reading.advice.iter().enumerate() {
            let when: Vec<String> = advice
                .when
                .iter()
                .map(|it| self.handbook.say(*it))
                .collect();
            let opening = if when.is_empty() {
                "Always".to_owned()
            } else {
                format!("When {},", when.join(" and "))
            };
            let line = [self.order(index + at), self.preference(index + at)]
                .into_iter()
                .flatten()
                .map(|fact| format!("{opening} {fact}."))
                .find(|line| words + count(line) <= target);
            if let Some(line) = line {
                words += count(&line);
                lines.push(line);
            }
        }
        if words < target && !self.prose.is_empty() {
            let from = index * 7 % self.prose.len();
            let padding: Vec<&str> = self
                .prose
                .iter()
                .cycle()
                .skip(from)
                .take(target - words)
                .copied()
                .collect();
            lines.push(padding.join(" "));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn order(&self, at: usize) -> Option<String> {
        let (first, tool) = *self.orders.get(at % self.orders.len().max(1))?;
        let name = |tool: usize| &self.handbook.tools[tool].name;
        Some(format!("do {} before {}", name(first), name(tool)))
    }

    fn preference(&self, at: usize) -> Option<String> {
        let tool = *self.sole.get(at % self.sole.len().max(1))?;
        Some(format!("do {}", self.handbook.tools[tool].name))
    }
}

fn count(line: &str) -> usize {
    count_words(line) as usize
}
