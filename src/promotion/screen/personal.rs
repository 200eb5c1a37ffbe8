//! Personal data: how to reach a person by e-mail or telephone. Cards and bank accounts are among the secrets.

use std::sync::LazyLock;

use regex::Regex;

use crate::promotion::screen::Spot;

/// Domains that belong to nobody (RFC 2606, RFC 6761), and stand-ins people write.
const NOBODYS: [&str; 16] = [
    "example",
    "test",
    "invalid",
    "localhost",
    "local",
    "example.com",
    "example.org",
    "example.net",
    "example.edu",
    "test.com",
    "test.org",
    "domain.com",
    "yourdomain.com",
    "your-domain.com",
    "yourcompany.com",
    "email.com",
];

/// Names before the `@` that are stand-ins, or boxes nobody in particular reads.
const NO_PERSON: [&str; 20] = [
    "user",
    "username",
    "user.name",
    "name",
    "yourname",
    "your.name",
    "you",
    "someone",
    "somebody",
    "me",
    "git",
    "noreply",
    "no-reply",
    "donotreply",
    "postmaster",
    "webmaster",
    "info",
    "support",
    "helpdesk",
    "abuse",
];

/// E-mail addresses (the usual part of RFC 5322), also with the `@` and dots spelt out in brackets.
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)([\p{L}\p{N}._%+-]+)\s?(?:@|\s[\[(]\s?at\s?[\])]\s?)((?:[\p{L}\p{N}-]+(?:\.|\s?[\[(]\s?dot\s?[\])]\s?))+\p{L}{2,24})",
    )
    .ok()
});

/// Numbers with a country's code (ITU-T E.164).
static ABROAD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\+[1-9]\d{0,2}(?:[ ./-]?\(?\d{1,4}\)?)(?:[ ./-]?\d{2,5}){1,4}").ok()
});

/// Numbers whose area stands in brackets, or as North America writes them.
static AMERICAN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\(0\d{1,4}\) ?\d{3,4}[ -]?\d{3,4}\b|(?:\([2-9]\d{2}\) ?|\b[2-9]\d{2}[-.])[2-9]\d{2}[-. ]\d{4}\b").ok()
});

/// Numbers with a leading zero, or as North America writes them, behind a word that says what they are.
static AT_HOME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:tel(?:ephone)?|phone|mobile|cell|whatsapp|fax|call|ring|dial)\b\.?(?:[ :]+[\p{L}.']+){0,4}?[ :]*(\(?0\d{1,4}\)?(?:[ ./-]?\d{2,4}){2,4}|[2-9]\d{2} [2-9]\d{2} \d{4})\b",
    )
    .ok()
});

/// Words right before a number that make it no telephone's.
static NO_TELEPHONE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?:\b(?:order|invoice|ticket|section|page|docket|clause|paragraph|claim|batch|lot|tracking|case|matter|account|part|item|serial|reference|ref|version|id|number|no|nr)\b\.?[ #:]*|[#\p{L}\p{N}./-])$",
    )
    .ok()
});

/// Every address and number of a person, by place; only the last two characters are said.
pub(super) fn spots(text: &str) -> Vec<Spot> {
    let mut spots = addresses(text);
    let mut ends = 0;
    let mut numbers = numbers(text);
    numbers.sort_by_key(|it| it.0);
    for (start, number) in numbers {
        if ends <= start {
            ends = start + number.len();
            spots.push(Spot {
                offset: start,
                says: format!("a telephone number, ending in `{}`", end_of(number)),
            });
        }
    }
    spots.sort_by_key(|it| it.offset);
    spots
}

fn addresses(text: &str) -> Vec<Spot> {
    let Some(pattern) = ADDRESS.as_ref() else {
        return Vec::new();
    };
    let found = pattern.captures_iter(text).filter_map(|it| {
        let (whole, name, domain) = (it.get(0)?, it.get(1)?, it.get(2)?);
        let is_persons = !is_nobodys(domain.as_str())
            && !NO_PERSON
                .iter()
                .any(|it| it.eq_ignore_ascii_case(name.as_str()));
        // An address with a password before the `@` is told as a secret.
        let is_login =
            text[..whole.start()].ends_with(':') && text[..whole.start()].contains("://");
        (is_persons && !is_login).then(|| Spot {
            offset: whole.start(),
            says: format!("an e-mail address, ending in `{}`", end_of(whole.as_str())),
        })
    });
    found.collect()
}

