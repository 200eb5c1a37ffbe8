//! What is in a store: memories and their versions.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    answer::{Answered, Refusal, Reply, by_number, page},
    fields::{Request, list, must, object, text},
    state::State,
    stores::may_write,
    tidy::check_path,
};

/// Most bytes of a memory.
const CONTENT: usize = 102_400;
/// Most memories of a store.
const MEMORIES: usize = 2_000;

/// A store and all that is in it.
pub(super) struct Store {
    pub(super) number: u64,
    pub(super) shown: Value,
    /// By id, content and all.
    memories: BTreeMap<String, Value>,
    /// Oldest first, content and all.
    versions: Vec<(u64, Value)>,
}

impl Store {
    pub(super) fn new(number: u64, shown: Value) -> Self {
        Self {
            number,
            shown,
            memories: BTreeMap::new(),
            versions: Vec::new(),
        }
    }

    /// Path and content of every memory.
    pub(super) fn contents(&self) -> BTreeMap<String, String> {
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        let memories = self.memories.values();
        memories
            .map(|it| (text(&it["path"]), text(&it["content"])))
            .collect()
    }

    fn at(&self, path: &str) -> Option<&Value> {
        self.memories.values().find(|it| it["path"] == path)
    }

    fn memory(&self, id: &str) -> Result<&Value, Refusal> {
        let found = self.memories.get(id);
        found.ok_or_else(|| Refusal::missing(&format!("memory {id}")))
    }
}

impl State {
    /// Writes a memory, new or not, and returns its id.
    pub(super) fn put(
        &mut self,
        store: &str,
        path: &str,
        content: &str,
        actor: &Value,
    ) -> Result<String, Refusal> {
        check_path(path)?;
        if CONTENT < content.len() {
            return Err(Refusal::invalid(format!(
                "content: at most {CONTENT} bytes"
            )));
        }
        let known = self.open_store(store)?.at(path).cloned();
        match known {
            Some(memory) => {
                let id = memory["id"].as_str().unwrap_or_default().to_owned();
                if memory["content"] != content {
                    self.change(store, &id, (path, content), actor)?;
                }
                Ok(id)
            }
            None => self.add(store, path, content, actor),
        }
    }

    fn add(
        &mut self,
        store: &str,
        path: &str,
        content: &str,
        actor: &Value,
    ) -> Result<String, Refusal> {
        if MEMORIES <= self.open_store(store)?.memories.len() {
            return Err(Refusal::invalid(format!(
                "a store holds at most {MEMORIES} memories"
            )));
        }
        let (id, _) = self.id("mem");
        let now = self.now();
        let mut memory = json!({
            "id": id, "type": "memory", "memory_store_id": store, "memory_version_id": null, "path": path,
            "content": content, "content_sha256": digest(content), "content_size_bytes": content.len(),
            "created_at": now, "updated_at": now,
        });
        memory["memory_version_id"] = json!(self.record(store, &memory, "created", actor)?);
        self.store(store)?.memories.insert(id.clone(), memory);
        Ok(id)
    }

    fn change(
        &mut self,
        store: &str,
        id: &str,
        (path, content): (&str, &str),
        actor: &Value,
    ) -> Result<(), Refusal> {
        let mut memory = self.open_store(store)?.memory(id)?.clone();
        memory["path"] = json!(path);
        memory["content"] = json!(content);
        memory["content_sha256"] = json!(digest(content));
        memory["content_size_bytes"] = json!(content.len());
        memory["updated_at"] = json!(self.now());
        memory["memory_version_id"] = json!(self.record(store, &memory, "modified", actor)?);
        self.store(store)?.memories.insert(id.to_owned(), memory);
        Ok(())
    }

    /// Takes a memory out of a store, by its path.
    pub(super) fn forget(&mut self, store: &str, path: &str, actor: &Value) -> Result<(), Refusal> {
        let memory = self.store(store)?.at(path).cloned();
        let memory = memory.ok_or_else(|| Refusal::missing(&format!("memory {path}")))?;
        self.record(store, &memory, "deleted", actor)?;
        let id = memory["id"].as_str().unwrap_or_default();
        self.store(store)?.memories.remove(id);
        Ok(())
    }

    fn record(
        &mut self,
        store: &str,
        memory: &Value,
        operation: &str,
        actor: &Value,
    ) -> Result<String, Refusal> {
        let (id, number) = self.id("memver");
        let now = self.now();
        let is_gone = operation == "deleted";
        let content = if is_gone {
            &Value::Null
        } else {
            &memory["content"]
        };
        let version = json!({
            "id": id, "type": "memory_version", "memory_store_id": store, "memory_id": memory["id"],
            "operation": operation, "path": memory["path"], "content": content,
            "content_sha256": memory["content_sha256"], "content_size_bytes": memory["content_size_bytes"],
            "created_at": now, "created_by": actor, "redacted_at": null, "redacted_by": null,
        });
        self.store(store)?.versions.push((number, version));
        Ok(id)
    }
}

