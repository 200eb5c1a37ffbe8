//! Agents and the environment they work in: each made once in a run, agents at a pinned version.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    domain::id::Digest,
    hosted::{
        Outcome, PAGE, Platform, Sought, Trouble, has_metadata, id_of, lock, number_at,
        own_address, text_at,
    },
};

/// What an agent is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentPlan<'a> {
    /// The model.
    pub model: &'a str,
    /// How hard it is to think; the model's default where `None`.
    pub effort: Option<&'a str>,
    /// What it is to be, in words.
    pub system: &'a str,
    /// Its tools, as the platform takes them.
    pub tools: Value,
}

/// An agent that was made, at the version trials are played with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRef {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u64,
}

impl Platform {
    /// The agent of a plan, made where this run has none yet.
    ///
    /// # Errors
    /// It could not be made, or not with the effort asked for.
    pub async fn agent(&self, plan: &AgentPlan<'_>) -> Outcome<AgentRef> {
        // An effort given with a session's override would be ignored, so it stands on the agent.
        let model = match plan.effort {
            Some(effort) => json!({"id": plan.model, "effort": effort}),
            None => json!({"id": plan.model}),
        };
        let body = json!({
            "name": "dreameval",
            "model": model,
            "system": plan.system,
            "tools": plan.tools,
        });
        let digest = Digest::of(body.to_string().as_bytes());
        let cell = {
            let mut agents = lock(&self.agents);
            Arc::clone(agents.entry(digest).or_default())
        };
        let made = cell.get_or_try_init(|| self.make_agent(body, &digest, plan.effort));
        self.needed(made.await.cloned())
    }

    async fn make_agent(
        &self,
        mut body: Value,
        digest: &Digest,
        effort: Option<&str>,
    ) -> Outcome<AgentRef> {
        let metadata = self.metadata(&[("agent", &digest.short())])?;
        body["metadata"] = metadata.clone();
        let sought = Sought {
            listing: &format!("/v1/agents?{PAGE}"),
            is_it: &|item| has_metadata(item, &metadata),
        };
        let address = own_address("agent").word(&digest.to_string());
        let made = self.create("/v1/agents", &body, address, &sought).await?;
        let id = id_of(&made)?;
        lock(&self.made).agents.insert(id.clone());
        let version = number_at(&made, "/version")
            .ok_or_else(|| Trouble::Unusable("made an agent without a `version`".to_owned()))?;
        let has = text_at(&made, "/model/effort/type").or_else(|| text_at(&made, "/model/effort"));
        match (effort, has) {
            (Some(asked), Some(has)) if asked != has => Err(Trouble::Unusable(format!(
                "made an agent with effort `{has}` where `{asked}` was asked for"
            ))),
            _ => Ok(AgentRef { id, version }),
        }
    }

    /// The environment of this run: a box without a network.
    ///
    /// # Errors
    /// It could not be made.
    pub async fn environment(&self) -> Outcome<String> {
        let cell = Arc::clone(&lock(&self.environment));
        let made = cell.get_or_try_init(async || {
            // Environments are known again by their name.
            let name = format!("dreameval {}", self.mark()?);
            let body = json!({
                "name": name,
                "config": {"type": "cloud", "networking": {
                    "type": "limited",
                    "allowed_hosts": [],
                    "allow_mcp_servers": false,
                    "allow_package_managers": false,
                }},
            });
            let sought = Sought {
                listing: &format!("/v1/environments?{PAGE}"),
                is_it: &|item| text_at(item, "/name").as_ref() == Some(&name),
            };
            let address = own_address("environment");
            let made = self
                .create("/v1/environments", &body, address, &sought)
                .await?;
            let id = id_of(&made)?;
            lock(&self.made).environments.insert(id.clone());
            Ok(id)
        });
        self.needed(made.await.cloned())
    }
}
