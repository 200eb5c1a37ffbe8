//! Where it hurt: learnings that do harm, roles and families that lost, tasks that got worse, violations.

use crate::{
    analysis::evidence::{Comparison, FamilyRate, TaskChange},
    error::{Result, count},
    promotion::{
        dream::Hurt,
        figures::{amount, arm_words, percent, plain_points, points, range},
    },
    report::{
        Inputs,
        page::{Block, Cell, Section, Table},
        plot::{Dot, Ink},
        rows::{Chart, Row, Scale, figure},
        sections::learnings::{self, Place},
    },
};

/// Tasks a table lists.
const LISTED: usize = 20;

/// The section; `None` where nothing was compared.
///
/// # Errors
///
/// A bug of ours where the figure cannot be drawn.
pub fn section(inputs: &Inputs<'_>) -> Result<Option<Section>> {
    let Some(headline) = inputs.headline() else {
        return Ok(None);
    };
    let mut section = Section::new("hurt", "Where it hurt", lead(inputs, headline));
    let harm = learnings::table(
        inputs,
        Place::Harm,
        "Learnings kept out because they hurt or may",
    );
    section.blocks.extend(harm.map(Block::Table));
    section.blocks.extend(groups(inputs).map(Block::Table));
    section.blocks.extend(tasks(headline).map(Block::Table));
    let families = families_chart(inputs, headline);
    if !families.rows.is_empty() {
        section.blocks.push(Block::Figure(figure(&families)?));
    }
    Ok(Some(section))
}

fn lead(inputs: &Inputs<'_>, headline: &Comparison) -> Vec<String> {
    let baseline = arm_words(&headline.baseline);
    let mut lead = Vec::new();
    let tolerated = plain_points(inputs.verdicts.policy.effect.tolerated_loss);
    if inputs.verdicts.dream.hurt.is_empty() {
        lead.push(format!(
            "Against {baseline}, no role and no family lost more than {tolerated}."
        ));
    }
    lead.push(worst_family(headline));
    lead.push(format!(
        "{} of {} got worse than with {baseline}.",
        headline.regressed,
        count(headline.tasks as usize, "task")
    ));
    lead.push(violations(inputs, headline));
    lead.retain(|it| !it.is_empty());
    lead
}

fn worst_family(headline: &Comparison) -> String {
    let worst = headline
        .by_family
        .iter()
        .min_by(|one, other| one.estimate.total_cmp(&other.estimate));
    worst.map_or_else(String::new, |it| {
        format!(
            "The family that gained least is {}: {} on {}.",
            it.group,
            points(it.estimate),
            count(it.tasks as usize, "task")
        )
    })
}

fn violations(inputs: &Inputs<'_>, headline: &Comparison) -> String {
    let of = |name: &str| {
        let arm = inputs.evidence.arms.iter().find(|arm| arm.arm == name)?;
        let attempts = count(arm.rate.trials as usize, "attempt");
        Some(format!(
            "{} in {attempts} with {}",
            arm.violations,
            arm_words(name)
        ))
    };
    match (of(&headline.candidate), of(&headline.baseline)) {
        (Some(candidate), Some(baseline)) => format!("Violations: {candidate}, {baseline}."),
        _ => String::new(),
    }
}

fn groups(inputs: &Inputs<'_>) -> Option<Table> {
    let baseline = inputs.headline().map(|it| arm_words(&it.baseline))?;
    let candidate = arm_words(&inputs.verdicts.dream.question.candidate);
    let headings = [
        "Role or family",
        "#Tasks",
        &format!("#With {baseline}"),
        &format!("#With {candidate}"),
        "#Difference (95 % interval)",
        "How sure",
    ];
    let tolerated = plain_points(inputs.verdicts.policy.effect.tolerated_loss);
    let caption = format!("Roles and families that lost more than {tolerated}");
    let mut table = Table::new(&caption, &headings);
    table.rows = inputs.verdicts.dream.hurt.iter().map(group_row).collect();
    (!table.rows.is_empty()).then_some(table)
}

