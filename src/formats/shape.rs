//! Reading hand-written TOML: every fault of a file is collected, each with its line, column and mending.

use std::{
    cell::RefCell,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use crate::{
    error::{Error, did_you_mean},
    files,
};

/// The faults found so far in one file.
#[derive(Debug)]
pub struct Faults<'a> {
    path: &'a Path,
    text: &'a str,
    found: RefCell<Vec<(usize, Error)>>,
}

impl<'a> Faults<'a> {
    /// No faults yet.
    pub fn new(path: &'a Path, text: &'a str) -> Self {
        Self {
            path,
            text,
            found: RefCell::new(Vec::new()),
        }
    }

    /// Notes a fault at a byte offset.
    pub fn add(&self, at: usize, error: Error) {
        let (line, column) = self.position(at);
        self.found
            .borrow_mut()
            .push((at, error.in_file(self.path).at(line, column)));
    }

    /// All faults, joined in file order.
    pub fn into_error(self) -> Option<Error> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(at, _)| *at);
        Error::join(found.into_iter().map(|(_, error)| error).collect())
    }

    /// How many faults were found so far.
    pub fn count(&self) -> usize {
        self.found.borrow().len()
    }

    /// Says what the faults from `since` on come from. One told of the same place before is not told again.
    pub fn explain(&self, since: usize, cause: &str) {
        let mut found = self.found.borrow_mut();
        for (at, error) in found.split_off(since) {
            if !found
                .iter()
                .any(|(told, it)| *told == at && it.what() == error.what())
            {
                found.push((at, error.because(cause)));
            }
        }
    }

    /// Notes what is wrong with another file, which this one names at a byte offset.
    pub fn pass_on(&self, at: usize, error: Error) {
        let (line, column) = self.position(at);
        let named = format!("named in {}:{line}:{column}", self.path.display());
        self.found.borrow_mut().push((at, error.because(named)));
    }

    /// Whether nothing was found so far.
    pub fn is_clean(&self) -> bool {
        self.found.borrow().is_empty()
    }

    fn position(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |it| it + 1);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        (line, 1 + before[line_start..].chars().count())
    }
}

/// Parses a document; what is not TOML goes to the faults.
pub fn parse<'a>(faults: &Faults<'a>) -> Spanned<DeTable<'a>> {
    let (table, errors) = DeTable::parse_recoverable(faults.text);
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        let message = error
            .message()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        faults.add(at, Error::input("this is not TOML").because(message));
    }
    table
}

/// One table, whose keys are asked for one by one; what was not asked for is a fault.
#[derive(Debug)]
pub struct Shape<'a> {
    faults: &'a Faults<'a>,
    table: &'a DeTable<'a>,
    at: usize,
    what: String,
    asked: RefCell<Vec<String>>,
}

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Byte offset of its first character.
    pub at: usize,
}

impl<'a> Shape<'a> {
    /// The table called `what` in messages, such as ``task `a` ``.
    pub fn new(faults: &'a Faults<'a>, table: &'a Spanned<DeTable<'a>>, what: &str) -> Self {
        Self::of(faults, table.get_ref(), &table.span(), what)
    }

    fn of(faults: &'a Faults<'a>, table: &'a DeTable<'a>, span: &Range<usize>, what: &str) -> Self {
        Self {
            faults,
            table,
            at: span.start,
            what: what.to_owned(),
            asked: RefCell::new(Vec::new()),
        }
    }

    /// Where the table begins.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Says more precisely what the table is, for the messages to come.
    #[must_use]
    pub fn called(mut self, what: String) -> Self {
        self.what = what;
        self
    }

    /// Notes a fault of this table.
    pub fn fault(&self, at: usize, what: impl Into<String>) -> &Self {
        self.faults.add(at, Error::input(what));
        self
    }

    /// Notes a fault with a mending.
    pub fn teach(&self, at: usize, what: impl Into<String>, mend: impl Into<String>) {
        self.faults.add(at, Error::input(what).mend(mend));
    }

    fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|it| it == key) {
            asked.push(key.to_owned());
        }
        self.table.get(key)
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let found = match value.get_ref() {
            DeValue::Integer(digits) => digits.as_str().to_owned(),
            DeValue::Float(digits) => digits.as_str().to_owned(),
            other => a_or_an(other.type_str()),
        };
        self.fault(
            value.span().start,
            format!("`{key}` of {} must be {wanted}, not {found}", self.what),
        );
    }

    fn missing(&self, key: &str, wanted: &str) {
        self.teach(
            self.at,
            format!("{} lacks `{key}`", self.what),
            format!("add `{key}`: {wanted}"),
        );
    }

    /// An optional text.
    pub fn text(&self, key: &str) -> Option<Located<String>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Located {
                value: text.clone().into_owned(),
                at: value.span().start,
            }),
            _ => {
                self.wrong_type(key, value, "a text");
                None
            }
        }
    }

    /// A text that must be there; empty where it is not, with the fault noted.
    pub fn need_text(&self, key: &str) -> Located<String> {
        if !self.table.contains_key(key) {
            self.missing(key, "a text");
        }
        self.text(key).unwrap_or(Located {
            value: String::new(),
            at: self.at,
        })
    }

    /// An optional whole number within `range`.
    pub fn number(&self, key: &str, range: Range<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(digits) => whole(digits),
            _ => None,
        };
        let fits = number
            .and_then(|it| u64::try_from(it).ok())
            .filter(|it| range.contains(it));
        if fits.is_none() {
            self.wrong_type(key, value, &wanted(&range));
        }
        fits
    }

    /// A whole number that must be there; the start of the range where it is not.
    pub fn need_number(&self, key: &str, range: Range<u64>) -> u64 {
        if !self.table.contains_key(key) {
            self.missing(key, &wanted(&range));
        }
        let least = range.start;
        self.number(key, range).unwrap_or(least)
    }

    /// An optional number, whole or not, that is finite.
    pub fn real(&self, key: &str) -> Option<f64> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(digits) => whole(digits).map(|it| it as f64),
            DeValue::Float(digits) => digits.as_str().replace('_', "").parse().ok(),
            _ => None,
        };
        let number = number.filter(|it: &f64| it.is_finite());
        if number.is_none() {
            self.wrong_type(key, value, "a finite number");
        }
        number
    }

    /// An optional `true` or `false`.
    pub fn flag(&self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type(key, value, "`true` or `false`");
        }
        flag
    }

    /// A list of texts; empty where the key is absent.
    pub fn texts(&self, key: &str) -> Vec<Located<String>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(text) => texts.push(Located {
                    value: text.clone().into_owned(),
                    at: item.span().start,
                }),
                _ => self.wrong_type(key, item, "a list of texts"),
            }
        }
        texts
    }

    /// A list of whole numbers within `range`; empty where the key is absent.
    pub fn numbers(&self, key: &str, range: Range<u64>) -> Vec<u64> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let wanted = format!(
            "a list of whole numbers from {} to {}",
            range.start,
            range.end - 1
        );
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, value, &wanted);
            return Vec::new();
        };
        let mut numbers = Vec::new();
        for item in items.iter() {
            let number = match item.get_ref() {
                DeValue::Integer(digits) => whole(digits).and_then(|it| u64::try_from(it).ok()),
                _ => None,
            };
            match number.filter(|it| range.contains(it)) {
                Some(number) => numbers.push(number),
                None => self.wrong_type(key, item, &wanted),
            }
        }
        numbers
    }

    /// The tables of `[[key]]`, each called `what` until it is called better.
    pub fn shapes(&self, key: &str, what: &str) -> Vec<Shape<'a>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of tables");
            return Vec::new();
        };
        let mut shapes = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => {
                    shapes.push(Shape::of(self.faults, table, &item.span(), what));
                }
                _ => self.wrong_type(key, item, "a list of tables"),
            }
        }
        shapes
    }

    /// The table at `key`.
    pub fn shape(&self, key: &str, what: &str) -> Option<Shape<'a>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Shape::of(self.faults, table, &value.span(), what)),
            _ => {
                self.wrong_type(key, value, "a table");
                None
            }
        }
    }

    /// Every key of the table with its place, in file order.
    pub fn keys(&self) -> Vec<Located<String>> {
        self.table
            .iter()
            .map(|(key, _)| Located {
                value: key.get_ref().clone().into_owned(),
                at: key.span().start,
            })
            .collect()
    }

    /// A text, number or flag written as text, for cells and attributes.
    pub fn word(&self, key: &str) -> Option<Located<String>> {
        let value = self.value(key)?;
        let word = match value.get_ref() {
            DeValue::String(text) => text.clone().into_owned(),
            DeValue::Integer(digits) => whole(digits)
                .map_or_else(|| digits.as_str().to_owned(), |number| number.to_string()),
            DeValue::Float(digits) => digits.as_str().to_owned(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                self.wrong_type(key, value, "one word");
                return None;
            }
        };
        Some(Located {
            value: word,
            at: value.span().start,
        })
    }

    /// Any value as JSON, for what is compared with JSON answers.
    pub fn json(&self, key: &str) -> Option<serde_json::Value> {
        let value = self.value(key)?;
        let json = to_json(value.get_ref());
        if json.is_none() {
            self.fault(
                value.span().start,
                format!(
                    "`{key}` of {} holds a number that JSON cannot hold",
                    self.what
                ),
            );
        }
        json
    }

    /// The path of a file that a text names, seen from `folder`; one that is not there is a fault.
    pub fn path(&self, named: &Located<String>, folder: &Path) -> Option<PathBuf> {
        let path = folder.join(&named.value);
        if files::exists(&path) {
            return Some(path);
        }
        // A file that many tables name is missed once.
        let what = format!("there is no file or folder `{}`", named.value);
        let is_new = self
            .faults
            .found
            .borrow()
            .iter()
            .all(|it| it.1.what() != what);
        if is_new {
            self.teach(
                named.at,
                what,
                "paths start at the folder of this file; what a copied file names must be copied with it",
            );
        }
        None
    }

    /// Whether the table has this key, which is a known one from now on.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The faults of the file it stands in.
    pub fn faults(&self) -> &'a Faults<'a> {
        self.faults
    }

    /// Complains about every key nobody asked for, with the nearest one that exists.
    pub fn finish(self) {
        self.finish_asked();
    }

    /// The same, for a table that is still lent out.
    pub fn finish_asked(&self) {
        let asked = self.asked.borrow();
        for key in self.keys() {
            if !asked.contains(&key.value) {
                let known = asked.iter().map(String::as_str);
                self.teach(
                    key.at,
                    format!("{} has no key `{}`", self.what, key.value),
                    did_you_mean(&key.value, "keys", known),
                );
            }
        }
    }
}

