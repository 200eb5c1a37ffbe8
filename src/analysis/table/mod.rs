//! The door for tables of trials, ours or made elsewhere: a CSV or Parquet file in, one row per trial out.

mod foreign;
mod own;
mod reading;
mod repeats;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::analysis::frames::{column_names, read_parquet};
use crate::domain::id::{FamilyId, TaskId};
use crate::domain::trial::TrialRow;
use crate::error::{Error, Result};
use crate::formats::dataset::{Sheet, SheetRow, read_sheet};

pub use reading::Reading;

/// What every Parquet file begins with.
const PARQUET: &[u8] = b"PAR1";

/// A table as text cells, wherever it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// Its cells; empty where nothing is known.
    pub sheet: Sheet,
    /// Columns that could not be read, with their type.
    pub unread: Vec<(String, String)>,
}

/// Trials read from tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trials {
    /// One row per trial, in the order of the tables.
    pub rows: Vec<TrialRow>,
    /// What was left aside, in sentences.
    pub warnings: Vec<String>,
}

impl Table {
    /// Reads a CSV or Parquet file; which of them, its first bytes tell.
    ///
    /// # Errors
    /// The file is neither, is damaged, or holds nothing; see `read_sheet` and `read_parquet`.
    pub fn read(bytes: &[u8], path: &Path) -> Result<Table> {
        let (sheet, unread) = if bytes.starts_with(PARQUET) {
            let parquet = read_parquet(bytes, path)?;
            (parquet.sheet, parquet.unread)
        } else {
            (read_sheet(bytes, path)?, Vec::new())
        };
        if sheet.rows.is_empty() {
            return Err(Error::input("this table has a header and no rows")
                .in_file(path)
                .mend("each trial is one row"));
        }
        Ok(Table {
            path: path.to_owned(),
            sheet,
            unread,
        })
    }

    /// Whether it has every column we write, so that each of them means what we mean by it; what judges took came to
    /// the table later.
    fn is_ours(&self) -> bool {
        let mut names = column_names().filter(|name| !name.starts_with("judge_"));
        names.all(|name| self.sheet.column(name).is_some())
    }

    /// An error about one of its rows.
    fn fault(&self, row: &SheetRow, what: impl Into<String>) -> Error {
        Error::input(what).in_file(&self.path).at(row.line, 1)
    }
}

/// A trial and the row it came from.
struct Placed<'tables> {
    trial: TrialRow,
    table: &'tables Table,
    row: &'tables SheetRow,
    /// Which attempt it is, in the table's own word; empty where no column says.
    attempt: String,
}

/// The trials of `tables`, read as `reading` says.
///
/// A table with all our columns is read strictly, every column meaning what it means in `trials.parquet`. In any other, the
/// outcome and the names must be right, and a column of measurements that is not what its name says is left aside with a warning.
///
/// # Errors
/// A column that is needed and missing, a cell that cannot be read, a task in two families, two rows for one trial, no row left.
pub fn read_trials(tables: &[Table], reading: &Reading) -> Result<Trials> {
    let mut placed = Vec::new();
    let mut warnings = Vec::new();
    let (ours, others): (Vec<&Table>, Vec<&Table>) = tables
        .iter()
        .partition(|table| table.is_ours() && reading.maps_nothing());
    for table in ours {
        own::read(table, reading, &mut placed)?;
    }
    foreign::read(&others, reading, &mut placed, &mut warnings)?;
    if placed.is_empty() {
        return Err(Error::usage("no row is left").mend("check the values given to `--where`"));
    }
    repeats::check(&placed, reading)?;
    settle_families(&mut placed)?;
    Ok(Trials {
        rows: placed.into_iter().map(|it| it.trial).collect(),
        warnings,
    })
}