fn group_row(hurt: &Hurt) -> Vec<Cell> {
    let group = &hurt.group;
    let interval = group
        .interval
        .map_or_else(String::new, |it| format!(" ({})", range(it)));
    let sure = match group.interval {
        Some([_, high]) if high < 0.0 => "a loss, by its own interval",
        Some(_) => "may be chance",
        None => "one task only",
    };
    vec![
        Cell::text(format!("{} {}", hurt.kind, group.group)),
        Cell::text(group.tasks.to_string()),
        Cell::text(percent(group.baseline)),
        Cell::text(percent(group.candidate)),
        Cell::text(format!("{}{interval}", points(group.estimate))),
        Cell::text(sure),
    ]
}

fn tasks(headline: &Comparison) -> Option<Table> {
    let worse = &headline.regressed_tasks;
    let with = |arm: &str| format!("#With {}", arm_words(arm));
    let (baseline, candidate) = (with(&headline.baseline), with(&headline.candidate));
    let caption = match worse.len() {
        all if all <= LISTED => {
            "Tasks that got worse, largest loss first: share of their attempts completed".to_owned()
        }
        all => format!(
            "The {LISTED} tasks of {all} that got worse the most: share of their attempts completed"
        ),
    };
    let mut table = Table::new(&caption, &["Task", "Family", &baseline, &candidate]);
    let row = |task: &TaskChange| {
        vec![
            Cell::text(&task.task),
            Cell::text(&task.family),
            Cell::text(percent(task.baseline)),
            Cell::text(percent(task.candidate)),
        ]
    };
    table.rows = worse.iter().take(LISTED).map(row).collect();
    (!table.rows.is_empty()).then_some(table)
}

fn families_chart(inputs: &Inputs<'_>, headline: &Comparison) -> Chart {
    let of = |name: &str| inputs.evidence.arms.iter().find(|arm| arm.arm == name);
    let (baseline, candidate) = (of(&headline.baseline), of(&headline.candidate));
    let families = |arm: Option<&'_ crate::analysis::evidence::ArmSummary>| {
        arm.map_or_else(Vec::new, |arm| arm.families.clone())
    };
    let before = families(baseline);
    let pairs = families(candidate).into_iter().filter_map(|after| {
        let before = before.iter().find(|it| it.family == after.family)?.clone();
        Some((before, after))
    });
    let mut rows: Vec<(f64, Row)> = pairs
        .filter_map(|(one, other)| family_row(&one, &other))
        .collect();
    rows.sort_by(|one, other| one.0.total_cmp(&other.0));
    // A table whose families are its tasks would only repeat the tasks.
    if headline.tasks <= headline.families {
        rows.clear();
    }
    Chart {
        id: "families".to_owned(),
        title: format!(
            "Completion by family: ring {}, disc {}; largest loss first",
            arm_words(&headline.baseline),
            arm_words(&headline.candidate)
        ),
        description: format!("{}, each with both rates.", count(rows.len(), "family")),
        scale: Scale::Rates,
        guides: Vec::new(),
        rows: rows.into_iter().map(|it| it.1).collect(),
    }
}

fn family_row(before: &FamilyRate, after: &FamilyRate) -> Option<(f64, Row)> {
    let rate = |it: &FamilyRate| (0 < it.trials).then(|| it.completed / f64::from(it.trials));
    let (was, is) = (rate(before)?, rate(after)?);
    let of = |it: &FamilyRate| format!("{} of {}", amount(it.completed), it.trials);
    let ink = match is.total_cmp(&was) {
        std::cmp::Ordering::Less => Ink::Bad,
        std::cmp::Ordering::Equal => Ink::Soft,
        std::cmp::Ordering::Greater => Ink::Accent,
    };
    let row = Row {
        label: after.family.clone(),
        interval: None,
        dots: vec![(was, Dot::Ring), (is, Dot::Disc)],
        ink,
        strong: false,
        note: format!("{} → {}", of(before), of(after)),
        short_note: format!("{} → {}", amount(before.completed), of(after)),
    };
    Some((is - was, row))
}
