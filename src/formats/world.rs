//! `world.toml`: the handbook agents read and the quirks nobody wrote down.

use std::ops::Range;

use crate::{
    domain::{
        tool::{Argument, Attribute, Condition, Handbook, MOST_ARGUMENTS, Policy, Role, Tool},
        world::{Hazard, Quirk, Remedy, Visibility, World},
    },
    error::{count, did_you_mean},
    formats::shape::{Located, Shape},
};

/// Most tools, facts or qualities a world can have: each is a bit of an entity's state.
const MOST: usize = 64;

/// Reads a world as the file describes it, and the seed it is to be drawn with. The suite names its `roles` before
/// the world is read and gives them their tools afterwards.
///
/// Faults are noted in the shape's file; the returned world is only good if there are none.
pub fn read_world(file: Shape<'_>, roles: &[String]) -> (World, u64) {
    file.need_number("format", 1..2);
    let seed = file.need_number("seed", 0..u64::MAX);
    let mut world = World {
        handbook: read_handbook(&file, roles),
        qualities: names(&file, "qualities"),
        quirks: Vec::new(),
        hazards: Vec::new(),
        busy_per_thousand: number(&file, "busy_per_thousand", 0..1001),
        lost_per_thousand: number(&file, "lost_per_thousand", 0..1001),
        words_per_step: number(&file, "words_per_step", 1..100_001),
        bypass: None,
    };
    let book = &world.handbook;
    if let Some(name) = file.text("bypass") {
        world.bypass = find_tool(&file, book, &name);
    }
    let reader = Reader {
        book,
        qualities: &world.qualities,
    };
    let mut ids = Vec::new();
    let quirks: Vec<Quirk> = file
        .shapes("quirk", "a quirk")
        .into_iter()
        .filter_map(|it| reader.quirk(it, &mut ids))
        .collect();
    let hazards = file
        .shapes("hazard", "a hazard")
        .into_iter()
        .filter_map(|it| reader.hazard(it))
        .collect();
    if world.qualities.len() > MOST {
        too_many(&file, "qualities");
    }
    world.quirks = quirks;
    world.hazards = hazards;
    file.finish();
    (world, seed)
}

fn number(file: &Shape<'_>, key: &str, range: Range<u64>) -> u32 {
    u32::try_from(file.need_number(key, range)).unwrap_or(u32::MAX)
}

fn read_handbook(file: &Shape<'_>, roles: &[String]) -> Handbook {
    let mut book = Handbook {
        kinds: names(file, "kinds"),
        attributes: Vec::new(),
        facts: names(file, "facts"),
        tools: Vec::new(),
        policies: Vec::new(),
        roles: roles
            .iter()
            .map(|name| Role {
                name: name.clone(),
                tools: Vec::new(),
            })
            .collect(),
    };
    if let Some(attributes) = file.shape("attributes", "`attributes`") {
        for key in attributes.keys() {
            check_name(&attributes, &key);
            let values = names(&attributes, &key.value);
            if values.is_empty() {
                attributes.fault(key.at, format!("attribute `{}` has no values", key.value));
            }
            book.attributes.push(Attribute {
                name: key.value,
                values,
            });
        }
        attributes.finish();
    }
    for tool in file.shapes("tool", "a tool") {
        let tool = read_tool(tool, &book);
        book.tools.push(tool);
    }
    if book.tools.len() > MOST {
        too_many(file, "tool");
    }
    if book.facts.len() > MOST {
        too_many(file, "facts");
    }
    for policy in file.shapes("policy", "a policy") {
        if let Some(policy) = read_policy(policy, &book) {
            book.policies.push(policy);
        }
    }
    book
}

fn too_many(file: &Shape<'_>, key: &str) {
    let keys = file.keys();
    let at = keys
        .iter()
        .find(|it| it.value == key)
        .map_or(file.at(), |it| it.at);
    file.teach(
        at,
        format!("this world has more than {MOST} entries in `{key}`"),
        "leave out what no task or quirk uses",
    );
}

