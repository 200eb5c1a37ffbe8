//! The one error of the crate, meant to be read by the person who can mend it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// What every fallible function of the crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Who must act; each kind has its own exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line is wrong.
    Usage,
    /// A file someone wrote is not acceptable.
    Input,
    /// Disk, network or another program let us down.
    Outside,
    /// Hashes disagree: what is there is not what was evaluated.
    Integrity,
    /// We broke a promise of our own.
    Bug,
}

/// A place an editor can open; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// Line and column, where they are known.
    pub position: Option<(usize, usize)>,
}

/// What happened, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    place: Option<Place>,
    mend: Option<String>,
    causes: Vec<String>,
    others: Vec<Error>,
}

impl Error {
    /// An error of `kind`; `what` is lowercase, in the reader's words, without a full stop.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            place: None,
            mend: None,
            causes: Vec::new(),
            others: Vec::new(),
        }
    }

    /// The command line is wrong.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, what)
    }

    /// A file someone wrote is not acceptable.
    pub fn input(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, what)
    }

    /// Disk, network or another program let us down.
    pub fn outside(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Outside, what)
    }

    /// What is there is not what was evaluated.
    pub fn integrity(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Integrity, what)
    }

    /// We broke a promise of our own.
    pub fn bug(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, what)
    }

    /// Names the file.
    #[must_use]
    pub fn in_file(mut self, path: &Path) -> Self {
        let position = self.place.take().and_then(|place| place.position);
        self.place = Some(Place {
            path: path.to_owned(),
            position,
        });
        self
    }

    /// Names line and column, both counted from 1.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        let path = self
            .place
            .take()
            .map_or_else(PathBuf::new, |place| place.path);
        self.place = Some(Place {
            path,
            position: Some((line, column)),
        });
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn mend(mut self, how: impl Into<String>) -> Self {
        self.mend = Some(how.into());
        self
    }

    /// Adds what lay behind it, on a line of its own.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Joins every fault found in one reading, in the order found; `None` when there is none.
    pub fn join(faults: Vec<Error>) -> Option<Self> {
        let mut faults = faults.into_iter();
        let mut first = faults.next()?;
        for mut fault in faults {
            let others = std::mem::take(&mut fault.others);
            first.others.push(fault);
            first.others.extend(others);
        }
        Some(first)
    }

    /// Who must act.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What happened, without place or mending.
    pub fn what(&self) -> &str {
        &self.what
    }
}

/// Dollars in words: `$12.50`, and `$0.0042` where cents would say nothing.
pub fn dollars(amount: f64) -> String {
    let fine = format!("${amount:.4}");
    match amount < 0.1 && !fine.ends_with("00") {
        true => fine,
        false => format!("${amount:.2}"),
    }
}

/// How many joined faults are printed; the rest are counted.
const SHOWN: usize = 10;

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_one(out)?;
        for other in self.others.iter().take(SHOWN - 1) {
            out.write_str("\n\n")?;
            other.write_one(out)?;
        }
        match self.others.len().saturating_sub(SHOWN - 1) {
            0 => Ok(()),
            1 => out.write_str("\n\nand 1 more fault"),
            more => write!(out, "\n\nand {more} more faults"),
        }
    }
}

impl Error {
    fn write_one(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "error: {}", printable(&self.what))?;
        if let Some(place) = &self.place {
            write!(
                out,
                "\n  --> {}",
                printable(&place.path.display().to_string())
            )?;
            if let Some((line, column)) = place.position {
                write!(out, ":{line}:{column}")?;
            }
        }
        for cause in &self.causes {
            write!(out, "\n  because: {}", printable(cause))?;
        }
        if let Some(mend) = &self.mend {
            write!(out, "\n\nhint: {}", printable(mend))?;
        }
        Ok(())
    }
}

/// The text with control characters and those that turn or hide text made visible, since names and cells of files are
/// told as they were found.
pub fn printable(text: &str) -> String {
    let is_plain = |it: char| {
        let turns = matches!(it, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        matches!(it, '\n' | '\t') || !(it.is_control() || turns)
    };
    text.chars()
        .map(|it| if is_plain(it) { it } else { '\u{fffd}' })
        .collect()
}

impl std::error::Error for Error {}

/// What a JSON reader complains of, without the place, which it counts from the start of its own text.
pub fn without_place(fault: &serde_json::Error) -> String {
    let told = fault.to_string();
    let end = told.rfind(" at line ").unwrap_or(told.len());
    told[..end].to_owned()
}

/// A count with its noun in the right number: `1 task`, `2 tasks`.
pub fn count(number: usize, noun: &str) -> String {
    match (number, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "family") => format!("{number} families"),
        _ => format!("{number} {noun}s"),
    }
}

/// The nearest of `known` to `word`, as a mending sentence listing all of them.
pub fn did_you_mean<'a>(
    word: &str,
    label: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let nearest = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(word, name), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(word.len()) / 3)
        .min();
    let list = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    match nearest {
        Some((_, name)) => format!("did you mean `{name}`? {label}: {list}"),
        None => format!("{label}: {list}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_and_how_to_mend_it() {
        let error = Error::input("task `a` asks for grader `exactly`, which does not exist")
            .in_file(Path::new("suite.toml"))
            .at(41, 7)
            .mend(did_you_mean("exactly", "graders", ["exact", "contains"]));
        assert_eq!(
            error.to_string(),
            "error: task `a` asks for grader `exactly`, which does not exist\n  --> suite.toml:41:7\n\n\
             hint: did you mean `exact`? graders: exact, contains"
        );
    }

    #[test]
    fn all_faults_of_a_reading_are_told_together_up_to_ten() {
        let faults = (0..12)
            .map(|it| Error::input(format!("fault {it}")))
            .collect();
        let text = Error::join(faults)
            .map(|it| it.to_string())
            .unwrap_or_default();
        assert!(text.starts_with("error: fault 0\n\nerror: fault 1\n"));
        assert!(text.ends_with("error: fault 9\n\nand 2 more faults"));
    }
}
