//! `[[task]]` and `[[tasks_from]]`: tasks written out, and tasks made from the rows of a table.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{
    domain::{
        id::{Digest, FamilyId, TaskId},
        suite::Setting,
        task::{Brief, Canary, Entity, Grader, Limits, Split, Task},
    },
    error::did_you_mean,
    files,
    formats::{
        canary::read_canary,
        dataset::{Sheet, read_sheet},
        fit,
        grader::{filled, read_asks, read_grader},
        shape::Shape,
        template::Values,
    },
};

/// What every task of a suite shares.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The suite's folder.
    pub folder: &'a Path,
    /// The headline budget.
    pub limits: Limits,
    /// Names of the roles.
    pub roles: &'a [String],
    /// Where the tasks happen; `None` where that is not known because of a fault.
    pub setting: Option<&'a Setting>,
    /// Digest of the world or workspace: part of every grader's digest.
    pub setting_digest: Option<Digest>,
}

/// Reads all tasks of a suite, in file order; canaries come last, so that adding one moves no other task.
///
/// Faults are noted in the shape's file.
pub fn read_tasks(
    file: &Shape<'_>,
    frame: &Frame<'_>,
    digests: &mut BTreeMap<String, Digest>,
) -> Vec<Task> {
    let mut tasks = Vec::new();
    for shape in file.shapes("task", "a task") {
        let values = own_values(&shape, &Vec::new());
        let at = shape.at();
        tasks.extend(read_task(&shape, &values, frame).map(|task| (at, task)));
        shape.finish();
    }
    let mut sheets: BTreeMap<String, Option<Sheet>> = BTreeMap::new();
    for shape in file.shapes("tasks_from", "`tasks_from`") {
        tasks.extend(read_rows(&shape, frame, &mut sheets, digests));
    }
    let mut seen = BTreeSet::new();
    for (at, task) in &tasks {
        if !seen.insert(&task.id) {
            file.fault(*at, format!("two tasks are called `{}`", task.id));
        }
    }
    check_splits(file, &tasks);
    tasks.sort_by_key(|(_, task)| task.split == Split::Canary);
    tasks.into_iter().map(|(_, task)| task).collect()
}

/// One task per chosen row of a table.
fn read_rows(
    shape: &Shape<'_>,
    frame: &Frame<'_>,
    sheets: &mut BTreeMap<String, Option<Sheet>>,
    digests: &mut BTreeMap<String, Digest>,
) -> Vec<(usize, Task)> {
    let place = shape.need_text("rows");
    let mut tasks = Vec::new();
    if !place.value.is_empty()
        && !sheets.contains_key(&place.value)
        && let Some(path) = shape.path(&place, frame.folder)
    {
        let sheet = files::read_bytes(&path, LARGEST_TABLE).and_then(|bytes| {
            digests.insert(format!("rows {}", place.value), Digest::of(&bytes));
            read_sheet(&bytes, &path)
        });
        let sheet = sheet
            .map_err(|error| shape.faults().pass_on(place.at, error))
            .ok();
        sheets.insert(place.value.clone(), sheet);
    }
    let Some(Some(sheet)) = sheets.get(&place.value) else {
        return tasks;
    };
    let (at, first) = (shape.at(), shape.faults().count());
    let rows = chosen_rows(shape, sheet);
    if rows.is_empty() && shape.faults().count() == first {
        shape.fault(at, format!("no row of `{}` is chosen here", place.value));
    }
    for (line, row) in rows {
        let since = shape.faults().count();
        let values = own_values(shape, &row);
        tasks.extend(read_task(shape, &values, frame).map(|task| (at, task)));
        shape
            .faults()
            .explain(since, &format!("found in line {line} of {}", place.value));
    }
    if !tasks.is_empty() {
        shape.finish_asked();
    }
    tasks
}

/// Families kept to confirm are never dreamed on and never attribute.
fn check_splits(file: &Shape<'_>, tasks: &[(usize, Task)]) {
    let mut confirm = BTreeSet::new();
    for (_, task) in tasks
        .iter()
        .filter(|(_, task)| task.split == Split::Confirm)
    {
        confirm.insert(&task.family);
    }
    for (at, task) in tasks
        .iter()
        .filter(|(_, task)| task.split != Split::Confirm)
    {
        if confirm.remove(&task.family) {
            file.teach(
                *at,
                format!("family `{}` has confirm tasks and others", task.family),
                "a family kept to confirm has confirm tasks only",
            );
        }
    }
}

/// The rows that `where` lets through, each with its line.
fn chosen_rows(shape: &Shape<'_>, sheet: &Sheet) -> Vec<(usize, Values)> {
    let mut wanted: Vec<(usize, String)> = Vec::new();
    if let Some(table) = shape.shape("where", "`where`") {
        for key in table.keys() {
            let Some(word) = table.word(&key.value) else {
                continue;
            };
            match sheet.column(&key.value) {
                Some(column) => wanted.push((column, word.value)),
                None => table.teach(
                    key.at,
                    format!("the rows have no column `{}`", key.value),
                    did_you_mean(
                        &key.value,
                        "columns",
                        sheet.columns.iter().map(String::as_str),
                    ),
                ),
            }
        }
        table.finish();
    }
    sheet
        .rows
        .iter()
        .filter(|row| {
            wanted
                .iter()
                .all(|(column, word)| row.cells[*column] == *word)
        })
        .map(|row| {
            let cells = row.cells.iter().cloned();
            (row.line, sheet.columns.iter().cloned().zip(cells).collect())
        })
        .collect()
}

