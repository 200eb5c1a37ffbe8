//! `suite.toml` and the files it names: tasks, rows, world and memory, checked together.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use crate::{
    domain::{
        id::Digest,
        memory::Store,
        suite::{Kit, Setting, Suite},
        world::World,
    },
    error::{Error, Result, count, did_you_mean},
    files,
    formats::{
        memory,
        servers::read_servers,
        shape::{Faults, Located, Shape, parse},
        store_template::fill_store,
        tasks::{Frame, read_tasks},
        world::{need_name, read_world},
    },
};

/// Reads the suite in a folder (or named by its `suite.toml`); `world_seed` draws another world than the file's.
///
/// # Errors
/// Any file of it is missing, unreadable or not acceptable; all faults of a file are told together.
pub fn load_suite(path: &Path, world_seed: Option<u64>) -> Result<Suite> {
    let path = if path.is_dir() {
        let inside = path.join("suite.toml");
        if !files::exists(&inside) {
            return Err(Error::input("this folder holds no suite")
                .in_file(path)
                .mend("a suite is a folder with a file `suite.toml`"));
        }
        inside
    } else {
        path.to_owned()
    };
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let text = files::read_text(&path)?;
    let faults = Faults::new(&path, &text);
    let document = parse(&faults);
    let suite = faults.is_clean().then(|| {
        let file = Shape::new(&faults, &document, "this suite");
        read_suite(file, &folder, world_seed)
    });
    if let Some(error) = faults.into_error() {
        return Err(error);
    }
    let mut suite = suite.ok_or_else(|| Error::bug("a suite without faults was not read"))?;
    suite
        .digests
        .insert("suite".to_owned(), Digest::of(text.as_bytes()));
    Ok(suite)
}

fn read_suite(file: Shape<'_>, folder: &Path, world_seed: Option<u64>) -> Suite {
    file.need_number("format", 1..2);
    let name = need_name(&file, "name");
    let about = file.need_text("about").value;
    let (limits, sweep_steps) = read_limits(&file);
    let (roles, role_tools) = read_roles(&file);
    let mut digests = BTreeMap::new();
    let (setting, mut kit) = read_setting(
        &file,
        folder,
        (&roles, &role_tools),
        world_seed,
        &mut digests,
    );
    kit.servers = read_servers(&file, folder, &mut digests);
    let memory = file
        .text("memory")
        .and_then(|place| {
            read_memory(&file.path(&place, folder)?, setting.as_ref(), &mut digests)
                .map_err(|error| file.faults().pass_on(place.at, error))
                .ok()
        })
        .unwrap_or_default();
    let frame = Frame {
        folder,
        limits,
        roles: &roles,
        setting: setting.as_ref(),
        setting_digest: digests.get("setting").cloned(),
    };
    let before = file.faults().count();
    let tasks = read_tasks(&file, &frame, &mut digests);
    if tasks.is_empty() && file.faults().count() == before {
        file.teach(
            file.at(),
            "this suite has no tasks",
            "add `[[task]]` or `[[tasks_from]]`",
        );
    }
    file.finish();
    Suite {
        name: name.value,
        about,
        limits,
        sweep_steps,
        tasks,
        setting: setting.unwrap_or(Setting::None),
        kit,
        memory,
        digests,
    }
}

fn read_limits(file: &Shape<'_>) -> (crate::domain::task::Limits, Vec<u32>) {
    let mut limits = crate::domain::task::Limits {
        steps: 30,
        seconds: 300,
        cents: None,
    };
    if let Some(table) = file.shape("limits", "`limits`") {
        limits.steps = small(table.need_number("steps", 1..100_001));
        limits.seconds = small(table.number("seconds", 1..86_401).unwrap_or(300));
        limits.cents = table.number("cents", 1..1_000_001).map(small);
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
        if !name.value.is_empty() && names.contains(&name.value) {
            role.fault(name.at, format!("two roles are called `{}`", name.value));
        }
        tools.push(role.texts("tools"));
        names.push(name.value);
        role.finish();
    }
    (names, tools)
}

/// Where tasks can happen.
const SETTINGS: [&str; 3] = ["world", "workspace", "none"];

