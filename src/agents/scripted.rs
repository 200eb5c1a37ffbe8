//! Scripted agents that prove the ruler: the expert plays a given script, the idler nothing, the spammer anything.

use std::future::ready;

use crate::{
    agents::{Agent, Boxed, Work},
    domain::{
        tool::{Answer, Call, MOST_ARGUMENTS},
        trial::{Attempt, Stop, Usage},
    },
    draw::Key,
    environment::{Desk, Place},
};

/// What a scripted agent does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// These calls, in order, each repeated once where the service is busy.
    Calls(Vec<Call>),
    /// Nothing at all.
    Nothing,
    /// Random documented calls until the budget is spent.
    Anything,
    /// This answer, and no call.
    Answer(String),
}

impl Agent for Script {
    fn name(&self) -> String {
        match self {
            Script::Calls(_) => "expert/1",
            Script::Nothing => "idler/1",
            Script::Anything => "spammer/1",
            Script::Answer(_) => "answerer/1",
        }
        .to_owned()
    }

    fn attempt<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Attempt> {
        let mut attempt = Attempt {
            answer: None,
            stop: Stop::Finished,
            usage: Usage::default(),
            surfaced: Vec::new(),
            opened: Vec::new(),
            followed: Vec::new(),
            events: Vec::new(),
        };
        if let Script::Answer(text) = self {
            attempt.answer = Some(text.clone());
        }
        if let Place::Desk(desk) = work.place {
            attempt.stop = match self {
                Script::Calls(calls) => play(desk, calls),
                Script::Anything => spam(desk, work.key.word("spam")),
                Script::Nothing | Script::Answer(_) => Stop::Finished,
            };
            attempt.usage = super::embedded::usage(desk);
            if work.keep_events {
                attempt.events = desk.events();
            }
        }
        Box::pin(ready(Ok(attempt)))
    }
}

fn play(desk: &mut Desk, calls: &[Call]) -> Stop {
    for call in calls {
        let answer = desk.call(*call);
        let answer = if answer == Some(Answer::Busy) {
            desk.call(*call)
        } else {
            answer
        };
        if answer.is_none() {
            return Stop::Steps;
        }
    }
    Stop::Finished
}

fn spam(desk: &mut Desk, key: Key) -> Stop {
    for step in 0.. {
        let key = key.number(step);
        let tools = &desk.handbook().roles[desk.role()].tools;
        // A role may have no tools and a desk nothing on it: then there is nothing to call.
        let Some(tool) = tools.get(key.below(0, tools.len())).copied() else {
            return Stop::Finished;
        };
        if desk.entities() == 0 {
            return Stop::Finished;
        }
        let mut values = [0; MOST_ARGUMENTS];
        for (argument, known) in desk.handbook().tools[tool].arguments.iter().enumerate() {
            let value = key.below(10 + argument as u64, known.values.len());
            values[argument] = u8::try_from(value).unwrap_or(0);
        }
        let entity = key.below(1, desk.entities());
        let call = Call {
            tool,
            entity,
            values,
        };
        if desk.call(call).is_none() {
            break;
        }
    }
    Stop::Steps
}
