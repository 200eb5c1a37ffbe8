//! Plays sessions: asks the test's script what the model does, and does it, step by step.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    Shared, agents, files,
    outcomes::{self, Outcome},
    script::{Mount, Scene, Step, Stop, Verdict},
    state::State,
};

/// What a session does, and what it waits for.
#[derive(Default)]
pub(super) struct Actor {
    pub(super) prompts: VecDeque<Prompt>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) outcome: Option<Outcome>,
    /// Whether the budget stopped it.
    pub(super) is_capped: bool,
    /// How often a test let it go past a hold.
    pub(super) releases: usize,
    steps: VecDeque<Step>,
    pub(super) is_in_turn: bool,
    turn: usize,
    prompt: String,
    results: Vec<Value>,
    /// Counts starts and interrupts: who plays an earlier one stops.
    generation: u64,
}

/// What sets a session going.
#[derive(Clone)]
pub(super) enum Prompt {
    Message(String),
    /// The event that defined it.
    Outcome(Value),
}

/// A call that waits for the client.
#[derive(Clone)]
pub(super) struct Waiting {
    pub(super) id: String,
    /// What a built-in tool will say if it is allowed; `None` for a custom tool.
    pub(super) answer: Option<String>,
}

/// What comes next in a session.
enum Next {
    Stop,
    After(Duration),
    Hold,
    Ask(Box<Scene>, Duration),
    Grade(Box<Scene>, u64),
}

/// Sets a session going if it is idle and there is something to do; tells what it still waits for.
pub(super) fn go_on(shared: &Arc<Shared>, state: &mut State, id: &str, was_answered: bool) {
    let Some(session) = state.sessions.get_mut(id) else {
        return;
    };
    if session.status() != "idle" || session.actor.is_capped {
        return;
    }
    if !session.actor.waiting.is_empty() {
        if was_answered {
            ask_client(state, id);
        }
        return;
    }
    if was_answered || next_prompt(state, id) {
        run(shared, state, id);
    }
}

/// Takes up work that a budget stopped.
pub(super) fn resume_capped(shared: &Arc<Shared>, state: &mut State, id: &str) {
    let actor = state.sessions.get_mut(id).map(|it| &mut it.actor);
    if actor.is_some_and(|it| std::mem::replace(&mut it.is_capped, false)) {
        run(shared, state, id);
    }
}

fn run(shared: &Arc<Shared>, state: &mut State, id: &str) {
    state.emit(id, json!({"type": "session.status_running"}));
    let Some(session) = state.sessions.get_mut(id) else {
        return;
    };
    session.shown["status"] = json!("running");
    session.actor.generation += 1;
    let generation = session.actor.generation;
    tokio::spawn(play(Arc::clone(shared), id.to_owned(), generation));
}

/// Takes up the next prompt, if there is one.
fn next_prompt(state: &mut State, id: &str) -> bool {
    let actor = state.sessions.get_mut(id).map(|it| &mut it.actor);
    let Some(actor) = actor else { return false };
    match actor.prompts.pop_front() {
        None => return false,
        Some(Prompt::Message(message)) => actor.prompt = message,
        Some(Prompt::Outcome(event)) => {
            event["description"]
                .as_str()
                .unwrap_or_default()
                .clone_into(&mut actor.prompt);
            outcomes::define(state, id, &event);
        }
    }
    true
}

/// Ends what a session does. An outcome it works for is interrupted.
pub(super) fn interrupt(state: &mut State, id: &str) {
    let Some(session) = state.sessions.get_mut(id) else {
        return;
    };
    let is_busy = session.status() == "running"
        || !session.actor.waiting.is_empty()
        || session.actor.is_capped;
    let actor = &mut session.actor;
    actor.generation += 1;
    actor.steps.clear();
    actor.waiting.clear();
    actor.prompts.clear();
    actor.is_in_turn = false;
    if let Some(outcome) = actor.outcome.take() {
        outcomes::verdict(state, id, &outcome, &Verdict::new("interrupted", ""));
    }
    if is_busy {
        idle(state, id, &Stop::EndTurn);
    }
}

/// Takes the answer to a call that waited.
pub(super) fn settle(state: &mut State, id: &str, call: &str, event: &Value) {
    let actor = state.sessions.get_mut(id).map(|it| &mut it.actor);
    let Some(actor) = actor else { return };
    let Some(at) = actor.waiting.iter().position(|it| it.id == call) else {
        return;
    };
    match actor.waiting.remove(at).answer {
        None => actor.results.push(event.clone()),
        Some(answer) => {
            let is_denied = event["result"] == "deny";
            let reason = event["deny_message"].as_str().unwrap_or("denied");
            let text = if is_denied { reason } else { &answer };
            tool_result(state, id, call, (text, is_denied));
        }
    }
}

