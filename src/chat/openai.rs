//! Chat completions: `POST {base}/chat/completions`, read as loosely as the servers that speak them need.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::chat::{
    Choice, End, Ids, Message, Provider, Reply, Tokens, ToolCall, Turn, number_at, text_at,
};

/// A request, as it is sent; nothing said so far is copied.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    messages: Vec<Said<'a>>,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Offered<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Said<'a> {
    Words {
        content: &'a str,
        role: &'static str,
    },
    AsReceived(&'a Value),
    Result {
        content: Cow<'a, str>,
        role: &'static str,
        tool_call_id: &'a str,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct Offered<'a> {
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    description: &'a str,
    name: &'a str,
    parameters: &'a Value,
}

/// The request. The newer name of the token limit goes to OpenAI itself; most other servers know only the older.
pub(super) fn body(choice: &Choice, turn: &Turn<'_>) -> serde_json::Result<String> {
    let is_openai = choice
        .base_url
        .as_deref()
        .is_none_or(|it| it.trim_end_matches('/') == Provider::OpenAi.address());
    let is_completion = is_openai || choice.completion_tokens;
    let mut messages = vec![Said::Words {
        content: turn.system,
        role: "system",
    }];
    for message in turn.messages {
        match message {
            Message::User(text) => messages.push(Said::Words {
                content: text,
                role: "user",
            }),
            Message::Model(raw) => messages.push(Said::AsReceived(raw)),
            Message::Results(results) => messages.extend(results.iter().map(|it| Said::Result {
                // There is no field for a failure here, so the text says it.
                content: match it.is_error {
                    true => Cow::Owned(format!("error: {}", it.text)),
                    false => Cow::Borrowed(it.text.as_str()),
                },
                role: "tool",
                tool_call_id: &it.id,
            })),
        }
    }
    let tools = turn.tools.iter().map(|tool| Offered {
        function: Function {
            description: &tool.about,
            name: &tool.name,
            parameters: &tool.schema,
        },
    });
    serde_json::to_string(&Body {
        max_completion_tokens: is_completion.then_some(turn.max_tokens),
        max_tokens: (!is_completion).then_some(turn.max_tokens),
        messages,
        model: &choice.model,
        temperature: choice.temperature,
        tools: tools.collect(),
    })
}

/// Reads a reply.
pub(super) fn reply(body: &Value) -> Result<Reply, String> {
    let message = body
        .pointer("/choices/0/message")
        .and_then(Value::as_object)
        .ok_or("it has no `choices[0].message`")?;
    let mut raw = message.clone();
    raw.entry("role").or_insert_with(|| json!("assistant"));
    let calls = calls(&mut raw, &text_at(body, "/id").unwrap_or_default())?;
    let refusal = message.get("refusal").and_then(Value::as_str);
    let finish = text_at(body, "/choices/0/finish_reason");
    let end = match finish.as_deref() {
        _ if refusal.is_some() => End::Refused,
        // Cut calls are no calls, whatever is left of them.
        Some("length") => End::MaxTokens,
        Some("content_filter") => End::Refused,
        // Some servers say `stop` although they wait for tools.
        _ if !calls.is_empty() => End::Calls,
        Some("stop") => End::Done,
        Some("tool_calls" | "function_call") => End::Calls,
        Some(other) => End::Other(other.to_owned()),
        None => End::Other("none".to_owned()),
    };
    Ok(Reply {
        text: refusal.map_or_else(|| words(message.get("content")), str::to_owned),
        calls,
        end,
        tokens: tokens(body),
        cost_usd: None,
        ids: Ids::default(),
        raw: Value::Object(raw),
        seconds: 0.0,
        lost: 0,
    })
}

/// The calls of a message; an id that is missing is made up, and put where the server will look for it.
fn calls(raw: &mut Map<String, Value>, message: &str) -> Result<Vec<ToolCall>, String> {
    let Some(listed) = raw.get_mut("tool_calls").and_then(Value::as_array_mut) else {
        return Ok(Vec::new());
    };
    let mut calls = Vec::with_capacity(listed.len());
    for (index, call) in listed.iter_mut().enumerate() {
        let name = text_at(call, "/function/name").ok_or("a tool call has no `function.name`")?;
        let id = match text_at(call, "/id").filter(|it| !it.is_empty()) {
            Some(id) => id,
            None => {
                let id = format!("call-{message}-{index}");
                let call = call.as_object_mut().ok_or("a tool call is no object")?;
                call.insert("id".to_owned(), json!(id));
                id
            }
        };
        let input = match call.pointer("/function/arguments") {
            None | Some(Value::Null) => Ok(json!({})),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(json!({})),
            Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| text.clone()),
            // Some servers send the object itself.
            Some(other) => Ok(other.clone()),
        };
        calls.push(ToolCall { id, name, input });
    }
    Ok(calls)
}

/// A content: a text, parts of which some are texts, or null.
fn words(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().filter_map(|it| text_at(it, "/text")).collect(),
        _ => String::new(),
    }
}

