//! The memory tool, `memory_20250818`: six commands on a trial's own copy of its notes, under `/memories`.
//!
//! The copy lives in memory and is thrown away with the trial: what is written there reaches neither the store nor the
//! next trial. Writing is allowed, in every arm alike, since providers tell a model that has this tool to save its
//! progress: a refusal would cost steps and would be one more thing that is measured.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    agents::hands::memory_texts::{line_at, numbered, path, sized, text},
    chat::Tool,
    domain::memory::Store,
    environment::workspace::cut,
};

/// The tool's name.
pub(in crate::agents) const MEMORY: &str = "memory";
/// The folder that holds everything.
pub(in crate::agents) const ROOT: &str = "/memories";
/// The type by which Anthropic's models know the tool.
const BUILT_IN: &str = "memory_20250818";
/// Most files a trial may have.
const MOST_FILES: usize = 10_000;
/// Most bytes of one file.
const LARGEST_FILE: usize = 1 << 20;
/// Lines shown around an edit.
const AROUND: usize = 4;
/// Levels a listing goes down.
const DEPTH: usize = 2;

/// What a call came to, or why it was not done.
type Said = Result<String, String>;

/// The notes of one trial, as it may change them.
#[derive(Debug, Default)]
pub(in crate::agents) struct Memories {
    /// Texts by whole path.
    files: BTreeMap<String, String>,
}

/// The tool as a model is shown it.
pub(in crate::agents) fn tool() -> Tool {
    let text = |about: &str| json!({"type": "string", "description": about});
    Tool {
        name: MEMORY.to_owned(),
        about: "Looks into and changes the files of your memory folder, /memories. Commands: view (a folder, or a file \
                with line numbers), create (writes a whole file, in the place of one that is there), str_replace (a \
                text that stands in the file once), insert (after a line; 0 is the top), delete, rename."
            .to_owned(),
        schema: json!({
            "type": "object",
            "properties": {
                "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert", "delete", "rename"]},
                "path": text("a file or folder, from /memories on; not for rename"),
                "view_range": {
                    "type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2,
                    "description": "view: first and last line, from 1; a last line of -1 is the end",
                },
                "file_text": text("create: the whole text"),
                "old_str": text("str_replace: the text to replace"),
                "new_str": text("str_replace: what takes its place; left out, the text is deleted"),
                "insert_line": {"type": "integer", "description": "insert: the line to insert after"},
                "insert_text": text("insert: the text"),
                "old_path": text("rename: what is renamed"),
                "new_path": text("rename: its new path, where nothing stands yet"),
            },
            "required": ["command"],
            "additionalProperties": false,
        }),
        built_in: Some(BUILT_IN),
    }
}

impl Memories {
    /// A copy of what a trial is given.
    pub fn of(given: &Store) -> Self {
        let file = |path: &str, text: &str| (format!("{ROOT}{path}"), text.to_owned());
        let entries = given.entries.iter();
        Self {
            files: entries.map(|it| file(&it.path, &it.text)).collect(),
        }
    }

    /// Makes a call.
    pub fn call(&mut self, input: &Result<Value, String>) -> Said {
        let input = match input {
            Ok(Value::Object(input)) => input,
            Ok(_) => return Err("Error: the input is no JSON object".to_owned()),
            Err(_) => {
                return Err("Error: the input is not valid JSON: send it again, whole".to_owned());
            }
        };
        match text(input, "command")? {
            "view" => self.view(&path(input, "path")?, input.get("view_range")),
            "create" => self.create(path(input, "path")?, text(input, "file_text")?),
            "str_replace" => {
                let new = match input.get("new_str") {
                    None | Some(Value::Null) => "",
                    Some(_) => text(input, "new_str")?,
                };
                self.replace(&path(input, "path")?, text(input, "old_str")?, new)
            }
            "insert" => self.insert(&path(input, "path")?, input),
            "delete" => self.delete(&path(input, "path")?),
            "rename" => self.rename(&path(input, "old_path")?, path(input, "new_path")?),
            other => Err(format!(
                "Error: there is no command `{other}`; commands: view, create, str_replace, insert, delete, rename"
            )),
        }
    }

