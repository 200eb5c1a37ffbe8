//! A world as data: what the handbook says, and the quirks nobody wrote down.
//!
//! Played by `environment`; never named by `agents` or `dreaming`.

use serde::{Deserialize, Serialize};

use crate::{
    domain::tool::{Condition, Handbook},
    draw::Key,
};

/// A world with its hidden side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// The documented side.
    pub handbook: Handbook,
    /// Words for what silent corruption spoils, such as `tables`.
    pub qualities: Vec<String>,
    /// Undocumented behaviour that has a remedy.
    pub quirks: Vec<Quirk>,
    /// Helpers that quietly spoil something where used on the wrong entity.
    pub hazards: Vec<Hazard>,
    /// Chance of a busy answer at a tool's first use on an entity, per thousand.
    pub busy_per_thousand: u32,
    /// Chance that a trial holds a fault nobody can mend, per thousand.
    pub lost_per_thousand: u32,
    /// Words of memory that cost as much as one step.
    pub words_per_step: u32,
    /// A forbidden tool after which nothing refuses on that entity: the shortcut a policy is there to stop.
    pub bypass: Option<usize>,
}

/// How a quirk shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// A clear error that names what was not accepted.
    Loud,
    /// A generic refusal.
    Vague,
    /// The call succeeds and the result is wrong.
    Silent,
}

/// `trigger → failure or silent corruption → remedy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quirk {
    /// Its name in the world file; agents never see it.
    pub id: String,
    /// How it shows.
    pub visibility: Visibility,
    /// The tool it sits at.
    pub tool: usize,
    /// Only at this desk, where given.
    pub role: Option<usize>,
    /// What must hold of the entity.
    pub when: Vec<Condition>,
    /// What makes the call good.
    pub remedy: Remedy,
    /// The text of the refusal; empty for a silent quirk.
    pub says: String,
    /// What a silent quirk spoils: index into [`World::qualities`].
    pub spoils: Option<usize>,
}

/// What makes a quirky call good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Remedy {
    /// Give this argument this value.
    With {
        /// Index of the argument.
        argument: usize,
        /// Index of the value.
        value: usize,
    },
    /// Use this tool on the entity first.
    Before {
        /// Index of the tool.
        tool: usize,
    },
    /// Use this tool, which gives the same fact.
    Instead {
        /// Index of the tool.
        tool: usize,
    },
}

/// A helper that spoils a quality of entities of which `when` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hazard {
    /// The helper.
    pub tool: usize,
    /// What must hold of the entity.
    pub when: Vec<Condition>,
    /// Index into [`World::qualities`].
    pub spoils: usize,
}

impl World {
    /// Another world of the same design: the seed permutes the values of every attribute, the helpers, the values of
    /// every argument and the tools that give the same fact, in the hidden side only. The handbook stays as it is.
    #[must_use]
    pub fn redrawn(&self, seed: u64) -> World {
        let key = Key::root(seed).word("world");
        let values: Vec<Vec<usize>> = (0_u64..)
            .zip(&self.handbook.attributes)
            .map(|(index, it)| {
                key.word("attribute")
                    .number(index)
                    .permutation(it.values.len())
            })
            .collect();
        let mut world = self.remedied_anew(key);
        let moved = |when: &mut Vec<Condition>| {
            for it in when {
                it.value = values[it.attribute][it.value];
            }
        };
        for quirk in &mut world.quirks {
            moved(&mut quirk.when);
        }
        for hazard in &mut world.hazards {
            moved(&mut hazard.when);
        }
        for quirk in &mut world.quirks {
            quirk.says = world.handbook.refusal(quirk);
        }
        world
    }

