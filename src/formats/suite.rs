//! `suite.toml` and the files it names: tasks, rows, world and memory, checked together.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    domain::{
        id::Digest,
        memory::Store,
        suite::{Setting, Suite},
        world::World,
    },
    error::{Error, Result, did_you_mean},
    files,
    formats::{
        memory,
        shape::{Faults, Located, Shape, parse},
        store_template::fill_store,
        tasks::{Frame, read_tasks},
        world::read_world,
    },
};

/// Reads the suite in a folder (or named by its `suite.toml`); `world_seed` draws another world than the file's.
///
/// # Errors
/// Any file of it is missing, unreadable or not acceptable; all faults of a file are told together.
pub fn load_suite(path: &Path, world_seed: Option<u64>) -> Result<Suite> {
    let path = if path.is_dir() {
        path.join("suite.toml")
    } else {
        path.to_owned()
    };
    let text = files::read_text(&path)?;
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let faults = Faults::new(&path, &text);
    let document = parse(&faults);
    let suite = if faults.is_clean() {
        read_suite(
            Shape::new(&faults, &document, "this suite"),
            &folder,
            world_seed,
        )
    } else {
        Err(Error::bug("a file with faults was read on"))
    };
    if let Some(error) = faults.into_error() {
        return Err(error);
    }
    let mut suite = suite?;
    suite
        .digests
        .insert("suite".to_owned(), Digest::of(text.as_bytes()));
    check_scenes(&suite, &path)?;
    Ok(suite)
}

fn read_suite(file: Shape<'_>, folder: &Path, world_seed: Option<u64>) -> Result<Suite> {
    file.need_number("format", 1..2);
    let name = file.need_text("name");
    let about = file.need_text("about").value;
    let (limits, sweep_steps) = read_limits(&file);
    let (roles, role_tools) = read_roles(&file);
    let mut digests = BTreeMap::new();
    let setting = read_setting(
        &file,
        folder,
        (&roles, &role_tools),
        world_seed,
        &mut digests,
    )?;
    let memory = match file.text("memory") {
        Some(place) => read_memory(&folder.join(&place.value), &setting, &mut digests)?,
        None => Store::default(),
    };
    let frame = Frame {
        folder,
        limits,
        roles: &roles,
        world: match &setting {
            Setting::World(world) => Some(world),
            Setting::None | Setting::Workspace { .. } => None,
        },
        setting_digest: digests.get("setting").cloned(),
    };
    let tasks = read_tasks(&file, &frame, &mut digests)?;
    file.finish();
    Ok(Suite {
        name: name.value,
        about,
        limits,
        sweep_steps,
        tasks,
        setting,
        memory,
        digests,
    })
}

