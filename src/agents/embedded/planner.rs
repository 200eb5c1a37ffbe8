//! The default policy: chains backward from what was asked over documented needs, and explores where a tool refuses.

use crate::{
    agents::embedded::{
        Spent,
        counsel::{Counsel, NEUTRAL},
    },
    domain::{
        advice::Order,
        tool::{Answer, Call, MOST_ARGUMENTS},
        trial::Stop,
    },
    draw::Key,
    environment::Desk,
};

/// Plays until all that was asked holds, nothing is left to try, or the budget is spent.
pub fn play(desk: &mut Desk, counsel: &mut Counsel<'_>, key: Key) -> Stop {
    let mut planner = Planner {
        prior: key.word("planner"),
        desk,
        counsel,
    };
    for (entity, fact) in planner.desk.goals().to_vec() {
        match planner.achieve(entity, fact, 0) {
            Ok(true) => {}
            Ok(false) => return Stop::GaveUp,
            Err(spent) => return spent.into(),
        }
    }
    Stop::Finished
}

struct Planner<'d, 'c, 'm> {
    desk: &'d mut Desk,
    counsel: &'c mut Counsel<'m>,
    prior: Key,
}

/// Something to try after a refusal.
#[derive(Debug, Clone, Copy)]
enum Change {
    Value(usize, u8),
    First(usize),
}

type Tried = Result<bool, Spent>;

