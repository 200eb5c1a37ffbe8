//! The managed-agents export: JSON objects with `path`, `content` and `content_sha256`, read with every digest checked.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Deserializer, Map, Value};

use crate::domain::id::Digest;
use crate::domain::memory::{Entry, Store};
use crate::error::{Error, Result, count};
use crate::formats::memory::rules::shown;

/// One memory as an export gives it. Further keys are fine; a key given twice is not.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Memory {
    path: Option<Value>,
    content: Option<Value>,
    content_sha256: Option<Value>,
    content_size_bytes: Option<Value>,
    #[serde(rename = "type")]
    kind: Option<Value>,
}

/// One page of a listing.
#[derive(Debug, Deserialize)]
struct Page {
    data: Vec<Memory>,
}

/// One JSON value of the file, with its own text and the line it begins in.
struct Document<'a> {
    value: Value,
    text: &'a str,
    line: usize,
}

/// The entries of an export, or `None` where this JSON is something else.
///
/// Takes a list of memories, pages of a listing (`{"data": [...]}`), single memories, and JSON Lines of any of them.
/// Errors: no JSON; and, all together, memories without path or content, digests or sizes that do not match.
pub(crate) fn read(text: &str, path: &Path) -> Result<Option<Vec<Entry>>> {
    let documents = documents_of(text).map_err(|error| error.in_file(path))?;
    let items: Vec<&Value> = documents
        .iter()
        .flat_map(|it| items_of(&it.value))
        .collect();
    let has_lists = documents.iter().any(|it| list_of(&it.value).is_some());
    let is_export = items.iter().any(|it| is_memory(it)) || has_lists && items.is_empty();
    if !is_export {
        return Ok(None);
    }
    let mut faults = Vec::new();
    let mut entries = Vec::new();
    let mut number = 0;
    for document in &documents {
        match memories_of(document, number) {
            Ok(memories) => {
                for memory in memories {
                    number += 1;
                    match entry_of(&memory, number, text) {
                        Ok(entry) => entries.push(entry),
                        Err(fault) => faults.push(fault),
                    }
                }
            }
            Err(fault) => {
                number += items_of(&document.value).count();
                faults.push(fault);
            }
        }
    }
    let faults = faults.into_iter().map(|it| it.in_file(path)).collect();
    Error::join(faults).map_or(Ok(Some(entries)), Err)
}

/// The store as a JSON list of memories, sorted by path, with digests and sizes in bytes.
pub fn export_json(store: &Store) -> String {
    let mut entries: Vec<&Entry> = store.entries.iter().collect();
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let memories = entries.into_iter().map(|entry| {
        let digest = Digest::of(entry.text.as_bytes());
        let mut memory = Map::new();
        // In alphabetical order, so that the bytes do not depend on how the map orders its keys.
        memory.insert("content".into(), entry.text.as_str().into());
        memory.insert("content_sha256".into(), digest.to_string().into());
        memory.insert("content_size_bytes".into(), entry.text.len().into());
        memory.insert("path".into(), entry.path.as_str().into());
        Value::Object(memory)
    });
    format!("{:#}\n", memories.collect::<Value>())
}

fn documents_of(text: &str) -> Result<Vec<Document<'_>>> {
    let mut reader = Deserializer::from_str(text).into_iter::<Value>();
    let mut documents = Vec::new();
    let mut start = 0;
    while let Some(value) = reader.next() {
        let value = value.map_err(|error| {
            Error::input("this is not JSON")
                .at(error.line(), error.column().max(1))
                .because(without_place(&error))
                .mend("export the store again; if it is plain text, give the file another ending")
        })?;
        let end = reader.byte_offset();
        start += text[start..end].len() - text[start..end].trim_start().len();
        let line = text[..start].matches('\n').count() + 1;
        documents.push(Document {
            value,
            text: &text[start..end],
            line,
        });
        start = end;
    }
    Ok(documents)
}

/// What serde says, without the line and column that stand elsewhere in our error.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ")
        .map_or(text.clone(), |(what, _)| what.to_owned())
}

fn list_of(value: &Value) -> Option<&Vec<Value>> {
    value.as_array().or_else(|| value.get("data")?.as_array())
}

fn items_of(value: &Value) -> impl Iterator<Item = &Value> {
    let list = list_of(value);
    let single = list.is_none().then_some(value);
    list.into_iter().flatten().chain(single)
}

fn is_memory(value: &Value) -> bool {
    value.get("path").is_some_and(Value::is_string)
        && (value.get("content").is_some() || value.get("content_sha256").is_some())
}

