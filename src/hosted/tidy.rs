//! What a run made on the platform, and its removal: at the end, after an interrupt, and by whoever resumes a killed run.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    domain::id::Digest,
    error::Result,
    hosted::{
        Call, Outcome, Platform, lock,
        mark::MarkFile,
        own_address,
        stores::{Manifest, difference, gone},
    },
};

/// Removals under way at once.
const AT_ONCE: usize = 8;
/// How often all is removed, and looked for again.
const ROUNDS: u32 = 2;

/// Everything that is to be removed.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub agents: BTreeSet<String>,
    pub environments: BTreeSet<String>,
    /// By id, and whether a dream may still read it.
    pub sessions: BTreeMap<String, bool>,
    pub stores: BTreeMap<String, Lying>,
    pub dreams: BTreeSet<String>,
}

/// A store that is to be removed.
#[derive(Debug, Clone, Default)]
pub(super) struct Lying {
    /// What was put there, where nobody may have changed it.
    pub manifest: Option<Manifest>,
    /// What it is for.
    pub role: Role,
}

impl Lying {
    /// What a dream wrote; nobody knows what it should hold.
    pub const OUTPUT: Self = Self {
        manifest: None,
        role: Role::Output,
    };
}

/// What a store is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// Sessions read it.
    #[default]
    Given,
    /// A dream reads it; by it the dream and what it wrote are found.
    Input,
    /// A dream wrote it.
    Output,
}

impl Made {
    /// Takes in what was found besides; what is known of a store already stands.
    fn take_in(&mut self, found: Made) {
        self.agents.extend(found.agents);
        self.environments.extend(found.environments);
        self.dreams.extend(found.dreams);
        for (id, is_practice) in found.sessions {
            self.sessions.entry(id).or_insert(is_practice);
        }
        for (id, lying) in found.stores {
            self.stores.entry(id).or_insert(lying);
        }
    }

    /// Forgets what is not there any more.
    fn become_what_is(&mut self, found: Made) {
        let mut known = std::mem::replace(self, found);
        for (id, lying) in &mut self.stores {
            if let Some(known) = known.stores.remove(id) {
                *lying = known;
            }
        }
    }

    /// Practice sessions that are kept, where any are.
    fn kept(&self, spared: Spared) -> Vec<String> {
        let practice = self.sessions.iter().filter(|it| spared.practice && *it.1);
        practice.map(|(id, _)| id.clone()).collect()
    }

    /// What of this kind is to be removed, as long as nothing else is found by it.
    fn all_of(&self, stage: Stage, spared: Spared) -> Vec<Thing> {
        let stores = |role: Role| {
            let of_role = self.stores.iter().filter(move |it| it.1.role == role);
            of_role.map(|(id, it)| Thing::Store(id.clone(), it.manifest.clone()))
        };
        match stage {
            Stage::Inputs | Stage::Players if spared.signs => Vec::new(),
            Stage::Dreams | Stage::Outputs | Stage::Inputs if spared.dream => Vec::new(),
            Stage::Dreams => self.dreams.iter().cloned().map(Thing::Dream).collect(),
            Stage::Sessions => {
                let sessions = self
                    .sessions
                    .iter()
                    .filter(|it| !(spared.practice && *it.1));
                sessions.map(|(id, _)| Thing::Session(id.clone())).collect()
            }
            Stage::Stores => stores(Role::Given).collect(),
            Stage::Outputs => stores(Role::Output).collect(),
            // Dreams bear no mark, nor do the stores they write.
            Stage::Inputs if self.dreams.is_empty() && stores(Role::Output).next().is_none() => {
                stores(Role::Input).collect()
            }
            Stage::Players if self.sessions.is_empty() => {
                let environments = self.environments.iter().cloned().map(Thing::Environment);
                let agents = self.agents.iter().cloned().map(Thing::Agent);
                environments.chain(agents).collect()
            }
            Stage::Inputs | Stage::Players => Vec::new(),
        }
    }

    /// All that is there and should not be.
    fn all_but_kept(&self, spared: Spared) -> Vec<Thing> {
        let stages = Stage::ALL[..4].iter();
        let mut things: Vec<Thing> = stages.flat_map(|it| self.all_of(*it, spared)).collect();
        if !spared.dream {
            let inputs = self.stores.iter().filter(|it| it.1.role == Role::Input);
            things.extend(inputs.map(|(id, it)| Thing::Store(id.clone(), it.manifest.clone())));
        }
        if self.kept(spared).is_empty() {
            things.extend(self.environments.iter().cloned().map(Thing::Environment));
            things.extend(self.agents.iter().cloned().map(Thing::Agent));
        }
        things
    }
}

