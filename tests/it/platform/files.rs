//! Files: what sessions leave as outputs, and what is mounted into them.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::{
    answer::{Answered, Refusal, Reply, by_number, page},
    fields::{Request, must, object, text},
    state::State,
};

/// A file.
pub(super) struct File {
    number: u64,
    shown: Value,
    bytes: Vec<u8>,
    /// From when it is listed; `None` until its session is idle.
    pub(super) listed: Option<Instant>,
}

/// Makes a file; one of a session is not listed before that is idle.
pub(super) fn make(state: &mut State, name: &str, bytes: &[u8], session: Option<&str>) -> String {
    let (id, number) = state.id("file");
    let now = state.now();
    let shown = json!({
        "id": id, "type": "file", "filename": name, "mime_type": "text/plain", "size_bytes": bytes.len(),
        "created_at": now, "downloadable": session.is_some(), "expires_at": null,
        "scope": session.map(|it| json!({"type": "session", "id": it})),
    });
    let file = File {
        number,
        shown,
        bytes: bytes.to_vec(),
        listed: session.is_none().then(Instant::now),
    };
    state.files.insert(id.clone(), file);
    id
}

/// The outputs of a session that is idle now are listed some moments later.
pub(super) fn publish(state: &mut State, session: &str) {
    let from = Instant::now() + state.pace.files;
    for file in state.files.values_mut() {
        if file.shown["scope"]["id"] == session && file.listed.is_none() {
            file.listed = Some(from);
        }
    }
}

/// Deletes the outputs of a session.
pub(super) fn discard(state: &mut State, session: &str) {
    state
        .files
        .retain(|_, file| file.shown["scope"]["id"] != session);
}

/// `/v1/files` and what is below.
pub(super) fn handle(state: &mut State, request: &Request, path: &[&str]) -> Answered {
    let is_listed = |file: &File| file.listed.is_some_and(|it| it <= Instant::now());
    match path {
        [] => {
            request.only(&["scope_id", "limit", "page"])?;
            let scope = request.asked("scope_id");
            let is_asked = |file: &&File| {
                is_listed(file) && scope.is_none_or(|it| file.shown["scope"]["id"] == it)
            };
            let files = state.files.values().filter(is_asked);
            let items = files.map(|it| (by_number(it.number), it.shown.clone()));
            page(items.collect(), &request.page(20, 1_000)?, state)
        }
        [id, ..] => {
            let file = state.files.get(*id).filter(|it| is_listed(it));
            let file = file.ok_or_else(|| Refusal::missing(&format!("file {id}")))?;
            if file.shown["downloadable"] != true {
                return Err(Refusal::invalid("the file is not downloadable"));
            }
            Ok(Reply::Bytes("text/plain".to_owned(), file.bytes.clone()))
        }
    }
}

/// A file or repository as a session has it.
pub(super) fn attach(state: &mut State, asked: &Value) -> Result<Value, Refusal> {
    let (id, _) = state.id("sesrsc");
    let place = |map: &Map<String, Value>, usual: String| {
        text(map, "mount_path", 1..=1_024).map(|it| it.unwrap_or(usual))
    };
    match asked["type"].as_str() {
        Some("file") => {
            let map = object(asked, "resources", &["type", "file_id", "mount_path"])?;
            let file = must(&map, "file_id", 1..=200)?;
            if !state.files.contains_key(&file) {
                return Err(Refusal::missing(&format!("file {file}")));
            }
            let mount_path = place(&map, format!("/mnt/session/uploads/{file}"))?;
            Ok(json!({"id": id, "type": "file", "file_id": file, "mount_path": mount_path}))
        }
        Some("github_repository") => {
            let fields = [
                "type",
                "url",
                "authorization_token",
                "checkout",
                "mount_path",
            ];
            let map = object(asked, "resources", &fields)?;
            let url = must(&map, "url", 1..=2_048)?;
            let name = url
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .trim_end_matches(".git");
            let mount_path = place(&map, format!("/workspace/{name}"))?;
            Ok(json!({"id": id, "type": "github_repository", "url": url, "mount_path": mount_path}))
        }
        _ => Err(Refusal::invalid(format!(
            "resources: type {} is unknown",
            asked["type"]
        ))),
    }
}

/// `/v1/sessions/{id}/resources` and one of them.
pub(super) fn resource(
    state: &mut State,
    request: &Request,
    (session, path): (&str, &[&str]),
) -> Answered {
    let all = state.session(session)?.shown["resources"].clone();
    let all = all.as_array().cloned().unwrap_or_default();
    let found = |id: &str| {
        let at = all.iter().position(|it| it["id"] == id);
        at.ok_or_else(|| Refusal::missing(&format!("resource {id}")))
    };
    match (request.method.as_str(), path) {
        ("GET", []) => {
            request.only(&["limit", "page"])?;
            let items = all.iter().enumerate();
            let items = items.map(|(at, it)| (by_number(at as u64), it.clone()));
            let mut asked = request.page(100, 1_000)?;
            asked.is_descending = false;
            page(items.collect(), &asked, state)
        }
        ("POST", []) => {
            let asked = json!(request.body(&[
                "type",
                "file_id",
                "mount_path",
                "url",
                "authorization_token",
                "checkout",
                "memory_store_id",
            ])?);
            if asked["type"] == "memory_store" {
                let message = "memory stores are attached when a session is created, not later";
                return Err(Refusal::invalid(message));
            }
            let resource = attach(state, &asked)?;
            let shown = &mut state.session(session)?.shown["resources"];
            shown
                .as_array_mut()
                .into_iter()
                .for_each(|it| it.push(resource.clone()));
            Ok(Reply::Json(resource))
        }
        ("GET", [id]) => Ok(Reply::Json(all[found(id)?].clone())),
        ("POST", [id]) => {
            let body = request.body(&["authorization_token"])?;
            must(&body, "authorization_token", 1..=2_048)?;
            Ok(Reply::Json(all[found(id)?].clone()))
        }
        (_, [id, ..]) => {
            let at = found(id)?;
            if all[at]["type"] == "memory_store" {
                return Err(Refusal::invalid("memory stores stay attached"));
            }
            let shown = &mut state.session(session)?.shown["resources"];
            shown.as_array_mut().into_iter().for_each(|it| {
                it.remove(at);
            });
            Ok(Reply::Json(
                json!({"id": id, "type": "session_resource_deleted"}),
            ))
        }
        _ => Err(Refusal::missing(&request.path)),
    }
}
