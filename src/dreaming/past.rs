//! What sessions show: who did what to which entity, and how that came out. Everything is numbered in the order it
//! was first seen, so that names never decide anything.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::domain::{
    session::Session,
    task::Entity,
    tool::{Argument, Attribute, Handbook, Role, Tool},
};

/// Fewest tools that say the same when done before the words are taken to say nothing.
const LEAST_HELPERS: usize = 3;

/// All sessions, and the words they use as a handbook a reader can be given.
#[derive(Debug, Clone)]
pub struct Past {
    /// Attributes, tools, arguments and roles as far as the sessions show them.
    pub words: Handbook,
    /// The sessions, in the order given.
    pub sessions: Vec<PastSession>,
    /// Criteria with the entity's name taken out, such as `keeps its tables`.
    pub criteria: Vec<String>,
}

/// One session, by numbers.
#[derive(Debug, Clone)]
pub struct PastSession {
    /// Its name.
    pub name: String,
    /// Its task.
    pub task: String,
    /// Index of the role.
    pub role: usize,
    /// Whether the task was completed; `None` where nobody said.
    pub completed: Option<bool>,
    /// What lay on the desk.
    pub things: Vec<PastThing>,
}

/// One entity of a session and all that was done to it.
#[derive(Debug, Clone)]
pub struct PastThing {
    /// Attribute values by index.
    pub values: Vec<Option<usize>>,
    /// Criteria about this entity: index and whether met.
    pub criteria: Vec<(usize, bool)>,
    /// The calls on it, in order.
    pub steps: Vec<PastStep>,
}

/// One call and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastStep {
    /// Index of the tool.
    pub tool: usize,
    /// Argument and value, by index.
    pub with: Vec<(usize, usize)>,
    /// Whether it was done.
    pub done: bool,
    /// What the tool said.
    pub said: String,
}

impl Past {
    /// Reads all sessions. Events of unknown type, and calls on nothing that lay on the desk, are passed over.
    pub fn read(sessions: &[Session]) -> Self {
        let mut past = Self {
            words: Handbook {
                kinds: Vec::new(),
                attributes: Vec::new(),
                facts: Vec::new(),
                tools: Vec::new(),
                policies: Vec::new(),
                roles: Vec::new(),
            },
            sessions: Vec::new(),
            criteria: Vec::new(),
        };
        for session in sessions {
            let read = past.read_session(session);
            past.sessions.push(read);
        }
        past
    }

    fn read_session(&mut self, session: &Session) -> PastSession {
        let start = &session.start;
        let role = self.role(&start.role);
        let things = start
            .setup
            .iter()
            .map(|entity| self.thing(entity, session))
            .collect();
        let mut read = PastSession {
            name: start.session.clone(),
            task: start.task.clone(),
            role,
            completed: session.outcome.as_ref().map(|it| it.completed),
            things,
        };
        let mut open: Vec<(&str, usize, PastStep)> = Vec::new();
        for event in &session.events {
            match event.get("type").and_then(Value::as_str) {
                Some("agent.tool_use") => {
                    if let Some((thing, step)) = self.tool_use(event, &start.setup) {
                        open.push((text(event, "id"), thing, step));
                    }
                }
                Some("agent.tool_result") => {
                    let id = text(event, "tool_use_id");
                    if let Some(at) = open.iter().position(|(call, ..)| *call == id) {
                        let (_, thing, mut step) = open.remove(at);
                        step.done = event.get("is_error").and_then(Value::as_bool) != Some(true);
                        step.said = text(event, "content").to_owned();
                        read.things[thing].steps.push(step);
                    }
                }
                _ => {}
            }
        }
        for thing in &mut read.things {
            drop_transient(&mut thing.steps);
        }
        read
    }

    fn thing(&mut self, entity: &Entity, session: &Session) -> PastThing {
        let mut values = Vec::new();
        for (name, value) in &entity.attributes {
            let attribute = self.attribute(name);
            let known = &mut self.words.attributes[attribute].values;
            let index = known.iter().position(|it| it == value).unwrap_or_else(|| {
                known.push(value.clone());
                known.len() - 1
            });
            if values.len() <= attribute {
                values.resize(attribute + 1, None);
            }
            values[attribute] = Some(index);
        }
        let told = session.outcome.iter().flat_map(|it| &it.criteria);
        let criteria = told
            .filter_map(|(name, met)| {
                let rest = name.strip_prefix(entity.name.as_str())?;
                Some((self.criterion(rest.trim()), *met))
            })
            .collect();
        PastThing {
            values,
            criteria,
            steps: Vec::new(),
        }
    }

