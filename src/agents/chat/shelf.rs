//! Notes as files of a workspace: each where its shape is looked for, and taken away again before the work is judged.

use std::path::Path;

use crate::{
    domain::memory::Store,
    files::{Barred, Confined},
};

/// Where skills are looked for.
const SKILLS: &str = ".claude/skills";
/// Where everything else lies.
const REST: &str = "memory";
/// Files that are looked for at the top of a workspace.
const AT_TOP: [&str; 2] = ["CLAUDE.md", "AGENTS.md"];

/// Files put into a workspace.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    put: Vec<(String, String)>,
}

/// Where the file of a store stands in a workspace: `CLAUDE.md` and `AGENTS.md` at its top, skills in
/// `.claude/skills/NAME`, everything else in `memory`.
pub(super) fn place(store: &Store, path: &str) -> String {
    let inner = path.trim_start_matches('/');
    if AT_TOP.contains(&inner) {
        return inner.to_owned();
    }
    let folder_of = |path: &str| -> Option<String> {
        let (folder, name) = path.rsplit_once('/')?;
        name.eq_ignore_ascii_case("SKILL.md")
            .then(|| folder.to_owned())
    };
    let skills = store.entries.iter().filter_map(|it| folder_of(&it.path));
    // The innermost skill a file belongs to.
    let skill = skills
        .filter(|it| {
            path.strip_prefix(it.as_str())
                .is_some_and(|it| it.starts_with('/'))
        })
        .max_by_key(String::len);
    match skill {
        Some(folder) => {
            let name = folder.trim_start_matches('/').trim_start_matches("skills/");
            let name = match name {
                "" => "skill".to_owned(),
                name => name.replace('/', "-"),
            };
            format!("{SKILLS}/{name}{}", &path[folder.len()..])
        }
        None => format!("{REST}/{inner}"),
    }
}

impl Shelf {
    /// Puts the files of `given`, a part of `store`, into a workspace.
    ///
    /// # Errors
    /// In words: a file of the suite stands there already, or the disk fails.
    pub fn put(store: &Store, given: &Store, folder: &Path) -> Result<Self, String> {
        let room = opened(folder)?;
        let mut shelf = Self::default();
        for entry in &given.entries {
            let place = place(store, &entry.path);
            match room.kind(Path::new(&place)) {
                Err(Barred::Missing) => {}
                _ => {
                    return Err(format!(
                        "the workspace has a `{place}` of its own, where a note is to stand: give notes by another \
                         `--delivery`"
                    ));
                }
            }
            room.write(Path::new(&place), entry.text.as_bytes())
                .map_err(|fault| format!("a note could not be put at `{place}`: {fault:?}"))?;
            shelf.put.push((place, entry.text.clone()));
        }
        Ok(shelf)
    }

    /// Takes away what was put there, so that all arms are judged alike. What the agent has changed is its own work, and
    /// stays.
    pub fn take_away(self, folder: &Path) -> Result<(), String> {
        let room = opened(folder)?;
        for (place, text) in self.put {
            let path = Path::new(&place);
            if room.read(path, text.len() as u64).ok().as_deref() == Some(text.as_bytes()) {
                room.remove(path)
                    .map_err(|fault| format!("`{place}` could not be taken away: {fault:?}"))?;
            }
        }
        Ok(())
    }
}

fn opened(folder: &Path) -> Result<Confined, String> {
    Confined::open(folder).map_err(|fault| format!("the workspace cannot be opened: {fault:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::memory::Entry,
        files::{TemporaryFolder, exists, read_text, write},
    };

    fn store(files: &[&str]) -> Store {
        let entry = |path: &&str| Entry {
            path: (*path).to_owned(),
            text: format!("text of {path}"),
        };
        Store::new(files.iter().map(entry).collect())
    }

    #[test]
    fn each_file_stands_where_its_shape_is_looked_for() {
        let files = [
            "/CLAUDE.md",
            "/AGENTS.md",
            "/notes.md",
            "/deep/CLAUDE.md",
            "/skills/stamp/SKILL.md",
            "/skills/stamp/forms/red.txt",
            "/other/file/SKILL.md",
        ];
        let store = store(&files);
        assert_eq!(
            files.map(|it| place(&store, it)),
            [
                "CLAUDE.md",
                "AGENTS.md",
                "memory/notes.md",
                "memory/deep/CLAUDE.md",
                ".claude/skills/stamp/SKILL.md",
                ".claude/skills/stamp/forms/red.txt",
                ".claude/skills/other-file/SKILL.md",
            ]
        );
    }

    #[test]
    fn notes_are_taken_away_again_unless_they_were_changed_and_no_file_of_the_suite_is_overwritten()
    {
        let folder = TemporaryFolder::create("shelf").unwrap();
        let given = store(&["/CLAUDE.md", "/notes.md"]);
        let shelf = Shelf::put(&given, &given, folder.path()).unwrap();
        let note = folder.path().join("memory/notes.md");
        assert_eq!(read_text(&note).unwrap(), "text of /notes.md");
        write(&note, b"mine").unwrap();
        shelf.take_away(folder.path()).unwrap();
        assert!(!exists(&folder.path().join("CLAUDE.md")));
        assert_eq!(read_text(&note).unwrap(), "mine");
        let told = Shelf::put(&given, &given, folder.path()).unwrap_err();
        assert!(
            told.contains("has a `memory/notes.md` of its own"),
            "{told}"
        );
    }
}
