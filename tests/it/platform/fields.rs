//! What a request says, field by field, with the documented bounds.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::answer::{Page, Refusal};

/// A request as it came in.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without the query, not decoded.
    pub(super) path: String,
    /// Decoded.
    pub(super) query: Vec<(String, String)>,
    /// By lowercase name.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) bytes: Vec<u8>,
}

impl Request {
    /// The path's segments below `/v1`, decoded.
    pub(super) fn segments(&self) -> Vec<String> {
        let below = self.path.strip_prefix("/v1/").unwrap_or_default();
        let below = below.replace('+', "%2B");
        below.split('/').map(decode).collect()
    }

    /// The body as an object that has no fields but these; nothing at all is `{}`.
    pub(super) fn body(&self, allowed: &[&str]) -> Result<Map<String, Value>, Refusal> {
        if self.bytes.is_empty() {
            return Ok(Map::new());
        }
        let kind = self.headers.get("content-type");
        if !kind.is_some_and(|it| it.starts_with("application/json")) {
            return Err(Refusal::invalid("content-type must be application/json"));
        }
        let body: Value = serde_json::from_slice(&self.bytes)
            .map_err(|error| Refusal::invalid(format!("the body is not JSON: {error}")))?;
        object(&body, "body", allowed)
    }

    /// Refuses query parameters but these; the old `beta=true` is let through.
    pub(super) fn only(&self, allowed: &[&str]) -> Result<(), Refusal> {
        for (at, (name, value)) in self.query.iter().enumerate() {
            let name = name.as_str();
            if name.starts_with("created_at") && super::state::micros(value).is_none() {
                return Err(Refusal::invalid(format!("{name}: `{value}` is no time")));
            }
            if name != "beta" && !allowed.contains(&name) {
                return Err(Refusal::invalid(format!("{name}: unknown query parameter")));
            }
            let is_again = self.query[..at].iter().any(|it| it.0 == name);
            if is_again && !name.ends_with("[]") {
                return Err(Refusal::invalid(format!("{name}: given twice")));
            }
        }
        Ok(())
    }

    /// A query parameter.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|it| it.0 == name);
        found.map(|it| it.1.as_str())
    }

    /// Every value of a bracketed query parameter, each one of these if any are listed.
    pub(super) fn all(&self, name: &str, known: &[&str]) -> Result<Vec<String>, Refusal> {
        let found: Vec<String> = self
            .query
            .iter()
            .filter(|it| it.0 == name)
            .map(|it| it.1.clone())
            .collect();
        match found
            .iter()
            .find(|it| !known.is_empty() && !known.contains(&it.as_str()))
        {
            Some(wrong) => Err(Refusal::invalid(format!("{name}: `{wrong}` is unknown"))),
            None => Ok(found),
        }
    }

    /// `true` or `false`, false when absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.asked(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Refusal::invalid(format!("{name}: `{other}` is no boolean"))),
        }
    }

    /// `limit` and `page` of a list whose newest come first.
    pub(super) fn page(&self, usual: usize, most: usize) -> Result<Page, Refusal> {
        let limit = match self.asked("limit") {
            None => usual,
            Some(text) => {
                let limit = text.parse().ok().filter(|it| (1..=most).contains(it));
                limit.ok_or_else(|| Refusal::invalid(format!("limit: from 1 to {most}")))?
            }
        };
        Ok(Page {
            limit,
            cursor: self.asked("page").map(str::to_owned),
            is_descending: true,
            has_previous: false,
        })
    }

    /// The page with `order`, which is this when it is not asked.
    pub(super) fn ordered(&self, mut page: Page, usual: &str) -> Result<Page, Refusal> {
        page.is_descending = match self.asked("order").unwrap_or(usual) {
            "asc" => false,
            "desc" => true,
            other => return Err(Refusal::invalid(format!("order: `{other}` is unknown"))),
        };
        Ok(page)
    }

    /// Whether a time is within the `created_at[...]` that were asked.
    pub(super) fn is_within(&self, time: &str) -> bool {
        let own = super::state::micros(time).unwrap_or_default();
        for (name, text) in &self.query {
            let Some(bound) = name.strip_prefix("created_at") else {
                continue;
            };
            let other = super::state::micros(text).unwrap_or_default();
            let is_in = match bound {
                "[gt]" => other < own,
                "[gte]" => other <= own,
                "[lt]" => own < other,
                _ => own <= other,
            };
            if !is_in {
                return false;
            }
        }
        true
    }

    /// Whether contents are shown: `view`, or else what is usual.
    pub(super) fn is_full(&self, usual: bool) -> Result<bool, Refusal> {
        match self.asked("view") {
            None => Ok(usual),
            Some("full") => Ok(true),
            Some("basic") => Ok(false),
            Some(other) => Err(Refusal::invalid(format!("view: `{other}` is unknown"))),
        }
    }
}

/// Percent and plus signs undone.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let hex = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        match (first, hex.and_then(|it| u8::from_str_radix(it, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An object without other fields.
pub(super) fn object(
    value: &Value,
    what: &str,
    allowed: &[&str],
) -> Result<Map<String, Value>, Refusal> {
    let map = value
        .as_object()
        .ok_or_else(|| Refusal::invalid(format!("{what}: must be an object")))?;
    match map.keys().find(|it| !allowed.contains(&it.as_str())) {
        Some(key) => Err(Refusal::invalid(format!(
            "{what}.{key}: extra inputs are not permitted"
        ))),
        None => Ok(map.clone()),
    }
}

/// A text of so many characters; null counts as absent.
pub(super) fn text(
    map: &Map<String, Value>,
    name: &str,
    length: RangeInclusive<usize>,
) -> Result<Option<String>, Refusal> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if length.contains(&text.chars().count()) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(Refusal::invalid(format!(
            "{name}: a string of {} to {} characters",
            length.start(),
            length.end()
        ))),
    }
}

/// A text that must be there.
pub(super) fn must(
    map: &Map<String, Value>,
    name: &str,
    length: RangeInclusive<usize>,
) -> Result<String, Refusal> {
    text(map, name, length)?.ok_or_else(|| Refusal::invalid(format!("{name}: field required")))
}

/// A list, empty when absent.
pub(super) fn list(map: &Map<String, Value>, name: &str) -> Result<Vec<Value>, Refusal> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items.clone()),
        Some(_) => Err(Refusal::invalid(format!("{name}: must be a list"))),
    }
}

/// `metadata` laid over what there was: at most 16 pairs, keys of 1 to 64 and values of up to 512 characters; null
/// removes a key in an update.
pub(super) fn metadata(map: &Map<String, Value>, before: Option<&Value>) -> Result<Value, Refusal> {
    let wrong =
        || Refusal::invalid("metadata: up to 16 pairs, keys 1-64, values up to 512 characters");
    let mut all = before
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let patch = match map.get("metadata") {
        None | Some(Value::Null) => return Ok(json!(all)),
        Some(value) => value.as_object().ok_or_else(wrong)?,
    };
    for (key, value) in patch {
        match value {
            Value::Null if before.is_some() => {
                all.remove(key);
            }
            Value::String(text)
                if (1..=64).contains(&key.chars().count()) && text.chars().count() <= 512 =>
            {
                all.insert(key.clone(), value.clone());
            }
            _ => return Err(wrong()),
        }
    }
    if 16 < all.len() {
        return Err(wrong());
    }
    Ok(json!(all))
}
