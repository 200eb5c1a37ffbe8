//! Rows grouped and counted, in whole numbers.

use polars::prelude::{Column, DataFrame, Expr, IntoLazy, PolarsResult, col, len, lit};

use crate::analysis::frames::json_word;
use crate::analysis::frames::parquet::cell_text;
use crate::domain::trial::TrialRow;
use crate::error::{Error, Result};

/// What rows are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The arm.
    Arm,
    /// The task.
    Task,
    /// The family.
    Family,
    /// Why attempts ended.
    Stop,
}

/// Counts over one group of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// What the rows have in common, in the order asked for; empty where unknown.
    pub keys: Vec<String>,
    /// Rows.
    pub trials: u32,
    /// Rows that say how the trial came out; the others broke.
    pub graded: u32,
    /// Rows that completed.
    pub completed: u32,
    /// Rows with a violation.
    pub trials_with_violations: u32,
    /// Violations in all.
    pub violations: u32,
}

/// Counts rows by group, groups in order of first appearance.
///
/// # Errors
/// Only when counting itself fails, which is a bug of ours.
pub fn tally(rows: &[&TrialRow], by: &[By]) -> Result<Vec<Tally>> {
    count(rows, by).map_err(|fault| Error::bug("the trials could not be counted").because(fault))
}

fn count(rows: &[&TrialRow], by: &[By]) -> PolarsResult<Vec<Tally>> {
    let keys = ["key0", "key1", "key2"];
    let mut columns: Vec<Column> = keys
        .iter()
        .zip(by)
        .map(|(name, by)| key_column(name, *by, rows))
        .collect();
    let graded = |row: &&TrialRow| row.completed.is_some() || row.score.is_some();
    columns.push(Column::new(
        "graded".into(),
        rows.iter().map(graded).collect::<Vec<_>>(),
    ));
    columns.push(Column::new(
        "completed".into(),
        rows.iter().map(|row| row.completed).collect::<Vec<_>>(),
    ));
    columns.push(Column::new(
        "violations".into(),
        rows.iter().map(|row| row.violations).collect::<Vec<_>>(),
    ));
    let by_keys: Vec<Expr> = keys.iter().take(by.len()).map(|name| col(*name)).collect();
    let frame = DataFrame::new(rows.len(), columns)?
        .lazy()
        .group_by_stable(by_keys)
        .agg([
            len().alias("trials"),
            col("graded").sum(),
            col("completed").sum(),
            col("violations").gt(lit(0)).sum().alias("breached"),
            col("violations").sum(),
        ])
        .collect()?;
    let number = |name: &str, row: usize| -> PolarsResult<u32> {
        Ok(frame.column(name)?.get(row)?.extract::<u32>().unwrap_or(0))
    };
    let tally = |row: usize| -> PolarsResult<Tally> {
        let keys = frame.columns().iter().take(by.len());
        Ok(Tally {
            keys: keys
                .map(|key| Ok(cell_text(&key.get(row)?)))
                .collect::<PolarsResult<_>>()?,
            trials: number("trials", row)?,
            graded: number("graded", row)?,
            completed: number("completed", row)?,
            trials_with_violations: number("breached", row)?,
            violations: number("violations", row)?,
        })
    };
    (0..frame.height()).map(tally).collect()
}

fn key_column(name: &str, by: By, rows: &[&TrialRow]) -> Column {
    let words =
        |word: fn(&TrialRow) -> &str| -> Vec<&str> { rows.iter().map(|row| word(row)).collect() };
    match by {
        By::Arm => Column::new(name.into(), words(|row| row.arm.as_str())),
        By::Task => Column::new(name.into(), words(|row| row.task.as_str())),
        By::Family => Column::new(name.into(), words(|row| row.family.as_str())),
        By::Stop => {
            let stops: Vec<_> = rows
                .iter()
                .map(|row| row.stop.and_then(|stop| json_word(&stop)))
                .collect();
            Column::new(name.into(), stops)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::samples::trial;

    #[test]
    fn rows_are_counted_by_group_in_order_of_appearance() {
        let breach = TrialRow {
            violations: Some(2),
            ..trial("b", "bare", Some(true))
        };
        let rows = [
            trial("a", "dreamed", Some(false)),
            breach,
            trial("a", "dreamed", None),
        ];
        let counts = tally(&rows.iter().collect::<Vec<_>>(), &[By::Arm, By::Task]).unwrap();
        let group = |keys: [&str; 2],
                     [
            trials,
            graded,
            completed,
            trials_with_violations,
            violations,
        ]: [u32; 5]| Tally {
            keys: keys.map(str::to_owned).to_vec(),
            trials,
            graded,
            completed,
            trials_with_violations,
            violations,
        };
        assert_eq!(
            counts,
            [
                group(["dreamed", "a"], [2, 1, 0, 0, 0]),
                group(["bare", "b"], [1, 1, 1, 1, 2])
            ]
        );
    }

    #[test]
    fn nothing_is_counted_as_nothing() {
        assert_eq!(tally(&[], &[By::Stop]).unwrap(), []);
    }
}
