//! Events sent to a session and read from it: checks, echoes, history, threads.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Shared,
    answer::{Answered, Refusal, Reply, by_number, page},
    fields::{Request, list, must, object, text},
    play::{self, Prompt},
    state::State,
};

/// `/v1/sessions/{id}/events`, `/threads`, and what is below.
pub(super) fn handle(
    shared: &Arc<Shared>,
    state: &mut State,
    request: &Request,
    (id, path): (&str, &[&str]),
) -> Answered {
    let session = state.session(id)?;
    let (thread, length) = (session.thread.clone(), session.feed.len());
    if let ["threads", asked, ..] = path
        && *asked != thread
    {
        return Err(Refusal::missing(&format!("thread {asked}")));
    }
    match (request.method.as_str(), path) {
        ("POST", ["events"]) => send(shared, state, request, id),
        (_, ["events"] | ["threads", _, "events"]) => history(state, request, id),
        (_, ["events", "stream"] | ["threads", _, "stream"]) => {
            request.only(&["event_deltas[]"])?;
            request.all("event_deltas[]", &["agent.message", "agent.thinking"])?;
            Ok(Reply::Stream(id.to_owned(), length))
        }
        (_, ["threads"]) => {
            request.only(&["limit", "page", "statuses[]"])?;
            let items = vec![(by_number(0), show_thread(state, id)?)];
            page(items, &request.page(1_000, 1_000)?, state)
        }
        ("GET", ["threads", _]) => Ok(Reply::Json(show_thread(state, id)?)),
        _ => Err(Refusal::invalid("the primary thread cannot be archived")),
    }
}

fn show_thread(state: &mut State, id: &str) -> Result<Value, Refusal> {
    let session = state.session(id)?;
    let shown = &session.shown;
    Ok(json!({
        "id": session.thread, "type": "session_thread", "session_id": id, "agent": shown["agent"],
        "parent_thread_id": null, "status": shown["status"], "usage": shown["usage"], "stats": shown["stats"],
        "created_at": shown["created_at"], "updated_at": shown["updated_at"], "archived_at": shown["archived_at"],
    }))
}

fn history(state: &mut State, request: &Request, id: &str) -> Answered {
    request.only(&[
        "order",
        "types[]",
        "created_at[gt]",
        "created_at[gte]",
        "created_at[lt]",
        "created_at[lte]",
        "limit",
        "page",
    ])?;
    let types = request.all("types[]", &[])?;
    let mut items = Vec::new();
    for (at, event) in state.session(id)?.history().into_iter().enumerate() {
        let is_asked = types.is_empty() || types.iter().any(|it| event["type"] == it.as_str());
        let time = event["processed_at"].as_str().unwrap_or_default();
        if is_asked && request.is_within(time) {
            items.push((by_number(at as u64), event));
        }
    }
    let asked = request.ordered(request.page(state.pace.events, 1_000)?, "asc")?;
    page(items, &asked, state)
}

fn send(shared: &Arc<Shared>, state: &mut State, request: &Request, id: &str) -> Answered {
    let body = request.body(&["events"])?;
    let events = list(&body, "events")?;
    if events.is_empty() {
        return Err(Refusal::invalid("events: at least one"));
    }
    let session = state.session(id)?;
    if session.status() == "terminated" || session.shown["archived_at"].is_string() {
        return Err(Refusal::invalid("the session takes no more events"));
    }
    let (is_capped, waiting) = (session.actor.is_capped, session.actor.waiting.clone());
    let mut answered = Vec::new();
    let mut is_interrupted = false;
    let mut has_outcome = session.actor.outcome.is_some();
    for (at, event) in events.iter().enumerate() {
        check(event)?;
        let kind = event["type"].as_str().unwrap_or_default();
        let is_starting = matches!(
            kind,
            "user.message" | "user.define_outcome" | "system.message"
        );
        if is_starting && is_capped {
            return Err(Refusal::invalid(
                "the budget is reached; only settling events are taken",
            ));
        }
        if is_starting && !is_interrupted && waiting.len() != answered.len() {
            return Err(Refusal::invalid("the session waits for an action"));
        }
        match kind {
            "user.interrupt" => is_interrupted = true,
            "system.message" if at == 0 || at + 1 != events.len() => {
                let message = "system.message: last in the request, right after a user event";
                return Err(Refusal::invalid(message));
            }
            "user.define_outcome" => {
                let had_outcome = std::mem::replace(&mut has_outcome, true);
                if had_outcome && !is_interrupted {
                    return Err(Refusal::invalid("an outcome is active already"));
                }
            }
            "user.custom_tool_result" | "user.tool_confirmation" => {
                let (call, is_ask) = settles(event);
                let is_open = waiting
                    .iter()
                    .any(|it| it.id == call && it.answer.is_some() == is_ask);
                if is_interrupted || !is_open || answered.contains(&call) {
                    return Err(Refusal::invalid(format!("{call} does not wait for this")));
                }
                answered.push(call);
            }
            _ => {}
        }
    }
    take(shared, state, id, &events)
}

/// What an event answers, and whether as a confirmation.
fn settles(event: &Value) -> (String, bool) {
    let is_ask = event["type"] == "user.tool_confirmation";
    let name = if is_ask {
        "tool_use_id"
    } else {
        "custom_tool_use_id"
    };
    (event[name].as_str().unwrap_or_default().to_owned(), is_ask)
}

