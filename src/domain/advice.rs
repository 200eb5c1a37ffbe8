//! The controlled phrasing: the small part of English the embedded agents understand.
//!
//! `When|If <attribute> is <value> [and …], do|avoid <tool> [with <argument>=<value> [and …]] [before|after <tool>]`.
//! The words are those of the handbook the task already shows its agent; everything else is prose, which is counted,
//! paid for and ignored.

use serde::{Deserialize, Serialize};

use crate::domain::tool::{Condition, Handbook, Role};

/// One understood line of a learning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// What must be visible of an entity for the line to apply; empty means always.
    pub when: Vec<Condition>,
    /// Whether it says `do` or `avoid`.
    pub stance: Stance,
    /// The tool spoken of.
    pub tool: usize,
    /// Arguments spoken of, with the value for each.
    pub with: Vec<(usize, usize)>,
    /// Where the tool belongs in the order of work, if that is what the line is about.
    pub order: Option<(Order, usize)>,
}

/// `do` or `avoid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stance {
    /// Prefer it.
    Do,
    /// Keep from it.
    Avoid,
}

/// `before` or `after` another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Ahead of the other tool.
    Before,
    /// Right behind the other tool.
    After,
}

/// What a reader made of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The understood lines, in order.
    pub advice: Vec<Advice>,
    /// Roles a heading or the front matter narrows the text to; empty means every role.
    pub roles: Vec<String>,
    /// Non-empty lines that are prose to this reader.
    pub prose_lines: u32,
    /// Words in the text, which cost reading budget whether understood or not.
    pub words: u32,
}

/// Reads a learning's text against a handbook. Front matter is not shown to agents and not read here.
pub fn read(text: &str, handbook: &Handbook) -> Reading {
    let mut reading = Reading {
        words: count_words(text),
        ..Reading::default()
    };
    let mut scope: Vec<Condition> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let words = words_of(line);
        if line.starts_with('#') {
            scope.clear();
            match read_conditions(&mut Cursor::new(&words), handbook) {
                Some(conditions) => scope = conditions,
                None => match roles_named(&words, handbook) {
                    roles if roles.is_empty() => reading.prose_lines += 1,
                    roles => reading.roles.extend(roles),
                },
            }
            continue;
        }
        match read_line(&words, &scope, handbook) {
            Some(advice) => reading.advice.push(advice),
            None => reading.prose_lines += 1,
        }
    }
    reading
}

/// Words of a text; a lone mark, such as that of a list item, is none.
pub fn count_words(text: &str) -> u32 {
    let is_word = |word: &&str| word.chars().any(char::is_alphanumeric);
    text.split_whitespace()
        .filter(is_word)
        .count()
        .try_into()
        .unwrap_or(u32::MAX)
}

impl Advice {
    /// Whether a role has every tool the line speaks of.
    pub fn is_for(&self, role: &Role) -> bool {
        role.tools.contains(&self.tool)
            && self
                .order
                .is_none_or(|(_, other)| role.tools.contains(&other))
    }
}

impl Reading {
    /// Whether a trial of `role` on entities with these attribute values has use for the text: prose always, a line
    /// where the role has the tools it speaks of and some entity meets its conditions. Decided before the trial,
    /// alike for every arm.
    pub fn is_eligible(&self, role: &Role, entities: &[Vec<Option<usize>>]) -> bool {
        (self.roles.is_empty() || self.roles.contains(&role.name))
            && (self.advice.is_empty()
                || self.advice.iter().any(|line| {
                    line.is_for(role)
                        && entities
                            .iter()
                            .any(|values| line.when.iter().all(|it| it.holds_of(values)))
                }))
    }
}

/// The first `attribute is value [and …]` found anywhere in a sentence, such as an error message; empty if none.
pub fn conditions_in(text: &str, handbook: &Handbook) -> Vec<Condition> {
    let words = words_of(text);
    for at in 0..words.len() {
        let mut cursor = Cursor { words: &words, at };
        let mut conditions = Vec::new();
        while let Some(condition) = read_condition(&mut cursor, handbook) {
            conditions.push(condition);
            if !cursor.take(&["and"]) {
                break;
            }
        }
        if !conditions.is_empty() {
            conditions.sort_unstable();
            return conditions;
        }
    }
    Vec::new()
}

