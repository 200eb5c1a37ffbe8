//! Who is let in where: keys, versions, betas, methods; and which handler has a path.

use std::sync::Arc;

use super::{
    AGENT_MEMORY, DREAMING, KEY, MANAGED_AGENTS, Shared, agents,
    answer::{Answered, Refusal},
    dreams, events,
    fields::Request,
    files, memories, sessions,
    state::State,
    stores,
};

/// Most bytes of a body.
const BODY: usize = 32 * 1024 * 1024;

/// Answers a request.
pub(super) fn handle(shared: &Arc<Shared>, request: &Request) -> Answered {
    let mut state = shared.lock();
    let_in(request)?;
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let methods = methods(&segments)
        .filter(|_| request.path.starts_with("/v1/"))
        .ok_or_else(|| Refusal::missing(&request.path))?;
    check_betas(request, &segments, &state)?;
    if !methods.contains(&request.method.as_str()) {
        let message = format!("{} is not allowed here", request.method);
        return Err(Refusal::new(405, "invalid_request_error", message));
    }
    if BODY < request.bytes.len() {
        return Err(Refusal::new(
            413,
            "request_too_large",
            "the body is too large",
        ));
    }
    let is_memory = matches!(segments.as_slice(), ["memory_stores", _, "memories", ..]);
    match request.method.as_str() {
        "POST" if is_memory => request.only(&["view"])?,
        "DELETE" if is_memory => request.only(&["expected_content_sha256"])?,
        "POST" | "DELETE" => request.only(&[])?,
        _ => {}
    }
    let answered = match segments.as_slice() {
        ["agents", ..] => agents::agent(&mut state, request, &segments[1..]),
        ["environments", ..] => agents::environment(&mut state, request, &segments[1..]),
        ["models", ..] => agents::model(&state, request, &segments[1..]),
        ["memory_stores", _, "memories", ..] | ["memory_stores", _, "memory_versions", ..] => {
            memories::handle(&mut state, request, &segments[1..])
        }
        ["memory_stores", ..] => stores::handle(&mut state, request, &segments[1..]),
        ["sessions", id, "events" | "threads", ..] => {
            events::handle(shared, &mut state, request, (id, &segments[2..]))
        }
        ["sessions", id, "resources", ..] => {
            files::resource(&mut state, request, (id, &segments[3..]))
        }
        ["sessions", ..] => sessions::handle(shared, &mut state, request, &segments[1..]),
        ["files", ..] => files::handle(&mut state, request, &segments[1..]),
        _ => {
            drop(state);
            dreams::handle(shared, request, &segments[1..])
        }
    };
    shared.tell();
    answered
}

fn let_in(request: &Request) -> Result<(), Refusal> {
    let bearer = request.headers.get("authorization");
    let bearer = bearer.and_then(|it| it.strip_prefix("Bearer "));
    let key = request.headers.get("x-api-key").map(String::as_str);
    if key.or(bearer) != Some(KEY) || bearer.is_some_and(|it| it != KEY) {
        return Err(Refusal::new(
            401,
            "authentication_error",
            "invalid x-api-key",
        ));
    }
    match request.headers.get("anthropic-version").map(String::as_str) {
        Some("2023-06-01" | "2026-10-21") => Ok(()),
        Some(other) => Err(Refusal::invalid(format!(
            "anthropic-version: `{other}` is unknown"
        ))),
        None => Err(Refusal::invalid("anthropic-version: header is required")),
    }
}

fn check_betas(request: &Request, segments: &[&str], state: &State) -> Result<(), Refusal> {
    let header = request.headers.get("anthropic-beta");
    let betas: Vec<&str> = header
        .iter()
        .flat_map(|it| it.split(','))
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .collect();
    for beta in &betas {
        if ![MANAGED_AGENTS, AGENT_MEMORY, DREAMING].contains(beta) {
            let message = format!("Unexpected value `{beta}` for the `anthropic-beta` header");
            return Err(Refusal::invalid(message));
        }
        if state.unenrolled.contains(*beta) {
            let refusal = Refusal::invalid(format!("the organization is not enrolled in {beta}"));
            return Err(refusal.coded("organization_not_enrolled_in_beta"));
        }
    }
    let has = |beta: &str| betas.contains(&beta);
    let needs = |beta: &str| Refusal::invalid(format!("this path needs the beta {beta}"));
    match segments {
        ["memory_stores", ..] if has(AGENT_MEMORY) && has(MANAGED_AGENTS) => Err(Refusal::invalid(
            format!("{AGENT_MEMORY} and {MANAGED_AGENTS} exclude each other here"),
        )),
        ["memory_stores", ..] if !has(AGENT_MEMORY) && !has(MANAGED_AGENTS) => {
            Err(needs(AGENT_MEMORY))
        }
        ["dreams", ..] if !has(DREAMING) => Err(needs(DREAMING)),
        ["sessions", _, "threads", ..] | ["sessions", _, "events", "stream"]
            if !has(MANAGED_AGENTS) =>
        {
            Err(Refusal::missing(&request.path))
        }
        ["agents" | "environments" | "sessions", ..] if !has(MANAGED_AGENTS) => {
            Err(needs(MANAGED_AGENTS))
        }
        ["files"] if request.asked("scope_id").is_some() && !has(MANAGED_AGENTS) => {
            Err(needs(MANAGED_AGENTS))
        }
        _ => Ok(()),
    }
}

/// The methods of a path below `/v1`, if there is such a path.
fn methods(segments: &[&str]) -> Option<&'static [&'static str]> {
    const ALL: &[&str] = &["GET", "POST", "DELETE"];
    const BOTH: &[&str] = &["GET", "POST"];
    const GET: &[&str] = &["GET"];
    const POST: &[&str] = &["POST"];
    if segments.iter().any(|it| it.is_empty()) {
        return None;
    }
    match segments {
        ["agents" | "environments" | "sessions" | "memory_stores" | "dreams"] => Some(BOTH),
        ["agents", _] => Some(BOTH),
        ["environments" | "sessions" | "memory_stores", _] => Some(ALL),
        ["dreams", _] | ["agents", _, "versions"] => Some(GET),
        [
            "agents" | "environments" | "sessions" | "memory_stores" | "dreams",
            _,
            "archive",
        ]
        | ["dreams", _, "cancel"] => Some(POST),
        ["memory_stores", _, "memories"] => Some(BOTH),
        ["memory_stores", _, "memories", _] => Some(ALL),
        ["memory_stores", _, "memory_versions"] | ["memory_stores", _, "memory_versions", _] => {
            Some(GET)
        }
        ["memory_stores", _, "memory_versions", _, "redact"] => Some(POST),
        ["sessions", _, "events"] | ["sessions", _, "resources"] => Some(BOTH),
        ["sessions", _, "resources", _] => Some(ALL),
        ["sessions", _, "events", "stream"]
        | ["sessions", _, "threads"]
        | ["sessions", _, "threads", _]
        | ["sessions", _, "threads", _, "events" | "stream"] => Some(GET),
        ["sessions", _, "threads", _, "archive"] => Some(POST),
        ["files"] | ["files", _, "content"] | ["models"] | ["models", _] => Some(GET),
        _ => None,
    }
}
