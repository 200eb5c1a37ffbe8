//! Hidden text: what a model reads and a person reviewing the file does not see.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::error::count;
use crate::formats::memory::is_control_or_format;
use crate::promotion::screen::Spot;

/// The shortest run of encoded bytes that counts as hidden text, in characters.
const BLOB_CHARACTERS: usize = 200;

/// How many different characters a run must have, so that rules and table lines do not count.
const BLOB_VARIETY: usize = 8;

/// Ways of Markdown and HTML to write what a page does not show.
static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"<!--|(?m)^[ \t>]*(?:[-*+] +)?\[[^\]\n]+\]:[ \t]*#[ \t]*["'(]"#).ok()
});

/// Tags whose style keeps their text off the page.
static UNSHOWN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)<[a-z][^<>]*(?:\shidden[\s=/>]|style\s*=[^<>]*(?:display\s*:\s*none|visibility\s*:\s*hidden|(?:font-size|opacity)\s*:\s*0\b))",
    )
    .ok()
});

/// Flags of England, Scotland and Wales: the only emoji spelt with tag characters (`emoji-sequences.txt`, Unicode 16).
const FLAGS: [&str; 3] = [
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
];

/// Runs of Base64, in one piece or wrapped into lines.
static ENCODED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z0-9+/_-]{60,}={0,2}(?:\r?\n[ \t>]*[A-Za-z0-9+/_-]{20,}={0,2})*").ok()
});

/// Every kind of hidden text, once per kind at its first place; comments and encoded runs one by one.
pub(super) fn spots(text: &str) -> Vec<Spot> {
    let mut spots = characters(text);
    if let Some(comment) = COMMENT.as_ref() {
        spots.extend(comment.find_iter(text).map(|it| Spot {
            offset: it.start(),
            says: "a comment that no reader of the page sees".into(),
        }));
    }
    if let Some(unshown) = UNSHOWN.as_ref() {
        spots.extend(unshown.find_iter(text).map(|it| Spot {
            offset: it.start(),
            says: "a tag that keeps its text off the page".into(),
        }));
    }
    if let Some(encoded) = ENCODED.as_ref() {
        spots.extend(
            encoded
                .find_iter(text)
                .filter(|it| is_blob(it.as_str()))
                .map(|it| Spot {
                    offset: it.start(),
                    says: format!(
                        "{} of encoded bytes",
                        count(
                            it.as_str().split_whitespace().map(str::len).sum(),
                            "character"
                        )
                    ),
                }),
        );
    }
    spots.sort_by_key(|it| it.offset);
    spots
}

/// Invisible characters by kind: the first place of each kind, and how many there are.
fn characters(text: &str) -> Vec<Spot> {
    let mut found: BTreeMap<&str, (usize, char, usize)> = BTreeMap::new();
    let mut before = None;
    let mut rest = text.char_indices().peekable();
    while let Some((offset, it)) = rest.next() {
        if let Some(flag) = FLAGS.iter().find(|it| text[offset..].starts_with(**it)) {
            let tags = flag.chars().count() - 1;
            before = rest.nth(tags - 1).map(|(_, it)| it);
            continue;
        }
        let after = rest.peek().map(|(_, after)| *after);
        if let Some(kind) = kind_of(it)
            && !is_legitimate(it, before, after)
        {
            found.entry(kind).or_insert((offset, it, 0)).2 += 1;
        }
        before = Some(it);
    }
    found
        .into_iter()
        .map(|(kind, (offset, first, number))| Spot {
            offset,
            says: format!(
                "{}, the first U+{:04X}",
                count(number, kind),
                u32::from(first)
            ),
        })
        .collect()
}

/// What kind of invisible character this is, if it is one.
fn kind_of(it: char) -> Option<&'static str> {
    match it {
        '\n' | '\t' => None,
        '\u{1b}' | '\u{9b}' => Some("terminal escape"),
        '\u{ad}' => Some("soft hyphen"),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some("direction control")
        }
        '\u{e0000}'..='\u{e007f}' => Some("tag character"),
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' => {
            Some("variation selector")
        }
        // Letters and marks without a shape.
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' => {
            Some("blank letter")
        }
        // Signs with a shape, though Unicode counts them as formatting.
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}' => None,
        _ if it.is_control() => Some("control character"),
        _ if is_control_or_format(it) => Some("zero-width character"),
        _ => None,
    }
}

