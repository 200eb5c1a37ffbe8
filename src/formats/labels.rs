//! Tables of human labels that a judge is held against: what people found met, and what the judge finds or is to find.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{
    error::{Error, Result, did_you_mean},
    formats::dataset::{Sheet, SheetRow, read_sheet},
};

/// One criterion of one piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Line of the file, from 1.
    pub line: usize,
    /// The piece of work; the same word under several arms is the same task.
    pub item: String,
    /// Its task, of which there may be several pieces of work; the item itself where nobody says.
    pub task: String,
    /// The criterion's name.
    pub criterion: String,
    /// The arm it comes from; empty where nobody says.
    pub arm: String,
    /// What a person found; `None` where nobody looked.
    pub human: Option<bool>,
    /// What the judge found; `None` where it is to be asked.
    pub judge: Option<bool>,
    /// What the judge is shown where it is asked.
    pub shown: Shown,
}

/// A piece of work as a judge is shown it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// What must hold, in words; the criterion's name where nothing else is said.
    pub text: String,
    /// The task that was set.
    pub brief: String,
    /// The final answer; empty where none was given.
    pub answer: String,
    /// The calls made; `None` where the criterion is not about them.
    pub calls: Option<String>,
}

/// Columns known here; others are let be, so that people can keep their remarks beside their labels.
const COLUMNS: [&str; 10] = [
    "item",
    "criterion",
    "human",
    "arm",
    "task",
    "judge",
    "text",
    "brief",
    "answer",
    "calls",
];
/// Columns a table cannot be without.
const NEEDED: [&str; 3] = ["item", "criterion", "human"];

/// Reads a table of labels.
///
/// # Errors
/// It is no table, a needed column is missing, a cell says neither met nor not met, or a row says again what another said;
/// all faults together.
pub fn read_labels(bytes: &[u8], path: &Path) -> Result<Vec<Label>> {
    let sheet = read_sheet(bytes, path)?;
    if let Some(missing) = NEEDED.iter().find(|it| sheet.column(it).is_none()) {
        let known = sheet.columns.iter().map(String::as_str);
        return Err(
            Error::input(format!("this table of labels has no column `{missing}`"))
                .in_file(path)
                .at(1, 1)
                .mend(format!(
                    "{}; needed are {}, known besides {}",
                    did_you_mean(missing, "columns here", known),
                    NEEDED.join(", "),
                    COLUMNS[NEEDED.len()..].join(", ")
                )),
        );
    }
    let (mut labels, mut faults, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for row in &sheet.rows {
        match label(&sheet, row) {
            Ok(label) => {
                let name = (
                    label.item.clone(),
                    label.arm.clone(),
                    label.criterion.clone(),
                );
                if !seen.insert(name) {
                    faults.push(
                        Error::input(format!(
                            "`{}` of item `{}` is labelled twice",
                            label.criterion, label.item
                        ))
                        .in_file(path)
                        .at(row.line, 1)
                        .mend("settle on one label for each item, arm and criterion"),
                    );
                }
                labels.push(label);
            }
            Err(error) => faults.push(error.in_file(path).at(row.line, 1)),
        }
    }
    match Error::join(faults) {
        Some(error) => Err(error),
        None if labels.is_empty() => Err(Error::input("this table holds no labels")
            .in_file(path)
            .at(1, 1)
            .mend("one row for each criterion of each piece of work")),
        None => Ok(labels),
    }
}

/// Columns of the key of a blind table.
pub const KEY: [&str; 7] = [
    "item",
    "criterion",
    "of",
    "task",
    "arm",
    "judge",
    "judge_digest",
];

/// Puts back what a blind table hides: which task a piece of work is of, its arm, and what the judge found; and adds what the
/// judge found of work that nobody was shown. Returns the digest of that judge.
///
/// # Errors
/// It is no key, lacks a row of the table, or tells of several judges.
pub fn unblind(labels: &mut Vec<Label>, bytes: &[u8], path: &Path) -> Result<String> {
    let mut key = read_key(bytes, path)?;
    let by: BTreeSet<String> = key.values().map(|it| it.by.clone()).collect();
    let [by] = by.into_iter().collect::<Vec<_>>().try_into().map_err(|_| {
        Error::input("this key tells of several judges, or of none")
            .in_file(path)
            .mend("a calibration is of one judge; name the key of one run")
    })?;
    for label in labels.iter_mut() {
        let name = (label.item.clone(), label.criterion.clone());
        let told = key.remove(&name).ok_or_else(|| {
            Error::input(format!(
                "this key knows nothing of `{}` of item `{}`",
                name.1, name.0
            ))
            .in_file(path)
            .mend("name the key that was written with the table")
        })?;
        (label.item, label.task, label.arm, label.judge) =
            (told.of, told.task, told.arm, told.judge);
    }
    labels.extend(key.into_iter().map(|((_, criterion), told)| Label {
        line: told.line,
        item: told.of,
        task: told.task,
        criterion,
        arm: told.arm,
        human: None,
        judge: told.judge,
        shown: Shown::default(),
    }));
    Ok(by)
}

/// What a key tells of one criterion of one piece of work.
struct Told {
    line: usize,
    of: String,
    task: String,
    arm: String,
    judge: Option<bool>,
    by: String,
}

fn read_key(bytes: &[u8], path: &Path) -> Result<BTreeMap<(String, String), Told>> {
    let sheet = read_sheet(bytes, path)?;
    let places: Vec<usize> = KEY.iter().filter_map(|it| sheet.column(it)).collect();
    let [item, criterion, of, task, arm, judge, by] = places.as_slice() else {
        return Err(Error::input("this is not the key of a table of labels")
            .in_file(path)
            .at(1, 1)
            .mend(format!(
                "`judge labels` writes one; its columns are {}",
                KEY.join(", ")
            )));
    };
    let mut key = BTreeMap::new();
    for row in &sheet.rows {
        let cell = |at: &usize| row.cells[*at].clone();
        let told = Told {
            line: row.line,
            of: cell(of),
            task: cell(task),
            arm: cell(arm),
            judge: met(&cell(judge), "judge").map_err(|it| it.in_file(path).at(row.line, 1))?,
            by: cell(by),
        };
        key.insert((cell(item), cell(criterion)), told);
    }
    Ok(key)
}

/// The word of a finding.
pub fn word(met: bool) -> &'static str {
    match met {
        true => "met",
        false => "not met",
    }
}

