//! Dreams: made, polled, canceled, archived; and what they write, tick by tick.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use serde_json::{Map, Value, json};

use super::{
    Shared,
    answer::{Answered, Refusal, Reply, by_number, page},
    fields::{Request, list, must, object, text},
    script::{Dreamt, Night},
    state::State,
    stores::may_write,
};

/// A dream.
pub(super) struct Dreaming {
    number: u64,
    pub(super) shown: Value,
    ticks: usize,
    dreamt: Option<Dreamt>,
    /// Whether it writes nothing more; a canceled one takes a moment.
    has_stopped: bool,
}

impl Dreaming {
    fn text(&self, pointer: &str) -> String {
        let found = self.shown.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    }

    fn is_final(&self) -> bool {
        ["completed", "failed", "canceled"].contains(&self.text("/status").as_str())
    }

    /// Ids of the dreamed sessions.
    fn sessions(&self) -> Vec<String> {
        let ids = self.shown["inputs"][1]["session_ids"].as_array();
        let ids = ids.into_iter().flatten().filter_map(Value::as_str);
        ids.map(str::to_owned).collect()
    }
}

/// `/v1/dreams` and what is below.
pub(super) fn handle(shared: &Arc<Shared>, request: &Request, path: &[&str]) -> Answered {
    match (request.method.as_str(), path) {
        ("POST", []) => create(&mut shared.lock(), request),
        ("GET", []) => listed(&shared.lock(), request),
        ("GET", [id]) => {
            request.only(&[])?;
            let shown = shown(&mut shared.lock(), id)?;
            if !shared.lock().pace.polls_tick {
                return Ok(Reply::Json(shown));
            }
            tick(shared, id);
            Ok(Reply::Json(shown))
        }
        ("POST", [id, "cancel"]) => cancel(&mut shared.lock(), request, id),
        (_, [id, ..]) => archive(&mut shared.lock(), request, id),
        _ => Err(Refusal::missing(&request.path)),
    }
}

fn known<'all>(state: &'all mut State, id: &str) -> Result<&'all mut Dreaming, Refusal> {
    let found = state.dreams.get_mut(id);
    found.ok_or_else(|| Refusal::missing(&format!("dream {id}")))
}

fn shown(state: &mut State, id: &str) -> Result<Value, Refusal> {
    Ok(known(state, id)?.shown.clone())
}

fn create(state: &mut State, request: &Request) -> Answered {
    let body = request.body(&["inputs", "model", "instructions", "output_behavior"])?;
    let (store, sessions) = inputs(state, &body)?;
    let model = model(&body)?;
    let instructions = text(&body, "instructions", 1..=4_096)?;
    let behavior = behavior(state, &body, &store)?;
    let (id, number) = state.id("drm");
    let now = state.now();
    let shown = json!({
        "id": id, "type": "dream", "status": "pending",
        "inputs": [{"type": "memory_store", "memory_store_id": store},
            {"type": "sessions", "session_ids": sessions}],
        "outputs": [], "model": model, "instructions": instructions, "output_behavior": behavior,
        "session_id": null, "created_at": now, "ended_at": null, "archived_at": null, "error": null,
        "usage": usage(0),
    });
    state.made.push(("dream", id.clone()));
    let dreaming = Dreaming {
        number,
        shown: shown.clone(),
        ticks: 0,
        dreamt: None,
        has_stopped: false,
    };
    state.dreams.insert(id, dreaming);
    Ok(Reply::Json(shown))
}

fn usage(ticks: usize) -> Value {
    json!({"input_tokens": 10 * ticks, "output_tokens": 5 * ticks,
        "cache_creation_input_tokens": 100 * ticks, "cache_read_input_tokens": 400 * ticks})
}

