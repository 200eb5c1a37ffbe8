//! A program as it is named on the command line: its words, what is run, and the name it has in fingerprints.

use std::path::{Path, PathBuf};

use crate::{
    domain::id::Digest,
    error::{Error, Result, printable},
    files,
    process::inherited,
};

/// What the name of a program begins with, where an agent or a dreamer is asked for.
pub const PREFIX: &str = "command:";
/// Programs that run a file, by how their names begin, and how the names of such files end.
const INTERPRETERS: [&str; 7] = ["python", "sh", "bash", "node", "ruby", "perl", "deno"];
const SCRIPTS: [&str; 7] = [".py", ".sh", ".js", ".mjs", ".ts", ".rb", ".pl"];
/// Largest file that takes part in a program's digest, in bytes.
const LARGEST: u64 = 64 << 20;

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The words as they were typed.
    words: Vec<String>,
    /// The words as they are run: files with their whole path, since programs run in a folder of their own.
    pub run: Vec<String>,
    /// Digest over the words and the files they name.
    digest: Digest,
}

impl Program {
    /// Reads what follows `command:`: words as a shell would split them (quotes and backslashes are understood, nothing
    /// else is), or a JSON array of words.
    ///
    /// # Errors
    /// Usage: there is no word, a quote is not closed, or the array is not one of texts.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_in(text, Path::new(""))
    }

    /// As [`Program::parse`], for words that were typed in another folder.
    ///
    /// # Errors
    /// As there.
    pub fn parse_in(text: &str, folder: &Path) -> Result<Self> {
        let words = match text.trim_start().starts_with('[') {
            true => serde_json::from_str(text).map_err(|fault| {
                Error::usage(
                    "what follows `command:` begins like a JSON array and is none of texts",
                )
                .because(fault)
                .mend("write it as in `command:[\"python3\", \"agent.py\"]`")
            })?,
            false => split(text)?,
        };
        match words.first() {
            None => return Err(no_program()),
            Some(first) if first.is_empty() => return Err(no_program()),
            Some(_) => {}
        }
        if words.iter().any(|it| it.contains('\0')) {
            return Err(Error::usage("a word after `command:` holds a zero byte"));
        }
        Ok(Self::of(words, folder))
    }

    /// The same program, if it can be started.
    ///
    /// # Errors
    /// Usage: it is not there, or may not be run.
    pub fn found(self) -> Result<Self> {
        let name = self.called();
        let file = Path::new(&self.run[0]);
        if !file.is_file() {
            return Err(Error::usage(format!("there is no program `{name}`")).mend(
                "is it installed and on the PATH? a path is taken from the folder you are in",
            ));
        }
        let interpreter = file
            .file_name()
            .and_then(|it| it.to_str())
            .unwrap_or_default();
        // A file that was found stands in `run` by its whole path.
        let script = self.run[1..].iter().find(|it| !it.starts_with('-'));
        if let Some(script) = script
            && INTERPRETERS.iter().any(|it| interpreter.starts_with(it))
            && SCRIPTS.iter().any(|it| script.ends_with(it))
            && !Path::new(script).is_file()
        {
            return Err(
                Error::usage(format!("there is no file `{script}` for `{name}` to run"))
                    .mend("a path is taken from the folder you are in"),
            );
        }
        match rustix::fs::access(file, rustix::fs::Access::EXEC_OK) {
            Ok(()) => Ok(self),
            Err(_) => Err(Error::usage(format!("`{name}` is no program")).mend(format!(
                "make it executable (`chmod +x {name}`), or name what runs it, as in `command:python3 {name}`"
            ))),
        }
    }

    fn of(words: Vec<String>, folder: &Path) -> Self {
        let mut run = words.clone();
        let mut parts: Vec<Vec<u8>> = words.iter().map(|it| it.clone().into_bytes()).collect();
        for (index, word) in words.iter().enumerate() {
            let found = match index {
                0 => locate(word).map(|it| folder.join(it)),
                _ => Some(folder.join(word)),
            };
            let Some(file) = found.filter(|it| it.is_file()) else {
                continue;
            };
            if let Ok(bytes) = files::read_bytes(&file, LARGEST) {
                parts.push(format!("{index} {}", Digest::of(&bytes)).into_bytes());
            }
            if let Some(whole) = whole(&file) {
                run[index] = whole;
            }
        }
        Self {
            digest: Digest::of_parts(parts.iter().map(Vec::as_slice)),
            words,
            run,
        }
    }

    /// The program's words and the beginning of a digest over them and the files they name: a changed program is another.
    pub fn name(&self) -> String {
        let words = printable(&self.words.join(" ")).replace(['\n', '\t'], " ");
        format!("{PREFIX}{words} ({})", self.digest.short())
    }

    /// What it is called in faults.
    pub fn called(&self) -> &str {
        &self.words[0]
    }
}