fn label(sheet: &Sheet, row: &SheetRow) -> Result<Label> {
    let cell = |name: &str| {
        let at = sheet.column(name);
        at.map_or("", |it| row.cells[it].as_str())
    };
    let named = |name: &str| match cell(name).trim() {
        "" => Err(Error::input(format!("this row has no `{name}`")).mend("fill in the cell")),
        text => Ok(text.to_owned()),
    };
    let criterion = named("criterion")?;
    let text = match cell("text").trim() {
        "" => criterion.clone(),
        text => text.to_owned(),
    };
    let calls = cell("calls").trim();
    let item = named("item")?;
    let task = match cell("task").trim() {
        "" => item.clone(),
        task => task.to_owned(),
    };
    Ok(Label {
        line: row.line,
        item,
        task,
        arm: cell("arm").trim().to_owned(),
        human: met(cell("human"), "human")?,
        judge: met(cell("judge"), "judge")?,
        shown: Shown {
            text,
            brief: cell("brief").to_owned(),
            answer: cell("answer").to_owned(),
            calls: (!calls.is_empty()).then(|| calls.to_owned()),
        },
        criterion,
    })
}

fn met(cell: &str, column: &str) -> Result<Option<bool>> {
    match cell.trim().to_lowercase().as_str() {
        "" => Ok(None),
        "met" | "yes" | "true" | "1" | "pass" => Ok(Some(true)),
        "not met" | "no" | "false" | "0" | "fail" => Ok(Some(false)),
        other => Err(
            Error::input(format!("`{other}` under `{column}` is no label"))
                .mend("write `met` or `not met`, or nothing where nobody looked"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Label>> {
        read_labels(text.as_bytes(), Path::new("l.csv"))
    }

    #[test]
    fn labels_are_read_with_what_is_shown_of_them() {
        let labels = read(
            "item,criterion,human,arm,judge,answer,remark\n\
             a,names the day,met,bare,,30 June,clear\n\
             a,names the day,,dreamed,No,soon,\n",
        )
        .unwrap();
        let told: Vec<_> = labels
            .iter()
            .map(|it| {
                (
                    it.arm.as_str(),
                    it.human,
                    it.judge,
                    it.shown.answer.as_str(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("bare", Some(true), None, "30 June"),
                ("dreamed", None, Some(false), "soon")
            ]
        );
        assert_eq!(labels[0].shown.text, "names the day");
    }

    #[test]
    fn faults_are_told_together_with_their_lines() {
        let told = read("item,criterion,human\na,x,maybe\n,x,met\nb,x,met\nb,x,met\n").unwrap_err();
        assert_eq!(
            told.to_string(),
            "error: `maybe` under `human` is no label\n  --> l.csv:2:1\n\n\
             hint: write `met` or `not met`, or nothing where nobody looked\n\n\
             error: this row has no `item`\n  --> l.csv:3:1\n\nhint: fill in the cell\n\n\
             error: `x` of item `b` is labelled twice\n  --> l.csv:5:1\n\n\
             hint: settle on one label for each item, arm and criterion"
        );
        let told = read("item,criterium,human\na,x,met\n")
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("has no column `criterion`")
                && told.contains("did you mean `criterium`?"),
            "{told}"
        );
        assert!(read("item,criterion,human\n").is_err());
    }
}
