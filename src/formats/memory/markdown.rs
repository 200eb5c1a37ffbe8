//! Free Markdown: one note per top-level list item or paragraph; a heading that sets a scope keeps its section whole.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag};

use crate::domain::memory::LearningKind;
use crate::formats::memory::pieces::{Piece, Pieces, trimmed};

/// Words that begin a heading which narrows what stands below it: a condition or a role.
const SCOPE_WORDS: [&str; 5] = ["when", "whenever", "if", "where", "for"];

/// The longest name of a note, in characters, and how many words of its text it takes at most.
const NAME_CHARACTERS: usize = 80;
const NAME_WORDS: usize = 8;

/// A block at the top level of a document; a list counts as its items.
struct Block {
    kind: BlockKind,
    span: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    Heading(HeadingLevel),
    Paragraph,
    /// An item of the list with this number.
    Item(usize),
    Quote,
    Code {
        is_closed: bool,
    },
    Table,
    Rule,
    Other,
}

/// The notes of the Markdown that begins at byte `start`.
pub(crate) fn pieces(text: &str, start: usize) -> Pieces {
    let blocks = blocks_of(text, start);
    let mut found = Pieces::default();
    let mut heading = String::new();
    let mut at = 0;
    while let Some(block) = blocks.get(at) {
        let mut behind = at + 1;
        match block.kind {
            BlockKind::Heading(level) => {
                heading = heading_text(&text[block.span.clone()]);
                found.structure.push(block.span.clone());
                let end = section_end(&blocks, behind, level);
                if sets_scope(&heading) && has_content(&blocks[behind..end]) {
                    let span = block.span.start..blocks[end - 1].span.end;
                    found.pieces.push(note(heading.clone(), span));
                    behind = end;
                }
            }
            BlockKind::Paragraph => {
                behind = at + 1 + led_in(text, &blocks[at..]);
                let span = block.span.start..blocks[behind - 1].span.end;
                found.pieces.extend(named_note(text, &heading, span));
            }
            BlockKind::Item(_) | BlockKind::Quote => {
                found
                    .pieces
                    .extend(named_note(text, &heading, block.span.clone()));
            }
            BlockKind::Rule => found.structure.push(block.span.clone()),
            BlockKind::Code { .. } | BlockKind::Table | BlockKind::Other => {}
        }
        at = behind;
    }
    found
}

fn blocks_of(text: &str, start: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut depth = 0_usize;
    let mut list = None;
    let mut lists = 0;
    for (event, span) in Parser::new_ext(&text[start..], Options::ENABLE_TABLES).into_offset_iter()
    {
        let span = trimmed(text, span.start + start..span.end + start);
        let is_top = depth == 0;
        match event {
            Event::Start(tag) => {
                depth += 1;
                match (kind_of(&tag, &text[span.clone()]), list) {
                    (Some(kind), _) if is_top => blocks.push(Block { kind, span }),
                    (None, _) if is_top => {
                        list = Some(lists);
                        lists += 1;
                    }
                    (_, Some(number)) if depth == 2 && matches!(tag, Tag::Item) => {
                        blocks.push(Block {
                            kind: BlockKind::Item(number),
                            span,
                        });
                    }
                    _ => {}
                }
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    list = None;
                }
            }
            Event::Rule if is_top => blocks.push(Block {
                kind: BlockKind::Rule,
                span,
            }),
            _ => {}
        }
    }
    // A block of blank space alone, such as U+2028, says nothing.
    blocks.retain(|it| !it.span.is_empty());
    blocks
}

/// What a block at the top level is; `None` for a list, which counts as its items.
fn kind_of(tag: &Tag<'_>, source: &str) -> Option<BlockKind> {
    match tag {
        Tag::List(_) => None,
        Tag::Heading { level, .. } => Some(BlockKind::Heading(*level)),
        Tag::Paragraph => Some(BlockKind::Paragraph),
        Tag::BlockQuote(_) => Some(BlockKind::Quote),
        Tag::CodeBlock(_) => Some(BlockKind::Code {
            is_closed: is_closed(source),
        }),
        Tag::Table(_) => Some(BlockKind::Table),
        _ => Some(BlockKind::Other),
    }
}

/// Whether a code block is indented, or fenced with its fence closed.
fn is_closed(source: &str) -> bool {
    let Some(mark) = source.chars().next().filter(|it| matches!(it, '`' | '~')) else {
        return true;
    };
    let fence = |line: &str| line.chars().take_while(|it| *it == mark).count();
    let (first, last) = (source.lines().next(), source.lines().last().map(str::trim));
    match (first, last) {
        (Some(first), Some(last)) => {
            source.lines().nth(1).is_some()
                && fence(first) <= fence(last)
                && last.chars().all(|it| it == mark)
        }
        _ => false,
    }
}

/// The index of the first block behind the section of a heading of `level`.
fn section_end(blocks: &[Block], from: usize, level: HeadingLevel) -> usize {
    let next = blocks[from..]
        .iter()
        .position(|it| matches!(it.kind, BlockKind::Heading(other) if other <= level));
    next.map_or(blocks.len(), |next| from + next)
}

fn sets_scope(heading: &str) -> bool {
    let first = heading.split_whitespace().next().unwrap_or_default();
    SCOPE_WORDS
        .iter()
        .any(|word| first.eq_ignore_ascii_case(word))
}

