//! Parquet files of any origin read as text cells.

use std::cell::Cell;
use std::io::Cursor;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Once};

use polars::prelude::{AnyValue, ArrowDataType, PolarsResult};
use polars_io::SerReader;
use polars_io::parquet::read::{ParallelStrategy, ParquetReader, infer_schema};

use crate::analysis::frames::json_text;
use crate::error::{Error, Result};
use crate::formats::dataset::{Sheet, SheetRow};

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
    let sheet = match quietly(|| parquet_cells(bytes)) {
        Some(Ok(sheet)) => sheet,
        Some(Err(fault)) => return Err(unreadable(fault.to_string())),
        None => return Err(unreadable("its parts contradict each other".to_owned())),
    };
    if sheet.sheet.columns.is_empty() {
        return Err(Error::input("no column of this Parquet file can be read")
            .in_file(path)
            .mend("write its columns as text, numbers, or true and false"));
    }
    Ok(sheet)
}

thread_local! {
    /// Whether a panic of this thread is expected and goes unreported.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` when it panicked, of which nobody is told.
///
/// The reader trusts offsets it finds in a file, so that a damaged one can make it panic. That is a fault of the file, not a bug.
fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                report(panic);
            }
        }));
    });
    IS_QUIET.set(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    IS_QUIET.set(false);
    done.ok()
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
pub(super) fn cell_text(value: &AnyValue<'_>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::frames::to_parquet;
    use crate::analysis::samples::trial;

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
