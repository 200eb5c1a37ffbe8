//! How a table made elsewhere is to be read: which of its columns stand for which of ours, and which of its rows count.

use crate::analysis::table::Table;
use crate::error::{Error, Result, did_you_mean};
use crate::formats::dataset::SheetRow;

/// Columns that tables made elsewhere may have, each with the other names it is known by.
const KNOWN: [(&str, &[&str]); 20] = [
    ("task", &["task_id"]),
    ("arm", &[]),
    ("family", &["cluster"]),
    ("role", &[]),
    ("split", &[]),
    ("repeat", &["trial"]),
    ("seed", &[]),
    ("completed", &["outcome"]),
    ("score", &[]),
    ("violations", &[]),
    ("steps", &[]),
    ("tool_errors", &[]),
    ("input_tokens", &[]),
    ("output_tokens", &[]),
    ("cost_usd", &[]),
    ("seconds", &[]),
    ("agent", &[]),
    ("model", &[]),
    ("grader_digest", &[]),
    ("suite", &[]),
];

/// What `--map` and `--where` say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    map: Vec<(String, String)>,
    only: Vec<(String, String)>,
}

/// The cells of a table that make up one of our columns, joined by `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What it is called there, parts joined by `+`.
    pub heading: String,
    cells: Vec<usize>,
}

impl Source {
    /// The text of a row; empty where every part is.
    pub fn text(&self, row: &SheetRow) -> String {
        let parts: Vec<&str> = self.parts(row).collect();
        if parts.iter().all(|part| part.is_empty()) {
            String::new()
        } else {
            parts.join("/")
        }
    }

    /// The texts of a row, one per column joined.
    pub fn parts<'row>(&self, row: &'row SheetRow) -> impl Iterator<Item = &'row str> {
        self.cells.iter().map(|index| row.cells[*index].as_str())
    }
}

impl Reading {
    /// Reads the values of `--map ours=theirs` and `--where column=value`.
    ///
    /// # Errors
    /// A value without `=`, or a column of ours that does not exist or is mapped twice.
    pub fn new(map: &[String], only: &[String]) -> Result<Reading> {
        let pairs = |flag: &str, values: &[String]| -> Result<Vec<(String, String)>> {
            let pair = |value: &String| {
                let (left, right) = value
                    .split_once('=')
                    .filter(|(left, _)| !left.is_empty())
                    .ok_or_else(|| {
                        Error::usage(format!("`{flag} {value}` has no `=`")).mend(match flag {
                            "--map" => "write `--map ours=theirs`, as in `--map task=question`",
                            _ => "write `--where column=value`, as in `--where model=gpt-4o`",
                        })
                    })?;
                Ok((left.to_owned(), right.to_owned()))
            };
            values.iter().map(pair).collect()
        };
        let reading = Reading {
            map: pairs("--map", map)?,
            only: pairs("--where", only)?,
        };
        for (index, (ours, _)) in reading.map.iter().enumerate() {
            if !KNOWN.iter().any(|(name, _)| name == ours) {
                let known = KNOWN.iter().map(|(name, _)| *name);
                return Err(
                    Error::usage(format!("`--map {ours}=…` names no column of ours"))
                        .mend(did_you_mean(ours, "columns", known)),
                );
            }
            if reading.map[..index]
                .iter()
                .any(|(before, _)| before == ours)
            {
                return Err(
                    Error::usage(format!("`--map {ours}=…` is given twice")).mend(format!(
                        "columns are joined with `+`, as in `--map {ours}=one+two`"
                    )),
                );
            }
        }
        Ok(reading)
    }

    /// Whether every column goes by its own name.
    pub fn maps_nothing(&self) -> bool {
        self.map.is_empty()
    }

