//! Sessions: made, read, listed, changed, archived, deleted. What happens in them is in `events` and `play`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Shared, agents,
    answer::{Answered, Refusal, Reply, by_number, page},
    events,
    fields::{Request, list, metadata, must, object, text},
    files,
    memories::check_resources,
    play::{self, Actor},
    state::State,
    stores,
};

/// A session.
pub(super) struct Session {
    pub(super) number: u64,
    pub(super) shown: Value,
    pub(super) thread: String,
    /// Events in order, each with whether history keeps it.
    pub(super) feed: Vec<(bool, Value)>,
    pub(super) actor: Actor,
    pub(super) is_deleted: bool,
}

impl Session {
    /// The stored events.
    pub(super) fn history(&self) -> Vec<Value> {
        let stored = self.feed.iter().filter(|it| it.0);
        stored.map(|it| it.1.clone()).collect()
    }

    pub(super) fn status(&self) -> &str {
        self.shown["status"].as_str().unwrap_or_default()
    }
}

impl State {
    /// Adds an event to a session's history and streams, and returns its id.
    pub(super) fn emit(&mut self, session: &str, mut event: Value) -> String {
        if event.get("id").is_none() {
            event["id"] = json!(self.id("sevt").0);
        }
        event["processed_at"] = json!(self.now());
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        if let Some(session) = self.sessions.get_mut(session) {
            session.feed.push((true, event));
        }
        id
    }

    /// A session that is idle and has not run.
    pub(super) fn make_session(&mut self, mut shown: Value) -> String {
        let (id, number) = self.id("sesn");
        let (thread, _) = self.id("sthr");
        let now = self.now();
        shown["id"] = json!(id);
        shown["type"] = json!("session");
        shown["status"] = json!("idle");
        shown["outcome_evaluations"] = json!([]);
        shown["stats"] = json!({"active_seconds": 0, "duration_seconds": 0});
        shown["usage"] = json!({});
        shown["deployment_id"] = Value::Null;
        shown["created_at"] = json!(now);
        shown["updated_at"] = json!(now);
        shown["archived_at"] = Value::Null;
        self.made.push(("session", id.clone()));
        let session = Session {
            number,
            shown,
            thread,
            feed: Vec::new(),
            actor: Actor::default(),
            is_deleted: false,
        };
        self.sessions.insert(id.clone(), session);
        id
    }
}

/// `/v1/sessions` and what is below, but not events, threads and resources.
pub(super) fn handle(
    shared: &Arc<Shared>,
    state: &mut State,
    request: &Request,
    path: &[&str],
) -> Answered {
    match (request.method.as_str(), path) {
        ("POST", []) => create(shared, state, request),
        ("GET", []) => listed(state, request),
        ("GET", [id]) => {
            request.only(&[])?;
            Ok(Reply::Json(state.session(id)?.shown.clone()))
        }
        ("POST", [id]) => update(shared, state, request, id),
        ("DELETE", [id]) => {
            is_at_rest(state, id)?;
            let number = state.now();
            let gone = json!({"id": state.id("sevt").0, "type": "session.deleted", "processed_at": number});
            let session = state.session(id)?;
            session.feed.push((false, gone));
            session.is_deleted = true;
            state.deleted.push(("session", (*id).to_owned()));
            files::discard(state, id);
            Ok(Reply::Json(json!({"id": id, "type": "session_deleted"})))
        }
        (_, [id, ..]) => {
            request.body(&[])?;
            is_at_rest(state, id)?;
            let now = state.now();
            let session = state.session(id)?;
            if session.shown["archived_at"].is_null() {
                session.shown["archived_at"] = json!(now);
            }
            Ok(Reply::Json(session.shown.clone()))
        }
        _ => Err(Refusal::missing(&request.path)),
    }
}

fn is_at_rest(state: &mut State, id: &str) -> Result<(), Refusal> {
    let session = state.session(id)?;
    if matches!(session.status(), "running" | "rescheduling") {
        let message = "the session is running; send user.interrupt first";
        return Err(Refusal::invalid(message));
    }
    Ok(())
}

fn create(shared: &Arc<Shared>, state: &mut State, request: &Request) -> Answered {
    let body = request.body(&[
        "agent",
        "environment_id",
        "title",
        "metadata",
        "resources",
        "budget",
        "initial_events",
        "vault_ids",
    ])?;
    let agent = agents::resolve(state, body.get("agent"))?;
    let environment = must(&body, "environment_id", 1..=200)?;
    match state.environments.get(&environment) {
        None => return Err(Refusal::missing(&format!("environment {environment}"))),
        Some(it) if it.shown["archived_at"].is_string() => {
            return Err(Refusal::invalid(format!(
                "environment {environment} is archived"
            )));
        }
        Some(_) => {}
    }
    let budget = budget(state, &body, &agent)?;
    let first = list(&body, "initial_events")?;
    check_first(&first)?;
    let title = text(&body, "title", 0..=4_096)?;
    let metadata = metadata(&body, None)?;
    let vaults = list(&body, "vault_ids")?;
    let mut resources = Vec::new();
    let asked = check_resources(&body)?;
    if 500 < asked.iter().filter(|it| it["type"] == "file").count() {
        return Err(Refusal::invalid("resources: at most 500 files"));
    }
    for resource in asked {
        resources.push(if resource["type"] == "memory_store" {
            let fields = ["type", "memory_store_id", "access", "instructions"];
            stores::attach(state, &object(&resource, "resources", &fields)?)?
        } else {
            files::attach(state, &resource)?
        });
    }
    let id = state.make_session(json!({
        "agent": agent, "environment_id": environment, "title": title, "metadata": metadata,
        "resources": resources, "vault_ids": vaults, "budget": budget,
    }));
    if !first.is_empty() {
        events::take(shared, state, &id, &first)?;
    }
    Ok(Reply::Json(state.session(&id)?.shown.clone()))
}