/// Whether a domain is a stand-in, or lies below one.
fn is_nobodys(domain: &str) -> bool {
    let domain = domain.to_lowercase();
    NOBODYS.iter().any(|it| {
        domain
            .strip_suffix(it)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

fn numbers(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (pattern, fewest, most) in [(&ABROAD, 8, 15), (&AMERICAN, 9, 13), (&AT_HOME, 9, 13)] {
        let Some(pattern) = pattern.as_ref() else {
            continue;
        };
        for captures in pattern.captures_iter(text) {
            let Some(number) = captures.get(1).or_else(|| captures.get(0)) else {
                continue;
            };
            let digits = number.as_str().bytes().filter(u8::is_ascii_digit).count();
            let is_told = captures.get(1).is_some();
            let goes_on = text[number.end()..].starts_with(|it: char| it.is_alphanumeric());
            if (fewest..=most).contains(&digits)
                && !goes_on
                && !is_date(number.as_str())
                && (is_told || !is_otherwise(&text[..number.start()]))
            {
                found.push((number.start(), number.as_str()));
            }
        }
    }
    found
}

fn is_otherwise(before: &str) -> bool {
    NO_TELEPHONE.as_ref().is_some_and(|it| it.is_match(before))
}

/// `01.02.2024`, with whatever follows.
fn is_date(number: &str) -> bool {
    let parts: Vec<usize> = number
        .split(['.', '/', '-', ' '])
        .take(3)
        .map(str::len)
        .collect();
    matches!(parts.as_slice(), [1..=2, 1..=2, 4])
}

fn end_of(text: &str) -> &str {
    let start = text.char_indices().rev().nth(1).map_or(0, |(at, _)| at);
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Vec<String> {
        spots(text).into_iter().map(|it| it.says).collect()
    }

    #[test]
    fn every_pattern_compiles() {
        assert!(ADDRESS.is_some() && ABROAD.is_some() && AMERICAN.is_some());
        assert!(AT_HOME.is_some() && NO_TELEPHONE.is_some());
    }

    #[test]
    fn addresses_of_people_are_found_and_stand_ins_are_not() {
        for text in [
            "ask jane.doe@lexfirm.co.uk first",
            "Jürgen.Groß@kanzlei.de",
            "jane (at) lexfirm (dot) com",
        ] {
            assert_eq!(says(text).len(), 1, "{text}");
        }
        assert_eq!(
            says("ask jane@lexfirm.com"),
            ["an e-mail address, ending in `om`"]
        );
        for text in [
            "jane@example.com, joe@mail.example.org, a@b.test",
            "user@host, user@host.firm.com, git@github.com:a/b.git, noreply@firm.com",
            "lodash@4.17.21, actions/checkout@v4, @partner, 5 @ 3.20",
        ] {
            assert_eq!(says(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn telephone_numbers_are_found_and_other_numbers_are_not() {
        for text in [
            "+44 20 7946 0958",
            "+49 (0)30 1234567",
            "+15125550143",
            "+91 98765 43210",
            "+49-89-636-48018",
            "(020) 7946 0958",
            "(512) 555-0143",
            "reach Jane at 512-555-0143.",
            "Tel.: 030 1234567",
            "phone 512 555 0143",
            "call Jane Smith on 020 7946 0958",
        ] {
            assert_eq!(says(text).len(), 1, "{text}");
        }
        for text in [
            "the file has 512 555 0143 bytes",
            "version 1.2.3.4, 10.0.12.255, 2026-05-06, 06.05.2026 10:30, UTC+01:00",
            "section 512.555.0143, order 512-555-0143, ticket #512-555-0143, SKU-512-555-0143",
            "+12 points, +1 200 000, 4539-1488-0343-6468, pages 100-120",
            "call export on 01.02.2026 10, call 3 times, phone the client",
            "2026-07-01T10:00:00 0123456789",
        ] {
            assert_eq!(says(text), [""; 0], "{text}");
        }
    }
}
