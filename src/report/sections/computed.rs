//! How the numbers were computed, by the names statisticians use; the only part of a page that names methods.

use std::collections::BTreeSet;

use crate::{
    analysis::evidence::Comparison,
    error::count,
    promotion::figures::{arm_words, chance, percent},
    report::{
        Inputs,
        page::{Block, Cell, Section, Table},
    },
};

/// The section, folded; `None` where nothing was compared.
pub fn section(inputs: &Inputs<'_>) -> Option<Section> {
    let evidence = inputs.evidence;
    if evidence.comparisons.is_empty() {
        return None;
    }
    let mut section = Section::new("computed", "How this was computed", Vec::new());
    section.folded = true;
    let mut notes = vec![
        "A difference is the mean over tasks of the candidate's mean minus the baseline's; every task counts once."
            .to_owned(),
    ];
    let methods: BTreeSet<&str> = evidence
        .comparisons
        .iter()
        .map(|it| it.difference.method.as_str())
        .collect();
    notes.extend(methods.into_iter().map(method));
    notes.push(
        "Intervals of rates are Wilson score intervals on the effective sample size; times-as-often intervals come \
         from the same errors on the log scale."
            .to_owned(),
    );
    let error = &inputs.verdicts.policy.error;
    notes.push(format!(
        "“{} sure” is a one-sided bound. The dream is tested against its baselines in a fixed order, each at one-sided \
         {}, stopping at the first failure.",
        percent(1.0 - error.promote),
        percent(error.promote)
    ));
    if !evidence.learnings.is_empty() {
        notes.push(format!(
            "A learning's effect is its Banzhaf effect (twice the coefficient of a regression without intercept on {} \
             of random halves), errors clustered by task; gains and harms are each adjusted by Benjamini–Hochberg over \
             {}, at {} and {}; effects within roles by Holm.",
            count(evidence.pairs as usize, "foldover pair"),
            count(evidence.learnings.len(), "learning"),
            percent(error.false_discovery),
            percent(error.harm)
        ));
    }
    section.blocks.push(Block::List(notes));
    section
        .blocks
        .push(Block::Table(tests(&evidence.comparisons)));
    section
        .blocks
        .extend(passes(&evidence.comparisons).map(Block::Table));
    Some(section)
}

fn method(method: &str) -> String {
    match method {
        "cr2" => "Errors of differences are CR2 by family, with Bell–McCaffrey degrees of freedom.".to_owned(),
        "task" => "Errors of differences are taken over tasks, since families left none (`task`).".to_owned(),
        "exact-fallback" => {
            "Where all differences are equal, the interval is the exact fallback, never of zero width.".to_owned()
        }
        other => format!("Errors of differences: {other}."),
    }
}

fn tests(comparisons: &[Comparison]) -> Table {
    let mut table = Table::new(
        "Tests, all two-sided",
        &[
            "Comparison",
            "#Standard error",
            "#Degrees of freedom",
            "#p",
            "#CR1 error",
            "#Sign-flip p",
            "#Exact McNemar p (gained, lost)",
        ],
    );
    let number = |it: Option<f64>| Cell::or_unknown(it.map(|it| format!("{it:.4}")));
    let p = |it: Option<f64>| Cell::or_unknown(it.map(chance));
    for it in comparisons {
        let mcnemar = it.mcnemar.as_ref().map_or_else(
            || "more than one trial a cell".to_owned(),
            |test| format!("{} ({}, {})", chance(test.p_exact), test.gained, test.lost),
        );
        table.rows.push(vec![
            Cell::text(versus(it)),
            number(it.difference.se),
            Cell::or_unknown(it.difference.df.map(|it| format!("{it:.1}"))),
            p(it.difference.p),
            number(it.difference.se_cr1),
            p(it.sign_flip_p),
            Cell::text(mcnemar),
        ]);
    }
    table
}

fn passes(comparisons: &[Comparison]) -> Option<Table> {
    let headings = [
        "Comparison and k",
        "#At least one of k, baseline",
        "#candidate",
        "#All of k, baseline",
        "#candidate",
    ];
    let mut table = Table::new(
        "Chance that at least one, or all, of k attempts complete",
        &headings,
    );
    for it in comparisons {
        for (k, any) in &it.pass_at_k {
            let Some(all) = it.pass_hat_k.get(k) else {
                continue;
            };
            let rates = [any.baseline, any.candidate, all.baseline, all.candidate];
            let mut row = vec![Cell::text(format!("{}, k = {k}", versus(it)))];
            row.extend(rates.map(|rate| Cell::text(percent(rate))));
            table.rows.push(row);
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

fn versus(compared: &Comparison) -> String {
    format!(
        "{} against {}",
        arm_words(&compared.candidate),
        arm_words(&compared.baseline)
    )
}
