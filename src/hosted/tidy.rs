//! What a run made on the platform, and its removal: at the end, after an interrupt, and by whoever resumes a killed run.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    domain::id::Digest,
    error::{Error, Result, without_place},
    files,
    hosted::{
        Call, MARK, Outcome, PAGE, Platform, dreams, id_at, lock, own_address,
        stores::{Manifest, difference, gone},
        text_at,
    },
};

/// The file of a run's folder that holds its mark.
pub const MARK_FILE: &str = "hosted.json";
/// Removals under way at once.
const AT_ONCE: usize = 8;

/// Everything that is to be removed.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub agents: BTreeSet<String>,
    pub environments: BTreeSet<String>,
    /// By id, and whether a dream may still read it.
    pub sessions: BTreeMap<String, bool>,
    /// By id, with what was put there where nobody may have changed it.
    pub stores: BTreeMap<String, Option<Manifest>>,
    pub dreams: BTreeSet<String>,
}

impl Made {
    fn things(&self) -> usize {
        self.agents.len()
            + self.environments.len()
            + self.sessions.len()
            + self.stores.len()
            + self.dreams.len()
    }
}

/// How a run's end went on the platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// What could not be removed, and why.
    pub left: Vec<String>,
    /// Sessions kept so that a resumed run can dream over them.
    pub kept: Vec<String>,
    /// Stores that are not what was put there.
    pub changed: Vec<String>,
    /// What all of it is marked with, in the metadata `dreameval`.
    pub mark: String,
}

/// The mark of a run, kept in its folder.
#[derive(Debug, Serialize, Deserialize)]
struct MarkFile {
    format: u32,
    mark: String,
    /// Whether nothing of this run is left on the platform.
    is_clean: bool,
}

/// One thing to be removed.
#[derive(Debug, Clone)]
enum Thing {
    Dream(String),
    Session(String),
    Store(String, Option<Manifest>),
    Environment(String),
    Agent(String),
}

impl Thing {
    fn told(&self) -> String {
        match self {
            Thing::Dream(id) => format!("dream {id}"),
            Thing::Session(id) => format!("session {id}"),
            Thing::Store(id, _) => format!("memory store {id}"),
            Thing::Environment(id) => format!("environment {id}"),
            Thing::Agent(id) => format!("agent {id}"),
        }
    }
}

impl Platform {
    /// Begins a run whose folder this is, or goes on with it. What a killed run left is removed, but for the sessions a
    /// dream is still to read.
    ///
    /// # Errors
    /// The folder cannot be written, or the platform not be asked.
    pub async fn begin(self: &Arc<Self>, run: &Digest, folder: &Path) -> Result<()> {
        lock(&self.run).fingerprint = run.to_string();
        let path = folder.join(MARK_FILE);
        if let Some(file) = read(&path)? {
            lock(&self.run).mark = Some(file.mark);
            if !file.is_clean {
                self.gather_for("looking for what this run left on the platform")
                    .await?;
                self.remove(true).await;
            }
        }
        let mark = self
            .mark()
            .map_err(|it| it.into_error("drawing a mark for this run"))?;
        keep(&path, mark, false)
    }

    /// Removes what a run made. Where it `is_over` nothing is kept; else practice sessions are, as long as a dream is to
    /// read them. Without a folder there was no [`Platform::begin`].
    ///
    /// # Errors
    /// The folder cannot be written. What could not be removed is no error: it is named.
    pub async fn end(self: &Arc<Self>, is_over: bool, folder: Option<&Path>) -> Result<Ended> {
        let keeps = !is_over && self.awaits_dream.load(Ordering::Relaxed);
        let mut ended = self.remove(keeps).await;
        ended.mark = lock(&self.run).mark.clone().unwrap_or_default();
        if let Some(folder) = folder {
            let is_clean = ended.left.is_empty() && ended.kept.is_empty();
            keep(&folder.join(MARK_FILE), ended.mark.clone(), is_clean)?;
        }
        Ok(ended)
    }