async fn play(shared: Arc<Shared>, id: String, generation: u64) {
    loop {
        let next = next(&mut shared.lock(), &id, generation);
        shared.tell();
        match next {
            Next::Stop => return,
            Next::After(wait) if wait.is_zero() => tokio::task::yield_now().await,
            Next::After(wait) => tokio::time::sleep(wait).await,
            Next::Hold => released(&shared, &id, generation).await,
            Next::Ask(scene, wait) => {
                tokio::time::sleep(wait).await;
                let asked = catch_unwind(AssertUnwindSafe(|| (shared.script)(&scene)));
                let steps = asked.unwrap_or_else(|_| script_failed());
                if let Some(actor) = current(&mut shared.lock(), &id, generation) {
                    actor.steps.extend(steps);
                }
            }
            Next::Grade(scene, iteration) => {
                let graded = catch_unwind(AssertUnwindSafe(|| (shared.grader)(&scene, iteration)));
                let said = graded.unwrap_or_else(|_| Verdict::new("failed", "the grader panicked"));
                outcomes::judged(&mut shared.lock(), &id, generation, said);
            }
        }
    }
}

/// What a session does whose script panicked: it dies, so that no client waits for it.
fn script_failed() -> Vec<Step> {
    let error = Step::Error("unknown_error".to_owned(), "terminal".to_owned());
    vec![error, Step::Terminate]
}

async fn released(shared: &Shared, id: &str, generation: u64) {
    let mut changed = shared.changed.subscribe();
    loop {
        match current(&mut shared.lock(), id, generation) {
            None => return,
            Some(actor) if 0 < actor.releases => {
                actor.releases -= 1;
                return;
            }
            Some(_) => {}
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}

/// The actor, if it still plays this.
pub(super) fn current<'all>(
    state: &'all mut State,
    id: &str,
    generation: u64,
) -> Option<&'all mut Actor> {
    let session = state.sessions.get_mut(id)?;
    let is_current = session.status() == "running" && session.actor.generation == generation;
    is_current.then_some(&mut session.actor)
}

fn next(state: &mut State, id: &str, generation: u64) -> Next {
    let Some(actor) = current(state, id, generation) else {
        return Next::Stop;
    };
    if let Some(step) = actor.steps.pop_front() {
        return take(state, id, step);
    }
    if actor.is_in_turn {
        return end_turn(state, id, &Stop::EndTurn);
    }
    if is_spent(state, id) {
        if let Some(actor) = current(state, id, generation) {
            actor.is_capped = true;
        }
        idle(state, id, &Stop::BudgetReached);
        return Next::Stop;
    }
    request_model(state, id);
    let scene = scene(state, id);
    if let Some(actor) = current(state, id, generation) {
        actor.is_in_turn = true;
        actor.turn += 1;
        actor.results.clear();
    }
    Next::Ask(Box::new(scene), state.pace.turn)
}

fn is_spent(state: &State, id: &str) -> bool {
    let cents = |it: &Value| it["amount"].as_str().and_then(|it| it.parse::<u64>().ok());
    state.sessions.get(id).is_some_and(|session| {
        let most = cents(&session.shown["budget"]["max_list_cost"]);
        let spent = cents(&session.shown["usage"]["list_cost"]).unwrap_or(0);
        most.is_some_and(|it| it <= spent)
    })
}

