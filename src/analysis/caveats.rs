//! What a reader must know before believing a comparison.

use crate::analysis::evidence::GroupDifference;
use crate::analysis::outcomes::Outcome;
use crate::domain::trial::TrialRow;
use crate::error::count;
use crate::statistics::{Method, PairedDifference, PairedTask};

/// Below this many families nothing is claimed about families not seen. Source: Bell & McCaffrey (2002), Survey Methodology 28.
const FEW_FAMILIES: usize = 5;

/// Below this many tasks that differ, a t interval leans on too little.
const FEW_DIFFERENCES: usize = 6;

/// The caveats of a comparison, gravest first.
pub fn of_comparison(
    paired: Option<&PairedDifference>,
    cells: &[PairedTask],
    by_family: &[GroupDifference],
    outcome: Outcome,
) -> Vec<String> {
    let Some(paired) = paired else {
        return vec![
            "no task has a graded trial in both arms, so nothing can be compared".to_owned(),
        ];
    };
    let score = (outcome == Outcome::Score)
        .then(|| "no row says whether its trial completed, so scores are compared".to_owned());
    [
        simpson(paired, by_family),
        error(paired),
        few_families(paired),
        few_differences(paired),
        saturated(cells),
        score,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Says how many rows of other splits than the test split were left out.
pub fn left_out(rows: &[TrialRow], judged: &[&TrialRow]) -> Option<String> {
    let is_arm = |row: &&TrialRow| judged.iter().any(|judged| judged.arm == row.arm);
    let whole = |row: &&TrialRow| row.pair.is_none() && row.half.is_none() && row.budget.is_none();
    let all = rows.iter().filter(whole).filter(is_arm).count();
    match all - judged.len() {
        0 => None,
        rest => Some(format!(
            "{} of other splits than `test` left out",
            count(rest, "row")
        )),
    }
}

fn simpson(paired: &PairedDifference, by_family: &[GroupDifference]) -> Option<String> {
    let up = by_family
        .iter()
        .filter(|family| 0.0 < family.estimate)
        .count();
    let down = by_family
        .iter()
        .filter(|family| family.estimate < 0.0)
        .count();
    let (word, against) = if 0.0 < paired.estimate && up < down {
        (
            "a gain",
            format!(
                "{down} of {} lose and {up} gain",
                count(by_family.len(), "family")
            ),
        )
    } else if paired.estimate < 0.0 && down < up {
        (
            "a loss",
            format!(
                "{up} of {} gain and {down} lose",
                count(by_family.len(), "family")
            ),
        )
    } else {
        return None;
    };
    Some(format!(
        "the mean over tasks is {word}, but {against}: read the families one by one"
    ))
}

fn error(paired: &PairedDifference) -> Option<String> {
    match paired.method {
        Method::Cr2 => None,
        Method::Task if paired.families == 1 => {
            Some("all tasks are of one family: the interval takes tasks as independent".to_owned())
        }
        Method::Task => Some(
            "the families balance exactly, so their error is 0: the interval takes tasks as independent".to_owned(),
        ),
        Method::ExactFallback { units } => Some(format!(
            "every task differs by the same amount, so no error can be estimated: the interval is the exact bound for {}",
            count(units, if 1 < paired.families { "family" } else { "task" })
        )),
    }
}

fn few_families(paired: &PairedDifference) -> Option<String> {
    (paired.families < FEW_FAMILIES).then(|| {
        format!(
            "{}: nothing is claimed about families not seen",
            count(paired.families, "family")
        )
    })
}

fn few_differences(paired: &PairedDifference) -> Option<String> {
    let differing = paired.directions.improved + paired.directions.regressed;
    let verb = if differing == 1 { "differs" } else { "differ" };
    (differing < FEW_DIFFERENCES).then(|| {
        format!(
            "only {} {verb} between the arms: trust the exact tests before the interval",
            count(differing, "task")
        )
    })
}

/// Tasks that every trial of both arms completed, or none, say nothing of the difference.
fn saturated(cells: &[PairedTask]) -> Option<String> {
    let all = |share: f64| {
        cells
            .iter()
            .filter(|task| task.baseline.mean() == share && task.candidate.mean() == share)
            .count()
    };
    let (always, never) = (all(1.0), all(0.0));
    (cells.len() < 2 * (always + never)).then(|| {
        format!(
            "{always} of {} always completed and {never} never, in both arms: more than half the suite says nothing of the difference",
            count(cells.len(), "task")
        )
    })
}
