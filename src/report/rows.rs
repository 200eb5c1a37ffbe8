//! Charts of one row a thing: its name, dots and an interval on a common scale, and its numbers in words.

use crate::{
    error::{Result, count},
    promotion::figures::{percent, signed},
    report::{
        page::Figure,
        plot::{Anchor, Canvas, Dot, Ink, Mark, svg},
    },
};

/// More rows than this are counted in a last line; the table beside the chart has them all.
const MOST_ROWS: usize = 40;

/// A chart of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Anchor and file name, one of ours.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// What there is to see, in words.
    pub description: String,
    /// The common scale.
    pub scale: Scale,
    /// Values marked by a line through all rows.
    pub guides: Vec<(f64, String)>,
    /// The rows, first on top.
    pub rows: Vec<Row>,
}

/// What is measured along a chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// Rates, from none to all.
    Rates,
    /// Differences of rates between two ends.
    Differences(f64, f64),
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name.
    pub label: String,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
    /// Its estimates.
    pub dots: Vec<(f64, Dot)>,
    /// Its colour.
    pub ink: Ink,
    /// Whether it is what the page is about.
    pub strong: bool,
    /// Its numbers in words.
    pub note: String,
    /// The same for narrow screens, at most 17 characters.
    pub short_note: String,
}

/// The chart, drawn for wide and for narrow screens.
///
/// # Errors
///
/// A bug of ours where drawing fails.
pub fn figure(chart: &Chart) -> Result<Figure> {
    let draw = |layout: &Layout, suffix: &str| {
        let name = format!("{}-{suffix}", chart.id);
        svg(
            &canvas(chart, layout),
            &name,
            &chart.title,
            &chart.description,
        )
    };
    Ok(Figure {
        id: chart.id.clone(),
        title: chart.title.clone(),
        description: chart.description.clone(),
        wide: draw(&WIDE, "wide")?,
        narrow: draw(&NARROW, "narrow")?,
    })
}