/// A model request: its span, and what it adds to the session's usage.
fn request_model(state: &mut State, id: &str) {
    let [input, output, written, read] = state.pace.tokens;
    let cents = state.pace.cents;
    let started = state.emit(id, json!({"type": "span.model_request_start"}));
    state.emit(
        id,
        json!({
            "type": "span.model_request_end", "model_request_start_id": started, "is_error": false,
            "model_usage": {"input_tokens": input, "output_tokens": output,
                "cache_creation_input_tokens": written, "cache_read_input_tokens": read, "speed": "standard"},
        }),
    );
    let Some(session) = state.sessions.get_mut(id) else {
        return;
    };
    let usage = &mut session.shown["usage"];
    let sum = |before: &Value, more: u64| json!(before.as_u64().unwrap_or(0) + more);
    let spent = usage["list_cost"]["amount"].as_str();
    let spent = spent.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0) + cents;
    *usage = json!({
        "input_tokens": sum(&usage["input_tokens"], input),
        "output_tokens": sum(&usage["output_tokens"], output),
        "cache_read_input_tokens": sum(&usage["cache_read_input_tokens"], read),
        "cache_creation": {
            "ephemeral_5m_input_tokens": sum(&usage["cache_creation"]["ephemeral_5m_input_tokens"], written),
            "ephemeral_1h_input_tokens": 0,
        },
        "list_cost": {"amount": spent.to_string(), "currency": "USD"},
        "active_seconds": sum(&usage["active_seconds"], 1),
        "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
    });
    let seconds = usage["active_seconds"].clone();
    session.shown["stats"] = json!({"active_seconds": seconds, "duration_seconds": seconds});
}

fn scene(state: &State, id: &str) -> Scene {
    let session = &state.sessions[id];
    Scene {
        session: session.shown.clone(),
        memory: mounts(state, id),
        prompt: session.actor.prompt.clone(),
        turn: session.actor.turn,
        results: session.actor.results.clone(),
        events: session.history(),
    }
}

/// The stores of a session. An agent that has neither `read` nor `bash` cannot see them.
fn mounts(state: &State, id: &str) -> Vec<Mount> {
    let shown = &state.sessions[id].shown;
    if !agents::can(&shown["agent"], "read") && !agents::can(&shown["agent"], "bash") {
        return Vec::new();
    }
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let resources = shown["resources"].as_array().into_iter().flatten();
    resources
        .filter(|it| it["type"] == "memory_store")
        .map(|it| Mount {
            store: text(&it["memory_store_id"]),
            mount_path: text(&it["mount_path"]),
            is_read_only: it["access"] == "read_only",
            memories: state
                .stores
                .get(&text(&it["memory_store_id"]))
                .map(|it| it.contents())
                .unwrap_or_default(),
        })
        .collect()
}

fn take(state: &mut State, id: &str, step: Step) -> Next {
    match step {
        Step::Say(text) => {
            let content = json!([{"type": "text", "text": text}]);
            state.emit(id, json!({"type": "agent.message", "content": content}));
        }
        Step::Think => {
            state.emit(id, json!({"type": "agent.thinking"}));
        }
        Step::Read(at, path) => read(state, id, at, &path),
        Step::ReadAll => read_all(state, id),
        Step::Write(at, path, content) => write(state, id, at, (&path, &content)),
        Step::Builtin(name, input, says, is_error) => {
            builtin(state, id, (name, input), (&says, is_error));
        }
        Step::Custom(..) | Step::Ask(..) => return call_client(state, id, step),
        Step::Output(name, content) => {
            let input =
                json!({"file_path": format!("/mnt/session/outputs/{name}"), "content": content});
            builtin(state, id, ("write", input), ("written", false));
            files::make(state, &name, content.as_bytes(), Some(id));
        }
        Step::Error(kind, retry) => {
            let error = json!({"type": kind, "message": "as the test asked", "retry_status": {"type": retry}});
            state.emit(id, json!({"type": "session.error", "error": error}));
        }
        Step::Reschedule => {
            state.emit(id, json!({"type": "session.status_rescheduled"}));
            state.emit(id, json!({"type": "session.status_running"}));
        }
        Step::Event(event) => {
            state.emit(id, event);
        }
        Step::Pause(wait) => return Next::After(wait),
        Step::Hold => return Next::Hold,
        Step::End(stop) => return end_turn(state, id, &stop),
        Step::Terminate => {
            state.emit(id, json!({"type": "session.status_terminated"}));
            if let Some(session) = state.sessions.get_mut(id) {
                session.shown["status"] = json!("terminated");
            }
            files::publish(state, id);
            return Next::Stop;
        }
    }
    Next::After(state.pace.step)
}

fn builtin(state: &mut State, id: &str, (name, input): (&str, Value), says: (&str, bool)) {
    let call = json!({"type": "agent.tool_use", "name": name, "input": input, "evaluated_permission": "allow"});
    let call = state.emit(id, call);
    tool_result(state, id, &call, says);
}

fn tool_result(state: &mut State, id: &str, call: &str, (says, is_error): (&str, bool)) {
    let content = json!([{"type": "text", "text": says}]);
    state.emit(
        id,
        json!({"type": "agent.tool_result", "tool_use_id": call, "content": content, "is_error": is_error}),
    );
}

