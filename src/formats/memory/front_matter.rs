//! Front matter: the small part of YAML between two `---` lines that memory files use, with line numbers kept.

use crate::error::Error;
use crate::formats::memory::value::{Value, is_item, scalar, value_of};

/// The fields at the head of a file, and where its body begins.
#[derive(Debug)]
pub(crate) struct FrontMatter<'a> {
    /// In file order.
    pub(crate) fields: Vec<Field<'a>>,
    /// Lines that are no fields, and keys given twice.
    pub(crate) faults: Vec<Error>,
    /// Byte offset of the first line behind the closing one.
    pub(crate) body: usize,
    /// Line of the closing mark, from 1; `None` where it is missing, and then the fields may be lines of the body.
    pub(crate) end: Option<usize>,
}

/// One key with its value.
#[derive(Debug)]
pub(crate) struct Field<'a> {
    /// As written.
    pub(crate) key: &'a str,
    /// Line of the key, from 1.
    pub(crate) line: usize,
    /// What stands behind the key, or why it cannot be read.
    value: Result<Value, Error>,
}

/// A line with its number and the offset behind it.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
    end: usize,
}

/// The front matter of a text, or `None` where it has none. `known` are keys that tell front matter whose end is
/// missing from a text that begins with a rule.
pub(crate) fn read<'a>(text: &'a str, known: &[&str]) -> Option<FrontMatter<'a>> {
    let mut lines = lines_of(text);
    lines
        .next()
        .filter(|it| matches!(it.text, "---" | "\u{feff}---"))?;
    let rest: Vec<Line<'a>> = lines.collect();
    let close = rest.iter().position(|it| matches!(it.text, "---" | "..."));
    let inside = &rest[..close.unwrap_or(rest.len())];
    let first = inside.iter().find(|it| !is_skipped(it.text))?;
    let (key, _) = key_and_value(first.text)?;
    if close.is_none() && !known.contains(&key) {
        return None;
    }
    let (fields, faults) = fields_of(inside);
    let closing = close.map(|at| rest[at]);
    Some(FrontMatter {
        fields,
        faults,
        body: closing.map_or(text.len(), |it| it.end),
        end: closing.map(|it| it.number),
    })
}

impl FrontMatter<'_> {
    /// The line of the closing mark, or why nothing else in the file can be told.
    pub(crate) fn closing_line(&self) -> Result<usize, Error> {
        self.end.ok_or_else(|| {
            Error::input("the front matter that begins here has no end")
                .at(1, 1)
                .mend("close it with a line `---` before the text")
        })
    }

    /// The text of a key, or `None` where the key is not there.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, Error> {
        let Some(field) = self.fields.iter().find(|it| it.key == key) else {
            return Ok(None);
        };
        match field.value.clone()? {
            Value::Text(text) => Ok(Some(text)),
            Value::List(_) | Value::Nested => Err(Error::input(format!("`{key}` must be a text"))
                .at(field.line, 1)
                .mend(format!("write it as `{key}: …` on one line"))),
        }
    }

    /// The names listed under a key; none where the key is not there.
    pub(crate) fn list(&self, key: &str) -> Result<Vec<String>, Error> {
        let Some(field) = self.fields.iter().find(|it| it.key == key) else {
            return Ok(Vec::new());
        };
        match field.value.clone()? {
            Value::List(items) => Ok(items),
            Value::Text(text) if text.is_empty() => Ok(Vec::new()),
            Value::Text(text) if text.contains(',') => {
                Err(Error::input(format!("`{key}` reads as one name, `{text}`"))
                    .at(field.line, 1)
                    .mend(format!("write a list: `{key}: [{text}]`")))
            }
            Value::Text(text) => Ok(vec![text]),
            Value::Nested => Err(Error::input(format!("`{key}` must be a list"))
                .at(field.line, 1)
                .mend(format!("write it as `{key}: [one, other]`"))),
        }
    }
}

/// Writes one field such that reading gives the same text.
pub(crate) fn text_field(key: &str, text: &str) -> String {
    format!("{key}: {}\n", scalar(text, " -_./()+&%=,;?"))
}

/// Writes one field such that reading gives the same list.
pub(crate) fn list_field(key: &str, items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|it| scalar(it, " -_./()+%=")).collect();
    format!("{key}: [{}]\n", items.join(", "))
}

fn lines_of(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut end = 0;
    text.split_inclusive('\n')
        .enumerate()
        .map(move |(index, line)| {
            end += line.len();
            Line {
                number: index + 1,
                text: line.trim_end(),
                end,
            }
        })
}

fn is_skipped(line: &str) -> bool {
    line.is_empty() || line.starts_with('#')
}

/// `key: value` at the beginning of a line.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_key = !key.is_empty()
        && key
            .chars()
            .all(|it| it.is_alphanumeric() || matches!(it, '-' | '_'))
        && (value.is_empty() || value.starts_with([' ', '\t']));
    is_key.then(|| (key, value.trim()))
}

