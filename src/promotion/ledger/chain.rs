//! Lines chained by hash: each holds the hash of the one before it and its own, over its exact bytes.
//!
//! An edit, a deletion and a change of order break the chain where they happen. A cut at the end does not, which is why
//! the head, the last hash, must be kept elsewhere too: it stands in every report.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    domain::id::Digest,
    error::{Error, Result, without_place},
};

/// What stands between a line's contents and its hash.
const SEAL: &str = ",\"hash\":\"";

/// One line of a ledger, with what was decided in `entry`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link<E> {
    /// Counts from 1.
    pub sequence: u64,
    /// Hash of the line before; of no bytes for the first.
    pub previous: Digest,
    /// When, as RFC 3339 in UTC.
    pub at: String,
    /// Whose clock said so.
    pub clock: String,
    /// What happened.
    pub entry: E,
    /// SHA-256 of the line up to this key.
    pub hash: Digest,
}

/// The hash before the first line.
pub fn origin() -> Digest {
    Digest::of(b"")
}

/// A line, without its line break, and its hash.
///
/// # Errors
/// A bug of ours: the entry cannot be written.
pub fn seal<E: Serialize>(
    sequence: u64,
    previous: &Digest,
    (at, clock): (&str, &str),
    entry: &E,
) -> Result<(String, Digest)> {
    #[derive(Serialize)]
    struct Open<'a, E> {
        sequence: u64,
        previous: &'a Digest,
        at: &'a str,
        clock: &'a str,
        entry: &'a E,
    }
    let open = Open {
        sequence,
        previous,
        at,
        clock,
        entry,
    };
    let mut line = serde_json::to_string(&open)
        .map_err(|fault| Error::bug("a ledger entry could not be written").because(fault))?;
    line.pop();
    let hash = Digest::of(line.as_bytes());
    Ok((sealed(&line, &hash), hash))
}

/// The contents of a line with their hash behind them.
fn sealed(open: &str, hash: &Digest) -> String {
    format!("{open}{SEAL}{hash}\"}}")
}

/// Reads every line and checks the whole chain.
///
/// # Errors
/// Integrity, with the line: an edit, a missing or moved line, or a last line that was never finished.
pub fn unseal<E: for<'a> Deserialize<'a>>(text: &str, path: &Path) -> Result<Vec<Link<E>>> {
    let mut links: Vec<Link<E>> = Vec::new();
    let mut previous = origin();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        let broken = |why: &str| {
            Error::integrity("the ledger is not what was written")
                .in_file(path)
                .at(number, 1)
                .because(why)
                .mend("restore the file from the repository or a backup; nothing in it may be edited by hand")
        };
        let Some(line) = line.strip_suffix('\n') else {
            return Err(broken(
                "its last line was never finished, or was cut; the next command that writes to it drops the line",
            ));
        };
        let link: Link<E> =
            serde_json::from_str(line).map_err(|fault| broken(&without_place(&fault)))?;
        let open = line.rfind(SEAL).map_or("", |at| &line[..at]);
        let hash = Digest::of(open.as_bytes());
        if line != sealed(open, &hash) {
            return Err(broken("this line was edited: its hash is that of another"));
        }
        if link.previous != previous || link.sequence != number as u64 {
            return Err(broken(
                "a line before this one is missing, added, or in another place",
            ));
        }
        previous = hash;
        links.push(link);
    }
    Ok(links)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(entries: &[&str]) -> String {
        let mut text = String::new();
        let mut previous = origin();
        for (sequence, entry) in (1..).zip(entries) {
            let (line, hash) =
                seal(sequence, &previous, ("2026-01-01T00:00:00Z", "test"), entry).unwrap();
            text.push_str(&line);
            text.push('\n');
            previous = hash;
        }
        text
    }

    fn read(text: &str) -> Result<Vec<Link<String>>> {
        unseal(text, Path::new("ledger.jsonl"))
    }

    #[test]
    fn a_chain_reads_back() {
        let links = read(&chain(&["one", "two"])).unwrap();
        let said: Vec<&str> = links.iter().map(|it| it.entry.as_str()).collect();
        assert_eq!(said, ["one", "two"]);
        assert_eq!(links[1].previous, links[0].hash);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn a_missing_a_moved_and_an_edited_line_are_found() {
        let text = chain(&["one", "two", "three"]);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let place = |text: String| {
            let told = read(&text).unwrap_err().to_string();
            told.lines().nth(1).unwrap_or_default().to_owned()
        };
        assert_eq!(place(lines[1..].concat()), "  --> ledger.jsonl:1:1");
        assert_eq!(
            place([lines[0], lines[2], lines[1]].concat()),
            "  --> ledger.jsonl:2:1"
        );
        assert_eq!(place(text.replace("two", "tvo")), "  --> ledger.jsonl:2:1");
        assert_eq!(place(text.replace(":3,", ": 3,")), "  --> ledger.jsonl:3:1");
        assert_eq!(
            place(text[..text.len() - 1].to_owned()),
            "  --> ledger.jsonl:3:1"
        );
    }

    #[test]
    fn a_cut_at_the_end_shows_in_the_head_alone() {
        let text = chain(&["one", "two"]);
        let first = text.split_inclusive('\n').next().unwrap();
        let whole = read(&text).unwrap().pop().unwrap().hash;
        assert_ne!(read(first).unwrap().pop().unwrap().hash, whole);
    }
}
