//! An agent of the managed-agents platform: its notes lie in a folder it may read, the desk's tools are its own.

mod meter;
mod talk;

use std::{ops::Range, sync::Arc};

use serde_json::{Value, json};

use crate::{
    agents::{
        Agent, Boxed, Fault, Work,
        hands::{DeskTools, Ground, Hands, Things},
        prompt::{self, Notes, Scaffold},
    },
    chat::{Prices, Tool},
    domain::{id::Digest, memory::Learning, suite::Setting, trial::Attempt},
    environment::Place,
    formats::memory::part,
    hosted::{
        AgentPlan, AgentRef, Platform, Trouble,
        sessions::{Plan, Running, SESSION_EVENT},
    },
};

use talk::Talk;

/// The platform's own tools an agent has, to read its notes with; all others are off.
const READERS: [&str; 3] = ["read", "glob", "grep"];
/// Names no tool of a desk may have.
const TAKEN: [&str; 8] = [
    "bash",
    "read",
    "write",
    "edit",
    "glob",
    "grep",
    "web_fetch",
    "web_search",
];
const NO_WORKSPACE: &str = "a hosted agent works in a box of the platform, where the files of a workspace do not lie; \
                            it plays suites with a world or with none";
/// What an agent is told of its notes, the same in every arm.
const INSTRUCTIONS: &str = "Look here before you begin.";

/// A model on the platform that attempts tasks.
#[derive(Debug)]
pub struct Hosted {
    platform: Arc<Platform>,
    choice: Choice,
}

/// Which model plays, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The model, as the platform names it.
    pub model: String,
    /// How hard it is to think; the model's default where `None`.
    pub effort: Option<String>,
    /// Most a trial may cost, in cents.
    pub budget_cents: Option<u64>,
    /// A rubric by which the platform has work revised. That is a treatment of its own, and never what grades a trial.
    pub outcome: Option<Rubric>,
}

/// What the platform's own grader holds work against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rubric {
    /// The criteria, in Markdown.
    pub text: String,
    /// Most revisions, the same in every arm.
    pub most_iterations: u32,
}

impl Hosted {
    /// An agent that plays on this platform.
    pub fn new(platform: Arc<Platform>, choice: Choice) -> Self {
        Self { platform, choice }
    }

    /// What a session opens with, in bytes.
    fn opening_bytes(&self, work: &Work<'_>) -> usize {
        let desk = match &work.place {
            Place::Desk(desk) => Some(&**desk),
            Place::Nowhere | Place::Workspace(_) => None,
        };
        let custom = desk.map(|desk| DeskTools::of(desk, Things::Any, &TAKEN));
        let scaffold = Scaffold::of(desk, Notes::InFolder);
        let tools = tools(custom.as_ref().map_or(&[], DeskTools::tools));
        let notes = work.memory.iter().map(|it| it.learning.text.len());
        prompt::system(work.brief, &scaffold).len()
            + prompt::task(work.brief, scaffold.calls).len()
            + tools.to_string().len()
            + notes.sum::<usize>()
    }

    async fn play(&self, mut work: Work<'_>) -> Result<Attempt, Fault> {
        let (running, agent) = self.begin(&work).await.map_err(|it| it.told())?;
        let ground = match std::mem::replace(&mut work.place, Place::Nowhere) {
            Place::Desk(desk) => {
                let tools = DeskTools::of(desk, Things::Any, &TAKEN);
                Ground::Desk(desk, tools)
            }
            Place::Nowhere | Place::Workspace(_) => Ground::Nothing,
        };
        let mut hands = Hands::new(work.brief, ground, work.keep_events);
        if let Some(events) = &mut hands.events {
            events.push(json!({
                "type": SESSION_EVENT,
                "session_id": running.id,
                "agent_id": agent.id,
                "agent_version": agent.version,
                "mount_path": running.mount_path,
            }));
        }
        let id = running.id.clone();
        let mut talk = Talk::new(&self.platform, running, hands, work.memory);
        let came = talk.run().await;
        let attempt = match came {
            Ok(stop) => {
                let spent = talk.settle(stop).await;
                Ok(talk.attempt(&work, stop, spent))
            }
            Err(told) => {
                let spent = talk.spent().await;
                Err(Fault {
                    usage: Some(talk.usage(spent)),
                    told,
                })
            }
        };
        // A dream reads the practice sessions later; what is still there at the end is removed then.
        if work.label.arm != "practice" || attempt.is_err() {
            let _ = self.platform.delete_session(&id, work.key).await;
        }
        attempt
    }

