//! The post room played by a model behind a test's own server.

use std::{path::PathBuf, sync::Arc, time::Duration};

use dreameval::{
    agents::chat::{Chat, Delivery},
    chat::{Choice, Model, Provider},
    domain::{id::ArmName, memory::Store, suite::Suite, trial::Outcome},
    formats::{memory, suite::load_suite, transcript::write_session},
    http::{Clock, Settings},
    runner::{
        bench::{Bench, Played},
        plan::PlannedTrial,
    },
    secret::Secret,
    study::plan::{Amount, Roster, replay},
};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};

use crate::{
    model_server::{Act, Server, clerk},
    program::post_room,
};

/// A key no file, log or error may show.
pub const KEY: &str = "sk-planted-4242-do-not-show";
/// Every protocol.
pub const BOTH: [Provider; 2] = [Provider::Anthropic, Provider::OpenAi];

/// A post room played by a model.
pub struct Room {
    pub bench: Arc<Bench>,
    pub trials: Vec<PlannedTrial>,
    pub runtime: Runtime,
    pub agent: Arc<Chat>,
}

/// How a test differs from the default.
pub struct Set {
    pub settings: Settings,
    pub choice: Choice,
    pub repeats: u32,
    pub seconds: u32,
    pub cents: Option<u32>,
    pub delivery: Delivery,
    pub suite: PathBuf,
}

impl Set {
    pub fn of(provider: Provider, server: &Server) -> Self {
        let base = match provider {
            Provider::Anthropic => server.address.clone(),
            Provider::OpenAi => format!("{}/v1", server.address),
        };
        Self {
            settings: Settings {
                total: Duration::from_millis(400),
                clock: Clock::told(),
                ..Settings::new("")
            },
            choice: Choice {
                base_url: Some(base),
                key: Some(Secret::new(KEY)),
                ..Choice::new(provider, "m")
            },
            repeats: 1,
            seconds: 60,
            cents: None,
            delivery: Delivery::Context,
            suite: post_room(),
        }
    }

    pub fn room(self) -> Room {
        let delivery = self.delivery;
        self.room_of(|model| Chat::new(model, delivery))
    }

    pub fn room_of(self, agent: impl FnOnce(Model) -> Chat) -> Room {
        let agent = Arc::new(agent(Model::new(self.choice, self.settings).unwrap()));
        let mut suite: Suite = load_suite(&self.suite, None).unwrap();
        for task in &mut suite.tasks {
            task.brief.limits.seconds = self.seconds;
            task.brief.limits.cents = self.cents;
        }
        let store = suite.memory.clone();
        let mut bench = Bench::new(Arc::new(suite), Arc::<Chat>::clone(&agent), 1).unwrap();
        for (name, store) in [("bare", Store::default()), ("stored", store)] {
            let learnings = memory::learnings(&store);
            bench.add_arm(ArmName::new(name), store, learnings).unwrap();
        }
        let roster = Roster {
            replayed: vec![0, 1],
            swept: Vec::new(),
            attributed: None,
        };
        let amount = Amount {
            practice_repeats: 0,
            repeats: self.repeats,
            pairs: 0,
            sweeps: true,
        };
        Room {
            trials: replay(&bench.suite, &bench.arms, &roster, &amount, 1),
            bench: Arc::new(bench),
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            agent,
        }
    }
}

impl Room {
    /// Plays all trials, eight at a time, and returns them in plan order.
    pub fn play(&self) -> Vec<Played> {
        self.runtime.block_on(async {
            let mut played = Vec::new();
            let mut under_way = JoinSet::new();
            for (position, trial) in self.trials.iter().cloned().enumerate() {
                if under_way.len() == 8 {
                    played.push(under_way.join_next().await.unwrap().unwrap());
                }
                let bench = Arc::clone(&self.bench);
                under_way.spawn(async move { bench.play(&trial, position).await });
            }
            played.extend(under_way.join_all().await);
            played.sort_by_key(|it: &Played| it.position);
            played
        })
    }

    pub fn first(&self) -> Played {
        self.runtime.block_on(self.bench.play(&self.trials[0], 0))
    }

    pub fn first_session(&self) -> String {
        let session = self.runtime.block_on(self.bench.recreate(&self.trials[0]));
        write_session(&session.unwrap())
    }
}

pub fn broken(played: &Played) -> String {
    match &played.record.outcome {
        Outcome::Broken(told) => told.clone(),
        Outcome::Graded(_) => String::new(),
    }
}

pub fn steady() -> Server {
    Server::start(|seen, _| Act::json(200, &clerk(seen)))
}

/// The first trial where every request is answered like this, with `tries` tries.
pub fn always(provider: Provider, tries: u32, act: Act) -> (Played, usize) {
    let server = Server::start(move |_, _| act.clone());
    let mut set = Set::of(provider, &server);
    set.settings.tries = tries;
    let played = set.room().first();
    (played, server.seen().len())
}
