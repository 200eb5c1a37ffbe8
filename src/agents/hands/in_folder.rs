//! A workspace's tools as a model may call them: files, and a shell where the suite gives one.

use serde_json::{Map, Value, json};

use crate::{
    chat::{Tool, ToolCall},
    domain::suite::Kit,
    environment::Workspace,
    error::did_you_mean,
};

/// The name of the tool that runs commands.
const SHELL: &str = "shell";

/// What a call came to for the agent, or in words why the harness could not make it; and the seconds it took, where
/// they are the agent's own.
pub(super) type Came = Result<(Result<String, String>, f64), String>;

/// The tools a suite gives in its workspace.
pub(in crate::agents) fn tools(kit: &Kit) -> Vec<Tool> {
    let mut tools = Vec::new();
    if kit.files {
        tools.extend(file_tools());
    }
    if kit.shell {
        tools.push(tool(
            SHELL,
            "Runs a command with /bin/sh in the working folder and tells its output and how it ended. Nothing it starts \
             outlives it.",
            json!({"command": text("the command")}),
            &["command"],
        ));
    }
    tools
}

fn file_tools() -> [Tool; 5] {
    let path = || text("a path in the working folder");
    [
        tool(
            "list",
            "Lists what stands in a folder and below it, with sizes.",
            json!({"path": text("a folder; left out, the working folder")}),
            &[],
        ),
        tool(
            "read",
            "Shows a text file, or some of its lines, with line numbers.",
            json!({"path": path(), "first": line("first line, from 1"), "last": line("last line")}),
            &["path"],
        ),
        tool(
            "write",
            "Writes a whole text file, in the place of one that is there; folders are made.",
            json!({"path": path(), "text": text("all of the text")}),
            &["path", "text"],
        ),
        tool(
            "edit",
            "Replaces a text that stands in a file exactly once.",
            json!({"path": path(), "old": text("the text to replace"), "new": text("what takes its place")}),
            &["path", "old", "new"],
        ),
        tool(
            "search",
            "Finds the lines of text files that a regular expression matches.",
            json!({"pattern": text("a regular expression"), "path": text("a folder or file; left out, everything")}),
            &["pattern"],
        ),
    ]
}

fn text(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

fn line(about: &str) -> Value {
    json!({"type": "integer", "minimum": 1, "description": about})
}

fn tool(name: &str, about: &str, properties: Value, required: &[&str]) -> Tool {
    Tool {
        name: name.to_owned(),
        about: about.to_owned(),
        schema: json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        }),
        built_in: None,
    }
}

/// Makes a call with one of these tools.
pub(super) async fn call(
    call: &ToolCall,
    tools: &[Tool],
    workspace: &Workspace,
    seconds_left: f64,
) -> Came {
    let input = match checked(call, tools) {
        Ok(input) => input,
        Err(told) => return Ok((Err(told), 0.0)),
    };
    if call.name == SHELL {
        return match need(input, "command") {
            Ok(command) => workspace.shell(command, seconds_left).await,
            Err(told) => Ok((Err(told), 0.0)),
        };
    }
    Ok((with_files(&call.name, input, workspace), 0.0))
}

fn with_files(
    name: &str,
    input: &Map<String, Value>,
    workspace: &Workspace,
) -> Result<String, String> {
    let folder = || maybe(input, "path").map(Option::unwrap_or_default);
    match name {
        "list" => workspace.list(folder()?),
        "read" => {
            let path = need(input, "path")?;
            workspace.read(path, number(input, "first")?, number(input, "last")?)
        }
        "write" => workspace.write(need(input, "path")?, need(input, "text")?),
        "edit" => {
            let (old, new) = (need(input, "old")?, need(input, "new")?);
            workspace.edit(need(input, "path")?, old, new)
        }
        _ => workspace.search(need(input, "pattern")?, folder()?),
    }
}

/// The input of a call that names a tool and none but its arguments.
pub(super) fn checked<'call>(
    call: &'call ToolCall,
    tools: &[Tool],
) -> Result<&'call Map<String, Value>, String> {
    let Some(tool) = tools.iter().find(|it| it.name == call.name) else {
        let known = tools.iter().map(|it| it.name.as_str());
        let mend = did_you_mean(&call.name, "tools", known);
        return Err(format!("there is no tool `{}`: {mend}", call.name));
    };
    let input = match &call.input {
        Ok(Value::Object(input)) => input,
        Ok(_) => return Err("the input is no JSON object".to_owned()),
        Err(_) => return Err("the input is not valid JSON: send it again, whole".to_owned()),
    };
    let properties = tool.schema.get("properties").and_then(Value::as_object);
    let known = || {
        properties
            .into_iter()
            .flatten()
            .map(|(key, _)| key.as_str())
    };
    match input.keys().find(|key| !known().any(|it| it == *key)) {
        Some(key) => Err(format!(
            "`{key}` is no argument: {}",
            did_you_mean(key, "arguments", known())
        )),
        None => Ok(input),
    }
}

fn need<'a>(input: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    maybe(input, key)?.ok_or_else(|| format!("`{key}` is missing"))
}

fn maybe<'a>(input: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, String> {
    match input.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{key}` is a text")),
    }
}

fn number(input: &Map<String, Value>, key: &str) -> Result<Option<u64>, String> {
    match input.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) => Ok(Some(number)),
            None => Err(format!("`{key}` is a whole number from 1")),
        },
    }
}
