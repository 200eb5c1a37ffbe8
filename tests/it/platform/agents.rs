//! Agents with their versions, environments, and the list of models.

use serde_json::{Map, Value, json};

use super::{
    answer::{Answered, Refusal, Reply, by_number, page},
    fields::{Request, list, metadata, must, object, text},
    state::{Kept, State},
};

const AGENT: [&str; 9] = [
    "name",
    "model",
    "system",
    "description",
    "tools",
    "mcp_servers",
    "skills",
    "multiagent",
    "metadata",
];
/// The tools of the built-in set.
const BUILT_IN: [&str; 8] = [
    "bash",
    "read",
    "write",
    "edit",
    "glob",
    "grep",
    "web_fetch",
    "web_search",
];

/// `/v1/agents` and what is below.
pub(super) fn agent(state: &mut State, request: &Request, path: &[&str]) -> Answered {
    match (request.method.as_str(), path) {
        ("POST", []) => create(state, request),
        ("GET", []) => {
            request.only(&["limit", "page", "include_archived"])?;
            let has_archived = request.flag("include_archived")?;
            listed(state.agents.values(), has_archived, request, state)
        }
        ("GET", [id]) => {
            request.only(&["version"])?;
            let agent = kept(&state.agents, id, "agent")?;
            Ok(Reply::Json(version(agent, request.asked("version"))?))
        }
        ("POST", [id]) => update(state, request, id),
        ("GET", [id, "versions"]) => {
            request.only(&["limit", "page"])?;
            let agent = kept(&state.agents, id, "agent")?;
            let versions = agent.versions.iter().chain([&agent.shown]).enumerate();
            let items = versions.map(|(at, it)| (by_number(at as u64), it.clone()));
            page(items.collect(), &request.page(20, 100)?, state)
        }
        (_, [id, ..]) => {
            request.body(&[])?;
            let now = state.now();
            let agent = kept_mut(&mut state.agents, id, "agent")?;
            if agent.shown["archived_at"].is_null() {
                agent.shown["archived_at"] = json!(now);
            }
            Ok(Reply::Json(agent.shown.clone()))
        }
        _ => Err(Refusal::missing(&request.path)),
    }
}

type Many = std::collections::BTreeMap<String, Kept>;

fn kept<'all>(all: &'all Many, id: &str, kind: &str) -> Result<&'all Kept, Refusal> {
    all.get(id)
        .ok_or_else(|| Refusal::missing(&format!("{kind} {id}")))
}

fn kept_mut<'all>(all: &'all mut Many, id: &str, kind: &str) -> Result<&'all mut Kept, Refusal> {
    all.get_mut(id)
        .ok_or_else(|| Refusal::missing(&format!("{kind} {id}")))
}

fn listed<'all>(
    all: impl Iterator<Item = &'all Kept>,
    has_archived: bool,
    request: &Request,
    state: &State,
) -> Answered {
    let items = all
        .filter(|it| has_archived || it.shown["archived_at"].is_null())
        .map(|it| (by_number(it.number), it.shown.clone()));
    page(items.collect(), &request.page(20, 100)?, state)
}

fn version(agent: &Kept, number: Option<&str>) -> Result<Value, Refusal> {
    let Some(number) = number else {
        return Ok(agent.shown.clone());
    };
    let number: u64 = number
        .parse()
        .map_err(|_| Refusal::invalid("version: must be a whole number"))?;
    let mut all = agent.versions.iter().chain([&agent.shown]);
    let found = all.find(|it| it["version"] == number);
    found
        .cloned()
        .ok_or_else(|| Refusal::missing(&format!("version {number}")))
}

fn create(state: &mut State, request: &Request) -> Answered {
    let body = request.body(&AGENT)?;
    must(&body, "name", 1..=256)?;
    if body.get("model").is_none_or(Value::is_null) {
        return Err(Refusal::invalid("model: field required").coded("agent_model_required"));
    }
    let (id, number) = state.id("agent");
    let now = state.now();
    let mut shown = json!({
        "id": id, "type": "agent", "version": 1, "name": null, "model": null, "system": null, "description": null,
        "tools": [], "mcp_servers": [], "skills": [], "multiagent": null, "metadata": {},
        "created_at": now, "updated_at": now, "archived_at": null,
    });
    lay_over(&mut shown, &body, true)?;
    state.made.push(("agent", id.clone()));
    let kept = Kept {
        number,
        shown: shown.clone(),
        versions: Vec::new(),
    };
    state.agents.insert(id, kept);
    Ok(Reply::Json(shown))
}

