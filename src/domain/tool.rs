//! What an agent may read of a desk: kinds, attributes, tools with their documented needs, and policies.

use serde::{Deserialize, Serialize};

/// The documented side of a world. Everything is referred to by its index, in the order it was declared, so that
/// renaming a thing changes nothing but its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handbook {
    /// Kinds of entity, such as `document`.
    pub kinds: Vec<String>,
    /// Visible attributes of entities and the values they can take.
    pub attributes: Vec<Attribute>,
    /// Facts that can come to hold of an entity, such as `exported`.
    pub facts: Vec<String>,
    /// The tools, in the order of the handbook.
    pub tools: Vec<Tool>,
    /// What is forbidden, in words and as a rule.
    pub policies: Vec<Policy>,
    /// The specialists and the tools each may use.
    pub roles: Vec<Role>,
}

/// A visible attribute of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// One word.
    pub name: String,
    /// Every value it can take, each one word.
    pub values: Vec<String>,
}

/// A tool and what its documentation says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// One word.
    pub name: String,
    /// One sentence, as the agent reads it.
    pub about: String,
    /// Kinds of entity it works on; empty means all.
    pub on: Vec<usize>,
    /// Arguments besides the entity. Each must be given; any value is accepted by the documentation.
    pub arguments: Vec<Argument>,
    /// Facts the documentation asks for beforehand, of the same entity.
    pub requires: Vec<usize>,
    /// The fact it makes hold; `None` for a helper.
    pub gives: Option<usize>,
}

/// An argument with its closed list of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// One word.
    pub name: String,
    /// The documented values, each one word.
    pub values: Vec<String>,
}

/// A documented prohibition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The sentence every agent is shown.
    pub text: String,
    /// The tool whose use can breach it.
    pub tool: usize,
    /// Breached only with this argument value, where given: indices of argument and value.
    pub with: Option<(usize, usize)>,
    /// Breached only on entities of which all this holds.
    pub when: Vec<Condition>,
}

/// `attribute is value`, both by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Condition {
    /// Index into [`Handbook::attributes`].
    pub attribute: usize,
    /// Index into that attribute's values.
    pub value: usize,
}

/// A specialist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// One word, such as `kyc-screening`.
    pub name: String,
    /// Indices of the tools this role may use, in handbook order.
    pub tools: Vec<usize>,
}

/// The most arguments one tool can have.
pub const MOST_ARGUMENTS: usize = 3;

/// One use of a tool on one entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Call {
    /// Index into [`Handbook::tools`].
    pub tool: usize,
    /// Index of the entity in the brief's set-up.
    pub entity: usize,
    /// The value of each argument, by index; places beyond the tool's arguments are 0.
    pub values: [u8; MOST_ARGUMENTS],
}

/// What the desk answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The tool did its work, as far as it knows.
    Done,
    /// The tool refused; only the text of the answer says more.
    Refused,
    /// The service was busy; the same call may go through next time.
    Busy,
    /// A documented need is not met, or the tool is not for this role or kind.
    NotReady,
}

impl Handbook {
    /// The index of a tool, by name.
    pub fn tool(&self, name: &str) -> Option<usize> {
        self.tools.iter().position(|tool| tool.name == name)
    }

    /// The index of a fact, by name.
    pub fn fact(&self, name: &str) -> Option<usize> {
        self.facts.iter().position(|fact| fact == name)
    }

    /// The index of an attribute, by name.
    pub fn attribute(&self, name: &str) -> Option<usize> {
        self.attributes
            .iter()
            .position(|attribute| attribute.name == name)
    }

    /// The index of a role, by name.
    pub fn role(&self, name: &str) -> Option<usize> {
        self.roles.iter().position(|role| role.name == name)
    }

    /// `attribute is value` in words.
    pub fn say(&self, condition: Condition) -> String {
        self.attributes
            .get(condition.attribute)
            .and_then(|attribute| {
                let value = attribute.values.get(condition.value)?;
                Some(format!("{} is {value}", attribute.name))
            })
            .unwrap_or_default()
    }
}

impl Tool {
    /// Whether it works on entities of `kind`.
    pub fn works_on(&self, kind: usize) -> bool {
        self.on.is_empty() || self.on.contains(&kind)
    }

    /// Whether it gives no documented fact, so that only its side effects could matter.
    pub fn is_helper(&self) -> bool {
        self.gives.is_none()
    }
}

impl Policy {
    /// Whether `call` breaches this policy on an entity with these attribute values.
    pub fn is_breached_by(&self, call: &Call, values: &[Option<usize>]) -> bool {
        self.tool == call.tool
            && self
                .with
                .is_none_or(|(argument, value)| usize::from(call.values[argument]) == value)
            && self.when.iter().all(|it| it.holds_of(values))
    }
}

impl Condition {
    /// Whether it holds of an entity with these attribute values, `None` where it lacks the attribute.
    pub fn holds_of(self, values: &[Option<usize>]) -> bool {
        values.get(self.attribute).copied().flatten() == Some(self.value)
    }
}