    fn view(&self, path: &str, range: Option<&Value>) -> Said {
        if let Some(file) = self.files.get(path) {
            return numbered(path, file, range).map(|it| cut(&it));
        }
        if !self.is_folder(path) {
            return Err(missing(path));
        }
        Ok(cut(&self.listing(path)))
    }

    /// The folder and what stands up to two levels below it, with sizes; hidden things are left out.
    fn listing(&self, folder: &str) -> String {
        let mut sizes: BTreeMap<&str, usize> = BTreeMap::from([(folder, 0)]);
        for (path, text) in self.below(folder) {
            let inner = &path[folder.len() + 1..];
            let is_left_out = |part: &str| part.starts_with('.') || part == "node_modules";
            if inner.split('/').any(is_left_out) {
                continue;
            }
            *sizes.entry(folder).or_default() += text.len();
            let ends = inner.match_indices('/').map(|(at, _)| at);
            for end in ends.chain([inner.len()]).take(DEPTH) {
                *sizes.entry(&path[..folder.len() + 1 + end]).or_default() += text.len();
            }
        }
        let mut lines = vec![format!(
            "Here're the files and directories up to 2 levels deep in {folder}, excluding hidden items and node_modules:"
        )];
        lines.extend(
            sizes
                .iter()
                .map(|(path, size)| format!("{}\t{path}", sized(*size))),
        );
        lines.join("\n")
    }

    /// An existing file is overwritten, as the tool tells the model.
    fn create(&mut self, path: String, text: &str) -> Said {
        if self.is_folder(&path) {
            return Err(format!("Error: {path} is a directory"));
        }
        if self.has_file_above(&path) {
            return Err(format!("Error: a part of {path} is a file"));
        }
        if MOST_FILES <= self.files.len() && !self.files.contains_key(&path) {
            return Err(format!("Error: there are {MOST_FILES} files already"));
        }
        let told = format!("File created successfully at: {path}");
        self.put(path, text.to_owned())?;
        Ok(told)
    }

    fn replace(&mut self, path: &str, old: &str, new: &str) -> Said {
        let text = self.file(path)?;
        if old.is_empty() {
            return Err("Error: `old_str` is empty".to_owned());
        }
        let places: Vec<usize> = text.match_indices(old).map(|(at, _)| at).collect();
        let [at] = places.as_slice() else {
            return Err(match places.len() {
                0 => format!(
                    "No replacement was performed, old_str `{old}` did not appear verbatim in {path}."
                ),
                _ => {
                    let lines: Vec<String> = places
                        .iter()
                        .map(|at| line_at(text, *at).to_string())
                        .collect();
                    format!(
                        "No replacement was performed. Multiple occurrences of old_str `{old}` in lines: {}. Please \
                         ensure it is unique",
                        lines.join(", ")
                    )
                }
            });
        };
        let changed = text.replacen(old, new, 1);
        let line = line_at(text, *at);
        let last = line + new.matches('\n').count() + AROUND;
        let snippet: Vec<String> = (1..)
            .zip(changed.split('\n'))
            .filter(|(number, _)| (line.saturating_sub(AROUND)..=last).contains(number))
            .map(|(number, line)| format!("{number:>6}\t{line}"))
            .collect();
        let told = format!("The memory file has been edited.\n{}", snippet.join("\n"));
        self.put(path.to_owned(), changed)?;
        Ok(cut(&told))
    }

