//! A desk's tools as schemas, and a model's calls as the desk's.

use serde_json::{Map, Value, json};

use crate::{
    agents::prompt,
    chat::{Tool, ToolCall},
    domain::{
        task::Brief,
        tool::{Argument, Call, MOST_ARGUMENTS},
    },
    environment::Desk,
    error::did_you_mean,
};

/// The longest name of a tool that every provider takes.
const LONGEST_NAME: usize = 64;

/// What the tools say they can be used on.
#[derive(Debug, Clone, Copy)]
pub(in crate::agents) enum Things<'a> {
    /// The things of this brief, by name.
    Of(&'a Brief),
    /// Anything, so that all tasks of a role have the same tools.
    Any,
}

/// The tools of one role at a desk, as a model may call them.
#[derive(Debug)]
pub(in crate::agents) struct DeskTools {
    tools: Vec<Tool>,
    /// For each tool of the whole handbook, the name a model calls it by; the role's own come first in `tools`.
    names: Vec<String>,
}

impl DeskTools {
    /// The tools of the desk's role, under none of the names that are `taken`.
    pub fn of(desk: &Desk, things: Things<'_>, taken: &[&str]) -> Self {
        let book = desk.handbook();
        let mut names: Vec<String> = taken.iter().map(|it| (*it).to_owned()).collect();
        for tool in &book.tools {
            names.push(plain_name(&tool.name, &names));
        }
        names.drain(..taken.len());
        let tools = book.roles[desk.role()].tools.iter().map(|index| Tool {
            name: names[*index].clone(),
            about: prompt::about(book, *index),
            schema: schema(desk, things, *index),
            built_in: None,
        });
        Self {
            tools: tools.collect(),
            names,
        }
    }

    /// What the model is shown.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// A model's call as the desk takes it, or what is wrong with it.
    pub fn call(&self, call: &ToolCall, desk: &Desk, brief: &Brief) -> Result<Call, String> {
        let Some(tool) = self.names.iter().position(|it| *it == call.name) else {
            let known = self.tools.iter().map(|it| it.name.as_str());
            let mend = did_you_mean(&call.name, "tools", known);
            return Err(format!("there is no tool `{}`: {mend}", call.name));
        };
        let input = match &call.input {
            Ok(Value::Object(input)) => input,
            Ok(_) => return Err("the input is no JSON object".to_owned()),
            Err(_) => return Err("the input is not valid JSON: send it again, whole".to_owned()),
        };
        let arguments = &desk.handbook().tools[tool].arguments;
        let on = on(arguments);
        let known = arguments.iter().map(|it| it.name.as_str()).chain([on]);
        if let Some(key) = input.keys().find(|key| !known.clone().any(|it| it == *key)) {
            return Err(format!(
                "`{key}` is no argument: {}",
                did_you_mean(key, "arguments", known)
            ));
        }
        let things = brief.setup.iter().map(|it| it.name.as_str());
        let name = word(input, on, things.clone())?;
        let entity = desk.entity(&name).ok_or_else(|| {
            let mend = did_you_mean(&name, "it holds", things);
            format!("nothing on the desk is named `{name}`: {mend}")
        })?;
        let mut values = [0; MOST_ARGUMENTS];
        for (argument, value) in arguments.iter().zip(&mut values) {
            let known = argument.values.iter().map(String::as_str);
            let given = word(input, &argument.name, known.clone())?;
            let index = argument.values.iter().position(|it| *it == given);
            *value = index.and_then(|it| u8::try_from(it).ok()).ok_or_else(|| {
                let mend = did_you_mean(&given, "values", known);
                format!("`{}` cannot be `{given}`: {mend}", argument.name)
            })?;
        }
        Ok(Call {
            tool,
            entity,
            values,
        })
    }
}

fn schema(desk: &Desk, things: Things<'_>, tool: usize) -> Value {
    let tool = &desk.handbook().tools[tool];
    let on = on(&tool.arguments);
    let setup = match things {
        Things::Of(brief) => brief.setup.as_slice(),
        Things::Any => &[],
    };
    let things: Vec<&str> = (0..desk.entities())
        .zip(setup)
        .filter(|(index, _)| tool.works_on(desk.kind(*index)))
        .map(|(_, entity)| entity.name.as_str())
        .collect();
    let one_of = |values: Value, about: &str| {
        let mut schema = json!({"type": "string", "description": about});
        if values.as_array().is_some_and(|it| !it.is_empty()) {
            schema["enum"] = values;
        }
        schema
    };
    let mut properties = Map::new();
    properties.insert(on.to_owned(), one_of(json!(things), "what it is used on"));
    let mut required = vec![on];
    for argument in &tool.arguments {
        let about = format!("the {} to use", argument.name);
        properties.insert(
            argument.name.clone(),
            one_of(json!(argument.values), &about),
        );
        required.push(&argument.name);
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The key of the entity; a world may have an argument of that name itself.
fn on(arguments: &[Argument]) -> &'static str {
    if arguments.iter().any(|it| it.name == "on") {
        "used_on"
    } else {
        "on"
    }
}

/// The text at a key; numbers and booleans are taken by how they are written.
fn word<'a>(
    input: &Map<String, Value>,
    key: &str,
    known: impl Iterator<Item = &'a str>,
) -> Result<String, String> {
    match input.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(it @ (Value::Number(_) | Value::Bool(_))) => Ok(it.to_string()),
        _ => Err(format!(
            "`{key}` is missing; it is one of: {}",
            known.collect::<Vec<_>>().join(", ")
        )),
    }
}

/// A name every provider takes, and none of those taken.
pub(super) fn plain_name(name: &str, taken: &[String]) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-');
    let plain: String = name
        .chars()
        .map(|it| if is_plain(it) { it } else { '_' })
        .take(LONGEST_NAME)
        .collect();
    let mut unique = plain.clone();
    let mut count = 2;
    while unique.is_empty() || taken.contains(&unique) {
        let tail = format!("_{count}");
        let kept: String = plain.chars().take(LONGEST_NAME - tail.len()).collect();
        unique = format!("{kept}{tail}");
        count += 1;
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_plain_and_stay_apart() {
        let long = "é".repeat(80);
        let mut names = Vec::new();
        for name in ["stamp", "file.away", "file/away", &long, &long] {
            let name = plain_name(name, &names);
            names.push(name);
        }
        let cut = "_".repeat(62);
        let expected = [
            "stamp",
            "file_away",
            "file_away_2",
            &"_".repeat(64),
            &format!("{cut}_2"),
        ];
        assert_eq!(names, expected);
    }
}