fn read(state: &mut State, id: &str, at: usize, path: &str) {
    if let Some(mount) = mounts(state, id).get(at) {
        let input = json!({"file_path": format!("{}{path}", mount.mount_path)});
        match mount.memories.get(path) {
            Some(content) => builtin(state, id, ("read", input), (content, false)),
            None => builtin(state, id, ("read", input), ("No such file", true)),
        }
    }
}

fn read_all(state: &mut State, id: &str) {
    for mount in mounts(state, id) {
        let input = json!({"command": format!("cat $(find {} -type f)", mount.mount_path)});
        let texts: Vec<String> = mount.memories.into_values().collect();
        builtin(state, id, ("bash", input), (&texts.join("\n"), false));
    }
}

fn write(state: &mut State, id: &str, at: usize, (path, content): (&str, &str)) {
    if let Some(mount) = mounts(state, id).get(at) {
        let input = json!({"file_path": format!("{}{path}", mount.mount_path), "content": content});
        let actor = json!({"type": "session_actor", "session_id": id});
        let written = if mount.is_read_only {
            Err("Read-only file system".to_owned())
        } else {
            let put = state.put(&mount.store, path, content, &actor);
            put.map_err(|it| it.message)
        };
        match written {
            Ok(_) => builtin(state, id, ("write", input), ("written", false)),
            Err(why) => builtin(state, id, ("write", input), (&why, true)),
        }
    }
}

/// Calls this tool and those that follow at once, and waits for the client.
fn call_client(state: &mut State, id: &str, first: Step) -> Next {
    let mut step = Some(first);
    while let Some(call) = step.take() {
        let (event, answer) = match call {
            Step::Custom(name, input) => (
                json!({"type": "agent.custom_tool_use", "name": name, "input": input}),
                None,
            ),
            Step::Ask(name, input, answer) => {
                let event = json!({"type": "agent.tool_use", "name": name, "input": input, "evaluated_permission": "ask"});
                (event, Some(answer))
            }
            _ => break,
        };
        let call = state.emit(id, event);
        let Some(session) = state.sessions.get_mut(id) else {
            return Next::Stop;
        };
        session.actor.waiting.push(Waiting { id: call, answer });
        let steps = &mut session.actor.steps;
        step = steps.pop_front_if(|it| matches!(it, Step::Custom(..) | Step::Ask(..)));
        // With none of its steps left, the model is asked anew once the answers are there.
        session.actor.is_in_turn = !steps.is_empty() || step.is_some();
    }
    ask_client(state, id);
    Next::Stop
}

/// Goes idle for the calls that wait.
fn ask_client(state: &mut State, id: &str) {
    let waiting = state.sessions.get(id).map(|it| &it.actor.waiting);
    let ids: Vec<String> = waiting
        .into_iter()
        .flatten()
        .map(|it| it.id.clone())
        .collect();
    let reason = json!({"type": "requires_action", "event_ids": ids});
    rest(state, id, (reason, Value::Null));
}

fn end_turn(state: &mut State, id: &str, stop: &Stop) -> Next {
    let Some(session) = state.sessions.get_mut(id) else {
        return Next::Stop;
    };
    session.actor.is_in_turn = false;
    session.actor.steps.clear();
    if !matches!(stop, Stop::EndTurn) {
        idle(state, id, stop);
        return Next::Stop;
    }
    if session.actor.outcome.is_some() {
        let iteration = outcomes::evaluate(state, id);
        return Next::Grade(Box::new(scene(state, id)), iteration);
    }
    if next_prompt(state, id) {
        return Next::After(state.pace.step);
    }
    idle(state, id, stop);
    Next::Stop
}

/// Goes idle for this reason.
fn idle(state: &mut State, id: &str, stop: &Stop) {
    rest(state, id, stop.told());
}

fn rest(state: &mut State, id: &str, (reason, details): (Value, Value)) {
    let Some(session) = state.sessions.get_mut(id) else {
        return;
    };
    let (usage, budget) = (
        session.shown["usage"].clone(),
        session.shown["budget"].clone(),
    );
    session.shown["status"] = json!("idle");
    state.emit(
        id,
        json!({"type": "session.usage", "usage": usage, "budget": budget}),
    );
    state.emit(
        id,
        json!({"type": "session.status_idle", "stop_reason": reason, "stop_details": details}),
    );
    files::publish(state, id);
}
