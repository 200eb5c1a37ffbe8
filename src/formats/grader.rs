//! `grade.…` tables: one key names the grader.

use crate::{
    domain::task::{Ask, Criterion, FileCheck, Grader},
    error::did_you_mean,
    formats::{
        shape::{Located, Shape},
        template::{Unfilled, Values, fill},
    },
};

/// Every grader a suite can ask for.
const KINDS: [&str; 12] = [
    "exact", "contains", "pattern", "number", "fields", "state", "files", "command", "rubric",
    "all", "any", "weighted",
];

/// Reads a grader; faults are noted in the shape's file.
pub fn read_grader(shape: Shape<'_>, task: &str, values: &Values) -> Option<Grader> {
    let keys = shape.keys();
    let Some(key) = keys.first() else {
        shape.teach(
            shape.at(),
            format!("task `{task}` has an empty grader"),
            did_you_mean("", "graders", KINDS),
        );
        return None;
    };
    if !KINDS.contains(&key.value.as_str()) {
        shape.teach(
            key.at,
            format!(
                "task `{task}` asks for grader `{}`, which does not exist",
                key.value
            ),
            did_you_mean(&key.value, "graders", KINDS),
        );
        return None;
    }
    if let Some(second) = keys.get(1) {
        shape.teach(
            second.at,
            format!(
                "task `{task}` has two graders, `{}` and `{}`",
                key.value, second.value
            ),
            "join them with `grade.all` or `grade.any`",
        );
        return None;
    }
    let reader = Reader { task, values };
    match key.value.as_str() {
        "state" => Some(Grader::State {
            holds: reader.asks(&shape, "state"),
        }),
        "all" => Some(Grader::All(reader.parts(&shape, "all"))),
        "any" => Some(Grader::Any(reader.parts(&shape, "any"))),
        kind => {
            let table = shape.shape(kind, &format!("`grade.{kind}`"))?;
            let grader = reader.table(&table, kind, key.at);
            table.finish();
            grader
        }
    }
}

/// `[{ of = "entity", is = "fact" }, …]`, used by briefs and by the `state` grader.
pub fn read_asks(shape: &Shape<'_>, key: &str, values: &Values) -> Vec<Ask> {
    shape
        .shapes(key, &format!("an entry of `{key}`"))
        .into_iter()
        .map(|entry| {
            let of = filled(&entry, entry.need_text("of"), values);
            let is = filled(&entry, entry.need_text("is"), values);
            entry.finish();
            Ask { of, is }
        })
        .collect()
}

/// A text with its `{columns}` filled; an unknown one is noted as a fault.
pub fn filled(shape: &Shape<'_>, text: Located<String>, values: &Values) -> String {
    match fill(&text.value, values) {
        Ok(filled) => filled,
        Err(Unfilled::Brace(brace)) => {
            shape.teach(
                text.at,
                format!("a `{brace}` of this text stands alone"),
                format!(
                    "`{{name}}` is filled with a value; for the brace itself write `{brace}{brace}`"
                ),
            );
            text.value
        }
        Err(Unfilled::Unknown(name)) => {
            let known = values.iter().map(|(key, _)| key.as_str());
            shape.teach(
                text.at,
                format!("`{{{name}}}` has no value here"),
                did_you_mean(&name, "values", known),
            );
            text.value
        }
    }
}

struct Reader<'a> {
    task: &'a str,
    values: &'a Values,
}

