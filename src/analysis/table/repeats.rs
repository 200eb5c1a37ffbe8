//! Two rows for one trial: an error that says which column tells them apart.

use std::collections::{BTreeSet, HashMap};

use crate::analysis::table::{Placed, Reading, Table};
use crate::domain::trial::{Half, TrialRow};
use crate::error::{Error, Result, count};

/// What makes a trial one.
type Identity<'row> = (
    &'row str,
    &'row str,
    u32,
    Option<u32>,
    Option<(u32, Option<Half>)>,
);

fn identity(trial: &TrialRow) -> Identity<'_> {
    let pair = trial.pair.map(|pair| (pair, trial.half));
    (
        trial.task.as_str(),
        trial.arm.as_str(),
        trial.repeat,
        trial.budget,
        pair,
    )
}

/// # Errors
/// Two rows have one task, arm and attempt.
pub fn check(placed: &[Placed<'_>], reading: &Reading) -> Result<()> {
    let mut groups: HashMap<Identity<'_>, Vec<&Placed<'_>>> = HashMap::new();
    for it in placed {
        groups.entry(identity(&it.trial)).or_default().push(it);
    }
    if groups.len() == placed.len() {
        return Ok(());
    }
    let twice = |it: &&Placed<'_>| {
        groups
            .get(&identity(&it.trial))
            .is_some_and(|group| 1 < group.len())
    };
    let Some(first) = placed.iter().find(twice) else {
        return Ok(());
    };
    let Some(group) = groups.get(&identity(&first.trial)) else {
        return Ok(());
    };
    let doubled: Vec<&Vec<&Placed<'_>>> = groups.values().filter(|group| 1 < group.len()).collect();
    Err(explain(group, &doubled, reading)?)
}

/// What the columns that name a trial are called in a table.
struct Headings {
    task: String,
    arm: String,
    attempt: Option<String>,
}

impl Headings {
    fn of(table: &Table, reading: &Reading) -> Result<Headings> {
        let heading = |name: &str| Ok(reading.source(name, table)?.map(|source| source.heading));
        Ok(Headings {
            task: heading("task")?.unwrap_or_else(|| "task".to_owned()),
            arm: heading("arm")?.unwrap_or_else(|| "arm".to_owned()),
            attempt: heading("repeat")?,
        })
    }

    /// Every column they are joined from.
    fn columns(&self) -> Vec<&str> {
        let all = [&self.task, &self.arm].into_iter().chain(&self.attempt);
        all.flat_map(|heading| heading.split('+')).collect()
    }
}

fn explain(
    group: &[&Placed<'_>],
    doubled: &[&Vec<&Placed<'_>>],
    reading: &Reading,
) -> Result<Error> {
    let [first, second, ..] = group else {
        return Ok(Error::bug("one row was taken for two"));
    };
    let table = second.table;
    let headings = Headings::of(table, reading)?;
    let (task, arm) = (&first.trial.task, &first.trial.arm);
    let which = match &headings.attempt {
        Some(heading) => format!(
            "task `{task}`, arm `{arm}` and {heading} `{}`",
            first.attempt
        ),
        None => format!("task `{task}` and arm `{arm}`"),
    };
    let (ending, hint) = suggestion(
        &separators(doubled, table, &headings.columns()),
        &headings,
        table,
    );
    let elsewhere = format!(
        "the other is {}:{}",
        first.table.path.display(),
        first.row.line
    );
    let fault = table.fault(second.row, format!("two rows have {which}; {ending}"));
    Ok(fault.because(elsewhere).mend(hint))
}

/// Which columns separate the rows, and what to do about it.
fn suggestion(separators: &[String], headings: &Headings, table: &Table) -> (String, String) {
    let Headings { task, arm, attempt } = headings;
    match separators {
        [] => {
            let hint = match attempt {
                Some(_) => "keep one of them",
                None => "number the attempts in a column `repeat`, or keep one of them",
            };
            ("no column tells them apart".to_owned(), hint.to_owned())
        }
        [column] => {
            let values = count(values(column, table).len(), "value");
            let mut hint = format!(
                "add `--map task={column}+{task}` or `{}` ({values} there); if it is part of the arm, `--map arm={arm}+{column}`",
                only(column, table)
            );
            if attempt.is_none() {
                hint += &format!("; if it numbers attempts, `--map repeat={column}`");
            }
            (format!("column `{column}` separates them"), hint)
        }
        several => {
            let filters: Vec<String> = several.iter().map(|column| only(column, table)).collect();
            let hint = format!(
                "add `--map task={}+{task}` or `{}`",
                several.join("+"),
                filters.join(" ")
            );
            (
                format!(
                    "columns `{}` together separate them",
                    several.join("` and `")
                ),
                hint,
            )
        }
    }
}

/// A `--where` that keeps the first of a column's values.
fn only(column: &str, table: &Table) -> String {
    format!(
        "--where {column}={}",
        values(column, table).first().map_or("…", |value| value)
    )
}

/// The columns that tell apart the rows of every group: one, the one with fewest values, or else two together; none if even that fails.
fn separators(doubled: &[&Vec<&Placed<'_>>], table: &Table, taken: &[&str]) -> Vec<String> {
    let is_same_table = doubled
        .iter()
        .all(|group| group.iter().all(|it| std::ptr::eq(it.table, table)));
    if !is_same_table {
        return Vec::new();
    }
    let columns: Vec<usize> = (0..table.sheet.columns.len())
        .filter(|index| may_separate(&table.sheet.columns[*index], taken))
        .collect();
    let tells_apart = |chosen: &[usize]| {
        doubled.iter().all(|group| {
            let rows = group.iter().map(|it| it.row);
            let cells = rows.map(|row| {
                chosen
                    .iter()
                    .map(|index| row.cells[*index].as_str())
                    .collect::<Vec<_>>()
            });
            cells.collect::<BTreeSet<_>>().len() == group.len()
        })
    };
    let name = |index: &usize| table.sheet.columns[*index].clone();
    let fewest = |index: &&usize| values(&name(index), table).len();
    if let Some(index) = columns
        .iter()
        .filter(|index| tells_apart(&[**index]))
        .min_by_key(fewest)
    {
        return vec![name(index)];
    }
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (position, left) in columns.iter().enumerate() {
        pairs.extend(columns[position + 1..].iter().map(|right| (*left, *right)));
    }
    let pair = pairs
        .iter()
        .find(|(left, right)| tells_apart(&[*left, *right]));
    pair.map_or_else(Vec::new, |(left, right)| vec![name(left), name(right)])
}

/// Outcomes and measurements differ between trials by chance; a column of names does not.
fn may_separate(column: &str, taken: &[&str]) -> bool {
    const MEASURES: [&str; 12] = [
        "completed",
        "outcome",
        "score",
        "violations",
        "steps",
        "tool_errors",
        "input_tokens",
        "output_tokens",
        "cost_usd",
        "seconds",
        "status",
        "broken",
    ];
    !MEASURES.contains(&column) && !taken.contains(&column)
}

fn values<'table>(column: &str, table: &'table Table) -> BTreeSet<&'table str> {
    let index = table.sheet.column(column);
    index.map_or_else(BTreeSet::new, |index| {
        table
            .sheet
            .rows
            .iter()
            .map(|row| row.cells[index].as_str())
            .collect()
    })
}
