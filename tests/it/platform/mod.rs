//! A stub of the managed-agents platform: agents, environments, sessions, memory stores, dreams, files. Written from
//! the platform's documents, not from our client; strict where the platform is strict, and misbehaving where asked.

mod agents;
mod answer;
mod dreams;
mod events;
mod faults;
mod fields;
mod files;
mod gate;
mod memories;
mod outcomes;
mod play;
mod script;
mod sessions;
mod state;
mod stores;
mod stream;
mod tidy;
mod wire;

pub use faults::{Ending, Fault, When};
pub use script::{Dreamt, Mount, Night, Pace, Scene, Step, Stop, Verdict};
pub use state::Logged;
pub use tidy::Counts;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    runtime::Builder,
    sync::{oneshot, watch},
};

use state::State;

/// The key that is let in.
pub const KEY: &str = "sk-ant-stub-0001";
/// The beta of agents, environments, sessions and, alone, of memory stores.
pub const MANAGED_AGENTS: &str = "managed-agents-2026-04-01";
/// The beta of memory stores, never beside the other.
pub const AGENT_MEMORY: &str = "agent-memory-2026-07-22";
/// The beta of dreams.
pub const DREAMING: &str = "dreaming-2026-04-21";

type Script = Arc<dyn Fn(&Scene) -> Vec<Step> + Send + Sync>;
type Dream = Arc<dyn Fn(&Night) -> Dreamt + Send + Sync>;
type Grader = Arc<dyn Fn(&Scene, u64) -> Verdict + Send + Sync>;

/// How a platform behaves; made by [`Setup::new`], begun by [`Setup::start`].
#[derive(Clone)]
pub struct Setup {
    script: Script,
    dream: Dream,
    grader: Grader,
    pace: Pace,
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Setup {
    /// A model that says `done.` and ends its turn; dreams that change nothing; graders that are satisfied.
    pub fn new() -> Self {
        Self {
            script: Arc::new(|_| vec![Step::say("done.")]),
            dream: Arc::new(|night| Dreamt::Memories(night.memories.clone())),
            grader: Arc::new(|_, _| Verdict::new("satisfied", "all criteria hold")),
            pace: Pace::default(),
        }
    }

    /// What the model of every session does: it is asked once a turn, and again when its custom tools have answered
    /// and none of its steps is left.
    pub fn script(mut self, script: impl Fn(&Scene) -> Vec<Step> + Send + Sync + 'static) -> Self {
        self.script = Arc::new(script);
        self
    }

    /// What dreams write.
    pub fn dream(mut self, dream: impl Fn(&Night) -> Dreamt + Send + Sync + 'static) -> Self {
        self.dream = Arc::new(dream);
        self
    }

    /// What the grader of outcomes says of a turn's work, by iteration from 0.
    pub fn grader(
        mut self,
        grader: impl Fn(&Scene, u64) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        self.grader = Arc::new(grader);
        self
    }

    /// Delays, page sizes, prices, clocks.
    pub fn pace(mut self, change: impl FnOnce(&mut Pace)) -> Self {
        change(&mut self.pace);
        self
    }

    /// Begins to listen.
    pub fn start(self) -> Platform {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (end, ended) = oneshot::channel();
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(self.pace)),
            changed: watch::channel(0).0,
            script: self.script,
            dream: self.dream,
            grader: self.grader,
        });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                let accept = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(wire::attend(stream, Arc::clone(&own)));
                    }
                };
                tokio::select! { () = accept => {}, _ = ended => {} }
            });
        });
        Platform {
            address,
            shared,
            end: Some(end),
        }
    }
}

/// What connections and sessions at play have in common.
struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    script: Script,
    dream: Dream,
    grader: Grader,
}

impl Shared {
    /// The state. A script that panicked spoils nothing: the lock is never held while it runs.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Wakes streams and held sessions.
    fn tell(&self) {
        self.changed.send_modify(|it| *it += 1);
    }
}

/// A running platform; it ends when it is dropped.
pub struct Platform {
    /// Such as `http://127.0.0.1:40000`.
    pub address: String,
    shared: Arc<Shared>,
    end: Option<oneshot::Sender<()>>,
}