/// Takes events that were checked: echoes them, and sets the session going.
pub(super) fn take(
    shared: &Arc<Shared>,
    state: &mut State,
    id: &str,
    events: &[Value],
) -> Answered {
    let mut echoes = Vec::new();
    let mut was_answered = false;
    for event in events {
        let mut echo = event.clone();
        let kind = event["type"].as_str().unwrap_or_default();
        if kind == "user.define_outcome" {
            echo["outcome_id"] = json!(state.id("outc").0);
            echo["max_iterations"] = json!(event["max_iterations"].as_u64().unwrap_or(3));
        }
        echo["id"] = json!(state.id("sevt").0);
        state.emit(id, echo.clone());
        let session = state.session(id)?;
        if let Some((_, stored)) = session.feed.last() {
            echo.clone_from(stored);
        }
        let actor = &mut session.actor;
        match kind {
            "user.message" => actor.prompts.push_back(Prompt::Message(said(event))),
            "user.define_outcome" => actor.prompts.push_back(Prompt::Outcome(echo.clone())),
            "user.interrupt" => play::interrupt(state, id),
            "user.custom_tool_result" | "user.tool_confirmation" => {
                was_answered = true;
                play::settle(state, id, &settles(event).0, event);
            }
            _ => {}
        }
        echoes.push(echo);
    }
    play::go_on(shared, state, id, was_answered);
    Ok(Reply::Json(json!({"data": echoes})))
}

/// The text of a message.
fn said(event: &Value) -> String {
    let blocks = event["content"].as_array().into_iter().flatten();
    let texts = blocks.filter_map(|it| it["text"].as_str());
    texts.collect::<Vec<_>>().join("\n")
}

/// Checks an event by itself.
pub(super) fn check(event: &Value) -> Result<(), Refusal> {
    let kind = event["type"].as_str().unwrap_or_default();
    let fields: &[&str] = match kind {
        "user.message" | "system.message" => &["type", "content"],
        "user.interrupt" => &["type", "session_thread_id"],
        "user.tool_confirmation" => &["type", "tool_use_id", "result", "deny_message"],
        "user.custom_tool_result" => &["type", "custom_tool_use_id", "content", "is_error"],
        "user.define_outcome" => &["type", "description", "rubric", "max_iterations"],
        "user.tool_result" => {
            let message = "user.tool_result: only for self-hosted sandboxes";
            return Err(Refusal::invalid(message));
        }
        _ => {
            return Err(Refusal::invalid(format!(
                "events: type `{kind}` is unknown"
            )));
        }
    };
    let map = object(event, "events", fields)?;
    match kind {
        "user.message" => blocks(&map, &["text", "image", "document"], true),
        "system.message" => blocks(&map, &["text"], true),
        "user.custom_tool_result" => {
            must(&map, "custom_tool_use_id", 1..=200)?;
            if !matches!(
                map.get("is_error"),
                None | Some(Value::Null | Value::Bool(_))
            ) {
                return Err(Refusal::invalid("is_error: must be a boolean"));
            }
            blocks(&map, &["text", "image", "document", "search_result"], false)
        }
        "user.tool_confirmation" => {
            must(&map, "tool_use_id", 1..=200)?;
            let result = must(&map, "result", 1..=10)?;
            let has_reason = map.get("deny_message").is_some_and(|it| !it.is_null());
            if result != "deny" && (result != "allow" || has_reason) {
                return Err(Refusal::invalid(
                    "result: allow, or deny with a deny_message",
                ));
            }
            Ok(())
        }
        "user.define_outcome" => check_outcome(&map),
        _ => Ok(()),
    }
}

fn blocks(map: &Map<String, Value>, known: &[&str], is_needed: bool) -> Result<(), Refusal> {
    let blocks = list(map, "content")?;
    if is_needed && blocks.is_empty() {
        return Err(Refusal::invalid("content: at least one block"));
    }
    for block in &blocks {
        let kind = block["type"].as_str().unwrap_or_default();
        if !known.contains(&kind) {
            return Err(Refusal::invalid(format!(
                "content: a block `{kind}` is not taken here"
            )));
        }
        let map = block.as_object().cloned().unwrap_or_default();
        if kind == "text" {
            must(&map, "text", 1..=usize::MAX)?;
        }
    }
    Ok(())
}

fn check_outcome(map: &Map<String, Value>) -> Result<(), Refusal> {
    must(map, "description", 1..=usize::MAX)?;
    let rubric = map.get("rubric").unwrap_or(&Value::Null);
    let is_text = rubric["type"] == "text";
    let fields = ["type", if is_text { "content" } else { "file_id" }];
    let rubric = object(rubric, "rubric", &fields)?;
    if !is_text && rubric.get("type") != Some(&json!("file")) {
        return Err(Refusal::invalid("rubric.type: text or file"));
    }
    must(&rubric, fields[1], 1..=262_144)?;
    text(&rubric, "type", 1..=10)?;
    let times = map.get("max_iterations").filter(|it| !it.is_null());
    if times.is_some_and(|it| !it.as_u64().is_some_and(|it| (1..=20).contains(&it))) {
        return Err(Refusal::invalid("max_iterations: from 1 to 20"));
    }
    Ok(())
}
