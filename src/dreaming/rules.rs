//! A rule: condition → remedy, with the sessions that speak for and against it.

use std::collections::BTreeSet;

use crate::domain::tool::{Condition, Handbook};

/// What the dreamer holds to be true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The only desk it was seen to hold at, where it was seen not to hold at another.
    pub role: Option<usize>,
    /// What must be visible of the entity.
    pub when: Vec<Condition>,
    /// What to do.
    pub act: Act,
    /// Sessions that show it, by number.
    pub sessions: BTreeSet<usize>,
    /// Sessions that speak against it.
    pub against: BTreeSet<usize>,
    /// Where it comes from.
    pub origin: Origin,
}

/// What a rule tells an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Give `argument` of `tool` this value.
    With {
        /// The tool.
        tool: usize,
        /// Its argument.
        argument: usize,
        /// The value.
        value: usize,
    },
    /// Use `first` before `tool`.
    Before {
        /// The helper.
        first: usize,
        /// The tool it helps.
        tool: usize,
    },
    /// Use `other` where one would use `tool`.
    Instead {
        /// The tool that refuses.
        tool: usize,
        /// The tool that does not.
        other: usize,
    },
    /// Keep from `tool`.
    Avoid {
        /// The tool that spoils something.
        tool: usize,
    },
}

/// Where a rule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A refusal, and what got past it.
    Recovery,
    /// Completed work against spoiled work.
    Contrast,
}

impl Act {
    /// The tool whose use the rule is about.
    pub fn tool(self) -> usize {
        match self {
            Act::With { tool, .. }
            | Act::Before { tool, .. }
            | Act::Instead { tool, .. }
            | Act::Avoid { tool } => tool,
        }
    }
}

impl Rule {
    /// The rule in the controlled phrasing.
    pub fn line(&self, words: &Handbook) -> String {
        let name = |tool: usize| words.tools[tool].name.as_str();
        let action = match self.act {
            Act::With {
                tool,
                argument,
                value,
            } => {
                let argument = &words.tools[tool].arguments[argument];
                format!(
                    "do {} with {}={}",
                    name(tool),
                    argument.name,
                    argument.values[value]
                )
            }
            Act::Before { first, tool } => format!("do {} before {}", name(first), name(tool)),
            Act::Instead { other, .. } => format!("do {}", name(other)),
            Act::Avoid { tool } => format!("avoid {}", name(tool)),
        };
        if self.when.is_empty() {
            return format!("Always {action}");
        }
        let when: Vec<String> = self.when.iter().map(|it| words.say(*it)).collect();
        format!("When {}, {action}", when.join(" and "))
    }
}