/// The store and the sorted sessions that a dream is to read.
fn inputs(state: &mut State, body: &Map<String, Value>) -> Result<(String, Vec<String>), Refusal> {
    let (mut store, mut sessions) = (None, None);
    for input in list(body, "inputs")? {
        match input["type"].as_str() {
            Some("memory_store") if store.is_none() => {
                let map = object(&input, "inputs", &["type", "memory_store_id"])?;
                store = Some(must(&map, "memory_store_id", 1..=200)?);
            }
            Some("sessions") if sessions.is_none() => {
                let map = object(&input, "inputs", &["type", "session_ids"])?;
                sessions = Some(list(&map, "session_ids")?);
            }
            _ => {
                return Err(Refusal::invalid(
                    "inputs: one memory_store and one sessions entry",
                ));
            }
        }
    }
    let (Some(store), Some(sessions)) = (store, sessions) else {
        return Err(Refusal::invalid(
            "inputs: one memory_store and one sessions entry",
        ));
    };
    state.open_store(&store)?;
    let mut ids = Vec::new();
    for session in &sessions {
        let id = session
            .as_str()
            .ok_or_else(|| Refusal::invalid("session_ids: strings"))?;
        state.session(id)?;
        ids.push(id.to_owned());
    }
    ids.sort();
    if !(1..=100).contains(&ids.len()) {
        return Err(Refusal::invalid("session_ids: from 1 to 100"));
    }
    if ids.windows(2).any(|it| it[0] == it[1]) {
        return Err(Refusal::invalid("session_ids: no duplicates"));
    }
    Ok((store, ids))
}

fn model(body: &Map<String, Value>) -> Result<Value, Refusal> {
    let asked = match body.get("model") {
        Some(Value::String(id)) => json!({"id": id}),
        Some(other) => other.clone(),
        None => return Err(Refusal::invalid("model: field required")),
    };
    let map = object(&asked, "model", &["id", "speed"])?;
    let id = must(&map, "id", 1..=256)?;
    if text(&map, "speed", 1..=20)?.is_some_and(|it| it != "standard") {
        return Err(Refusal::invalid("model.speed: only standard"));
    }
    Ok(json!({"id": id, "speed": "standard"}))
}

fn behavior(state: &mut State, body: &Map<String, Value>, store: &str) -> Result<Value, Refusal> {
    let Some(asked) = body.get("output_behavior").filter(|it| !it.is_null()) else {
        return Ok(json!({"type": "create_new"}));
    };
    match asked["type"].as_str() {
        Some("create_new") => {
            object(asked, "output_behavior", &["type"])?;
        }
        Some("update_existing") => {
            let map = object(asked, "output_behavior", &["type", "memory_store_id"])?;
            if must(&map, "memory_store_id", 1..=200)? != store {
                return Err(Refusal::invalid(
                    "output_behavior: the store must be the input store",
                ));
            }
            may_write(state)?;
            let mut is_busy = false;
            for other in state.dreams.values_mut() {
                let is_same = other.shown["output_behavior"] == *asked;
                if is_same && !other.has_stopped {
                    is_busy = true;
                    other.has_stopped = other.is_final();
                }
            }
            if is_busy {
                return Err(Refusal::conflict(
                    "another dream still writes to this store",
                ));
            }
        }
        _ => return Err(Refusal::invalid("output_behavior.type: unknown")),
    }
    Ok(asked.clone())
}

fn listed(state: &State, request: &Request) -> Answered {
    request.only(&[
        "limit",
        "page",
        "statuses[]",
        "created_at[gt]",
        "created_at[lt]",
        "include_archived",
    ])?;
    let known = ["pending", "running", "completed", "failed", "canceled"];
    let statuses = request.all("statuses[]", &known)?;
    let has_archived = request.flag("include_archived")?;
    let mut items = Vec::new();
    for dream in state.dreams.values() {
        let is_asked = (statuses.is_empty() || statuses.contains(&dream.text("/status")))
            && (has_archived || dream.shown["archived_at"].is_null());
        if is_asked && request.is_within(&dream.text("/created_at")) {
            items.push((by_number(dream.number), dream.shown.clone()));
        }
    }
    page(items, &request.page(20, 100)?, state)
}

fn cancel(state: &mut State, request: &Request, id: &str) -> Answered {
    request.body(&[])?;
    let dream = known(state, id)?;
    match dream.text("/status").as_str() {
        "canceled" => {}
        "completed" | "failed" => {
            return Err(Refusal::invalid("the dream has ended"));
        }
        _ => end(state, id, "canceled", Value::Null),
    }
    Ok(Reply::Json(shown(state, id)?))
}

