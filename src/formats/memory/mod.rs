//! Memory stores in every shape we read: which files hold learnings, and where each learning stands, byte for byte.

mod export;
mod folder;
mod front_matter;
mod markdown;
mod part;
mod pieces;
mod playbook;
mod rules;
mod skill;
mod value;

pub use export::export_json;
pub use folder::{check_replace, read_store, replace_store, write_store};
pub use part::part;
pub use playbook::{Playbook, read_playbook, render_playbook};
pub use rules::{
    CONTENT_BYTES, ENTRIES, PATH_BYTES, SEGMENTS, is_control_or_format, split_unwritable,
};

use crate::domain::memory::{Entry, Learnings, Store};
use crate::error::Error;
use crate::formats::memory::pieces::{Gatherer, Pieces, start_of};
use crate::formats::memory::rules::Origin;

/// Endings of files that hold data or programs, in which no learnings are looked for.
const DATA_ENDINGS: [&str; 20] = [
    "json", "jsonl", "ndjson", "yaml", "yml", "toml", "xml", "html", "htm", "css", "csv", "tsv",
    "py", "js", "ts", "sh", "rs", "sql", "svg", "lock",
];

/// The learnings of a store, in store order.
///
/// Never fails: a file whose front matter cannot be read (which [`read_store`] refuses) counts as not understood, line
/// by line.
pub fn learnings(store: &Store) -> Learnings {
    let skills = skill_folders(store);
    let mut gatherer = Gatherer::default();
    for entry in &store.entries {
        gatherer.add(entry, pieces_of(entry, &skills).unwrap_or_default());
    }
    gatherer.finish()
}

/// What keeps the files of a store from being read as the shape they have.
fn shape_faults(store: &Store, origin: Origin<'_>) -> Vec<Error> {
    let skills = skill_folders(store);
    let mut faults = Vec::new();
    for entry in &store.entries {
        let found = pieces_of(entry, &skills).err().unwrap_or_default();
        let file = origin.file(&entry.path);
        faults.extend(found.into_iter().map(|it| it.in_file(&file)));
    }
    faults
}

/// Recognises the shape of one file and reads it.
fn pieces_of(entry: &Entry, skills: &[&str]) -> Result<Pieces, Vec<Error>> {
    let text = &entry.text;
    if let Some(folder) = skill::folder_of(&entry.path) {
        return skill::pieces(folder, text);
    }
    let is_beside_a_skill = skills.iter().any(|it| {
        entry
            .path
            .strip_prefix(it)
            .is_some_and(|rest| rest.starts_with('/'))
    });
    if is_beside_a_skill || is_data(&entry.path) {
        return Ok(Pieces::default());
    }
    match front_matter::read(text, &playbook::KEYS) {
        Some(matter) if matter.end.is_none() || playbook::is_ours(&matter) => {
            playbook::pieces(text, &matter)
        }
        Some(matter) => Ok(markdown::pieces(text, matter.body)),
        None => Ok(markdown::pieces(text, start_of(text))),
    }
}

fn skill_folders(store: &Store) -> Vec<&str> {
    store
        .entries
        .iter()
        .filter_map(|it| skill::folder_of(&it.path))
        .collect()
}

fn is_data(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    DATA_ENDINGS
        .iter()
        .any(|it| ending.eq_ignore_ascii_case(it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::memory::LearningKind;

    fn read(files: &[(&str, &str)]) -> (Store, Learnings) {
        let entry = |(path, text): &(&str, &str)| Entry {
            path: (*path).into(),
            text: (*text).into(),
        };
        let store = Store::new(files.iter().map(entry).collect());
        let learnings = learnings(&store);
        (store, learnings)
    }

    #[test]
    fn each_shape_gives_its_learnings() {
        let (store, found) = read(&[
            (
                "/deploy/SKILL.md",
                "---\nname: deploy\ndescription: d\n---\nLook first\n",
            ),
            ("/deploy/scripts/run.sh", "echo\n"),
            (
                "/legacy.md",
                "---\nname: legacy\nroles: [associate]\nevidence: [s-1]\n---\ndo convert\n",
            ),
            ("/notes.md", "# Files\n- one\n- two\n"),
            ("/rule.mdc", "---\nglobs: x\n---\nKeep short\n"),
        ]);
        let names: Vec<&str> = found.learnings.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(
            names,
            ["deploy", "legacy", "Files: one", "Files: two", "Keep short"]
        );
        let legacy = &found.learnings[1];
        assert_eq!(
            (legacy.kind, legacy.text.as_str()),
            (LearningKind::Playbook, "do convert")
        );
        assert_eq!(
            (legacy.roles.as_slice(), legacy.evidence.as_slice()),
            (&["associate".into()][..], &["s-1".into()][..])
        );
        assert_eq!(
            store.bytes_of(&legacy.source),
            Some(store.entries[2].text.as_str())
        );
        assert_eq!(store.bytes_of(&found.learnings[3].source), Some("- two"));
        let missed: Vec<&str> = found
            .not_understood
            .iter()
            .map(|it| it.2.as_str())
            .collect();
        assert_eq!(missed, ["echo", "---", "globs: x", "---"]);
    }

    #[test]
    fn the_same_text_is_one_learning_wherever_it_stands_again() {
        let (_, found) = read(&[("/a.md", "- x\n- y\n"), ("/b.md", "# T\n- x\n")]);
        assert_eq!(found.learnings.len(), 2);
        assert_eq!(found.duplicates, [("/b.md".into(), 2)]);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_learning() {
        let (_, found) = read(&[
            ("/a.md", "\u{feff}# T\nx\n"),
            ("/b.md", "\u{feff}---\nname: b\n---\ny\n"),
        ]);
        let texts: Vec<&str> = found.learnings.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts, ["x", "y"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_understood_line_by_line() {
        let (_, found) = read(&[("/a.md", "---\nname: a\nwhen: [b\n---\ny\n")]);
        assert_eq!((found.learnings.len(), found.not_understood.len()), (0, 5));
    }
}
