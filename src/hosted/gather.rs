//! Finding what a run made on the platform, by its mark.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::hosted::{
    MARK, Outcome, PAGE, Platform, dreams, id_at, own_address,
    stores::INPUT,
    text_at,
    tidy::{Lying, Made, Role},
};

impl Platform {
    /// Everything there that bears this run's mark, or is found by what does. Agents and dreams that are archived are
    /// gone, but what was made with them may not be.
    ///
    /// # Errors
    /// The platform could not be asked.
    pub(super) async fn gather(&self) -> Outcome<Made> {
        let mark = self.mark()?;
        let mut made = Made::default();
        self.gather_sessions(&mark, &mut made).await?;
        self.gather_stores(&mark, &mut made).await?;
        let name = format!("dreameval {mark}");
        for environment in self.all("/v1/environments?").await? {
            if text_at(&environment, "/name").as_ref() == Some(&name) {
                made.environments.extend(id_at(&environment, "/id"));
            }
        }
        Ok(made)
    }

    /// Agents, and the sessions of those that are archived, too.
    async fn gather_sessions(&self, mark: &str, made: &mut Made) -> Outcome<()> {
        for agent in self.all("/v1/agents?include_archived=true&").await? {
            let Some(id) = id_at(&agent, "/id").filter(|_| is_marked(&agent, mark)) else {
                continue;
            };
            let path = format!("/v1/sessions?agent_id={id}&include_archived=true&");
            for session in self.all(&path).await? {
                let is_practice = text_at(&session, "/metadata/arm").as_deref() == Some("practice");
                if let Some(id) = id_at(&session, "/id").filter(|_| is_marked(&session, mark)) {
                    made.sessions.insert(id, is_practice);
                }
            }
            if !is_archived(&agent) {
                made.agents.insert(id);
            }
        }
        Ok(())
    }

    /// Stores, and the dreams over them with the stores those wrote, which bear no mark.
    async fn gather_stores(&self, mark: &str, made: &mut Made) -> Outcome<()> {
        let mut there = BTreeSet::new();
        for store in self.all("/v1/memory_stores?include_archived=true&").await? {
            let Some(id) = id_at(&store, "/id") else {
                continue;
            };
            there.insert(id.clone());
            if is_marked(&store, mark) {
                let purpose = text_at(&store, "/metadata/purpose");
                let role = match purpose.as_deref() {
                    Some(INPUT) => Role::Input,
                    _ => Role::Given,
                };
                let lying = Lying {
                    manifest: None,
                    role,
                };
                made.stores.insert(id, lying);
            }
        }
        let is_input = |id: &String| {
            let lying = made.stores.get(id);
            lying.is_some_and(|it| it.role == Role::Input)
        };
        if !made.stores.keys().any(is_input) {
            return Ok(());
        }
        let mut found = self.all("/v1/dreams?include_archived=true&").await?;
        found.retain(|it| dreams::input_of(it).is_some_and(|it| is_input(&it)));
        for dream in found {
            if !is_archived(&dream) {
                made.dreams.extend(id_at(&dream, "/id"));
            }
            if let Some(output) = dreams::output_of(&dream).filter(|it| there.contains(it)) {
                made.stores.entry(output).or_insert(Lying::OUTPUT);
            }
        }
        Ok(())
    }

    async fn all(&self, path: &str) -> Outcome<Vec<Value>> {
        self.list(&format!("{path}{PAGE}"), own_address("gather"))
            .await
    }
}

fn is_marked(item: &Value, mark: &str) -> bool {
    item.pointer(&format!("/metadata/{MARK}")) == Some(&json!(mark))
}

fn is_archived(item: &Value) -> bool {
    item.get("archived_at").is_some_and(|it| !it.is_null())
}
