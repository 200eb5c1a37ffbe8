//! Anthropic Messages: `POST /v1/messages`. Field by field after the types of the official package.

use serde::Serialize;
use serde_json::{Value, json};

use crate::chat::{Choice, End, Ids, Message, Reply, Tokens, ToolCall, Turn, number_at, text_at};

/// Models before 4.7 that still take a temperature; names of other makers behind gateways are not ours to judge.
const TAKE_TEMPERATURE: [&str; 9] = [
    "claude-2",
    "claude-3",
    "claude-instant",
    "claude-haiku-4",
    "claude-sonnet-4",
    "claude-opus-4-2025",
    "claude-opus-4-1",
    "claude-opus-4-5",
    "claude-opus-4-6",
];

/// Whether a model answers 400 where a temperature is sent.
pub(super) fn refuses_temperature(model: &str) -> bool {
    model.starts_with("claude-") && !TAKE_TEMPERATURE.iter().any(|it| model.starts_with(it))
}

/// A request, as it is sent; nothing said so far is copied.
#[derive(Serialize)]
struct Body<'a> {
    max_tokens: u32,
    messages: Vec<Said<'a>>,
    model: &'a str,
    system: [Block<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Offered<'a>>,
}

#[derive(Serialize)]
struct Said<'a> {
    content: Content<'a>,
    role: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Blocks(Vec<Block<'a>>),
    AsReceived(&'a Value),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text {
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Kept>,
        text: &'a str,
    },
    ToolResult {
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Kept>,
        content: &'a str,
        is_error: bool,
        tool_use_id: &'a str,
    },
}

/// The mark up to which a provider may keep what it read: tools and system, the same for a role, and all said so far.
#[derive(Serialize)]
#[serde(tag = "type", rename = "ephemeral")]
struct Kept {}

#[derive(Serialize)]
#[serde(untagged)]
enum Offered<'a> {
    BuiltIn {
        name: &'a str,
        r#type: &'static str,
    },
    Own {
        description: &'a str,
        input_schema: &'a Value,
        name: &'a str,
    },
}

/// The request. Neither `tool_choice` nor `thinking` is ever sent: newer models refuse a forced choice and thinking
/// turned off.
pub(super) fn body(choice: &Choice, turn: &Turn<'_>) -> serde_json::Result<String> {
    let last = turn.messages.len().saturating_sub(1);
    let messages = turn.messages.iter().enumerate();
    let tools = turn.tools.iter().map(|tool| match tool.built_in {
        Some(kind) => Offered::BuiltIn {
            name: &tool.name,
            r#type: kind,
        },
        None => Offered::Own {
            description: &tool.about,
            input_schema: &tool.schema,
            name: &tool.name,
        },
    });
    serde_json::to_string(&Body {
        max_tokens: turn.max_tokens,
        messages: messages.map(|(at, it)| said(it, at == last)).collect(),
        model: &choice.model,
        system: [Block::Text {
            cache_control: Some(Kept {}),
            text: turn.system,
        }],
        temperature: choice.temperature,
        tools: tools.collect(),
    })
}

/// A message; the last of a request carries a mark.
fn said(message: &Message, is_last: bool) -> Said<'_> {
    let mark = |is_marked: bool| is_marked.then_some(Kept {});
    let (role, content) = match message {
        Message::User(text) if is_last => {
            let cache_control = mark(true);
            let block = Block::Text {
                cache_control,
                text,
            };
            ("user", Content::Blocks(vec![block]))
        }
        Message::User(text) => ("user", Content::Text(text)),
        Message::Model(content) => ("assistant", Content::AsReceived(content)),
        // One user message with nothing before the results, or the provider refuses it.
        Message::Results(results) => {
            let blocks = results
                .iter()
                .enumerate()
                .map(|(at, it)| Block::ToolResult {
                    cache_control: mark(is_last && at + 1 == results.len()),
                    content: &it.text,
                    is_error: it.is_error,
                    tool_use_id: &it.id,
                });
            ("user", Content::Blocks(blocks.collect()))
        }
    };
    Said { content, role }
}

/// Reads a reply. Blocks of unknown type stay in `raw` and are otherwise passed over.
pub(super) fn reply(body: &Value) -> Result<Reply, String> {
    let content = body
        .get("content")
        .and_then(Value::as_array)
        .ok_or("it has no `content`")?;
    let mut text = String::new();
    let mut calls = Vec::new();
    for block in content {
        match block.get("type").and_then(Value::as_str) {
            Some("text") => text.push_str(&text_at(block, "/text").unwrap_or_default()),
            Some("tool_use") => calls.push(ToolCall {
                id: text_at(block, "/id").ok_or("a `tool_use` has no `id`")?,
                name: text_at(block, "/name").ok_or("a `tool_use` has no `name`")?,
                input: Ok(block.get("input").cloned().unwrap_or_else(|| json!({}))),
            }),
            _ => {}
        }
    }
    let end = match text_at(body, "/stop_reason").as_deref() {
        Some("end_turn") => End::Done,
        Some("tool_use") => End::Calls,
        Some("max_tokens") => End::MaxTokens,
        Some("stop_sequence") => End::StopText,
        Some("pause_turn") => End::Paused,
        Some("refusal") => End::Refused,
        Some("model_context_window_exceeded") => End::ContextFull,
        Some(other) => End::Other(other.to_owned()),
        None => End::Other("none".to_owned()),
    };
    Ok(Reply {
        text,
        calls,
        end,
        tokens: tokens(body),
        cost_usd: None,
        ids: Ids::default(),
        raw: Value::Array(content.iter().filter(|it| !is_blank(it)).cloned().collect()),
        seconds: 0.0,
        lost: 0,
    })
}

