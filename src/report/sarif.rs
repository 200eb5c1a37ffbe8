//! SARIF 2.1.0 for code scanning: what the screen found, with the rules it found it by.
//!
//! Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.

use serde_json::{Value, json};

use crate::{
    error::Result,
    promotion::screen::{Finding, RULES, Rule, Severity},
    report::{json::pretty, without_tricks},
};

/// Where the shape of the document is described.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The document: all rules, and one result for each finding. Paths are relative to the store.
///
/// # Errors
///
/// A bug of ours where it cannot be written.
pub fn document(findings: &[Finding]) -> Result<String> {
    let rules: Vec<Value> = RULES.iter().map(rule).collect();
    let results: Vec<Value> = findings.iter().map(result).collect();
    pretty(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn rule(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.about},
        "defaultConfiguration": {"level": level(rule.severity)},
    })
}

fn result(finding: &Finding) -> Value {
    json!({
        "ruleId": finding.id,
        "level": level(finding.severity),
        "message": {"text": message(&finding.says)},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&finding.path)},
            "region": {"startLine": finding.line, "startColumn": finding.column},
        }}],
        "partialFingerprints": {
            "ruleAndLearning/v1": format!("{}:{}", finding.id, finding.learning),
        },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Hard => "error",
        Severity::Review => "warning",
        Severity::Note => "note",
    }
}

/// One line of plain text. Viewers read brackets as links and angle brackets as tags, so both are escaped.
fn message(says: &str) -> String {
    let line = says.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text = String::new();
    for it in without_tricks(&line).chars() {
        match it {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '[' | ']' | '\\' => text.extend(['\\', it]),
            _ => text.push(it),
        }
    }
    text
}

/// A path as a relative URI: every byte but unreserved ones and `/` is percent-encoded (RFC 3986, 2.1 to 2.3).
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.trim_start_matches('/').bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn each_finding_becomes_a_result_at_its_place() {
        let findings = fixture::helpful().findings.unwrap_or_default();
        let text = document(&findings).expect("a document");
        let read: Value = serde_json::from_str(&text).expect("JSON");
        let run = &read["runs"][0];
        assert_eq!(read["version"], "2.1.0");
        assert_eq!(run["tool"]["driver"]["name"], "dreameval");
        assert_eq!(
            run["tool"]["driver"]["rules"].as_array().map(Vec::len),
            Some(RULES.len())
        );
        assert_eq!(
            run["results"][0],
            json!({
                "ruleId": "leak",
                "level": "error",
                "message": {"text": "the answer to task `redline-legacy-017`"},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": "notes/old%20desk.md"},
                    "region": {"startLine": 3, "startColumn": 7},
                }}],
                "partialFingerprints": {"ruleAndLearning/v1": "leak:n-leak"},
            })
        );
        assert_eq!(run["results"][1]["level"], "note");
    }

    #[test]
    fn every_rule_is_described_with_its_level() {
        let text = document(&[]).expect("a document");
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            read["runs"][0]["tool"]["driver"]["rules"][2],
            json!({
                "id": "confusable",
                "shortDescription": {"text": "Words that mix letters of scripts that look alike"},
                "defaultConfiguration": {"level": "error"},
            })
        );
        assert_eq!(read["runs"][0]["results"], json!([]));
    }

    #[test]
    fn no_hostile_path_or_word_reaches_a_viewer_as_more_than_text() {
        let findings = fixture::hostile().findings.unwrap_or_default();
        let text = document(&findings).expect("a document");
        assert!(!text.contains("<script>") && !text.contains('\u{202e}'));
        assert!(!text.contains("\n::error"));
        assert_eq!(uri("/a b/%2e/ü?.md"), "a%20b/%252e/%C3%BC%3F.md");
        assert_eq!(message("[a](b)\n<c>\u{1b}"), "\\[a\\](b) &lt;c&gt;\u{fffd}");
    }
}