fn check_first(events: &[Value]) -> Result<(), Refusal> {
    if 50 < events.len() {
        return Err(Refusal::invalid("initial_events: at most 50"));
    }
    for event in events {
        if event["type"] != "user.message" && event["type"] != "user.define_outcome" {
            let message = "initial_events: only user.message and user.define_outcome";
            return Err(Refusal::invalid(message));
        }
        events::check(event)?;
    }
    let outcomes = events
        .iter()
        .filter(|it| it["type"] == "user.define_outcome");
    if 1 < outcomes.count() {
        return Err(Refusal::invalid(
            "initial_events: at most one user.define_outcome",
        ));
    }
    Ok(())
}

/// The budget of a body, null if there is none.
fn budget(state: &State, body: &Map<String, Value>, agent: &Value) -> Result<Value, Refusal> {
    let Some(budget) = body.get("budget").filter(|it| !it.is_null()) else {
        return Ok(Value::Null);
    };
    let map = object(budget, "budget", &["type", "max_list_cost"])?;
    if budget["type"] != "limit" {
        return Err(Refusal::invalid("budget.type: must be limit"));
    }
    let cost = map.get("max_list_cost").unwrap_or(&Value::Null);
    let cost = object(cost, "budget.max_list_cost", &["amount", "currency"])?;
    let amount = must(&cost, "amount", 1..=12)?;
    if !amount.bytes().all(|it| it.is_ascii_digit()) || amount.bytes().all(|it| it == b'0') {
        return Err(Refusal::invalid(
            "budget.max_list_cost.amount: whole cents as a string",
        ));
    }
    if must(&cost, "currency", 3..=3)? != "USD" {
        return Err(Refusal::invalid(
            "budget.max_list_cost.currency: must be USD",
        ));
    }
    let model = agent["model"]["id"].as_str().unwrap_or_default();
    if state.pace.unpriced.iter().any(|it| it == model) {
        let refusal = Refusal::invalid(format!("{model} has no list price"));
        return Err(refusal.coded("model_not_budgetable"));
    }
    Ok(budget.clone())
}

fn listed(state: &State, request: &Request) -> Answered {
    request.only(&[
        "agent_id",
        "agent_version",
        "created_at[gt]",
        "created_at[gte]",
        "created_at[lt]",
        "created_at[lte]",
        "deployment_id",
        "include_archived",
        "memory_store_id",
        "statuses[]",
        "order",
        "limit",
        "page",
    ])?;
    let has_archived = request.flag("include_archived")?;
    let statuses = request.all(
        "statuses[]",
        &["idle", "running", "rescheduling", "terminated"],
    )?;
    let mut items = Vec::new();
    for session in state.sessions.values().filter(|it| !it.is_deleted) {
        let shown = &session.shown;
        let is = |name: &str, own: &Value| request.asked(name).is_none_or(|it| own == it);
        let mut stores = shown["resources"].as_array().into_iter().flatten();
        let version = request.asked("agent_version");
        let is_asked = is("agent_id", &shown["agent"]["id"])
            && version.is_none_or(|it| shown["agent"]["version"].as_u64() == it.parse().ok())
            && is("deployment_id", &shown["deployment_id"])
            && (request.asked("memory_store_id").is_none()
                || stores.any(|it| is("memory_store_id", &it["memory_store_id"])))
            && (statuses.is_empty() || statuses.iter().any(|it| it == session.status()))
            && (has_archived || shown["archived_at"].is_null());
        let time = shown["created_at"].as_str().unwrap_or_default();
        if is_asked && request.is_within(time) {
            items.push((by_number(session.number), shown.clone()));
        }
    }
    let mut asked = request.ordered(request.page(20, 1_000)?, "desc")?;
    asked.has_previous = true;
    page(items, &asked, state)
}

fn update(shared: &Arc<Shared>, state: &mut State, request: &Request, id: &str) -> Answered {
    let body = request.body(&["title", "metadata", "budget", "agent"])?;
    let session = state.session(id)?;
    let mut shown = session.shown.clone();
    if shown["archived_at"].is_string() {
        return Err(Refusal::invalid("the session is archived"));
    }
    if let Some(title) = body.get("title") {
        text(&body, "title", 0..=4_096)?;
        shown["title"] = title.clone();
    }
    shown["metadata"] = metadata(&body, Some(&shown["metadata"]))?;
    if let Some(agent) = body.get("agent") {
        if session.status() != "idle" {
            return Err(Refusal::invalid("agent: only while the session is idle"));
        }
        let map = object(agent, "agent", &["tools", "mcp_servers"])?;
        agents::lay_over(&mut shown["agent"], &map, false)?;
    }
    if body.contains_key("budget") {
        if shown["budget"].is_null() {
            return Err(Refusal::invalid("budget: can be attached only at creation"));
        }
        shown["budget"] = budget(state, &body, &shown["agent"])?;
    }
    shown["updated_at"] = json!(state.now());
    state.session(id)?.shown = shown.clone();
    state.emit(id, json!({"type": "session.updated"}));
    if body.contains_key("budget") {
        play::resume_capped(shared, state, id);
    }
    Ok(Reply::Json(state.session(id)?.shown.clone()))
}