/// A text of nothing but blanks: providers send such, and refuse it where it is sent back.
fn is_blank(block: &Value) -> bool {
    let is_text = block.get("type").and_then(Value::as_str) == Some("text");
    is_text && text_at(block, "/text").is_none_or(|it| it.trim().is_empty())
}

/// `input_tokens` leaves cached input out already.
pub(super) fn tokens(body: &Value) -> Tokens {
    let by_age = |age: &str| {
        number_at(
            body,
            &format!("/usage/cache_creation/ephemeral_{age}_input_tokens"),
        )
    };
    let written = match (by_age("5m"), by_age("1h")) {
        (None, None) => None,
        (short, long) => Some(short.unwrap_or(0) + long.unwrap_or(0)),
    };
    Tokens {
        input: number_at(body, "/usage/input_tokens"),
        output: number_at(body, "/usage/output_tokens"),
        cache_read: number_at(body, "/usage/cache_read_input_tokens"),
        cache_write: number_at(body, "/usage/cache_creation_input_tokens").or(written),
        thinking: number_at(body, "/usage/output_tokens_details/thinking_tokens"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Provider, Tool, ToolResult};

    fn sent(messages: &[Message], tools: &[Tool]) -> Value {
        let choice = Choice::new(Provider::Anthropic, "claude-opus-5");
        let turn = Turn {
            system: "You file letters.",
            messages,
            tools,
            max_tokens: 100,
        };
        serde_json::from_str(&body(&choice, &turn).unwrap()).unwrap()
    }

    fn with_stop(reason: &Value) -> End {
        reply(&json!({"content": [], "stop_reason": reason}))
            .unwrap()
            .end
    }

    #[test]
    fn every_stop_reason_is_known() {
        let known = [
            ("end_turn", End::Done),
            ("tool_use", End::Calls),
            ("max_tokens", End::MaxTokens),
            ("stop_sequence", End::StopText),
            ("pause_turn", End::Paused),
            ("refusal", End::Refused),
            ("model_context_window_exceeded", End::ContextFull),
        ];
        for (word, end) in known {
            assert_eq!(with_stop(&json!(word)), end);
        }
    }

    #[test]
    fn trap_30_an_unknown_stop_reason_or_block_is_no_fault_and_is_kept() {
        assert_eq!(with_stop(&json!("tired")), End::Other("tired".to_owned()));
        assert_eq!(with_stop(&Value::Null), End::Other("none".to_owned()));
        let content = json!([{"type": "hologram", "x": 1.5}, {"type": "text", "text": "hi"}]);
        let read = reply(&json!({"content": content, "stop_reason": "end_turn"})).unwrap();
        assert_eq!((read.text.as_str(), read.raw), ("hi", content));
    }

    #[test]
    fn a_blank_text_is_not_sent_back() {
        let call = json!({"type": "tool_use", "id": "t", "name": "open", "input": {}});
        let content = json!([{"type": "text", "text": " "}, call]);
        let read = reply(&json!({"content": content, "stop_reason": "tool_use"})).unwrap();
        assert_eq!(read.raw, json!([call]));
    }

    #[test]
    fn trap_24_no_choice_of_tool_is_forced_and_thinking_is_left_alone() {
        let tool = Tool {
            name: "stamp".to_owned(),
            about: "Stamps.".to_owned(),
            schema: json!({"type": "object"}),
            built_in: None,
        };
        let body = sent(&[Message::User("go".to_owned())], &[tool]);
        assert_eq!(
            (body.get("tool_choice"), body.get("thinking")),
            (None, None)
        );
        assert_eq!(
            body["tools"],
            json!([{"name": "stamp", "description": "Stamps.", "input_schema": {"type": "object"}}])
        );
    }

    #[test]
    fn trap_25_results_stand_first_and_all_together_after_the_reply_as_received() {
        let content = json!([
            {"type": "thinking", "thinking": "", "signature": "c2ln"},
            {"type": "tool_use", "id": "a", "name": "stamp", "input": {"on": "x"}},
            {"type": "tool_use", "id": "b", "name": "stamp", "input": {"on": "y"}},
        ]);
        let read = reply(&json!({"content": content, "stop_reason": "tool_use"})).unwrap();
        let results = read.calls.iter().map(|call| ToolResult {
            id: call.id.clone(),
            text: "stamped".to_owned(),
            is_error: call.id == "b",
        });
        let messages = [
            Message::User("go".to_owned()),
            Message::Model(read.raw.clone()),
            Message::Results(results.collect()),
        ];
        let result = |id, is_error: bool| json!({"type": "tool_result", "tool_use_id": id, "content": "stamped", "is_error": is_error});
        let mut last = result("b", true);
        last["cache_control"] = json!({"type": "ephemeral"});
        assert_eq!(
            sent(&messages, &[])["messages"],
            json!([
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": content},
                {"role": "user", "content": [result("a", false), last]},
            ])
        );
    }

    #[test]
    fn trap_26_input_excludes_what_the_cache_held() {
        let usage = |usage: Value| tokens(&json!({"usage": usage}));
        let used = usage(
            json!({"input_tokens": 40, "output_tokens": 30, "cache_read_input_tokens": 1200,
            "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 6}}),
        );
        let all = (used.input, used.output, used.cache_read, used.cache_write);
        assert_eq!(all, (Some(40), Some(30), Some(1200), Some(11)));
        assert_eq!(usage(json!({"input_tokens": null})), Tokens::default());
    }

    #[test]
    fn what_is_no_message_is_told() {
        assert_eq!(
            reply(&json!({"id": "x"})).unwrap_err(),
            "it has no `content`"
        );
    }
}