fn update(state: &mut State, request: &Request, id: &str) -> Answered {
    let mut allowed = AGENT.to_vec();
    allowed.push("version");
    let body = request.body(&allowed)?;
    let now = state.now();
    let agent = kept_mut(&mut state.agents, id, "agent")?;
    if agent.shown["archived_at"].is_string() {
        return Err(Refusal::invalid(format!("agent {id} is archived")));
    }
    if let Some(version) = body
        .get("version")
        .filter(|it| **it != agent.shown["version"])
    {
        return Err(Refusal::conflict(format!(
            "the agent is not at version {version}"
        )));
    }
    let mut shown = agent.shown.clone();
    lay_over(&mut shown, &body, false)?;
    if shown != agent.shown {
        shown["version"] = json!(shown["version"].as_u64().unwrap_or_default() + 1);
        shown["updated_at"] = json!(now);
        agent
            .versions
            .push(std::mem::replace(&mut agent.shown, shown));
    }
    Ok(Reply::Json(agent.shown.clone()))
}

/// Checks what an agent or an override says, and puts it into what is shown.
pub(super) fn lay_over(
    shown: &mut Value,
    body: &Map<String, Value>,
    is_new: bool,
) -> Result<(), Refusal> {
    if let Some(name) = text(body, "name", 1..=256)? {
        shown["name"] = json!(name);
    }
    for (field, most) in [("system", 100_000), ("description", 2_048)] {
        if body.contains_key(field) {
            shown[field] = json!(text(body, field, 0..=most)?);
        }
    }
    match body.get("model") {
        None => {}
        Some(Value::Null) => {
            let refusal = Refusal::invalid("model: may not be null");
            return Err(refusal.coded("agent_model_required"));
        }
        Some(model) => shown["model"] = whole_model(model, &shown["model"])?,
    }
    if body.contains_key("tools") {
        shown["tools"] = whole_tools(&list(body, "tools")?)?;
    }
    for (field, most) in [("mcp_servers", 20), ("skills", 500)] {
        if body.contains_key(field) {
            let items = list(body, field)?;
            if most < items.len() {
                return Err(Refusal::invalid(format!("{field}: at most {most}")));
            }
            shown[field] = json!(items);
        }
    }
    check_servers(shown)?;
    if let Some(multiagent) = body.get("multiagent") {
        let kind = &multiagent["type"];
        if !multiagent.is_null() && kind != "multiagent_20261001" && kind != "coordinator" {
            return Err(Refusal::invalid("multiagent.type: unknown"));
        }
        shown["multiagent"] = multiagent.clone();
    }
    let before = (!is_new).then(|| shown["metadata"].clone());
    shown["metadata"] = metadata(body, before.as_ref())?;
    Ok(())
}

fn whole_model(model: &Value, before: &Value) -> Result<Value, Refusal> {
    let asked = match model {
        Value::String(id) => json!({"id": id}),
        _ => model.clone(),
    };
    let map = object(&asked, "model", &["id", "effort", "speed", "inference_geo"])?;
    let id = must(&map, "id", 1..=256)?;
    let speed = text(&map, "speed", 1..=20)?.unwrap_or_else(|| "standard".to_owned());
    if !["standard", "fast"].contains(&speed.as_str()) {
        return Err(Refusal::invalid(format!(
            "model.speed: `{speed}` is unknown"
        )));
    }
    let effort = match map.get("effort") {
        None | Some(Value::Null) => before["effort"]["type"].as_str().unwrap_or("high"),
        Some(Value::String(effort)) => effort,
        Some(effort) => effort["type"].as_str().unwrap_or_default(),
    };
    if !["low", "medium", "high", "xhigh", "max"].contains(&effort) {
        return Err(Refusal::invalid(format!(
            "model.effort: `{effort}` is unknown"
        )));
    }
    let mut whole = json!({"id": id, "effort": {"type": effort}, "speed": speed});
    if let Some(place) = map.get("inference_geo") {
        whole["inference_geo"] = place.clone();
    }
    Ok(whole)
}

fn whole_tools(tools: &[Value]) -> Result<Value, Refusal> {
    let mut count = 0;
    let mut whole = Vec::new();
    for tool in tools {
        let mut tool = tool.clone();
        match tool["type"].as_str() {
            Some("custom") => {
                count += 1;
                check_custom(&tool)?;
            }
            Some(kind @ ("agent_toolset_20260401" | "mcp_toolset")) => {
                count += BUILT_IN.len();
                let policy = if kind == "mcp_toolset" {
                    "always_ask"
                } else {
                    "always_allow"
                };
                fill_toolset(&mut tool, policy)?;
            }
            _ => {
                return Err(Refusal::invalid(format!(
                    "tools: type {} is unknown",
                    tool["type"]
                )));
            }
        }
        whole.push(tool);
    }
    if 256 < count {
        return Err(Refusal::invalid("tools: at most 256"));
    }
    Ok(json!(whole))
}

