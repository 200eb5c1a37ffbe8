//! What servers say, read as loosely as it may be and as far as it is bounded.

use serde_json::{Value, json};

use crate::{error::printable, mcp::Came};

/// Longest description of a tool, in characters.
const LONGEST_ABOUT: usize = 4_000;
/// Largest schema of a tool, in bytes.
const LARGEST_SCHEMA: usize = 64 << 10;
/// Longest name of a tool, in characters.
const LONGEST_NAME: usize = 200;
/// Longest text of a refusal, in characters.
const LONGEST_REFUSAL: usize = 2_000;

/// What a call came to, or why it was not done.
pub type Told = Result<String, String>;

/// A tool as its server lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The name it is called by at the server.
    pub name: String,
    /// What it does, as the server says.
    pub about: String,
    /// The JSON schema of its input.
    pub schema: Value,
}

/// The tools of one page.
pub(super) fn tools(page: &Value) -> Result<Vec<Listed>, String> {
    let listed = page
        .get("tools")
        .and_then(Value::as_array)
        .ok_or("it answers `tools/list` without `tools`")?;
    listed.iter().map(tool).collect()
}

fn tool(listed: &Value) -> Result<Listed, String> {
    let name = listed
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if name.is_empty() || LONGEST_NAME < name.chars().count() {
        return Err("it has a tool without a name, or with one that is too long".to_owned());
    }
    let about = listed.get("description").and_then(Value::as_str);
    let mut schema = match listed.get("inputSchema") {
        Some(schema) if schema.is_object() => schema.clone(),
        _ => json!({}),
    };
    // What providers ask of every schema.
    schema["type"] = json!("object");
    if !schema.get("properties").is_some_and(Value::is_object) {
        schema["properties"] = json!({});
    }
    if LARGEST_SCHEMA < schema.to_string().len() {
        return Err(format!(
            "the schema of its tool `{}` has more than {LARGEST_SCHEMA} bytes",
            printable(name)
        ));
    }
    Ok(Listed {
        name: name.to_owned(),
        about: about
            .unwrap_or_default()
            .chars()
            .take(LONGEST_ABOUT)
            .collect(),
        schema,
    })
}

/// What a message says to the question of this number; `None` where it is no answer to it.
pub(super) fn answer(message: &Value, number: u64) -> Option<Came> {
    if message.get("method").is_some() || message.get("id").and_then(Value::as_u64) != Some(number)
    {
        return None;
    }
    if let Some(error) = message.get("error").filter(|it| !it.is_null()) {
        let told = error.get("message").and_then(Value::as_str);
        let told = told.map_or_else(|| error.to_string(), str::to_owned);
        let told: String = told.chars().take(LONGEST_REFUSAL).collect();
        return Some(Came::Refused(
            match error.get("code").and_then(Value::as_i64) {
                Some(code) => format!("error {code}: {told}"),
                None => format!("error: {told}"),
            },
        ));
    }
    Some(match message.get("result") {
        Some(result) => Came::Result(result.clone()),
        None => Came::Refused(
            "error: the server answered with neither a result nor an error".to_owned(),
        ),
    })
}

/// What is answered to what a server asks: that we are there, and nothing else; `None` where it asks nothing.
pub(super) fn reply(message: &Value) -> Option<Value> {
    let id = message.get("id").filter(|it| !it.is_null())?;
    Some(match message.get("method").and_then(Value::as_str)? {
        "ping" => json!({"jsonrpc": "2.0", "id": id, "result": {}}),
        _ => {
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "not done here"}})
        }
    })
}

/// The text of a result: its texts, and what else it holds by kind and size.
pub(super) fn called(result: &Value) -> Told {
    let parts = result.get("content").and_then(Value::as_array);
    let mut texts: Vec<String> = parts.into_iter().flatten().map(part).collect();
    if texts.is_empty()
        && let Some(structured) = result.get("structuredContent")
    {
        texts.push(structured.to_string());
    }
    let text = match texts.is_empty() {
        true => "(nothing)".to_owned(),
        false => texts.join("\n"),
    };
    match result.get("isError").and_then(Value::as_bool) {
        Some(true) => Err(text),
        _ => Ok(text),
    }
}

fn part(part: &Value) -> String {
    let text = |at: &str| part.pointer(at).and_then(Value::as_str);
    match text("/type") {
        Some("text") => text("/text").unwrap_or_default().to_owned(),
        Some("resource") if text("/resource/text").is_some() => {
            text("/resource/text").unwrap_or_default().to_owned()
        }
        Some("resource_link") => text("/uri").unwrap_or_default().to_owned(),
        other => {
            let bytes = text("/data").map_or(0, str::len);
            let kind = text("/mimeType").or(other).unwrap_or("unknown");
            format!("({kind}, {bytes} bytes, not shown)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_apart_from_what_else_is_said() {
        let said = |message: Value| answer(&message, 3);
        assert_eq!(
            said(json!({"id": 3, "result": 1})),
            Some(Came::Result(json!(1)))
        );
        let refused = |it: &str| Some(Came::Refused(it.to_owned()));
        assert_eq!(
            said(json!({"id": 3, "error": {"code": -32602, "message": "no such tool"}})),
            refused("error -32602: no such tool")
        );
        assert_eq!(
            said(json!({"id": 3, "error": "odd"})),
            refused("error: \"odd\"")
        );
        assert!(matches!(said(json!({"id": 3})), Some(Came::Refused(_))));
        assert_eq!(said(json!({"id": 3, "method": "ping"})), None);
        assert_eq!(said(json!({"id": 2, "result": 1})), None);
        assert_eq!(said(json!({"method": "notifications/progress"})), None);
        assert_eq!(said(json!([])), None);
    }

    #[test]
    fn results_are_told_as_texts_and_what_is_none_by_kind_and_size() {
        let result = json!({"content": [
            {"type": "text", "text": "one"},
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "x:y", "text": "two"}},
            {"type": "tomorrow"},
            7,
        ]});
        assert_eq!(
            called(&result).unwrap(),
            "one\n(image/png, 4 bytes, not shown)\ntwo\n(tomorrow, 0 bytes, not shown)\n(unknown, 0 bytes, not shown)"
        );
        let failed = json!({"content": [{"type": "text", "text": "no"}], "isError": true});
        assert_eq!(called(&failed).unwrap_err(), "no");
        assert_eq!(
            called(&json!({"structuredContent": {"a": 1}})).unwrap(),
            "{\"a\":1}"
        );
        assert_eq!(called(&json!(null)).unwrap(), "(nothing)");
    }

    #[test]
    fn tools_are_bounded_and_a_schema_is_one_of_an_object() {
        let page = json!({"tools": [{"name": "a", "inputSchema": {"properties": {}}}, {"name": "b", "inputSchema": 3}]});
        let found = tools(&page).unwrap();
        assert_eq!(found[0].schema, json!({"type": "object", "properties": {}}));
        assert_eq!(found[1].schema, json!({"type": "object", "properties": {}}));
        assert!(tools(&json!({"tools": [{}]})).is_err());
        assert!(tools(&json!({})).is_err());
        let large = json!({"tools": [{"name": "a", "inputSchema": {"x": "y".repeat(70_000)}}]});
        assert!(
            tools(&large)
                .unwrap_err()
                .contains("schema of its tool `a`")
        );
    }
}