/// A list of one-word names, each once.
fn names(file: &Shape<'_>, key: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in file.texts(key) {
        check_name(file, &name);
        if names.contains(&name.value) {
            file.fault(name.at, format!("`{}` stands twice in `{key}`", name.value));
        }
        names.push(name.value);
    }
    names
}

fn check_name(file: &Shape<'_>, name: &Located<String>) {
    let is_word = !name.value.is_empty()
        && name
            .value
            .chars()
            .all(|it| it.is_alphanumeric() || it == '-' || it == '_' || it == '.');
    if !is_word {
        file.teach(
            name.at,
            format!("`{}` is not one word", name.value),
            "names are letters, digits, `-`, `_` and `.`, so that notes can speak of them",
        );
    }
}

fn read_tool(shape: Shape<'_>, book: &Handbook) -> Tool {
    let name = need_name(&shape, "name");
    let shape = match name.value.as_str() {
        "" => shape,
        name => shape.called(format!("tool `{name}`")),
    };
    if book.tools.iter().any(|tool| tool.name == name.value) {
        shape.fault(name.at, format!("two tools are called `{}`", name.value));
    }
    let arguments = read_arguments(&shape);
    let fact = |name: &Located<String>| {
        let found = book.fact(&name.value);
        if found.is_none() {
            shape.teach(
                name.at,
                format!("the world has no fact `{}`", name.value),
                did_you_mean(&name.value, "facts", book.facts.iter().map(String::as_str)),
            );
        }
        found
    };
    let kind = |name: &Located<String>| {
        let found = book.kinds.iter().position(|kind| *kind == name.value);
        if found.is_none() {
            shape.teach(
                name.at,
                format!("the world has no kind `{}`", name.value),
                did_you_mean(&name.value, "kinds", book.kinds.iter().map(String::as_str)),
            );
        }
        found
    };
    let tool = Tool {
        about: shape.need_text("about").value,
        on: shape.texts("on").iter().filter_map(kind).collect(),
        arguments,
        requires: shape.texts("requires").iter().filter_map(fact).collect(),
        gives: shape.text("gives").as_ref().and_then(fact),
        name: name.value,
    };
    shape.finish();
    tool
}

fn read_arguments(shape: &Shape<'_>) -> Vec<Argument> {
    let mut arguments = Vec::new();
    if let Some(table) = shape.shape("arguments", "`arguments`") {
        for key in table.keys() {
            check_name(&table, &key);
            let values = names(&table, &key.value);
            if values.is_empty() || values.len() > 255 {
                table.fault(
                    key.at,
                    format!("argument `{}` needs 1 to 255 values", key.value),
                );
            }
            arguments.push(Argument {
                name: key.value,
                values,
            });
        }
        table.finish();
    }
    if arguments.len() > MOST_ARGUMENTS {
        shape.fault(
            shape.at(),
            format!("a tool can have at most {MOST_ARGUMENTS} arguments"),
        );
        arguments.truncate(MOST_ARGUMENTS);
    }
    arguments
}

fn read_policy(shape: Shape<'_>, book: &Handbook) -> Option<Policy> {
    let text = shape.need_text("text").value;
    let tool = find_tool(&shape, book, &shape.need_text("tool"));
    let when = conditions(&shape, book);
    let mut with = None;
    if let Some(table) = shape.shape("with", "`with`") {
        with = tool.and_then(|tool| pair(&table, book, tool));
        table.finish();
    }
    shape.finish();
    Some(Policy {
        text,
        tool: tool?,
        with,
        when,
    })
}

/// `when.attribute = "value"`, any number of them.
fn conditions(shape: &Shape<'_>, book: &Handbook) -> Vec<Condition> {
    let Some(table) = shape.shape("when", "`when`") else {
        return Vec::new();
    };
    let mut when = Vec::new();
    for key in table.keys() {
        let Some(value) = table.word(&key.value) else {
            continue;
        };
        let Some(attribute) = book.attribute(&key.value) else {
            let known = book.attributes.iter().map(|it| it.name.as_str());
            table.teach(
                key.at,
                format!("the world has no attribute `{}`", key.value),
                did_you_mean(&key.value, "attributes", known),
            );
            continue;
        };
        let known = &book.attributes[attribute].values;
        match known.iter().position(|it| *it == value.value) {
            Some(value) => when.push(Condition { attribute, value }),
            None => table.teach(
                value.at,
                format!("attribute `{}` has no value `{}`", key.value, value.value),
                did_you_mean(&value.value, "values", known.iter().map(String::as_str)),
            ),
        }
    }
    table.finish();
    when
}

