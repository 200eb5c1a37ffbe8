//! A part of a store: the bytes of some of its learnings, where they stood.

use crate::domain::memory::{Entry, Learning, Learnings, Store};
use crate::formats::memory::{learnings, skill, skill_folders};

/// The store with these of its learnings alone; no bytes of any other are in it.
///
/// With all of them it is the store itself. A file whose every learning is given stands whole; of others the given
/// learnings stand one below the other. Files that hold no learning go along with any, those beside a skill with it.
/// Without a learning it is empty.
pub fn part(store: &Store, given: &[&Learning]) -> Store {
    let all = learnings(store);
    let is_given = |it: &Learning| given.iter().any(|given| given.id == it.id);
    if given.is_empty() {
        return Store::default();
    }
    if all.learnings.iter().all(is_given) {
        return store.clone();
    }
    let left_out: Vec<&str> = all
        .learnings
        .iter()
        .filter(|it| !is_given(it))
        .filter_map(|it| skill::folder_of(&it.source.path))
        .collect();
    let skills: Vec<&str> = skill_folders(store)
        .into_iter()
        .filter(|it| left_out.contains(it))
        .collect();
    let is_beside = |path: &str| {
        skills
            .iter()
            .any(|it| path.strip_prefix(it).is_some_and(|it| it.starts_with('/')))
    };
    let entries = store
        .entries
        .iter()
        .filter(|it| !is_beside(&it.path))
        .filter_map(|entry| part_of(entry, &all, &is_given))
        .collect();
    Store::new(entries)
}

/// What is given of a file, if anything is.
fn part_of(entry: &Entry, all: &Learnings, is_given: &dyn Fn(&Learning) -> bool) -> Option<Entry> {
    let own = || {
        all.learnings
            .iter()
            .filter(|it| it.source.path == entry.path)
    };
    // A copy of a learning counts for the one that stands elsewhere, which may not be given.
    let has_copies = all.duplicates.iter().any(|(path, _)| *path == entry.path);
    if !has_copies && own().all(is_given) {
        return Some(entry.clone());
    }
    let mut text = String::new();
    for learning in own().filter(|it| is_given(it)) {
        text.push_str(entry.text.get(learning.source.span.clone())?);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    (!text.is_empty()).then(|| Entry {
        path: entry.path.clone(),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(files: &[(&str, &str)]) -> Store {
        let entry = |(path, text): &(&str, &str)| Entry {
            path: (*path).into(),
            text: (*text).into(),
        };
        Store::new(files.iter().map(entry).collect())
    }

    fn given(store: &Store, texts: &[&str]) -> Store {
        let all = learnings(store).learnings;
        let chosen: Vec<&Learning> = all
            .iter()
            .filter(|it| texts.iter().any(|text| it.text.contains(text)))
            .collect();
        part(store, &chosen)
    }

    #[test]
    fn a_part_holds_the_given_learnings_and_no_byte_of_another() {
        let whole = store(&[
            ("/a.md", "# T\n- one\n- two\n- three"),
            ("/b.md", "- four\n- one\n"),
            ("/data.json", "{}"),
            ("/s/SKILL.md", "---\nname: s\ndescription: d\n---\nfive\n"),
            ("/s/run.sh", "echo\n"),
        ]);
        let everything = ["one", "two", "three", "four", "five"];
        assert_eq!(given(&whole, &everything), whole);
        assert_eq!(given(&whole, &[]), Store::default());
        assert_eq!(
            given(&whole, &["two", "three"]),
            store(&[("/a.md", "- two\n- three\n"), ("/data.json", "{}")])
        );
        assert_eq!(
            given(&whole, &["four"]),
            store(&[("/b.md", "- four\n"), ("/data.json", "{}")])
        );
        assert_eq!(
            given(&whole, &["five"]),
            store(&[
                ("/data.json", "{}"),
                ("/s/SKILL.md", "---\nname: s\ndescription: d\n---\nfive\n"),
                ("/s/run.sh", "echo\n"),
            ])
        );
    }
}