/// The memories of a document, read from its text, since only there a key given twice can be seen.
fn memories_of(document: &Document<'_>, before: usize) -> Result<Vec<Memory>> {
    if let Some(at) = items_of(&document.value).position(|it| !it.is_object()) {
        return Err(Error::input(format!(
            "item {} of this export is not a memory",
            before + at + 1
        ))
        .at(document.line, 1)
        .mend("export the store again; each item is an object with `path` and `content`"));
    }
    let memories = match &document.value {
        Value::Array(_) => serde_json::from_str::<Vec<Memory>>(document.text),
        value if list_of(value).is_some() => {
            serde_json::from_str::<Page>(document.text).map(|it| it.data)
        }
        _ => serde_json::from_str::<Memory>(document.text).map(|it| vec![it]),
    };
    memories.map_err(|error| {
        Error::input("a memory of this export gives a key twice")
            .at(
                document.line - 1 + error.line().max(1),
                error.column().max(1),
            )
            .because(without_place(&error))
            .mend("export the store again")
    })
}

fn entry_of(memory: &Memory, number: usize, text: &str) -> Result<Entry> {
    let Some(path) = memory.path.as_ref().and_then(Value::as_str) else {
        return Err(
            Error::input(format!("memory {number} of this export has no path"))
                .mend("export the store again; each memory has a `path` that is a text"),
        );
    };
    let placed = |error: Error| match place_of(text, path) {
        Some((line, column)) => error.at(line, column),
        None => error,
    };
    let name = shown(path);
    if memory.kind.as_ref().and_then(Value::as_str) == Some("memory_prefix") {
        return Err(placed(
            Error::input(format!(
                "this export is folded: it has none of the memories below `{name}`"
            ))
            .mend("list the store again without `depth`"),
        ));
    }
    let Some(content) = memory.content.as_ref().and_then(Value::as_str) else {
        return Err(placed(
            Error::input(format!("memory `{name}` has no content in this export"))
                .mend("list the store again with `view=full`"),
        ));
    };
    let actual = Digest::of(content.as_bytes());
    if let Some(told) = &memory.content_sha256
        && told.as_str() != Some(actual.to_string().as_str())
    {
        let told = told.as_str().map_or_else(|| told.to_string(), shown);
        return Err(placed(
            Error::integrity(format!(
                "memory `{name}` is not what was exported: its digest differs"
            ))
            .because(format!("`content_sha256` says {told}"))
            .because(format!("the content has {actual}"))
            .mend("export the store again, or remove `content_sha256` if the change is meant"),
        ));
    }
    if let Some(told) = &memory.content_size_bytes
        && told.as_u64() != Some(content.len() as u64)
    {
        return Err(placed(
            Error::integrity(format!(
                "memory `{name}` is not what was exported: its size differs"
            ))
            .because(format!(
                "`content_size_bytes` says {}, the content has {}",
                shown(&told.to_string()),
                count(content.len(), "byte")
            ))
            .mend("export the store again, or remove `content_size_bytes` if the change is meant"),
        ));
    }
    Ok(Entry {
        path: path.to_owned(),
        text: content.to_owned(),
    })
}

/// Where an export names this path; `None` where it is written with other escapes than ours.
fn place_of(text: &str, path: &str) -> Option<(usize, usize)> {
    let needle = Value::from(path).to_string();
    let at = text.match_indices(&needle).map(|(at, _)| at).find(|at| {
        let before = text[..*at].trim_end().strip_suffix(':').map(str::trim_end);
        before.is_some_and(|it| it.ends_with("\"path\""))
    })?;
    Some(crate::files::position(text, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST_OF_X: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

    fn paths(text: &str) -> Option<Vec<String>> {
        let entries = read(text, Path::new("e.json")).unwrap();
        entries.map(|it| it.into_iter().map(|it| it.path).collect())
    }

    #[test]
    fn lists_pages_single_memories_and_lines_are_exports() {
        let memory = format!(
            r#"{{"path":"/a","content":"x","content_sha256":"{DIGEST_OF_X}","id":"mem_1"}}"#
        );
        assert_eq!(paths(&memory).unwrap(), ["/a"]);
        assert_eq!(paths(&format!("[{memory}]")).unwrap(), ["/a"]);
        assert_eq!(
            paths(&format!("{{\"data\":[{memory}],\"next_page\":null}}")).unwrap(),
            ["/a"]
        );
        assert_eq!(
            paths(&format!("{memory}\n{memory}\n")).unwrap(),
            ["/a", "/a"]
        );
        assert_eq!(paths(r#"{"data":[]}"#).unwrap(), [""; 0]);
    }

    #[test]
    fn other_json_is_no_export() {
        assert_eq!(paths(r#"{"path":"/a"}"#), None);
        assert_eq!(paths(r#"[1, {"text":"x"}]"#), None);
        assert_eq!(paths(""), None);
    }

    #[test]
    fn a_written_export_reads_back_as_the_same_store() {
        let entry = |path: &str, text: &str| Entry {
            path: path.into(),
            text: text.into(),
        };
        let store = Store::new(vec![entry("/b", ""), entry("/a", "x")]);
        let text = export_json(&store);
        assert!(text.starts_with(&format!(
            "[\n  {{\n    \"content\": \"x\",\n    \"content_sha256\": \"{DIGEST_OF_X}\",\n    \"content_size_bytes\": 1,\n    \"path\": \"/a\"\n"
        )));
        assert_eq!(
            Store::new(read(&text, Path::new("e")).unwrap().unwrap()),
            store
        );
    }
}
