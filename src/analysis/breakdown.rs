//! A comparison taken apart: the tasks that changed, and the difference within each family or role.

use std::collections::BTreeMap;

use crate::analysis::evidence::{GroupDifference, TaskChange};
use crate::analysis::outcomes::{LEVEL, bounds};
use crate::analysis::pairing::Pair;
use crate::statistics::{Differences, PairedTask, paired_difference};

/// Tasks that got better and tasks that got worse, the largest change first.
pub fn changes(pairs: &[Pair]) -> (Vec<TaskChange>, Vec<TaskChange>) {
    let (mut improved, mut regressed) = (Vec::new(), Vec::new());
    for pair in pairs {
        // Each task alone, so that the lists agree with the counts, which are decided on exact fractions.
        let direction = Differences::of_tasks(&[pair.cells]).directions();
        let change = TaskChange {
            task: pair.task.clone(),
            family: pair.family.clone(),
            baseline: pair.cells.baseline.mean(),
            candidate: pair.cells.candidate.mean(),
        };
        if direction.improved == 1 {
            improved.push(change);
        } else if direction.regressed == 1 {
            regressed.push(change);
        }
    }
    let size = |change: &TaskChange| (change.candidate - change.baseline).abs();
    for list in [&mut improved, &mut regressed] {
        list.sort_by(|one, other| size(other).total_cmp(&size(one)));
    }
    (improved, regressed)
}

/// The difference within each group of tasks, groups in order of first appearance; tasks without a group are left out.
pub fn groups(pairs: &[Pair], group_of: fn(&Pair) -> &String) -> Vec<GroupDifference> {
    let mut names: Vec<&str> = Vec::new();
    let mut members: BTreeMap<&str, Vec<PairedTask>> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| !group_of(pair).is_empty()) {
        let name = group_of(pair).as_str();
        let cells = members.entry(name).or_default();
        if cells.is_empty() {
            names.push(name);
        }
        cells.push(pair.cells);
    }
    let group = |name: &str| {
        let paired = paired_difference(members.get(name)?, LEVEL)?;
        Some(GroupDifference {
            group: name.to_owned(),
            tasks: u32::try_from(paired.tasks).ok()?,
            estimate: paired.estimate,
            interval: (1 < paired.tasks).then(|| bounds(paired.interval)),
            baseline: paired.baseline_mean,
            candidate: paired.candidate_mean,
        })
    };
    names.into_iter().filter_map(group).collect()
}