fn own_values(shape: &Shape<'_>, row: &Values) -> Values {
    let mut values = row.clone();
    if let Some(table) = shape.shape("values", "`values`") {
        for key in table.keys() {
            if let Some(word) = table.word(&key.value) {
                values.push((key.value, word.value));
            }
        }
    }
    values
}

fn read_task(shape: &Shape<'_>, values: &Values, frame: &Frame<'_>) -> Option<Task> {
    let id = named(shape, "id", values);
    let family = named(shape, "family", values);
    let split = read_split(shape, values);
    let canary = read_canary(shape, split, values, (&id, frame));
    let limits = read_limits(shape, frame.limits);
    let role = shape
        .text("role")
        .map(|role| (role.at, filled(shape, role, values)));
    fit::check_role(shape, role.as_ref(), &id, frame);
    let brief = Brief {
        role: role.map(|(_, role)| role).unwrap_or_default(),
        prompt: filled(shape, shape.need_text("prompt"), values),
        setup: read_setup(shape, values, frame),
        asks: read_asks(shape, "asks", values),
        limits,
    };
    fit::check_asks(shape, &brief, &id, frame);
    let grader = match shape.shape("grade", "`grade`") {
        Some(table) => read_grader(table, &id, values),
        None => {
            shape.teach(
                shape.at(),
                match id.as_str() {
                    "" => "a task lacks `grade`".to_owned(),
                    id => format!("task `{id}` lacks `grade`"),
                },
                "say how the work is judged, such as `grade.exact.text = \"42\"`",
            );
            None
        }
    }?;
    fit::check_grader(shape, &grader, &brief, (&id, frame));
    fit::check_criteria(shape, &grader, &id);
    Some(Task {
        grader_digest: digest_of(&grader, canary.as_ref(), frame)?,
        id: TaskId::new(id),
        family: FamilyId::new(family),
        split: split?,
        brief,
        grader,
        canary,
    })
}

/// A name that must be there and say something.
fn named(shape: &Shape<'_>, key: &str, values: &Values) -> String {
    let text = shape.need_text(key);
    let at = text.at;
    let is_there = shape.keys().iter().any(|it| it.value == key);
    let name = filled(shape, text, values);
    if is_there && name.trim().is_empty() {
        shape.fault(at, format!("the `{key}` of this task is empty"));
    }
    name
}

fn digest_of(grader: &Grader, canary: Option<&Canary>, frame: &Frame<'_>) -> Option<Digest> {
    let mut text = serde_json::to_vec(grader).ok()?;
    if let Some(canary) = canary {
        text.extend(serde_json::to_vec(canary).ok()?);
    }
    let setting = frame
        .setting_digest
        .map_or_else(String::new, |it| it.to_string());
    Some(Digest::of_parts([text.as_slice(), setting.as_bytes()]))
}

fn read_split(shape: &Shape<'_>, values: &Values) -> Option<Split> {
    let text = shape.need_text("split");
    let at = text.at;
    let word = filled(shape, text, values);
    match word.as_str() {
        "practice" => Some(Split::Practice),
        "test" => Some(Split::Test),
        "confirm" => Some(Split::Confirm),
        "canary" => Some(Split::Canary),
        "" if at == shape.at() => None,
        other => {
            shape.teach(
                at,
                format!("a task cannot be of split `{other}`"),
                did_you_mean(other, "splits", ["practice", "test", "confirm", "canary"]),
            );
            None
        }
    }
}

fn read_limits(shape: &Shape<'_>, headline: Limits) -> Limits {
    let mut limits = headline;
    if let Some(table) = shape.shape("limits", "`limits`") {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        limits.steps = table
            .number("steps", 1..100_001)
            .map_or(limits.steps, small);
        limits.seconds = table
            .number("seconds", 1..86_401)
            .map_or(limits.seconds, small);
        limits.cents = table
            .number("cents", 1..1_000_001)
            .map_or(limits.cents, |it| Some(small(it)));
        table.finish();
    }
    limits
}

fn read_setup(shape: &Shape<'_>, values: &Values, frame: &Frame<'_>) -> Vec<Entity> {
    let Some(table) = shape.shape("setup", "`setup`") else {
        return Vec::new();
    };
    let mut entities: Vec<Entity> = Vec::new();
    for kind in table.keys() {
        for entry in table.shapes(&kind.value, &format!("a {} of `setup`", kind.value)) {
            let mut attributes = Vec::new();
            let name = filled(&entry, entry.need_text("name"), values);
            if entities.iter().any(|it| it.name == name) {
                entry.fault(
                    entry.at(),
                    format!("`setup` holds two things called `{name}`"),
                );
            }
            for key in entry.keys().into_iter().filter(|key| key.value != "name") {
                if let Some(word) = entry.word(&key.value) {
                    let at = word.at;
                    let value = filled(&entry, word, values);
                    fit::check_attribute(&entry, &key, (at, &value), frame);
                    attributes.push((key.value, value));
                }
            }
            entities.push(Entity {
                kind: kind.value.clone(),
                name,
                attributes,
            });
        }
        fit::check_kind(&table, &kind, frame);
    }
    entities
}

/// Largest table of rows, in bytes.
const LARGEST_TABLE: u64 = 256 << 20;