/// What a number within `range` is called in messages.
fn wanted(range: &Range<u64>) -> String {
    match (range.start, range.end - 1) {
        (least, most) if least == most => format!("the number {least}"),
        (least, most) => format!("a whole number from {least} to {most}"),
    }
}

/// A whole number in any of TOML's notations.
fn whole(digits: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(&digits.as_str().replace('_', ""), digits.radix()).ok()
}

fn to_json(value: &DeValue<'_>) -> Option<serde_json::Value> {
    use serde_json::Value;
    Some(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(digits) => {
            let number = whole(digits)?;
            match i64::try_from(number) {
                Ok(number) => Value::from(number),
                Err(_) => Value::from(u64::try_from(number).ok()?),
            }
        }
        DeValue::Float(digits) => {
            let number: f64 = digits.as_str().replace('_', "").parse().ok()?;
            Value::Number(serde_json::Number::from_f64(number)?)
        }
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(moment) => Value::from(moment.to_string()),
        DeValue::Array(items) => items
            .iter()
            .map(|it| to_json(it.get_ref()))
            .collect::<Option<Vec<_>>>()?
            .into(),
        DeValue::Table(table) => {
            let mut map = serde_json::Map::new();
            for (key, value) in table {
                map.insert(
                    key.get_ref().clone().into_owned(),
                    to_json(value.get_ref())?,
                );
            }
            Value::Object(map)
        }
    })
}

fn a_or_an(noun: &str) -> String {
    match noun.chars().next() {
        Some('a' | 'e' | 'i' | 'o' | 'u') => format!("an {noun}"),
        _ => format!("a {noun}"),
    }
}
