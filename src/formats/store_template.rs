//! Placeholders in a suite's memory, filled from its world, so that another world has a store just as true.
//!
//! `{{remedy:ID}}` is the line that mends quirk ID; `{{wrong:ID}}` has the remedy of another quirk in its place;
//! `{{bare:ID}}` is the remedy without its condition, true in one place and said of all.

use std::path::Path;

use crate::{
    domain::{
        memory::{Entry, Store},
        world::{Quirk, Remedy, World},
    },
    error::{Error, Result, did_you_mean},
};

/// Refuses a store with placeholders, which only a suite fills.
///
/// # Errors
/// It has one.
pub fn check_filled(store: &Store, path: &Path) -> Result<()> {
    let kinds = ["{{remedy:", "{{wrong:", "{{bare:"];
    for entry in &store.entries {
        let found = kinds.iter().filter_map(|it| entry.text.find(it)).min();
        if let Some(at) = found {
            let line = 1 + entry.text[..at].matches('\n').count();
            return Err(Error::input(
                "this memory has placeholders that only a suite fills, from its world",
            )
            .in_file(&path.join(entry.path.trim_start_matches('/')))
            .at(line, 1)
            .mend("name the store a run of that suite left: `RUN/memory/stored`"));
        }
    }
    Ok(())
}

/// Fills every placeholder of a store.
///
/// # Errors
/// A placeholder names no quirk of the world, or is none of the three.
pub fn fill_store(store: &Store, world: &World, path: &Path) -> Result<Store> {
    let mut entries = Vec::new();
    for entry in &store.entries {
        let place = path.join(entry.path.trim_start_matches('/'));
        entries.push(Entry {
            path: entry.path.clone(),
            text: fill_text(&entry.text, world).map_err(|(at, error)| {
                let line = 1 + entry.text[..at].matches('\n').count();
                error.in_file(&place).at(line, 1)
            })?,
        });
    }
    Ok(Store::new(entries))
}

fn fill_text(text: &str, world: &World) -> std::result::Result<String, (usize, Error)> {
    let mut filled = String::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("{{") {
        let start = at + found;
        filled.push_str(&text[at..start]);
        let Some(length) = text[start..].find("}}") else {
            return Err((start, Error::input("a `{{` of this memory is never closed")));
        };
        let inside = &text[start + 2..start + length];
        filled.push_str(&line(inside, world).map_err(|error| (start, error))?);
        at = start + length + 2;
    }
    filled.push_str(&text[at..]);
    Ok(filled)
}

fn line(inside: &str, world: &World) -> Result<String> {
    let (kind, id) = inside.split_once(':').unwrap_or((inside, ""));
    let Some(quirk) = world.quirks.iter().find(|quirk| quirk.id == id) else {
        let known = world.quirks.iter().map(|quirk| quirk.id.as_str());
        return Err(Error::input(format!("the world has no quirk `{id}`"))
            .mend(did_you_mean(id, "quirks", known)));
    };
    let book = &world.handbook;
    match kind {
        "remedy" => Ok(book.line(quirk.tool, &quirk.when, quirk.remedy)),
        "wrong" => Ok(book.line(quirk.tool, &quirk.when, wrong_remedy(quirk, world))),
        "bare" => Ok(book.line(quirk.tool, &[], quirk.remedy)),
        other => Err(
            Error::input(format!("a placeholder cannot be `{other}`")).mend(did_you_mean(
                other,
                "placeholders",
                ["remedy", "wrong", "bare"],
            )),
        ),
    }
}

/// A remedy that is right for another quirk: the next of its kind at the same tool, or anywhere.
pub fn wrong_remedy(quirk: &Quirk, world: &World) -> Remedy {
    match quirk.remedy {
        Remedy::With { argument, value } => {
            let count = world.handbook.tools[quirk.tool].arguments[argument]
                .values
                .len();
            Remedy::With {
                argument,
                value: (value + 1) % count.max(1),
            }
        }
        Remedy::Before { tool } => {
            let others: Vec<usize> = world
                .quirks
                .iter()
                .filter_map(|it| match it.remedy {
                    Remedy::Before { tool: other } if other != tool => Some(other),
                    _ => None,
                })
                .collect();
            let own = world
                .quirks
                .iter()
                .position(|it| it.id == quirk.id)
                .unwrap_or(0);
            let other = others.get(own % others.len().max(1)).copied();
            Remedy::Before {
                tool: other.unwrap_or(tool),
            }
        }
        Remedy::Instead { .. } => Remedy::Instead { tool: quirk.tool },
    }
}
