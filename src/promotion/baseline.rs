//! A baseline in the repository: what a store came to, task by task, in a small file that reads as a diff.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        id::{ArmName, Digest, FamilyId, LearningId, TaskId},
        task::Task,
        trial::TrialRow,
    },
    error::{Error, Result, without_place},
};

/// The arm a baseline file stands for.
pub const ARM: &str = "baseline";

/// More violations than any attempt has.
const MOST_VIOLATIONS: u32 = 1_000_000;

/// A baseline file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of this shape.
    pub format: u32,
    /// What must be the same before anything is compared.
    pub ruler: Ruler,
    /// Digest of the store.
    pub store: Digest,
    /// Ids of its learnings.
    pub learnings: Vec<String>,
    /// What each task came to, in plan order.
    pub tasks: Vec<TaskResult>,
}

/// What a result was measured with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ruler {
    /// The suite's name.
    pub suite: String,
    /// The agent.
    pub agent: String,
    /// The seed of the trials.
    pub seed: u64,
    /// Attempts at each task.
    pub repeats: u32,
    /// Tool calls allowed.
    pub steps: u32,
    /// Digests of the suite's parts, without its memory.
    pub digests: BTreeMap<String, Digest>,
}

/// What one task came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskResult {
    /// The task.
    pub task: String,
    /// Its family.
    pub family: String,
    /// Its role, or empty.
    pub role: String,
    /// Digest of its grader.
    pub grader: String,
    /// Whether each attempt completed it, in the order of the repeats; null where it broke.
    pub completed: Vec<Option<bool>>,
    /// Violations of each attempt.
    pub violations: Vec<Option<u32>>,
}

impl Baseline {
    /// The baseline of an arm's headline trials, tasks in plan order.
    pub fn of(ruler: Ruler, store: Digest, learnings: Vec<String>, rows: &[&TrialRow]) -> Self {
        let mut tasks: Vec<TaskResult> = Vec::new();
        for row in rows {
            let known = tasks.iter().position(|it| it.task == row.task.as_str());
            let at = known.unwrap_or_else(|| {
                tasks.push(TaskResult {
                    task: row.task.to_string(),
                    family: row.family.to_string(),
                    role: row.role.to_string(),
                    grader: row.grader_digest.to_string(),
                    completed: Vec::new(),
                    violations: Vec::new(),
                });
                tasks.len() - 1
            });
            tasks[at].completed.push(row.completed);
            tasks[at].violations.push(row.violations);
        }
        tasks.sort_by(|one, other| one.task.cmp(&other.task));
        Self {
            format: 1,
            ruler,
            store,
            learnings,
            tasks,
        }
    }

    /// The file: one line per digest, learning and task, so that a change reads as a diff.
    ///
    /// # Errors
    /// A bug of ours: it cannot be written.
    pub fn text(&self) -> Result<String> {
        let lines = |items: Vec<String>| match items.is_empty() {
            true => "[]".to_owned(),
            false => format!("[\n    {}\n  ]", items.join(",\n    ")),
        };
        let unwritten = |fault| Error::bug("the baseline could not be written").because(fault);
        let learnings: Vec<String> = self.learnings.iter().map(json).collect::<Result<_>>()?;
        let tasks: Vec<String> = self.tasks.iter().map(json).collect::<Result<_>>()?;
        let ruler = serde_json::to_string_pretty(&self.ruler)
            .map_err(unwritten)?
            .replace('\n', "\n  ");
        Ok(format!(
            "{{\n  \"format\": {},\n  \"ruler\": {ruler},\n  \"store\": {},\n  \"learnings\": {},\n  \"tasks\": {}\n}}\n",
            self.format,
            json(&self.store)?,
            lines(learnings),
            lines(tasks)
        ))
    }

