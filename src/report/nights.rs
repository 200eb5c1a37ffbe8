//! The page of nights: what each unattended pass came to, how the store grew, what was promoted and what left.

use std::collections::BTreeMap;

use crate::{
    analysis::evidence::{RateEvidence, SweepPoint},
    error::{Result, count},
    promotion::{
        figures::{arm_words, percent},
        ledger::entry::{Night, NightEnd},
    },
    report::{
        budgets::{Chart, drawn},
        page::{Block, Cell, Figure, Headline, Mood, Report, Section, Table},
    },
};

/// The page, from the nights of a ledger in their order; nights under way are left out.
///
/// # Errors
/// A bug of ours where drawing fails.
pub fn report(store: &str, head: &str, nights: &[&Night]) -> Result<Report> {
    let ended: Vec<(&Night, &NightEnd)> = nights
        .iter()
        .filter_map(|night| Some((*night, night.ended.as_ref()?)))
        .collect();
    let description = described(&ended);
    let blocks = vec![
        Block::Figure(completion(&ended, &description)?),
        Block::Figure(sizes(&ended)?),
        Block::Table(table(&ended)),
    ];
    Ok(Report {
        title: format!("Nights of {store}"),
        about: "Each night practises with the store in force, dreams, evaluates and promotes what earned it.".to_owned(),
        headline: Headline {
            mood: mood(&ended),
            word: ended.last().map_or_else(|| "none".to_owned(), |it| it.1.word.clone()),
            sentence: description,
            more: vec![format!("Ledger head: {head}.")],
        },
        answers: Vec::new(),
        sections: vec![Section {
            id: "nights".to_owned(),
            title: "Night by night".to_owned(),
            lead: Vec::new(),
            blocks,
            folded: false,
        }],
        cases: Vec::new(),
    })
}

fn mood(ended: &[(&Night, &NightEnd)]) -> Mood {
    match ended.last().map(|it| it.1.word.as_str()) {
        Some("rolled back") => Mood::Bad,
        Some("waiting") => Mood::Unsure,
        Some("promoted") => Mood::Good,
        _ => Mood::Flat,
    }
}

/// The store's completion at the start of a night, 0 to 1.
fn rate(end: &NightEnd, arm: &str) -> Option<f64> {
    let [completed, trials] = *end.rates.get(arm)?;
    (0 < trials).then(|| f64::from(completed) / f64::from(trials))
}

fn described(ended: &[(&Night, &NightEnd)]) -> String {
    let (Some(first), Some(last)) = (ended.first(), ended.last()) else {
        return "No night has ended yet.".to_owned();
    };
    let of = |end: &NightEnd| match end.rates.get("stored") {
        Some([completed, trials]) => format!("{completed} of {trials}"),
        None => "nothing".to_owned(),
    };
    format!(
        "{}: the store in force completed {} on the first and {} on the last; it holds {} now.",
        count(ended.len(), "night"),
        of(first.1),
        of(last.1),
        count(last.1.learnings as usize, "learning")
    )
}

fn point(arm: &str, night: usize, share: Option<f64>) -> SweepPoint {
    SweepPoint {
        arm: arm.to_owned(),
        steps: u32::try_from(night + 1).unwrap_or(u32::MAX),
        rate: RateEvidence {
            completed: 0.0,
            trials: 0,
            rate: share,
            interval: None,
        },
        from_bare: None,
    }
}

fn completion(ended: &[(&Night, &NightEnd)], description: &str) -> Result<Figure> {
    let mut points = Vec::new();
    for arm in ["bare", "stored", "dreamed"] {
        for (index, (_, end)) in ended.iter().enumerate() {
            points.push(point(arm, index, rate(end, arm)));
        }
    }
    let chart = Chart {
        id: "completion",
        title: "Completion night by night",
        axis: "night",
        most: None,
        candidate: "stored",
        words: |arm| match arm {
            "stored" => "the store in force".to_owned(),
            other => arm_words(other),
        },
    };
    drawn(&points, &chart, description)
}

fn sizes(ended: &[(&Night, &NightEnd)]) -> Result<Figure> {
    let counts: BTreeMap<&str, fn(&NightEnd) -> u32> = [
        ("in force", (|it| it.learnings) as fn(&NightEnd) -> u32),
        ("added", |it| it.added),
        ("left", |it| it.left),
    ]
    .into();
    let most = ended
        .iter()
        .flat_map(|(_, end)| counts.values().map(|of| of(end)))
        .max()
        .unwrap_or(0)
        .max(4)
        .next_multiple_of(4);
    let mut points = Vec::new();
    for (name, of) in &counts {
        for (index, (_, end)) in ended.iter().enumerate() {
            let share = f64::from(of(end)) / f64::from(most);
            points.push(point(name, index, Some(share)));
        }
    }
    let chart = Chart {
        id: "learnings",
        title: "Learnings in force, added and left",
        axis: "night",
        most: Some(most),
        candidate: "in force",
        words: str::to_owned,
    };
    drawn(
        &points,
        &chart,
        "Learnings in force after each night, added in it, and left in it.",
    )
}

fn table(ended: &[(&Night, &NightEnd)]) -> Table {
    let mut table = Table::new(
        "What came of each night",
        &[
            "Night",
            "Came of it",
            "#Bare",
            "#Store in force",
            "#Dreamed",
            "#In force after",
            "#Added",
            "#Left",
        ],
    );
    for (night, end) in ended {
        let share = |arm: &str| match (end.rates.get(arm), rate(end, arm)) {
            (Some([completed, trials]), Some(rate)) => {
                format!("{completed} of {trials} ({})", percent(rate))
            }
            _ => "not run".to_owned(),
        };
        table.rows.push(vec![
            Cell::text(night.night.clone()),
            Cell::text(end.word.clone()),
            Cell::text(share("bare")),
            Cell::text(share("stored")),
            Cell::text(share("dreamed")),
            Cell::text(end.learnings.to_string()),
            Cell::text(end.added.to_string()),
            Cell::text(end.left.to_string()),
        ]);
    }
    table
}