fn find_tool(shape: &Shape<'_>, book: &Handbook, name: &Located<String>) -> Option<usize> {
    let found = book.tool(&name.value);
    if found.is_none() && !name.value.is_empty() {
        let known = book.tools.iter().map(|it| it.name.as_str());
        shape.teach(
            name.at,
            format!("the world has no tool `{}`", name.value),
            did_you_mean(&name.value, "tools", known),
        );
    }
    found
}

/// `argument = "value"`, one of it.
fn pair(table: &Shape<'_>, book: &Handbook, tool: usize) -> Option<(usize, usize)> {
    let keys = table.keys();
    if keys.len() != 1 {
        table.teach(
            table.at(),
            format!(
                "`with` names {}, and one is needed here",
                count(keys.len(), "argument")
            ),
            "write `with.argument = \"value\"`",
        );
    }
    for key in keys.iter().skip(1) {
        table.word(&key.value);
    }
    let key = keys.into_iter().next()?;
    let word = table.word(&key.value)?;
    let arguments = &book.tools[tool].arguments;
    let Some(argument) = arguments.iter().position(|it| it.name == key.value) else {
        let known = arguments.iter().map(|it| it.name.as_str());
        table.teach(
            key.at,
            format!(
                "tool `{}` has no argument `{}`",
                book.tools[tool].name, key.value
            ),
            did_you_mean(&key.value, "arguments", known),
        );
        return None;
    };
    let values = &arguments[argument].values;
    let value = values.iter().position(|it| *it == word.value);
    if value.is_none() {
        table.teach(
            word.at,
            format!("argument `{}` has no value `{}`", key.value, word.value),
            did_you_mean(&word.value, "values", values.iter().map(String::as_str)),
        );
    }
    Some((argument, value?))
}

/// What can mend a quirk.
const REMEDIES: [&str; 3] = ["before", "with", "instead"];

/// A one-word name that must be there.
pub fn need_name(shape: &Shape<'_>, key: &str) -> Located<String> {
    let name = shape.need_text(key);
    if name.at != shape.at() {
        check_name(shape, &name);
    }
    name
}

struct Reader<'a> {
    book: &'a Handbook,
    qualities: &'a [String],
}