/// Where the tasks happen, and what a model may use there; `None`, with the fault noted, where that cannot be told.
fn read_setting(
    file: &Shape<'_>,
    folder: &Path,
    (roles, role_tools): (&[String], &RoleTools),
    world_seed: Option<u64>,
    digests: &mut BTreeMap<String, Digest>,
) -> (Option<Setting>, Kit) {
    let no_kit = Kit::default();
    if !file.has("environment") {
        return (Some(Setting::None), no_kit);
    }
    let Some(table) = file.shape("environment", "`environment`") else {
        return (None, no_kit);
    };
    let given: Vec<&str> = SETTINGS.into_iter().filter(|it| table.has(it)).collect();
    if 1 < given.len() || table.keys().is_empty() {
        table.teach(
            table.at(),
            format!(
                "`environment` names {}, and a suite has one",
                count(given.len(), "setting")
            ),
            did_you_mean("", "settings", SETTINGS),
        );
    }
    let mut kit = no_kit;
    let setting = match given.as_slice() {
        ["world"] => {
            let place = table.text("world");
            place.and_then(|place| {
                let mut world = load_world(&table.path(&place, folder)?, roles, world_seed)
                    .map_err(|error| file.faults().pass_on(place.at, error))
                    .ok()?;
                for (role, tools) in world.handbook.roles.clone().iter().zip(role_tools) {
                    give_tools(file, &mut world, &role.name, tools);
                }
                let bytes = serde_json::to_vec(&world).ok()?;
                digests.insert("setting".to_owned(), Digest::of(&bytes));
                Some(Setting::World(Arc::new(world)))
            })
        }
        ["workspace"] => table
            .shape("workspace", "`environment.workspace`")
            .and_then(|workspace| {
                kit = read_kit(&workspace, digests);
                read_workspace((&table, workspace), folder, digests)
            }),
        ["none"] => table.shape("none", "`environment.none`").map(|none| {
            none.finish();
            Setting::None
        }),
        _ => None,
    };
    table.finish();
    (setting, kit)
}

/// Tools a workspace can have.
const TOOLS: [&str; 2] = ["files", "shell"];

/// The tools of a workspace: all of them, where nothing is said.
fn read_kit(workspace: &Shape<'_>, digests: &mut BTreeMap<String, Digest>) -> Kit {
    let all = Kit {
        files: true,
        shell: true,
        ..Kit::default()
    };
    if !workspace.has("tools") {
        return all;
    }
    let mut kit = Kit::default();
    for tool in workspace.texts("tools") {
        match tool.value.as_str() {
            "files" => kit.files = true,
            "shell" => kit.shell = true,
            other => workspace.teach(
                tool.at,
                format!("a workspace has no tools called `{other}`"),
                did_you_mean(other, "tools", TOOLS),
            ),
        }
    }
    if kit != all {
        let told = format!("{kit:?}");
        digests.insert("tools".to_owned(), Digest::of(told.as_bytes()));
    }
    kit
}

/// A workspace lies inside the suite, since all of it is copied for every trial.
fn read_workspace(
    (table, workspace): (&Shape<'_>, Shape<'_>),
    folder: &Path,
    digests: &mut BTreeMap<String, Digest>,
) -> Option<Setting> {
    let place = workspace.need_text("files");
    let is_inside = Path::new(&place.value)
        .components()
        .all(|it| matches!(it, Component::Normal(_) | Component::CurDir));
    let is_there = workspace.has("files");
    workspace.finish();
    if !is_there {
        return None;
    }
    if !is_inside {
        table.teach(
            place.at,
            format!("`{}` lies outside the suite", place.value),
            "name a folder below the one of `suite.toml`",
        );
        return None;
    }
    let files = table.path(&place, folder)?;
    match digest_tree(&files) {
        Ok(digest) => {
            digests.insert("setting".to_owned(), digest);
            Some(Setting::Workspace { files })
        }
        Err(error) => {
            table.faults().pass_on(place.at, error);
            None
        }
    }
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
    setting: Option<&Setting>,
    digests: &mut BTreeMap<String, Digest>,
) -> Result<Store> {
    let store = memory::read_store(path)?;
    let store = match setting {
        Some(Setting::World(world)) => fill_store(&store, world, path)?,
        Some(Setting::None | Setting::Workspace { .. }) | None => store,
    };
    digests.insert("memory".to_owned(), store.digest());
    Ok(store)
}