impl Reader<'_> {
    fn asks(&self, shape: &Shape<'_>, key: &str) -> Vec<Ask> {
        let asks = read_asks(shape, key, self.values);
        if asks.is_empty() {
            shape.fault(
                shape.at(),
                format!("`grade.{key}` of task `{}` asks for nothing", self.task),
            );
        }
        asks
    }

    fn parts(&self, shape: &Shape<'_>, key: &str) -> Vec<Grader> {
        let parts = shape.shapes(key, &format!("a part of `grade.{key}`"));
        if parts.is_empty() {
            shape.fault(
                shape.at(),
                format!("`grade.{key}` of task `{}` has no parts", self.task),
            );
        }
        parts
            .into_iter()
            .filter_map(|part| read_grader(part, self.task, self.values))
            .collect()
    }

    fn texts(&self, table: &Shape<'_>, key: &str) -> Vec<String> {
        table
            .texts(key)
            .into_iter()
            .map(|text| filled(table, text, self.values))
            .collect()
    }

    fn table(&self, table: &Shape<'_>, kind: &str, at: usize) -> Option<Grader> {
        match kind {
            "exact" => Some(Grader::Exact {
                text: filled(table, table.need_text("text"), self.values),
            }),
            "contains" => self.contains(table, at),
            "pattern" => self.pattern(table),
            "number" => self.number(table),
            "fields" => self.fields(table),
            "files" => self.files(table),
            "command" => self.command(table),
            "rubric" => self.rubric(table),
            "weighted" => self.weighted(table),
            _ => None,
        }
    }

    fn number(&self, table: &Shape<'_>) -> Option<Grader> {
        let (value, column) = (table.real("value"), self.column_number(table, "column"));
        let tolerance = table.real("tolerance").unwrap_or(0.0);
        if tolerance < 0.0 {
            table.fault(
                table.at(),
                format!("the tolerance of `grade.number` cannot be {tolerance}: it is at least 0"),
            );
        }
        let is_given = |key: &str| table.keys().iter().any(|it| it.value == key);
        if is_given("value") == is_given("column") {
            table.teach(
                table.at(),
                format!(
                    "`grade.number` of task `{}` needs either `value` or `column`",
                    self.task
                ),
                "write `value = 42`, or `column = \"{total}\"` for a column of the rows",
            );
        }
        Some(Grader::Number {
            value: value.or(column)?,
            tolerance,
        })
    }

    fn contains(&self, table: &Shape<'_>, at: usize) -> Option<Grader> {
        let [all_of, any_of, none_of] =
            ["all_of", "any_of", "none_of"].map(|key| self.texts(table, key));
        let asks_nothing = [&all_of, &any_of, &none_of].iter().all(|it| it.is_empty());
        let grader = Grader::Contains {
            all_of,
            any_of,
            none_of,
        };
        if asks_nothing {
            table.teach(
                at,
                format!("`grade.contains` of task `{}` asks for nothing", self.task),
                "add `all_of`, `any_of` or `none_of`",
            );
            return None;
        }
        Some(grader)
    }

    fn pattern(&self, table: &Shape<'_>) -> Option<Grader> {
        let text = table.need_text("regex");
        let at = text.at;
        let regex = text.value;
        if let Err(fault) = regex::Regex::new(&regex) {
            let why = fault.to_string();
            let last = why.lines().last().unwrap_or_default().trim();
            let last = last.strip_prefix("error: ").unwrap_or(last);
            table.teach(at, format!("`{regex}` is not a regular expression"), last);
            return None;
        }
        Some(Grader::Pattern { regex })
    }

    /// A number from a column of the row, such as `column = "{total}"`.
    fn column_number(&self, table: &Shape<'_>, key: &str) -> Option<f64> {
        let text = table.text(key)?;
        let at = text.at;
        let word = filled(table, text, self.values);
        let number = word.trim().parse().ok().filter(|it: &f64| it.is_finite());
        if number.is_none() {
            table.fault(at, format!("`{word}` is not a number"));
        }
        number
    }

    fn fields(&self, table: &Shape<'_>) -> Option<Grader> {
        let equal = table.shape("equal", "`grade.fields.equal`");
        if equal.as_ref().is_none_or(|it| it.keys().is_empty()) {
            table.teach(
                table.at(),
                format!("`grade.fields` of task `{}` asks for nothing", self.task),
                "add `equal = { field = \"value\" }`",
            );
        }
        let equal = equal?;
        let mut fields = Vec::new();
        for key in equal.keys() {
            let value = equal.json(&key.value)?;
            let value = match value {
                serde_json::Value::String(text) => filled(
                    &equal,
                    Located {
                        value: text,
                        at: key.at,
                    },
                    self.values,
                )
                .into(),
                other => other,
            };
            fields.push((key.value, value));
        }
        Some(Grader::Fields { equal: fields })
    }

    fn files(&self, table: &Shape<'_>) -> Option<Grader> {
        let mut checks = Vec::new();
        for entry in table.shapes("files", "an entry of `files`") {
            let path = entry.need_text("path");
            let at = path.at;
            let path = filled(&entry, path, self.values);
            if path.starts_with('/') || path.split('/').any(|part| part == "..") {
                entry.teach(
                    at,
                    format!("`{path}` leaves the workspace"),
                    "use a path below the workspace",
                );
            }
            checks.push(FileCheck {
                path,
                exists: entry.flag("exists").unwrap_or(true),
                text: entry
                    .text("text")
                    .map(|text| filled(&entry, text, self.values)),
                contains: self.texts(&entry, "contains"),
            });
            entry.finish();
        }
        if checks.is_empty() {
            table.teach(
                table.at(),
                format!("`grade.files` of task `{}` asks for nothing", self.task),
                "add `files = [{ path = \"answer.txt\" }]`",
            );
            return None;
        }
        Some(Grader::Files { files: checks })
    }

    fn command(&self, table: &Shape<'_>) -> Option<Grader> {
        let run = self.texts(table, "run");
        if run.is_empty() {
            table.teach(
                table.at(),
                format!("`grade.command` of task `{}` runs nothing", self.task),
                "add `run = [\"program\", \"argument\"]`",
            );
            return None;
        }
        let seconds = table.number("seconds", 1..86_401).unwrap_or(60);
        Some(Grader::Command {
            run,
            seconds: u32::try_from(seconds).unwrap_or(60),
        })
    }

    fn rubric(&self, table: &Shape<'_>) -> Option<Grader> {
        let mut criteria: Vec<Criterion> = Vec::new();
        for entry in table.shapes("criteria", "a criterion of `grade.rubric`") {
            let name = entry.need_text("name");
            let at = name.at;
            let name = filled(&entry, name, self.values);
            let text = filled(&entry, entry.need_text("text"), self.values);
            if criteria.iter().any(|it| it.name == name) {
                entry.fault(
                    at,
                    format!("two criteria of this rubric are called `{name}`"),
                );
            }
            if [&name, &text].iter().any(|it| it.trim().is_empty()) {
                entry.teach(
                    at,
                    "a criterion needs a name and a text",
                    "say what must hold of the work: `{ name = \"deadline\", text = \"The answer names the deadline.\" }`",
                );
            }
            criteria.push(Criterion {
                name,
                text,
                events: entry.flag("events").unwrap_or(false),
            });
            entry.finish();
        }
        if criteria.is_empty() {
            table.teach(
                table.at(),
                format!("`grade.rubric` of task `{}` asks for nothing", self.task),
                "add `criteria = [{ name = \"…\", text = \"…\" }]`",
            );
            return None;
        }
        Some(Grader::Rubric { criteria })
    }

    fn weighted(&self, table: &Shape<'_>) -> Option<Grader> {
        let pass = table.real("pass").unwrap_or(1.0);
        let mut parts = Vec::new();
        for part in table.shapes("parts", "a part of `grade.weighted`") {
            let weight = part.real("weight").unwrap_or(1.0);
            if weight <= 0.0 {
                part.fault(part.at(), "a weight must be above 0");
            }
            if let Some(grade) = part.shape("grade", "`grade`") {
                parts.extend(read_grader(grade, self.task, self.values).map(|it| (weight, it)));
            } else {
                part.fault(part.at(), "a part of `grade.weighted` lacks `grade`");
            }
            part.finish();
        }
        if !(0.0 < pass && pass <= 1.0) || parts.is_empty() {
            table.teach(
                table.at(),
                format!(
                    "`grade.weighted` of task `{}` needs parts and a `pass` above 0, up to 1",
                    self.task
                ),
                "each part is `{ weight = 2, grade.exact.text = \"…\" }`",
            );
            return None;
        }
        Some(Grader::Weighted { parts, pass })
    }
}