impl Reader<'_> {
    fn quirk(&self, shape: Shape<'_>, ids: &mut Vec<String>) -> Option<Quirk> {
        let id = need_name(&shape, "id");
        if ids.contains(&id.value) {
            shape.fault(id.at, format!("two quirks are called `{}`", id.value));
        }
        ids.push(id.value.clone());
        let shape = match id.value.as_str() {
            "" => shape,
            id => shape.called(format!("quirk `{id}`")),
        };
        let visibility = self.visibility(&shape);
        let tool = find_tool(&shape, self.book, &shape.need_text("tool"));
        let when = conditions(&shape, self.book);
        let has_none = |key: &str| shape.keys().iter().all(|it| it.value != key);
        if when.is_empty() && has_none("when") {
            shape.teach(
                shape.at(),
                "a quirk needs a trigger",
                "add `when.attribute = \"value\"`",
            );
        }
        let remedy = match (shape.shape("remedy", "`remedy`"), tool) {
            (Some(table), Some(tool)) => self.remedy(table, tool),
            (None, _) => {
                shape.teach(
                    shape.at(),
                    "a quirk lacks `remedy`",
                    "add `remedy.before`, `remedy.with` or `remedy.instead`",
                );
                None
            }
            (Some(_), None) => None,
        };
        let spoils = shape
            .text("spoils")
            .and_then(|name| self.quality(&shape, &name));
        if visibility == Some(Visibility::Silent) && has_none("spoils") {
            shape.teach(
                shape.at(),
                "a silent quirk lacks `spoils`",
                did_you_mean("", "qualities", self.qualities.iter().map(String::as_str)),
            );
        }
        let role = shape.text("role").and_then(|it| self.role(&shape, &it));
        shape.finish();
        let quirk = Quirk {
            id: id.value,
            visibility: visibility?,
            tool: tool?,
            role,
            when,
            remedy: remedy?,
            says: String::new(),
            spoils,
        };
        Some(Quirk {
            says: self.book.refusal(&quirk),
            ..quirk
        })
    }

    fn visibility(&self, shape: &Shape<'_>) -> Option<Visibility> {
        let word = shape.need_text("visibility");
        match word.value.as_str() {
            "loud" => Some(Visibility::Loud),
            "vague" => Some(Visibility::Vague),
            "silent" => Some(Visibility::Silent),
            "" => None,
            other => {
                shape.teach(
                    word.at,
                    format!("a quirk cannot be `{other}`"),
                    did_you_mean(other, "visibility", ["loud", "vague", "silent"]),
                );
                None
            }
        }
    }

    /// Roles are declared by the suite, before the world is read.
    fn role(&self, shape: &Shape<'_>, name: &Located<String>) -> Option<usize> {
        let found = self.book.role(&name.value);
        if found.is_none() {
            let known = self.book.roles.iter().map(|it| it.name.as_str());
            shape.teach(
                name.at,
                format!("the suite has no role `{}`", name.value),
                did_you_mean(&name.value, "roles", known),
            );
        }
        found
    }

    fn quality(&self, shape: &Shape<'_>, name: &Located<String>) -> Option<usize> {
        let found = self.qualities.iter().position(|it| *it == name.value);
        if found.is_none() && !name.value.is_empty() {
            shape.teach(
                name.at,
                format!("the world has no quality `{}`", name.value),
                did_you_mean(
                    &name.value,
                    "qualities",
                    self.qualities.iter().map(String::as_str),
                ),
            );
        }
        found
    }

    fn remedy(&self, table: Shape<'_>, tool: usize) -> Option<Remedy> {
        let keys = table.keys();
        for second in keys
            .iter()
            .skip(1)
            .filter(|it| REMEDIES.contains(&it.value.as_str()))
        {
            table.teach(
                second.at,
                format!(
                    "this quirk has two remedies, `{}` and `{}`",
                    keys[0].value, second.value
                ),
                "a quirk has one; make the other a quirk of its own",
            );
        }
        if keys.is_empty() {
            table.teach(
                table.at(),
                "this remedy is empty",
                did_you_mean("", "remedies", REMEDIES),
            );
        }
        for known in REMEDIES {
            table.has(known);
        }
        let remedy = if let Some(name) = table.text("before") {
            find_tool(&table, self.book, &name).map(|tool| Remedy::Before { tool })
        } else if let Some(name) = table.text("instead") {
            let other = find_tool(&table, self.book, &name);
            if other.is_some_and(|it| self.book.tools[it].gives != self.book.tools[tool].gives) {
                table.teach(
                    name.at,
                    format!("`{}` does not give what the quirky tool gives", name.value),
                    "`remedy.instead` names a tool with the same `gives`",
                );
            }
            other.map(|tool| Remedy::Instead { tool })
        } else if let Some(with) = table.shape("with", "`remedy.with`") {
            let found = pair(&with, self.book, tool);
            with.finish();
            found.map(|(argument, value)| Remedy::With { argument, value })
        } else {
            None
        };
        table.finish();
        remedy
    }

    fn hazard(&self, shape: Shape<'_>) -> Option<Hazard> {
        let tool = find_tool(&shape, self.book, &shape.need_text("tool"));
        let when = conditions(&shape, self.book);
        let name = shape.need_text("spoils");
        let spoils = self.quality(&shape, &name);
        shape.finish();
        Some(Hazard {
            tool: tool?,
            when,
            spoils: spoils?,
        })
    }
}
