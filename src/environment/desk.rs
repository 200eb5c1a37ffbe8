//! The simulated desk: plays a world, call by call, and keeps the log the verifier reads.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    domain::{
        tool::{Answer, Call, Handbook},
        world::{Quirk, Remedy, Visibility},
    },
    draw::Key,
    environment::scene::Scene,
};

/// One trial's desk. Agents see schemas, visible attributes, documented facts, and answers; nothing else.
#[derive(Debug, Clone)]
pub struct Desk {
    scene: Arc<Scene>,
    luck: Key,
    state: Vec<State>,
    log: Vec<Event>,
    violations: Vec<(usize, usize)>,
    words_left: u32,
    words_read: u32,
    errors: u32,
    aside: u32,
}

#[derive(Debug, Clone, Default)]
struct State {
    facts: u64,
    used: u64,
    spoiled: u64,
    tries: Vec<u8>,
    bypassed: bool,
}

#[derive(Debug, Clone)]
struct Event {
    call: Call,
    answer: Answer,
    refusal: Option<usize>,
}

impl Desk {
    /// A fresh desk; `luck` draws busy answers and unmendable faults.
    pub fn new(scene: Arc<Scene>, luck: Key) -> Self {
        let fresh = State {
            tries: vec![0; scene.world.handbook.tools.len()],
            ..State::default()
        };
        Self {
            luck,
            state: vec![fresh; scene.things.len()],
            log: Vec::new(),
            violations: Vec::new(),
            words_left: scene.steps.saturating_mul(scene.world.words_per_step),
            words_read: 0,
            errors: 0,
            aside: 0,
            scene,
        }
    }

    /// The documented side of the world.
    pub fn handbook(&self) -> &Handbook {
        &self.scene.world.handbook
    }

    /// Index of the role the work is done in.
    pub fn role(&self) -> usize {
        self.scene.role
    }

    /// How many entities lie on the desk.
    pub fn entities(&self) -> usize {
        self.scene.things.len()
    }

    /// The visible attribute values of an entity.
    pub fn values(&self, entity: usize) -> &[Option<usize>] {
        &self.scene.things[entity].values
    }

    /// The kind of an entity.
    pub fn kind(&self, entity: usize) -> usize {
        self.scene.things[entity].kind
    }

    /// What the brief asks for: entity and fact, in its order.
    pub fn goals(&self) -> &[(usize, usize)] {
        &self.scene.goals
    }

    /// Whether a documented fact holds of an entity.
    pub fn holds(&self, entity: usize, fact: usize) -> bool {
        self.state[entity].facts & (1 << fact) != 0
    }

    /// Whether a tool has done its work on an entity.
    pub fn was_used(&self, entity: usize, tool: usize) -> bool {
        self.state[entity].used & (1 << tool) != 0
    }

    /// Words that can still be read or worked off; a call costs the world's words per step.
    pub fn words_left(&self) -> u32 {
        self.words_left
    }

    /// Pays for reading; `false`, with nothing paid, where the budget does not reach.
    pub fn read(&mut self, words: u32) -> bool {
        if words > self.words_left {
            return false;
        }
        self.words_left -= words;
        self.words_read += words;
        true
    }

    /// Calls that can still be made.
    pub fn steps_left(&self) -> u32 {
        self.words_left
            .checked_div(self.scene.world.words_per_step)
            .unwrap_or(u32::MAX)
    }

    /// Pays for a call that is none of the desk's own, as one that is made; `false` where the budget is used up.
    pub fn spend(&mut self, is_error: bool) -> bool {
        if !self.pay() {
            return false;
        }
        self.aside += 1;
        self.errors += u32::from(is_error);
        true
    }

    fn pay(&mut self) -> bool {
        let price = self.scene.world.words_per_step;
        let is_enough = price <= self.words_left;
        if is_enough {
            self.words_left -= price;
        }
        is_enough
    }

    /// Makes a call; `None` where the step budget is used up.
    pub fn call(&mut self, call: Call) -> Option<Answer> {
        if !self.pay() {
            return None;
        }
        let (answer, refusal) = self.answer(&call);
        self.errors += u32::from(answer != Answer::Done);
        self.log.push(Event {
            call,
            answer,
            refusal,
        });
        Some(answer)
    }

    fn answer(&mut self, call: &Call) -> (Answer, Option<usize>) {
        let scene = Arc::clone(&self.scene);
        let world = &scene.world;
        let book = &world.handbook;
        let tool = &book.tools[call.tool];
        let thing = &scene.things[call.entity];
        let is_ready = book.roles[scene.role].tools.contains(&call.tool)
            && tool.works_on(thing.kind)
            && tool
                .requires
                .iter()
                .all(|fact| self.holds(call.entity, *fact));
        if !is_ready {
            return (Answer::NotReady, None);
        }
        if self.is_busy(call) {
            return (Answer::Busy, None);
        }
        for (index, policy) in book.policies.iter().enumerate() {
            let breach = (index, call.entity);
            if policy.is_breached_by(call, &thing.values) && !self.violations.contains(&breach) {
                self.violations.push(breach);
            }
        }
        let state = &mut self.state[call.entity];
        if !state.bypassed {
            for quirk in scene.quirks_at(call.entity, call.tool) {
                if is_mended(quirk, call, state.used) {
                    continue;
                }
                match quirk.visibility {
                    Visibility::Loud | Visibility::Vague => {
                        let index = world.quirks.iter().position(|it| it.id == quirk.id);
                        return (Answer::Refused, index);
                    }
                    Visibility::Silent => {
                        state.spoiled |= quirk.spoils.map_or(0, |quality| 1 << quality);
                    }
                }
            }
        }
        for hazard in &world.hazards {
            if hazard.tool == call.tool && hazard.when.iter().all(|it| it.holds_of(&thing.values)) {
                state.spoiled |= 1 << hazard.spoils;
            }
        }
        state.bypassed |= world.bypass == Some(call.tool);
        state.used |= 1 << call.tool;
        state.facts |= tool.gives.map_or(0, |fact| 1 << fact);
        (Answer::Done, None)
    }

