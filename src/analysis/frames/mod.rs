//! The door to Polars: trials as a frame with a declared schema, Parquet and CSV out, Parquet in, rows grouped and counted.
//!
//! No Polars type leaves this folder. CSV is read by `formats::dataset`, which repairs nothing. Floating sums are not made here
//! but by the caller in plan order, so that no bit depends on how a frame was split.

mod counts;
mod parquet;

use polars::prelude::{
    Column, DataFrame, IntoColumn, IntoSeries, ListBuilderTrait, ListStringChunkedBuilder,
    PolarsResult,
};
use polars_io::SerWriter;
use polars_io::parquet::write::{ParquetCompression, ParquetWriter, StatisticsOptions};
use polars_io::prelude::CsvWriter;

use crate::domain::id::LearningId;
use crate::domain::trial::{TrialRow, Usage};
use crate::error::{Error, Result};

pub use counts::{By, Tally, tally};
pub use parquet::{ParquetSheet, read_parquet};

/// Rows in a Parquet row group. Part of the format: another number gives other bytes.
const ROW_GROUP: usize = 16_384;

/// A column of `trials.parquet` and how its cells are found in a row; null where the row does not know.
enum Cells {
    Text(fn(&TrialRow) -> Option<&str>),
    Words(fn(&TrialRow) -> Option<String>),
    Claim(fn(&TrialRow) -> Option<bool>),
    Count(fn(&TrialRow) -> Option<u32>),
    Wide(fn(&TrialRow) -> Option<u64>),
    Number(fn(&TrialRow) -> Option<f64>),
    Names(fn(&TrialRow) -> &[LearningId]),
}

/// The columns of `trials.parquet`, in their groups.
const COLUMNS: [(&str, Cells); 40] = [
    // identity
    ("run", Cells::Text(|row| known(&row.run))),
    ("suite", Cells::Text(|row| known(&row.suite))),
    ("task", Cells::Text(|row| Some(row.task.as_str()))),
    ("family", Cells::Text(|row| Some(row.family.as_str()))),
    ("role", Cells::Text(|row| known(&row.role))),
    ("split", Cells::Text(|row| known(&row.split))),
    ("repeat", Cells::Count(|row| Some(row.repeat))),
    ("seed", Cells::Wide(|row| row.seed)),
    // arm
    ("arm", Cells::Text(|row| Some(row.arm.as_str()))),
    ("budget", Cells::Count(|row| row.budget)),
    ("pair", Cells::Count(|row| row.pair)),
    (
        "half",
        Cells::Words(|row| row.half.and_then(|half| json_word(&half))),
    ),
    (
        "memory_digest",
        Cells::Text(|row| known(&row.memory_digest)),
    ),
    ("learnings", Cells::Names(|row| &row.learnings)),
    // outcome
    ("completed", Cells::Claim(|row| row.completed)),
    ("score", Cells::Number(|row| row.score)),
    ("violations", Cells::Count(|row| row.violations)),
    (
        "stop",
        Cells::Words(|row| row.stop.and_then(|stop| json_word(&stop))),
    ),
    ("broken", Cells::Text(|row| row.broken.as_deref())),
    ("criteria", Cells::Words(|row| json_text(&row.criteria))),
    // cost
    ("steps", Cells::Count(|row| used(row, |usage| usage.steps))),
    (
        "tool_errors",
        Cells::Count(|row| used(row, |usage| usage.tool_errors)),
    ),
    (
        "input_tokens",
        Cells::Wide(|row| used(row, |usage| usage.input_tokens)),
    ),
    (
        "output_tokens",
        Cells::Wide(|row| used(row, |usage| usage.output_tokens)),
    ),
    (
        "cache_read_tokens",
        Cells::Wide(|row| used(row, |usage| usage.cache_read_tokens)),
    ),
    (
        "cache_write_tokens",
        Cells::Wide(|row| used(row, |usage| usage.cache_write_tokens)),
    ),
    (
        "cost_usd",
        Cells::Number(|row| used(row, |usage| usage.cost_usd)),
    ),
    (
        "seconds",
        Cells::Number(|row| used(row, |usage| usage.seconds)),
    ),
    (
        "words_read",
        Cells::Count(|row| used(row, |usage| usage.words_read)),
    ),
    (
        "judge_input_tokens",
        Cells::Wide(|row| row.judge?.input_tokens),
    ),
    (
        "judge_output_tokens",
        Cells::Wide(|row| row.judge?.output_tokens),
    ),
    ("judge_cost_usd", Cells::Number(|row| row.judge?.cost_usd)),
    // memory use
    ("eligible", Cells::Names(|row| &row.eligible)),
    ("surfaced", Cells::Names(|row| &row.surfaced)),
    ("opened", Cells::Names(|row| &row.opened)),
    ("followed", Cells::Names(|row| &row.followed)),
    // provenance
    ("agent", Cells::Text(|row| known(&row.agent))),
    ("model", Cells::Text(|row| known(&row.model))),
    (
        "grader_digest",
        Cells::Text(|row| known(&row.grader_digest)),
    ),
    ("transcript", Cells::Text(|row| known(&row.transcript))),
];

