//! The door to Polars: trials as a frame with a declared schema, Parquet and CSV out, Parquet in, rows grouped and counted.
//!
//! No Polars type leaves this file. CSV is read by `formats::dataset`, which repairs nothing. Floating sums are not made here
//! but by the caller in plan order, so that no bit depends on how a frame was split.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use polars::prelude::{
    AnyValue, ArrowDataType, Column, DataFrame, Expr, IntoColumn, IntoLazy, IntoSeries,
    ListBuilderTrait, ListStringChunkedBuilder, PolarsResult, col, len, lit,
};
use polars_io::parquet::read::{ParallelStrategy, ParquetReader, infer_schema};
use polars_io::parquet::write::{ParquetCompression, ParquetWriter, StatisticsOptions};
use polars_io::prelude::CsvWriter;
use polars_io::{SerReader, SerWriter};

use crate::domain::id::LearningId;
use crate::domain::trial::{TrialRow, Usage};
use crate::error::{Error, Result};
use crate::formats::dataset::{Sheet, SheetRow};

/// Rows in a Parquet row group. Part of the format: another number gives other bytes.
const ROW_GROUP: usize = 65_536;

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
const COLUMNS: [(&str, Cells); 36] = [
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
    (
        "steps",
        Cells::Count(|row| used(row, |usage| Some(usage.steps))),
    ),
    (
        "tool_errors",
        Cells::Count(|row| used(row, |usage| Some(usage.tool_errors))),
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
        Cells::Count(|row| used(row, |usage| Some(usage.words_read))),
    ),
    // memory use
    ("eligible", Cells::Names(|row| &row.eligible)),
    ("surfaced", Cells::Names(|row| &row.surfaced)),
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
        let mut frame = frame(rows, false)?;
        ParquetWriter::new(bytes)
            .with_compression(ParquetCompression::Zstd(None))
            .with_statistics(statistics)
            .with_row_group_size(Some(ROW_GROUP))
            .set_parallel(false)
            .finish(&mut frame)?;
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

/// A Parquet file as text cells, and the columns it could not be read for.
#[derive(Debug, Clone, PartialEq)]
pub struct ParquetSheet {
    /// Every readable column; numbers in their shortest form, lists as JSON, empty where null. Lines count rows from 1.
    pub sheet: Sheet,
    /// Columns left out and the type that cannot be read.
    pub unread: Vec<(String, String)>,
}

/// Reads any Parquet file: columns of text, numbers, claims and lists of those.
///
/// # Errors
/// The bytes are not a whole Parquet file.
pub fn read_parquet(bytes: &[u8], path: &Path) -> Result<ParquetSheet> {
    let unreadable = |cause: String| {
        Error::input("this Parquet file cannot be read")
            .in_file(path)
            .because(cause)
            .mend("was it cut short? write it anew, or give the table as CSV")
    };
    // The reader trusts offsets found in the file, so a damaged one can make it panic; that is the file's fault, not a bug.
    match catch_unwind(AssertUnwindSafe(|| parquet_cells(bytes))) {
        Ok(Ok(sheet)) => Ok(sheet),
        Ok(Err(fault)) => Err(unreadable(fault.to_string())),
        Err(_) => Err(unreadable("its parts contradict each other".to_owned())),
    }
}

fn parquet_cells(bytes: &[u8]) -> PolarsResult<ParquetSheet> {
    let mut reader = ParquetReader::new(Cursor::new(bytes)).read_parallel(ParallelStrategy::None);
    let mut metadata = reader.get_metadata()?.as_ref().clone();
    // The writer's own schema may ask for types this build lacks, such as categories, where the stored cells are plain text.
    metadata.key_value_metadata = None;
    let schema = infer_schema(&metadata)?;
    let mut unread = Vec::new();
    let mut readable = Vec::new();
    for (index, field) in schema.iter_values().enumerate() {
        if is_readable(&field.dtype) {
            readable.push(index);
        } else {
            unread.push((field.name.to_string(), format!("{:?}", field.dtype)));
        }
    }
    let mut reader = ParquetReader::new(Cursor::new(bytes))
        .read_parallel(ParallelStrategy::None)
        .with_projection(Some(readable));
    reader.set_metadata(Arc::new(metadata));
    let frame = reader.finish()?;
    let columns: Vec<String> = frame
        .columns()
        .iter()
        .map(|it| it.name().to_string())
        .collect();
    let mut rows: Vec<SheetRow> = (1..=frame.height())
        .map(|line| SheetRow {
            line,
            cells: Vec::with_capacity(columns.len()),
        })
        .collect();
    for column in frame.columns() {
        let series = column.as_materialized_series();
        for (row, value) in rows.iter_mut().zip(series.rechunk().iter()) {
            row.cells.push(cell_text(&value));
        }
    }
    Ok(ParquetSheet {
        sheet: Sheet { columns, rows },
        unread,
    })
}

fn is_readable(kind: &ArrowDataType) -> bool {
    match kind {
        ArrowDataType::Boolean
        | ArrowDataType::Int32
        | ArrowDataType::Int64
        | ArrowDataType::UInt32
        | ArrowDataType::UInt64
        | ArrowDataType::Float32
        | ArrowDataType::Float64
        | ArrowDataType::Utf8
        | ArrowDataType::LargeUtf8
        | ArrowDataType::Utf8View => true,
        ArrowDataType::List(field) | ArrowDataType::LargeList(field) => is_readable(&field.dtype),
        _ => false,
    }
}

/// A cell as text that reads back to the same value; empty where null.
fn cell_text(value: &AnyValue<'_>) -> String {
    match value {
        AnyValue::Null => String::new(),
        AnyValue::String(text) => (*text).to_owned(),
        AnyValue::StringOwned(text) => text.to_string(),
        AnyValue::Boolean(claim) => claim.to_string(),
        AnyValue::Float32(number) => number.to_string(),
        AnyValue::Float64(number) => number.to_string(),
        AnyValue::List(items) => {
            let items: Vec<String> = items.iter().map(|item| cell_text(&item)).collect();
            json_text(&items).unwrap_or_default()
        }
        whole => whole
            .extract::<i128>()
            .map(|it| it.to_string())
            .unwrap_or_default(),
    }
}

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
            ",,a,a,,,0,,bare,,,,,,,,,,,,,,,,,,,,,\"[\"\"n-1\"\",\"\"n-2\"\"]\",,,,,,\n"
        );
    }

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

    #[test]
    fn a_parquet_file_cut_short_is_an_error_and_no_panic() {
        let bytes = to_parquet(&[trial("a", "bare", Some(true))]).unwrap();
        for length in [0, 3, 4, 8, bytes.len() / 2, bytes.len() - 1] {
            let error = read_parquet(&bytes[..length], Path::new("t.parquet")).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with("error: this Parquet file cannot be read\n  --> t.parquet\n")
            );
        }
    }
}
