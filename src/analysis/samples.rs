//! Rows for the tests of this floor.

use crate::domain::id::{ArmName, FamilyId, TaskId};
use crate::domain::trial::TrialRow;

/// One trial of a task that is its own family; `None` broke.
pub fn trial(task: &str, arm: &str, completed: Option<bool>) -> TrialRow {
    TrialRow {
        task: TaskId::new(task),
        family: FamilyId::new(task),
        arm: ArmName::new(arm),
        completed,
        ..TrialRow::default()
    }
}