    /// Removes all that the run of this folder left, and tells how many things that were.
    ///
    /// # Errors
    /// The folder cannot be read or written, or the platform not be asked.
    pub async fn tidy(self: &Arc<Self>, folder: &Path) -> Result<(usize, Ended)> {
        let file = read(&folder.join(MARK_FILE))?;
        let Some(file) = file.filter(|it| !it.is_clean) else {
            return Ok((0, Ended::default()));
        };
        lock(&self.run).mark = Some(file.mark);
        self.gather_for("looking for what this run left on the platform")
            .await?;
        let found = lock(&self.made).things();
        let ended = self.end(true, Some(folder)).await?;
        Ok((found.saturating_sub(ended.left.len()), ended))
    }

    async fn gather_for(&self, doing: &str) -> Result<()> {
        self.gather().await.map_err(|it| it.into_error(doing))
    }

    /// Finds everything that bears this run's mark.
    async fn gather(&self) -> Outcome<()> {
        let mark = self.mark()?;
        let address = own_address("gather");
        let is_ours =
            |item: &Value| item.pointer(&format!("/metadata/{MARK}")) == Some(&json!(mark));
        let ours = async |path: &str| -> Outcome<Vec<Value>> {
            let all = self.list(&format!("{path}{PAGE}"), address).await?;
            Ok(all.into_iter().filter(|it| is_ours(it)).collect())
        };
        for agent in ours("/v1/agents?").await? {
            let Some(id) = id_at(&agent, "/id") else {
                continue;
            };
            for session in ours(&format!("/v1/sessions?agent_id={id}&")).await? {
                let is_practice = text_at(&session, "/metadata/arm").as_deref() == Some("practice");
                if let Some(id) = id_at(&session, "/id") {
                    lock(&self.made).sessions.insert(id, is_practice);
                }
            }
            lock(&self.made).agents.insert(id);
        }
        let mut inputs = BTreeSet::new();
        for store in ours("/v1/memory_stores?").await? {
            let Some(id) = id_at(&store, "/id") else {
                continue;
            };
            if text_at(&store, "/metadata/purpose").as_deref() == Some("dream-input") {
                inputs.insert(id.clone());
            }
            lock(&self.made).stores.insert(id, None);
        }
        if !inputs.is_empty() {
            for dream in self.list(&format!("/v1/dreams?{PAGE}"), address).await? {
                if !dreams::input_of(&dream).is_some_and(|it| inputs.contains(&it)) {
                    continue;
                }
                let mut made = lock(&self.made);
                made.dreams.extend(id_at(&dream, "/id"));
                made.stores
                    .extend(dreams::output_of(&dream).map(|it| (it, None)));
            }
        }
        let name = format!("dreameval {mark}");
        let path = format!("/v1/environments?{PAGE}");
        for environment in self.list(&path, address).await? {
            if text_at(&environment, "/name").as_ref() == Some(&name) {
                let id = id_at(&environment, "/id");
                lock(&self.made).environments.extend(id);
            }
        }
        Ok(())
    }