/// What stays although it is the run's own.
#[derive(Debug, Clone, Copy, Default)]
struct Spared {
    /// Practice sessions, and who played them.
    practice: bool,
    /// The dream a run waits for, with what it reads and writes.
    dream: bool,
    /// What others are found by, since nobody knows which there are.
    signs: bool,
}

/// What is removed together, in this order.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Dreams,
    Sessions,
    Stores,
    Outputs,
    /// The stores that dreams, and what they wrote, are found by.
    Inputs,
    /// Environments, and the agents that sessions are found by.
    Players,
}

impl Stage {
    const ALL: [Self; 6] = [
        Self::Dreams,
        Self::Sessions,
        Self::Stores,
        Self::Outputs,
        Self::Inputs,
        Self::Players,
    ];
}

/// How a run's end went on the platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// What could not be removed, and why.
    pub left: Vec<String>,
    /// Sessions kept so that a resumed run can dream over them.
    pub kept: Vec<String>,
    /// The dream that is kept so that a resumed run can watch it.
    pub dream: Option<String>,
    /// Stores that are not what was put there.
    pub changed: Vec<String>,
    /// Why nobody knows whether anything is left, where that is so.
    pub unsure: Option<String>,
    /// What all of it is marked with, in the metadata `dreameval`.
    pub mark: String,
    /// The run's folder, where it has one.
    pub folder: Option<PathBuf>,
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
        lock(&self.run).folder = Some(folder.to_owned());
        if let Some(file) = MarkFile::read(folder)? {
            lock(&self.run).mark = Some(file.mark);
            lock(&self.begun).clone_from(&file.dream);
            self.is_tidied.store(file.is_tidied, Ordering::Relaxed);
            if !file.is_clean {
                self.gather_for("looking for what this run left on the platform")
                    .await?;
                self.has_made.store(true, Ordering::Relaxed);
                let spared = Spared {
                    practice: true,
                    dream: file.dream.is_some(),
                    signs: false,
                };
                self.remove(spared, &mut Ended::default(), &mut BTreeMap::new())
                    .await;
            }
        }
        self.mark()
            .map_err(|it| it.into_error("drawing a mark for this run"))?;
        self.keep_mark(folder, false)
    }

    /// Removes what a run made. Where it `is_over` nothing is kept; else practice sessions are, as long as a dream is to
    /// read them. Without a folder there was no [`Platform::begin`].
    ///
    /// # Errors
    /// The folder cannot be written. What could not be removed is no error: it is named.
    pub async fn end(self: &Arc<Self>, is_over: bool, folder: Option<&Path>) -> Result<Ended> {
        let keeps = !is_over && folder.is_some() && self.awaits_dream.load(Ordering::Relaxed);
        if !keeps {
            lock(&self.begun).take();
        }
        let dream = lock(&self.begun).clone();
        let spared = Spared {
            practice: keeps,
            dream: dream.is_some(),
            signs: !lock(&self.doubtful).is_empty(),
        };
        self.client.begin_removal();
        *lock(&self.unanswered) = Some(0);
        let mut ended = self.sweep(spared).await;
        *lock(&self.unanswered) = None;
        self.client.end_removal();
        ended.dream = dream.map(|it| it.id.unwrap_or_else(|| format!("over {}", it.input)));
        ended.mark = lock(&self.run).mark.clone().unwrap_or_default();
        ended.folder = folder.map(Path::to_owned);
        if let Some(folder) = folder {
            let is_kept = !ended.kept.is_empty() || ended.dream.is_some();
            let is_clean = ended.left.is_empty() && !is_kept && ended.unsure.is_none();
            self.keep_mark(folder, is_clean)?;
        }
        Ok(ended)
    }

    /// Removes all that the run of this folder left, and tells how many things that were.
    ///
    /// # Errors
    /// The folder cannot be read or written, or the platform not be asked.
    pub async fn tidy(self: &Arc<Self>, folder: &Path) -> Result<(usize, Ended)> {
        let Some(file) = MarkFile::read(folder)? else {
            return Ok((0, Ended::default()));
        };
        lock(&self.run).mark = Some(file.mark);
        self.has_made.store(true, Ordering::Relaxed);
        self.is_tidied.store(true, Ordering::Relaxed);
        let dream = file.dream.and_then(|it| it.id);
        lock(&self.made).dreams.extend(dream);
        self.gather_for("looking for what this run left on the platform")
            .await?;
        let found = lock(&self.made).all_but_kept(Spared::default()).len();
        let ended = self.end(true, Some(folder)).await?;
        Ok((found.saturating_sub(ended.left.len()), ended))
    }

    /// Whether what this run made was removed by [`Platform::tidy`], so that no dream can read its sessions.
    pub fn is_tidied(&self) -> bool {
        self.is_tidied.load(Ordering::Relaxed)
    }

    /// All that is on the platform as far as this process knows, by name; for whoever cannot wait for its removal.
    pub fn at_hand(&self) -> Ended {
        let things = lock(&self.made).all_but_kept(Spared::default());
        let run = lock(&self.run).clone();
        Ended {
            left: things.iter().map(Thing::told).collect(),
            mark: run.mark.unwrap_or_default(),
            folder: run.folder,
            unsure: (self.has_made.load(Ordering::Relaxed))
                .then(|| "something may have been under way".to_owned()),
            ..Ended::default()
        }
    }

    async fn gather_for(&self, doing: &str) -> Result<()> {
        let found = self.gather().await.map_err(|it| it.into_error(doing))?;
        lock(&self.made).take_in(found);
        Ok(())
    }

    /// Removes all that is not kept and looks for it again: only what a listing shows no more is gone.
    async fn sweep(self: &Arc<Self>, mut spared: Spared) -> Ended {
        let mut ended = Ended::default();
        let mut why = BTreeMap::new();
        for round in 0..ROUNDS {
            if 0 < round {
                self.client.wait(Duration::from_secs(1)).await;
            }
            if spared.signs
                && let Ok(found) = self.gather().await
            {
                lock(&self.made).take_in(found);
                spared.signs = false;
            }
            self.remove(spared, &mut ended, &mut why).await;
            if !self.has_made.load(Ordering::Relaxed) {
                return ended;
            }
            match self.gather().await {
                Ok(found) => {
                    lock(&self.made).become_what_is(found);
                    ended.kept = lock(&self.made).kept(spared);
                    spared.signs = false;
                }
                Err(trouble) => ended.unsure = Some(trouble.told()),
            }
            ended.left = self.left(spared, &why);
            if ended.left.is_empty() || ended.unsure.is_some() {
                break;
            }
        }
        if ended.unsure.is_none() {
            lock(&self.doubtful).clear();
        }
        ended
    }

    /// What is there and should not be, and why.
    fn left(&self, spared: Spared, why: &BTreeMap<String, String>) -> Vec<String> {
        let things = lock(&self.made).all_but_kept(spared);
        let told = things.iter().map(|thing| {
            let told = thing.told();
            let reason = why.get(&told).map_or("it is still listed", String::as_str);
            format!("{told} ({reason})")
        });
        told.collect()
    }

    /// Removes everything but, where asked, practice sessions and those who played them. Nothing is removed before what
    /// is found by it.
    async fn remove(
        self: &Arc<Self>,
        spared: Spared,
        ended: &mut Ended,
        why: &mut BTreeMap<String, String>,
    ) {
        for stage in Stage::ALL {
            let things = lock(&self.made).all_of(stage, spared);
            for (thing, outcome) in self.remove_all(things).await {
                match outcome {
                    Ok(None) => {}
                    Ok(Some(change)) => ended.changed.push(format!("{}: {change}", thing.told())),
                    Err(trouble) => {
                        why.insert(thing.told(), trouble.told());
                    }
                }
            }
        }
        ended.changed.sort();
        ended.kept = lock(&self.made).kept(spared);
        // Whoever goes on with this platform makes what it needs anew.
        lock(&self.stores).clear();
        lock(&self.agents).clear();
        *lock(&self.environment) = Arc::default();
    }

    async fn remove_all(
        self: &Arc<Self>,
        things: Vec<Thing>,
    ) -> Vec<(Thing, Outcome<Option<String>>)> {
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
        come.into_iter().flatten().collect()
    }

    /// Removes one thing; tells how a store differs from what was put there.
    async fn remove_one(&self, thing: &Thing) -> Outcome<Option<String>> {
        let address = own_address("remove").word(&thing.told());
        match thing {
            Thing::Dream(id) => {
                self.end_dream(id, address).await?;
                let path = format!("/v1/dreams/{id}/archive");
                gone(self.ask(&Call::post(&path, &json!({}), address)).await)?;
                lock(&self.made).dreams.remove(id);
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
