//! Answers, refusals with the documented error objects, and pages.

use serde_json::{Value, json};

use super::state::State;

/// What a request comes to.
pub(super) type Answered = Result<Reply, Refusal>;

/// A good answer.
pub(super) enum Reply {
    /// An object.
    Json(Value),
    /// A file: media type and bytes.
    Bytes(String, Vec<u8>),
    /// The stream of a session's events after this many.
    Stream(String, usize),
}

/// An error object.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) kind: String,
    pub(super) message: String,
    /// `error.details.error_code`.
    pub(super) code: Option<String>,
    /// More fields of `error`.
    pub(super) more: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(status: u16, kind: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: kind.to_owned(),
            message: message.into(),
            code: None,
            more: Vec::new(),
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    pub(super) fn missing(what: &str) -> Self {
        Self::new(404, "not_found_error", format!("{what} not found"))
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "conflict_error", message)
    }

    pub(super) fn coded(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    pub(super) fn body(&self, request_id: &str) -> Value {
        let mut error = json!({"type": self.kind, "message": self.message});
        if let Some(code) = &self.code {
            error["details"] = json!({"error_code": code});
        }
        for (name, value) in &self.more {
            error[*name] = json!(value);
        }
        json!({"type": "error", "error": error, "request_id": request_id})
    }
}

/// Objects by their place in an order: what compares stands beside what is shown.
pub(super) type Listed = Vec<(String, Value)>;

/// The key of an object by its number.
pub(super) fn by_number(number: u64) -> String {
    format!("{number:012}")
}

/// How much of a list is asked for.
pub(super) struct Page {
    pub(super) limit: usize,
    pub(super) cursor: Option<String>,
    pub(super) is_descending: bool,
    /// Whether a way back is told too.
    pub(super) has_previous: bool,
}

/// One page. Cursors hold what must be escaped in a query, and belong to one order.
pub(super) fn page(mut items: Listed, asked: &Page, state: &State) -> Answered {
    items.sort_by(|left, right| left.0.cmp(&right.0));
    if asked.is_descending {
        items.reverse();
    }
    let order = if asked.is_descending { "desc" } else { "asc" };
    let limit = asked.limit.min(state.pace.page);
    let start = match &asked.cursor {
        None => 0,
        Some(cursor) => {
            let (is_back, last) = read_cursor(cursor, order)?;
            let is_past = |key: &str| match (asked.is_descending, is_back) {
                (false, false) => last.as_str() < key,
                (true, false) => key < last.as_str(),
                (false, true) => last.as_str() <= key,
                (true, true) => key <= last.as_str(),
            };
            let at = items.iter().position(|(key, _)| is_past(key));
            let at = at.unwrap_or(items.len());
            if is_back {
                at.saturating_sub(limit)
            } else {
                at
            }
        }
    };
    let end = items.len().min(start.saturating_add(limit));
    let next = (end < items.len()).then(|| write_cursor('n', order, &items[end - 1].0));
    let previous =
        (0 < start && start < items.len()).then(|| write_cursor('p', order, &items[start].0));
    let data: Vec<&Value> = items[start..end].iter().map(|(_, it)| it).collect();
    let mut body = json!({"data": data, "next_page": next});
    if asked.has_previous {
        body["prev_page"] = json!(previous);
    }
    Ok(Reply::Json(body))
}

fn write_cursor(way: char, order: &str, key: &str) -> String {
    let hex: String = key.bytes().map(|it| format!("{it:02x}")).collect();
    format!("{way}/{order}+{hex}==")
}

fn read_cursor(cursor: &str, order: &str) -> Result<(bool, String), Refusal> {
    let wrong = || Refusal::invalid(format!("page: `{cursor}` is no cursor of this list"));
    let (way, rest) = cursor.split_once('/').ok_or_else(wrong)?;
    let hex = rest
        .strip_prefix(order)
        .and_then(|it| it.strip_prefix('+'))
        .and_then(|it| it.strip_suffix("=="))
        .ok_or_else(wrong)?;
    let bytes: Option<Vec<u8>> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok())
        .collect();
    let key = bytes.and_then(|it| String::from_utf8(it).ok());
    Ok((way == "p", key.ok_or_else(wrong)?))
}