fn has_content(blocks: &[Block]) -> bool {
    blocks
        .iter()
        .any(|it| !matches!(it.kind, BlockKind::Heading(_) | BlockKind::Rule))
}

/// How many blocks a paragraph ending in a colon leads in: they say nothing without it.
fn led_in(text: &str, blocks: &[Block]) -> usize {
    let [first, rest @ ..] = blocks else {
        return 0;
    };
    if !text[first.span.clone()].ends_with(':') {
        return 0;
    }
    match rest.first().map(|it| it.kind) {
        Some(kind @ BlockKind::Item(_)) => rest.iter().take_while(|it| it.kind == kind).count(),
        Some(BlockKind::Quote | BlockKind::Table | BlockKind::Code { is_closed: true }) => 1,
        _ => 0,
    }
}

fn named_note(text: &str, heading: &str, span: Range<usize>) -> Option<Piece> {
    let words = first_words(&text[span.clone()])?;
    let name = if heading.is_empty() {
        words
    } else {
        format!("{heading}: {words}")
    };
    Some(note(name, span))
}

fn note(name: String, span: Range<usize>) -> Piece {
    Piece {
        name: cut(&name),
        kind: LearningKind::Note,
        span: span.clone(),
        shown: span,
        roles: Vec::new(),
        evidence: Vec::new(),
    }
}

/// The words a note begins with, without list marks; `None` where there is no word at all.
fn first_words(text: &str) -> Option<String> {
    let mut words = text
        .split_whitespace()
        .skip_while(|word| {
            let is_number = word
                .strip_suffix(['.', ')'])
                .is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()));
            is_number || !word.chars().any(char::is_alphanumeric)
        })
        .peekable();
    words.peek()?;
    let taken: Vec<&str> = words.by_ref().take(NAME_WORDS).collect();
    let more = if words.peek().is_some() { " …" } else { "" };
    Some(format!("{}{more}", taken.join(" ")))
}

fn cut(name: &str) -> String {
    if name.chars().nth(NAME_CHARACTERS).is_none() {
        return name.to_owned();
    }
    let kept: String = name.chars().take(NAME_CHARACTERS - 1).collect();
    format!("{}…", kept.trim_end())
}

/// The words of a heading, from either way of writing one.
fn heading_text(source: &str) -> String {
    let mut lines: Vec<&str> = source.lines().map(str::trim).collect();
    if lines
        .last()
        .is_some_and(|it| it.chars().all(|mark| matches!(mark, '=' | '-')))
    {
        lines.pop();
    }
    lines.join(" ").trim_matches(['#', ' ', '\t']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(text: &str) -> Vec<&str> {
        pieces(text, 0)
            .pieces
            .into_iter()
            .map(|it| &text[it.shown])
            .collect()
    }

    #[test]
    fn paragraphs_and_top_level_items_are_notes() {
        assert_eq!(
            notes(
                "# Files\n\nOpen first,\nthen read.\n\n- one\n  - inner\n- two\n\n  more\n\n1. three\n\n> quoted\n"
            ),
            [
                "Open first,\nthen read.",
                "- one\n  - inner",
                "- two\n\n  more",
                "1. three",
                "> quoted"
            ]
        );
    }

    #[test]
    fn a_heading_with_a_condition_or_a_role_keeps_its_section_whole() {
        assert_eq!(
            notes(
                "## When format is wpd\n- do convert\n### Also\n- do check\n## Other\n- do open\n"
            ),
            [
                "## When format is wpd\n- do convert\n### Also\n- do check",
                "- do open"
            ]
        );
        assert_eq!(
            notes("# For associates\n\ndo open"),
            ["# For associates\n\ndo open"]
        );
        assert_eq!(notes("# Formats\n\ndo open"), ["do open"]);
        assert_eq!(notes("# When empty\n# When full\nx"), ["# When full\nx"]);
    }

    #[test]
    fn a_paragraph_ending_in_a_colon_takes_along_what_it_leads_in() {
        assert_eq!(
            notes("For wpd:\n\n- convert\n- open\n\n* apart\n"),
            ["For wpd:\n\n- convert\n- open", "* apart"]
        );
        assert_eq!(notes("Run:\n```\ncmd\n```\n"), ["Run:\n```\ncmd\n```"]);
        assert_eq!(notes("Run:\n```\ncmd\n"), ["Run:"]);
    }

    #[test]
    fn names_come_from_the_heading_and_the_first_words() {
        let names = |text: &str| -> Vec<String> {
            pieces(text, 0)
                .pieces
                .into_iter()
                .map(|it| it.name)
                .collect()
        };
        assert_eq!(
            names("Files\n=====\n- [ ] 1. one **two** three\n"),
            ["Files: one **two** three"]
        );
        assert_eq!(names("a b c d e f g h i\n"), ["a b c d e f g h …"]);
        assert_eq!(names("## If x\ny\n"), ["If x"]);
    }

    #[test]
    fn code_tables_and_html_are_no_notes() {
        assert_eq!(
            notes(
                "```\ncode\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<div>\nx\n</div>\n\n[a]: b\n\n***\n-\n"
            ),
            [""; 0]
        );
    }
}
