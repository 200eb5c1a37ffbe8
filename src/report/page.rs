//! The one value every page is rendered from: a headline, five answers, and sections of plain blocks.

use serde::Serialize;

/// A finished report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What was run or compared.
    pub title: String,
    /// What it is, in a sentence or two; may be empty.
    pub about: String,
    /// The verdict.
    pub headline: Headline,
    /// What a reader asks first, with the answers.
    pub answers: Vec<Answer>,
    /// Everything else, in reading order.
    pub sections: Vec<Section>,
    /// One case per criterion and per learning, for CI.
    pub cases: Vec<Case>,
}

/// The verdict on top of the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Headline {
    /// How it came out.
    pub mood: Mood,
    /// The verdict's word: `helps`.
    pub word: String,
    /// The verdict with its denominator: the first line of the page.
    pub sentence: String,
    /// What else is to be said where no section says it.
    pub more: Vec<String>,
}

/// How something came out: drawn as a shape and a colour, and always beside a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mood {
    /// It helps, it stays.
    Good,
    /// Not known either way.
    Unsure,
    /// Nothing to see.
    Flat,
    /// It hurts.
    Bad,
}

/// One of the first questions, answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The question.
    pub question: String,
    /// The answer, in a sentence or two.
    pub answer: String,
    /// The section that says more.
    pub section: String,
}

/// A part of the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// Its anchor, one of ours.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What it holds, in sentences; read before anything else of it.
    pub lead: Vec<String>,
    /// What it shows.
    pub blocks: Vec<Block>,
    /// Whether it is closed until asked for.
    pub folded: bool,
}

/// Something a section shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Block {
    /// Rows and columns.
    Table(Table),
    /// A plot.
    Figure(Figure),
    /// Short remarks.
    List(Vec<String>),
    /// A command or a file's text.
    Code(String),
    /// Two attempts side by side.
    Transcripts(Transcripts),
}

/// A table; the first cell of each row names the row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What it shows, in a sentence.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows; each has as many cells as there are columns.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// Whether it holds numbers.
    pub numeric: bool,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cell {
    /// A text or a number.
    Text(String),
    /// Several short texts, one below another.
    Lines(Vec<String>),
    /// A verdict's word with what qualifies it.
    Verdict {
        /// How it came out.
        mood: Mood,
        /// The word.
        word: String,
        /// Why, in a word or two; may be empty.
        cause: String,
    },
    /// A name and what it is.
    Named {
        /// The name.
        name: String,
        /// What it is and where it stands; may be empty.
        detail: String,
    },
    /// Reasons, and what else there is to read for those who ask.
    Reasons {
        /// What decided.
        lines: Vec<String>,
        /// Further sentences.
        more: Vec<String>,
        /// The exact text spoken of; may be empty.
        text: String,
    },
}

/// A plot, drawn twice: for wide and for narrow screens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Its anchor and file name, one of ours.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// What there is to see, in words.
    pub description: String,
    /// SVG text for wide screens and paper.
    pub wide: String,
    /// SVG text for narrow screens.
    pub narrow: String,
}

/// Two attempts at one task with one seed, up to where they part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transcripts {
    /// The task and what was the same.
    pub title: String,
    /// Steps both took.
    pub shared: Vec<String>,
    /// What the first attempt had: `no memory`.
    pub without: String,
    /// Its steps from where they part.
    pub without_steps: Vec<Step>,
    /// What the second attempt had: `dreamed memory`.
    pub with: String,
    /// Its steps from where they part.
    pub with_steps: Vec<Step>,
}

/// One step of a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was done.
    pub did: String,
    /// What came of it; may be empty.
    pub came: String,
    /// Whether it was refused or failed.
    pub failed: bool,
    /// The advice it followed, in the learning's words; may be empty.
    pub followed: String,
}

/// One case for CI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// The group: `dream`, `learnings` or `criteria`.
    pub group: String,
    /// What it is about.
    pub name: String,
    /// How it came out.
    pub status: CaseStatus,
    /// Why, in a sentence.
    pub says: String,
}

/// How a case came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseStatus {
    /// As it should be.
    Passed,
    /// Not known, or not kept; no harm.
    Skipped,
    /// Harm or a loss.
    Failed,
}

impl Mood {
    /// Its shape in text.
    pub fn shape(self) -> &'static str {
        match self {
            Mood::Good => "▲",
            Mood::Unsure => "◇",
            Mood::Flat => "○",
            Mood::Bad => "▼",
        }
    }

    /// Its name in style sheets.
    pub fn class(self) -> &'static str {
        match self {
            Mood::Good => "good",
            Mood::Unsure => "unsure",
            Mood::Flat => "flat",
            Mood::Bad => "bad",
        }
    }
}

impl Section {
    /// An open section without blocks.
    pub fn new(id: &str, title: &str, lead: Vec<String>) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            lead,
            blocks: Vec::new(),
            folded: false,
        }
    }
}

impl Table {
    /// A table without rows; a `#` before a heading marks a column of numbers.
    pub fn new(caption: &str, headings: &[&str]) -> Self {
        let column = |heading: &&str| Column {
            title: heading.trim_start_matches('#').to_owned(),
            numeric: heading.starts_with('#'),
        };
        Self {
            caption: caption.to_owned(),
            columns: headings.iter().map(column).collect(),
            rows: Vec::new(),
        }
    }
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Cell::Text(text.into())
    }

    /// A text, or what stands for something not measured.
    pub fn or_unknown(text: Option<String>) -> Self {
        Cell::Text(text.unwrap_or_else(|| "not measured".to_owned()))
    }
}
