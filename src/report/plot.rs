//! The door to plotters: marks on a canvas become SVG text that follows the page's colours.

use plotters::{
    backend::SVGBackend,
    coord::Shift,
    drawing::{DrawingArea, IntoDrawingArea},
    element::{Circle, PathElement, Polygon, Rectangle, Text},
    style::{
        Color, FontStyle, IntoFont, RGBColor, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use crate::{
    error::{Error, Result},
    report::page::{Figure, Mood},
};

/// A drawing of fixed size, in pixels at its natural width.
#[derive(Debug, Clone)]
pub struct Canvas {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
    /// What is drawn, first below, last on top.
    pub marks: Vec<Mark>,
}

/// A pixel, from the upper left corner.
pub type At = (i32, i32);

/// Something drawn.
#[derive(Debug, Clone)]
pub enum Mark {
    /// A line through points.
    Line(Vec<At>, Ink, u32),
    /// A shape around a point.
    Dot(At, Dot, Ink),
    /// A text: where, what, how it is anchored, its colour, its size, and whether it is bold.
    Text(At, String, Anchor, Ink, u32, bool),
}

impl Mark {
    /// A text in small, lesser letters, for scales.
    pub fn small(at: At, text: impl Into<String>, anchor: Anchor) -> Self {
        Mark::Text(at, text.into(), anchor, Ink::Soft, 12, false)
    }

    /// A text in the page's letters, for names and numbers.
    pub fn label(at: At, text: String, anchor: Anchor, ink: Ink, bold: bool) -> Self {
        Mark::Text(at, text, anchor, ink, 14, bold)
    }
}

/// The shape of a dot; every mood and arm has its own, so that colour is never needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dot {
    /// A filled disc.
    Disc,
    /// A ring.
    Ring,
    /// A filled square.
    Square,
    /// An empty square.
    Box,
    /// An empty diamond.
    Diamond,
    /// A filled triangle pointing up.
    Up,
    /// A filled triangle pointing down.
    Down,
}

/// Which end of a text stands at its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// A colour of the page, by what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Text.
    Ink,
    /// Lesser text.
    Soft,
    /// Rules and grids.
    Rule,
    /// The paper itself.
    Paper,
    /// The candidate.
    Accent,
    /// Good news.
    Good,
    /// Not known.
    Unsure,
    /// Bad news.
    Bad,
}

impl Ink {
    const ALL: [Ink; 8] = [
        Ink::Ink,
        Ink::Soft,
        Ink::Rule,
        Ink::Paper,
        Ink::Accent,
        Ink::Good,
        Ink::Unsure,
        Ink::Bad,
    ];

    /// The colour of a mood.
    pub fn of(mood: Mood) -> Self {
        match mood {
            Mood::Good => Ink::Good,
            Mood::Unsure => Ink::Unsure,
            Mood::Flat => Ink::Soft,
            Mood::Bad => Ink::Bad,
        }
    }

    /// The page's name for it, and its colours on light and on dark paper.
    fn palette(self) -> (&'static str, [u8; 3], &'static str) {
        match self {
            Ink::Ink => ("--ink", [0x1f, 0x23, 0x2b], "#e9e7e2"),
            Ink::Soft => ("--soft", [0x59, 0x60, 0x6d], "#a9afba"),
            Ink::Rule => ("--rule", [0xd9, 0xd5, 0xcb], "#3a404b"),
            Ink::Paper => ("--paper", [0xfc, 0xfb, 0xf8], "#15171c"),
            Ink::Accent => ("--accent", [0x2a, 0x4f, 0x9c], "#8fb4ff"),
            Ink::Good => ("--good", [0x17, 0x6b, 0x49], "#74d3a4"),
            Ink::Unsure => ("--unsure", [0x86, 0x55, 0x0a], "#e5b95c"),
            Ink::Bad => ("--bad", [0xa8, 0x2a, 0x2f], "#f5958d"),
        }
    }