/// `prompt_tokens` holds the cached input too; it is taken out.
pub(super) fn tokens(body: &Value) -> Tokens {
    let cache_read = number_at(body, "/usage/prompt_tokens_details/cached_tokens");
    let cache_write = number_at(body, "/usage/prompt_tokens_details/cache_write_tokens");
    let cached = cache_read
        .unwrap_or(0)
        .saturating_add(cache_write.unwrap_or(0));
    Tokens {
        input: number_at(body, "/usage/prompt_tokens").map(|all| all.saturating_sub(cached)),
        output: number_at(body, "/usage/completion_tokens"),
        cache_read,
        cache_write,
        thinking: number_at(body, "/usage/completion_tokens_details/reasoning_tokens"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ToolResult;

    fn written(choice: &Choice, turn: &Turn<'_>) -> Value {
        serde_json::from_str(&body(choice, turn).unwrap()).unwrap()
    }

    fn message(message: Value, finish: &str) -> Reply {
        reply(&json!({"id": "c9", "choices": [{"message": message, "finish_reason": finish}]}))
            .unwrap()
    }

    fn calling(arguments: Value) -> Reply {
        let call = json!({"type": "function", "function": {"name": "run", "arguments": arguments}});
        message(
            json!({"role": "assistant", "content": null, "tool_calls": [call]}),
            "stop",
        )
    }

    #[test]
    fn every_finish_reason_is_known_and_trap_30_an_unknown_one_is_kept() {
        let end = |finish| message(json!({"content": "x"}), finish).end;
        assert_eq!(end("stop"), End::Done);
        assert_eq!(end("length"), End::MaxTokens);
        assert_eq!(end("tool_calls"), End::Calls);
        assert_eq!(end("function_call"), End::Calls);
        assert_eq!(end("content_filter"), End::Refused);
        assert_eq!(end("eos"), End::Other("eos".to_owned()));
        let refused = message(json!({"content": null, "refusal": "I will not."}), "stop");
        assert_eq!(
            (refused.end, refused.text.as_str()),
            (End::Refused, "I will not.")
        );
    }

    #[test]
    fn trap_27_arguments_are_a_text_that_may_be_no_json() {
        let input = |arguments| calling(arguments).calls[0].input.clone();
        assert_eq!(input(json!("{\"cmd\":\"ls\"}")), Ok(json!({"cmd": "ls"})));
        assert_eq!(input(json!("{\"cmd\":")), Err("{\"cmd\":".to_owned()));
        assert_eq!(input(json!("")), Ok(json!({})));
        assert_eq!(input(json!({"cmd": "ls"})), Ok(json!({"cmd": "ls"})));
    }

    #[test]
    fn trap_27_calls_go_before_the_finish_reason_and_a_missing_id_is_made_up_once() {
        let read = calling(json!("{}"));
        assert_eq!(
            (&read.end, read.calls[0].id.as_str()),
            (&End::Calls, "call-c9-0")
        );
        assert_eq!(read.raw["tool_calls"][0]["id"], "call-c9-0");
    }

    #[test]
    fn trap_27_a_missing_usage_is_unknown_and_not_zero() {
        assert_eq!(
            message(json!({"content": "x"}), "stop").tokens,
            Tokens::default()
        );
    }

    #[test]
    fn trap_26_the_prompt_includes_what_the_cache_held() {
        let used = tokens(
            &json!({"usage": {"prompt_tokens": 120, "completion_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 64}}}),
        );
        let all = (used.input, used.output, used.cache_read, used.cache_write);
        assert_eq!(all, (Some(56), Some(18), Some(64), None));
    }

    #[test]
    fn trap_25_each_result_follows_the_reply_as_received() {
        let read = calling(json!("{\"cmd\":\"ls\"}"));
        let messages = [
            Message::User("go".to_owned()),
            Message::Model(read.raw.clone()),
            Message::Results(vec![ToolResult {
                id: "call-c9-0".to_owned(),
                text: "no such folder".to_owned(),
                is_error: true,
            }]),
        ];
        let choice = Choice {
            base_url: Some("http://localhost:8000/v1".to_owned()),
            ..Choice::new(Provider::OpenAi, "local")
        };
        let turn = Turn {
            system: "s",
            messages: &messages,
            tools: &[],
            max_tokens: 7,
        };
        assert_eq!(
            written(&choice, &turn),
            json!({"model": "local", "max_tokens": 7, "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "go"},
                read.raw,
                {"role": "tool", "tool_call_id": "call-c9-0", "content": "error: no such folder"},
            ]})
        );
    }

    #[test]
    fn openai_itself_is_sent_the_newer_name_of_the_limit() {
        let choice = Choice::new(Provider::OpenAi, "gpt");
        let turn = Turn {
            system: "s",
            messages: &[],
            tools: &[],
            max_tokens: 7,
        };
        assert_eq!(written(&choice, &turn)["max_completion_tokens"], 7);
        let own = Choice {
            base_url: Some("http://localhost:1".to_owned()),
            ..choice
        };
        assert_eq!(written(&own, &turn)["max_tokens"], 7);
        let reasoning = Choice {
            completion_tokens: true,
            ..own
        };
        assert_eq!(written(&reasoning, &turn)["max_completion_tokens"], 7);
    }
}