fn archive(state: &mut State, request: &Request, id: &str) -> Answered {
    request.body(&[])?;
    let now = state.now();
    let dream = known(state, id)?;
    if !dream.is_final() {
        return Err(Refusal::invalid(
            "only a dream that has ended can be archived",
        ));
    }
    if dream.shown["archived_at"].is_null() {
        dream.shown["archived_at"] = json!(now);
    }
    Ok(Reply::Json(dream.shown.clone()))
}

/// Ends a dream and archives its pipeline session.
fn end(state: &mut State, id: &str, status: &str, error: Value) {
    let now = state.now();
    let Ok(dream) = known(state, id) else { return };
    dream.shown["status"] = json!(status);
    dream.shown["ended_at"] = json!(now);
    dream.shown["error"] = error;
    dream.has_stopped = status != "canceled";
    let session = dream.text("/session_id");
    if let Some(session) = state.sessions.get_mut(&session) {
        session.shown["status"] = json!("idle");
        session.shown["archived_at"] = json!(now);
        let reason = json!({"type": "end_turn"});
        state.emit(
            &session_id(state, id),
            json!({"type": "session.status_idle", "stop_reason": reason, "stop_details": null}),
        );
    }
}

fn session_id(state: &State, id: &str) -> String {
    state.dreams[id].text("/session_id")
}

/// Lets a dream's clock go on.
pub(super) fn tick(shared: &Shared, id: &str) {
    let night = {
        let mut state = shared.lock();
        let Some(dream) = state.dreams.get_mut(id) else {
            return;
        };
        if dream.is_final() {
            // Usage may still move after a cancel, once.
            if !dream.has_stopped {
                dream.has_stopped = true;
                dream.shown["usage"] = usage(dream.ticks + 1);
            }
            return;
        }
        dream.ticks += 1;
        let (ticks, sessions) = (dream.ticks, dream.sessions());
        let is_pending = dream.text("/status") == "pending";
        if let Some(kind) = lost(&mut state, id, &sessions) {
            end(
                &mut state,
                id,
                "failed",
                json!({"type": kind, "message": "an input is gone"}),
            );
            return;
        }
        (is_pending && state.pace.dream[0] <= ticks).then(|| begin(&mut state, id))
    };
    if let Some(night) = night {
        let dreamt = catch_unwind(AssertUnwindSafe(|| (shared.dream)(&night)));
        let failed = |_| {
            Dreamt::Failed(
                "internal_error".to_owned(),
                "panicked".to_owned(),
                night.memories.clone(),
            )
        };
        let dreamt = dreamt.unwrap_or_else(failed);
        if let Some(dream) = shared.lock().dreams.get_mut(id) {
            dream.dreamt = Some(dreamt);
        }
    }
    go_on(&mut shared.lock(), id);
    shared.tell();
}

/// The kind of error if an input is no longer there.
fn lost(state: &mut State, id: &str, sessions: &[String]) -> Option<&'static str> {
    let store = state.dreams[id].text("/inputs/0/memory_store_id");
    if state.open_store(&store).is_err() {
        return Some("input_memory_store_unavailable");
    }
    let is_lost = sessions.iter().any(|it| state.session(it).is_err());
    is_lost.then_some("input_session_unavailable")
}

/// Starts the pipeline session, and looks at the inputs.
fn begin(state: &mut State, id: &str) -> Night {
    let dream = &state.dreams[id];
    let model = dream.shown["model"].clone();
    let sessions = dream.sessions();
    let store = dream.text("/inputs/0/memory_store_id");
    let instructions = dream.shown["instructions"].as_str().map(str::to_owned);
    let session = state.make_session(json!({
        "agent": {"type": "agent", "id": "agent_01DREAMS", "version": 1, "name": "dreaming", "model": model.clone(),
            "tools": [{"type": "agent_toolset_20260401", "default_config": {"enabled": true}, "configs": []}]},
        "environment_id": "env_01DREAMS", "title": null, "metadata": {}, "resources": [], "vault_ids": [],
        "budget": null,
    }));
    state.emit(&session, json!({"type": "session.status_running"}));
    if let Some(made) = state.sessions.get_mut(&session) {
        made.shown["status"] = json!("running");
    }
    if let Some(dream) = state.dreams.get_mut(id) {
        dream.shown["status"] = json!("running");
        dream.shown["session_id"] = json!(session);
    }
    let read = |it: String| {
        let events = state.sessions.get(&it).map(|it| it.history());
        (it, events.unwrap_or_default())
    };
    Night {
        memories: state
            .stores
            .get(&store)
            .map(|it| it.contents())
            .unwrap_or_default(),
        sessions: sessions.into_iter().map(read).collect(),
        instructions,
        model: model["id"].as_str().unwrap_or_default().to_owned(),
    }
}

