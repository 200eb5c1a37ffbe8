//! `[[task]]` and `[[tasks_from]]`: tasks written out, and tasks made from the rows of a table.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use crate::{
    domain::{
        id::{Digest, FamilyId, TaskId},
        task::{Brief, Entity, Grader, Limits, Split, Task},
        tool::Handbook,
        world::World,
    },
    error::{Result, count, did_you_mean},
    files,
    formats::{
        dataset::{Sheet, read_sheet},
        grader::{filled, read_asks, read_grader},
        shape::{Located, Shape},
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
    /// The world, where there is one.
    pub world: Option<&'a Arc<World>>,
    /// Digest of the world or workspace: part of every grader's digest.
    pub setting_digest: Option<Digest>,
}

/// Reads all tasks of a suite, in file order.
///
/// # Errors
/// A table of rows cannot be read; other faults are noted in the shape's file.
pub fn read_tasks(
    file: &Shape<'_>,
    frame: &Frame<'_>,
    digests: &mut BTreeMap<String, Digest>,
) -> Result<Vec<Task>> {
    let mut tasks = Vec::new();
    let mut seen = BTreeSet::new();
    for shape in file.shapes("task", "a task") {
        let values = own_values(&shape, &Vec::new());
        let at = shape.at();
        tasks.extend(read_task(&shape, &values, frame).map(|task| (at, task)));
        shape.finish();
    }
    let mut sheets: BTreeMap<String, Sheet> = BTreeMap::new();
    for shape in file.shapes("tasks_from", "`tasks_from`") {
        let place = shape.need_text("rows");
        if !sheets.contains_key(&place.value) {
            let path = frame.folder.join(&place.value);
            let bytes = files::read_bytes(&path, LARGEST_TABLE)?;
            digests.insert(format!("rows {}", place.value), Digest::of(&bytes));
            sheets.insert(place.value.clone(), read_sheet(&bytes, &path)?);
        }
        let Some(sheet) = sheets.get(&place.value) else {
            continue;
        };
        let at = shape.at();
        let rows = chosen_rows(&shape, sheet);
        if rows.is_empty() {
            shape.fault(at, format!("no row of `{}` is chosen here", place.value));
        }
        for row in rows {
            let values = own_values(&shape, &row);
            tasks.extend(read_task(&shape, &values, frame).map(|task| (at, task)));
        }
        shape.finish();
    }
    for (at, task) in &tasks {
        if !seen.insert(task.id.clone()) {
            file.fault(*at, format!("two tasks are called `{}`", task.id));
        }
    }
    let tasks: Vec<Task> = tasks.into_iter().map(|(_, task)| task).collect();
    check_splits(file, &tasks);
    Ok(tasks)
}

/// Families kept to confirm are never dreamed on and never attribute.
fn check_splits(file: &Shape<'_>, tasks: &[Task]) {
    let mut confirm = BTreeSet::new();
    for task in tasks.iter().filter(|task| task.split == Split::Confirm) {
        confirm.insert(&task.family);
    }
    for task in tasks.iter().filter(|task| task.split != Split::Confirm) {
        if confirm.remove(&task.family) {
            file.teach(
                file.at(),
                format!("family `{}` has confirm tasks and others", task.family),
                "a family kept to confirm has confirm tasks only",
            );
        }
    }
}

fn chosen_rows(shape: &Shape<'_>, sheet: &Sheet) -> Vec<Values> {
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
            sheet
                .columns
                .iter()
                .cloned()
                .zip(row.cells.iter().cloned())
                .collect()
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
    let id = filled(shape, shape.need_text("id"), values);
    let family = filled(shape, shape.need_text("family"), values);
    let split = read_split(shape, values);
    let limits = read_limits(shape, frame.limits);
    let role = shape
        .text("role")
        .map(|role| (role.at, filled(shape, role, values)));
    if let Some((at, role)) = &role
        && !frame.roles.contains(role)
    {
        let known = frame.roles.iter().map(String::as_str);
        shape.teach(
            *at,
            format!("the suite has no role `{role}`"),
            did_you_mean(role, "roles", known),
        );
    }
    let brief = Brief {
        role: role.map(|(_, role)| role).unwrap_or_default(),
        prompt: filled(shape, shape.need_text("prompt"), values),
        setup: read_setup(shape, values, frame),
        asks: read_asks(shape, "asks", values),
        limits,
    };
    check_asks(shape, &brief, &id, frame);
    let grader = match shape.shape("grade", "`grade`") {
        Some(table) => read_grader(table, &id, values),
        None => {
            shape.teach(
                shape.at(),
                format!("task `{id}` lacks `grade`"),
                "say how the work is judged, such as `grade.exact.text = \"42\"`",
            );
            None
        }
    }?;
    Some(Task {
        grader_digest: digest_of(&grader, frame)?,
        id: TaskId::new(id),
        family: FamilyId::new(family),
        split: split?,
        brief,
        grader,
    })
}

