//! The post room played and dreamt over on a stub of the managed-agents platform.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use dreameval::{
    agents::hosted::{Choice, Hosted},
    chat::Prices,
    domain::{halt::Halt, id::ArmName, memory::Store, session::Session, trial::Outcome},
    dreaming::hosted::HostedDreamer,
    error::Result,
    files::TemporaryFolder,
    formats::{memory, suite::load_suite, transcript::read_session},
    hosted::{Connection, Ended, Platform},
    http::{Clock, Settings},
    runner::{
        Pace,
        bench::Bench,
        event::Event,
        journal::Record,
        transcripts::{Frame, Library, Pack},
    },
    secret::Secret,
    study::{
        self, Finished,
        asked::{Asked, Typed},
        plan::{Amount, Roster, replay},
    },
};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::{
    platform::{Dreamt, KEY, Night, Platform as Stub, Scene, Setup, Step},
    program::post_room,
};

/// What the model dreams; with it a letter of any kind arrives.
pub const LESSON: &str =
    "- When format is wpd, do convert before open.\n- When format is pdf, do unlock before open.\n";

/// How a test differs from the default.
pub struct Set {
    pub settings: Settings,
    pub choice: Choice,
    pub amount: Amount,
    pub arms: Vec<String>,
    pub seconds: u32,
    pub base_url: String,
    pub version: String,
    pub workers: usize,
}

impl Set {
    pub fn of(address: &str) -> Self {
        Self {
            settings: Settings {
                total: Duration::from_secs(5),
                idle: Duration::from_secs(2),
                clock: Clock::told(),
                ..Settings::new("")
            },
            choice: Choice {
                model: "claude-opus-5".to_owned(),
                ..Choice::default()
            },
            amount: Amount {
                practice_repeats: 1,
                repeats: 1,
                pairs: 0,
                sweeps: true,
            },
            arms: ["bare", "stored", "dreamed"].map(str::to_owned).to_vec(),
            seconds: 60,
            base_url: address.to_owned(),
            version: Connection::default().version,
            workers: 8,
        }
    }

    pub fn platform(&self) -> Arc<Platform> {
        let connection = Connection {
            base_url: Some(self.base_url.clone()),
            key: Some(Secret::new(KEY)),
            version: self.version.clone(),
            ..Connection::default()
        };
        Arc::new(Platform::new(connection, self.settings.clone()).unwrap())
    }

    pub fn asked(&self) -> Asked {
        let platform = self.platform();
        let mut suite = load_suite(&post_room(), None).unwrap();
        for task in &mut suite.tasks {
            task.brief.limits.seconds = self.seconds;
        }
        let model = &self.choice.model;
        let dreamer =
            HostedDreamer::new(Arc::clone(&platform), model, None, Prices::known()).unwrap();
        Asked {
            agent: Arc::new(Hosted::new(Arc::clone(&platform), self.choice.clone())),
            dreamer: Arc::new(dreamer),
            platform: Some(platform),
            judge: None,
            calibration: None,
            suite: Arc::new(suite),
            memory: None,
            arms: self.arms.clone(),
            extra: Vec::new(),
            amount: self.amount.clone(),
            seed: 1,
            tries_dropped: false,
            typed: Typed::default(),
        }
    }

    /// Plays a whole run in a folder.
    pub fn run(&self, folder: &Path) -> Ran {
        self.run_until(folder, &Arc::clone(&self.settings.halt))
    }

    /// As [`Set::run`], ended by `stop`.
    pub fn run_until(&self, folder: &Path, stop: &Arc<Halt>) -> Ran {
        let asked = self.asked();
        std::fs::create_dir_all(folder.join("transcripts")).unwrap();
        let pace = Pace {
            workers: self.workers,
            halt: Arc::clone(stop),
            purse: None,
        };
        let mut ended = None;
        let mut observe = |event: &Event| {
            if let Event::Tidied(it) = event {
                ended = Some(it.clone());
            }
        };
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let finished = runtime.block_on(async {
            let finished = study::run(&asked, folder, &pace, &mut observe).await?;
            if let Some(finished) = &finished {
                finished.settling.end().await?;
            }
            Ok(finished)
        });
        Ran { finished, ended }
    }
}

/// One trial, under arm `bare` or `stored`.
pub struct Trial {
    pub record: Record,
    /// The transcript's events.
    pub events: Vec<Value>,
}

impl Trial {
    /// Why it broke; empty where it did not.
    pub fn broken(&self) -> String {
        match &self.record.outcome {
            Outcome::Broken(told) => told.clone(),
            Outcome::Graded(_) => String::new(),
        }
    }

    /// Types of its events.
    pub fn kinds(&self) -> Vec<String> {
        let kind = |it: &Value| it["type"].as_str().unwrap().to_owned();
        self.events.iter().map(kind).collect()
    }
}

impl Set {
    /// Plays the first test task once.
    pub fn trial(&self, arm: &str) -> Trial {
        self.trials(arm, 1).remove(0)
    }