/// What a running dream does at its newest tick: nothing to see, the output store with half of what is written, the
/// end.
fn go_on(state: &mut State, id: &str) {
    let Some(dream) = state.dreams.get_mut(id) else {
        return;
    };
    if dream.text("/status") != "running" {
        return;
    }
    let [wait, quiet, rest] = state.pace.dream;
    let ran = dream.ticks - wait;
    dream.shown["usage"] = usage(ran + 1);
    let Some(dreamt) = dream.dreamt.clone() else {
        return;
    };
    let output = dream.text("/outputs/0/memory_store_id");
    if output.is_empty() && quiet <= ran {
        let memories = match &dreamt {
            Dreamt::Memories(it) | Dreamt::Failed(_, _, it) => it,
        };
        let output = open_output(state, id);
        write(state, id, (&output, memories), true);
    }
    if ran < quiet + rest {
        return;
    }
    let output = state.dreams[id].text("/outputs/0/memory_store_id");
    match dreamt {
        Dreamt::Memories(memories) => {
            write(state, id, (&output, &memories), false);
            end(state, id, "completed", Value::Null);
        }
        Dreamt::Failed(kind, message, memories) => {
            write(state, id, (&output, &memories), false);
            end(
                state,
                id,
                "failed",
                json!({"type": kind, "message": message}),
            );
        }
    }
}

/// The store that is written to: the input itself, or a copy of it.
fn open_output(state: &mut State, id: &str) -> String {
    let dream = &state.dreams[id];
    let input = dream.text("/inputs/0/memory_store_id");
    let is_new = dream.shown["output_behavior"]["type"] != "update_existing";
    let actor = actor(state, id);
    let output = if is_new {
        let (name, contents) = match state.stores.get(&input) {
            Some(it) => (
                it.shown["name"].as_str().unwrap_or_default().to_owned(),
                it.contents(),
            ),
            None => (String::new(), BTreeMap::new()),
        };
        let output = state.make_store(&name, None, &json!({}));
        for (path, content) in contents {
            let _ = state.put(&output, &path, &content, &actor);
        }
        output
    } else {
        input
    };
    if let Some(dream) = state.dreams.get_mut(id) {
        dream.shown["outputs"] = json!([{"type": "memory_store", "memory_store_id": output}]);
    }
    output
}

fn actor(state: &State, id: &str) -> Value {
    json!({"type": "session_actor", "session_id": session_id(state, id)})
}

/// Makes a store hold these memories, or half of the way there.
fn write(
    state: &mut State,
    id: &str,
    (store, memories): (&str, &BTreeMap<String, String>),
    is_half: bool,
) {
    let before = state
        .stores
        .get(store)
        .map(|it| it.contents())
        .unwrap_or_default();
    let gone = before.keys().filter(|it| !memories.contains_key(*it));
    let mut changes: Vec<(&String, Option<&String>)> = gone.map(|it| (it, None)).collect();
    let new = memories.iter().filter(|it| before.get(it.0) != Some(it.1));
    changes.extend(new.map(|(path, content)| (path, Some(content))));
    if is_half {
        changes.truncate(changes.len() / 2);
    }
    let (actor, session) = (actor(state, id), session_id(state, id));
    for (path, content) in changes {
        let written = match content {
            None => state.forget(store, path, &actor),
            Some(content) => state.put(store, path, content, &actor).map(|_| ()),
        };
        let input = json!({"file_path": format!("/mnt/memory/output{path}"), "content": content});
        state.emit(
            &session,
            json!({"type": "agent.tool_use", "name": "write", "input": input, "evaluated_permission": "allow"}),
        );
        if let Err(refusal) = written {
            let error = json!({"type": "unknown_error", "message": refusal.message, "retry_status": {"type": "exhausted"}});
            state.emit(&session, json!({"type": "session.error", "error": error}));
        }
    }
}
