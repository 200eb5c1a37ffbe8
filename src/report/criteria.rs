//! How often each criterion was met, with the names of single files taken out.

use std::collections::HashMap;

use crate::{
    domain::{id::TaskId, suite::Suite, task::Entity, trial::TrialRow},
    report::inputs::Criterion,
};

/// Criteria over the headline trials of two arms, in the order first met.
pub fn criteria(
    suite: &Suite,
    rows: &[TrialRow],
    baseline: &str,
    candidate: &str,
) -> Vec<Criterion> {
    let entities: HashMap<&TaskId, &[Entity]> = suite
        .tasks
        .iter()
        .map(|task| (&task.id, task.brief.setup.as_slice()))
        .collect();
    let mut criteria: Vec<Criterion> = Vec::new();
    for row in rows
        .iter()
        .filter(|row| row.budget.is_none() && row.pair.is_none())
    {
        let is_candidate = row.arm.as_str() == candidate;
        if !is_candidate && row.arm.as_str() != baseline {
            continue;
        }
        let setup = entities.get(&row.task).copied().unwrap_or_default();
        for (name, met) in row.criteria.iter() {
            let name = general(setup, name);
            let at = criteria
                .iter()
                .position(|it| it.name == name)
                .unwrap_or_else(|| {
                    criteria.push(Criterion {
                        name,
                        baseline: (0, 0),
                        candidate: (0, 0),
                    });
                    criteria.len() - 1
                });
            let side = if is_candidate {
                &mut criteria[at].candidate
            } else {
                &mut criteria[at].baseline
            };
            side.0 += u32::from(*met);
            side.1 += 1;
        }
    }
    criteria
}

/// `nda-v3 is sent` becomes `document is sent`.
fn general(setup: &[Entity], name: &str) -> String {
    setup
        .iter()
        .find_map(|entity| {
            let rest = name.strip_prefix(entity.name.as_str())?;
            Some(format!("{}{rest}", entity.kind))
        })
        .unwrap_or_else(|| name.to_owned())
}