/// The names of the columns of a table of trials written by us, in order.
pub fn column_names() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|(name, _)| *name)
}

/// The rows as a Parquet file. The same rows give the same bytes.
///
/// # Errors
/// Only when the writer fails on memory, which is a bug of ours.
pub fn to_parquet(rows: &[TrialRow]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let statistics = StatisticsOptions {
        min_value: true,
        max_value: true,
        distinct_count: false,
        null_count: true,
        binary_statistics_truncate_length: Some(64),
    };
    let write = |bytes: &mut Vec<u8>| -> PolarsResult<()> {
        let mut writer = ParquetWriter::new(bytes)
            .with_compression(ParquetCompression::Zstd(None))
            .with_statistics(statistics)
            .set_parallel(false)
            .batched(frame(&[], false)?.schema())?;
        // One frame for each row group, so that memory does not grow with the rows.
        for rows in rows.chunks(ROW_GROUP) {
            writer.write_batch(&frame(rows, false)?)?;
        }
        writer.finish()?;
        Ok(())
    };
    write(&mut bytes).map_err(|fault| unwritable("Parquet", &fault))?;
    Ok(bytes)
}

/// The rows as a CSV file; lists are JSON arrays of text, and what is not known is an empty cell.
///
/// # Errors
/// Only when the writer fails on memory, which is a bug of ours.
pub fn to_csv(rows: &[TrialRow]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let write = |bytes: &mut Vec<u8>| -> PolarsResult<()> {
        let mut frame = frame(rows, true)?;
        CsvWriter::new(bytes).n_threads(1).finish(&mut frame)
    };
    write(&mut bytes).map_err(|fault| unwritable("CSV", &fault))?;
    Ok(bytes)
}

fn unwritable(shape: &str, fault: &impl ToString) -> Error {
    Error::bug(format!("the trials could not be written as {shape}")).because(fault.to_string())
}

fn frame(rows: &[TrialRow], lists_as_text: bool) -> PolarsResult<DataFrame> {
    let columns = COLUMNS
        .iter()
        .map(|(name, cells)| column(name, cells, rows, lists_as_text));
    DataFrame::new(rows.len(), columns.collect())
}

fn column(name: &str, cells: &Cells, rows: &[TrialRow], lists_as_text: bool) -> Column {
    let name = name.into();
    match cells {
        Cells::Text(cell) => Column::new(name, rows.iter().map(cell).collect::<Vec<_>>()),
        Cells::Words(cell) => Column::new(name, rows.iter().map(cell).collect::<Vec<_>>()),
        Cells::Claim(cell) => Column::new(name, rows.iter().map(cell).collect::<Vec<_>>()),
        Cells::Count(cell) => Column::new(name, rows.iter().map(cell).collect::<Vec<_>>()),
        Cells::Wide(cell) => Column::new(name, rows.iter().map(cell).collect::<Vec<_>>()),
        Cells::Number(cell) => Column::new(name, rows.iter().map(cell).collect::<Vec<_>>()),
        Cells::Names(cell) if lists_as_text => Column::new(
            name,
            rows.iter()
                .map(|row| json_text(cell(row)))
                .collect::<Vec<_>>(),
        ),
        Cells::Names(cell) => {
            let mut lists = ListStringChunkedBuilder::new(name, rows.len(), rows.len());
            for row in rows {
                lists.append_values_iter(cell(row).iter().map(LearningId::as_str));
            }
            lists.finish().into_series().into_column()
        }
    }
}

fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn used<T>(row: &TrialRow, part: fn(&Usage) -> Option<T>) -> Option<T> {
    row.usage.as_ref().and_then(part)
}

/// The word a plain enum is written as.
fn json_word(value: &impl serde::Serialize) -> Option<String> {
    Some(serde_json::to_value(value).ok()?.as_str()?.to_owned())
}

/// A list as JSON; `None` when it is empty.
fn json_text<T: serde::Serialize>(list: &[T]) -> Option<String> {
    (!list.is_empty()).then(|| serde_json::to_string(list).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::samples::trial;

    #[test]
    fn the_same_rows_give_the_same_bytes() {
        let rows = [trial("a", "bare", Some(true)), trial("b", "bare", None)];
        assert_eq!(to_parquet(&rows).unwrap(), to_parquet(&rows).unwrap());
    }

    #[test]
    fn null_is_not_zero_and_lists_are_json() {
        let row = TrialRow {
            eligible: vec![LearningId::new("n-1"), LearningId::new("n-2")],
            ..trial("a", "bare", None)
        };
        let csv = String::from_utf8(to_csv(&[row]).unwrap()).unwrap();
        let (header, cells) = csv.split_once('\n').unwrap();
        assert!(header.starts_with("run,suite,task,family,role,split,repeat,seed,arm,"));
        assert_eq!(
            cells,
            ",,a,a,,,0,,bare,,,,,,,,,,,,,,,,,,,,,,,,\"[\"\"n-1\"\",\"\"n-2\"\"]\",,,,,,,\n"
        );
    }
}