fn no_program() -> Error {
    Error::usage("`command:` names no program")
        .mend("write the program and its arguments behind it, as in `command:python3 agent.py`")
}

fn whole(file: &Path) -> Option<String> {
    let path = std::path::absolute(file).ok()?;
    path.into_os_string().into_string().ok()
}

/// Where a program lies: at its path, or in the first folder of `PATH` that has a file of its name.
pub(super) fn locate(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program));
    }
    let path = inherited("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|it| it.is_file())
}

/// Splits a text into words: quotes hold words together, a backslash takes the next character as it is.
fn split(text: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => {
                let inside = quoted(&mut letters, letter).ok_or_else(|| {
                    Error::usage(format!("a quote ({letter}) is not closed in `{text}`"))
                        .mend("close it, or write the words as a JSON array")
                })?;
                word.get_or_insert_default().push_str(&inside);
            }
            '\\' => word.get_or_insert_default().extend(letters.next()),
            letter if letter.is_whitespace() => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Ok(words)
}

/// What stands up to the closing quote; `None` where there is none.
fn quoted(letters: &mut std::str::Chars<'_>, quote: char) -> Option<String> {
    let mut inside = String::new();
    loop {
        match letters.next()? {
            it if it == quote => return Some(inside),
            '\\' if quote == '"' => match letters.next()? {
                it @ ('"' | '\\' | '$' | '`') => inside.push(it),
                it => inside.extend(['\\', it]),
            },
            it => inside.push(it),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_would() {
        let words = |text: &str| Program::parse(text).unwrap().words;
        assert_eq!(words(" a  b\tc "), ["a", "b", "c"]);
        assert_eq!(
            words(r#"a 'b "c' "d'e\"f\n" g\ h '' i"j"k"#),
            ["a", "b \"c", "d'e\"f\\n", "g h", "", "ijk"]
        );
        assert_eq!(words("a $HOME *.rs;b"), ["a", "$HOME", "*.rs;b"]);
        assert_eq!(words(r#" ["a b", "c"]"#), ["a b", "c"]);
    }

    #[test]
    fn what_is_no_program_is_refused_with_the_right_way() {
        let what = |text: &str| Program::parse(text).unwrap_err().what().to_owned();
        assert_eq!(what("  "), "`command:` names no program");
        assert_eq!(what("[]"), "`command:` names no program");
        assert_eq!(what("a 'b"), "a quote (') is not closed in `a 'b`");
        assert_eq!(
            what("[\"a\", 1]"),
            "what follows `command:` begins like a JSON array and is none of texts"
        );
    }

    #[test]
    fn a_changed_file_is_another_program_and_is_run_by_its_whole_path() {
        let folder = files::TemporaryFolder::create("program").unwrap();
        let script = folder.path().join("agent.sh");
        files::write(&script, b"echo 1").unwrap();
        let text = format!("sh {} --fast", script.display());
        let one = Program::parse(&text).unwrap();
        assert_eq!(one.run[1], script.display().to_string());
        assert!(one.run[0].ends_with("/sh") && one.name().starts_with("command:sh /"));
        assert_eq!(Program::parse(&text).unwrap().name(), one.name());
        files::write(&script, b"echo 2").unwrap();
        assert_ne!(Program::parse(&text).unwrap().name(), one.name());
    }
}
