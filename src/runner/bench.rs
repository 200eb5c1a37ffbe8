//! Everything a trial needs that does not change from trial to trial, and the playing of one.

use std::{borrow::Cow, ops::Range, path::Path, sync::Arc};

use crate::{
    agents::{Agent, Fault, Given, Label, Work},
    domain::{
        advice::{Reading, count_words, read},
        id::{ArmName, Digest, TaskId},
        memory::{Learning, Learnings, Store},
        session::{Session, SessionOutcome, SessionStart},
        suite::{Setting, Suite},
        task::Brief,
        tool::Role,
        trial::{Attempt, Grade, Outcome, Stop, Usage},
    },
    draw::Key,
    environment::{Desk, Place, Scene},
    error::{Error, Result, count},
    files::TemporaryFolder,
    formats::transcript::{read_session, write_session},
    runner::{
        self,
        journal::{ContentKey, Record},
        plan::{Lane, PlannedTrial, Stage},
        reuse,
        transcripts::{Frame, Library},
    },
    scoring::{self, Hearing, Judge},
    secret::strike,
};

/// A suite set up for play.
pub struct Bench {
    /// The suite.
    pub suite: Arc<Suite>,
    /// Who attempts.
    pub agent: Arc<dyn Agent>,
    /// The agent's name.
    pub agent_name: String,
    /// The arms, by index.
    pub arms: Vec<Arm>,
    /// The seed of all trials.
    pub seed: u64,
    /// Whether trials take microseconds, so that workers take several at once.
    pub is_quick: bool,
    /// Who judges rubrics; the suite's grader digests must already tell of it (see [`Suite::judged_by`]).
    judge: Option<Arc<Judge>>,
    scenes: Vec<Option<Arc<Scene>>>,
    /// For each task, the digest of all a trial of it depends on in the suite.
    grounds: Vec<Digest>,
}

/// Learnings a store can hold, so that each has a number.
const MOST_LEARNINGS: usize = u16::MAX as usize;

/// An arm: a store, and for each task which of its learnings are eligible.
#[derive(Debug, Clone)]
pub struct Arm {
    /// Its name.
    pub name: ArmName,
    /// The store, as given.
    pub store: Store,
    /// Digest of the store.
    pub digest: Digest,
    /// Its learnings, in store order.
    pub learnings: Vec<Learning>,
    /// What the controlled phrasing makes of each.
    pub readings: Vec<Reading>,
    /// For each learning, the digest of what an agent is given of it.
    pub contents: Vec<Digest>,
    /// For each task of the suite, the eligible learnings by index.
    pub eligible: Vec<Vec<u16>>,
    /// Lines of the store no shape recognised.
    pub not_understood: usize,
}

/// One played trial, ready to be committed.
#[derive(Debug)]
pub struct Played {
    /// Index in the stage's plan.
    pub position: usize,
    /// What came of it.
    pub record: Record,
    /// The record as its journal line.
    pub line: String,
    /// The transcript to keep.
    pub transcript: Option<Frame>,
    /// Whether it broke as the run was being ended, so that it is to be played anew.
    pub is_cut_short: bool,
}

/// How a trial fared, up to its grade.
struct Fared {
    attempt: Attempt,
    /// What could not be judged, where nothing could.
    grade: std::result::Result<Grade, String>,
    /// What the judge consumed, where it was asked.
    judge: Option<Usage>,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Bench")
            .field("suite", &self.suite.name)
            .finish_non_exhaustive()
    }
}

impl Bench {
    /// Sets a suite up.
    ///
    /// # Errors
    /// A brief does not fit the suite's world.
    pub fn new(suite: Arc<Suite>, agent: Arc<dyn Agent>, seed: u64) -> Result<Self> {
        let mut scenes = Vec::with_capacity(suite.tasks.len());
        for task in &suite.tasks {
            scenes.push(match suite.world() {
                Some(world) => Some(Arc::new(Scene::new(world, &task.brief)?)),
                None => None,
            });
        }
        Ok(Self {
            is_quick: suite.world().is_some() && !agent.is_remote(),
            grounds: reuse::grounds(&suite, &agent.name())?,
            agent_name: agent.name(),
            suite,
            agent,
            judge: None,
            arms: Vec::new(),
            seed,
            scenes,
        })
    }

