//! A trial's own folder as an agent works in it: files that are listed, read, written, edited and searched, and commands.
//!
//! Every answer is a text of bounded length. Nothing here leaves the folder, save what a command does: only a sandbox
//! bounds that.

use std::{path::Path, path::PathBuf, time::Duration};

use regex::RegexBuilder;

use crate::{
    error::count,
    files::{Barred, Bounds, Confined, Item, ItemKind},
    process::{self, End, Request, Sandbox},
};

/// Largest file that is read, edited or written, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// Characters of one answer.
const LONGEST_ANSWER: usize = 16_000;
/// Items of a listing.
const LISTED: Bounds = Bounds {
    depth: 4,
    most: 500,
    closed: &CLOSED,
};
/// Items a search looks into.
const SEARCHED: Bounds = Bounds {
    depth: 16,
    most: 5_000,
    closed: &CLOSED,
};
/// Bytes a search reads.
const MOST_READ: usize = 64 << 20;
/// Lines a search finds.
const MOST_FOUND: usize = 100;
/// Characters of a line that was found.
const LONGEST_LINE: usize = 300;
/// Bytes of a pattern once it is made ready.
const LARGEST_PATTERN: usize = 1 << 20;
/// Longest time of one command, in seconds.
const LONGEST_COMMAND: f64 = 120.0;
/// Bytes a command may write before it is stopped.
const MOST_OUTPUT: usize = 4 << 20;
/// Largest file a command may write, in blocks of 512 bytes: 1 GiB.
const MOST_BLOCKS: u32 = 1 << 21;
/// Folders that are named and not gone into.
const CLOSED: [&str; 2] = [".git", "node_modules"];

/// A call's answer, or why it was not done; both are for the agent.
pub type Said = Result<String, String>;

/// A trial's own folder.
#[derive(Debug)]
pub struct Workspace {
    folder: PathBuf,
    room: Confined,
    /// Where commands run, where they may not run free.
    sandbox: Option<Sandbox>,
}

