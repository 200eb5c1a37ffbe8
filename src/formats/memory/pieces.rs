//! What every shape reads a file into: spans that are learnings, and lines that only give them structure.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::domain::id::LearningId;
use crate::domain::memory::{Entry, Learning, LearningKind, Learnings, Source};
use crate::formats::memory::rules::is_control_or_format;

/// One learning of a file, still as spans of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// A title for people.
    pub(crate) name: String,
    /// Note or playbook.
    pub(crate) kind: LearningKind,
    /// The bytes it is made of.
    pub(crate) span: Range<usize>,
    /// The bytes an agent is shown; a part of `span`, never empty.
    pub(crate) shown: Range<usize>,
    /// Roles it is narrowed to.
    pub(crate) roles: Vec<String>,
    /// Sessions it cites.
    pub(crate) evidence: Vec<String>,
}

/// What a shape recognised in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pieces {
    /// In file order, without overlap.
    pub(crate) pieces: Vec<Piece>,
    /// Headings, rules and marks: understood, and no learnings.
    pub(crate) structure: Vec<Range<usize>>,
}

/// Where a text begins, behind the byte order mark some editors put first.
pub(crate) fn start_of(text: &str) -> usize {
    if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    }
}

/// A span without the blank space at its ends; empty spans stay inside `span`.
pub(crate) fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let inner = &text[span.clone()];
    let start = span.start + inner.len() - inner.trim_start().len();
    start..start + inner.trim().len()
}

/// Collects the learnings of a store, file by file.
#[derive(Debug, Default)]
pub(crate) struct Gatherer {
    learnings: Learnings,
    seen: BTreeSet<String>,
}

impl Gatherer {
    /// Adds what a shape recognised in `entry`; lines it did not cover are not understood.
    pub(crate) fn add(&mut self, entry: &Entry, found: Pieces) {
        let starts = line_starts(&entry.text);
        let line_of = |offset: usize| starts.partition_point(|start| *start <= offset);
        let mut is_covered = vec![false; starts.len()];
        let spans = found
            .pieces
            .iter()
            .map(|it| &it.span)
            .chain(&found.structure);
        for span in spans.filter(|it| !it.is_empty()) {
            is_covered[line_of(span.start) - 1..line_of(span.end - 1)].fill(true);
        }
        for (index, line) in entry.text.split('\n').enumerate() {
            if !line.trim().is_empty() && !is_covered[index] {
                let line = line.strip_suffix('\r').unwrap_or(line);
                self.learnings.not_understood.push((
                    entry.path.clone(),
                    index + 1,
                    line.to_owned(),
                ));
            }
        }
        for piece in found.pieces {
            let text = &entry.text[piece.shown];
            let line = line_of(piece.span.start);
            if !self.seen.insert(text.to_owned()) {
                self.learnings.duplicates.push((entry.path.clone(), line));
                continue;
            }
            self.learnings.learnings.push(Learning {
                id: LearningId::of_text(piece.kind, text),
                name: piece
                    .name
                    .chars()
                    .filter(|it| !is_control_or_format(*it))
                    .collect(),
                kind: piece.kind,
                source: Source {
                    path: entry.path.clone(),
                    span: piece.span,
                    line,
                },
                text: text.to_owned(),
                roles: piece.roles,
                evidence: piece.evidence,
            });
        }
    }

    /// Everything added, in the order it was added.
    pub(crate) fn finish(self) -> Learnings {
        self.learnings
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_outside_every_span_are_not_understood() {
        let entry = Entry {
            path: "/a".into(),
            text: "# T\r\n\r\nx\n<b>\ny".into(),
        };
        let piece = |span: Range<usize>| Piece {
            name: "n\u{200b}".into(),
            kind: LearningKind::Note,
            span: span.clone(),
            shown: span,
            roles: Vec::new(),
            evidence: Vec::new(),
        };
        let mut gatherer = Gatherer::default();
        gatherer.add(
            &entry,
            Pieces {
                pieces: vec![piece(7..8), piece(13..14)],
                structure: vec![0..2, 2..3],
            },
        );
        let learnings = gatherer.finish();
        assert_eq!(learnings.not_understood, [("/a".into(), 4, "<b>".into())]);
        assert_eq!(learnings.learnings[0].name, "n");
        assert_eq!(
            learnings
                .learnings
                .iter()
                .map(|it| it.source.line)
                .collect::<Vec<_>>(),
            [3, 5]
        );
    }

    #[test]
    fn blank_ends_are_cut_from_a_span() {
        assert_eq!(trimmed(" a b\n", 0..5), 1..4);
        assert_eq!(trimmed("  ", 0..2), 2..2);
    }
}
