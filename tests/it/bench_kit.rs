//! A bench in memory: suites in any world, practised, dreamed over and replayed without a folder, so that a test reads
//! as what it claims.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use dreameval::{
    agents::{
        Agent,
        embedded::{Embedded, Policy},
    },
    analysis::{compare, evidence::Comparison},
    domain::{
        dream::Dream,
        id::{ArmName, Digest},
        memory::{Entry, Store},
        session::Session,
        suite::{Setting, Suite},
        trial::TrialRow,
        world::World,
    },
    draw::Key,
    dreaming::{Dreamer, embedded::Reference},
    formats::{memory, store_template::fill_store, suite::load_suite},
    runner::{bench::Bench, journal::Record, plan::PlannedTrial, transcripts::Settling},
    study::{
        Finished, arms,
        asked::{Asked, Typed},
        plan::{Amount, Roster, practice, replay},
        rows::rows,
    },
};
use tokio::runtime::{Builder, Runtime};

/// The shipped suites.
pub const SUITES: [&str; 3] = ["legal-desk", "finance-desk", "operations"];

/// As much as `run` plays by default.
pub const GATE: Amount = Amount {
    practice_repeats: 2,
    repeats: 3,
    pairs: 1000,
    sweeps: true,
};

/// Whether the full batteries were asked for; the bounds are the same, only the numbers of worlds and seeds differ.
#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
pub fn is_full_battery() -> bool {
    std::env::var("DREAMEVAL_BATTERY").is_ok_and(|it| it == "full")
}

/// `few` by default, `many` in the full battery.
pub fn battery(few: u64, many: u64) -> u64 {
    if is_full_battery() { many } else { few }
}

/// Mutated inputs per parser.
pub fn mutations() -> u64 {
    battery(1_000, 10_000)
}

/// World seeds that stand nowhere in the repository: drawn from `DREAMEVAL_SEEDS`; `clock` draws worlds nobody has
/// seen. Without it they are the same every time, so that a plain test run can be trusted. The base is printed, so that
/// a failure can be repeated.
#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
pub fn fresh_seeds(count: u64) -> Vec<u64> {
    let base = match std::env::var("DREAMEVAL_SEEDS").as_deref() {
        Ok("clock") => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |it| it.as_secs()),
        Ok(number) => number
            .parse()
            .expect("DREAMEVAL_SEEDS is `clock` or a number"),
        Err(_) => 0,
    };
    tell(&format!("world seeds from DREAMEVAL_SEEDS={base}"));
    (0..count)
        .map(|index| Key::root(base).word("fresh world").draw(index) >> 1)
        .collect()
}

/// Prints a figure; `cargo test` shows it where the test fails or with `--nocapture`.
#[expect(
    clippy::print_stdout,
    reason = "figures of a battery belong in its output"
)]
pub fn tell(figure: &str) {
    println!("{figure}");
}

/// A shipped suite, in its own world or another.
pub fn suite(name: &str, world_seed: Option<u64>) -> Suite {
    load_suite(&folder(name), world_seed).unwrap_or_else(|error| panic!("{error}"))
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios")
        .join(name)
}

/// The same suite in this world, its store drawn from it.
pub fn in_world(suite: &Suite, world: World) -> Suite {
    let path = folder(&suite.name).join("memory");
    let memory = fill_store(&memory::read_store(&path).unwrap(), &world, &path).unwrap();
    Suite {
        setting: Setting::World(Arc::new(world)),
        memory,
        ..suite.clone()
    }
}

/// A suite set up for play in memory.
pub struct Lab {
    /// The bench, with every arm added so far.
    pub bench: Bench,
    runtime: Runtime,
}

impl Lab {
    /// A lab with the default agent.
    pub fn new(suite: Suite, seed: u64) -> Self {
        Self::of_agent(suite, seed, Embedded::new(Policy::Planner))
    }

    /// A lab with this agent.
    pub fn of_agent(suite: Suite, seed: u64, agent: impl Agent + 'static) -> Self {
        Self {
            bench: Bench::new(Arc::new(suite), Arc::new(agent), seed).unwrap(),
            runtime: Builder::new_current_thread().build().unwrap(),
        }
    }

    /// The suite.
    pub fn suite(&self) -> &Suite {
        &self.bench.suite
    }

    /// The world.
    pub fn world(&self) -> Arc<World> {
        Arc::clone(self.bench.suite.world().unwrap())
    }

    /// Adds a store as an arm and returns its index.
    pub fn arm(&mut self, name: &str, store: &Store) -> u16 {
        self.bench
            .add_arm(ArmName::new(name), store.clone(), memory::learnings(store))
            .expect("a store has room for its learnings")
    }

    /// The practice sessions under the suite's own store.
    pub fn practise(&mut self) -> Vec<Session> {
        let memory = self.suite().memory.clone();
        let arm = self.arm("stored", &memory);
        let trials = practice(self.suite(), &GATE, arm, self.bench.seed);
        trials.iter().map(|trial| self.session(trial)).collect()
    }

    /// What the reference dreamer makes of the practice sessions.
    pub fn dream(&mut self) -> (Vec<Session>, Dream) {
        let sessions = self.practise();
        let dream = self.dream_of(&Reference, &sessions);
        (sessions, dream)
    }