fn digest(content: &str) -> String {
    let hash = Sha256::digest(content.as_bytes());
    hash.iter().map(|it| format!("{it:02x}")).collect()
}

/// `/v1/memory_stores/{id}/memories` and `/memory_versions`, and what is below.
pub(super) fn handle(state: &mut State, request: &Request, path: &[&str]) -> Answered {
    let store = path[0];
    state.store(store)?;
    match (request.method.as_str(), &path[1..]) {
        ("POST", ["memories"]) => create(state, request, store),
        ("GET", ["memories"]) => list_memories(state, request, store),
        ("GET", ["memories", id]) => {
            request.only(&["view"])?;
            let memory = state.store(store)?.memory(id)?;
            Ok(Reply::Json(view(memory, request.is_full(true)?)))
        }
        ("POST", ["memories", id]) => update(state, request, store, id),
        ("DELETE", ["memories", id]) => delete(state, request, store, id),
        ("GET", ["memory_versions"]) => list_versions(state, request, store),
        ("GET", ["memory_versions", id]) => {
            request.only(&["view"])?;
            let versions = &state.store(store)?.versions;
            let found = versions.iter().find(|it| it.1["id"] == *id);
            let found = found.ok_or_else(|| Refusal::missing(&format!("memory version {id}")))?;
            Ok(Reply::Json(view(&found.1, request.is_full(true)?)))
        }
        (_, ["memory_versions", id, ..]) => redact(state, request, store, id),
        _ => Err(Refusal::missing(&request.path)),
    }
}

fn view(object: &Value, is_full: bool) -> Value {
    let mut shown = object.clone();
    if !is_full && shown["type"] != "memory_prefix" {
        shown["content"] = Value::Null;
    }
    shown
}

fn content(body: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let content = text(body, "content", 0..=CONTENT)?;
    if content.as_ref().is_some_and(|it| CONTENT < it.len()) {
        return Err(Refusal::invalid(format!(
            "content: at most {CONTENT} bytes"
        )));
    }
    Ok(content)
}

fn create(state: &mut State, request: &Request, store: &str) -> Answered {
    may_write(state)?;
    let is_full = request.is_full(false)?;
    let body = request.body(&["path", "content"])?;
    let path = must(&body, "path", 1..=1024)?;
    let content = content(&body)?.ok_or_else(|| Refusal::invalid("content: field required"))?;
    check_path(&path)?;
    if let Some(taken) = state.open_store(store)?.at(&path) {
        return Err(is_taken(taken));
    }
    let id = state.put(store, &path, &content, &State::key_actor())?;
    Ok(Reply::Json(view(state.store(store)?.memory(&id)?, is_full)))
}

fn is_taken(by: &Value) -> Refusal {
    let text = |name: &str| by[name].as_str().unwrap_or_default().to_owned();
    let mut refusal = Refusal::new(409, "memory_path_conflict_error", "the path is taken");
    refusal.more = vec![
        ("conflicting_memory_id", text("id")),
        ("conflicting_path", text("path")),
    ];
    refusal
}

fn update(state: &mut State, request: &Request, store: &str, id: &str) -> Answered {
    may_write(state)?;
    let is_full = request.is_full(false)?;
    let body = request.body(&["path", "content", "precondition"])?;
    let known = state.open_store(store)?.memory(id)?.clone();
    let old = |name: &str| known[name].as_str().unwrap_or_default().to_owned();
    let path = text(&body, "path", 1..=1024)?.unwrap_or_else(|| old("path"));
    let content = content(&body)?.unwrap_or_else(|| old("content"));
    check_path(&path)?;
    if known["path"] == path && known["content"] == content {
        return Ok(Reply::Json(view(&known, is_full)));
    }
    if let Some(precondition) = body.get("precondition").filter(|it| !it.is_null()) {
        let wanted = object(precondition, "precondition", &["type", "content_sha256"])?;
        if wanted.get("type") != Some(&json!("content_sha256")) {
            return Err(Refusal::invalid(
                "precondition.type: must be content_sha256",
            ));
        }
        expect(&known, &must(&wanted, "content_sha256", 64..=64)?)?;
    }
    if let Some(taken) = state.store(store)?.at(&path).filter(|it| it["id"] != id) {
        return Err(is_taken(taken));
    }
    state.change(store, id, (&path, &content), &State::key_actor())?;
    Ok(Reply::Json(view(state.store(store)?.memory(id)?, is_full)))
}