impl Drop for Platform {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
    }
}

impl Platform {
    /// A platform whose sessions follow this script, with everything else as [`Setup::new`] has it.
    pub fn start(script: impl Fn(&Scene) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Setup::new().script(script).start()
    }

    /// Misbehaves where `when` says; faults are tried in the order they were given.
    pub fn misbehave(&self, when: When, fault: Fault) {
        self.shared.lock().faults.push((when, fault));
    }

    /// Misbehaves no more.
    pub fn mend(&self) {
        self.shared.lock().faults.clear();
    }

    /// Every request so far, with the status of its answer.
    pub fn log(&self) -> Vec<Logged> {
        self.shared.lock().log.clone()
    }

    /// How many requests had this method and this beginning of their path.
    pub fn requests(&self, method: &str, path: &str) -> usize {
        let is_such = |it: &&Logged| it.method == method && it.path.starts_with(path);
        self.log().iter().filter(is_such).count()
    }

    /// Objects made, deleted, archived and left behind, by kind.
    pub fn counts(&self) -> Counts {
        tidy::counts(&self.shared.lock())
    }

    /// Takes the organisation out of a beta: requests with it are answered 400.
    pub fn unenrol(&self, beta: &str) {
        self.shared.lock().unenrolled.insert(beta.to_owned());
    }

    /// Whether the key may not write memory stores.
    pub fn forbid_writing(&self, is_forbidden: bool) {
        self.shared.lock().may_not_write = is_forbidden;
    }

    /// Lets a session go past its next [`Step::Hold`].
    pub fn release(&self, session: &str) {
        if let Some(session) = self.shared.lock().sessions.get_mut(session) {
            session.actor.releases += 1;
        }
        self.shared.tell();
    }

    /// Lets a dream's clock go on by this many ticks.
    pub fn tick(&self, dream: &str, ticks: usize) {
        for _ in 0..ticks {
            dreams::tick(&self.shared, dream);
        }
    }

    /// A store that is simply there, as if made long ago.
    pub fn plant_store(&self, name: &str, memories: &[(&str, &str)]) -> String {
        let mut state = self.shared.lock();
        let id = state.make_store(name, None, &json!({}));
        let actor = State::key_actor();
        for (path, content) in memories {
            state.put(&id, path, content, &actor).unwrap();
        }
        id
    }

    /// Path and content of every memory of a store, `None` if there is no such store.
    pub fn memories(&self, store: &str) -> Option<BTreeMap<String, String>> {
        Some(self.shared.lock().stores.get(store)?.contents())
    }

    /// A session's history.
    pub fn events(&self, session: &str) -> Vec<Value> {
        let state = self.shared.lock();
        let session = state.sessions.get(session);
        session.map(|it| it.history()).unwrap_or_default()
    }

    /// Adds an event to a session's history and streams, such as one of a type nobody knows.
    pub fn emit(&self, session: &str, event: Value) -> String {
        let id = self.shared.lock().emit(session, event);
        self.shared.tell();
        id
    }

    /// Archives every agent, as somebody else might.
    pub fn archive_agents(&self) {
        let mut state = self.shared.lock();
        for agent in state.agents.values_mut() {
            agent.shown["archived_at"] = json!("2026-11-01T00:00:00Z");
        }
    }

    /// A file uploaded long ago.
    pub fn plant_file(&self, name: &str, content: &str) -> String {
        let mut state = self.shared.lock();
        files::make(&mut state, name, content.as_bytes(), None)
    }

    /// Changes delays, page sizes, prices and clocks while it runs.
    pub fn pace(&self, change: impl FnOnce(&mut Pace)) {
        change(&mut self.shared.lock().pace);
    }

    /// Waits until `holds`, at most five seconds; whether it did.
    pub fn wait_until(&self, holds: impl Fn(&Self) -> bool) -> bool {
        (0..500).any(|_| {
            let is_so = holds(self);
            if !is_so {
                std::thread::sleep(Duration::from_millis(10));
            }
            is_so
        })
    }
}