    /// The entity is the argument that names one; every other text argument is a choice.
    fn tool_use(&mut self, event: &Value, setup: &[Entity]) -> Option<(usize, PastStep)> {
        let name = text(event, "name");
        let input = event.get("input")?.as_object()?;
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for (key, value) in input {
            match value {
                Value::String(word) => pairs.push((key, word)),
                Value::Array(list) => pairs.extend(
                    list.iter()
                        .filter_map(|it| Some((it.get(0)?.as_str()?, it.get(1)?.as_str()?))),
                ),
                _ => {}
            }
        }
        let at = pairs
            .iter()
            .position(|(_, word)| setup.iter().any(|it| it.name == *word))?;
        let (_, word) = pairs.remove(at);
        let thing = setup.iter().position(|it| it.name == word)?;
        let tool = self.tool(name);
        let with = pairs
            .into_iter()
            .map(|(key, word)| self.choice(tool, key, word))
            .collect();
        let step = PastStep {
            tool,
            with,
            done: false,
            said: String::new(),
        };
        Some((thing, step))
    }

    fn role(&mut self, name: &str) -> usize {
        let roles = &mut self.words.roles;
        roles
            .iter()
            .position(|role| role.name == name)
            .unwrap_or_else(|| {
                roles.push(Role {
                    name: name.to_owned(),
                    tools: Vec::new(),
                });
                roles.len() - 1
            })
    }

    fn attribute(&mut self, name: &str) -> usize {
        let attributes = &mut self.words.attributes;
        attributes
            .iter()
            .position(|it| it.name == name)
            .unwrap_or_else(|| {
                attributes.push(Attribute {
                    name: name.to_owned(),
                    values: Vec::new(),
                });
                attributes.len() - 1
            })
    }

    fn tool(&mut self, name: &str) -> usize {
        let tools = &mut self.words.tools;
        tools
            .iter()
            .position(|tool| tool.name == name)
            .unwrap_or_else(|| {
                tools.push(Tool {
                    name: name.to_owned(),
                    about: String::new(),
                    on: Vec::new(),
                    arguments: Vec::new(),
                    requires: Vec::new(),
                    gives: None,
                });
                tools.len() - 1
            })
    }

    fn choice(&mut self, tool: usize, key: &str, word: &str) -> (usize, usize) {
        let arguments = &mut self.words.tools[tool].arguments;
        let argument = arguments
            .iter()
            .position(|it| it.name == key)
            .unwrap_or_else(|| {
                arguments.push(Argument {
                    name: key.to_owned(),
                    values: Vec::new(),
                });
                arguments.len() - 1
            });
        let values = &mut arguments[argument].values;
        let value = values.iter().position(|it| it == word).unwrap_or_else(|| {
            values.push(word.to_owned());
            values.len() - 1
        });
        (argument, value)
    }

    fn criterion(&mut self, name: &str) -> usize {
        self.criteria
            .iter()
            .position(|it| it == name)
            .unwrap_or_else(|| {
                self.criteria.push(name.to_owned());
                self.criteria.len() - 1
            })
    }

    /// What each tool says when it is done, by tool: tools that say the same reach the same.
    pub fn results(&self) -> Vec<Option<String>> {
        let mut results = vec![None; self.words.tools.len()];
        let things = self.sessions.iter().flat_map(|session| &session.things);
        for step in things
            .flat_map(|thing| &thing.steps)
            .filter(|step| step.done)
        {
            results[step.tool].get_or_insert_with(|| step.said.clone());
        }
        results
    }

    /// Tools that say nothing but that they are done: the words most tools share, and at least three do.
    pub fn helpers(&self) -> Vec<usize> {
        let results = self.results();
        let saying = |said: &Option<String>| results.iter().filter(|it| *it == said).count();
        let most = results
            .iter()
            .filter(|it| it.is_some())
            .map(saying)
            .max()
            .unwrap_or(0);
        (0..results.len())
            .filter(|tool| results[*tool].is_some() && saying(&results[*tool]) == most)
            .filter(|_| most >= LEAST_HELPERS)
            .collect()
    }

    /// Sessions and distinct tasks among some session numbers.
    pub fn spread(&self, sessions: &BTreeSet<usize>) -> (u32, u32) {
        let tasks: BTreeSet<&str> = sessions
            .iter()
            .map(|index| self.sessions[*index].task.as_str())
            .collect();
        (small(sessions.len()), small(tasks.len()))
    }
}

/// A failed call followed by the very same call, done, was bad luck and teaches nothing.
fn drop_transient(steps: &mut Vec<PastStep>) {
    let mut at = 0;
    while at + 1 < steps.len() {
        let (this, next) = (&steps[at], &steps[at + 1]);
        if !this.done && this.tool == next.tool && this.with == next.with && this.said != next.said
        {
            steps.remove(at);
        } else {
            at += 1;
        }
    }
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A count that fits, or the largest that does.
pub fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