impl Scale {
    /// A scale for differences that holds all of `values` and zero, with a little room.
    pub fn holding(values: impl IntoIterator<Item = f64>) -> Self {
        let (mut low, mut high) = (-0.05_f64, 0.05_f64);
        for value in values.into_iter().filter(|it| it.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        let room = 0.04 * (high - low);
        Scale::Differences((low - room).max(-1.0), (high + room).min(1.0))
    }

    fn ends(self) -> (f64, f64) {
        match self {
            Scale::Rates => (0.0, 1.0),
            Scale::Differences(low, high) => (low, high),
        }
    }

    /// Ticks with their labels: multiples of a round step, at most eight.
    fn ticks(self) -> Vec<(f64, String)> {
        let (low, high) = self.ends();
        let steps = [0.05, 0.1, 0.2, 0.25, 0.5];
        let step = steps
            .into_iter()
            .find(|step| (high - low) / step <= 6.0)
            .unwrap_or(0.5);
        let first = (low / step).ceil() as i32;
        let last = (high / step).floor() as i32;
        let label = |value: f64| match self {
            Scale::Rates => percent(value),
            Scale::Differences(..) => signed(value),
        };
        let values = (first..=last).map(|it| f64::from(it) * step);
        values.map(|value| (value, label(value))).collect()
    }
}

/// Where things stand at one width, in pixels.
struct Layout {
    width: u32,
    /// From left to right end of the scale.
    plot: (i32, i32),
    /// From row to row.
    pitch: i32,
    /// From the top of a row to its label, and to its dots.
    label_down: i32,
    dots_down: i32,
    /// Characters a label may have.
    label_length: usize,
    /// Where notes stand, and by which end.
    note: (i32, Anchor),
    is_wide: bool,
}

const WIDE: Layout = Layout {
    width: 960,
    plot: (300, 700),
    pitch: 30,
    label_down: 15,
    dots_down: 15,
    label_length: 38,
    note: (724, Anchor::Start),
    is_wide: true,
};

const NARROW: Layout = Layout {
    width: 380,
    plot: (8, 372),
    pitch: 52,
    label_down: 13,
    dots_down: 34,
    label_length: 28,
    note: (380, Anchor::End),
    is_wide: false,
};

/// Room above the rows, for the guides' labels where there are any.
fn room_above(chart: &Chart) -> i32 {
    if chart.guides.is_empty() { 8 } else { 26 }
}

fn canvas(chart: &Chart, layout: &Layout) -> Canvas {
    let shown = chart.rows.len().min(MOST_ROWS);
    let above = room_above(chart);
    let bottom = above + layout.pitch * shown as i32;
    let mut marks = Vec::new();
    for (value, label) in chart.scale.ticks() {
        let x = place(value, chart.scale, layout);
        marks.extend(upright(x, (above, bottom), layout, Ink::Rule));
        marks.push(Mark::small((x, bottom + 16), label, end_anchor(x, layout)));
    }
    for (value, label) in &chart.guides {
        let x = place(*value, chart.scale, layout);
        marks.extend(upright(x, (above, bottom), layout, Ink::Soft));
        marks.push(Mark::small((x, 10), label, end_anchor(x, layout)));
    }
    for (index, row) in chart.rows.iter().take(shown).enumerate() {
        let top = above + layout.pitch * index as i32;
        row_marks(row, chart.scale, layout, top, &mut marks);
    }
    let mut height = bottom + 30;
    if shown < chart.rows.len() {
        let more = count(chart.rows.len() - shown, "more row");
        let at = (0, height);
        marks.push(Mark::small(
            at,
            format!("and {more} in the table"),
            Anchor::Start,
        ));
        height += 20;
    }
    Canvas {
        width: layout.width,
        height: height as u32,
        marks,
    }
}

/// A line through all rows; on narrow drawings only through their dots, so that it crosses no label.
fn upright(x: i32, (above, bottom): (i32, i32), layout: &Layout, ink: Ink) -> Vec<Mark> {
    if layout.is_wide {
        return vec![Mark::Line(vec![(x, above - 4), (x, bottom + 4)], ink, 1)];
    }
    let rows = (above..bottom).step_by(layout.pitch as usize);
    rows.map(|top| top + layout.dots_down)
        .map(|y| Mark::Line(vec![(x, y - 10), (x, y + 10)], ink, 1))
        .collect()
}

/// Labels at the ends of the scale stay inside the drawing.
fn end_anchor(x: i32, layout: &Layout) -> Anchor {
    let (left, right) = layout.plot;
    if x < left + 16 {
        Anchor::Start
    } else if right - 16 < x {
        Anchor::End
    } else {
        Anchor::Middle
    }
}

fn row_marks(row: &Row, scale: Scale, layout: &Layout, top: i32, marks: &mut Vec<Mark>) {
    let label = shortened(&row.label, layout.label_length);
    let at = (0, top + layout.label_down);
    marks.push(Mark::label(at, label, Anchor::Start, Ink::Ink, row.strong));
    let note = match layout.is_wide {
        true => row.note.clone(),
        false => row.short_note.clone(),
    };
    let (x, anchor) = layout.note;
    marks.push(Mark::label((x, at.1), note, anchor, row.ink, row.strong));
    let y = top + layout.dots_down;
    if let Some([low, high]) = row.interval {
        let (low, high) = (place(low, scale, layout), place(high, scale, layout));
        marks.push(Mark::Line(
            vec![(low, y), (high, y)],
            row.ink,
            if row.strong { 3 } else { 2 },
        ));
        for end in [low, high] {
            marks.push(Mark::Line(vec![(end, y - 4), (end, y + 4)], row.ink, 2));
        }
    }
    if let [(first, _), .., (last, _)] = row.dots.as_slice() {
        let ends = [*first, *last].map(|it| (place(it, scale, layout), y));
        marks.push(Mark::Line(ends.to_vec(), row.ink, 2));
    }
    for (value, dot) in &row.dots {
        marks.push(Mark::Dot((place(*value, scale, layout), y), *dot, row.ink));
    }
}

fn place(value: f64, scale: Scale, layout: &Layout) -> i32 {
    let (low, high) = scale.ends();
    let (left, right) = layout.plot;
    let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
    left + (share * f64::from(right - left)).round() as i32
}

/// At most `most` characters wide, those of East Asian scripts counted twice.
pub fn shortened(text: &str, most: usize) -> String {
    let width = |it: char| if '\u{2e80}' <= it { 2 } else { 1 };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().map(width).sum::<usize>() <= most {
        return text;
    }
    let mut room = most.saturating_sub(1);
    let fits = |it: &char| {
        let left = room.checked_sub(width(*it));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let short: String = text.chars().take_while(fits).collect();
    short.trim_end().to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_by_width_and_say_so() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened("longer name", 8), "longer…");
        assert_eq!(shortened("日本語の名前", 7), "日本語…");
        assert_eq!(shortened("a\n b", 9), "a b");
    }

    #[test]
    fn ticks_are_round_and_few() {
        let labels =
            |scale: Scale| -> Vec<String> { scale.ticks().into_iter().map(|it| it.1).collect() };
        assert_eq!(
            labels(Scale::Rates),
            ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
        );
        let scale = Scale::holding([-0.19, 0.31]);
        assert_eq!(labels(scale), ["−20", "−10", "0", "+10", "+20", "+30"]);
    }

    #[test]
    fn a_scale_without_values_still_shows_zero() {
        let labels: Vec<String> = Scale::holding([f64::NAN])
            .ticks()
            .into_iter()
            .map(|it| it.1)
            .collect();
        assert_eq!(labels, ["−5", "0", "+5"]);
    }

    #[test]
    fn rows_beyond_forty_are_counted() {
        let row = Row {
            label: "a".into(),
            interval: Some([0.1, 0.2]),
            dots: vec![(0.15, Dot::Up)],
            ink: Ink::Good,
            strong: false,
            note: "+15".into(),
            short_note: "+15".into(),
        };
        let chart = Chart {
            id: "x".into(),
            title: "t".into(),
            description: "d".into(),
            scale: Scale::Differences(-0.1, 0.3),
            guides: vec![],
            rows: vec![row; 42],
        };
        let figure = figure(&chart).expect("a figure");
        assert!(figure.wide.contains("\nand 2 more rows in the table\n"));
    }
}
