//! What a run was given, kept in its folder and found again, wherever one stands.

use std::{path::Path, sync::Arc};

use crate::{
    cli::commands::settle::asked,
    domain::halt::Halt,
    error::Result,
    files,
    formats::memory::write_store,
    study::asked::{Asked, Network, Typed},
};

/// The folder of a run that holds the stores it was given.
const GIVEN: &str = "given";
/// The file in it that holds what the judge was held against.
const CALIBRATION: &str = "calibration.json";

/// The run of a folder again, with the stores it was given as they were then.
///
/// # Errors
/// As [`asked`].
pub fn asked_again(typed: Typed, folder: &Path, halt: &Arc<Halt>) -> Result<Asked> {
    let given = |name: &str, path: &str| {
        let kept = folder.join(GIVEN).join(name);
        match files::exists(&kept) {
            true => kept.display().to_string(),
            false => path.to_owned(),
        }
    };
    let arm = |arm: &String| match arm.split_once('=') {
        Some((name, path)) => format!("{name}={}", given(&format!("arms/{name}"), path)),
        None => arm.clone(),
    };
    let told = typed.clone();
    let typed = from_elsewhere(typed, folder);
    let places = Typed {
        memory: typed.memory.as_ref().map(|it| given("memory", it)),
        stored: typed.stored.as_ref().map(|it| given("stored", it)),
        arms: typed.arms.iter().map(arm).collect(),
        calibration: typed.calibration.as_ref().map(|it| given(CALIBRATION, it)),
        ..typed
    };
    Ok(Asked {
        typed: told,
        ..asked(places, halt)?
    })
}

/// What was typed in a folder above the run's, as it is read from here: a run can be used wherever one stands.
fn from_elsewhere(typed: Typed, folder: &Path) -> Typed {
    let suite = Path::new(&typed.suite);
    if suite.is_absolute() || files::exists(suite) {
        return typed;
    }
    let Ok(folder) = std::path::absolute(folder) else {
        return typed;
    };
    let Some(base) = folder.ancestors().find(|it| files::exists(&it.join(suite))) else {
        return typed;
    };
    let there = |path: &String| base.join(path).display().to_string();
    Typed {
        base: Some(base.to_owned()),
        suite: there(&typed.suite),
        memory: typed.memory.as_ref().map(there),
        stored: typed.stored.as_ref().map(there),
        calibration: typed.calibration.as_ref().map(there),
        reuse: typed.reuse.iter().map(there).collect(),
        network: Network {
            models: typed.network.models.as_ref().map(there),
            ..typed.network
        },
        ..typed
    }
}

/// Keeps the stores a run is given, so that it can be read again after they have changed.
///
/// # Errors
/// The disk fails, or a store cannot stand in a folder.
pub fn keep_given(asked: &Asked, folder: &Path) -> Result<()> {
    let place = folder.join(GIVEN);
    if let Some(store) = &asked.memory {
        write_store(store, &place.join("memory"))?;
    }
    if asked.typed.stored.is_some() {
        write_store(&asked.suite.memory, &place.join("stored"))?;
    }
    if let Some(calibration) = &asked.calibration {
        files::create_folder(&place)?;
        files::write(&place.join(CALIBRATION), calibration.text()?.as_bytes())?;
    }
    for (name, store) in &asked.extra {
        write_store(store, &place.join("arms").join(name.as_str()))?;
    }
    Ok(())
}
