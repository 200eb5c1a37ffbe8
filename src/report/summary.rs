//! A gate's word as GitHub-flavoured Markdown: its first line is what a pull request shows.

use crate::{
    promotion::{
        figures::percent,
        gate::{Gate, GateWord},
    },
    report::markdown::escaped,
};

/// Tasks shown; the rest are counted.
const SHOWN: usize = 20;
/// Reasons shown; the rest are counted.
const REASONS: usize = 30;
/// Characters of one sentence, so that no text from outside fills the page. A step summary holds 1 MiB.
const SENTENCE: usize = 2_000;

/// The page of a gate on the run in `folder`.
pub fn page(gate: &Gate, folder: &str) -> String {
    let mark = match gate.counts_as {
        GateWord::Pass => "🟢",
        GateWord::Fail => "🔴",
        GateWord::Inconclusive => "🟡",
    };
    let mut page = format!("{mark} **{}**\n", told(&gate.says));
    page += &listed(gate);
    if let Some(suspect) = &gate.responsible {
        page += &format!(
            "\nLook first at learning **{}** ({}): {}\n",
            told(&suspect.name),
            told(&suspect.id),
            told(&suspect.because)
        );
    }
    if !gate.flipped.is_empty() {
        page += "\n| Task that did worse | Before | Now |\n| --- | --- | --- |\n";
        for task in gate.flipped.iter().take(SHOWN) {
            page += &format!(
                "| {} | {} | {} |\n",
                told(&task.task),
                percent(task.baseline),
                percent(task.candidate)
            );
        }
        if let Some(more) = gate.flipped.len().checked_sub(SHOWN).filter(|it| 0 < *it) {
            page += &format!("\nand {more} more\n");
        }
    }
    if let Some(trial) = gate.replay {
        page += &format!(
            "\nReplay one: {}\n",
            told(&format!("dreameval replay {folder} {trial}"))
        );
    }
    page + &format!(
        "\nThe whole report: {}\n",
        told(&format!("{folder}/report.html"))
    )
}

fn listed(gate: &Gate) -> String {
    let mut list: String = gate
        .reasons
        .iter()
        .take(REASONS)
        .map(|it| format!("\n- {}", told(it)))
        .collect();
    if let Some(more) = gate.reasons.len().checked_sub(REASONS).filter(|it| 0 < *it) {
        list += &format!("\n- and {more} more");
    }
    match list.is_empty() {
        true => list,
        false => list + "\n",
    }
}

fn told(text: &str) -> String {
    let short: String = text.chars().take(SENTENCE).collect();
    escaped(&short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{analysis::evidence::TaskChange, promotion::gate::Suspect};

    fn gate() -> Gate {
        Gate {
            format: 1,
            word: GateWord::Fail,
            counts_as: GateWord::Fail,
            says: "gate: fail: completion fell".to_owned(),
            reasons: vec!["learning “x” <script>".to_owned()],
            contrast: None,
            flipped: vec![TaskChange {
                task: "a|b".to_owned(),
                family: "f".to_owned(),
                baseline: 1.0,
                candidate: 0.0,
            }],
            responsible: Some(Suspect {
                id: "n-1".to_owned(),
                name: "![x](y)".to_owned(),
                because: "new".to_owned(),
            }),
            replay: Some(7),
            store: String::new(),
        }
    }

    #[test]
    fn the_first_line_says_it_all_and_nothing_from_outside_becomes_markup() {
        let page = page(&gate(), "reports/desk-1");
        assert!(
            page.starts_with("🔴 **gate: fail: completion fell**\n"),
            "{page}"
        );
        assert!(page.contains("dreameval replay reports/desk-1 7"), "{page}");
        assert!(
            !page.contains("<script>") && !page.contains("![x]") && !page.contains("| a|b |"),
            "{page}"
        );
    }

    #[test]
    fn a_long_page_keeps_to_what_a_step_summary_holds() {
        let long = "x".repeat(10_000_000);
        let gate = Gate {
            reasons: vec![long.clone(); 100],
            says: long.clone(),
            ..gate()
        };
        assert!(page(&gate, "r").len() < 200_000);
    }
}