    /// The scene of a task, where the suite has a world.
    pub fn scene(&self, task: usize) -> Option<&Arc<Scene>> {
        self.scenes.get(task)?.as_ref()
    }

    /// Trials a worker takes at once: several where they are quick.
    pub fn handful(&self) -> usize {
        if self.is_quick { runner::HANDFUL } else { 1 }
    }

    /// Names who judges rubrics.
    pub fn judged_by(&mut self, judge: Option<Arc<Judge>>) {
        self.is_quick &= judge.is_none();
        self.judge = judge;
    }

    /// Whether attempts cost nothing; a judge may, all the same.
    pub fn is_free(&self) -> bool {
        self.agent.is_repeatable()
    }

    /// Adds an arm and returns its index.
    ///
    /// # Errors
    /// Its store holds more learnings than can be numbered.
    pub fn add_arm(&mut self, name: ArmName, store: Store, learnings: Learnings) -> Result<u16> {
        if MOST_LEARNINGS < learnings.learnings.len() {
            return Err(Error::input(format!(
                "the store of arm `{name}` holds {}, and the most is {MOST_LEARNINGS}",
                count(learnings.learnings.len(), "learning")
            ))
            .mend("leave out some files of it"));
        }
        let not_understood = learnings.not_understood.len();
        let learnings = learnings.learnings;
        let readings: Vec<Reading> = learnings.iter().map(|it| self.read_learning(it)).collect();
        let eligible = (0..self.suite.tasks.len())
            .map(|task| {
                let role = self.role(task);
                let visible = self
                    .scene(task)
                    .map_or_else(Vec::new, |scene| scene.visible());
                (0..)
                    .zip(&readings)
                    .filter(|(_, reading)| reading.is_eligible(&role, &visible))
                    .map(|(index, _)| index)
                    .collect()
            })
            .collect();
        self.arms.push(Arm {
            name,
            digest: store.digest(),
            store,
            contents: learnings.iter().map(reuse::content).collect(),
            learnings,
            readings,
            eligible,
            not_understood,
        });
        Ok(u16::try_from(self.arms.len() - 1).unwrap_or(u16::MAX))
    }

    /// The role of a task; one without tools where the suite has no world.
    fn role(&self, task: usize) -> Role {
        let name = &self.suite.tasks[task].brief.role;
        let known = self.suite.world().map(|world| &world.handbook.roles);
        known
            .and_then(|roles| roles.iter().find(|role| role.name == *name))
            .cloned()
            .unwrap_or_else(|| Role {
                name: name.clone(),
                tools: Vec::new(),
            })
    }

    fn read_learning(&self, learning: &Learning) -> Reading {
        let mut reading = match self.suite.world() {
            Some(world) => read(&learning.text, &world.handbook),
            None => Reading {
                words: count_words(&learning.text),
                ..Reading::default()
            },
        };
        reading.roles.extend(learning.roles.iter().cloned());
        reading
    }

    /// Plays one trial. Whatever goes wrong in the harness makes it broken, never lost.
    pub async fn play(&self, trial: &PlannedTrial, position: usize) -> Played {
        let (mut record, mut transcript) = match self.attempt(trial).await {
            Ok(fared) => self.record(trial, fared),
            Err(fault) => (self.broken(trial, fault), None),
        };
        let line = match serde_json::to_string(&record) {
            Ok(line) => strike(&line).into_owned(),
            Err(fault) => {
                let told = format!("its record could not be written: {fault}");
                record = self.broken(trial, told.into());
                transcript = None;
                serde_json::to_string(&record).unwrap_or_default()
            }
        };
        Played {
            position,
            record,
            line,
            transcript,
            is_cut_short: false,
        }
    }

