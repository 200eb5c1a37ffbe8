//! Tables made elsewhere: names and outcomes must be right, measurements are taken where they are what their column says.

use std::collections::HashMap;

use crate::analysis::table::reading::Source;
use crate::analysis::table::{Placed, Reading, Table};
use crate::domain::id::{ArmName, FamilyId, TaskId};
use crate::domain::trial::{TrialRow, Usage};
use crate::error::{Error, Result};
use crate::formats::dataset::SheetRow;

/// Adds the trials of `tables`. All of them together decide whether outcomes are claims or scores, and how attempts are numbered.
///
/// # Errors
/// No task, arm or outcome column; a row without task or arm; an outcome that is neither 0 or 1 nor a score from 0 to 1.
pub fn read<'tables>(
    tables: &[&'tables Table],
    reading: &Reading,
    placed: &mut Vec<Placed<'tables>>,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let views = tables
        .iter()
        .map(|table| View::open(table, reading, warnings))
        .collect::<Result<Vec<_>>>()?;
    let all_are_claims = views.iter().all(View::has_claims);
    let mut attempts = Attempts::of(views.iter().flat_map(View::attempts));
    for view in &views {
        let outcome = view.outcome(all_are_claims, warnings)?;
        for row in &view.rows {
            let attempt = text(view.attempt.as_ref(), row);
            let mut trial = view.trial(row)?;
            outcome.write(row, view.table, &mut trial)?;
            trial.repeat = attempts.number(&attempt);
            let (table, row) = (view.table, *row);
            placed.push(Placed {
                trial,
                table,
                row,
                attempt,
            });
        }
    }
    let is_graded = |it: &Placed<'_>| it.trial.completed.is_some() || it.trial.score.is_some();
    if placed.is_empty() || placed.iter().any(is_graded) {
        return Ok(());
    }
    let fault = Error::input("no row says how its trial came out")
        .mend("an empty outcome means that the trial broke");
    Err(tables
        .first()
        .map_or(fault.clone(), |table| fault.in_file(&table.path)))
}

/// A table, its rows that count, and where our columns are found in it.
struct View<'table> {
    table: &'table Table,
    rows: Vec<&'table SheetRow>,
    task: Source,
    arm: Source,
    family: Option<Source>,
    attempt: Option<Source>,
    completed: Option<Source>,
    score: Option<Source>,
    labels: [Option<Source>; 6],
    wholes: [Option<Source>; 6],
    amounts: [Option<Source>; 2],
}

/// Columns of words that are taken as they stand.
const LABELS: [&str; 6] = ["role", "split", "agent", "model", "grader_digest", "suite"];
/// Columns of whole numbers.
const WHOLES: [&str; 6] = [
    "seed",
    "violations",
    "steps",
    "tool_errors",
    "input_tokens",
    "output_tokens",
];
/// Columns of other numbers.
const AMOUNTS: [&str; 2] = ["cost_usd", "seconds"];