fn read_limits(file: &Shape<'_>) -> (crate::domain::task::Limits, Vec<u32>) {
    let mut limits = crate::domain::task::Limits {
        steps: 30,
        seconds: 300,
    };
    if let Some(table) = file.shape("limits", "`limits`") {
        limits.steps = small(table.need_number("steps", 1..100_001));
        limits.seconds = small(table.number("seconds", 1..86_401).unwrap_or(300));
        table.finish();
    }
    let mut sweep = Vec::new();
    if let Some(table) = file.shape("sweep", "`sweep`") {
        sweep = table
            .numbers("steps", 1..100_001)
            .into_iter()
            .map(small)
            .collect();
        table.finish();
    }
    (limits, sweep)
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

type RoleTools = Vec<Vec<Located<String>>>;

fn read_roles(file: &Shape<'_>) -> (Vec<String>, RoleTools) {
    let (mut names, mut tools) = (Vec::new(), Vec::new());
    for role in file.shapes("role", "a role") {
        let name = role.need_text("name");
        if names.contains(&name.value) {
            role.fault(name.at, format!("two roles are called `{}`", name.value));
        }
        tools.push(role.texts("tools"));
        names.push(name.value);
        role.finish();
    }
    (names, tools)
}

fn read_setting(
    file: &Shape<'_>,
    folder: &Path,
    (roles, role_tools): (&[String], &RoleTools),
    world_seed: Option<u64>,
    digests: &mut BTreeMap<String, Digest>,
) -> Result<Setting> {
    let Some(table) = file.shape("environment", "`environment`") else {
        return Ok(Setting::None);
    };
    let mut setting = Setting::None;
    if let Some(place) = table.text("world") {
        let mut world = load_world(&folder.join(&place.value), roles, world_seed)?;
        for (role, tools) in world.handbook.roles.clone().iter().zip(role_tools) {
            give_tools(file, &mut world, &role.name, tools);
        }
        let bytes = serde_json::to_vec(&world).map_err(|fault| Error::bug(fault.to_string()))?;
        digests.insert("setting".to_owned(), Digest::of(&bytes));
        setting = Setting::World(Arc::new(world));
    } else if let Some(workspace) = table.shape("workspace", "`environment.workspace`") {
        let files = folder.join(workspace.need_text("files").value);
        workspace.finish();
        digests.insert("setting".to_owned(), digest_tree(&files)?);
        setting = Setting::Workspace { files };
    } else if let Some(none) = table.shape("none", "`environment.none`") {
        none.finish();
    }
    table.finish();
    Ok(setting)
}

/// The digest of every file of a workspace by path.
fn digest_tree(folder: &Path) -> Result<Digest> {
    let mut parts = Vec::new();
    for path in files::list(folder)? {
        let bytes = files::read_bytes(&folder.join(&path), LARGEST_FILE)?;
        parts.push(format!("{}\0{}", path.display(), Digest::of(&bytes)));
    }
    Ok(Digest::of_parts(parts.iter().map(String::as_bytes)))
}

/// Largest file of a workspace, in bytes.
const LARGEST_FILE: u64 = 256 << 20;

fn give_tools(file: &Shape<'_>, world: &mut World, role: &str, tools: &[Located<String>]) {
    let book = &mut world.handbook;
    let mut given = Vec::new();
    for tool in tools {
        match book.tool(&tool.value) {
            Some(index) => given.push(index),
            None => {
                let known = book.tools.iter().map(|it| it.name.as_str());
                file.teach(
                    tool.at,
                    format!(
                        "role `{role}` is given tool `{}`, which the world does not have",
                        tool.value
                    ),
                    did_you_mean(&tool.value, "tools", known),
                );
            }
        }
    }
    given.sort_unstable();
    given.dedup();
    if let Some(index) = book.role(role) {
        book.roles[index].tools = given;
    }
}

/// Reads a world file and draws the world.
fn load_world(path: &Path, roles: &[String], world_seed: Option<u64>) -> Result<World> {
    let text = files::read_text(path)?;
    let faults = Faults::new(path, &text);
    let document = parse(&faults);
    let read = faults
        .is_clean()
        .then(|| read_world(Shape::new(&faults, &document, "this world"), roles));
    if let Some(error) = faults.into_error() {
        return Err(error);
    }
    let (world, seed) = read.ok_or_else(|| Error::bug("a world without faults was not read"))?;
    Ok(world.redrawn(world_seed.unwrap_or(seed)))
}

fn read_memory(
    path: &Path,
    setting: &Setting,
    digests: &mut BTreeMap<String, Digest>,
) -> Result<Store> {
    let store = memory::read_store(path)?;
    let store = match setting {
        Setting::World(world) => fill_store(&store, world, path)?,
        Setting::None | Setting::Workspace { .. } => store,
    };
    digests.insert("memory".to_owned(), store.digest());
    Ok(store)
}

/// Every brief must fit its world before anything is played.
fn check_scenes(suite: &Suite, path: &Path) -> Result<()> {
    if suite.tasks.is_empty() {
        return Err(Error::input("this suite has no tasks")
            .in_file(path)
            .mend("add `[[task]]` or `[[tasks_from]]`"));
    }
    Ok(())
}