/// Gives a row without a family that of the task's other rows, or else the task itself.
fn settle_families(placed: &mut [Placed<'_>]) -> Result<()> {
    let mut families: HashMap<TaskId, FamilyId> = HashMap::new();
    for it in placed
        .iter()
        .filter(|it| !it.trial.family.as_str().is_empty())
    {
        let (task, family) = (&it.trial.task, &it.trial.family);
        let first = families
            .entry(task.clone())
            .or_insert_with(|| family.clone());
        if first != family {
            let what = format!("task `{task}` is in family `{first}` and in family `{family}`");
            return Err(it.table.fault(it.row, what).mend(
                "a task has one family; name the right column with `--map family=COLUMN`, or `--map family=task` for none",
            ));
        }
    }
    for it in placed {
        let alone = || FamilyId::new(it.trial.task.as_str());
        it.trial.family = families.get(&it.trial.task).cloned().unwrap_or_else(alone);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::frames::{to_csv, to_parquet};
    use crate::analysis::samples::trial;
    use crate::domain::id::LearningId;
    use crate::domain::trial::{Half, Stop, Usage};

    fn read(text: &str, map: &[&str], only: &[&str]) -> Result<Trials> {
        let owned = |values: &[&str]| {
            values
                .iter()
                .map(|value| (*value).to_owned())
                .collect::<Vec<_>>()
        };
        let table = Table::read(text.as_bytes(), Path::new("t.csv"))?;
        read_trials(&[table], &Reading::new(&owned(map), &owned(only))?)
    }

    fn fault(text: &str, map: &[&str], only: &[&str]) -> String {
        read(text, map, only).unwrap_err().to_string()
    }

    fn full_row() -> TrialRow {
        let usage = Usage {
            steps: Some(7),
            tool_errors: Some(1),
            words_read: Some(90),
            input_tokens: Some(u64::MAX),
            cost_usd: Some(0.1),
            ..Usage::default()
        };
        TrialRow {
            seed: Some(u64::MAX),
            budget: Some(30),
            pair: Some(4),
            half: Some(Half::Complement),
            score: Some(1.0 / 3.0),
            violations: Some(0),
            stop: Some(Stop::GaveUp),
            criteria: [("says \"so\", twice".to_owned(), true)].into(),
            usage: Some(usage),
            learnings: vec![LearningId::new("p-1"), LearningId::new("n,2")],
            surfaced: vec![LearningId::new("p-1")],
            role: "clerk\nsecond line".into(),
            ..trial("a", "foldover", Some(false))
        }
    }

    #[test]
    fn our_rows_come_back_as_they_went_out() {
        let rows = [full_row(), trial("b", "bare", None)];
        for bytes in [to_csv(&rows).unwrap(), to_parquet(&rows).unwrap()] {
            let table = Table::read(&bytes, Path::new("trials")).unwrap();
            assert_eq!(table.unread, []);
            assert_eq!(
                read_trials(&[table], &Reading::default()).unwrap().rows,
                rows
            );
        }
    }

    #[test]
    fn known_aliases_need_no_map_and_an_empty_outcome_is_broken() {
        let trials = read(
            "task_id,arm,cluster,trial,outcome,steps\na,x,f,3,1,\na,y,f,3,,12.0\n",
            &[],
            &[],
        )
        .unwrap();
        let [done, broken] = trials.rows.as_slice() else {
            panic!("two rows")
        };
        assert_eq!(
            (done.family.as_str(), done.repeat, done.completed),
            ("f", 3, Some(true))
        );
        assert_eq!((broken.completed, broken.broken.is_some()), (None, true));
        assert_eq!(broken.usage.and_then(|usage| usage.steps), Some(12));
        assert_eq!(trials.warnings, Vec::<String>::new());
    }

    #[test]
    fn outcomes_that_are_not_all_claims_are_scores() {
        let trials = read("task,arm,outcome\na,x,1\na,y,0.5\n", &[], &[]).unwrap();
        let outcomes: Vec<_> = trials
            .rows
            .iter()
            .map(|row| (row.completed, row.score))
            .collect();
        assert_eq!(outcomes, [(None, Some(1.0)), (None, Some(0.5))]);
    }

    #[test]
    fn a_score_out_of_range_says_how_to_mend_it() {
        assert_eq!(
            fault("task,arm,score\na,x,87\n", &[], &[]),
            "error: column `score` holds `87`, which is no outcome\n  --> t.csv:2:1\n\n\
             hint: a score runs from 0 to 1: divide all of them by the most there is to get"
        );
    }

    #[test]
    fn columns_are_joined_and_rows_chosen() {
        let text = "model,q,arm,ok\nm1,a,x,1\nm1,a,y,0\nm2,a,x,1\nm2,a,y,1\n";
        let joined = read(text, &["task=model+q", "completed=ok"], &[]).unwrap();
        assert_eq!(joined.rows[2].task.as_str(), "m2/a");
        let chosen = read(text, &["task=q", "completed=ok"], &["model=m2", "arm=y"]).unwrap();
        assert_eq!(chosen.rows.len(), 1);
    }

    #[test]
    fn two_rows_for_one_trial_name_the_column_that_separates_them() {
        assert_eq!(
            fault(
                "task_id,arm,model,trial,outcome\na,x,m1,0,1\na,x,m2,0,0\n",
                &[],
                &[]
            ),
            "error: two rows have task `a`, arm `x` and trial `0`; column `model` separates them\n  --> t.csv:3:1\n  \
             because: the other is t.csv:2\n\n\
             hint: add `--map task=model+task_id` or `--where model=m1` (2 values there); if it is part of the arm, `--map arm=arm+model`"
        );
    }

    #[test]
    fn rows_without_attempt_numbers_may_be_numbered_by_a_column() {
        assert_eq!(
            fault("task,arm,run,outcome\na,x,r1,1\na,x,r2,0\n", &[], &[]),
            "error: two rows have task `a` and arm `x`; column `run` separates them\n  --> t.csv:3:1\n  because: the other is t.csv:2\n\n\
             hint: add `--map task=run+task` or `--where run=r1` (2 values there); if it is part of the arm, `--map arm=arm+run`; \
             if it numbers attempts, `--map repeat=run`"
        );
        let trials = read(
            "task,arm,run,outcome\na,x,r1,1\na,x,r2,0\n",
            &["repeat=run"],
            &[],
        )
        .unwrap();
        assert_eq!(
            trials.rows.iter().map(|row| row.repeat).collect::<Vec<_>>(),
            [0, 1]
        );
    }

    #[test]
    fn rows_that_nothing_separates_say_so() {
        assert!(
            fault("task,arm,outcome\na,x,1\na,x,0\n", &[], &[])
                .contains("no column tells them apart")
        );
    }

    #[test]
    fn a_measurement_that_is_none_is_left_aside_with_a_warning() {
        let trials = read("task,arm,outcome,steps\na,x,1,many\na,y,1,3\n", &[], &[]).unwrap();
        assert_eq!(trials.rows[1].usage, None);
        assert_eq!(
            trials.warnings,
            ["column `steps` is not read: line 2 holds `many`, not a whole number"]
        );
    }

    #[test]
    fn a_task_has_one_family() {
        assert!(
            fault("task,arm,family,outcome\na,x,f,1\na,y,g,1\n", &[], &[])
                .contains("task `a` is in family `f` and in family `g`")
        );
    }

    #[test]
    fn a_row_without_a_family_has_that_of_its_task() {
        let trials = read(
            "task,arm,family,outcome\na,x,,1\na,y,f,1\nb,x,,1\n",
            &[],
            &[],
        )
        .unwrap();
        assert_eq!(
            trials
                .rows
                .iter()
                .map(|row| row.family.as_str())
                .collect::<Vec<_>>(),
            ["f", "f", "b"]
        );
    }

    #[test]
    fn a_mapping_may_name_what_is_mapped_itself() {
        let text = "model,q,cluster,arm,outcome\nm1,a,f,x,1\nm2,a,f,x,0\n";
        let trials = read(text, &["task=model+q", "family=task"], &[]).unwrap();
        assert_eq!(
            trials
                .rows
                .iter()
                .map(|row| row.family.as_str())
                .collect::<Vec<_>>(),
            ["m1/a", "m2/a"]
        );
    }

    #[test]
    fn a_missing_column_lists_those_there_are() {
        assert_eq!(
            fault("question,arm,outcome\na,x,1\n", &[], &[]),
            "error: this table has no column `task` (or `task_id`)\n  --> t.csv:1:1\n\n\
             hint: name the column with `--map task=COLUMN`; there are question, arm, outcome"
        );
        assert!(fault("task;arm;outcome\na;x;1\n", &[], &[]).contains("save it with commas"));
    }

    #[test]
    fn a_column_or_value_that_is_not_there_is_named() {
        let text = "task,arm,model,outcome\na,x,gpt-4o,1\n";
        assert!(fault(text, &[], &["modle=gpt-4o"]).contains("did you mean `model`?"));
        assert!(fault(text, &[], &["model=gpt-4"]).contains("did you mean `gpt-4o`?"));
        assert!(fault(text, &["taks=model"], &[]).contains("did you mean `task`?"));
        assert!(fault(text, &["task"], &[]).contains("has no `=`"));
    }

    #[test]
    fn tables_of_one_arm_each_make_one_comparison() {
        let table = |text: &str, path: &str| Table::read(text.as_bytes(), Path::new(path)).unwrap();
        let tables = [
            table("task,arm,outcome\na,x,1\n", "x.csv"),
            table("arm,task,outcome\ny,a,0.5\n", "y.csv"),
        ];
        let trials = read_trials(&tables, &Reading::default()).unwrap();
        assert_eq!(
            trials.rows.iter().map(|row| row.score).collect::<Vec<_>>(),
            [Some(1.0), Some(0.5)]
        );
    }
}