    /// What a dreamer makes of these sessions and the suite's store.
    pub fn dream_of(&self, dreamer: &dyn Dreamer, sessions: &[Session]) -> Dream {
        self.runtime
            .block_on(dreamer.dream(sessions, &self.suite().memory))
            .unwrap()
    }

    /// The placebo of an arm.
    pub fn placebo_of(&self, arm: u16) -> Store {
        let arm = &self.bench.arms[usize::from(arm)];
        arms::placebo(&arm.learnings, &arm.readings, &self.world())
    }

    /// The transcript of one trial.
    pub fn session(&self, trial: &PlannedTrial) -> Session {
        self.runtime.block_on(self.bench.recreate(trial)).unwrap()
    }

    /// The records of some trials.
    pub fn play(&self, trials: &[PlannedTrial]) -> Vec<Record> {
        self.runtime.block_on(async {
            let mut records = Vec::with_capacity(trials.len());
            for (position, trial) in trials.iter().enumerate() {
                let trial = PlannedTrial {
                    keeps_transcript: false,
                    ..trial.clone()
                };
                records.push(self.bench.play(&trial, position).await.record);
            }
            records
        })
    }

    /// Everything that was asked for, played: what conclusions are drawn from.
    pub fn finished(
        self,
        roster: &Roster,
        amount: Amount,
        dream: Option<Dream>,
    ) -> (Asked, Finished) {
        let seed = self.bench.seed;
        let trials = replay(self.suite(), &self.bench.arms, roster, &amount, seed);
        let records = self.play(&trials);
        let asked = asked(Arc::clone(&self.bench.suite), amount, seed);
        let finished = Finished {
            cut_short: Vec::new(),
            dreamt_in_vain: Vec::new(),
            practised: Vec::new(),
            bench: Arc::new(self.bench),
            trials: trials.into(),
            records,
            dream,
            candidate: roster.attributed,
            settling: Settling::default(),
        };
        (asked, finished)
    }

    /// The trials of every test task under these arms at the headline budget, without sweep or attribution.
    pub fn trials_of(&self, arms: &[u16], repeats: u32) -> Vec<PlannedTrial> {
        let roster = Roster {
            replayed: arms.to_vec(),
            swept: Vec::new(),
            attributed: None,
        };
        let amount = Amount { repeats, ..GATE };
        replay(
            self.suite(),
            &self.bench.arms,
            &roster,
            &amount,
            self.bench.seed,
        )
    }

    /// The rows of every test task under these arms, at `steps` or the headline budget.
    pub fn rows_of(&self, arms: &[u16], repeats: u32, steps: Option<u32>) -> Vec<TrialRow> {
        let mut trials = self.trials_of(arms, repeats);
        if let Some(steps) = steps {
            for trial in &mut trials {
                trial.is_headline = trial.steps == steps;
                trial.steps = steps;
            }
        }
        let records = self.play(&trials);
        let mut rows = rows(&self.bench, &Digest::of(b"lab"), &trials, &records);
        for row in &mut rows {
            row.budget = None;
        }
        rows
    }

    /// How many of all the suite's tasks an arm completes, one attempt at each.
    pub fn completed_of_all(&self, arm: u16) -> usize {
        let sample = self.trials_of(&[arm], 1).remove(0);
        let tasks = self.suite().tasks.len();
        let trials: Vec<PlannedTrial> = (0..u32::try_from(tasks).unwrap())
            .map(|task| PlannedTrial {
                task,
                ..sample.clone()
            })
            .collect();
        let records = self.play(&trials);
        let completed = records
            .iter()
            .filter(|it| it.outcome.completed() == Some(true));
        completed.count()
    }

    /// Share of test trials an arm completes, 0 to 1.
    pub fn rate(&self, arm: u16, steps: Option<u32>) -> f64 {
        let rows = self.rows_of(&[arm], 3, steps);
        let completed = rows
            .iter()
            .filter(|row| row.completed == Some(true))
            .count();
        completed as f64 / rows.len() as f64
    }
}

/// A run of this suite by the default agent that nobody typed.
pub fn asked(suite: Arc<Suite>, amount: Amount, seed: u64) -> Asked {
    Asked {
        platform: None,
        suite,
        agent: Arc::new(Embedded::new(Policy::Planner)),
        dreamer: Arc::new(Reference),
        judge: None,
        calibration: None,
        memory: None,
        arms: Vec::new(),
        extra: Vec::new(),
        amount,
        seed,
        tries_dropped: false,
        typed: Typed::default(),
    }
}

/// Candidate minus baseline among some rows.
pub fn compared(rows: &[TrialRow], baseline: &str, candidate: &str) -> Comparison {
    compare(rows, &ArmName::new(baseline), &ArmName::new(candidate)).unwrap()
}

/// Whether each record was completed.
pub fn completed(records: &[Record]) -> Vec<Option<bool>> {
    records
        .iter()
        .map(|record| record.outcome.completed())
        .collect()
}

/// How many records were completed.
pub fn completions(records: &[Record]) -> usize {
    records
        .iter()
        .filter(|record| record.outcome.completed() == Some(true))
        .count()
}

/// A store of these texts, one file each, in this order.
pub fn store_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Store {
    let entries = texts.into_iter().enumerate().map(|(index, text)| Entry {
        path: format!("/{index:03}.md"),
        text: text.to_owned(),
    });
    Store::new(entries.collect())
}