    fn light(self) -> String {
        let [red, green, blue] = self.palette().1;
        format!("#{red:02X}{green:02X}{blue:02X}")
    }
}

/// The page's colours as a style sheet, for light and for dark screens.
pub fn palette() -> String {
    let light = Ink::ALL.map(|ink| format!("{}:{}", ink.palette().0, ink.light()));
    let dark = Ink::ALL.map(|ink| format!("{}:{}", ink.palette().0, ink.palette().2));
    format!(
        ":root{{{}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{}}}}}\n",
        light.join(";"),
        dark.join(";")
    )
}

/// SVG text of a canvas, ready to stand in a page: `name` is unique there, `title` and `description` are read out.
///
/// # Errors
///
/// A bug of ours where drawing fails.
pub fn svg(canvas: &Canvas, name: &str, title: &str, description: &str) -> Result<String> {
    let mut drawn = String::new();
    draw(canvas, &mut drawn)
        .map_err(|cause| Error::bug("a figure could not be drawn").because(cause))?;
    for ink in Ink::ALL {
        let colour = format!("\"{}\"", ink.light());
        drawn = drawn.replace(
            &colour,
            &format!("\"var({},{})\"", ink.palette().0, ink.light()),
        );
    }
    // The first line is plotters' own opening tag, which fixes the size in pixels and has no title.
    let (_, body) = drawn.split_once('\n').unwrap_or_default();
    let (width, height) = (canvas.width, canvas.height);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"{name}-title {name}-desc\">\n\
         <title id=\"{name}-title\">{}</title>\n<desc id=\"{name}-desc\">{}</desc>\n{}\n",
        escaped(title),
        escaped(description),
        body.trim_end()
    ))
}

/// A figure as a file of its own: the wide drawing with its colours and paper.
pub fn standalone(figure: &Figure) -> String {
    let style = format!(
        "<style>\n{}svg{{background:var(--paper)}}\n</style>\n",
        palette()
    );
    match figure.wide.split_once('\n') {
        Some((tag, rest)) => format!("{tag}\n{style}{rest}"),
        None => figure.wide.clone(),
    }
}

type Drawing<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw(canvas: &Canvas, drawn: &mut String) -> std::result::Result<(), String> {
    let size = (canvas.width, canvas.height);
    let area = SVGBackend::with_string(drawn, size).into_drawing_area();
    for mark in &canvas.marks {
        let result = match mark {
            Mark::Line(points, ink, width) => area.draw(&PathElement::new(
                points.clone(),
                colour(*ink).stroke_width(*width),
            )),
            Mark::Dot(at, dot, ink) => draw_dot(&area, *at, *dot, *ink),
            Mark::Text(at, text, anchor, ink, size, bold) => {
                let style = text_style(*anchor, *ink, *size, *bold);
                area.draw(&Text::new(text.clone(), *at, style))
            }
        };
        result.map_err(|error| error.to_string())?;
    }
    area.present().map_err(|error| error.to_string())
}

type Drawn = std::result::Result<
    (),
    plotters::drawing::DrawingAreaErrorKind<
        <SVGBackend<'static> as plotters::backend::DrawingBackend>::ErrorType,
    >,
>;