    /// Everything a trial depends on; practice trials have no key, since their sessions must lie in the run's own pack.
    pub fn content_key(&self, trial: &PlannedTrial) -> Option<ContentKey> {
        let arm = &self.arms[usize::from(trial.arm)];
        let given = self.given_indices(trial, arm);
        let ground = &self.grounds[trial.task as usize];
        match trial.stage {
            Stage::Practice => None,
            Stage::Replay => Some(reuse::key(trial, (ground, self.seed), arm, &given)),
        }
    }

    fn broken(&self, trial: &PlannedTrial, fault: Fault) -> Record {
        Record {
            stage: trial.stage,
            trial: trial.number,
            outcome: Outcome::Broken(fault.told),
            stop: None,
            usage: fault.usage,
            judge: None,
            surfaced: Vec::new(),
            opened: Vec::new(),
            followed: Vec::new(),
            transcript: None,
            key: self.content_key(trial),
            reused: false,
        }
    }

    async fn attempt(&self, trial: &PlannedTrial) -> std::result::Result<Fared, Fault> {
        let task = &self.suite.tasks[trial.task as usize];
        let arm = &self.arms[usize::from(trial.arm)];
        let given: Vec<Given<'_>> = self.given(trial, arm);
        let brief = brief_at(&task.brief, trial.steps);
        let key = trial.key(self.seed, task.id.as_str(), arm.name.as_str());
        let own = if self.agent.is_remote() {
            trial.own_key(key, arm.name.as_str())
        } else {
            key.word("agent")
        };
        let arm_word = self.arm_word(trial);
        let work = |place| Work {
            brief: &brief,
            memory: &given,
            store: &arm.store,
            kit: &self.suite.kit,
            place,
            key: own,
            keep_events: self.keeps_transcript(trial)
                || task.canary.is_some()
                || task.grader.judged().iter().any(|it| it.events),
            label: Label {
                task: task.id.as_str(),
                arm: &arm_word,
                repeat: trial.repeat,
            },
        };
        let mut hearing = self.hearing((trial, key), arm, &brief);
        let attempt;
        let grade = match (&self.suite.setting, self.scene(trial.task as usize)) {
            (Setting::World(_), Some(scene)) => {
                let scene = if trial.is_headline {
                    Arc::clone(scene)
                } else {
                    Arc::new(scene.with_steps(trial.steps))
                };
                let mut desk = Desk::new(scene, key.word("world"));
                attempt = self.agent.attempt(work(Place::Desk(&mut desk))).await?;
                scoring::judge(task, &attempt, &Place::Desk(&mut desk), hearing.as_mut()).await
            }
            (Setting::Workspace { files }, _) => {
                let folder = TemporaryFolder::create("trial").map_err(|it| it.what().to_owned())?;
                crate::files::copy_tree(files, folder.path()).map_err(|it| it.what().to_owned())?;
                let place = || Place::Workspace(folder.path());
                attempt = self.agent.attempt(work(place())).await?;
                scoring::judge(task, &attempt, &place(), hearing.as_mut()).await
            }
            (Setting::None | Setting::World(_), _) => {
                attempt = self.agent.attempt(work(Place::Nowhere)).await?;
                scoring::judge(task, &attempt, &Place::Nowhere, hearing.as_mut()).await
            }
        };
        Ok(Fared {
            attempt,
            grade,
            judge: hearing.and_then(|it| it.usage()),
        })
    }

