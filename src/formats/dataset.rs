//! Comma-separated tables, read strictly: nothing is repaired, every fault names its line.

use std::path::Path;

use crate::error::{Error, Result, count};

/// A table of text cells under a header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Column names, each once, in order.
    pub columns: Vec<String>,
    /// The rows, each as long as the header.
    pub rows: Vec<SheetRow>,
}

/// One row and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetRow {
    /// Line of the file, from 1.
    pub line: usize,
    /// The cells; empty text where nothing was written.
    pub cells: Vec<String>,
}

impl Sheet {
    /// The index of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}

/// Longest cell accepted, in bytes: longer ones are a sign that a quote was never closed.
const LONGEST_CELL: usize = 1 << 20;

/// Reads a table from the bytes of a CSV file.
///
/// # Errors
/// No header, a name twice or empty in it, a row of another length, text that is not UTF-8, a NUL byte, a quote that
/// is never closed, a cell over 1 MiB.
pub fn read_sheet(bytes: &[u8], path: &Path) -> Result<Sheet> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    check_text(bytes, path)?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let columns: Vec<String> = reader
        .headers()
        .map_err(|fault| unreadable(&fault, path))?
        .iter()
        .map(|name| name.trim().to_owned())
        .collect();
    check_header(&columns, path)?;
    let mut sheet = Sheet {
        columns,
        rows: Vec::new(),
    };
    let (mut line, mut counted) = (1, 0);
    for record in reader.records() {
        let record = record.map_err(|fault| unreadable(&fault, path))?;
        // The reader puts a row's beginning before the line end of the row above it, or before blank lines.
        let begins = record.position().map_or(counted, |it| it.byte() as usize);
        let begins = begins.min(bytes.len());
        let blank = bytes[begins..].iter();
        let blank = blank.take_while(|it| b"\r\n".contains(it)).count();
        line += line_of(&bytes[counted..], begins + blank - counted) - 1;
        counted = begins + blank;
        if record.len() != sheet.columns.len() {
            return Err(Error::input(format!(
                "this row has {}, the header has {}",
                count(record.len(), "cell"),
                sheet.columns.len()
            ))
            .in_file(path)
            .at(line, 1)
            .mend(
                "was the file cut short, or is a comma inside a cell without quotes around it?",
            ));
        }
        if record.iter().any(|cell| cell.len() > LONGEST_CELL) {
            return Err(Error::input("a cell of this row is longer than 1 MiB")
                .in_file(path)
                .at(line, 1)
                .mend("look for a quote that is never closed"));
        }
        sheet.rows.push(SheetRow {
            line,
            cells: record.iter().map(str::to_owned).collect(),
        });
    }
    Ok(sheet)
}

fn check_text(bytes: &[u8], path: &Path) -> Result<()> {
    if let Err(fault) = std::str::from_utf8(bytes) {
        return Err(Error::input("this table is not UTF-8 text")
            .in_file(path)
            .at(line_of(bytes, fault.valid_up_to()), 1)
            .mend("save it as UTF-8; spreadsheets call it `CSV UTF-8`"));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(
            Error::input("this table holds a NUL byte, so it is not text")
                .in_file(path)
                .at(line_of(bytes, at), 1)
                .mend("write it anew as CSV or Parquet"),
        );
    }
    if bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1
        && let Some(at) = bytes.iter().rposition(|byte| *byte == b'"')
    {
        return Err(Error::input("a quote of this table is opened and never closed")
            .in_file(path)
            .at(line_of(bytes, at), 1)
            .mend("was the file cut short? a quote that belongs to a cell is written twice, and the cell put in quotes"));
    }
    Ok(())
}

/// A table as the text of a CSV file.
///
/// # Errors
/// A bug of ours: a row of another length than the header.
pub fn write_sheet(columns: &[&str], rows: &[Vec<String>]) -> Result<String> {
    let unwritable = |fault: String| Error::bug("a table could not be written").because(fault);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(columns)
        .map_err(|it| unwritable(it.to_string()))?;
    for row in rows {
        writer
            .write_record(row)
            .map_err(|it| unwritable(it.to_string()))?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|it| unwritable(it.to_string()))?;
    String::from_utf8(bytes).map_err(|it| unwritable(it.to_string()))
}

fn check_header(columns: &[String], path: &Path) -> Result<()> {
    if columns.iter().all(String::is_empty) {
        return Err(Error::input("this table is empty: it has no header")
            .in_file(path)
            .mend("the first line names the columns, such as `task,arm,completed`"));
    }
    for (index, name) in columns.iter().enumerate() {
        let what = if name.is_empty() {
            format!("column {} of the header has no name", index + 1)
        } else if columns[..index].contains(name) {
            format!("the header names column `{name}` twice")
        } else {
            continue;
        };
        return Err(Error::input(what)
            .in_file(path)
            .at(1, 1)
            .mend("give each column its own name"));
    }
    Ok(())
}

fn unreadable(fault: &csv::Error, path: &Path) -> Error {
    let line = fault.position().map_or(1, |it| it.line() as usize);
    Error::input("this table cannot be read")
        .in_file(path)
        .at(line, 1)
        .because(fault)
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_under_their_header_with_their_line() {
        let sheet = read_sheet(b"task,arm\na,\"x, y\"\n", Path::new("t.csv")).unwrap();
        assert_eq!(sheet.columns, ["task", "arm"]);
        assert_eq!(
            sheet.rows,
            [SheetRow {
                line: 2,
                cells: vec!["a".into(), "x, y".into()]
            }]
        );
    }

    #[test]
    fn lines_are_those_an_editor_shows() {
        let lines = |text: &str| -> Vec<usize> {
            let sheet = read_sheet(text.as_bytes(), Path::new("t.csv")).unwrap();
            sheet.rows.iter().map(|it| it.line).collect()
        };
        assert_eq!(lines("a,b\r\n1,2\r\n3,\"x\r\ny\"\r\n5,6\r\n"), [2, 3, 5]);
        assert_eq!(lines("\u{feff}a,b\n1,2\n\n\n3,4\n"), [2, 5]);
    }

    #[test]
    fn a_row_cut_short_is_an_error_with_its_line() {
        let error = read_sheet(b"task,arm,completed\na,b,1\na\n", Path::new("t.csv")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "error: this row has 1 cell, the header has 3\n  --> t.csv:3:1\n\n\
             hint: was the file cut short, or is a comma inside a cell without quotes around it?"
        );
    }
}