    fn insert(&mut self, path: &str, input: &Map<String, Value>) -> Said {
        let text = self.file(path)?;
        let new = self::text(input, "insert_text")?;
        let lines = text.lines().count();
        let line = input.get("insert_line").and_then(Value::as_u64);
        let Some(line) = line
            .and_then(|it| usize::try_from(it).ok())
            .filter(|it| *it <= lines)
        else {
            let told = input.get("insert_line").unwrap_or(&Value::Null);
            return Err(format!(
                "Error: Invalid `insert_line` parameter: {told}. It should be within the range of lines of the file: \
                 [0, {lines}]"
            ));
        };
        let mut kept: Vec<&str> = text.split_inclusive('\n').collect();
        let new = format!("{}\n", new.trim_end_matches('\n'));
        let ended;
        if let Some(above) = line.checked_sub(1)
            && !kept[above].ends_with('\n')
        {
            ended = format!("{}\n", kept[above]);
            kept[above] = &ended;
        }
        kept.insert(line, &new);
        let changed = kept.concat();
        self.put(path.to_owned(), changed)?;
        Ok(format!("The file {path} has been edited."))
    }

    fn delete(&mut self, path: &str) -> Said {
        if path == ROOT {
            return Err(format!("Error: {ROOT} itself cannot be deleted"));
        }
        if self.files.remove(path).is_none() {
            if !self.is_folder(path) {
                return Err(missing(path));
            }
            let prefix = format!("{path}/");
            self.files.retain(|it, _| !it.starts_with(&prefix));
        }
        Ok(format!("Successfully deleted {path}"))
    }

    fn rename(&mut self, old: &str, new: String) -> Said {
        if old == ROOT || new == ROOT {
            return Err(format!("Error: {ROOT} itself cannot be renamed"));
        }
        if self.files.contains_key(&new) || self.is_folder(&new) {
            return Err(format!("Error: The destination {new} already exists"));
        }
        if new.starts_with(&format!("{old}/")) {
            return Err(format!("Error: {new} lies in {old}"));
        }
        let is_under =
            |it: &str| it == old || it.strip_prefix(old).is_some_and(|it| it.starts_with('/'));
        let moved: Vec<String> = self
            .files
            .keys()
            .filter(|it| is_under(it))
            .cloned()
            .collect();
        if moved.is_empty() {
            return Err(missing(old));
        }
        if self.has_file_above(&new) {
            return Err(format!("Error: a part of {new} is a file"));
        }
        for path in moved {
            if let Some(text) = self.files.remove(&path) {
                self.files
                    .insert(format!("{new}{}", &path[old.len()..]), text);
            }
        }
        Ok(format!("Successfully renamed {old} to {new}"))
    }

    fn put(&mut self, path: String, text: String) -> Result<(), String> {
        if LARGEST_FILE < text.len() {
            return Err(format!(
                "Error: a file may have {LARGEST_FILE} bytes, and this one would have {}",
                text.len()
            ));
        }
        self.files.insert(path, text);
        Ok(())
    }

    fn file(&self, path: &str) -> Result<&str, String> {
        match self.files.get(path) {
            Some(text) => Ok(text),
            None if self.is_folder(path) => Err(format!("Error: {path} is a directory")),
            None => Err(missing(path)),
        }
    }

    /// The root is there even where it is empty.
    fn is_folder(&self, path: &str) -> bool {
        path == ROOT || self.below(path).next().is_some()
    }

    fn below(&self, folder: &str) -> impl Iterator<Item = (&String, &String)> {
        let prefix = format!("{folder}/");
        let from = self.files.range(prefix.clone()..);
        from.take_while(move |(path, _)| path.starts_with(&prefix))
    }

    fn has_file_above(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at);
        ends.filter(|at| 0 < *at)
            .any(|at| self.files.contains_key(&path[..at]))
    }
}

