//! Tables we wrote ourselves: every column present, every cell meant.

use std::str::FromStr;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::analysis::table::{Placed, Reading, Table};
use crate::domain::id::{ArmName, FamilyId, LearningId, TaskId};
use crate::domain::trial::{TrialRow, Usage};
use crate::error::Result;
use crate::formats::dataset::SheetRow;

/// Adds the trials of `table`, which has all our columns.
///
/// # Errors
/// A cell that its column cannot hold.
pub fn read<'tables>(
    table: &'tables Table,
    reading: &Reading,
    placed: &mut Vec<Placed<'tables>>,
) -> Result<()> {
    for row in reading.rows(table)? {
        let trial = Line { table, row }.trial()?;
        let attempt = trial.repeat.to_string();
        placed.push(Placed {
            trial,
            table,
            row,
            attempt,
        });
    }
    Ok(())
}

struct Line<'table> {
    table: &'table Table,
    row: &'table SheetRow,
}

impl Line<'_> {
    fn trial(&self) -> Result<TrialRow> {
        let score: Option<f64> = self.number("score")?;
        if score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
            return Err(self.wrong("score", "a score from 0 to 1"));
        }
        Ok(TrialRow {
            run: self.text("run"),
            suite: self.text("suite"),
            task: TaskId::new(self.name("task")?),
            family: FamilyId::new(self.name("family")?),
            role: self.text("role"),
            split: self.text("split"),
            repeat: self.number("repeat")?.unwrap_or(0),
            seed: self.number("seed")?,
            arm: ArmName::new(self.name("arm")?),
            budget: self.number("budget")?,
            pair: self.number("pair")?,
            half: self.word("half")?,
            memory_digest: self.text("memory_digest"),
            learnings: self.names("learnings")?,
            completed: self.parsed("completed", "`true` or `false`")?,
            score,
            violations: self.number("violations")?,
            stop: self.word("stop")?,
            broken: Some(self.cell("broken").to_owned()).filter(|text| !text.is_empty()),
            criteria: self
                .list("criteria", "a JSON array of names and outcomes")?
                .into(),
            usage: self.usage()?,
            judge: self.judge()?,
            eligible: self.names("eligible")?,
            surfaced: self.names("surfaced")?,
            opened: self.names("opened")?,
            followed: self.names("followed")?,
            agent: self.text("agent"),
            model: self.text("model"),
            grader_digest: self.text("grader_digest"),
            transcript: self.text("transcript"),
        })
    }

    fn usage(&self) -> Result<Option<Usage>> {
        let usage = Usage {
            steps: self.number("steps")?,
            tool_errors: self.number("tool_errors")?,
            words_read: self.number("words_read")?,
            input_tokens: self.number("input_tokens")?,
            output_tokens: self.number("output_tokens")?,
            cache_read_tokens: self.number("cache_read_tokens")?,
            cache_write_tokens: self.number("cache_write_tokens")?,
            cost_usd: self.amount("cost_usd")?,
            seconds: self.amount("seconds")?,
            lost_answers: None,
        };
        Ok((usage != Usage::default()).then_some(usage))
    }

    fn judge(&self) -> Result<Option<Usage>> {
        let usage = Usage {
            input_tokens: self.number("judge_input_tokens")?,
            output_tokens: self.number("judge_output_tokens")?,
            cost_usd: self.amount("judge_cost_usd")?,
            ..Usage::default()
        };
        Ok((usage != Usage::default()).then_some(usage))
    }

    fn cell(&self, column: &str) -> &str {
        self.table
            .sheet
            .column(column)
            .map_or("", |index| self.row.cells[index].as_str())
    }

    fn text(&self, column: &str) -> Arc<str> {
        self.cell(column).into()
    }

    fn name(&self, column: &str) -> Result<&str> {
        match self.cell(column) {
            "" => Err(self.wrong(column, "a name")),
            text => Ok(text),
        }
    }

    fn number<T: FromStr>(&self, column: &str) -> Result<Option<T>> {
        self.parsed(column, "a number its column can hold")
    }

    fn amount(&self, column: &str) -> Result<Option<f64>> {
        let amount: Option<f64> = self.number(column)?;
        match amount {
            Some(amount) if !amount.is_finite() => {
                Err(self.wrong(column, "a number its column can hold"))
            }
            _ => Ok(amount),
        }
    }

    fn parsed<T: FromStr>(&self, column: &str, wanted: &str) -> Result<Option<T>> {
        match self.cell(column) {
            "" => Ok(None),
            cell => cell
                .parse()
                .map(Some)
                .map_err(|_| self.wrong(column, wanted)),
        }
    }

    fn word<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        match self.cell(column) {
            "" => Ok(None),
            cell => serde_json::from_value(cell.into())
                .map(Some)
                .map_err(|_| self.wrong(column, "a word of ours")),
        }
    }

    fn names(&self, column: &str) -> Result<Vec<LearningId>> {
        self.list(column, "a JSON array of ids")
    }

    fn list<T: DeserializeOwned>(&self, column: &str, wanted: &str) -> Result<Vec<T>> {
        match self.cell(column) {
            "" => Ok(Vec::new()),
            cell => serde_json::from_str(cell).map_err(|_| self.wrong(column, wanted)),
        }
    }

    fn wrong(&self, column: &str, wanted: &str) -> crate::error::Error {
        let cell: String = self.cell(column).chars().take(40).collect();
        self.table
            .fault(self.row, format!("column `{column}` holds `{cell}`, not {wanted}"))
            .mend("this table has all columns of ours, so each must hold what we write; was it edited?")
    }
}