impl Planner<'_, '_, '_> {
    fn achieve(&mut self, entity: usize, fact: usize, depth: usize) -> Tried {
        if self.desk.holds(entity, fact) {
            return Ok(true);
        }
        if depth > self.desk.handbook().facts.len() {
            return Ok(false);
        }
        for tool in self.providers(entity, fact) {
            let mut is_ready = true;
            for need in self.desk.handbook().tools[tool].requires.clone() {
                is_ready = is_ready && self.achieve(entity, need, depth + 1)?;
            }
            if is_ready && self.perform(entity, tool)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tools of this role that give the fact, best first.
    fn providers(&self, entity: usize, fact: usize) -> Vec<usize> {
        let book = self.desk.handbook();
        let values = self.desk.values(entity);
        let kind = self.desk.kind(entity);
        let key = self
            .prior
            .word("provider")
            .number(entity as u64)
            .number(fact as u64);
        let mut ranked: Vec<(u32, u64, usize)> = book.roles[self.desk.role()]
            .tools
            .iter()
            .copied()
            .filter(|tool| book.tools[*tool].gives == Some(fact))
            .filter(|tool| book.tools[*tool].works_on(kind))
            .map(|tool| {
                (
                    self.counsel.of_tool(values, tool),
                    key.draw(tool as u64),
                    tool,
                )
            })
            .collect();
        ranked.sort_by_key(|(weight, prior, _)| (u32::MAX - weight, *prior));
        ranked.into_iter().map(|(_, _, tool)| tool).collect()
    }

    /// Uses a tool as advised, then looks for another way where it refuses.
    fn perform(&mut self, entity: usize, tool: usize) -> Tried {
        if let Some(first) = self.advised_first(entity, tool) {
            self.help(entity, first, (Order::Before, tool))?;
        }
        let chosen = self.choose_values(entity, tool);
        if self.attempt(entity, tool, chosen)? {
            return self.follow_up(entity, tool);
        }
        for change in self.changes(entity, tool, chosen) {
            let mut values = chosen;
            match change {
                Change::Value(argument, value) => values[argument] = value,
                Change::First(first) => {
                    if !self.help(entity, first, (Order::Before, tool))? {
                        continue;
                    }
                }
            }
            if self.attempt(entity, tool, values)? {
                return self.follow_up(entity, tool);
            }
        }
        Ok(false)
    }

    /// The best-advised tool to use first, where any advice outweighs silence.
    fn advised_first(&self, entity: usize, tool: usize) -> Option<usize> {
        let values = self.desk.values(entity);
        let key = self
            .prior
            .word("first")
            .number(entity as u64)
            .number(tool as u64);
        self.counsel
            .helpers(values, Order::Before, tool)
            .into_iter()
            .map(|first| (self.counsel.of_order(values, first, tool), first))
            .filter(|(weight, _)| *weight > NEUTRAL)
            .max_by_key(|(weight, first)| (*weight, key.draw(*first as u64)))
            .map(|(_, first)| first)
    }

    /// Makes a helping call once; `false` where it could not be done.
    fn help(&mut self, entity: usize, first: usize, why: (Order, usize)) -> Tried {
        if self.desk.was_used(entity, first) {
            return Ok(true);
        }
        let values = self.choose_values(entity, first);
        let is_done = self.attempt(entity, first, values)?;
        if is_done {
            let seen = self.desk.values(entity).to_vec();
            self.counsel.note(&seen, first, &values, Some(why));
        }
        Ok(is_done)
    }

    fn follow_up(&mut self, entity: usize, tool: usize) -> Tried {
        let seen = self.desk.values(entity).to_vec();
        for next in self.counsel.helpers(&seen, Order::After, tool) {
            self.help(entity, next, (Order::After, tool))?;
        }
        Ok(true)
    }

    /// A value for each argument: by weight, then by prior; what a policy forbids only where memory says so.
    fn choose_values(&self, entity: usize, tool: usize) -> [u8; MOST_ARGUMENTS] {
        let mut chosen = [0; MOST_ARGUMENTS];
        let arguments = self.desk.handbook().tools[tool].arguments.len();
        for (argument, value) in chosen.iter_mut().enumerate().take(arguments) {
            if let Some(best) = self.ranked_values(entity, tool, argument).first() {
                *value = *best;
            }
        }
        chosen
    }

    fn ranked_values(&self, entity: usize, tool: usize, argument: usize) -> Vec<u8> {
        let values = self.desk.values(entity);
        let key = self
            .prior
            .word("value")
            .number(entity as u64)
            .number(tool as u64)
            .number(argument as u64);
        let count = self.desk.handbook().tools[tool].arguments[argument]
            .values
            .len();
        let mut ranked: Vec<(u32, u64, u8)> = (0..u8::try_from(count).unwrap_or(u8::MAX))
            .map(|value| {
                let pair = (argument, usize::from(value));
                (
                    self.counsel.of_value(values, tool, pair),
                    key.draw(u64::from(value)),
                    value,
                )
            })
            .filter(|(weight, _, value)| {
                *weight > NEUTRAL || !self.is_forbidden(entity, tool, Some((argument, *value)))
            })
            .collect();
        ranked.sort_by_key(|(weight, prior, _)| (u32::MAX - weight, *prior));
        ranked.into_iter().map(|(_, _, value)| value).collect()
    }

    /// Whether a documented policy forbids the tool outright (`None`) or with this argument value.
    fn is_forbidden(&self, entity: usize, tool: usize, with: Option<(usize, u8)>) -> bool {
        self.desk.handbook().policies.iter().any(|policy| {
            policy.tool == tool
                && policy.with == with.map(|(argument, value)| (argument, usize::from(value)))
                && policy
                    .when
                    .iter()
                    .all(|it| it.holds_of(self.desk.values(entity)))
        })
    }

    /// Everything else the handbook offers against a refusal, most promising first.
    fn changes(&self, entity: usize, tool: usize, chosen: [u8; MOST_ARGUMENTS]) -> Vec<Change> {
        let book = self.desk.handbook();
        let values = self.desk.values(entity);
        let key = self
            .prior
            .word("change")
            .number(entity as u64)
            .number(tool as u64);
        let mut ranked: Vec<(u32, u64, Change)> = Vec::new();
        for (argument, fixed) in (0..book.tools[tool].arguments.len()).zip(chosen) {
            for value in self.ranked_values(entity, tool, argument) {
                if value != fixed {
                    let pair = (argument, usize::from(value));
                    let weight = self.counsel.of_value(values, tool, pair);
                    let prior = key.number(argument as u64).draw(u64::from(value));
                    ranked.push((weight, prior, Change::Value(argument, value)));
                }
            }
        }
        for first in book.roles[self.desk.role()].tools.iter().copied() {
            let is_open = book.tools[first].is_helper()
                && book.tools[first].works_on(self.desk.kind(entity))
                && !self.desk.was_used(entity, first);
            let weight = self.counsel.of_order(values, first, tool);
            if is_open && (weight > NEUTRAL || !self.is_forbidden(entity, first, None)) {
                ranked.push((
                    weight,
                    key.word("help").draw(first as u64),
                    Change::First(first),
                ));
            }
        }
        ranked.sort_by_key(|(weight, prior, _)| (u32::MAX - weight, *prior));
        ranked.into_iter().map(|(_, _, change)| change).collect()
    }

    /// Makes a call, and once more where the service was busy.
    fn attempt(&mut self, entity: usize, tool: usize, values: [u8; MOST_ARGUMENTS]) -> Tried {
        let call = Call {
            tool,
            entity,
            values,
        };
        let mut answer = self.desk.call(call).ok_or(Spent)?;
        if answer == Answer::Busy {
            answer = self.desk.call(call).ok_or(Spent)?;
        }
        if answer == Answer::Done {
            let seen = self.desk.values(entity).to_vec();
            self.counsel.note(&seen, tool, &values, None);
        }
        Ok(answer == Answer::Done)
    }
}