fn fields_of<'a>(lines: &[Line<'a>]) -> (Vec<Field<'a>>, Vec<Error>) {
    let mut fields: Vec<Field<'a>> = Vec::new();
    let mut faults = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        if is_skipped(line.text) {
            continue;
        }
        let Some((key, inline)) = key_and_value(line.text) else {
            faults.push(
                Error::input("this line of the front matter is not of the form `key: value`")
                    .at(line.number, 1)
                    .mend("write `key: value`, or indent the line if it continues the one above"),
            );
            continue;
        };
        let below = lines[at..]
            .iter()
            .take_while(|it| {
                it.text.is_empty() || it.text.starts_with([' ', '\t']) || is_item(it.text)
            })
            .count();
        let more: Vec<&str> = lines[at..at + below]
            .iter()
            .map(|it| it.text.trim())
            .filter(|it| !it.is_empty())
            .collect();
        at += below;
        if let Some(first) = fields.iter().find(|it| it.key == key) {
            faults.push(
                Error::input(format!(
                    "`{key}` is given twice, first in line {}",
                    first.line
                ))
                .at(line.number, 1)
                .mend("keep one of them"),
            );
            continue;
        }
        let value = value_of(inline, &more).map_err(|error| error.at(line.number, 1));
        fields.push(Field {
            key,
            line: line.number,
            value,
        });
    }
    (fields, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(inside: &str) -> Vec<(String, Value)> {
        let text = format!("---\n{inside}---\nbody\n");
        let matter = read(&text, &[]).unwrap();
        assert_eq!(matter.faults, []);
        assert_eq!(&text[matter.body..], "body\n");
        matter
            .fields
            .into_iter()
            .map(|it| (it.key.to_owned(), it.value.unwrap()))
            .collect()
    }

    fn fault(inside: &str) -> String {
        let text = format!("---\n{inside}---\nbody\n");
        let matter = read(&text, &[]).unwrap();
        let faults = matter.fields.into_iter().filter_map(|it| it.value.err());
        let faults: Vec<Error> = matter.faults.into_iter().chain(faults).collect();
        faults[0].what().to_owned()
    }

    fn text(value: &str) -> Value {
        Value::Text(value.into())
    }

    fn list(items: &[&str]) -> Value {
        Value::List(items.iter().map(|it| (*it).to_owned()).collect())
    }

    #[test]
    fn texts_stand_plain_quoted_or_on_several_lines() {
        assert_eq!(
            fields(
                "a: plain: text  # comment\nb: \"two\\nlines # no comment\"\nc: 'it''s'\nd: one\n  more\ne: >-\n  f\n  g\n"
            ),
            [
                ("a".into(), text("plain: text")),
                ("b".into(), text("two\nlines # no comment")),
                ("c".into(), text("it's")),
                ("d".into(), text("one more")),
                ("e".into(), text("f g")),
            ]
        );
    }

    #[test]
    fn lists_stand_in_brackets_or_one_item_a_line() {
        assert_eq!(
            fields("a: [x, \"y, z\", 'w']\nb:\n- x\n- 'y'\nc:\n  - x  # why\nd: []\n"),
            [
                ("a".into(), list(&["x", "y, z", "w"])),
                ("b".into(), list(&["x", "y"])),
                ("c".into(), list(&["x"])),
                ("d".into(), list(&[])),
            ]
        );
    }

    #[test]
    fn keys_below_a_key_are_kept_apart() {
        assert_eq!(
            fields("metadata:\n  source: drm_01\n"),
            [("metadata".into(), Value::Nested)]
        );
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        assert_eq!(fault("a: x\na: y\n"), "`a` is given twice, first in line 2");
        assert_eq!(fault("a: [x\n"), "this list has no closing `]`");
        assert_eq!(fault("a: [x, , y]\n"), "item 2 of this list is no name");
        assert_eq!(
            fault("a: [\"x\" y]\n"),
            "behind 1 item of this list a comma is missing"
        );
        assert_eq!(
            fault("a: \"x\n"),
            "the quotes of this value do not close, or hold an unknown escape"
        );
        assert_eq!(
            fault("a: 'x\n"),
            "the quotes of this value do not close, or hold an unknown escape"
        );
        assert_eq!(
            fault("a: 'x' y\n"),
            "something stands behind the closing quote of this value"
        );
        assert_eq!(
            fault("a: x\nand so on\n"),
            "this line of the front matter is not of the form `key: value`"
        );
    }

    #[test]
    fn a_rule_at_the_head_of_a_text_is_no_front_matter() {
        assert!(read("---\nSome prose\n---\n", &["name"]).is_none());
        assert!(read("---\nNote: prose without an end\n", &["name"]).is_none());
        assert!(read("---\nname: a\n", &["name"]).is_some());
        assert!(read("name: a\n", &["name"]).is_none());
    }
}
