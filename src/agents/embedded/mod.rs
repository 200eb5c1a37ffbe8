//! Small fixed policies that need no key and no network. They measure the harness; they do not stand in for a
//! language model. They hold no task knowledge beyond the handbook, and with nothing to read act as if bare.

mod counsel;
mod forager;
mod planner;

use std::future::ready;

use crate::{
    agents::{Agent, Boxed, Work},
    domain::{
        suite::Setting,
        trial::{Attempt, Stop, Usage},
    },
    environment::{Desk, Place},
};

pub use counsel::Counsel;

/// Which of the two fixed policies acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Chains backward from the goal over documented needs.
    Planner,
    /// Takes whatever documented step is possible next, without a plan.
    Forager,
}

/// What must be said wherever the embedded agents are shown.
const ABOUT: &str = "A small fixed policy without a language model. It measures the harness; it does not stand \
                     in for a language model.";

const NO_WORLD: &str = "the embedded agents play worlds only, and this suite has none";

/// An embedded agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedded {
    /// How it acts.
    pub policy: Policy,
    /// Whether it reads its memory; switched off, its trace equals the bare trace.
    pub reads: bool,
}

impl Embedded {
    /// The agent of this policy, reading its memory.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            reads: true,
        }
    }
}

impl Agent for Embedded {
    fn name(&self) -> String {
        match self.policy {
            Policy::Planner => "embedded-planner/1".to_owned(),
            Policy::Forager => "embedded-forager/1".to_owned(),
        }
    }

    fn about(&self) -> String {
        ABOUT.to_owned()
    }

    fn refuses(&self, setting: &Setting) -> Option<String> {
        match setting {
            Setting::World(_) => None,
            Setting::Workspace { .. } | Setting::None => Some(NO_WORLD.to_owned()),
        }
    }

    fn attempt<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Attempt> {
        let Place::Desk(desk) = work.place else {
            return Box::pin(ready(Err(NO_WORLD.into())));
        };
        let memory = if self.reads { work.memory } else { &[] };
        let mut counsel = Counsel::read(memory, desk);
        let stop = match self.policy {
            Policy::Planner => planner::play(desk, &mut counsel, work.key),
            Policy::Forager => forager::play(desk, &mut counsel, work.key),
        };
        let events = if work.keep_events {
            desk.events()
        } else {
            Vec::new()
        };
        Box::pin(ready(Ok(Attempt {
            answer: None,
            stop,
            usage: usage(desk),
            surfaced: counsel.surfaced().to_vec(),
            opened: Vec::new(),
            followed: counsel.followed(),
            events,
        })))
    }
}

/// What the desk counted.
pub(super) fn usage(desk: &Desk) -> Usage {
    Usage {
        steps: Some(desk.steps()),
        tool_errors: Some(desk.tool_errors()),
        words_read: Some(desk.words_read()),
        ..Usage::default()
    }
}

/// The step budget is used up: nothing more can be done.
struct Spent;

impl From<Spent> for Stop {
    fn from(_: Spent) -> Self {
        Stop::Steps
    }
}
