//! What a learning advises, held against the handbook: tools that do not exist, and tools a policy forbids.

use std::sync::LazyLock;

use regex::Regex;

use crate::domain::advice::{Advice, Stance, read};
use crate::domain::tool::{Handbook, Tool};
use crate::promotion::screen::Spot;

/// Words that stand before a tool in the controlled phrasing (`docs/phrasing.md`), with the word behind them.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:do|use|run|call|apply|avoid|not|never|don't|before|after)\s+(?:the\s+)?[`\x22']?([\p{L}\p{N}_-]+)",
    )
    .ok()
});

/// Words that use what stands behind them.
const USES: [&str; 13] = [
    "use", "using", "run", "running", "call", "calling", "apply", "applying", "try", "do", "with",
    "via", "by",
];

/// Words that stand in the place of a tool and are none.
const NO_TOOL: [&str; 12] = [
    "nothing",
    "it",
    "this",
    "that",
    "them",
    "so",
    "everything",
    "anything",
    "something",
    "both",
    "all",
    "each",
];

/// What may follow a verb that begins an order; anything else makes it part of a name, as in `the override column`.
const OBJECTS: [&str; 22] = [
    "", "it", "the", "this", "that", "all", "any", "every", "them", "before", "after", "when",
    "if", "where", "a", "an", "on", "for", "first", "anyway", "whatever", "until",
];

/// Words that turn a use into its opposite.
const NOT: [&str; 8] = [
    "not",
    "never",
    "don't",
    "don\u{2019}t",
    "avoid",
    "without",
    "cannot",
    "no",
];

/// Bytes beyond which a line is no sentence of the phrasing, so that no text takes long to read.
const LONGEST_SENTENCE: usize = 400;

/// One line below the heading that sets its condition.
pub(super) struct Line<'a> {
    /// Where it begins, without its blank space.
    pub(super) offset: usize,
    /// The line, without the blank space at its ends.
    pub(super) text: &'a str,
    heading: &'a str,
}

impl Line<'_> {
    /// What an embedded agent makes of it.
    pub(super) fn advice(&self, handbook: &Handbook) -> Option<Advice> {
        if LONGEST_SENTENCE < self.text.len() + self.heading.len() {
            return None;
        }
        read(&format!("{}\n{}", self.heading, self.text), handbook)
            .advice
            .pop()
    }
}

/// Every line that is neither blank nor a heading.
pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let (mut lines, mut heading, mut offset) = (Vec::new(), "", 0);
    for raw in text.split_inclusive('\n') {
        let line = raw.trim();
        if line.starts_with('#') {
            heading = line;
        } else if !line.is_empty() {
            lines.push(Line {
                offset: offset + raw.len() - raw.trim_start().len(),
                text: line,
                heading,
            });
        }
        offset += raw.len();
    }
    lines
}

/// Words in the place of a tool that name none: the line would be advice if the handbook had them.
pub(super) fn dead_tools(text: &str, handbook: &Handbook) -> Vec<Spot> {
    let Some(pattern) = NAMED.as_ref() else {
        return Vec::new();
    };
    let mut spots = Vec::new();
    for line in lines(text) {
        if LONGEST_SENTENCE < line.text.len() || line.advice(handbook).is_some() {
            continue;
        }
        for captures in pattern.captures_iter(line.text) {
            let Some(word) = captures.get(1) else {
                continue;
            };
            if NO_TOOL
                .iter()
                .any(|it| it.eq_ignore_ascii_case(word.as_str()))
            {
                continue;
            }
            let enlarged = with_tool(handbook, word.as_str(), line.text);
            let would_be = line.advice(&enlarged);
            // A bare `never panic` may be anything; a condition, an argument or an order makes it advice.
            if would_be
                .is_some_and(|it| !it.when.is_empty() || it.order.is_some() || !it.with.is_empty())
            {
                spots.push(Spot {
                    offset: line.offset + word.start(),
                    says: "it names a tool that the handbook does not have".into(),
                });
                break;
            }
        }
    }
    spots
}

/// The handbook with one more tool, which takes whatever arguments the line gives.
fn with_tool(handbook: &Handbook, name: &str, line: &str) -> Handbook {
    let spaced = line.replace('=', " = ");
    let words: Vec<&str> = spaced
        .split_whitespace()
        .map(|it| it.trim_matches(|it: char| !it.is_alphanumeric() && it != '='))
        .collect();
    let arguments =
        words
            .windows(3)
            .filter(|it| it[1] == "=")
            .map(|it| crate::domain::tool::Argument {
                name: it[0].to_owned(),
                values: vec![it[2].to_owned()],
            });
    let mut enlarged = handbook.clone();
    enlarged.tools.push(Tool {
        name: name.to_owned(),
        about: String::new(),
        on: Vec::new(),
        arguments: arguments.collect(),
        requires: Vec::new(),
        gives: None,
    });
    enlarged
}

/// Advice that breaches a policy wherever it applies, and prose that tells to use a tool that is forbidden outright.
pub(super) fn forbidden(text: &str, handbook: &Handbook) -> Vec<Spot> {
    let mut spots = Vec::new();
    for line in lines(text) {
        let advice = line.advice(handbook);
        let breached = handbook.policies.iter().find_map(|policy| {
            let outright = policy.with.is_none() && policy.when.is_empty();
            let at = match &advice {
                Some(advice) => breaches(advice, policy).then_some(0),
                None if outright => uses(line.text, &handbook.tools[policy.tool].name),
                None => None,
            };
            Some((at?, policy))
        });
        spots.extend(breached.map(|(at, policy)| Spot {
            offset: line.offset + at,
            says: format!(
                "it advises `{}` against the policy “{}”",
                handbook.tools[policy.tool].name, policy.text
            ),
        }));
    }
    spots
}

