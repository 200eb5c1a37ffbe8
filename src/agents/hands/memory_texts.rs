//! What the memory tool reads of a call, and how it shows files.

use serde_json::{Map, Value};

use crate::agents::hands::memories::ROOT;

/// A text of a call.
pub(super) fn text<'a>(input: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    input
        .get(key)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("Error: `{key}` is missing, and it is a text"))
}

/// A path below the root, in its only spelling; everything that could lead elsewhere is refused.
pub(super) fn path(input: &Map<String, Value>, key: &str) -> Result<String, String> {
    let given = text(input, key)?;
    let refused = || Err(format!("Error: `{given}` is no path below {ROOT}"));
    // Escapes are not resolved here, but whoever reads the path later might.
    let lower = given.to_ascii_lowercase();
    let is_odd = lower.contains('\\')
        || lower.contains("%2e")
        || lower.contains("%2f")
        || lower.contains("%5c");
    if is_odd || given.chars().any(char::is_control) {
        return refused();
    }
    let Some(inner) = given
        .strip_prefix(ROOT)
        .filter(|it| it.is_empty() || it.starts_with('/'))
    else {
        return refused();
    };
    let parts: Vec<&str> = inner
        .split('/')
        .filter(|it| !it.is_empty() && *it != ".")
        .collect();
    if parts.contains(&"..") {
        return refused();
    }
    Ok(std::iter::once(ROOT)
        .chain(parts)
        .collect::<Vec<_>>()
        .join("/"))
}

/// A file with its line numbers, or the lines of a range.
pub(super) fn numbered(path: &str, text: &str, range: Option<&Value>) -> Result<String, String> {
    let lines: Vec<&str> = text.lines().collect();
    let (first, last) = match range {
        None | Some(Value::Null) => (1, lines.len()),
        Some(range) => {
            let number = |at: usize| range.get(at).and_then(Value::as_i64);
            let invalid = || {
                Err(format!(
                    "Error: Invalid `view_range` parameter: {range}. It should be [start, end] within the file's {} \
                     lines; an end of -1 is the last",
                    lines.len()
                ))
            };
            let (Some(first), Some(last)) = (number(0), number(1)) else {
                return invalid();
            };
            let first = usize::try_from(first).unwrap_or(0);
            let last = match last {
                -1 => lines.len(),
                last => usize::try_from(last).unwrap_or(0),
            };
            if first < 1 || lines.len() < first || last < first {
                return invalid();
            }
            (first, last)
        }
    };
    let mut told = format!("Here's the content of {path} with line numbers:");
    for (number, line) in (1..).zip(&lines).take(last).skip(first - 1) {
        let number: usize = number;
        told.push_str(&format!("\n{number:>6}\t{line}"));
    }
    Ok(told)
}

/// The line, from 1, of a byte.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// A size as listings show it.
pub(super) fn sized(bytes: usize) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "K", "M"] {
        if size < 1024.0 {
            let told = format!("{size:.1}");
            return format!("{}{unit}", told.strip_suffix(".0").unwrap_or(&told));
        }
        size /= 1024.0;
    }
    format!("{size:.1}G")
}
