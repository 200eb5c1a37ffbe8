//! What the dream saw in the sessions, and what it did to the store.

use crate::{
    domain::dream::{Action, Dream, PatternKind},
    error::count,
    report::{
        Inputs,
        page::{Block, Cell, Section, Table},
    },
};

/// The section; `None` without a dream.
pub fn section(inputs: &Inputs<'_>) -> Option<Section> {
    let dream = inputs.dream?;
    let untouched = match dream.input_before == dream.input_after {
        true => "The store it read is byte for byte what it was.",
        false => "The store it read was changed while it dreamed.",
    };
    let answered = dream
        .patterns
        .iter()
        .filter(|it| it.answered_by.is_some())
        .count();
    let lead = vec![
        format!(
            "The dream read {} and saw {} again and again; a learning answers {answered} of them.",
            count(dream.sessions as usize, "session"),
            count(dream.patterns.len(), "pattern"),
        ),
        format!("{}. {untouched}", deeds(dream)),
    ];
    let mut section = Section::new("patterns", "Recurring mistakes and workflows", lead);
    section.blocks.extend(patterns(dream).map(Block::Table));
    section.blocks.extend(changes(dream).map(Block::Table));
    Some(section)
}

/// `It added 5 learnings, kept 3, merged 1`.
fn deeds(dream: &Dream) -> String {
    let number = |action| {
        dream
            .changes
            .iter()
            .filter(|it| it.action == action)
            .count()
    };
    let said: Vec<String> = ACTIONS
        .into_iter()
        .filter(|(action, _)| 0 < number(*action))
        .map(|(action, word)| format!("{word} {}", number(action)))
        .collect();
    match said.is_empty() {
        true => "It changed nothing".to_owned(),
        false => format!("Of the learnings, it {}", said.join(", ")),
    }
}

const ACTIONS: [(Action, &str); 5] = [
    (Action::Added, "added"),
    (Action::Kept, "kept"),
    (Action::Merged, "merged"),
    (Action::Superseded, "superseded"),
    (Action::Dropped, "dropped"),
];

fn patterns(dream: &Dream) -> Option<Table> {
    let headings = [
        "What recurred",
        "Kind",
        "Roles",
        "#Sessions",
        "#Tasks",
        "Answered by",
    ];
    let mut table = Table::new("Seen in the practice sessions, most often first", &headings);
    for pattern in &dream.patterns {
        let kind = match pattern.kind {
            PatternKind::Mistake => "mistake",
            PatternKind::Workflow => "workflow",
            PatternKind::Preference => "preference",
        };
        table.rows.push(vec![
            Cell::text(&pattern.what),
            Cell::text(kind),
            Cell::text(pattern.roles.join(", ")),
            Cell::text(pattern.sessions.to_string()),
            Cell::text(pattern.tasks.to_string()),
            Cell::text(
                pattern
                    .answered_by
                    .clone()
                    .unwrap_or_else(|| "none".to_owned()),
            ),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}

fn changes(dream: &Dream) -> Option<Table> {
    let headings = ["Learning", "What the dream did", "Where", "Why"];
    let mut table = Table::new("What the dream did to the store", &headings);
    for change in &dream.changes {
        let deed = ACTIONS
            .into_iter()
            .find(|(action, _)| *action == change.action);
        table.rows.push(vec![
            Cell::text(&change.name),
            Cell::text(deed.map_or("", |it| it.1)),
            Cell::text(&change.path),
            Cell::text(&change.why),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}
