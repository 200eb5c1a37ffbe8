//! Values of front matter: texts, plain or quoted, and lists of them.

use serde_json::Deserializer;

use crate::error::{Error, count};

/// What stands behind a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// One text; empty where nothing stands there.
    Text(String),
    /// Texts, in order.
    List(Vec<String>),
    /// Keys below a key: fine in a foreign file, of no use to us.
    Nested,
}

/// Whether a line is one item of a list.
pub(crate) fn is_item(line: &str) -> bool {
    line == "-" || line.starts_with("- ")
}

/// The value of a key: `inline` stands behind it, `more` are the lines below that belong to it.
pub(crate) fn value_of(inline: &str, more: &[&str]) -> Result<Value, Error> {
    if is_block_mark(inline) {
        let joint = if inline.starts_with('|') { "\n" } else { " " };
        return Ok(Value::Text(more.join(joint)));
    }
    let inline = without_comment(inline);
    if inline.is_empty() && !more.is_empty() {
        return if more.iter().all(|it| is_item(it)) {
            let items = more
                .iter()
                .map(|it| scalar_of(without_comment(it[1..].trim())));
            items.collect::<Result<_, _>>().map(Value::List)
        } else {
            Ok(Value::Nested)
        };
    }
    let mut whole = inline.to_owned();
    for line in more {
        whole.push(' ');
        whole.push_str(without_comment(line));
    }
    match whole.chars().next() {
        Some('[') => flow_list(&whole).map(Value::List),
        Some('{') => Ok(Value::Nested),
        _ => scalar_of(&whole).map(Value::Text),
    }
}

/// `|` or `>`, with YAML's marks for indentation and line ends.
fn is_block_mark(inline: &str) -> bool {
    inline
        .strip_prefix(['|', '>'])
        .is_some_and(|rest| rest.chars().all(|it| matches!(it, '+' | '-' | '0'..='9')))
}

/// A value without the comment behind it: ` #` outside quotes.
fn without_comment(value: &str) -> &str {
    if value.starts_with('#') {
        return "";
    }
    let mut quote = None;
    let mut before = ' ';
    for (at, it) in value.char_indices() {
        let opens =
            quote.is_none() && matches!(it, '"' | '\'') && matches!(before, ' ' | '[' | ',');
        if opens {
            quote = Some(it);
        } else if quote == Some(it) && before != '\\' {
            quote = None;
        } else if quote.is_none() && it == '#' && before.is_whitespace() {
            return value[..at].trim_end();
        }
        before = if before == '\\' { ' ' } else { it };
    }
    value
}

/// `[a, "b, c", 'd']`.
fn flow_list(value: &str) -> Result<Vec<String>, Error> {
    let unfinished = || {
        Error::input("this list has no closing `]`").mend("write it as `[one, other]` on one line")
    };
    let inside = value
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'))
        .ok_or_else(unfinished)?;
    let mut rest = inside.trim();
    let mut items = Vec::new();
    while !rest.is_empty() {
        let (item, behind) = match rest.chars().next() {
            Some('"' | '\'') => quoted(rest)?,
            _ => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), rest[end..].trim())
            }
        };
        let is_quoted = rest.starts_with(['"', '\'']);
        if !is_quoted && (item.is_empty() || item.contains(['[', ']'])) {
            return Err(
                Error::input(format!("item {} of this list is no name", items.len() + 1))
                    .mend("write it as `[one, other]`, with quotes around what is not plain"),
            );
        }
        items.push(item);
        rest = match behind.strip_prefix(',') {
            Some(more) => more.trim(),
            None if behind.is_empty() => behind,
            None => {
                return Err(Error::input(format!(
                    "behind {} of this list a comma is missing",
                    count(items.len(), "item")
                ))
                .mend("write it as `[one, other]`"));
            }
        };
    }
    Ok(items)
}

fn scalar_of(value: &str) -> Result<String, Error> {
    if !value.starts_with(['"', '\'']) {
        return Ok(value.to_owned());
    }
    match quoted(value)? {
        (text, "") => Ok(text),
        (_, _) => Err(
            Error::input("something stands behind the closing quote of this value").mend(
                "put quotes around the whole value, and `\\\"` for a quote inside double ones",
            ),
        ),
    }
}

/// The text in quotes at the beginning of `value`, and what is behind it.
fn quoted(value: &str) -> Result<(String, &str), Error> {
    let unreadable = || {
        Error::input("the quotes of this value do not close, or hold an unknown escape").mend(
            "close them; inside double quotes write `\\\\` for a backslash and `\\\"` for a quote",
        )
    };
    if value.starts_with('"') {
        let mut reader = Deserializer::from_str(value).into_iter::<String>();
        let text = reader.next().and_then(Result::ok).ok_or_else(unreadable)?;
        return Ok((text, value[reader.byte_offset()..].trim()));
    }
    let mut text = String::new();
    let mut pieces = value[1..].split('\'');
    let mut end = 1;
    loop {
        let piece = pieces.next().ok_or_else(unreadable)?;
        end += piece.len() + 1;
        if value.len() < end {
            return Err(unreadable());
        }
        text.push_str(piece);
        if !value[end..].starts_with('\'') {
            return Ok((text, value[end..].trim()));
        }
        // A doubled quote stands for one; the empty piece between the two is skipped.
        text.push('\'');
        pieces.next();
        end += 1;
    }
}

/// Plain where no reader of YAML could take it for something else, otherwise quoted.
pub(crate) fn scalar(text: &str, allowed: &str) -> String {
    let is_plain = text.starts_with(|it: char| it.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && text
            .chars()
            .all(|it| it.is_alphanumeric() || allowed.contains(it))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_lowercase().as_str());
    if is_plain {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}
