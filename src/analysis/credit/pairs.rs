//! Foldover halves brought together: the differences and signs a regression is made of.

use std::collections::{BTreeSet, HashMap};

use crate::analysis::outcomes::{Numbering, Outcome};
use crate::domain::id::LearningId;
use crate::domain::trial::{Half, TrialRow};
use crate::error::{Error, Result};

/// A pair whose halves were both graded.
pub struct Pair<'rows> {
    /// Number of the task, in order of first appearance.
    pub task: usize,
    /// Its name.
    pub task_name: &'rows str,
    /// Its role; empty where it has none.
    pub role: &'rows str,
    /// One per learning: +1 in the subset, −1 in the complement, 0 in neither or both or where it is not eligible.
    pub signs: Vec<i8>,
    /// Outcome of the subset minus that of the complement, −1 to 1.
    pub difference: f64,
    /// Violations under the subset minus those under the complement; `None` where nobody looked.
    pub violations: Option<f64>,
}

/// All pairs of a run.
pub struct Pairs<'rows> {
    /// Those with both halves graded.
    pub pairs: Vec<Pair<'rows>>,
    /// How many lack a graded half.
    pub broken: usize,
}

/// Brings the halves together, pairs in order of their first row. `numbers` gives the place of each learning.
///
/// # Errors
/// A pair with one half twice, or halves of different tasks.
pub fn pairs<'rows>(
    rows: &'rows [TrialRow],
    numbers: &HashMap<&str, usize>,
) -> Result<Pairs<'rows>> {
    let outcome = Outcome::of(rows.iter().filter(|row| row.pair.is_some()));
    let halves = halves(rows)?;
    let mut tasks = Numbering::default();
    let graded = |[subset, complement]: &[Option<&'rows TrialRow>; 2]| {
        let (subset, complement) = ((*subset)?, (*complement)?);
        let violations = || Some(f64::from(subset.violations?) - f64::from(complement.violations?));
        Some(Pair {
            task: tasks.of(subset.task.as_str()),
            task_name: subset.task.as_str(),
            role: &subset.role,
            signs: signs(subset, complement, numbers),
            difference: outcome.value(subset)? - outcome.value(complement)?,
            violations: violations(),
        })
    };
    let pairs: Vec<Pair<'_>> = halves.iter().filter_map(graded).collect();
    let broken = halves.len() - pairs.len();
    Ok(Pairs { pairs, broken })
}

/// The halves of each pair, pairs in order of their first row.
fn halves(rows: &[TrialRow]) -> Result<Vec<[Option<&TrialRow>; 2]>> {
    let mixed = |what: String| {
        Error::input(what)
            .mend("are the trials of two runs in one table? attribute each run by itself")
    };
    let mut slots: HashMap<u32, usize> = HashMap::new();
    let mut halves: Vec<[Option<&TrialRow>; 2]> = Vec::new();
    for row in rows {
        let (Some(pair), Some(half)) = (row.pair, row.half) else {
            continue;
        };
        let slot = *slots.entry(pair).or_insert(halves.len());
        if slot == halves.len() {
            halves.push([None, None]);
        }
        let side = match half {
            Half::Subset => 0,
            Half::Complement => 1,
        };
        if halves[slot][side].replace(row).is_some() {
            return Err(mixed(format!("foldover pair {pair} has one half twice")));
        }
        if let [Some(one), Some(other)] = halves[slot]
            && one.task != other.task
        {
            return Err(mixed(format!(
                "the halves of foldover pair {pair} are of tasks `{}` and `{}`",
                one.task, other.task
            )));
        }
    }
    Ok(halves)
}

/// +1 where only the subset half had an eligible learning, −1 where only the complement had it, else 0.
fn signs(subset: &TrialRow, complement: &TrialRow, numbers: &HashMap<&str, usize>) -> Vec<i8> {
    let mut signs = vec![0; numbers.len()];
    let had = |row: &TrialRow| -> BTreeSet<usize> {
        row.learnings
            .iter()
            .filter_map(|id| number(id, numbers))
            .collect()
    };
    let (by_subset, by_complement) = (had(subset), had(complement));
    for learning in subset.eligible.iter().filter_map(|id| number(id, numbers)) {
        signs[learning] =
            i8::from(by_subset.contains(&learning)) - i8::from(by_complement.contains(&learning));
    }
    signs
}

/// The place of a learning; `None` for one that is not under study.
pub fn number(id: &LearningId, numbers: &HashMap<&str, usize>) -> Option<usize> {
    numbers.get(id.as_str()).copied()
}