fn check_custom(tool: &Value) -> Result<(), Refusal> {
    let map = object(
        tool,
        "tools",
        &["type", "name", "description", "input_schema"],
    )?;
    let name = must(&map, "name", 1..=128)?;
    let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '-';
    if !name.chars().all(is_plain) {
        return Err(Refusal::invalid(format!(
            "tools: `{name}` is no name of a tool"
        )));
    }
    if map
        .get("input_schema")
        .is_none_or(|it| it["type"] != "object")
    {
        return Err(Refusal::invalid(format!(
            "tools: `{name}` needs an object as input_schema"
        )));
    }
    Ok(())
}

fn fill_toolset(tool: &mut Value, policy: &str) -> Result<(), Refusal> {
    let allowed = ["type", "default_config", "configs", "mcp_server_name"];
    let map = object(tool, "tools", &allowed)?;
    let is_built_in = tool["type"] != "mcp_toolset";
    for config in list(&map, "configs")? {
        let config = object(
            &config,
            "configs",
            &["name", "enabled", "permission_policy"],
        )?;
        let name = must(&config, "name", 1..=128)?;
        if is_built_in && !BUILT_IN.contains(&name.as_str()) {
            return Err(Refusal::invalid(format!(
                "configs: no built-in tool `{name}`"
            )));
        }
        check_policy(config.get("permission_policy"))?;
    }
    let usual = tool["default_config"].clone();
    check_policy(usual.get("permission_policy"))?;
    tool["default_config"] = json!({
        "enabled": usual["enabled"].as_bool().unwrap_or(true),
        "permission_policy": usual.get("permission_policy").cloned().unwrap_or(json!({"type": policy})),
    });
    Ok(())
}

fn check_policy(policy: Option<&Value>) -> Result<(), Refusal> {
    let kind = policy.map(|it| it["type"].as_str().unwrap_or_default());
    match kind {
        None | Some("always_allow" | "always_ask" | "auto") => Ok(()),
        Some(kind) => Err(Refusal::invalid(format!(
            "permission_policy: `{kind}` is unknown"
        ))),
    }
}

fn check_servers(agent: &Value) -> Result<(), Refusal> {
    let tools = agent["tools"].as_array().cloned().unwrap_or_default();
    for server in agent["mcp_servers"].as_array().into_iter().flatten() {
        if !tools
            .iter()
            .any(|it| it["mcp_server_name"] == server["name"])
        {
            return Err(Refusal::invalid(format!(
                "mcp_servers: {} is used by no toolset",
                server["name"]
            )));
        }
    }
    Ok(())
}

/// Whether an agent, as a session has it, can use a built-in tool.
pub(super) fn can(agent: &Value, tool: &str) -> bool {
    let tools = agent["tools"].as_array().into_iter().flatten();
    let mut sets = tools.filter(|it| it["type"] == "agent_toolset_20260401");
    sets.any(|set| {
        let mut configs = set["configs"].as_array().into_iter().flatten();
        let own = configs.find(|it| it["name"] == tool);
        let own = own.and_then(|it| it["enabled"].as_bool());
        own.unwrap_or(set["default_config"]["enabled"] != false)
    })
}

/// The agent a session asks for: an id, a reference, or a reference with overrides.
pub(super) fn resolve(state: &State, asked: Option<&Value>) -> Result<Value, Refusal> {
    let asked = match asked {
        None | Some(Value::Null) => return Err(Refusal::invalid("agent: field required")),
        Some(Value::String(id)) => json!({"type": "agent", "id": id}),
        Some(other) => other.clone(),
    };
    let is_plain = match asked["type"].as_str() {
        Some("agent") => true,
        Some("agent_with_overrides") => false,
        _ => return Err(Refusal::invalid("agent.type: unknown")),
    };
    let fields = [
        "type",
        "id",
        "version",
        "model",
        "system",
        "tools",
        "mcp_servers",
        "skills",
    ];
    let mut map = object(
        &asked,
        "agent",
        if is_plain { &fields[..3] } else { &fields },
    )?;
    let id = must(&map, "id", 1..=200)?;
    let agent = kept(&state.agents, &id, "agent")?;
    if agent.shown["archived_at"].is_string() {
        return Err(Refusal::invalid(format!("agent {id} is archived")));
    }
    let number = map
        .get("version")
        .filter(|it| !it.is_null())
        .map(Value::to_string);
    let mut shown = version(agent, number.as_deref())?;
    if let Some(model) = map.get_mut("model").filter(|it| !it.is_null()) {
        // An override's effort is ignored, and the agent's is not kept either.
        if let Some(model) = model.as_object_mut() {
            model.remove("effort");
        }
        shown["model"] = Value::Null;
    }
    lay_over(&mut shown, &map, false)?;
    Ok(shown)
}

