//! The script that completes a task: what the expert plays, and what `check` proves a suite with.

use crate::{
    domain::{
        tool::{Call, MOST_ARGUMENTS},
        world::{Quirk, Remedy},
    },
    environment::scene::Scene,
};

/// A shortest known script, and the quirks it deals with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Solution {
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// Ids of the quirks met on the way, each once.
    pub quirks: Vec<String>,
}

impl Scene {
    /// The script that reaches every goal without spoiling or breaching anything, or `None` where there is none.
    pub fn solution(&self) -> Option<Solution> {
        let mut script = Script {
            scene: self,
            facts: vec![0; self.things.len()],
            used: vec![0; self.things.len()],
            solution: Solution::default(),
        };
        for (entity, fact) in &self.goals {
            script.achieve(*entity, *fact, 0)?;
        }
        Some(script.solution)
    }
}

struct Script<'a> {
    scene: &'a Scene,
    facts: Vec<u64>,
    used: Vec<u64>,
    solution: Solution,
}

impl Script<'_> {
    fn achieve(&mut self, entity: usize, fact: usize, depth: usize) -> Option<()> {
        if self.facts[entity] & (1 << fact) != 0 {
            return Some(());
        }
        let scene = self.scene;
        let book = &scene.world.handbook;
        if depth > book.facts.len() {
            return None;
        }
        let kind = scene.things[entity].kind;
        let providers: Vec<usize> = book.roles[scene.role]
            .tools
            .iter()
            .copied()
            .filter(|tool| {
                book.tools[*tool].gives == Some(fact) && book.tools[*tool].works_on(kind)
            })
            .collect();
        // Whichever of them an agent tries first, a refusing one lies in wait.
        let refusing = |tool: usize| {
            scene
                .quirks_at(entity, tool)
                .find(|quirk| is_instead(quirk))
        };
        let met: Vec<String> = providers
            .iter()
            .filter_map(|tool| Some(refusing(*tool)?.id.clone()))
            .collect();
        let provider = providers
            .into_iter()
            .find(|tool| refusing(*tool).is_none())?;
        for fact in &book.tools[provider].requires {
            self.achieve(entity, *fact, depth + 1)?;
        }
        for quirk in met {
            self.meet(quirk);
        }
        self.perform(entity, provider)
    }

    fn perform(&mut self, entity: usize, tool: usize) -> Option<()> {
        let scene = self.scene;
        let mut values: Vec<Option<u8>> = vec![None; MOST_ARGUMENTS];
        for quirk in scene.quirks_at(entity, tool) {
            match quirk.remedy {
                Remedy::With { argument, value } => values[argument] = u8::try_from(value).ok(),
                Remedy::Before { tool: first } => self.help(entity, first)?,
                Remedy::Instead { .. } => return None,
            }
            self.meet(quirk.id.clone());
        }
        let call = self.allowed(entity, tool, &values)?;
        self.record(call);
        Some(())
    }

    fn meet(&mut self, quirk: String) {
        if !self.solution.quirks.contains(&quirk) {
            self.solution.quirks.push(quirk);
        }
    }

    fn help(&mut self, entity: usize, tool: usize) -> Option<()> {
        if self.used[entity] & (1 << tool) != 0 {
            return Some(());
        }
        let scene = self.scene;
        let values = &scene.things[entity].values;
        let spoils = scene
            .world
            .hazards
            .iter()
            .any(|it| it.tool == tool && it.when.iter().all(|when| when.holds_of(values)));
        let role = &scene.world.handbook.roles[scene.role];
        if spoils || !role.tools.contains(&tool) {
            return None;
        }
        let call = self.allowed(entity, tool, &[None; MOST_ARGUMENTS])?;
        self.record(call);
        Some(())
    }

    /// The first choice of the open arguments that no policy forbids.
    fn allowed(&self, entity: usize, tool: usize, fixed: &[Option<u8>]) -> Option<Call> {
        let book = &self.scene.world.handbook;
        let arguments = &book.tools[tool].arguments;
        let mut values = [0; MOST_ARGUMENTS];
        for (argument, known) in arguments.iter().enumerate() {
            let options = match fixed[argument] {
                Some(value) => value..value + 1,
                None => 0..u8::try_from(known.values.len()).ok()?,
            };
            values[argument] = options.into_iter().find(|value| {
                let mut tried = values;
                tried[argument] = *value;
                !book.policies.iter().any(|policy| {
                    policy.with.is_some_and(|(named, _)| named == argument)
                        && policy.is_breached_by(
                            &Call {
                                tool,
                                entity,
                                values: tried,
                            },
                            &self.scene.things[entity].values,
                        )
                })
            })?;
        }
        let call = Call {
            tool,
            entity,
            values,
        };
        let values = &self.scene.things[entity].values;
        (!book
            .policies
            .iter()
            .any(|policy| policy.is_breached_by(&call, values)))
        .then_some(call)
    }

    fn record(&mut self, call: Call) {
        let gives = self.scene.world.handbook.tools[call.tool].gives;
        self.facts[call.entity] |= gives.map_or(0, |fact| 1 << fact);
        self.used[call.entity] |= 1 << call.tool;
        self.solution.calls.push(call);
    }
}

fn is_instead(quirk: &Quirk) -> bool {
    matches!(quirk.remedy, Remedy::Instead { .. })
}
