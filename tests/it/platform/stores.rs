//! Memory stores, but not what is in them.

use serde_json::{Map, Value, json};

use super::{
    answer::{Answered, Refusal, Reply, by_number, page},
    fields::{Request, metadata, must, text},
    memories::Store,
    state::State,
};

/// `/v1/memory_stores` and what is below, but not memories and versions.
pub(super) fn handle(state: &mut State, request: &Request, path: &[&str]) -> Answered {
    match (request.method.as_str(), path) {
        ("POST", []) => create(state, request),
        ("GET", []) => list(state, request),
        ("GET", [id]) => {
            request.only(&[])?;
            Ok(Reply::Json(state.store(id)?.shown.clone()))
        }
        ("POST", [id]) => update(state, request, id),
        ("DELETE", [id]) => delete(state, id),
        (_, [id, ..]) => archive(state, request, id),
        _ => Err(Refusal::missing(&request.path)),
    }
}

fn create(state: &mut State, request: &Request) -> Answered {
    may_write(state)?;
    let body = request.body(&["name", "description", "metadata"])?;
    let name = must(&body, "name", 1..=255)?;
    check_name(&name)?;
    let description = text(&body, "description", 0..=1024)?;
    let metadata = metadata(&body, None)?;
    let id = state.make_store(&name, description, &metadata);
    Ok(Reply::Json(state.store(&id)?.shown.clone()))
}

/// Refuses when the credential may not write stores.
pub(super) fn may_write(state: &State) -> Result<(), Refusal> {
    if state.may_not_write {
        let message = "this credential may not write memory stores";
        return Err(Refusal::new(403, "permission_error", message));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if name.chars().any(char::is_control) {
        return Err(Refusal::invalid("name: holds control characters"));
    }
    Ok(())
}

fn list(state: &State, request: &Request) -> Answered {
    request.only(&[
        "limit",
        "page",
        "include_archived",
        "created_at[gte]",
        "created_at[lte]",
    ])?;
    let has_archived = request.flag("include_archived")?;
    let mut items = Vec::new();
    for store in state.stores.values() {
        let is_in = request.is_within(store.shown["created_at"].as_str().unwrap_or_default());
        if is_in && (has_archived || store.shown["archived_at"].is_null()) {
            items.push((by_number(store.number), store.shown.clone()));
        }
    }
    page(items, &request.page(20, 100)?, state)
}

fn update(state: &mut State, request: &Request, id: &str) -> Answered {
    may_write(state)?;
    let body = request.body(&["name", "description", "metadata"])?;
    let now = state.now();
    let store = state.store(id)?;
    let mut shown = store.shown.clone();
    if let Some(name) = text(&body, "name", 1..=255)? {
        check_name(&name)?;
        shown["name"] = json!(name);
    }
    if let Some(description) = text(&body, "description", 0..=1024)? {
        shown["description"] = json!(description);
    }
    shown["metadata"] = metadata(&body, Some(&shown["metadata"]))?;
    shown["updated_at"] = json!(now);
    store.shown = shown.clone();
    Ok(Reply::Json(shown))
}

fn delete(state: &mut State, id: &str) -> Answered {
    may_write(state)?;
    state.store(id)?;
    state.stores.remove(id);
    state.deleted.push(("memory_store", id.to_owned()));
    Ok(Reply::Json(
        json!({"id": id, "type": "memory_store_deleted"}),
    ))
}

fn archive(state: &mut State, request: &Request, id: &str) -> Answered {
    may_write(state)?;
    request.body(&[])?;
    let now = state.now();
    let store = state.store(id)?;
    if store.shown["archived_at"].is_null() {
        store.shown["archived_at"] = json!(now);
    }
    Ok(Reply::Json(store.shown.clone()))
}

impl State {
    /// A store with nothing in it.
    pub(super) fn make_store(
        &mut self,
        name: &str,
        description: Option<String>,
        metadata: &Value,
    ) -> String {
        let (id, number) = self.id("memstore");
        let now = self.now();
        let shown = json!({
            "id": id, "type": "memory_store", "name": name, "description": description, "metadata": metadata,
            "created_at": now, "updated_at": now, "archived_at": null,
        });
        self.made.push(("memory_store", id.clone()));
        self.stores.insert(id.clone(), Store::new(number, shown));
        id
    }
}

/// A store as a session has it: the resource's echo, with the names as they are now.
pub(super) fn attach(state: &mut State, asked: &Map<String, Value>) -> Result<Value, Refusal> {
    let id = must(asked, "memory_store_id", 1..=200)?;
    let access = text(asked, "access", 1..=20)?.unwrap_or_else(|| "read_write".to_owned());
    if !["read_only", "read_write"].contains(&access.as_str()) {
        return Err(Refusal::invalid(format!("access: `{access}` is unknown")));
    }
    let instructions = text(asked, "instructions", 0..=4096)?;
    let (resource, _) = state.id("sesrsc");
    let shown = state.open_store(&id)?.shown.clone();
    let name = shown["name"].as_str().unwrap_or_default();
    Ok(json!({
        "id": resource, "type": "memory_store", "memory_store_id": id, "access": access,
        "instructions": instructions, "name": name, "description": shown["description"],
        "mount_path": format!("/mnt/memory/{}", slug(name)),
    }))
}

/// The name lowercased, each run of anything but letters and digits a hyphen.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            slug.push(letter);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug
}
