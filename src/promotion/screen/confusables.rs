//! Confusables: words that mix Latin letters with letters of other scripts that look like them.

use crate::promotion::screen::Spot;

/// Cyrillic letters drawn like Latin ones (`confusables.txt` of Unicode 16).
const CYRILLIC: &str = "асеіјѕорхуԁԛԝһӏЅІЈАВЕКМНОРСТХУҮӀԌԚԜгвкмнтп";

/// Armenian letters drawn like Latin ones.
const ARMENIAN: &str = "օսհոցզՕՍՏ";

/// Greek letters drawn like Latin ones and seldom written beside them.
const GREEK: &str = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοͿϳ";

/// Greek letters that look a little like Latin ones, and which science writes at the ends of Latin words: TNFα, λmax.
const GREEK_SIGNS: &str = "αγιικνρυχητωσεϲ";

/// Latin letters that must follow a Greek sign at the beginning of a word before the word counts as disguised.
const LETTERS_AFTER_SIGN: usize = 4;

/// The first letter of every disguised word, by place.
pub(super) fn spots(text: &str) -> Vec<Spot> {
    let mut spots = Vec::new();
    let mut word: Vec<(usize, char)> = Vec::new();
    for (offset, it) in text.char_indices().chain([(text.len(), ' ')]) {
        if it.is_alphabetic() {
            word.push((offset, it));
            continue;
        }
        spots.extend(spot(&word));
        word.clear();
    }
    spots
}

fn spot(word: &[(usize, char)]) -> Option<Spot> {
    let latin = word.iter().filter(|(_, it)| is_latin(*it)).count();
    if latin == 0 || latin == word.len() {
        return None;
    }
    let (at, (offset, it)) = word
        .iter()
        .enumerate()
        .find(|(at, (_, it))| is_disguise(word, *at, *it))?;
    let script = match *it {
        '\u{370}'..='\u{3ff}' => "Greek",
        '\u{530}'..='\u{58f}' => "Armenian",
        _ => "Cyrillic",
    };
    Some(Spot {
        offset: *offset,
        says: format!(
            "a word of Latin letters with the {script} letter U+{:04X} at place {}",
            u32::from(*it),
            at + 1
        ),
    })
}

fn is_disguise(word: &[(usize, char)], at: usize, it: char) -> bool {
    if CYRILLIC.contains(it) || ARMENIAN.contains(it) || GREEK.contains(it) {
        return true;
    }
    if !GREEK_SIGNS.contains(it) {
        return false;
    }
    let after = word[at + 1..].iter().take_while(|(_, it)| is_latin(*it));
    match (at.checked_sub(1).map(|it| word[it].1), after.count()) {
        (None, after) => LETTERS_AFTER_SIGN <= after,
        (Some(before), 0) => before.is_lowercase() && is_latin(before) && 3 <= at,
        (Some(before), _) => is_latin(before),
    }
}

fn is_latin(it: char) -> bool {
    it.is_ascii_alphabetic() || matches!(it, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Vec<String> {
        spots(text).into_iter().map(|it| it.says).collect()
    }

    #[test]
    fn disguised_words_are_found_at_the_letter_that_disguises_them() {
        assert_eq!(
            says("do сonvert"),
            ["a word of Latin letters with the Cyrillic letter U+0441 at place 1"]
        );
        assert_eq!(
            says("exp\u{3bf}rt"),
            ["a word of Latin letters with the Greek letter U+03BF at place 4"]
        );
        assert_eq!(says("p\u{3b1}y αdmin schemα h\u{585}st").len(), 4);
        assert_eq!(spots("é сonvert")[0].offset, 3);
    }

    #[test]
    fn whole_words_of_any_script_units_and_signs_are_not() {
        for text in [
            "Договор готов, срок до пятницы, IT-отдел",
            "Το συμβόλαιο είναι έτοιμο",
            "5 µm, 5 \u{3bc}m, 10 kΩ, 3 MΩ, Δt, λmax, σx, Kα, TNFα, αmax",
            "Übergröße, façade, œuvre, señor, Łódź, Þórr",
            "契約書 contract の確認、계약 PDF",
            "\u{1f469}\u{200d}\u{1f4bb} naïve",
        ] {
            assert_eq!(says(text), [""; 0], "{text}");
        }
    }
}