    async fn begin(&self, work: &Work<'_>) -> Result<(Running, AgentRef), Trouble> {
        let desk = match &work.place {
            Place::Desk(desk) => Some(&**desk),
            Place::Nowhere => None,
            Place::Workspace(_) => return Err(Trouble::Over(NO_WORKSPACE.to_owned())),
        };
        let custom = desk.map(|desk| DeskTools::of(desk, Things::Any, &TAKEN));
        let scaffold = Scaffold::of(desk, Notes::InFolder);
        let plan = AgentPlan {
            model: &self.choice.model,
            effort: self.choice.effort.as_deref(),
            system: &prompt::system(work.brief, &scaffold),
            tools: tools(custom.as_ref().map_or(&[], DeskTools::tools)),
        };
        let agent = self.platform.agent(&plan).await?;
        let environment = self.platform.environment().await?;
        let given: Vec<&Learning> = work.memory.iter().map(|it| it.learning).collect();
        // An arm without notes gets an empty store of the same name, so that arms differ in nothing else.
        let store = self
            .platform
            .shared_store(&part(work.store, &given))
            .await?;
        let label = &work.label;
        let repeat = label.repeat.to_string();
        let trial = format!("{:016x}", work.key.draw(0));
        let plan = Plan {
            agent: &agent,
            environment: &environment,
            store: &store.id,
            instructions: INSTRUCTIONS,
            title: format!("{}/{}/{repeat}", label.task, label.arm),
            purpose: &[
                ("task", label.task),
                ("arm", label.arm),
                ("repeat", &repeat),
                ("trial", &trial),
            ],
            budget_cents: self
                .choice
                .budget_cents
                .into_iter()
                .chain(work.brief.limits.cents.map(u64::from))
                .min(),
            opening: opening(
                &prompt::task(work.brief, scaffold.calls),
                self.choice.outcome.as_ref(),
            ),
            is_practice: label.arm == "practice",
            seconds: f64::from(work.brief.limits.seconds),
        };
        let running = self.platform.begin_session(&plan, work.key).await?;
        Ok((running, agent))
    }
}

impl Agent for Hosted {
    fn name(&self) -> String {
        let choice = &self.choice;
        let mut name = format!("hosted:{} hosted/1", choice.model);
        if let Some(effort) = &choice.effort {
            name.push_str(&format!(" effort={effort}"));
        }
        if let Some(cents) = choice.budget_cents {
            name.push_str(&format!(" budget_cents={cents}"));
        }
        if let Some(rubric) = &choice.outcome {
            let digest = Digest::of(rubric.text.as_bytes());
            let (rubric, most) = (digest.short(), rubric.most_iterations);
            name.push_str(&format!(" rubric={rubric} iterations={most}"));
        }
        if self.platform.is_unusual_version() {
            name.push_str(&format!(" version={}", self.platform.version()));
        }
        name
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn model(&self) -> String {
        self.choice.model.clone()
    }

    fn about(&self) -> String {
        "A model on the managed-agents platform that could open its notes in a folder. Which notes it opened is told by \
         the files its tools named and the texts they showed; which it followed, by what its calls agree with."
            .to_owned()
    }

    fn is_repeatable(&self) -> bool {
        false
    }

    fn forecast(&self, work: &Work<'_>) -> Option<Range<f64>> {
        let price = Prices::known().of(&self.choice.model)?;
        let steps = u64::from(work.brief.limits.steps);
        let guess = price.guess_attempt(self.opening_bytes(work), steps)?;
        let most = self
            .choice
            .budget_cents
            .map_or(f64::INFINITY, |it| it as f64 / 100.0);
        Some(guess.start.min(most)..guess.end.min(most))
    }

    fn refuses(&self, setting: &Setting) -> Option<String> {
        match setting {
            Setting::Workspace { .. } => Some(NO_WORKSPACE.to_owned()),
            Setting::World(_) | Setting::None => None,
        }
    }

    fn attempt<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Attempt> {
        Box::pin(self.play(work))
    }
}

/// The desk's tools as custom ones, after those its notes are read with.
fn tools(custom: &[Tool]) -> Value {
    let allow = json!({"type": "always_allow"});
    let readers = READERS.map(|name| json!({"name": name, "enabled": true}));
    let own = json!({
        "type": "agent_toolset_20260401",
        "default_config": {"enabled": false, "permission_policy": allow},
        "configs": readers,
    });
    let custom = custom.iter().map(|tool| {
        json!({
            "type": "custom",
            "name": tool.name,
            "description": tool.about,
            "input_schema": tool.schema,
        })
    });
    std::iter::once(own).chain(custom).collect()
}

/// What a session begins with: a message, or an outcome, which starts the work itself. Never both.
fn opening(text: &str, outcome: Option<&Rubric>) -> Value {
    match outcome {
        None => json!({"type": "user.message", "content": [{"type": "text", "text": text}]}),
        Some(rubric) => json!({
            "type": "user.define_outcome",
            "description": text,
            "rubric": {"type": "text", "content": rubric.text},
            "max_iterations": rubric.most_iterations,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_18_a_session_begins_with_a_message_or_an_outcome_and_never_both() {
        assert_eq!(opening("Do it.", None)["type"], "user.message");
        let rubric = Rubric {
            text: "# R".to_owned(),
            most_iterations: 2,
        };
        let outcome = opening("Do it.", Some(&rubric));
        assert_eq!(outcome["type"], "user.define_outcome");
        assert_eq!(outcome["max_iterations"], 2);
        assert_eq!(outcome["description"], "Do it.");
    }

    #[test]
    fn trap_20_no_subagents_and_no_tool_that_could_write_or_leave_are_turned_on() {
        let tools = tools(&[]);
        assert_eq!(tools[0]["default_config"]["enabled"], false);
        let names: Vec<&Value> = tools[0]["configs"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| &it["name"])
            .collect();
        assert_eq!(names, ["read", "glob", "grep"]);
        assert_eq!(tools.as_array().map(Vec::len), Some(1));
    }
}