/// `/v1/environments` and what is below.
pub(super) fn environment(state: &mut State, request: &Request, path: &[&str]) -> Answered {
    let allowed = ["name", "description", "config", "metadata"];
    match (request.method.as_str(), path) {
        ("POST", []) => {
            let body = request.body(&allowed)?;
            must(&body, "name", 1..=256)?;
            let (id, number) = state.id("env");
            let now = state.now();
            let mut shown = json!({
                "id": id, "type": "environment", "name": null, "description": null, "metadata": {},
                "config": {"type": "cloud", "networking": {"type": "unrestricted"}},
                "created_at": now, "updated_at": now, "archived_at": null,
            });
            furnish(&mut shown, &body)?;
            state.made.push(("environment", id.clone()));
            let kept = Kept {
                number,
                shown: shown.clone(),
                versions: Vec::new(),
            };
            state.environments.insert(id, kept);
            Ok(Reply::Json(shown))
        }
        ("GET", []) => {
            request.only(&["limit", "page", "include_archived"])?;
            let has_archived = request.flag("include_archived")?;
            listed(state.environments.values(), has_archived, request, state)
        }
        ("GET", [id]) => {
            let found = kept(&state.environments, id, "environment")?;
            Ok(Reply::Json(found.shown.clone()))
        }
        ("POST", [id]) => {
            let body = request.body(&allowed)?;
            let now = state.now();
            let found = kept_mut(&mut state.environments, id, "environment")?;
            let mut shown = found.shown.clone();
            furnish(&mut shown, &body)?;
            shown["updated_at"] = json!(now);
            found.shown = shown.clone();
            Ok(Reply::Json(shown))
        }
        ("DELETE", [id]) => {
            kept(&state.environments, id, "environment")?;
            state.environments.remove(*id);
            state.deleted.push(("environment", (*id).to_owned()));
            Ok(Reply::Json(
                json!({"id": id, "type": "environment_deleted"}),
            ))
        }
        (_, [id, ..]) => {
            request.body(&[])?;
            let now = state.now();
            let found = kept_mut(&mut state.environments, id, "environment")?;
            found.shown["archived_at"] = json!(now);
            Ok(Reply::Json(found.shown.clone()))
        }
        _ => Err(Refusal::missing(&request.path)),
    }
}

fn furnish(shown: &mut Value, body: &Map<String, Value>) -> Result<(), Refusal> {
    if let Some(name) = text(body, "name", 1..=256)? {
        shown["name"] = json!(name);
    }
    if let Some(description) = text(body, "description", 0..=2_048)? {
        shown["description"] = json!(description);
    }
    shown["metadata"] = metadata(body, Some(&shown["metadata"]))?;
    let Some(config) = body.get("config") else {
        return Ok(());
    };
    let map = object(config, "config", &["type", "networking", "packages"])?;
    if config["type"] != "cloud" && config["type"] != "self_hosted" {
        return Err(Refusal::invalid("config.type: cloud or self_hosted"));
    }
    if let Some(networking) = map.get("networking") {
        let fields = [
            "type",
            "allowed_hosts",
            "allow_mcp_servers",
            "allow_package_managers",
        ];
        let is_limited = networking["type"] == "limited";
        object(
            networking,
            "networking",
            if is_limited { &fields } else { &fields[..1] },
        )?;
        if !is_limited && networking["type"] != "unrestricted" {
            return Err(Refusal::invalid("networking.type: unrestricted or limited"));
        }
        let has_packages = map.get("packages").is_some_and(|it| !it.is_null());
        if is_limited && has_packages && networking["allow_package_managers"] != true {
            return Err(Refusal::invalid("packages need allow_package_managers"));
        }
    }
    shown["config"] = config.clone();
    Ok(())
}

/// `/v1/models` and one of them.
pub(super) fn model(state: &State, request: &Request, path: &[&str]) -> Answered {
    let shown = |id: &str| {
        json!({
            "id": id, "type": "model", "display_name": id, "created_at": "2026-07-01T00:00:00Z",
            "lifecycle": "active", "deprecated_at": null, "retires_at": null, "max_input_tokens": 200_000,
            "max_tokens": 64_000, "line": "opus", "capabilities": {"thinking": {}, "effort": {}},
        })
    };
    let known = ["claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5"];
    match path {
        [] => {
            let items = known.iter().enumerate();
            let items = items.map(|(at, id)| (by_number(at as u64), shown(id)));
            page(items.collect(), &request.page(20, 1_000)?, state)
        }
        [id, ..] if known.contains(id) => Ok(Reply::Json(shown(id))),
        _ => Err(Refusal::missing("model")),
    }
}
