//! A brief laid out on a desk: entities by index, and which quirks each of them would meet.

use std::sync::Arc;

use crate::{
    domain::{
        task::{Brief, Entity},
        tool::Handbook,
        world::{Quirk, World},
    },
    error::{Error, Result, did_you_mean},
};

/// Everything about a task's start that does not change from trial to trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    pub(super) world: Arc<World>,
    pub(super) role: usize,
    pub(super) things: Vec<Thing>,
    pub(super) goals: Vec<(usize, usize)>,
    pub(super) steps: u32,
    /// Indices of the quirks that sit at a tool for an entity, at `entity * tools + tool`.
    quirks: Vec<Vec<usize>>,
}

/// An entity as the desk holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// Its name.
    pub name: String,
    /// Index of its kind.
    pub kind: usize,
    /// The value of each attribute, by index; `None` where it has no such attribute.
    pub values: Vec<Option<usize>>,
}

impl Thing {
    fn of(entity: &Entity, book: &Handbook) -> Result<Self> {
        let kind = book
            .kinds
            .iter()
            .position(|kind| *kind == entity.kind)
            .ok_or_else(|| unknown("kind", &entity.kind, book.kinds.iter().map(String::as_str)))?;
        let mut values = vec![None; book.attributes.len()];
        for (name, value) in &entity.attributes {
            let attribute = book.attribute(name).ok_or_else(|| {
                let known = book.attributes.iter().map(|it| it.name.as_str());
                unknown("attribute", name, known)
            })?;
            let known = &book.attributes[attribute].values;
            let value = known.iter().position(|it| it == value).ok_or_else(|| {
                let what = format!("value of `{name}`");
                unknown(&what, value, known.iter().map(String::as_str))
            })?;
            values[attribute] = Some(value);
        }
        Ok(Self {
            name: entity.name.clone(),
            kind,
            values,
        })
    }
}

impl Scene {
    /// Lays out a brief.
    ///
    /// # Errors
    /// The brief names a role, kind, attribute, value, entity or fact the world does not have.
    pub fn new(world: &Arc<World>, brief: &Brief) -> Result<Self> {
        let book = &world.handbook;
        let role = book.role(&brief.role).ok_or_else(|| {
            unknown(
                "role",
                &brief.role,
                book.roles.iter().map(|it| it.name.as_str()),
            )
        })?;
        let things = brief
            .setup
            .iter()
            .map(|entity| Thing::of(entity, book))
            .collect::<Result<Vec<Thing>>>()?;
        let mut goals = Vec::new();
        for ask in &brief.asks {
            let entity = things
                .iter()
                .position(|it| it.name == ask.of)
                .ok_or_else(|| {
                    unknown("entity", &ask.of, things.iter().map(|it| it.name.as_str()))
                })?;
            let fact = book
                .fact(&ask.is)
                .ok_or_else(|| unknown("fact", &ask.is, book.facts.iter().map(String::as_str)))?;
            goals.push((entity, fact));
        }
        let mut scene = Self {
            world: Arc::clone(world),
            role,
            things,
            goals,
            steps: brief.limits.steps,
            quirks: Vec::new(),
        };
        scene.quirks = scene.lay_quirks();
        Ok(scene)
    }

    fn lay_quirks(&self) -> Vec<Vec<usize>> {
        let tools = self.world.handbook.tools.len();
        let mut laid = vec![Vec::new(); self.things.len() * tools];
        for (index, quirk) in self.world.quirks.iter().enumerate() {
            for (entity, thing) in self.things.iter().enumerate() {
                if quirk.role.is_none_or(|role| role == self.role)
                    && quirk.when.iter().all(|it| it.holds_of(&thing.values))
                {
                    laid[entity * tools + quirk.tool].push(index);
                }
            }
        }
        laid
    }

    /// The quirks at `tool` for `entity`.
    pub(super) fn quirks_at(&self, entity: usize, tool: usize) -> impl Iterator<Item = &Quirk> {
        let at = entity * self.world.handbook.tools.len() + tool;
        self.quirks[at]
            .iter()
            .map(|index| &self.world.quirks[*index])
    }

    /// The attribute values of every entity, visible before any trial.
    pub fn visible(&self) -> Vec<Vec<Option<usize>>> {
        self.things
            .iter()
            .map(|thing| thing.values.clone())
            .collect()
    }

    /// The same scene with another step budget.
    #[must_use]
    pub fn with_steps(&self, steps: u32) -> Self {
        Self {
            steps,
            ..self.clone()
        }
    }
}

fn unknown<'a>(what: &str, word: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
    Error::input(format!("the world has no {what} `{word}`"))
        .mend(did_you_mean(word, "it has", known))
}
