//! Whether a task fits the setting it happens in: every role, kind, attribute, fact and grader is one it has.

use crate::{
    domain::{
        suite::Setting,
        task::{Brief, Entity, Grader, INTACT},
        world::World,
    },
    error::{count, did_you_mean},
    formats::{
        shape::{Located, Shape},
        tasks::Frame,
    },
};

/// Entities one brief can set up.
const MOST_ENTITIES: usize = 16;

fn world_of<'a>(frame: &Frame<'a>) -> Option<&'a World> {
    match frame.setting? {
        Setting::World(world) => Some(world),
        Setting::None | Setting::Workspace { .. } => None,
    }
}

/// The role is one of the suite's; work in a world is always done in one.
pub fn check_role(shape: &Shape<'_>, role: Option<&(usize, String)>, id: &str, frame: &Frame<'_>) {
    let known = frame.roles.iter().map(String::as_str);
    match role {
        Some((at, role)) if !frame.roles.contains(role) => shape.teach(
            *at,
            format!("the suite has no role `{role}`"),
            did_you_mean(role, "roles", known),
        ),
        None if world_of(frame).is_some() => shape.teach(
            shape.at(),
            format!("task `{id}` lacks `role`"),
            did_you_mean("", "roles", known),
        ),
        Some(_) | None => {}
    }
}

/// The kind of an entity is one of the world's.
pub fn check_kind(table: &Shape<'_>, kind: &Located<String>, frame: &Frame<'_>) {
    let Some(world) = world_of(frame) else {
        return;
    };
    if !world.handbook.kinds.contains(&kind.value) {
        let known = world.handbook.kinds.iter().map(String::as_str);
        table.teach(
            kind.at,
            format!("the world has no kind `{}`", kind.value),
            did_you_mean(&kind.value, "kinds", known),
        );
    }
}

/// An attribute of an entity, and its value, are the world's.
pub fn check_attribute(
    entry: &Shape<'_>,
    key: &Located<String>,
    (at, value): (usize, &str),
    frame: &Frame<'_>,
) {
    let Some(world) = world_of(frame) else {
        return;
    };
    let book = &world.handbook;
    let Some(attribute) = book.attribute(&key.value) else {
        let known = book.attributes.iter().map(|it| it.name.as_str());
        entry.teach(
            key.at,
            format!("the world has no attribute `{}`", key.value),
            did_you_mean(&key.value, "attributes", known),
        );
        return;
    };
    let known = &book.attributes[attribute].values;
    if !known.iter().any(|it| it == value) {
        entry.teach(
            at,
            format!("attribute `{}` has no value `{value}`", key.value),
            did_you_mean(value, "values", known.iter().map(String::as_str)),
        );
    }
}

/// What a brief asks for can come to hold of what lies on the desk.
pub fn check_asks(shape: &Shape<'_>, brief: &Brief, id: &str, frame: &Frame<'_>) {
    let Some(world) = world_of(frame) else {
        return;
    };
    if brief.asks.is_empty() {
        shape.teach(
            shape.at(),
            format!("task `{id}` asks for nothing"),
            "add `asks = [{ of = \"entity\", is = \"fact\" }]`",
        );
    }
    if brief.setup.len() > MOST_ENTITIES {
        shape.fault(
            shape.at(),
            format!(
                "task `{id}` sets up {}; the most is {MOST_ENTITIES}",
                count(brief.setup.len(), "thing")
            ),
        );
    }
    for ask in &brief.asks {
        check_fact(shape, &ask.is, (id, "asks for"), world);
        check_entity(shape, &ask.of, (id, "asks something"), brief);
    }
}

/// The grader can look at what it asks about.
pub fn check_grader(
    shape: &Shape<'_>,
    grader: &Grader,
    brief: &Brief,
    (id, frame): (&str, &Frame<'_>),
) {
    let Some(setting) = frame.setting else {
        return;
    };
    let misplaced = |kind: &str, needs: &str| {
        shape.teach(
            shape.at(),
            format!("task `{id}` has a `{kind}` grader, which needs {needs}"),
            "see `environment`, or choose another grader",
        );
    };
    match (grader, setting) {
        (Grader::State { holds }, Setting::World(world)) => {
            for ask in holds {
                if ask.is != INTACT {
                    check_fact(shape, &ask.is, (id, "grades"), world);
                }
                check_entity(shape, &ask.of, (id, "grades something"), brief);
            }
        }
        (Grader::State { .. }, Setting::None | Setting::Workspace { .. }) => {
            misplaced("state", "a world");
        }
        (Grader::Files { .. }, Setting::None | Setting::World(_)) => {
            misplaced("files", "a workspace");
        }
        (Grader::Command { .. }, Setting::World(_)) => {
            shape.fault(
                shape.at(),
                format!("task `{id}` has a `command` grader, which cannot look into a world"),
            );
        }
        (Grader::All(parts) | Grader::Any(parts), _) => {
            for part in parts {
                check_grader(shape, part, brief, (id, frame));
            }
        }
        (Grader::Weighted { parts, .. }, _) => {
            for (_, part) in parts {
                check_grader(shape, part, brief, (id, frame));
            }
        }
        (
            Grader::Exact { .. }
            | Grader::Contains { .. }
            | Grader::Pattern { .. }
            | Grader::Number { .. }
            | Grader::Fields { .. }
            | Grader::Files { .. }
            | Grader::Command { .. }
            | Grader::Rubric { .. },
            _,
        ) => {}
    }
}

/// A criterion's name tells it from the others of its task, in whichever rubric they stand.
pub fn check_criteria(shape: &Shape<'_>, grader: &Grader, id: &str) {
    if matches!(grader, Grader::Rubric { .. }) {
        return; // Told where it stands, as the rubric is read.
    }
    let names: Vec<&str> = grader.judged().iter().map(|it| it.name.as_str()).collect();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            shape.teach(
                shape.at(),
                format!("two criteria of task `{id}` are called `{name}`"),
                "give each criterion of a task a name of its own",
            );
        }
    }
}

fn check_fact(shape: &Shape<'_>, fact: &str, (id, verb): (&str, &str), world: &World) {
    if !fact.is_empty() && world.handbook.fact(fact).is_none() {
        let intact = (verb == "grades").then_some(INTACT);
        let known = world
            .handbook
            .facts
            .iter()
            .map(String::as_str)
            .chain(intact);
        shape.teach(
            shape.at(),
            format!("task `{id}` {verb} fact `{fact}`, which the world does not have"),
            did_you_mean(fact, "facts", known),
        );
    }
}

fn check_entity(shape: &Shape<'_>, name: &str, (id, verb): (&str, &str), brief: &Brief) {
    // One without a name is told already, and may be the one meant.
    let is_known = |it: &Entity| it.name == name || it.name.is_empty();
    if !name.is_empty() && !brief.setup.iter().any(is_known) {
        let known = brief.setup.iter().map(|it| it.name.as_str());
        shape.teach(
            shape.at(),
            format!("task `{id}` {verb} of `{name}`, which is not on the desk"),
            did_you_mean(name, "on the desk", known),
        );
    }
}