fn digest_of(grader: &Grader, frame: &Frame<'_>) -> Option<Digest> {
    let text = serde_json::to_vec(grader).ok()?;
    let setting = frame.setting_digest.as_ref().map_or("", Digest::as_str);
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
        other => {
            shape.teach(
                at,
                format!("a task cannot be of split `{other}`"),
                did_you_mean(other, "splits", ["practice", "test", "confirm"]),
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
                    check_attribute(&entry, &key, (at, &value), frame);
                    attributes.push((key.value, value));
                }
            }
            entities.push(Entity {
                kind: kind.value.clone(),
                name,
                attributes,
            });
        }
        if let Some(world) = frame.world
            && !world.handbook.kinds.contains(&kind.value)
        {
            let known = world.handbook.kinds.iter().map(String::as_str);
            table.teach(
                kind.at,
                format!("the world has no kind `{}`", kind.value),
                did_you_mean(&kind.value, "kinds", known),
            );
        }
    }
    entities
}

fn check_attribute(
    entry: &Shape<'_>,
    key: &Located<String>,
    (at, value): (usize, &str),
    frame: &Frame<'_>,
) {
    let Some(world) = frame.world else {
        return;
    };
    let book: &Handbook = &world.handbook;
    let Some(attribute) = book.attribute(&key.value) else {
        let known = book.attributes.iter().map(|it| it.name.as_str());
        entry.teach(
            key.at,
            format!("the world has no attribute `{}`", key.value),
            did_you_mean(&key.value, "attributes", known),
        );
        return;
    };
    let known = &book.attributes[attribute].values;
    if !known.iter().any(|it| it == value) {
        entry.teach(
            at,
            format!("attribute `{}` has no value `{value}`", key.value),
            did_you_mean(value, "values", known.iter().map(String::as_str)),
        );
    }
}

fn check_asks(shape: &Shape<'_>, brief: &Brief, id: &str, frame: &Frame<'_>) {
    let Some(world) = frame.world else {
        return;
    };
    if brief.asks.is_empty() {
        shape.teach(
            shape.at(),
            format!("task `{id}` asks for nothing"),
            "add `asks = [{ of = \"entity\", is = \"fact\" }]`",
        );
    }
    if brief.setup.len() > MOST_ENTITIES {
        shape.fault(
            shape.at(),
            format!(
                "task `{id}` sets up {}; the most is {MOST_ENTITIES}",
                count(brief.setup.len(), "thing")
            ),
        );
    }
    for ask in &brief.asks {
        if world.handbook.fact(&ask.is).is_none() {
            let known = world.handbook.facts.iter().map(String::as_str);
            shape.teach(
                shape.at(),
                format!(
                    "task `{id}` asks for fact `{}`, which the world does not have",
                    ask.is
                ),
                did_you_mean(&ask.is, "facts", known),
            );
        }
        if !brief.setup.iter().any(|it| it.name == ask.of) {
            let known = brief.setup.iter().map(|it| it.name.as_str());
            shape.teach(
                shape.at(),
                format!(
                    "task `{id}` asks something of `{}`, which is not on the desk",
                    ask.of
                ),
                did_you_mean(&ask.of, "on the desk", known),
            );
        }
    }
}

/// Largest table of rows, in bytes.
const LARGEST_TABLE: u64 = 256 << 20;

/// Entities one brief can set up.
const MOST_ENTITIES: usize = 16;
