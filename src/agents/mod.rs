//! Who attempts a task. Agents know their brief, their memory and the place; never a task, a grader or a world.

pub mod chat;
pub mod command;
pub mod embedded;
mod followed;
mod hands;
pub mod hosted;
mod prompt;
pub mod scripted;
mod shown;

use std::{future::Future, ops::Range, pin::Pin};

use crate::{
    domain::{
        advice::Reading,
        memory::{Learning, Store},
        suite::{Kit, Setting},
        task::Brief,
        trial::{Attempt, Usage},
    },
    draw::Key,
    environment::Place,
};

/// What the harness could not do; it says nothing about the agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What happened, in words.
    pub told: String,
    /// What the attempt had consumed until then, where that is known: it was paid for all the same.
    pub usage: Option<Usage>,
}

impl From<String> for Fault {
    fn from(told: String) -> Self {
        Self { told, usage: None }
    }
}

impl From<&str> for Fault {
    fn from(told: &str) -> Self {
        told.to_owned().into()
    }
}

/// The future of an attempt.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// Someone who attempts tasks.
pub trait Agent: Send + Sync {
    /// Stable across releases: it is part of a run's fingerprint.
    fn name(&self) -> String;

    /// Whether it waits for someone else, so that trials take seconds and nothing can couple the luck of arms.
    fn is_remote(&self) -> bool {
        false
    }

    /// The model behind it, as its provider names it; empty where there is none, or nobody knows.
    fn model(&self) -> String {
        String::new()
    }

    /// What must be said of it wherever its results are shown, in sentences.
    fn about(&self) -> String {
        String::new()
    }

    /// Whether the same trial gives the same transcript again, so that none need be kept of it.
    fn is_repeatable(&self) -> bool {
        true
    }

    /// Why it cannot attempt tasks in this setting, where it cannot.
    fn refuses(&self, _: &Setting) -> Option<String> {
        None
    }

    /// Dollars one attempt may come to, from few turns to every step used, guessed from the length of what is sent;
    /// `None` where nobody can say.
    fn forecast(&self, _: &Work<'_>) -> Option<Range<f64>> {
        None
    }

    /// Attempts one task. Returns a fault only when the harness, not the agent, let us down.
    fn attempt<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Attempt>;
}

/// Everything one attempt is given.
#[derive(Debug)]
pub struct Work<'a> {
    /// What the agent is told.
    pub brief: &'a Brief,
    /// The learnings it may read, in store order; a store that was not given is empty.
    pub memory: &'a [Given<'a>],
    /// The store they are part of, for agents that read files: of it they may see what is given alone.
    pub store: &'a Store,
    /// What a model may use there.
    pub kit: &'a Kit,
    /// Where it happens.
    pub place: Place<'a>,
    /// The address of the agent's own draws.
    pub key: Key,
    /// Whether the events of the transcript are wanted.
    pub keep_events: bool,
    /// Which trial this is.
    pub label: Label<'a>,
}

/// Names of a trial, for those who make something elsewhere for it and must find it again. Whoever attempts the task is
/// not shown them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Label<'a> {
    /// The task.
    pub task: &'a str,
    /// The arm, or `practice`.
    pub arm: &'a str,
    /// Counts from 0 within task and arm.
    pub repeat: u32,
}

/// A learning as it reaches an agent.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The learning, with its text.
    pub learning: &'a Learning,
    /// What the controlled phrasing makes of that text.
    pub reading: &'a Reading,
}