fn expect(memory: &Value, hash: &str) -> Result<(), Refusal> {
    if memory["content_sha256"] == hash {
        return Ok(());
    }
    let message = "the content is not what was expected";
    Err(Refusal::new(
        409,
        "memory_precondition_failed_error",
        message,
    ))
}

fn delete(state: &mut State, request: &Request, store: &str, id: &str) -> Answered {
    may_write(state)?;
    let memory = state.store(store)?.memory(id)?.clone();
    if let Some(hash) = request.asked("expected_content_sha256") {
        expect(&memory, hash)?;
    }
    let path = memory["path"].as_str().unwrap_or_default();
    state.forget(store, path, &State::key_actor())?;
    Ok(Reply::Json(json!({"id": id, "type": "memory_deleted"})))
}

fn list_memories(state: &mut State, request: &Request, store: &str) -> Answered {
    request.only(&["path_prefix", "depth", "limit", "page", "view"])?;
    let prefix = request.asked("path_prefix").unwrap_or("/");
    if !prefix.ends_with('/') || !prefix.starts_with('/') {
        return Err(Refusal::invalid("path_prefix: must begin and end with /"));
    }
    let is_deep = match request.asked("depth") {
        None | Some("0") => true,
        Some("1") => false,
        Some(_) => return Err(Refusal::invalid("depth: 0 or 1")),
    };
    let is_full = request.is_full(false)?;
    let most = if is_full { 20 } else { 100 };
    let mut asked = request.page(20, most)?;
    asked.is_descending = false;
    let mut items = BTreeMap::new();
    for memory in state.store(store)?.memories.values() {
        let path = memory["path"].as_str().unwrap_or_default();
        let Some(below) = path.strip_prefix(prefix) else {
            continue;
        };
        match below.split_once('/').filter(|_| !is_deep) {
            Some((folder, _)) => {
                let folder = format!("{prefix}{folder}/");
                let item = json!({"type": "memory_prefix", "path": folder});
                items.insert(folder, item);
            }
            None => {
                items.insert(path.to_owned(), view(memory, is_full));
            }
        }
    }
    page(items.into_iter().collect(), &asked, state)
}

fn list_versions(state: &mut State, request: &Request, store: &str) -> Answered {
    request.only(&[
        "memory_id",
        "operation",
        "session_id",
        "api_key_id",
        "service_account_id",
        "created_at[gte]",
        "created_at[lte]",
        "view",
        "limit",
        "page",
    ])?;
    let is_full = request.is_full(false)?;
    if let Some(operation) = request.asked("operation")
        && !["created", "modified", "deleted"].contains(&operation)
    {
        return Err(Refusal::invalid("operation: created, modified or deleted"));
    }
    let mut items = Vec::new();
    for (number, version) in &state.store(store)?.versions {
        let is_by = |name: &str, own: &Value| request.asked(name).is_none_or(|it| own == it);
        let actor = &version["created_by"];
        let is_asked = is_by("memory_id", &version["memory_id"])
            && is_by("operation", &version["operation"])
            && is_by("session_id", &actor["session_id"])
            && is_by("api_key_id", &actor["api_key_id"])
            && is_by("service_account_id", &actor["service_account_id"]);
        let time = version["created_at"].as_str().unwrap_or_default();
        if is_asked && request.is_within(time) {
            items.push((by_number(*number), view(version, is_full)));
        }
    }
    let most = if is_full { 20 } else { 100 };
    page(items, &request.page(20, most)?, state)
}

fn redact(state: &mut State, request: &Request, store: &str, id: &str) -> Answered {
    may_write(state)?;
    request.body(&[])?;
    let now = state.now();
    let store = state.store(store)?;
    if store
        .memories
        .values()
        .any(|it| it["memory_version_id"] == id)
    {
        return Err(Refusal::invalid("the version is the head of a memory"));
    }
    let found = store.versions.iter_mut().find(|it| it.1["id"] == id);
    let (_, version) = found.ok_or_else(|| Refusal::missing(&format!("memory version {id}")))?;
    for name in ["content", "path", "content_size_bytes", "content_sha256"] {
        version[name] = Value::Null;
    }
    version["redacted_at"] = json!(now);
    version["redacted_by"] = State::key_actor();
    Ok(Reply::Json(version.clone()))
}

/// Stores that a session's resources name, at most eight.
pub(super) fn check_resources(body: &Map<String, Value>) -> Result<Vec<Value>, Refusal> {
    let resources = list(body, "resources")?;
    let stores = resources.iter().filter(|it| it["type"] == "memory_store");
    if 8 < stores.count() {
        return Err(Refusal::invalid("resources: at most 8 memory stores"));
    }
    Ok(resources)
}