fn draw_dot(area: &Drawing<'_>, (x, y): At, dot: Dot, ink: Ink) -> Drawn {
    let paper = colour(Ink::Paper).filled();
    let filled = colour(ink).filled();
    let line = colour(ink).stroke_width(2);
    let diamond = [(x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y), (x, y - 6)];
    match dot {
        Dot::Disc => area.draw(&Circle::new((x, y), 5, filled)),
        Dot::Ring => {
            area.draw(&Circle::new((x, y), 5, paper))?;
            area.draw(&Circle::new((x, y), 5, line))
        }
        Dot::Square => area.draw(&Rectangle::new([(x - 5, y - 5), (x + 5, y + 5)], filled)),
        Dot::Box => {
            let outline = [
                (x - 5, y - 5),
                (x + 5, y - 5),
                (x + 5, y + 5),
                (x - 5, y + 5),
                (x - 5, y - 5),
            ];
            area.draw(&Polygon::new(outline.to_vec(), paper))?;
            area.draw(&PathElement::new(outline.to_vec(), line))
        }
        Dot::Diamond => {
            area.draw(&Polygon::new(diamond.to_vec(), paper))?;
            area.draw(&PathElement::new(diamond.to_vec(), line))
        }
        Dot::Up => area.draw(&Polygon::new(
            vec![(x, y - 7), (x + 7, y + 5), (x - 7, y + 5)],
            filled,
        )),
        Dot::Down => area.draw(&Polygon::new(
            vec![(x, y + 7), (x + 7, y - 5), (x - 7, y - 5)],
            filled,
        )),
    }
}

fn colour(ink: Ink) -> RGBColor {
    let [red, green, blue] = ink.palette().1;
    RGBColor(red, green, blue)
}

fn text_style(anchor: Anchor, ink: Ink, size: u32, bold: bool) -> TextStyle<'static> {
    let horizontal = match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let weight = if bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    // Plotters takes the line height, 1.24 of the font size it writes.
    let font = ("sans-serif", f64::from(size) * 1.24)
        .into_font()
        .style(weight);
    TextStyle {
        font,
        color: colour(ink).to_backend_color(),
        pos: Pos::new(horizontal, VPos::Center),
    }
}

/// Text for an SVG element, with the characters XML reserves written as entities.
fn escaped(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_scales_follows_the_page_and_reads_its_title() {
        let canvas = Canvas {
            width: 40,
            height: 20,
            marks: vec![
                Mark::Line(vec![(0, 10), (40, 10)], Ink::Rule, 1),
                Mark::label((4, 10), "<a & b>".into(), Anchor::Start, Ink::Ink, true),
            ],
        };
        assert_eq!(
            svg(&canvas, "x", "A \"b\" < c", "d").expect("a drawing"),
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20" width="40" height="20" role="img" aria-labelledby="x-title x-desc">
<title id="x-title">A &quot;b&quot; &lt; c</title>
<desc id="x-desc">d</desc>
<polyline fill="none" opacity="1" stroke="var(--rule,#D9D5CB)" stroke-width="1" points="0,10 40,10 "/>
<text x="4" y="10" dy="0.5ex" text-anchor="start" font-family="sans-serif" font-size="14" opacity="1" fill="var(--ink,#1F232B)" font-weight="bold">
&lt;a &amp; b&gt;
</text>
</svg>
"##
        );
    }

    #[test]
    fn every_ink_can_be_read_on_both_papers() {
        let inks = [
            Ink::Ink,
            Ink::Soft,
            Ink::Accent,
            Ink::Good,
            Ink::Unsure,
            Ink::Bad,
        ];
        for ink in inks {
            let [light, dark] = [contrast(ink, 0), contrast(ink, 1)];
            assert!(4.5 <= light && 4.5 <= dark, "{ink:?} {light} {dark}");
        }
    }

    /// Contrast with the paper (WCAG 2.2), on the light scheme or the dark one.
    fn contrast(ink: Ink, scheme: usize) -> f64 {
        let luminance = |ink: Ink| {
            let text = [ink.light(), ink.palette().2.to_owned()][scheme].clone();
            let part = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("a colour");
            let linear = |at: usize| {
                let value = f64::from(part(at)) / 255.0;
                if value <= 0.040_45 {
                    value / 12.92
                } else {
                    ((value + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * linear(1) + 0.7152 * linear(3) + 0.0722 * linear(5)
        };
        let (one, other) = (luminance(ink) + 0.05, luminance(Ink::Paper) + 0.05);
        one.max(other) / one.min(other)
    }
}