/// Lowercase words with their punctuation gone; `=` stands apart.
fn words_of(line: &str) -> Vec<String> {
    let spaced = line.replace('=', " = ");
    spaced
        .split_whitespace()
        .map(|word| {
            word.trim_matches(|it: char| !it.is_alphanumeric() && it != '=')
                .to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

struct Cursor<'a> {
    words: &'a [String],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(words: &'a [String]) -> Self {
        Self { words, at: 0 }
    }

    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    fn take(&mut self, options: &[&str]) -> bool {
        let found = self.peek().is_some_and(|word| options.contains(&word));
        self.at += usize::from(found);
        found
    }
}

/// A whole line, or `None` where any part of it is outside the phrasing.
fn read_line(words: &[String], scope: &[Condition], handbook: &Handbook) -> Option<Advice> {
    let mut cursor = Cursor::new(words);
    let mut when = scope.to_vec();
    if let Some(conditions) = read_conditions(&mut cursor, handbook) {
        when.extend(conditions);
    }
    cursor.take(&["then", "always", "please"]);
    let stance = read_stance(&mut cursor)?;
    let tool = read_tool(&mut cursor, handbook)?;
    let mut with = Vec::new();
    if cursor.take(&["with", "using"]) {
        loop {
            with.push(read_argument(&mut cursor, tool, handbook)?);
            if !cursor.take(&["and"]) {
                break;
            }
        }
    }
    let order = if cursor.take(&["before"]) {
        Some((Order::Before, read_tool(&mut cursor, handbook)?))
    } else if cursor.take(&["after"]) {
        Some((Order::After, read_tool(&mut cursor, handbook)?))
    } else {
        None
    };
    when.sort_unstable();
    when.dedup();
    cursor.peek().is_none().then_some(Advice {
        when,
        stance,
        tool,
        with,
        order,
    })
}

/// `when|if|where a is v [and b is w]`; the cursor moves only where it matched.
fn read_conditions(cursor: &mut Cursor<'_>, handbook: &Handbook) -> Option<Vec<Condition>> {
    let start = cursor.at;
    let mut conditions = Vec::new();
    if cursor.take(&["when", "if", "where", "whenever"]) {
        loop {
            cursor.take(&["the", "a", "its"]);
            let Some(condition) = read_condition(cursor, handbook) else {
                break;
            };
            conditions.push(condition);
            if !cursor.take(&["and"]) {
                return Some(conditions);
            }
        }
    }
    cursor.at = start;
    None
}

fn read_condition(cursor: &mut Cursor<'_>, handbook: &Handbook) -> Option<Condition> {
    let attribute = {
        let word = cursor.next()?;
        handbook
            .attributes
            .iter()
            .position(|it| is_same_word(&it.name, word))?
    };
    if !cursor.take(&["is", "=", "equals", "are"]) {
        return None;
    }
    let word = cursor.next()?;
    let value = handbook.attributes[attribute]
        .values
        .iter()
        .position(|it| it.eq_ignore_ascii_case(word))?;
    Some(Condition { attribute, value })
}

fn read_stance(cursor: &mut Cursor<'_>) -> Option<Stance> {
    if cursor.take(&["do", "use", "run", "call", "apply"]) {
        return Some(if cursor.take(&["not"]) {
            cursor.take(&["use", "run", "call", "apply"]);
            Stance::Avoid
        } else {
            Stance::Do
        });
    }
    if cursor.take(&["avoid"]) {
        return Some(Stance::Avoid);
    }
    if cursor.take(&["never", "don't"]) {
        cursor.take(&["use", "run", "call", "apply", "do"]);
        return Some(Stance::Avoid);
    }
    None
}

fn read_tool(cursor: &mut Cursor<'_>, handbook: &Handbook) -> Option<usize> {
    cursor.take(&["the"]);
    let word = cursor.next()?;
    handbook
        .tools
        .iter()
        .position(|tool| is_same_word(&tool.name, word))
}

fn read_argument(
    cursor: &mut Cursor<'_>,
    tool: usize,
    handbook: &Handbook,
) -> Option<(usize, usize)> {
    let arguments = &handbook.tools[tool].arguments;
    let name = cursor.next()?;
    let argument = arguments
        .iter()
        .position(|it| it.name.eq_ignore_ascii_case(name))?;
    cursor.take(&["=", "set", "as"]);
    let word = cursor.next()?;
    let value = arguments[argument]
        .values
        .iter()
        .position(|it| it.eq_ignore_ascii_case(word))?;
    Some((argument, value))
}

fn roles_named(words: &[String], handbook: &Handbook) -> Vec<String> {
    handbook
        .roles
        .iter()
        .map(|role| &role.name)
        .filter(|name| words.iter().any(|word| name.eq_ignore_ascii_case(word)))
        .cloned()
        .collect()
}

/// Equal but for case and a plural `s`.
fn is_same_word(name: &str, word: &str) -> bool {
    name.eq_ignore_ascii_case(word)
        || word
            .strip_suffix('s')
            .is_some_and(|stem| name.eq_ignore_ascii_case(stem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tool::{Argument, Attribute, Role, Tool};

    fn handbook() -> Handbook {
        let tool = |name: &str, arguments: Vec<Argument>| Tool {
            name: name.into(),
            about: String::new(),
            on: Vec::new(),
            arguments,
            requires: Vec::new(),
            gives: None,
        };
        let list = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        Handbook {
            kinds: vec!["document".into()],
            attributes: vec![
                Attribute {
                    name: "format".into(),
                    values: list("docx wpd"),
                },
                Attribute {
                    name: "origin".into(),
                    values: list("court client"),
                },
            ],
            facts: Vec::new(),
            tools: vec![
                tool(
                    "open",
                    vec![Argument {
                        name: "viewer".into(),
                        values: list("text image"),
                    }],
                ),
                tool("convert", Vec::new()),
            ],
            policies: Vec::new(),
            roles: vec![Role {
                name: "associate".into(),
                tools: vec![0, 1],
            }],
        }
    }

    #[test]
    fn a_line_in_the_phrasing_becomes_advice() {
        let reading = read(
            "- When the format is WPD and origin is court, do convert before open.",
            &handbook(),
        );
        assert_eq!(
            reading.advice,
            [Advice {
                when: vec![
                    Condition {
                        attribute: 0,
                        value: 1
                    },
                    Condition {
                        attribute: 1,
                        value: 0
                    }
                ],
                stance: Stance::Do,
                tool: 1,
                with: Vec::new(),
                order: Some((Order::Before, 0)),
            }]
        );
    }

    #[test]
    fn avoid_arguments_and_synonyms_are_understood() {
        let reading = read(
            "If format = docx, do not use open with viewer=image",
            &handbook(),
        );
        assert_eq!(reading.advice[0].stance, Stance::Avoid);
        assert_eq!(reading.advice[0].with, [(0, 1)]);
    }

    #[test]
    fn a_heading_sets_the_scope_of_the_lines_below_it() {
        let reading = read(
            "## When format is wpd\n- do convert before open\n# For the associate\n",
            &handbook(),
        );
        assert_eq!(
            reading.advice[0].when,
            [Condition {
                attribute: 0,
                value: 1
            }]
        );
        assert_eq!(reading.roles, ["associate"]);
    }

    #[test]
    fn a_line_with_one_unknown_word_is_prose_as_a_whole() {
        let reading = read(
            "When format is wpd, do convert before lunch\nBe careful.",
            &handbook(),
        );
        assert_eq!(
            (reading.advice.len(), reading.prose_lines, reading.words),
            (0, 2, 10)
        );
    }
}
