//! Names made to break out of a page: they are shown, and do nothing.

use std::fs;
use std::path::{Path, PathBuf};

use dreameval::files::TemporaryFolder;

use crate::program::{Said, say};

/// Tasks, each made against one reader: HTML, Markdown, XML, a CI log, a terminal, an eye.
const TASKS: [&str; 12] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "a|b|c",
    "`code` and ```",
    "[link](javascript:alert(1))",
    "::set-output name=passed::true",
    "\u{1b}[31mred\u{1b}]0;title\u{7}",
    "]]><!ENTITY x>&amp;&#x1b;",
    "txt.\u{202e}gnp\u{200b}\u{feff}",
    "two\nlines\r\nand ::error::more",
    "{{remedy:x}} %s $(id) ../../etc",
];

const BASELINE: &str = "<b onclick=alert(1)>none|</b>";
const CANDIDATE: &str = "::add-mask::`with`\u{1b}[2J";

/// A table in which every name is hostile, and what `compare` makes of it.
fn compared() -> (TemporaryFolder, Said) {
    let folder = TemporaryFolder::create("hostile").unwrap();
    let long = "long<script>".repeat(2000);
    let mut table = "task,arm,family,outcome\n".to_owned();
    for (index, task) in TASKS.into_iter().chain([long.as_str()]).enumerate() {
        // Every other task got worse, so that it is named as one that was hurt.
        for (arm, outcome) in [(BASELINE, (index + 1) % 2), (CANDIDATE, index % 2)] {
            let cells = [task, arm, task].map(|it| format!("\"{}\"", it.replace('"', "\"\"")));
            table += &format!("{},{outcome}\n", cells.join(","));
        }
    }
    fs::write(folder.path().join("t.csv"), table).unwrap();
    let said = say(
        folder.path(),
        [
            "compare",
            "t.csv",
            "--baseline",
            BASELINE,
            "--candidate",
            CANDIDATE,
            "--out",
            "out",
        ],
    );
    assert_eq!(said.code, Some(0), "{}", said.talk);
    (folder, said)
}

fn page(folder: &TemporaryFolder, name: &str) -> String {
    fs::read_to_string(folder.path().join("out").join(name)).unwrap()
}

#[test]
fn no_tag_of_a_name_reaches_a_page() {
    let (folder, said) = compared();
    for name in ["report.html", "report.md", "junit.xml"] {
        let page = page(&folder, name);
        for tag in [
            "<script>alert",
            "<script>long",
            "<img src=x",
            "<b onclick",
            "<!ENTITY",
        ] {
            assert!(!page.contains(tag), "{name} holds {tag}");
        }
    }
    let html = page(&folder, "report.html");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!html.contains("href=\"javascript:"));
    assert!(!said.answer.is_empty());
}

#[test]
fn no_control_character_of_a_name_reaches_anyone() {
    let (folder, said) = compared();
    let pages = [
        "report.html",
        "report.md",
        "junit.xml",
        "evidence.json",
        "verdicts.json",
    ];
    let mut texts: Vec<(String, String)> = pages
        .iter()
        .map(|it| ((*it).to_owned(), page(&folder, it)))
        .collect();
    texts.push(("stdout".into(), said.answer));
    texts.push(("stderr".into(), said.talk));
    for (name, text) in texts {
        // A carriage return is white space to a page; the program's own voice lets none through.
        let is_white = |it: char| "\n\t".contains(it) || (it == '\r' && !name.starts_with("std"));
        let control = text.chars().find(|it| it.is_control() && !is_white(*it));
        assert_eq!(control, None, "{name}");
    }
}

#[test]
fn no_name_turns_the_direction_of_a_text_or_hides_in_it() {
    let (folder, said) = compared();
    for text in [
        page(&folder, "report.html"),
        page(&folder, "report.md"),
        said.answer,
    ] {
        assert!(!text.contains(['\u{202e}', '\u{200b}', '\u{feff}']));
    }
}

#[test]
fn no_name_speaks_to_a_ci_log() {
    let (folder, said) = compared();
    for (name, text) in [
        ("stdout", said.answer),
        ("stderr", said.talk),
        ("report.md", page(&folder, "report.md")),
    ] {
        let order = text
            .lines()
            .find(|line| line.trim_start().starts_with("::"));
        assert_eq!(order, None, "{name}");
    }
}

#[test]
fn no_name_breaks_a_table_of_the_markdown_page() {
    let (folder, _) = compared();
    let page = page(&folder, "report.md");
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let rows: Vec<&str> = page.lines().collect();
    let broken = rows
        .windows(2)
        .find(|pair| pair.iter().all(|it| it.starts_with('|')) && cells(pair[0]) != cells(pair[1]));
    assert_eq!(broken, None);
}

#[test]
fn the_test_report_is_well_formed_xml() {
    let (folder, _) = compared();
    let report = quick_junit::Report::deserialize_from_str(&page(&folder, "junit.xml"));
    assert!(report.is_ok(), "{report:?}");
}

#[test]
fn a_name_becomes_no_file() {
    let (folder, _) = compared();
    let mut names: Vec<PathBuf> = dreameval::files::list(folder.path()).unwrap();
    names.retain(|it| !it.starts_with("out") && it != Path::new("t.csv"));
    assert_eq!(names, Vec::<PathBuf>::new());
}

#[test]
fn a_hostile_name_is_told_in_an_error_without_its_power() {
    let (folder, _) = compared();
    let arguments = [
        "compare",
        "t.csv",
        "--baseline",
        "\u{1b}[31mnone",
        "--candidate",
        CANDIDATE,
    ];
    let said = say(folder.path(), arguments);
    assert!(matches!(said.code, Some(2 | 4)), "{said:?}");
    assert!(said.talk.starts_with("error: "), "{}", said.talk);
    assert!(!said.talk.contains('\u{1b}'), "{}", said.talk);
}