/// Whether whoever follows the advice breaches the policy.
fn breaches(advice: &Advice, policy: &crate::domain::tool::Policy) -> bool {
    let own = advice.tool == policy.tool
        && policy.with.is_none_or(|it| advice.with.contains(&it))
        && policy.when.iter().all(|it| advice.when.contains(it));
    let other = policy.with.is_none()
        && policy.when.is_empty()
        && advice.order.is_some_and(|(_, tool)| tool == policy.tool);
    advice.stance == Stance::Do && (own || other)
}

/// Where prose tells to use a tool: behind a verb of use, or as the verb that begins a sentence or clause.
fn uses(line: &str, tool: &str) -> Option<usize> {
    let words: Vec<(usize, String)> = words(line);
    if words.iter().any(|(_, it)| it == "only") {
        return None;
    }
    let word = |at: usize| words.get(at).map_or("", |it| it.1.as_str());
    (0..words.len()).find_map(|at| {
        if !words[at].1.eq_ignore_ascii_case(tool) {
            return None;
        }
        let mut before = at;
        while 0 < before && matches!(word(before - 1), "the" | "a" | "your") {
            before -= 1;
        }
        let is_used = 0 < before
            && USES.contains(&word(before - 1))
            && !(2 <= before && NOT.contains(&word(before - 2)));
        let mut first = at;
        while 0 < first && matches!(word(first - 1), "please" | "just" | "then" | "always") {
            first -= 1;
        }
        let head = line[..words[first].0]
            .trim_end_matches(|it: char| it.is_whitespace() || "-*+`\"'>".contains(it));
        let begins = head.is_empty() || head.ends_with([',', '.', ';', ':', '!']);
        let is_order = begins && OBJECTS.contains(&word(at + 1));
        (is_used || is_order).then_some(words[at].0)
    })
}

/// Words in lowercase with their places.
fn words(line: &str) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (offset, it) in line.char_indices() {
        let is_part = it.is_alphanumeric() || matches!(it, '\'' | '\u{2019}' | '-' | '_');
        let is_start = is_part && !is_open && it.is_alphanumeric();
        if is_start {
            words.push((offset, String::new()));
        }
        is_open = is_start || (is_open && is_part);
        if let Some(last) = words.last_mut().filter(|_| is_open) {
            last.1.extend(it.to_lowercase());
        }
    }
    words
}

/// A small handbook for tests: formats and origins, `open`, `convert`, `send` by channel, and `override` forbidden.
#[cfg(test)]
pub(super) fn handbook() -> Handbook {
    use crate::domain::tool::{Argument, Attribute, Condition, Policy};
    let list = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let tool = |name: &str, channels: &str| Tool {
        name: name.into(),
        about: String::new(),
        on: Vec::new(),
        arguments: (!channels.is_empty())
            .then(|| Argument {
                name: "channel".into(),
                values: list(channels),
            })
            .into_iter()
            .collect(),
        requires: Vec::new(),
        gives: None,
    };
    let attribute = |name: &str, values: &str| Attribute {
        name: name.into(),
        values: list(values),
    };
    let policy = |tool, with, when| Policy {
        text: "Not that".into(),
        tool,
        with,
        when,
    };
    let sealed = Condition {
        attribute: 1,
        value: 0,
    };
    Handbook {
        kinds: list("document"),
        attributes: vec![
            attribute("format", "docx wpd"),
            attribute("origin", "court client"),
        ],
        facts: Vec::new(),
        tools: vec![
            tool("open", ""),
            tool("convert", ""),
            tool("send", "email portal"),
            tool("override", ""),
            tool("split", ""),
        ],
        policies: vec![
            policy(3, None, Vec::new()),
            policy(2, Some((0, 0)), vec![sealed]),
        ],
        roles: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_nobody_has_is_found_and_prose_is_not() {
        let places = |text: &str| -> Vec<usize> {
            dead_tools(text, &handbook())
                .iter()
                .map(|it| it.offset)
                .collect()
        };
        assert!(NAMED.is_some());
        assert_eq!(places("- When format is wpd, do shred before open."), [25]);
        assert_eq!(places("When format is wpd, avoid shred"), [26]);
        assert_eq!(places("Do convert after shred"), [17]);
        assert_eq!(places("Use shred with pages=all"), [4]);
        assert_eq!(places("## When format is wpd\n- do shred"), [27]);
        for text in [
            "When format is wpd, do convert before open",
            "Never panic",
            "When format is wpd, do nothing",
            "Do your best before lunch with everybody",
            "When the scanner is warm, do shred it slowly",
        ] {
            assert_eq!(places(text), [0; 0], "{text}");
        }
    }

    #[test]
    fn advice_against_a_policy_is_found_and_advice_within_it_is_not() {
        let number = |text: &str| forbidden(text, &handbook()).len();
        for text in [
            "Do override",
            "When format is wpd, do override before open",
            "Do send after override",
            "If it refuses, use the `override` tool.",
            "When it is late, override it",
            "When origin is court, do send with channel=email",
        ] {
            assert_eq!(number(text), 1, "{text}");
        }
        for text in [
            "Avoid override",
            "Never use override on drafts",
            "Only supervisors may use override",
            "Ask a supervisor to override it",
            "The override column is empty",
            "Override counts are in the log",
            "When origin is court, do send with channel=portal",
            "When origin is client, do send with channel=email",
            "Do send with channel=email",
        ] {
            assert_eq!(number(text), 0, "{text}");
        }
        assert_eq!(
            forbidden("x\n- Do override", &handbook()),
            [Spot {
                offset: 2,
                says: "it advises `override` against the policy “Not that”".into()
            }]
        );
    }
}
