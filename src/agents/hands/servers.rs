//! Tools of servers: named so that every provider takes them, and called at the server that has them.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::Value;

use crate::{
    agents::hands::{at_desk::plain_name, in_folder::Came},
    chat::{Tool, ToolCall},
    domain::suite::{Kit, ServerReach},
    draw::Key,
    environment::workspace::cut,
    files::TemporaryFolder,
    http::Client,
    mcp::Server,
};

/// The ways to servers with an address, by their names.
pub(in crate::agents) type Ways = BTreeMap<String, Arc<Client>>;

/// The servers of one trial.
#[derive(Debug, Default)]
pub(in crate::agents) struct Servers {
    running: Vec<Server>,
    tools: Vec<Tool>,
    /// For each of the tools, its server and its name there.
    at: Vec<(usize, String)>,
    /// Where they run, where the trial has no folder.
    own_folder: Option<TemporaryFolder>,
}

impl Servers {
    /// Starts the servers of a suite in the trial's folder, or in an empty one; their tools are given none of the names
    /// that are `taken`.
    ///
    /// # Errors
    /// In words: one cannot be started or reached. Those that were are ended.
    pub async fn ready(
        kit: &Kit,
        folder: Option<&Path>,
        (ways, address): (&Ways, Key),
        taken: &[Tool],
    ) -> Result<Self, String> {
        let mut servers = Self::default();
        let is_program = |it: &ServerReach| matches!(it, ServerReach::Command { .. });
        if folder.is_none() && kit.servers.iter().any(|it| is_program(&it.reach)) {
            let own = TemporaryFolder::create("tools").map_err(|it| it.what().to_owned())?;
            servers.own_folder = Some(own);
        }
        let mut names: Vec<String> = taken.iter().map(|it| it.name.clone()).collect();
        for server in &kit.servers {
            let own = servers.own_folder.as_ref().map(TemporaryFolder::path);
            let folder = folder.or(own).unwrap_or(Path::new("."));
            match Server::ready(server, folder, ways.get(&server.name), address).await {
                Ok(ready) => servers.add(ready, &mut names),
                Err(told) => {
                    // Its folder is another in each trial, and the reason is the same.
                    let place = format!("{}/", folder.display());
                    servers.stop().await;
                    return Err(told.replace(&place, "./"));
                }
            }
        }
        Ok(servers)
    }

    fn add(&mut self, server: Server, names: &mut Vec<String>) {
        for listed in server.tools() {
            let name = plain_name(&format!("{}_{}", server.name(), listed.name), names);
            names.push(name.clone());
            self.tools.push(Tool {
                name,
                about: listed.about.clone(),
                schema: listed.schema.clone(),
                built_in: None,
            });
            self.at.push((self.running.len(), listed.name.clone()));
        }
        self.running.push(server);
    }

    /// Their tools.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// Makes a call, if it names one of their tools.
    pub async fn call(&mut self, call: &ToolCall, seconds_left: f64) -> Option<Came> {
        let tool = self.tools.iter().position(|it| it.name == call.name)?;
        let (server, name) = &self.at[tool];
        let input = match &call.input {
            Ok(input @ Value::Object(_)) => input,
            Ok(_) => return Some(Ok((Err("the input is no JSON object".to_owned()), 0.0))),
            Err(_) => {
                let told = "the input is not valid JSON: send it again, whole".to_owned();
                return Some(Ok((Err(told), 0.0)));
            }
        };
        let came = self.running[*server].call(name, input, seconds_left).await;
        Some(came.map(|(told, seconds)| {
            let told = told.map(|it| cut(&it)).map_err(|it| cut(&it));
            (told, seconds)
        }))
    }

    /// Ends them all.
    pub async fn stop(self) {
        for server in self.running {
            server.stop().await;
        }
    }
}