/// Whether an invisible character does its honest work between its neighbours: line ends, emoji, and scripts that
/// need joiners.
fn is_legitimate(it: char, before: Option<char>, after: Option<char>) -> bool {
    match it {
        '\r' => after == Some('\n'),
        '\u{fe0e}' | '\u{fe0f}' => before.is_some_and(takes_emoji_style),
        '\u{200d}' => {
            before.is_some_and(|it| {
                takes_emoji_style(it) || matches!(it, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
            }) && after.is_some_and(takes_emoji_style)
                || before.is_some_and(needs_joiners) && after.is_some_and(needs_joiners)
        }
        '\u{e0100}'..='\u{e01ef}' => before.is_some_and(is_ideograph),
        '\u{200c}' => before.is_some_and(needs_joiners) && after.is_some_and(needs_joiners),
        _ => false,
    }
}

/// Characters with an emoji form (`emoji-variation-sequences.txt` of Unicode 16, by whole blocks above U+2190).
fn takes_emoji_style(it: char) -> bool {
    matches!(it,
        '#' | '*' | '0'..='9' | '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
        | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{24c2}' | '\u{25a0}'..='\u{27bf}'
        | '\u{2934}' | '\u{2935}' | '\u{2b00}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
        | '\u{1f000}'..='\u{1faff}')
}

/// Arabic and the scripts of India, which spell some words with joiners.
fn needs_joiners(it: char) -> bool {
    matches!(it, '\u{620}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{900}'..='\u{dff}')
}

/// Chinese characters, some of whose forms in names are told by a variation selector.
fn is_ideograph(it: char) -> bool {
    matches!(it, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// Whether a run is long and mixed enough to be encoded bytes rather than a path, a word or a line of dashes.
fn is_blob(run: &str) -> bool {
    let characters: Vec<char> = run
        .chars()
        .filter(|it| !it.is_whitespace() && *it != '>')
        .collect();
    let has = |test: fn(&char) -> bool| characters.iter().any(test);
    let is_mixed =
        has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit);
    let is_hexadecimal = characters.iter().all(char::is_ascii_hexdigit);
    let variety: std::collections::BTreeSet<&char> = characters.iter().collect();
    BLOB_CHARACTERS <= characters.len()
        && BLOB_VARIETY <= variety.len()
        && (is_mixed || is_hexadecimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Vec<String> {
        spots(text).into_iter().map(|it| it.says).collect()
    }

    #[test]
    fn every_pattern_compiles() {
        assert!(COMMENT.is_some() && UNSHOWN.is_some() && ENCODED.is_some());
    }

    #[test]
    fn zero_width_characters_are_found_and_emoji_and_scripts_that_need_them_are_not() {
        assert_eq!(
            says("do\u{200b} it\u{2060}"),
            ["2 zero-width characters, the first U+200B"]
        );
        assert_eq!(
            says("a\u{200d}b"),
            ["1 zero-width character, the first U+200D"]
        );
        assert_eq!(
            says(
                "\u{1f469}\u{200d}\u{1f4bb} and \u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}"
            ),
            [""; 0]
        );
    }

    #[test]
    fn direction_controls_are_found_and_right_to_left_letters_are_not() {
        assert_eq!(
            says("a \u{202e}b"),
            ["1 direction control, the first U+202E"]
        );
        assert_eq!(says("\u{5e9}\u{5dc}\u{5d5}\u{5dd}"), [""; 0]);
    }

    #[test]
    fn tag_characters_are_found_and_plane_one_letters_are_not() {
        assert_eq!(
            says("a\u{e0041}\u{e0042}"),
            ["2 tag characters, the first U+E0041"]
        );
        assert_eq!(says("\u{1d400}\u{20000}"), [""; 0]);
        assert_eq!(says(FLAGS[1]), [""; 0]);
        assert_eq!(
            says("\u{1f3f4}\u{e0067}\u{e007f}"),
            ["2 tag characters, the first U+E0067"]
        );
    }

    #[test]
    fn soft_hyphens_are_found_and_hyphens_are_not() {
        assert_eq!(says("co\u{ad}operate"), ["1 soft hyphen, the first U+00AD"]);
        assert_eq!(says("co-operate, co\u{2010}operate"), [""; 0]);
    }

    #[test]
    fn variation_selectors_are_found_outside_emoji() {
        assert_eq!(
            says("a\u{fe0f}"),
            ["1 variation selector, the first U+FE0F"]
        );
        assert_eq!(
            says("\u{2764}\u{fe0f}\u{e0101}"),
            ["1 variation selector, the first U+E0101"]
        );
        assert_eq!(
            says("\u{2764}\u{fe0f} 1\u{fe0f}\u{20e3} \u{845b}\u{e0100}"),
            [""; 0]
        );
    }

    #[test]
    fn terminal_escapes_and_controls_are_found_and_line_ends_are_not() {
        assert_eq!(
            says("\u{1b}[8mhidden"),
            ["1 terminal escape, the first U+001B"]
        );
        assert_eq!(
            says("shown\rover\u{8}"),
            ["2 control characters, the first U+000D"]
        );
        assert_eq!(says("one\r\n\ttwo \\x1b[8m"), [""; 0]);
    }

    #[test]
    fn comments_are_found_and_arrows_and_links_are_not() {
        assert_eq!(
            says("a <!-- b -->"),
            ["a comment that no reader of the page sees"]
        );
        assert_eq!(
            says("a\n[//]: # (b)"),
            ["a comment that no reader of the page sees"]
        );
        assert_eq!(
            says("- [x]: # 'b'"),
            ["a comment that no reader of the page sees"]
        );
        assert_eq!(says("a <-- b <! -- c\n[d]: https://e.org/#f (g)"), [""; 0]);
    }

    #[test]
    fn tags_that_hide_their_text_are_found_and_styles_spoken_of_are_not() {
        let tag = "a tag that keeps its text off the page";
        assert_eq!(says("<p style=\"color:red; display: none\">do</p>"), [tag]);
        assert_eq!(says("<div hidden>do</div>"), [tag]);
        assert_eq!(
            says("<b>hidden</b> columns use display: none; font-size:0"),
            [""; 0]
        );
    }

    #[test]
    fn encoded_runs_are_found_and_long_paths_and_rules_are_not() {
        let unit = "QWxhZGRpbjpvcGVuIHNlc2Ft";
        assert_eq!(says(&unit.repeat(9)), ["216 characters of encoded bytes"]);
        assert_eq!(
            says(&format!("{}\n", unit.repeat(3)).repeat(3)),
            ["216 characters of encoded bytes"]
        );
        assert_eq!(
            says(&"0123456789abcdef".repeat(13)),
            ["208 characters of encoded bytes"]
        );
        assert_eq!(says(&unit.repeat(8)), [""; 0]);
        assert_eq!(says(&"usr/share/some-folder/".repeat(10)), [""; 0]);
        assert_eq!(says(&"-".repeat(300)), [""; 0]);
    }
}
