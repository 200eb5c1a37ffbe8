//! Whether learnings that were there to be used were shown, and whether those shown were followed.

use std::collections::{BTreeSet, HashMap};

use crate::analysis::credit::pairs::number;
use crate::domain::id::LearningId;
use crate::domain::task::Split;
use crate::domain::trial::TrialRow;

/// Trials of one learning, each step a part of the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Trials whose store had it and in which it was eligible.
    pub eligible: u32,
    /// Those in which it was shown.
    pub surfaced: u32,
    /// Those shown it in which an action followed it.
    pub followed: u32,
}

impl Delivery {
    /// Share of the trials it was eligible in that showed it; `None` without such a trial.
    pub fn surfaced_rate(self) -> Option<f64> {
        share(self.surfaced, self.eligible)
    }

    /// Share of the trials that showed it in which an action followed it; `None` without such a trial.
    pub fn followed_rate(self) -> Option<f64> {
        share(self.followed, self.surfaced)
    }
}

fn share(part: u32, whole: u32) -> Option<f64> {
    (0 < whole).then(|| f64::from(part) / f64::from(whole))
}

/// Counts over all rows whose attempt came to an end; trials that broke say nothing, and canaries are no work. One entry
/// per learning.
pub fn delivery(rows: &[TrialRow], numbers: &HashMap<&str, usize>) -> Vec<Delivery> {
    let mut deliveries = vec![Delivery::default(); numbers.len()];
    for row in rows
        .iter()
        .filter(|row| row.completed.is_some() || row.score.is_some())
        .filter(|row| &*row.split != Split::Canary.word())
    {
        let set = |ids: &[LearningId]| -> BTreeSet<usize> {
            ids.iter().filter_map(|id| number(id, numbers)).collect()
        };
        let (stored, surfaced, followed) =
            (set(&row.learnings), set(&row.surfaced), set(&row.followed));
        for learning in set(&row.eligible).intersection(&stored) {
            let delivery = &mut deliveries[*learning];
            let was_surfaced = surfaced.contains(learning);
            delivery.eligible += 1;
            delivery.surfaced += u32::from(was_surfaced);
            delivery.followed += u32::from(was_surfaced && followed.contains(learning));
        }
    }
    deliveries
}
