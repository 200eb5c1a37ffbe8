//! The house, kept by a test: floors, walls, doors, and a first sentence in every file.

use std::{fs, path::Path};

/// Ground first. A module imports from floors below its own; neighbours do not know each other.
const FLOORS: [&[&str]; 10] = [
    &["error", "draw", "secret"],
    &["domain", "statistics", "files"],
    &["process", "http"],
    &["formats", "chat", "hosted", "environment", "mcp"],
    &["agents", "scoring", "dreaming"],
    &["runner", "import"],
    &["analysis"],
    &["promotion"],
    &["study", "report"],
    &["cli"],
];

/// What only one place may name: a file, or a folder by the beginning of its files' paths.
const DOORS: [(&str, &str); 10] = [
    ("polars", "analysis/frames"),
    ("polars_io", "analysis/frames"),
    ("plotters", "report/plot.rs"),
    ("reqwest", "http/wire.rs"),
    ("rustls", "http/wire.rs"),
    ("indicatif", "cli/progress.rs"),
    ("clap", "cli/args/"),
    ("csv", "formats/dataset.rs"),
    ("std::fs", "files/"),
    ("tokio::fs", "files/"),
];

/// Most lines a file may have.
const LONGEST: usize = 600;

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for source in sources()
        .iter()
        .filter(|it| !matches!(it.room(), "lib" | "main"))
    {
        let own = source.room();
        let Some(own_floor) = floor_of(own) else {
            wrong.push(format!(
                "{}: `{own}` has no floor; add it to FLOORS",
                source.path
            ));
            continue;
        };
        for named in source.named("crate") {
            let room = named.split("::").nth(1).unwrap_or_default();
            match floor_of(room) {
                Some(floor) if floor < own_floor || room == own => {}
                Some(_) => wrong.push(format!("{}: `{own}` may not import `{named}`", source.path)),
                None => wrong.push(format!("{}: `{named}` stands on no floor", source.path)),
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn dreamers_know_sessions_and_stores_and_nothing_of_the_world() {
    let wrong = names_in("dreaming", |named| {
        named.starts_with("crate::environment") || named.starts_with("crate::domain::world")
    });
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn agents_see_a_world_only_through_the_desk() {
    let wrong = names_in("agents", |named| {
        let beyond_the_desk = named.starts_with("crate::environment")
            && ![
                "crate::environment::Desk",
                "crate::environment::Place",
                "crate::environment::Workspace",
                "crate::environment::workspace",
            ]
            .iter()
            .any(|it| named == *it || named.starts_with(&format!("{it}::")));
        beyond_the_desk || named.starts_with("crate::domain::world")
    });
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn heavy_dependencies_have_one_door() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, door) in DOORS {
            let root = name.split("::").next().unwrap_or(name);
            let is_named = |it: &String| it == name || it.starts_with(&format!("{name}::"));
            if !source.path.starts_with(door) && source.named(root).iter().any(is_named) {
                wrong.push(format!("{}: only {door} may name `{name}`", source.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn arrows_between_modules_can_be_seen() {
    let climbing: Vec<String> = sources()
        .into_iter()
        .filter(|it| it.code.contains("super::super"))
        .map(|it| format!("{}: climb by `crate::`", it.path))
        .collect();
    assert_eq!(climbing, Vec::<String>::new());
}

#[test]
fn every_file_says_what_lives_there_and_none_is_too_long() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{}: begin with a `//!` sentence", source.path));
        }
        let lines = source.text.lines().count();
        if LONGEST < lines {
            wrong.push(format!(
                "{}: {lines} lines; the most is {LONGEST}",
                source.path
            ));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_name_is_found_however_it_is_imported() {
    let code = "use crate::{a::{b, c as d}, e::*};\nlet x = crate::f::g::<T>(1);\nuse std::{fs::File, io};\nmy_csv::x";
    assert_eq!(
        named_in(code, "crate"),
        ["crate::a::b", "crate::a::c", "crate::e::*", "crate::f::g"]
    );
    assert_eq!(named_in(code, "std"), ["std::fs::File", "std::io"]);
    assert_eq!(named_in(code, "csv"), Vec::<String>::new());
}

/// A file of the crate.
struct Source {
    /// Below `src`, with forward slashes.
    path: String,
    text: String,
    /// The text without the lines that are comments.
    code: String,
}

impl Source {
    /// The module of the first level it belongs to.
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn named(&self, root: &str) -> Vec<String> {
        named_in(&self.code, root)
    }
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// What the files of `room` name that is `forbidden` there.
fn names_in(room: &str, forbidden: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources().iter().filter(|it| it.room() == room) {
        let named = source.named("crate").into_iter().filter(|it| forbidden(it));
        found.extend(named.map(|it| format!("{}: `{it}`", source.path)));
    }
    found
}

/// Every full path that begins with `root::`, lists in braces spelt out.
fn named_in(code: &str, root: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in code.match_indices(&format!("{root}::")) {
        let is_inside_a_word =
            code[..at].ends_with(|it: char| it.is_alphanumeric() || it == '_' || it == ':');
        if !is_inside_a_word {
            spell_out(&code[at + root.len() + 2..], root, &mut named);
        }
    }
    named
}

/// Adds every path of the tree that `rest` begins with, and returns what follows it.
fn spell_out<'code>(rest: &'code str, above: &str, named: &mut Vec<String>) -> &'code str {
    let rest = rest.trim_start();
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            inner = inner.trim_start_matches(|it: char| it.is_whitespace() || it == ',');
            if let Some(after) = inner.strip_prefix('}') {
                return after;
            }
            if inner.is_empty() {
                return inner;
            }
            inner = spell_out(inner, above, named);
        }
    }
    let is_word = |it: char| it.is_alphanumeric() || it == '_' || it == '*';
    let end = rest.find(|it| !is_word(it)).unwrap_or(rest.len());
    let path = format!("{above}::{}", &rest[..end]);
    match rest[end..].strip_prefix("::") {
        Some(deeper)
            if deeper
                .trim_start()
                .starts_with(|it| is_word(it) || it == '{') =>
        {
            spell_out(deeper, &path, named)
        }
        _ => {
            named.push(path);
            let rest = &rest[end..];
            &rest[rest.find([',', '}']).unwrap_or(rest.len())..]
        }
    }
}

/// Every file below `src`, in order of their paths.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let is_code = |line: &&str| !line.trim_start().starts_with("//");
                found.push(Source {
                    path: path
                        .strip_prefix(&root)
                        .unwrap()
                        .to_string_lossy()
                        .replace('\\', "/"),
                    code: text.lines().filter(is_code).collect::<Vec<_>>().join("\n"),
                    text,
                });
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}