    /// The same triggers with their remedies permuted: helpers among helpers, values among values.
    #[must_use]
    pub fn remedied_anew(&self, key: Key) -> World {
        let tools = self.permuted_helpers(key.word("helpers"));
        let mut world = self.clone();
        for quirk in &mut world.quirks {
            let swapped = self.is_swapped(key, quirk.tool);
            quirk.remedy = match quirk.remedy {
                Remedy::Before { tool } => Remedy::Before { tool: tools[tool] },
                Remedy::With { argument, value } => {
                    let count = self.handbook.tools[quirk.tool].arguments[argument]
                        .values
                        .len();
                    let order = key
                        .word("argument")
                        .number(quirk.tool as u64)
                        .number(argument as u64)
                        .permutation(count);
                    Remedy::With {
                        argument,
                        value: order[value],
                    }
                }
                Remedy::Instead { tool } if swapped => {
                    let was = quirk.tool;
                    quirk.tool = tool;
                    Remedy::Instead { tool: was }
                }
                remedy @ Remedy::Instead { .. } => remedy,
            };
        }
        for hazard in &mut world.hazards {
            hazard.tool = tools[hazard.tool];
        }
        for quirk in &mut world.quirks {
            quirk.says = world.handbook.refusal(quirk);
        }
        world
    }

    /// Where each tool goes when helpers change places; other tools stay.
    fn permuted_helpers(&self, key: Key) -> Vec<usize> {
        let helpers: Vec<usize> = self
            .quirks
            .iter()
            .filter_map(|quirk| match quirk.remedy {
                Remedy::Before { tool } => Some(tool),
                Remedy::With { .. } | Remedy::Instead { .. } => None,
            })
            .chain(self.hazards.iter().map(|hazard| hazard.tool))
            .fold(Vec::new(), |mut seen, tool| {
                if !seen.contains(&tool) {
                    seen.push(tool);
                }
                seen
            });
        let order = key.permutation(helpers.len());
        let mut place: Vec<usize> = (0..self.handbook.tools.len()).collect();
        for (from, to) in order.into_iter().enumerate() {
            place[helpers[from]] = helpers[to];
        }
        place
    }

    /// Whether the tools that give the same fact as `tool` change places, in pairs.
    fn is_swapped(&self, key: Key, tool: usize) -> bool {
        let fact = self.handbook.tools[tool]
            .gives
            .map_or(u64::MAX, |it| it as u64);
        key.word("instead").number(fact).chance(0, 500)
    }

    /// The true remedies in the controlled phrasing, one line each, in the order of the quirks; for the arm `oracle`.
    pub fn remedies(&self) -> Vec<TrueRemedy> {
        let book = &self.handbook;
        self.quirks
            .iter()
            .map(|quirk| TrueRemedy {
                role: quirk.role.map(|role| book.roles[role].name.clone()),
                line: book.line(quirk.tool, &quirk.when, quirk.remedy),
            })
            .collect()
    }
}

/// A remedy in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrueRemedy {
    /// The only desk it is true at, where there is one.
    pub role: Option<String>,
    /// The sentence, in the controlled phrasing.
    pub line: String,
}

impl Handbook {
    /// A remedy in the controlled phrasing: `When format is wpd, do convert before open`.
    pub fn line(&self, tool: usize, when: &[Condition], remedy: Remedy) -> String {
        let conditions: Vec<String> = when.iter().map(|it| self.say(*it)).collect();
        let name = &self.tools[tool].name;
        let action = match remedy {
            Remedy::With { argument, value } => {
                let argument = &self.tools[tool].arguments[argument];
                format!("{name} with {}={}", argument.name, argument.values[value])
            }
            Remedy::Before { tool } => format!("{} before {name}", self.tools[tool].name),
            Remedy::Instead { tool } => self.tools[tool].name.clone(),
        };
        if conditions.is_empty() {
            return format!("Always do {action}");
        }
        format!("When {}, do {action}", conditions.join(" and "))
    }

    /// What a refusing tool says: loud quirks name what they did not accept, vague ones nothing.
    pub fn refusal(&self, quirk: &Quirk) -> String {
        let name = &self.tools[quirk.tool].name;
        let what: Vec<String> = quirk.when.iter().map(|it| self.say(*it)).collect();
        match quirk.visibility {
            Visibility::Loud => format!("{name}: not accepted where {}", what.join(" and ")),
            Visibility::Vague => format!("{name}: request rejected"),
            Visibility::Silent => String::new(),
        }
    }
}