impl Workspace {
    /// The workspace in this folder.
    ///
    /// # Errors
    /// In words: the folder cannot be opened.
    pub fn open(folder: &Path, sandbox: Option<Sandbox>) -> Result<Self, String> {
        let room = Confined::open(folder)
            .map_err(|fault| format!("the workspace cannot be opened: {fault:?}"))?;
        Ok(Self {
            folder: folder.to_owned(),
            room,
            sandbox,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What stands in a folder and below, with sizes.
    ///
    /// # Errors
    /// See [`Said`].
    pub fn list(&self, path: &str) -> Said {
        let (items, is_more) = self
            .room
            .list(&plain(path)?, LISTED)
            .map_err(|it| barred(path, &it))?;
        let mut lines: Vec<String> = items.iter().map(line_of).collect();
        if lines.is_empty() {
            lines.push("(nothing)".to_owned());
        }
        if is_more {
            lines.push("(and more: list a folder further down)".to_owned());
        }
        Ok(cut(&lines.join("\n")))
    }

    /// Lines of a file with their numbers, from 1; all of them where no range is given.
    ///
    /// # Errors
    /// See [`Said`].
    pub fn read(&self, path: &str, first: Option<u64>, last: Option<u64>) -> Said {
        let text = self.text(path)?;
        let lines: Vec<&str> = text.lines().collect();
        if lines.is_empty() {
            return Ok("(the file is empty)".to_owned());
        }
        let first = usize::try_from(first.unwrap_or(1).max(1)).unwrap_or(usize::MAX);
        let last = last.map_or(lines.len(), |it| usize::try_from(it).unwrap_or(usize::MAX));
        if lines.len() < first {
            let has = count(lines.len(), "line");
            return Err(format!(
                "`{path}` has {has}, and line {first} was asked for"
            ));
        }
        if last < first {
            return Err(format!("a range ends before it begins: {first} to {last}"));
        }
        let shown: Vec<String> = (1..)
            .zip(&lines)
            .skip(first - 1)
            .take(last - first + 1)
            .map(|(number, line): (usize, _)| format!("{number:>6}\t{line}"))
            .collect();
        Ok(cut(&shown.join("\n")))
    }

    /// Writes a whole file, in the place of one that may be there.
    ///
    /// # Errors
    /// See [`Said`].
    pub fn write(&self, path: &str, text: &str) -> Said {
        if LARGEST_FILE < text.len() as u64 {
            return Err(format!(
                "a file may have {LARGEST_FILE} bytes, and this one has {}",
                text.len()
            ));
        }
        self.room
            .write(&plain(path)?, text.as_bytes())
            .map_err(|it| barred(path, &it))?;
        Ok(format!("wrote {} to {path}", count(text.len(), "byte")))
    }

    /// Puts `new` in the place of `old`, which must stand in the file exactly once.
    ///
    /// # Errors
    /// See [`Said`].
    pub fn edit(&self, path: &str, old: &str, new: &str) -> Said {
        if old.is_empty() {
            return Err("the text to replace is empty".to_owned());
        }
        let text = self.text(path)?;
        match text.matches(old).count() {
            1 => {}
            0 => return Err(format!("the text to replace does not stand in `{path}`")),
            many => {
                return Err(format!(
                    "the text to replace stands {many} times in `{path}`: give more of what is around it"
                ));
            }
        }
        self.write(path, &text.replacen(old, new, 1))?;
        Ok(format!("edited {path}"))
    }

    /// Lines of files below a folder, or of one file, that a regular expression finds.
    ///
    /// # Errors
    /// See [`Said`].
    pub fn search(&self, pattern: &str, path: &str) -> Said {
        let regex = RegexBuilder::new(pattern)
            .size_limit(LARGEST_PATTERN)
            .build()
            .map_err(|_| format!("`{pattern}` is no regular expression that is understood here"))?;
        let (files, mut is_more) = self.searched(path)?;
        let (mut found, mut skipped, mut read) = (Vec::new(), 0_usize, 0);
        'files: for file in files {
            let Ok(text) = self.text(&file) else {
                skipped += 1;
                continue;
            };
            read += text.len();
            if MOST_READ < read {
                is_more = true;
                break;
            }
            for (number, line) in (1..).zip(text.lines()) {
                if !regex.is_match(line) {
                    continue;
                }
                if found.len() == MOST_FOUND {
                    found.push("(and more: search for something narrower)".to_owned());
                    break 'files;
                }
                let line: String = line.chars().take(LONGEST_LINE).collect();
                let number: usize = number;
                found.push(format!("{file}:{number}: {line}"));
            }
        }
        if found.is_empty() {
            found.push("(nothing was found)".to_owned());
        }
        if 0 < skipped {
            let files = count(skipped, "file");
            found.push(format!("(passed over, as no text or too large: {files})"));
        }
        if is_more {
            found.push("(there are more files than are searched: name a folder)".to_owned());
        }
        Ok(cut(&found.join("\n")))
    }

    /// The files a search looks into, and whether there are more.
    fn searched(&self, path: &str) -> Result<(Vec<String>, bool), String> {
        let place = plain(path)?;
        if matches!(self.room.kind(&place), Ok(ItemKind::File(_))) {
            return Ok((vec![path.to_owned()], false));
        }
        let (items, is_more) = self
            .room
            .list(&place, SEARCHED)
            .map_err(|it| barred(path, &it))?;
        let is_file = |it: &Item| matches!(it.kind, ItemKind::File(_));
        let files = items.into_iter().filter(is_file).map(|it| it.path);
        Ok((files.collect(), is_more))
    }

    /// Runs a command in a shell, for no more than `seconds_left`; what it came to, and how long it took. Whatever it
    /// started ends with it.
    ///
    /// # Errors
    /// In words: the harness could not run it at all.
    pub async fn shell(&self, command: &str, seconds_left: f64) -> Result<(Said, f64), String> {
        if command.contains('\0') {
            return Ok((Err("a command holds no zero byte".to_owned()), 0.0));
        }
        let script = format!("exec 2>&1\nulimit -c 0; ulimit -f {MOST_BLOCKS}\n{command}");
        let run = ["/bin/sh".to_owned(), "-c".to_owned(), script];
        let run = match &self.sandbox {
            Some(sandbox) => sandbox.wrapped(&run, &self.folder, &[]),
            None => run.to_vec(),
        };
        let seconds = seconds_left.clamp(0.1, LONGEST_COMMAND);
        let heard = process::watch(Request {
            run: &run,
            folder: &self.folder,
            input: b"",
            deadline: Duration::from_secs_f64(seconds),
            most_output: MOST_OUTPUT,
            pass: &[],
        })
        .await
        .map_err(|error| error.what().to_owned())?;
        let output = self.hidden(&String::from_utf8_lossy(&heard.output));
        let output = cut(output.trim_end());
        let ended = match heard.end {
            End::Code(0) => None,
            End::Code(code) => Some(format!("(exit code {code})")),
            End::Signal => Some("(ended by a signal)".to_owned()),
            End::Overdue => Some(format!("(stopped after {seconds:.0} seconds)")),
            End::Flooded => Some(format!("(stopped after {MOST_OUTPUT} bytes of output)")),
        };
        let said = match ended {
            None if output.is_empty() => Ok("(no output)".to_owned()),
            None => Ok(output),
            Some(ended) if output.is_empty() => Err(ended),
            Some(ended) => Err(format!("{output}\n{ended}")),
        };
        Ok((said, heard.seconds))
    }

    /// Where the folder lies is another place in every trial, and says nothing: `.` stands for it.
    fn hidden(&self, text: &str) -> String {
        text.replace(&*self.folder.to_string_lossy(), ".")
    }

    fn text(&self, path: &str) -> Said {
        let bytes = self
            .room
            .read(&plain(path)?, LARGEST_FILE)
            .map_err(|it| barred(path, &it))?;
        String::from_utf8(bytes).map_err(|fault| {
            let at = fault.utf8_error().valid_up_to();
            format!("`{path}` is no text: its byte {at} fits no character of UTF-8")
        })
    }
}

/// A path as an agent writes it.
fn plain(path: &str) -> Result<PathBuf, String> {
    if path.contains('\0') {
        return Err("a path holds no zero byte".to_owned());
    }
    Ok(PathBuf::from(if path.is_empty() { "." } else { path }))
}

fn line_of(item: &Item) -> String {
    match item.kind {
        ItemKind::File(bytes) => format!("{} ({})", item.path, count_bytes(bytes)),
        ItemKind::Folder => format!("{}/", item.path),
        ItemKind::Link => format!("{} (a link: not followed here)", item.path),
        ItemKind::Special => format!("{} (neither a file nor a folder)", item.path),
    }
}

fn count_bytes(bytes: u64) -> String {
    count(usize::try_from(bytes).unwrap_or(usize::MAX), "byte")
}

fn barred(path: &str, why: &Barred) -> String {
    match why {
        Barred::Outside => {
            format!("`{path}` leads out of the workspace: paths are relative to it")
        }
        Barred::Link => format!("`{path}` leads over a link, and links are not followed here"),
        Barred::Missing => format!("there is no `{path}`"),
        Barred::Folder => format!("`{path}` is a folder"),
        Barred::File => format!("`{path}` is no folder, or a part of it is a file"),
        Barred::Special => format!("`{path}` is neither a file nor a folder"),
        Barred::TooLarge => format!("`{path}` has more than {LARGEST_FILE} bytes"),
        Barred::System(told) => format!("`{path}` cannot be had: {told}"),
    }
}

/// An answer within its bounds: the beginning and the end of what is too long, since errors stand last.
pub fn cut(text: &str) -> String {
    let length = text.chars().count();
    if length <= LONGEST_ANSWER {
        return text.to_owned();
    }
    let half = LONGEST_ANSWER / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(length - half).collect();
    let left_out = count(length - 2 * half, "character");
    format!("{head}\n(… {left_out} left out …)\n{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{TemporaryFolder, write};

    fn workspace(files: &[(&str, &[u8])]) -> (TemporaryFolder, Workspace) {
        let folder = TemporaryFolder::create("room").unwrap();
        for (path, bytes) in files {
            write(&folder.path().join(path), bytes).unwrap();
        }
        let workspace = Workspace::open(folder.path(), None).unwrap();
        (folder, workspace)
    }

    #[test]
    fn files_are_listed_read_written_edited_and_searched() {
        let (_folder, room) = workspace(&[("a/b.txt", b"one\ntwo\nthree\n"), (".git/x", b"y")]);
        assert_eq!(room.list("").unwrap(), ".git/\na/\na/b.txt (14 bytes)");
        assert_eq!(
            room.read("a/b.txt", Some(2), Some(2)).unwrap(),
            "     2\ttwo"
        );
        assert_eq!(
            room.read("a/b.txt", None, None).unwrap(),
            "     1\tone\n     2\ttwo\n     3\tthree"
        );
        assert_eq!(
            room.write("c.txt", "4 two").unwrap(),
            "wrote 5 bytes to c.txt"
        );
        assert_eq!(room.edit("a/b.txt", "two", "2").unwrap(), "edited a/b.txt");
        assert_eq!(
            room.search("^(2|t|4)", ".").unwrap(),
            "a/b.txt:2: 2\na/b.txt:3: three\nc.txt:1: 4 two"
        );
        assert_eq!(room.search("zzz", "c.txt").unwrap(), "(nothing was found)");
    }

    #[test]
    fn what_cannot_be_done_is_told_with_the_way_out() {
        let (_folder, room) = workspace(&[("a.txt", b"x x"), ("b.bin", b"ok\xff")]);
        let told = |said: Said| said.unwrap_err();
        assert_eq!(
            told(room.read("no.txt", None, None)),
            "there is no `no.txt`"
        );
        assert_eq!(
            told(room.read("../a.txt", None, None)),
            "`../a.txt` leads out of the workspace: paths are relative to it"
        );
        assert_eq!(
            told(room.read("b.bin", None, None)),
            "`b.bin` is no text: its byte 2 fits no character of UTF-8"
        );
        assert_eq!(
            told(room.edit("a.txt", "x", "y")),
            "the text to replace stands 2 times in `a.txt`: give more of what is around it"
        );
        assert_eq!(
            told(room.read("a.txt", Some(3), None)),
            "`a.txt` has 1 line, and line 3 was asked for"
        );
        assert!(told(room.search("(", ".")).contains("no regular expression"));
        assert!(
            room.search("ok", ".")
                .unwrap()
                .ends_with("(passed over, as no text or too large: 1 file)")
        );
    }

    #[tokio::test]
    async fn a_command_is_told_with_its_output_and_its_end() {
        let (folder, room) = workspace(&[("a.txt", b"x")]);
        let run = async |command: &str, seconds: f64| room.shell(command, seconds).await.unwrap().0;
        assert_eq!(run("ls; pwd", 5.0).await.unwrap(), "a.txt\n.");
        assert_eq!(run("true", 5.0).await.unwrap(), "(no output)");
        assert_eq!(
            run("echo no >&2; exit 3", 5.0).await.unwrap_err(),
            "no\n(exit code 3)"
        );
        assert_eq!(
            run("echo early; sleep 60", 0.3).await.unwrap_err(),
            "early\n(stopped after 0 seconds)"
        );
        let flood = run("yes", 5.0).await.unwrap_err();
        assert!(flood.len() < 17_000 && flood.ends_with("bytes of output)"));
        drop(folder);
    }

    #[test]
    fn a_long_answer_keeps_its_beginning_and_its_end() {
        let text = format!("{}{}", "a".repeat(10_000), "b".repeat(10_000));
        let short = cut(&text);
        assert!(short.starts_with("aaa") && short.ends_with("bbb"));
        assert!(short.contains("(… 4000 characters left out …)"));
    }
}
