//! Rows for the tests of this floor.

use crate::domain::id::{ArmName, FamilyId, TaskId};
use crate::domain::trial::TrialRow;

/// One trial of a task that is its own family; `None` broke.
pub fn trial(task: &str, arm: &str, completed: Option<bool>) -> TrialRow {
    TrialRow {
        run: String::new(),
        suite: String::new(),
        task: TaskId::new(task),
        family: FamilyId::new(task),
        role: String::new(),
        split: String::new(),
        repeat: 0,
        seed: None,
        arm: ArmName::new(arm),
        budget: None,
        pair: None,
        half: None,
        memory_digest: String::new(),
        learnings: Vec::new(),
        completed,
        score: None,
        violations: None,
        stop: None,
        broken: None,
        criteria: Vec::new(),
        usage: None,
        judge: None,
        eligible: Vec::new(),
        surfaced: Vec::new(),
        opened: Vec::new(),
        followed: Vec::new(),
        agent: String::new(),
        model: String::new(),
        grader_digest: String::new(),
        transcript: String::new(),
    }
}