    /// The judge at a trial; nothing couples it to the luck of another, so its address is the trial's own.
    fn hearing<'a>(
        &'a self,
        (trial, key): (&PlannedTrial, Key),
        arm: &'a Arm,
        brief: &'a Brief,
    ) -> Option<Hearing<'a>> {
        let judge = self.judge.as_deref()?;
        let grader = &self.suite.tasks[trial.task as usize].grader;
        if grader.judged().is_empty() {
            return None;
        }
        let given = self.given_indices(trial, arm).into_iter();
        let notes = given.map(|it| arm.learnings[usize::from(it)].text.as_str());
        let address = trial.own_key(key, arm.name.as_str());
        Some(Hearing::new(judge, brief, notes.collect(), address))
    }

    /// Dollars a trial may come to, where its agent can say.
    pub fn forecast(&self, trial: &PlannedTrial) -> Option<Range<f64>> {
        let task = &self.suite.tasks[trial.task as usize];
        let arm = &self.arms[usize::from(trial.arm)];
        let given = self.given(trial, arm);
        let key = trial.key(self.seed, task.id.as_str(), arm.name.as_str());
        let scene = self.scene(trial.task as usize);
        let mut desk = scene.map(|it| Desk::new(Arc::clone(it), key.word("world")));
        let place = desk.as_mut().map_or(Place::Nowhere, Place::Desk);
        self.agent.forecast(&Work {
            brief: &task.brief,
            memory: &given,
            store: &arm.store,
            kit: &self.suite.kit,
            place,
            key,
            keep_events: false,
            label: Label {
                task: task.id.as_str(),
                arm: arm.name.as_str(),
                repeat: trial.repeat,
            },
        })
    }

    /// Learnings a trial may be shown: eligible for its task and in its subset.
    pub fn given_indices(&self, trial: &PlannedTrial, arm: &Arm) -> Vec<u16> {
        let eligible = &arm.eligible[trial.task as usize];
        match &trial.subset {
            None => eligible.clone(),
            Some(subset) => eligible
                .iter()
                .filter(|it| subset.contains(it))
                .copied()
                .collect(),
        }
    }

    /// The learnings at these places among those the trial was given; places it was not given are left out.
    pub fn named<'a>(
        &self,
        trial: &PlannedTrial,
        arm: &'a Arm,
        places: &[u16],
    ) -> Vec<&'a Learning> {
        if places.is_empty() {
            return Vec::new();
        }
        let given = self.given_indices(trial, arm);
        places
            .iter()
            .filter_map(|place| given.get(usize::from(*place)))
            .filter_map(|index| arm.learnings.get(usize::from(*index)))
            .collect()
    }

    fn given<'a>(&self, trial: &PlannedTrial, arm: &'a Arm) -> Vec<Given<'a>> {
        self.given_indices(trial, arm)
            .into_iter()
            .map(|index| Given {
                learning: &arm.learnings[usize::from(index)],
                reading: &arm.readings[usize::from(index)],
            })
            .collect()
    }

    fn record(&self, trial: &PlannedTrial, fared: Fared) -> (Record, Option<Frame>) {
        let Fared {
            attempt,
            grade,
            judge,
        } = fared;
        let (stop, usage) = (attempt.stop, attempt.usage);
        let (surfaced, followed) = (attempt.surfaced.clone(), attempt.followed.clone());
        let opened = attempt.opened.clone();
        let frame = self
            .keeps_transcript(trial)
            .then(|| {
                let grade = grade.as_ref().ok();
                Frame::of(&strike(&write_session(
                    &self.session(trial, attempt, grade),
                )))
            })
            .and_then(Result::ok);
        let record = Record {
            stage: trial.stage,
            trial: trial.number,
            // Where nobody could say how it came out, the work was done and paid for all the same.
            outcome: grade.map_or_else(Outcome::Broken, Outcome::Graded),
            stop: Some(stop),
            usage: Some(usage),
            judge,
            surfaced,
            opened,
            followed,
            transcript: frame.as_ref().map(|it| *it.digest()),
            key: self.content_key(trial),
            reused: false,
        };
        (record, frame)
    }

    /// The transcript of a trial; it ends without an outcome where nobody could say how the trial came out.
    pub fn session(
        &self,
        trial: &PlannedTrial,
        attempt: Attempt,
        grade: Option<&Grade>,
    ) -> Session {
        let task = &self.suite.tasks[trial.task as usize];
        let arm = self.arm_word(trial);
        let mut events = vec![serde_json::json!({
            "type": "user.message",
            "content": [{"type": "text", "text": task.brief.prompt}],
        })];
        events.extend(attempt.events);
        let is_limit = matches!(attempt.stop, Stop::Steps | Stop::Seconds | Stop::Budget);
        let reason = if is_limit { "limit" } else { "end_turn" };
        events.push(serde_json::json!({
            "type": "session.status_idle",
            "stop_reason": {"type": reason},
        }));
        Session {
            start: SessionStart {
                session: session_name(&task.id, trial.repeat),
                task: task.id.to_string(),
                role: task.brief.role.clone(),
                arm,
                agent: self.agent_name.clone(),
                setup: task.brief.setup.clone(),
            },
            events,
            outcome: grade.map(|it| SessionOutcome {
                completed: it.completed,
                score: it.score,
                criteria: it.criteria.to_vec(),
                violations: it.violations.clone(),
            }),
        }
    }

    /// The arm as a transcript names it.
    pub fn arm_word(&self, trial: &PlannedTrial) -> String {
        match (trial.stage, trial.lane) {
            (Stage::Practice, _) => "practice".to_owned(),
            (Stage::Replay, Lane::Canary) => "canary".to_owned(),
            (Stage::Replay, _) => self.arms[usize::from(trial.arm)].name.to_string(),
        }
    }

    /// Whether a trial's transcript is kept: where the plan says so, and where it could not be had again.
    pub fn keeps_transcript(&self, trial: &PlannedTrial) -> bool {
        trial.keeps_transcript || !self.is_repeatable(trial)
    }

    /// Whether a trial comes out the same again: neither agent nor judge would say something else.
    fn is_repeatable(&self, trial: &PlannedTrial) -> bool {
        let grader = &self.suite.tasks[trial.task as usize].grader;
        self.agent.is_repeatable() && grader.judged().is_empty()
    }

    /// The transcript of a played trial: the one that was kept, or else the trial played again.
    ///
    /// # Errors
    /// Nothing was kept and the agent does not repeat itself, or the trial breaks.
    pub async fn told(
        &self,
        trial: &PlannedTrial,
        record: &Record,
        library: Option<&Library>,
    ) -> Result<Session> {
        let kept = library.zip(record.transcript.as_ref());
        match kept.map(|(library, digest)| library.get(digest)) {
            Some(Ok(text)) => read_session(&text, Path::new("transcripts")),
            _ if self.is_repeatable(trial) => self.recreate(trial).await,
            Some(Err(error)) => Err(error),
            None => Err(Error::outside(format!(
                "no transcript of trial {} was kept, and `{}` would not give the same one again",
                trial.number, self.agent_name
            ))),
        }
    }

    /// Plays a trial again for its transcript; nothing is committed.
    ///
    /// # Errors
    /// The trial breaks.
    pub async fn recreate(&self, trial: &PlannedTrial) -> Result<Session> {
        let trial = PlannedTrial {
            keeps_transcript: true,
            ..trial.clone()
        };
        let fared = self
            .attempt(&trial)
            .await
            .map_err(|fault| Error::outside(fault.told))?;
        let grade = fared.grade.map_err(Error::outside)?;
        Ok(self.session(&trial, fared.attempt, Some(&grade)))
    }
}

/// The brief with this many steps allowed.
fn brief_at(brief: &Brief, steps: u32) -> Cow<'_, Brief> {
    match brief.limits.steps == steps {
        true => Cow::Borrowed(brief),
        false => {
            let mut brief = brief.clone();
            brief.limits.steps = steps;
            Cow::Owned(brief)
        }
    }
}

/// The name of the session in which a task was attempted for the `repeat`-th time, counted from 0.
pub fn session_name(task: &TaskId, repeat: u32) -> String {
    format!("{task}-{repeat}")
}
