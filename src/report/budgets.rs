//! Charts with one line an arm: completion at each step budget, and what comes of each night.

use std::collections::BTreeSet;

use crate::{
    analysis::evidence::SweepPoint,
    error::Result,
    promotion::figures::{amount, arm_words, percent},
    report::{
        page::Figure,
        plot::{Anchor, At, Canvas, Dot, Ink, Mark, svg},
        rows::shortened,
    },
};

/// What a chart is called, and what its axes count.
#[derive(Debug, Clone, Copy)]
pub struct Chart<'a> {
    /// Its anchor and file name.
    pub id: &'a str,
    /// What it shows.
    pub title: &'a str,
    /// What stands below it.
    pub axis: &'a str,
    /// What its top stands for, where it counts things; rates end at 100 %.
    pub most: Option<u32>,
    /// The line drawn to stand out.
    pub candidate: &'a str,
    /// What a line is called.
    pub words: fn(&str) -> String,
}

/// Most numbers below a chart; the rest of them have a tick alone.
const MOST_NUMBERS: usize = 10;

/// The chart for the points of a sweep; `candidate` is drawn to stand out.
///
/// # Errors
///
/// A bug of ours where drawing fails.
pub fn figure(points: &[SweepPoint], candidate: &str, description: &str) -> Result<Figure> {
    let chart = Chart {
        id: "budgets",
        title: "Completion at each step budget",
        axis: "tool calls allowed per attempt",
        most: None,
        candidate,
        words: arm_words,
    };
    drawn(points, &chart, description)
}

/// A chart of points: `steps` runs along its axis, and rates are shares of its top.
///
/// # Errors
///
/// A bug of ours where drawing fails.
pub fn drawn(points: &[SweepPoint], chart: &Chart<'_>, description: &str) -> Result<Figure> {
    let draw = |layout: &Layout, suffix: &str| {
        let name = format!("{}-{suffix}", chart.id);
        let canvas = canvas(points, chart, layout);
        svg(&canvas, &name, chart.title, description)
    };
    Ok(Figure {
        id: chart.id.to_owned(),
        title: chart.title.to_owned(),
        description: description.to_owned(),
        wide: draw(&WIDE, "wide")?,
        narrow: draw(&NARROW, "narrow")?,
    })
}

struct Layout {
    width: u32,
    /// Left, top, right and bottom of the plot, in pixels.
    plot: [i32; 4],
}

const WIDE: Layout = Layout {
    width: 960,
    plot: [48, 14, 780, 280],
};

const NARROW: Layout = Layout {
    width: 380,
    plot: [44, 14, 366, 226],
};

fn canvas(points: &[SweepPoint], chart: &Chart<'_>, layout: &Layout) -> Canvas {
    let [left, top, right, bottom] = layout.plot;
    let budgets: BTreeSet<u32> = points.iter().map(|it| it.steps).collect();
    let ends = (budgets.first().copied(), budgets.last().copied());
    let ends = (ends.0.unwrap_or(0), ends.1.unwrap_or(1));
    let mut marks = Vec::new();
    for rate in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let y = height(rate, layout);
        marks.push(Mark::Line(vec![(left, y), (right, y)], Ink::Rule, 1));
        let says = match chart.most {
            Some(most) => amount(rate * f64::from(most)),
            None => percent(rate),
        };
        marks.push(Mark::small((left - 8, y), says, Anchor::End));
    }
    let every = budgets.len().div_ceil(MOST_NUMBERS).max(1);
    for (index, steps) in budgets.iter().enumerate() {
        let x = across(*steps, ends, layout);
        marks.push(Mark::Line(vec![(x, top), (x, bottom + 4)], Ink::Rule, 1));
        if index % every == 0 {
            let at = (x, bottom + 16);
            marks.push(Mark::small(at, steps.to_string(), Anchor::Middle));
        }
    }
    let at = ((left + right) / 2, bottom + 36);
    marks.push(Mark::small(at, chart.axis, Anchor::Middle));
    let below = arm_marks(points, chart, ends, layout, &mut marks);
    Canvas {
        width: layout.width,
        height: (bottom + 50).max(below) as u32,
        marks,
    }
}

/// The lines of the arms; returns where the lowest label ends.
fn arm_marks(
    points: &[SweepPoint],
    chart: &Chart<'_>,
    ends: (u32, u32),
    layout: &Layout,
    marks: &mut Vec<Mark>,
) -> i32 {
    let candidate = chart.candidate;
    let mut arms: Vec<&str> = Vec::new();
    for point in points {
        if !arms.contains(&point.arm.as_str()) {
            arms.push(&point.arm);
        }
    }
    let mut labels = Vec::new();
    for arm in arms {
        let (dot, ink) = look(arm, candidate);
        let mut line: Vec<At> = points
            .iter()
            .filter(|it| it.arm == arm)
            .filter_map(|it| {
                Some((
                    across(it.steps, ends, layout),
                    height(it.rate.rate?, layout),
                ))
            })
            .collect();
        line.sort_unstable();
        let Some(last) = line.last().copied() else {
            continue;
        };
        labels.push((last.1, arm.to_owned(), dot, ink));
        marks.push(Mark::Line(
            line.clone(),
            ink,
            if arm == candidate { 3 } else { 2 },
        ));
        marks.extend(line.into_iter().map(|at| Mark::Dot(at, dot, ink)));
    }
    labels.sort_by_key(|it| it.0);
    label_marks(&labels, chart, layout, marks)
}

/// Labels beside the lines' ends on wide drawings, below the plot on narrow ones; never over one another. Returns where they end.
fn label_marks(
    labels: &[(i32, String, Dot, Ink)],
    chart: &Chart<'_>,
    layout: &Layout,
    marks: &mut Vec<Mark>,
) -> i32 {
    let [left, _, right, bottom] = layout.plot;
    let is_wide = right + 100 < layout.width as i32;
    let mut next = if is_wide { 0 } else { bottom + 58 };
    for (y, arm, dot, ink) in labels {
        let y = if is_wide { (*y).max(next) } else { next };
        let x = if is_wide { right + 20 } else { left };
        marks.push(Mark::Dot((x, y), *dot, *ink));
        let text = shortened(&(chart.words)(arm), 20);
        let is_candidate = arm == chart.candidate;
        marks.push(Mark::label(
            (x + 12, y),
            text,
            Anchor::Start,
            *ink,
            is_candidate,
        ));
        next = y + 20;
    }
    next
}

/// The dot and colour an arm is drawn with.
pub fn look(arm: &str, candidate: &str) -> (Dot, Ink) {
    match arm {
        _ if arm == candidate => (Dot::Disc, Ink::Accent),
        "bare" => (Dot::Ring, Ink::Soft),
        "stored" => (Dot::Box, Ink::Soft),
        "placebo" => (Dot::Diamond, Ink::Soft),
        "oracle" => (Dot::Square, Ink::Soft),
        "dreamed" => (Dot::Diamond, Ink::Soft),
        "added" => (Dot::Up, Ink::Good),
        "left" => (Dot::Down, Ink::Bad),
        _ => (Dot::Ring, Ink::Soft),
    }
}

fn across(steps: u32, (least, most): (u32, u32), layout: &Layout) -> i32 {
    let [left, _, right, _] = layout.plot;
    let share = f64::from(steps - least) / f64::from((most - least).max(1));
    left + 12 + (share * f64::from(right - left - 24)).round() as i32
}

fn height(rate: f64, layout: &Layout) -> i32 {
    let [_, top, _, bottom] = layout.plot;
    bottom - (rate.clamp(0.0, 1.0) * f64::from(bottom - top)).round() as i32
}