impl<'table> View<'table> {
    fn open(
        table: &'table Table,
        reading: &Reading,
        warnings: &mut Vec<String>,
    ) -> Result<View<'table>> {
        let rows = reading.rows(table)?;
        let source = |name: &str| reading.source(name, table);
        let needed = |name: &str| source(name)?.ok_or_else(|| missing(name, table));
        let (completed, score) = (source("completed")?, source("score")?);
        if completed.is_none() && score.is_none() {
            return Err(missing("completed", table));
        }
        let mut measured =
            |name: &str, fits: fn(&str) -> bool, wanted: &str| -> Result<Option<Source>> {
                let Some(source) = source(name)? else {
                    return Ok(None);
                };
                let odd =
                    |row: &&&SheetRow| !source.text(row).is_empty() && !fits(&source.text(row));
                let Some(row) = rows.iter().find(odd) else {
                    return Ok(Some(source));
                };
                warnings.push(not_read(&source, row, wanted));
                Ok(None)
            };
        let mut wholes = WHOLES.map(|_| None);
        for (slot, name) in wholes.iter_mut().zip(WHOLES) {
            *slot = measured(name, |text| whole(text).is_some(), "a whole number")?;
        }
        let mut amounts = AMOUNTS.map(|_| None);
        for (slot, name) in amounts.iter_mut().zip(AMOUNTS) {
            *slot = measured(name, |text| amount(text).is_some(), "a number from 0")?;
        }
        let mut labels = LABELS.map(|_| None);
        for (slot, name) in labels.iter_mut().zip(LABELS) {
            *slot = source(name)?;
        }
        Ok(View {
            task: needed("task")?,
            arm: needed("arm")?,
            family: source("family")?,
            attempt: source("repeat")?,
            table,
            rows,
            completed,
            score,
            labels,
            wholes,
            amounts,
        })
    }

    fn has_claims(&self) -> bool {
        let is_claim = |text: String| text.is_empty() || claim(&text).is_some();
        self.completed
            .as_ref()
            .is_some_and(|source| self.rows.iter().all(|row| is_claim(source.text(row))))
    }

    fn attempts(&self) -> impl Iterator<Item = String> {
        self.rows.iter().map(|row| text(self.attempt.as_ref(), row))
    }

    /// Which column is compared: `completed` where all tables have one of claims, else the score.
    fn outcome(&self, all_are_claims: bool, warnings: &mut Vec<String>) -> Result<Outcome<'_>> {
        match (&self.completed, &self.score) {
            (Some(completed), score) if all_are_claims => Ok(Outcome {
                completed: Some(completed),
                score: score
                    .as_ref()
                    .filter(|score| self.holds_scores(score, warnings)),
            }),
            (completed, Some(score)) => {
                let odd = completed.as_ref().and_then(|completed| {
                    let row = self
                        .rows
                        .iter()
                        .find(|row| claim(&completed.text(row)).is_none())?;
                    Some(not_read(
                        completed,
                        row,
                        "0 or 1; `score` is compared instead",
                    ))
                });
                warnings.extend(odd);
                Ok(Outcome {
                    completed: None,
                    score: Some(score),
                })
            }
            (Some(completed), None) => Ok(Outcome {
                completed: None,
                score: Some(completed),
            }),
            (None, None) => Err(missing("completed", self.table)),
        }
    }

    fn holds_scores(&self, source: &Source, warnings: &mut Vec<String>) -> bool {
        let odd =
            |row: &&&SheetRow| !source.text(row).is_empty() && score(&source.text(row)).is_none();
        let Some(row) = self.rows.iter().find(odd) else {
            return true;
        };
        warnings.push(not_read(source, row, "a score from 0 to 1"));
        false
    }

    /// Everything but the outcome and the number of the attempt. The family is empty where this row does not say.
    fn trial(&self, row: &SheetRow) -> Result<TrialRow> {
        let named = |source: &Source, what: &str| {
            let text = source.text(row);
            let fault = || {
                let what = format!("column `{}` names no {what} in this row", source.heading);
                self.table
                    .fault(row, what)
                    .mend("every row says its task and its arm: fill the cell, or take the row out")
            };
            if text.is_empty() {
                Err(fault())
            } else {
                Ok(text)
            }
        };
        let task = named(&self.task, "task")?;
        let [role, split, agent, model, grader_digest, suite] = self
            .labels
            .each_ref()
            .map(|source| text(source.as_ref(), row));
        let [seed, violations, ..] = self
            .wholes
            .each_ref()
            .map(|source| whole(&text(source.as_ref(), row)));
        Ok(TrialRow {
            suite: suite.into(),
            family: FamilyId::new(text(self.family.as_ref(), row)),
            task: TaskId::new(task),
            role: role.into(),
            split: split.into(),
            seed,
            arm: ArmName::new(named(&self.arm, "arm")?),
            violations: violations.and_then(|count| u32::try_from(count).ok()),
            usage: self.usage(row),
            agent: agent.into(),
            model: model.into(),
            grader_digest: grader_digest.into(),
            ..TrialRow::default()
        })
    }

    /// What was measured; nothing where nothing was.
    fn usage(&self, row: &SheetRow) -> Option<Usage> {
        let [_, _, steps, tool_errors, input_tokens, output_tokens] = self
            .wholes
            .each_ref()
            .map(|source| whole(&text(source.as_ref(), row)));
        let [cost_usd, seconds] = self
            .amounts
            .each_ref()
            .map(|source| amount(&text(source.as_ref(), row)));
        let count = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
        let usage = Usage {
            steps: count(steps),
            tool_errors: count(tool_errors),
            words_read: None,
            input_tokens,
            output_tokens,
            cache_read_tokens: None,
            cache_write_tokens: None,
            cost_usd,
            seconds,
            lost_answers: None,
        };
        (usage != Usage::default()).then_some(usage)
    }
}

