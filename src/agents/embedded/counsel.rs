//! What an embedded agent makes of its memory: weights on choices, and nothing else.

use crate::{
    agents::Given,
    domain::advice::{Advice, Order, Stance},
    environment::Desk,
};

/// The weight of a choice nobody spoke of. Advice multiplies it, `avoid` divides it.
pub const NEUTRAL: u32 = 64;

/// The advice an agent has read, and which of it was followed.
#[derive(Debug, Clone)]
pub struct Counsel<'a> {
    lines: Vec<Line<'a>>,
    surfaced: Vec<u16>,
    followed: Vec<bool>,
}

#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    learning: u16,
    factor: u32,
    advice: &'a Advice,
}

impl<'a> Counsel<'a> {
    /// Reads learnings in order until half the budget is spent; what is past that is never shown.
    pub fn read(memory: &[Given<'a>], desk: &mut Desk) -> Self {
        let mut counsel = Self {
            lines: Vec::new(),
            surfaced: Vec::new(),
            followed: vec![false; memory.len()],
        };
        let least_left = desk.words_left() / 2;
        for (index, given) in (0..).zip(memory) {
            let words = given.reading.words;
            if desk.words_left() < least_left + words || !desk.read(words) {
                break;
            }
            counsel.surfaced.push(index);
            let support = u32::try_from(given.learning.evidence.len().min(3)).unwrap_or(3);
            for advice in &given.reading.advice {
                let specificity = u32::try_from(advice.when.len().min(3)).unwrap_or(3);
                counsel.lines.push(Line {
                    learning: index,
                    factor: (2 + specificity) * (2 + support),
                    advice,
                });
            }
        }
        counsel
    }

    /// The learnings shown, by index.
    pub fn surfaced(&self) -> &[u16] {
        &self.surfaced
    }

    /// The learnings an action followed, by index.
    pub fn followed(&self) -> Vec<u16> {
        (0..)
            .zip(&self.followed)
            .filter(|(_, it)| **it)
            .map(|(index, _)| index)
            .collect()
    }

    /// The weight of using `tool` for the fact it gives.
    pub fn of_tool(&self, values: &[Option<usize>], tool: usize) -> u32 {
        self.weigh(values, |it| {
            it.tool == tool && it.with.is_empty() && it.order.is_none()
        })
    }

    /// The weight of giving `argument` of `tool` this value.
    pub fn of_value(&self, values: &[Option<usize>], tool: usize, pair: (usize, usize)) -> u32 {
        self.weigh(values, |it| it.tool == tool && it.with.contains(&pair))
    }

    /// The weight of using `first` on the entity before `tool`; [`NEUTRAL`] means nobody spoke of it.
    pub fn of_order(&self, values: &[Option<usize>], first: usize, tool: usize) -> u32 {
        self.weigh(values, |it| {
            it.tool == first
                && it.with.is_empty()
                && match it.order {
                    Some(order) => order == (Order::Before, tool),
                    None => it.stance == Stance::Avoid,
                }
        })
    }

    /// The tools somebody advises on the entity before (or after) `tool`, each once, in the order read.
    pub fn helpers(&self, values: &[Option<usize>], order: Order, tool: usize) -> Vec<usize> {
        let mut found = Vec::new();
        for line in self.lines_for(values) {
            let advice = line.advice;
            if advice.order == Some((order, tool))
                && advice.stance == Stance::Do
                && !found.contains(&advice.tool)
            {
                found.push(advice.tool);
            }
        }
        found
    }

    /// Notes that the agent used `tool` with these values, `ahead_of` another where that is why.
    pub fn note(
        &mut self,
        entity: &[Option<usize>],
        tool: usize,
        chosen: &[u8],
        ahead_of: Option<(Order, usize)>,
    ) {
        for line in &self.lines {
            let advice = line.advice;
            let is_agreeing = advice.tool == tool
                && advice.stance == Stance::Do
                && (advice.order.is_none() || advice.order == ahead_of)
                && advice.with.iter().all(|(argument, value)| {
                    chosen
                        .get(*argument)
                        .is_some_and(|it| usize::from(*it) == *value)
                })
                && advice.when.iter().all(|it| it.holds_of(entity));
            if is_agreeing {
                self.followed[usize::from(line.learning)] = true;
            }
        }
    }

    fn lines_for<'b>(&'b self, values: &'b [Option<usize>]) -> impl Iterator<Item = &'b Line<'a>> {
        self.lines
            .iter()
            .filter(|line| line.advice.when.iter().all(|it| it.holds_of(values)))
    }

    fn weigh(&self, values: &[Option<usize>], speaks: impl Fn(&Advice) -> bool) -> u32 {
        let (mut up, mut down) = (0_u32, 0_u32);
        for line in self.lines_for(values).filter(|line| speaks(line.advice)) {
            match line.advice.stance {
                Stance::Do => up = up.saturating_add(line.factor),
                Stance::Avoid => down = down.saturating_add(line.factor),
            }
        }
        NEUTRAL.saturating_mul(1 + up) / (1 + down)
    }
}