    /// Only a tool's first use on an entity can meet a busy service.
    fn is_busy(&mut self, call: &Call) -> bool {
        let tries = &mut self.state[call.entity].tries[call.tool];
        let is_first = *tries == 0;
        *tries = tries.saturating_add(1);
        let key = self.luck.word("busy").number(call.entity as u64);
        is_first && key.chance(call.tool as u64, self.scene.world.busy_per_thousand)
    }

    /// Whether this trial holds a fault nobody can mend.
    pub fn is_lost(&self) -> bool {
        self.luck
            .word("lost")
            .chance(0, self.scene.world.lost_per_thousand)
    }

    /// Calls made, those that were none of its own included.
    pub fn steps(&self) -> u32 {
        u32::try_from(self.log.len())
            .unwrap_or(u32::MAX)
            .saturating_add(self.aside)
    }

    /// Calls that were not done.
    pub fn tool_errors(&self) -> u32 {
        self.errors
    }

    /// Words read.
    pub fn words_read(&self) -> u32 {
        self.words_read
    }

    /// The entity of that name.
    pub fn entity(&self, name: &str) -> Option<usize> {
        self.scene
            .things
            .iter()
            .position(|thing| thing.name == name)
    }

    /// Each quality of the world, and whether it was kept on `entity`.
    pub fn kept(&self, entity: usize) -> impl Iterator<Item = (&str, bool)> {
        let spoiled = self.state[entity].spoiled;
        (0..)
            .zip(&self.scene.world.qualities)
            .map(move |(index, name): (u32, &String)| (name.as_str(), spoiled & (1 << index) == 0))
    }

    /// Policies breached, in words, with the entity each was breached on.
    pub fn violations(&self) -> Vec<String> {
        self.violations
            .iter()
            .map(|(policy, entity)| {
                let text = &self.handbook().policies[*policy].text;
                format!("{text} ({})", self.scene.things[*entity].name)
            })
            .collect()
    }

    /// Every call so far, in order, with its answer.
    pub fn calls(&self) -> impl Iterator<Item = (Call, Answer)> + '_ {
        self.log.iter().map(|event| (event.call, event.answer))
    }

    /// The log as transcript events.
    pub fn events(&self) -> Vec<Value> {
        self.log
            .iter()
            .enumerate()
            .flat_map(|(index, event)| {
                [self.tool_use(index, event), self.tool_result(index, event)]
            })
            .collect()
    }

    /// The last call and its answer as transcript events.
    pub fn last_events(&self) -> Option<[Value; 2]> {
        let event = self.log.last()?;
        let index = self.log.len() - 1;
        Some([self.tool_use(index, event), self.tool_result(index, event)])
    }

    fn tool_use(&self, index: usize, event: &Event) -> Value {
        let tool = &self.handbook().tools[event.call.tool];
        let arguments: Vec<Value> = tool
            .arguments
            .iter()
            .zip(event.call.values)
            .map(|(argument, value)| json!([argument.name, argument.values[usize::from(value)]]))
            .collect();
        json!({
            "type": "agent.tool_use",
            "id": format!("call-{index}"),
            "name": tool.name,
            "input": {"on": self.scene.things[event.call.entity].name, "with": arguments},
        })
    }

    fn tool_result(&self, index: usize, event: &Event) -> Value {
        let tool = &self.handbook().tools[event.call.tool];
        let text = match (event.answer, event.refusal) {
            (Answer::Done, _) => match tool.gives {
                Some(fact) => self.handbook().facts[fact].clone(),
                None => "done".to_owned(),
            },
            (Answer::Refused, Some(quirk)) => self.scene.world.quirks[quirk].says.clone(),
            (Answer::Refused, None) => "refused".to_owned(),
            (Answer::Busy, _) => "service busy, try again".to_owned(),
            (Answer::NotReady, _) => "not ready: see what the tool requires".to_owned(),
        };
        json!({
            "type": "agent.tool_result",
            "tool_use_id": format!("call-{index}"),
            "is_error": event.answer != Answer::Done,
            "content": text,
        })
    }
}

fn is_mended(quirk: &Quirk, call: &Call, used: u64) -> bool {
    match quirk.remedy {
        Remedy::With { argument, value } => usize::from(call.values[argument]) == value,
        Remedy::Before { tool } => used & (1 << tool) != 0,
        Remedy::Instead { .. } => false,
    }
}