    /// Where the cells of our column `name` are found in `table`: as mapped, else under its name, else under one it is known by.
    ///
    /// # Errors
    /// A mapping to a column that is not there.
    pub fn source(&self, name: &str, table: &Table) -> Result<Option<Source>> {
        let alone = |index: usize| Source {
            heading: table.sheet.columns[index].clone(),
            cells: vec![index],
        };
        if let Some((_, theirs)) = self.map.iter().find(|(ours, _)| ours == name) {
            if let Some(index) = table.sheet.column(theirs) {
                return Ok(Some(alone(index)));
            }
            let mut cells = Vec::new();
            for part in theirs.split('+') {
                cells.extend(self.part(part, table)?);
            }
            return Ok(Some(Source {
                heading: theirs.clone(),
                cells,
            }));
        }
        let aliases = KNOWN
            .iter()
            .find(|(ours, _)| *ours == name)
            .map_or(&[][..], |(_, aliases)| *aliases);
        let mut names = std::iter::once(name).chain(aliases.iter().copied());
        if let Some(index) = names.clone().find_map(|name| table.sheet.column(name)) {
            return Ok(Some(alone(index)));
        }
        match table
            .unread
            .iter()
            .find(|(column, _)| names.any(|name| name == column))
        {
            Some((column, kind)) => Err(unreadable(column, kind, table)),
            None => Ok(None),
        }
    }

    /// The columns one part of a mapping stands for: a column there, or what another of our columns is mapped to.
    fn part(&self, part: &str, table: &Table) -> Result<Vec<usize>> {
        match self.map.iter().find(|(ours, _)| ours == part) {
            Some((_, theirs)) if table.sheet.column(part).is_none() => theirs
                .split('+')
                .map(|part| column(part, "--map", table))
                .collect(),
            _ => Ok(vec![column(part, "--map", table)?]),
        }
    }

    /// The rows of `table` that every `--where` lets through.
    ///
    /// # Errors
    /// A column that is not there, or a value that stands in none of its cells.
    pub fn rows<'table>(&self, table: &'table Table) -> Result<Vec<&'table SheetRow>> {
        let mut rows: Vec<&SheetRow> = table.sheet.rows.iter().collect();
        for (name, value) in &self.only {
            let index = column(name, "--where", table)?;
            let cell = |row: &&SheetRow| row.cells[index].trim() == value.trim();
            if !table.sheet.rows.iter().any(|row| cell(&row)) {
                return Err(
                    Error::usage(format!("no row has `{value}` in column `{name}`"))
                        .in_file(&table.path)
                        .mend(did_you_mean(
                            value,
                            "some of its values",
                            some_values(index, table),
                        )),
                );
            }
            rows.retain(cell);
        }
        Ok(rows)
    }
}

/// The index of a column the user named, by its own name or by ours.
fn column(name: &str, flag: &str, table: &Table) -> Result<usize> {
    let aliases = KNOWN
        .iter()
        .find(|(ours, _)| *ours == name)
        .map_or(&[][..], |(_, aliases)| *aliases);
    let mut names = std::iter::once(name).chain(aliases.iter().copied());
    if let Some(index) = names.find_map(|name| table.sheet.column(name)) {
        return Ok(index);
    }
    if let Some((column, kind)) = table.unread.iter().find(|(column, _)| column == name) {
        return Err(unreadable(column, kind, table));
    }
    let known = table.sheet.columns.iter().map(String::as_str);
    Err(Error::usage(format!(
        "`{flag}` names column `{name}`, which this table does not have"
    ))
    .in_file(&table.path)
    .mend(did_you_mean(name, "columns", known)))
}

fn unreadable(column: &str, kind: &str, table: &Table) -> Error {
    Error::input(format!(
        "column `{column}` is of type {kind}, which cannot be read"
    ))
    .in_file(&table.path)
    .mend("write it as text, a 32- or 64-bit number, or true and false")
}

/// The first few different values of a column.
fn some_values(index: usize, table: &Table) -> Vec<&str> {
    let mut values: Vec<&str> = Vec::new();
    for row in &table.sheet.rows {
        let cell = row.cells[index].as_str();
        if !values.contains(&cell) {
            values.push(cell);
        }
        if values.len() == 10 {
            break;
        }
    }
    values
}