/// Where the outcome of a table is found.
struct Outcome<'view> {
    completed: Option<&'view Source>,
    score: Option<&'view Source>,
}

impl Outcome<'_> {
    fn write(&self, row: &SheetRow, table: &Table, trial: &mut TrialRow) -> Result<()> {
        trial.completed = claim(&text(self.completed, row));
        let cell = text(self.score, row);
        trial.score = score(&cell);
        if let (true, None, Some(source)) = (
            self.completed.is_none() && !cell.is_empty(),
            trial.score,
            self.score,
        ) {
            return Err(no_outcome(source, &cell, row, table));
        }
        if trial.completed.is_none() && trial.score.is_none() {
            trial.broken = Some("no outcome was recorded".to_owned());
        }
        Ok(())
    }
}

fn no_outcome(source: &Source, cell: &str, row: &SheetRow, table: &Table) -> Error {
    let shown: String = cell.chars().take(40).collect();
    let fault = table.fault(
        row,
        format!(
            "column `{}` holds `{shown}`, which is no outcome",
            source.heading
        ),
    );
    match cell.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => fault.mend("a score runs from 0 to 1: divide all of them by the most there is to get"),
        _ => fault.mend("write 1 or 0, true or false, or a score from 0 to 1, and nothing where the trial broke"),
    }
}

fn missing(name: &str, table: &Table) -> Error {
    let what = match name {
        "task" => "this table has no column `task` (or `task_id`)",
        "arm" => "this table has no column `arm`",
        _ => "this table has no column `completed` (or `outcome`) and no column `score`",
    };
    let columns = &table.sheet.columns;
    let mend = match columns.as_slice() {
        [only] if only.contains(';') || only.contains('\t') => {
            "its cells seem to be separated by something else than commas; save it with commas"
                .to_owned()
        }
        _ => format!(
            "name the column with `--map {name}=COLUMN`; there are {}",
            columns.join(", ")
        ),
    };
    Error::input(what).in_file(&table.path).at(1, 1).mend(mend)
}

fn not_read(source: &Source, row: &SheetRow, wanted: &str) -> String {
    let cell: String = source.text(row).chars().take(40).collect();
    format!(
        "column `{}` is not read: line {} holds `{cell}`, not {wanted}",
        source.heading, row.line
    )
}

fn text(source: Option<&Source>, row: &SheetRow) -> String {
    source.map_or_else(String::new, |source| source.text(row))
}

/// Yes or no, written as a word or a number.
fn claim(text: &str) -> Option<bool> {
    match text.trim() {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        number => match number.parse::<f64>() {
            Ok(1.0) => Some(true),
            Ok(0.0) => Some(false),
            _ => None,
        },
    }
}

fn score(text: &str) -> Option<f64> {
    match claim(text) {
        Some(claim) => Some(f64::from(u8::from(claim))),
        None => text
            .trim()
            .parse()
            .ok()
            .filter(|score| (0.0..=1.0).contains(score)),
    }
}

/// A whole number, which a spreadsheet may have given a decimal point.
fn whole(text: &str) -> Option<u64> {
    let text = text.trim();
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

fn amount(text: &str) -> Option<f64> {
    text.trim()
        .parse()
        .ok()
        .filter(|amount| (0.0..f64::INFINITY).contains(amount))
}

/// Numbers for the attempts: their own where all are whole numbers, else in order of first appearance.
struct Attempts {
    numbers: HashMap<String, u32>,
}

impl Attempts {
    fn of(words: impl Iterator<Item = String>) -> Attempts {
        let mut numbers = HashMap::new();
        let mut all_are_numbers = true;
        for word in words {
            let next = numbers.len() as u32;
            all_are_numbers &= word.parse::<u32>().is_ok();
            numbers.entry(word).or_insert(next);
        }
        if all_are_numbers {
            for (word, number) in &mut numbers {
                *number = word.parse().unwrap_or(*number);
            }
        }
        Attempts { numbers }
    }

    fn number(&mut self, word: &str) -> u32 {
        self.numbers.get(word).copied().unwrap_or(0)
    }
}