    /// Reads a baseline file.
    ///
    /// # Errors
    /// It is not one, or of another format.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let baseline: Self = serde_json::from_str(text).map_err(|fault| {
            Error::input("this is not a baseline file")
                .in_file(path)
                .at(fault.line().max(1), fault.column().max(1))
                .because(without_place(&fault))
                .mend("write one with `dreameval baseline RUN --to FILE`")
        })?;
        match baseline.format {
            1 => Ok(baseline),
            other => Err(Error::input(format!(
                "this baseline has format {other}, and 1 is known here"
            ))
            .in_file(path)
            .mend("read it with the version that wrote it, or write it anew")),
        }
    }

    /// Refuses to compare what was measured with something else, naming the part.
    ///
    /// # Errors
    /// Integrity: a part differs.
    pub fn check(&self, now: &Ruler, path: &Path) -> Result<()> {
        let Some((part, had, has)) = self.ruler.differs_from(now) else {
            return Ok(());
        };
        Err(Error::integrity(format!(
            "the baseline was measured with something else: `{part}` differs (had {had}, now {has})"
        ))
        .in_file(path)
        .mend("restore what was changed, or bless the new results with `dreameval baseline RUN --to FILE` and have the change reviewed"))
    }

    /// Refuses results that are not one line for each of these tasks, whole: what was edited by hand.
    ///
    /// # Errors
    /// Integrity: a task is missing, added, twice, of another family, role or grader, or has another number of attempts.
    pub fn check_tasks<'a>(
        &self,
        tasks: impl Iterator<Item = &'a Task>,
        path: &Path,
    ) -> Result<()> {
        let mut known: BTreeMap<&str, &Task> = tasks.map(|it| (it.id.as_str(), it)).collect();
        let attempts = self.ruler.repeats as usize;
        let edited = |what: String| {
            Error::integrity(format!("the baseline is not what was written: {what}"))
                .in_file(path)
                .mend("restore it, or write it anew with `dreameval baseline RUN --to FILE`")
        };
        for it in &self.tasks {
            let is_known = known.remove(it.task.as_str()).is_some_and(|task| {
                task.family.as_str() == it.family
                    && task.brief.role == it.role
                    && task.grader_digest.to_string() == it.grader
            });
            let is_whole = it.completed.len() == attempts
                && it.violations.len() == attempts
                && it
                    .violations
                    .iter()
                    .flatten()
                    .all(|it| *it < MOST_VIOLATIONS);
            if !(is_known && is_whole) {
                return Err(edited(format!("task `{}`", it.task)));
            }
        }
        match known.keys().next() {
            None => Ok(()),
            Some(missing) => Err(edited(format!("task `{missing}` is missing"))),
        }
    }

    /// The results as rows of the arm [`ARM`].
    pub fn rows(&self) -> Vec<TrialRow> {
        let learnings = self.learnings.iter();
        let learnings: Vec<_> = learnings.map(|it| LearningId::new(it.as_str())).collect();
        let row = |task: &TaskResult, repeat: usize| TrialRow {
            suite: self.ruler.suite.as_str().into(),
            task: TaskId::new(task.task.as_str()),
            family: FamilyId::new(task.family.as_str()),
            role: task.role.as_str().into(),
            split: "test".into(),
            repeat: u32::try_from(repeat).unwrap_or(u32::MAX),
            seed: Some(self.ruler.seed),
            arm: ArmName::new(ARM),
            memory_digest: self.store.to_string().into(),
            learnings: learnings.clone(),
            completed: task.completed[repeat],
            score: task.completed[repeat].map(|it| f64::from(u8::from(it))),
            violations: task.violations.get(repeat).copied().flatten(),
            broken: task.completed[repeat].is_none().then(|| "broke".to_owned()),
            agent: self.ruler.agent.as_str().into(),
            grader_digest: task.grader.as_str().into(),
            ..TrialRow::default()
        };
        self.tasks
            .iter()
            .flat_map(|task| (0..task.completed.len()).map(move |repeat| row(task, repeat)))
            .collect()
    }
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|fault| Error::bug("the baseline could not be written").because(fault))
}

impl Ruler {
    /// The first part that differs: its name, what it was and what it is now.
    fn differs_from(&self, now: &Self) -> Option<(String, String, String)> {
        let plain = [
            ("suite", self.suite.clone(), now.suite.clone()),
            ("agent", self.agent.clone(), now.agent.clone()),
            ("seed", self.seed.to_string(), now.seed.to_string()),
            ("repeats", self.repeats.to_string(), now.repeats.to_string()),
            ("steps", self.steps.to_string(), now.steps.to_string()),
        ];
        let short =
            |it: Option<&Digest>| it.map_or("nothing".to_owned(), |it| it.short().to_owned());
        let names: std::collections::BTreeSet<&String> =
            self.digests.keys().chain(now.digests.keys()).collect();
        let digests = names.into_iter().map(|name| {
            let (had, has) = (self.digests.get(name), now.digests.get(name));
            (name.as_str(), short(had), short(has))
        });
        plain
            .into_iter()
            .chain(digests)
            .find(|(_, had, has)| had != has)
            .map(|(name, had, has)| (name.to_owned(), had, has))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> Baseline {
        let result = |task: &str, completed: Vec<Option<bool>>| TaskResult {
            task: task.to_owned(),
            family: "f".to_owned(),
            role: String::new(),
            grader: "g".to_owned(),
            violations: vec![Some(0); completed.len()],
            completed,
        };
        Baseline {
            format: 1,
            ruler: Ruler {
                suite: "desk".to_owned(),
                agent: "a/1".to_owned(),
                seed: 1,
                repeats: 2,
                steps: 30,
                digests: [("tasks".to_owned(), Digest::of(b"t"))].into(),
            },
            store: Digest::of(b"s"),
            learnings: vec!["n-1".to_owned(), "n-2".to_owned()],
            tasks: vec![
                result("one", vec![Some(true), None]),
                result("two", vec![Some(false), Some(true)]),
            ],
        }
    }

    #[test]
    fn a_baseline_reads_back_and_has_one_line_per_task() {
        let text = baseline().text().unwrap();
        assert_eq!(
            Baseline::parse(&text, Path::new("b.json")).unwrap(),
            baseline()
        );
        let line = r#"    {"task":"one","family":"f","role":"","grader":"g","completed":[true,null],"violations":[0,0]},"#;
        assert!(text.lines().any(|it| it == line), "{text}");
    }

    #[test]
    fn its_rows_are_those_it_was_made_from() {
        let rows = baseline().rows();
        let again = Baseline::of(
            baseline().ruler,
            baseline().store,
            baseline().learnings,
            &rows.iter().collect::<Vec<_>>(),
        );
        assert_eq!(again, baseline());
    }

    #[test]
    fn another_ruler_is_refused_by_the_name_of_its_part() {
        let mut now = baseline().ruler;
        now.digests.insert("tasks".to_owned(), Digest::of(b"other"));
        let told = baseline()
            .check(&now, Path::new("b.json"))
            .unwrap_err()
            .to_string();
        assert!(told.starts_with(
            "error: the baseline was measured with something else: `tasks` differs (had e3b98a4da31a, now d9298a10d1b0)"
        ), "{told}");
        assert!(
            baseline()
                .check(&baseline().ruler, Path::new("b.json"))
                .is_ok()
        );
    }
}
