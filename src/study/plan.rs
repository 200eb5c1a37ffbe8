//! Which trials a run plays: practice first, then every arm, the sweep, the foldover pairs and the canaries.

use crate::{
    domain::{suite::Suite, task::Split, trial::Half},
    draw::Key,
    runner::{
        bench::Arm,
        plan::{Lane, PlannedTrial, Stage, interleave},
    },
};

/// How much is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// Times each practice task is attempted.
    pub practice_repeats: u32,
    /// Times each test task is attempted under each arm.
    pub repeats: u32,
    /// Foldover pairs.
    pub pairs: u32,
    /// Whether some arms are played once more at each other budget of the suite.
    pub sweeps: bool,
}

/// The practice trials, under the arm `stored` (index `arm`).
pub fn practice(suite: &Suite, amount: &Amount, arm: u16, seed: u64) -> Vec<PlannedTrial> {
    let mut trials = Vec::new();
    for repeat in 0..amount.practice_repeats {
        for (task, it) in suite.split(Split::Practice) {
            trials.push(PlannedTrial {
                stage: Stage::Practice,
                number: 0,
                task: small(task),
                arm,
                repeat,
                steps: it.brief.limits.steps,
                is_headline: true,
                lane: Lane::Practice,
                pair: None,
                subset: None,
                keeps_transcript: true,
            });
        }
    }
    interleave(trials, seed)
}

/// Indices of the arms that matter to the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// Every arm that is replayed.
    pub replayed: Vec<u16>,
    /// Those played once more at each other budget.
    pub swept: Vec<u16>,
    /// The arm whose learnings are attributed.
    pub attributed: Option<u16>,
}

/// The replay trials of all arms, the sweep, the foldover pairs and the canaries.
pub fn replay(
    suite: &Suite,
    arms: &[Arm],
    roster: &Roster,
    amount: &Amount,
    seed: u64,
) -> Vec<PlannedTrial> {
    let mut trials = Vec::new();
    for (task, it) in suite.split(Split::Test) {
        let base = PlannedTrial {
            stage: Stage::Replay,
            number: 0,
            task: small(task),
            arm: 0,
            repeat: 0,
            steps: it.brief.limits.steps,
            is_headline: true,
            lane: Lane::Arms,
            pair: None,
            subset: None,
            keeps_transcript: true,
        };
        for arm in &roster.replayed {
            for repeat in 0..amount.repeats {
                trials.push(PlannedTrial {
                    arm: *arm,
                    repeat,
                    ..base.clone()
                });
            }
        }
        for arm in roster.swept.iter().filter(|_| amount.sweeps) {
            let others = suite
                .sweep_steps
                .iter()
                .filter(|steps| **steps != base.steps);
            trials.extend(others.map(|steps| PlannedTrial {
                arm: *arm,
                steps: *steps,
                is_headline: false,
                keeps_transcript: false,
                ..base.clone()
            }));
        }
    }
    if let Some(index) = roster.attributed {
        let arm = &arms[usize::from(index)];
        trials.extend(foldover(suite, arm, index, amount.pairs, seed));
        trials.extend(canaries(suite, arm, index, amount.repeats));
    }
    interleave(trials, seed)
}

/// Pairs of a random subset of the eligible learnings and its complement, on the same task with the same luck.
fn foldover(suite: &Suite, arm: &Arm, index: u16, pairs: u32, seed: u64) -> Vec<PlannedTrial> {
    let key = Key::root(seed).word("foldover");
    let mut trials = Vec::new();
    for (pair, (task, repeat)) in (0..pairs).zip(allotted(suite, arm, pairs, key)) {
        let coins = key.word("coin").number(u64::from(pair));
        let (heads, tails): (Vec<u16>, Vec<u16>) = arm.eligible[task]
            .iter()
            .partition(|learning| coins.chance(u64::from(**learning), 500));
        for (half, subset) in [(Half::Subset, heads), (Half::Complement, tails)] {
            trials.push(PlannedTrial {
                stage: Stage::Replay,
                number: 0,
                task: small(task),
                arm: index,
                repeat,
                steps: suite.tasks[task].brief.limits.steps,
                is_headline: true,
                lane: Lane::Foldover,
                pair: Some((pair, half)),
                subset: Some(subset),
                keeps_transcript: false,
            });
        }
    }
    trials
}

/// Every canary task with no learning, with each eligible one alone, and with all of them, under the same luck.
fn canaries(suite: &Suite, arm: &Arm, index: u16, repeats: u32) -> Vec<PlannedTrial> {
    let mut trials = Vec::new();
    for (task, it) in suite.split(Split::Canary) {
        let eligible = &arm.eligible[task];
        let mut subsets = vec![Vec::new()];
        subsets.extend(eligible.iter().map(|learning| vec![*learning]));
        if 1 < eligible.len() {
            subsets.push(eligible.clone());
        }
        for repeat in 0..repeats {
            trials.extend(subsets.iter().map(|subset| PlannedTrial {
                stage: Stage::Replay,
                number: 0,
                task: small(task),
                arm: index,
                repeat,
                steps: it.brief.limits.steps,
                is_headline: true,
                lane: Lane::Canary,
                pair: None,
                subset: Some(subset.clone()),
                keeps_transcript: false,
            }));
        }
    }
    trials
}

/// The task of each pair, and how often it was used before.
///
/// Every other pair goes round all tasks with an eligible learning, in shuffled rounds; the others go to the learning
/// with the fewest pairs so far, on the least used of its tasks, so that the rare are known as well as the common.
fn allotted(suite: &Suite, arm: &Arm, pairs: u32, key: Key) -> Vec<(usize, u32)> {
    let tasks: Vec<usize> = suite
        .split(Split::Test)
        .map(|(task, _)| task)
        .filter(|task| !arm.eligible[*task].is_empty())
        .collect();
    let mut uses = vec![0_u32; suite.tasks.len()];
    let mut known = vec![0_u32; arm.learnings.len()];
    let mut round: Vec<usize> = Vec::new();
    let mut allotted = Vec::new();
    while !tasks.is_empty() && allotted.len() < pairs as usize {
        let number = allotted.len() as u64;
        let luck = |task: usize| key.word("least").number(number).draw(task as u64);
        let rarest = tasks
            .iter()
            .flat_map(|task| &arm.eligible[*task])
            .min_by_key(|learning| (known[usize::from(**learning)], **learning));
        let task = match rarest {
            Some(rarest) if number % 2 == 1 => tasks
                .iter()
                .copied()
                .filter(|task| arm.eligible[*task].contains(rarest))
                .min_by_key(|task| (uses[*task], luck(*task)))
                .unwrap_or(tasks[0]),
            _ => {
                if round.is_empty() {
                    let order = key.word("round").number(number).permutation(tasks.len());
                    round.extend(order.into_iter().map(|at| tasks[at]));
                }
                round.pop().unwrap_or(tasks[0])
            }
        };
        allotted.push((task, uses[task]));
        uses[task] += 1;
        for learning in &arm.eligible[task] {
            known[usize::from(*learning)] += 1;
        }
    }
    allotted
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