fn missing(path: &str) -> String {
    format!("The path {path} does not exist. Please provide a valid path.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::memory::Entry;

    fn memories(files: &[(&str, &str)]) -> Memories {
        let entry = |(path, text): &(&str, &str)| Entry {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Memories::of(&Store::new(files.iter().map(entry).collect()))
    }

    fn call(memories: &mut Memories, input: Value) -> Said {
        memories.call(&Ok(input))
    }

    #[test]
    fn the_first_view_of_an_empty_root_is_a_listing_and_no_error() {
        let said = call(
            &mut memories(&[]),
            json!({"command": "view", "path": "/memories"}),
        );
        assert_eq!(
            said.unwrap(),
            "Here're the files and directories up to 2 levels deep in /memories, excluding hidden items and \
             node_modules:\n0B\t/memories"
        );
    }

    #[test]
    fn a_listing_goes_two_levels_down_and_tells_sizes() {
        let long = "x".repeat(5_632);
        let mut held = memories(&[
            ("/a/b/c.md", &long),
            ("/a/d.md", "one"),
            ("/.hidden", "x"),
            ("/z.md", "12"),
        ]);
        assert_eq!(
            call(&mut held, json!({"command": "view", "path": "/memories/"})).unwrap(),
            "Here're the files and directories up to 2 levels deep in /memories, excluding hidden items and \
             node_modules:\n5.5K\t/memories\n5.5K\t/memories/a\n5.5K\t/memories/a/b\n3B\t/memories/a/d.md\n2B\t/memories/z.md"
        );
    }

    #[test]
    fn the_six_commands_answer_as_the_reference_does() {
        let mut held = memories(&[("/a.md", "one\ntwo\nthree")]);
        let mut say = |input: Value| call(&mut held, input).unwrap();
        assert_eq!(
            say(json!({"command": "view", "path": "/memories/a.md", "view_range": [2, -1]})),
            "Here's the content of /memories/a.md with line numbers:\n     2\ttwo\n     3\tthree"
        );
        assert_eq!(
            say(
                json!({"command": "str_replace", "path": "/memories/a.md", "old_str": "two", "new_str": "2"})
            ),
            "The memory file has been edited.\n     1\tone\n     2\t2\n     3\tthree"
        );
        assert_eq!(
            say(
                json!({"command": "insert", "path": "/memories/a.md", "insert_line": 3, "insert_text": "four\n"})
            ),
            "The file /memories/a.md has been edited."
        );
        assert_eq!(
            say(
                json!({"command": "insert", "path": "/memories/a.md", "insert_line": 0, "insert_text": "zero"})
            ),
            "The file /memories/a.md has been edited."
        );
        assert_eq!(
            say(json!({"command": "view", "path": "/memories/a.md"})),
            "Here's the content of /memories/a.md with line numbers:\n     1\tzero\n     2\tone\n     3\t2\n     4\tthree\n     5\tfour"
        );
        assert_eq!(
            say(
                json!({"command": "rename", "old_path": "/memories/a.md", "new_path": "/memories/b/c.md"})
            ),
            "Successfully renamed /memories/a.md to /memories/b/c.md"
        );
        assert_eq!(
            say(json!({"command": "delete", "path": "/memories/b"})),
            "Successfully deleted /memories/b"
        );
        assert!(held.files.is_empty());
    }

    #[test]
    fn trap_29_a_missing_new_text_deletes_and_create_overwrites_and_every_path_is_checked() {
        let mut held = memories(&[("/a.md", "one two")]);
        call(
            &mut held,
            json!({"command": "str_replace", "path": "/memories/a.md", "old_str": " two"}),
        )
        .unwrap();
        assert_eq!(held.files["/memories/a.md"], "one");
        assert_eq!(
            call(
                &mut held,
                json!({"command": "create", "path": "/memories/a.md", "file_text": "new"})
            )
            .unwrap(),
            "File created successfully at: /memories/a.md"
        );
        assert_eq!(held.files["/memories/a.md"], "new");
        for path in [
            "/memories/../etc/passwd",
            "/memories/%2e%2e/etc/passwd",
            "/memories/%2E%2E%2Fetc",
            "/memories\\..\\etc",
            "/memoriesx/a.md",
            "/etc/passwd",
            "memories/a.md",
            "a.md",
            "",
            "/memories/a\0.md",
        ] {
            let told = format!("Error: `{path}` is no path below /memories");
            for input in [
                json!({"command": "view", "path": path}),
                json!({"command": "create", "path": path, "file_text": "x"}),
                json!({"command": "delete", "path": path}),
                json!({"command": "rename", "old_path": "/memories/a.md", "new_path": path}),
            ] {
                assert_eq!(call(&mut held, input).unwrap_err(), told);
            }
        }
        assert_eq!(held.files.keys().collect::<Vec<_>>(), ["/memories/a.md"]);
        assert!(
            call(
                &mut held,
                json!({"command": "view", "path": "/memories//./a.md"})
            )
            .is_ok()
        );
    }

    #[test]
    fn what_cannot_be_done_is_an_error_and_changes_nothing() {
        let mut held = memories(&[("/a.md", "x\nx"), ("/d/e.md", "y")]);
        let before = held.files.clone();
        let mut told = |input: Value| call(&mut held, input).unwrap_err();
        assert_eq!(
            told(json!({"command": "delete", "path": "/memories"})),
            "Error: /memories itself cannot be deleted"
        );
        assert_eq!(
            told(json!({"command": "rename", "old_path": "/memories/", "new_path": "/memories/x"})),
            "Error: /memories itself cannot be renamed"
        );
        assert_eq!(
            told(
                json!({"command": "rename", "old_path": "/memories/a.md", "new_path": "/memories/d"})
            ),
            "Error: The destination /memories/d already exists"
        );
        assert_eq!(
            told(json!({"command": "view", "path": "/memories/b.md"})),
            "The path /memories/b.md does not exist. Please provide a valid path."
        );
        assert_eq!(
            told(
                json!({"command": "str_replace", "path": "/memories/a.md", "old_str": "x", "new_str": "y"})
            ),
            "No replacement was performed. Multiple occurrences of old_str `x` in lines: 1, 2. Please ensure it is unique"
        );
        assert!(
            told(json!({"command": "str_replace", "path": "/memories/a.md", "old_str": "z"}))
                .contains("verbatim")
        );
        assert!(told(json!({"command": "insert", "path": "/memories/a.md", "insert_line": 3, "insert_text": "z"})).contains("[0, 2]"));
        assert!(
            told(json!({"command": "create", "path": "/memories/a.md/b", "file_text": "z"}))
                .contains("is a file")
        );
        assert!(
            told(json!({"command": "create", "path": "/memories/d", "file_text": "z"}))
                .contains("is a directory")
        );
        assert!(
            told(
                json!({"command": "rename", "old_path": "/memories/d", "new_path": "/memories/d/f"})
            )
            .contains("lies in")
        );
        assert!(told(json!({"command": "fly"})).contains("there is no command `fly`"));
        assert!(told(json!({})).contains("`command` is missing"));
        assert!(held.call(&Err("{".to_owned())).is_err());
        assert_eq!(held.files, before);
    }

    #[test]
    fn a_view_is_cut_at_sixteen_thousand_characters() {
        let mut held = memories(&[("/a.md", &"é".repeat(20_000))]);
        let said = call(
            &mut held,
            json!({"command": "view", "path": "/memories/a.md"}),
        )
        .unwrap();
        assert!(said.chars().count() < 16_100 && said.contains("left out"));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_called_nothing_breaks_and_every_file_stays_below_the_root(
            calls in proptest::collection::vec(
                (
                    "view|create|str_replace|insert|delete|rename",
                    proptest::array::uniform2("/memories(/(a|b|é|[.]{1,2}|%2e)){0,3}/?"),
                    proptest::array::uniform2("[a\n é]{0,4}"),
                    -2_i64..6,
                ),
                0..12,
            ),
        ) {
            let mut held = memories(&[("/a", "a\né"), ("/b/a", "")]);
            for (command, [path, other], [text, new], number) in calls {
                let _ = call(&mut held, json!({
                    "command": command, "path": path, "old_path": path, "new_path": other,
                    "file_text": text, "old_str": text, "new_str": new, "insert_text": new,
                    "insert_line": number, "view_range": [number, number + 1],
                }));
                let paths: Vec<&String> = held.files.keys().collect();
                for path in &paths {
                    assert!(path.starts_with("/memories/") && !path.contains("..") && !path.contains('%'));
                    assert!(!paths.iter().any(|it| it.starts_with(&format!("{path}/"))), "{paths:?}");
                }
            }
        }
    }
}