    /// Plays the first test task so often.
    pub fn trials(&self, arm: &str, times: usize) -> Vec<Trial> {
        let asked = self.asked();
        let mut bench = Bench::new(asked.suite, asked.agent, 1).unwrap();
        for (name, store) in [
            ("bare", Store::default()),
            ("stored", bench.suite.memory.clone()),
        ] {
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
            repeats: u32::try_from(times).unwrap(),
            pairs: 0,
            sweeps: true,
        };
        let trials = replay(&bench.suite, &bench.arms, &roster, &amount, 1);
        let task = trials[0].task;
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let of_arm = trials
            .iter()
            .filter(|it| it.task == task && it.arm == u16::from(arm == "stored"));
        let played: Vec<Trial> = of_arm
            .map(|trial| {
                let played = runtime.block_on(bench.play(trial, 0));
                let session = played.transcript.map(|it| unpacked(&it));
                Trial {
                    record: played.record,
                    events: session.map(|it| it.events).unwrap_or_default(),
                }
            })
            .collect();
        assert_eq!(played.len(), times);
        played
    }
}

/// The first trial under arm `stored` of a model that does this at once.
pub fn after(steps: Vec<Step>) -> (Trial, Stub) {
    let platform = Stub::start(move |_| steps.clone());
    let trial = Set::of(&platform.address).trial("stored");
    (trial, platform)
}

fn unpacked(frame: &Frame) -> Session {
    let folder = TemporaryFolder::create("pack").unwrap();
    let path = folder.path().join("pack");
    let mut pack = Pack::open(&path).unwrap();
    pack.add(frame).unwrap();
    pack.sync().unwrap();
    let text = Library::read(&path).unwrap().get(frame.digest()).unwrap();
    read_session(&text, &path).unwrap()
}

/// What came of a run.
pub struct Ran {
    pub finished: Result<Option<Finished>>,
    pub ended: Option<Ended>,
}

impl Ran {
    pub fn finished(self) -> Finished {
        self.finished.unwrap().unwrap()
    }

    pub fn error(self) -> String {
        self.finished.unwrap_err().to_string()
    }
}

/// Completed and graded trials of an arm.
pub fn rate(finished: &Finished, arm: &str) -> (usize, usize) {
    let of_arm = finished.trials.iter().zip(&finished.records);
    let graded: Vec<bool> = of_arm
        .filter(|(trial, _)| finished.bench.arms[usize::from(trial.arm)].name.as_str() == arm)
        .filter_map(|(_, record)| record.outcome.completed())
        .collect();
    (graded.iter().filter(|it| **it).count(), graded.len())
}

pub fn is_whole(record: &Record) -> bool {
    record.outcome.completed().is_some()
}

/// The usual stub: the clerk works, and dreams add [`LESSON`].
pub fn setup() -> Setup {
    Setup::new().script(clerk).dream(dream)
}

pub fn dream(night: &Night) -> Dreamt {
    let mut memories: BTreeMap<String, String> = night.memories.clone();
    memories.insert("/playbooks/letters.md".to_owned(), LESSON.to_owned());
    Dreamt::Memories(memories)
}

/// A model that opens its notes, does what they say, and sends the letter; what the service was too busy for it calls
/// again.
pub fn clerk(scene: &Scene) -> Vec<Step> {
    let done = done(&scene.events);
    let knows = scene.recalls("do convert before open");
    let letter = letter(scene);
    let mut stages: Vec<Vec<(&str, Value)>> = vec![
        vec![("open", json!({"on": letter, "viewer": "native"}))],
        vec![("send", json!({"on": letter, "cover": "sealed"}))],
    ];
    if knows {
        let first = ["convert", "unlock"].map(|it| (it, json!({"on": letter})));
        stages.insert(0, first.to_vec());
    }
    let next = stages.into_iter().find_map(|stage| {
        let left: Vec<_> = stage
            .into_iter()
            .filter(|(name, _)| !done.iter().any(|it| it == name))
            .collect();
        (!left.is_empty()).then_some(left)
    });
    let mut steps = Vec::new();
    if done.is_empty() && scene.turn == 0 {
        steps.extend([Step::Think, Step::ReadAll]);
    }
    match next {
        Some(calls) => steps.extend(
            calls
                .into_iter()
                .map(|(name, input)| Step::custom(name, input)),
        ),
        None => steps.push(Step::say("The letter is sent.")),
    }
    steps
}

fn letter(scene: &Scene) -> String {
    let mut messages = scene.events.iter().filter_map(|it| {
        let text = it.pointer("/content/0/text").or(it.get("description"))?;
        text.as_str().filter(|it| it.contains("On the desk:\n- "))
    });
    let (_, rest) = messages
        .next()
        .unwrap()
        .split_once("On the desk:\n- ")
        .unwrap();
    rest.split(' ').next().unwrap().to_owned()
}

/// Tools that have answered anything but that they are busy.
fn done(events: &[Value]) -> Vec<String> {
    let result = |id: &Value| {
        events
            .iter()
            .find(|it| it["custom_tool_use_id"] == *id)
            .filter(|it| !it["content"].to_string().contains("service busy"))
    };
    events
        .iter()
        .filter(|it| it["type"] == "agent.custom_tool_use" && result(&it["id"]).is_some())
        .filter_map(|it| it["name"].as_str().map(str::to_owned))
        .collect()
}
