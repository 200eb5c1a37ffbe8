//! Hygiene of rules: absolutes without a condition, and days that mean another day when they are read.

use std::sync::LazyLock;

use regex::Regex;

use crate::promotion::screen::Spot;

/// Absolutes where a rule states them: at its beginning, behind a verb of duty, or as a phrase of their own.
static ABSOLUTE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?:^[\s>#*+\d.)-]*(?:(?:please|then|and)\s+)?|[.;:!]\s+|\b(?:must|should|shall|will|to|you|we|and|,)\s+)(always|never)\b|\b(at all times|in (?:every|all|any) cases?|no matter what|without (?:any )?exceptions?|under no circumstances|every single time)\b|^[\s>#*+\d.)-]*((?:every|all|any|no)\s[^.!?]{1,60}?\b(?:must|should|shall|needs? to|has to|have to|may|always|never)\b)",
    )
    .ok()
});

/// Words that make a rule hold only sometimes.
static CONDITION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:when|whenever|if|where|wherever|unless|until|while|during|except|once|in case|for|under (?:strict|embargo|seal)|only|that|which|whose)\b",
    )
    .ok()
});

/// Days, weeks and times counted from when the sentence was written.
static RELATIVE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(yesterday|tomorrow|as of (?:now|today|yesterday|this (?:week|month|year|morning))|last (?:night|week|month|quarter|year|season|spring|summer|autumn|winter|mon|tues|wednes|thurs|fri|satur|sun)(?:day)?|next (?:week|month|quarter|year|mon|tues|wednes|thurs|fri|satur|sun)(?:day)?|this (?:morning|week|month|quarter|year)|currently|right now|at the moment|at present|for now|nowadays|these days|lately|recently|the other day|(?:a few|a couple of|some|two|three|four|several|\d+) (?:days|weeks|months|years) ago|until further notice)\b",
    )
    .ok()
});

/// What may follow such words where they belong to the task and not to the writing.
const OF_THE_TASK: [&str; 10] = [
    "of",
    "after",
    "before",
    "following",
    "in",
    "open",
    "opened",
    "selected",
    "active",
    "used",
];

/// Absolutes without a condition in the same sentence or in the heading above, by place.
pub(super) fn unscoped(text: &str) -> Vec<Spot> {
    let (Some(absolute), Some(condition)) = (ABSOLUTE.as_ref(), CONDITION.as_ref()) else {
        return Vec::new();
    };
    let (mut spots, mut offset, mut is_scoped) = (Vec::new(), 0, false);
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('#') {
            is_scoped = condition.is_match(line);
        }
        let found = absolute.captures(line).filter(|_| !is_scoped);
        let found = found.filter(|_| !condition.is_match(line));
        let word = found.and_then(|it| it.iter().skip(1).flatten().next());
        // `Never mind` forbids nothing.
        let word = word.filter(|it| !line[it.end()..].to_lowercase().starts_with(" mind "));
        spots.extend(word.map(|it| Spot {
            offset: offset + it.start(),
            says: "a rule for every case, without a condition".into(),
        }));
        offset += line.len();
    }
    spots
}

/// Times counted from the day of writing, by place.
pub(super) fn relative_dates(text: &str) -> Vec<Spot> {
    let found = RELATIVE.iter();
    found
        .flat_map(|it| it.find_iter(text))
        .filter(|it| !is_of_the_task(text, it.start(), it.end()))
        .map(|it| Spot {
            offset: it.start(),
            says: "a time counted from the day it was written".into(),
        })
        .collect()
}

/// `the last week of the quarter`, `the currently open draft`, `most recently used`, or a word only quoted.
fn is_of_the_task(text: &str, start: usize, end: usize) -> bool {
    let next = text[end..]
        .strip_prefix(' ')
        .and_then(|it| it.split(|it: char| !it.is_alphabetic()).next());
    let before = text[..start].trim_end();
    let follows = |word: &str| {
        before
            .len()
            .checked_sub(word.len())
            .and_then(|at| before.get(at..))
            .is_some_and(|it| it.eq_ignore_ascii_case(word))
    };
    let is_picked = ["the", "all", "any", "both", "every", "not", "be"]
        .iter()
        .any(|it| follows(it));
    let said = text[start..end].to_lowercase();
    next.is_some_and(|it| OF_THE_TASK.contains(&it))
        || follows("most")
        || (said.starts_with("next") && follows("the"))
        || (said == "currently" && is_picked)
        || text[..start].ends_with(['\'', '"', '`', '\u{2018}', '\u{201c}'])
        || text[end..].starts_with("'s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(ABSOLUTE.is_some() && CONDITION.is_some() && RELATIVE.is_some());
    }

    #[test]
    fn absolutes_are_found_and_conditions_excuse_them() {
        for text in [
            "Always convert to PDF",
            "- never open drafts",
            "You must always stamp first",
            "Every paper must be flattened",
            "Flatten it, no matter what",
            "All papers always need stamps",
        ] {
            assert_eq!(unscoped(text).len(), 1, "{text}");
        }
        assert_eq!(unscoped("- never open drafts")[0].offset, 2);
        for text in [
            "When format is wpd, always convert",
            "Never open drafts unless asked",
            "## When format is wpd\n- always convert",
            "The gateway is always slow",
            "Check every page",
            "Never mind the noise",
        ] {
            assert_eq!(unscoped(text), [], "{text}");
        }
    }

    #[test]
    fn times_of_writing_are_found_and_times_of_the_task_are_not() {
        for text in [
            "The portal moved last week",
            "Currently the feed is down",
            "As of now, use mail",
            "The portal is currently disabled",
            "It broke yesterday",
            "two weeks ago it worked",
        ] {
            assert_eq!(relative_dates(text).len(), 1, "{text}");
        }
        for text in [
            "the next day after filing",
            "in the last week of the quarter",
            "close the currently open draft",
            "take the most recently saved copy",
            "unfollow all currently followed artists",
            "for words like 'yesterday', count days",
            "wait until the next week",
            "by 2026-05-06, within 3 days",
        ] {
            assert_eq!(relative_dates(text), [], "{text}");
        }
    }
}