    /// Removes everything but, where asked, practice sessions and those who played them.
    async fn remove(self: &Arc<Self>, keeps_practice: bool) -> Ended {
        let mut ended = Ended::default();
        let dreams = std::mem::take(&mut lock(&self.made).dreams);
        self.remove_all(dreams.into_iter().map(Thing::Dream).collect(), &mut ended)
            .await;
        let sessions = lock(&self.made).sessions.clone();
        let (kept, sessions): (Vec<_>, Vec<_>) = sessions
            .into_iter()
            .partition(|(_, is_practice)| keeps_practice && *is_practice);
        ended.kept = kept.into_iter().map(|(id, _)| id).collect();
        let sessions = sessions.into_iter().map(|(id, _)| Thing::Session(id));
        self.remove_all(sessions.collect(), &mut ended).await;
        let (stores, environments, agents) = {
            let made = lock(&self.made);
            (
                made.stores.clone(),
                made.environments.clone(),
                made.agents.clone(),
            )
        };
        let mut rest: Vec<Thing> = stores
            .into_iter()
            .map(|(id, manifest)| Thing::Store(id, manifest))
            .collect();
        // Whoever looks for the kept sessions later finds them by their agent.
        if ended.kept.is_empty() {
            rest.extend(environments.into_iter().map(Thing::Environment));
            rest.extend(agents.into_iter().map(Thing::Agent));
        }
        self.remove_all(rest, &mut ended).await;
        // Whoever goes on with this platform makes what it needs anew.
        lock(&self.stores).clear();
        lock(&self.agents).clear();
        *lock(&self.environment) = Arc::default();
        ended
    }

    async fn remove_all(self: &Arc<Self>, things: Vec<Thing>, ended: &mut Ended) {
        let mut under_way = JoinSet::new();
        let mut come = Vec::new();
        for thing in things {
            if AT_ONCE <= under_way.len() {
                come.extend(under_way.join_next().await);
            }
            let own = Arc::clone(self);
            under_way.spawn(async move {
                let changed = own.remove_one(&thing).await;
                (thing, changed)
            });
        }
        while let Some(one) = under_way.join_next().await {
            come.push(one);
        }
        for (thing, outcome) in come.into_iter().flatten() {
            match outcome {
                Ok(None) => {}
                Ok(Some(change)) => ended.changed.push(format!("{}: {change}", thing.told())),
                Err(trouble) => ended
                    .left
                    .push(format!("{} ({})", thing.told(), trouble.told())),
            }
        }
        ended.left.sort();
        ended.changed.sort();
    }

    /// Removes one thing; tells how a store differs from what was put there.
    async fn remove_one(&self, thing: &Thing) -> Outcome<Option<String>> {
        let address = own_address("remove").word(&thing.told());
        match thing {
            Thing::Dream(id) => {
                self.end_dream(id, address).await?;
                let path = format!("/v1/dreams/{id}/archive");
                gone(self.ask(&Call::post(&path, &json!({}), address)).await)?;
            }
            Thing::Session(id) => self.delete_session(id, address).await?,
            Thing::Store(id, manifest) => {
                let change = match manifest {
                    Some(was) => difference(was, &self.manifest(id, address).await?),
                    None => None,
                };
                self.delete_store(id, address).await?;
                return Ok(change);
            }
            Thing::Environment(id) => {
                let path = format!("/v1/environments/{id}");
                gone(self.ask(&Call::delete(&path, address)).await)?;
                lock(&self.made).environments.remove(id);
            }
            // Agents cannot be deleted.
            Thing::Agent(id) => {
                let path = format!("/v1/agents/{id}/archive");
                gone(self.ask(&Call::post(&path, &json!({}), address)).await)?;
                lock(&self.made).agents.remove(id);
            }
        }
        Ok(None)
    }
}

/// The mark kept in a folder, if there is one.
fn read(path: &Path) -> Result<Option<MarkFile>> {
    if !files::exists(path) {
        return Ok(None);
    }
    let file = serde_json::from_str(&files::read_text(path)?).map_err(|fault| {
        Error::integrity("this is not the mark of a run")
            .in_file(path)
            .because(without_place(&fault))
            .mend("restore the file, or start afresh with another `--out`")
    })?;
    Ok(Some(file))
}

fn keep(path: &Path, mark: String, is_clean: bool) -> Result<()> {
    let file = MarkFile {
        format: 1,
        mark,
        is_clean,
    };
    let text = serde_json::to_string_pretty(&file)
        .map_err(|fault| Error::bug("a run's mark could not be written").because(fault))?;
    files::write(path, format!("{text}\n").as_bytes())
}
