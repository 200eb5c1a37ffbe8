//! Secrets: keys, passwords and account numbers, never repeated in what is said about them.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::promotion::screen::Spot;

/// One shape of a secret. The first group of the pattern, or the whole match, is the secret.
struct Rule {
    /// Stable name, said in findings.
    name: &'static str,
    /// What it is called in a sentence.
    noun: &'static str,
    pattern: &'static str,
    /// What the secret must pass beside the pattern.
    test: fn(&str) -> bool,
}

/// From the particular to the general: a span found by one rule is not looked at by the next. The patterns follow
/// those of gitleaks (MIT).
const RULES: [Rule; 13] = [
    Rule {
        name: "private-key",
        noun: "a private key",
        pattern: r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----",
        test: |_| true,
    },
    Rule {
        name: "aws-key",
        noun: "an AWS access key",
        pattern: r"\b((?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16})\b",
        test: |_| true,
    },
    Rule {
        name: "anthropic-key",
        noun: "an Anthropic API key",
        pattern: r"\b(sk-ant-[A-Za-z0-9_-]{16,})",
        test: |_| true,
    },
    Rule {
        name: "openai-key",
        noun: "an API key",
        pattern: r"\b(sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,})",
        test: looks_random,
    },
    Rule {
        name: "github-token",
        noun: "a GitHub token",
        pattern: r"\b(gh[opsur]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
        test: |_| true,
    },
    Rule {
        name: "slack-token",
        noun: "a Slack token",
        pattern: r"\b(xox[abeoprs]-[A-Za-z0-9-]{10,})",
        test: |it| it.bytes().any(|byte| byte.is_ascii_digit()),
    },
    Rule {
        name: "google-key",
        noun: "a Google API key",
        pattern: r"\b(AIza[A-Za-z0-9_-]{35})",
        test: |_| true,
    },
    Rule {
        name: "stripe-key",
        noun: "a Stripe key",
        pattern: r"\b([rs]k_live_[A-Za-z0-9]{20,})",
        test: |_| true,
    },
    Rule {
        name: "json-web-token",
        noun: "a signed web token",
        pattern: r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})",
        test: |_| true,
    },
    Rule {
        name: "url-password",
        noun: "a password in a web address",
        pattern: r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:([^\s/@]{3,})@",
        test: |it| !it.starts_with(['$', '<', '{', '*']),
    },
    Rule {
        name: "card-number",
        noun: "a payment card number",
        pattern: r"\b((?:4\d|5[1-5]|2[2-7]|3[4-9]|6\d)(?:[ -]?\d){11,17})\b",
        test: is_card_number,
    },
    Rule {
        name: "iban",
        noun: "a bank account number (IBAN)",
        pattern: r"\b((?i:[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}))\b",
        test: |it| iban_in(it).is_some(),
    },
    Rule {
        name: "generic-secret",
        noun: "a password or token",
        pattern: r#"(?i)(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|credential)[\w.-]*["'`*]{0,3}\s*(?::=|=>|[:=])\s*["'`*]{0,3}([^\s"'`*,;<>]{12,})"#,
        test: looks_random,
    },
];

static PATTERNS: LazyLock<Vec<(Regex, &'static Rule)>> = LazyLock::new(|| {
    RULES
        .iter()
        .filter_map(|rule| Some((Regex::new(rule.pattern).ok()?, rule)))
        .collect()
});

/// Every secret in a text, by place; only the last two characters of a secret are said.
pub(super) fn spots(text: &str) -> Vec<Spot> {
    let mut taken: Vec<Range<usize>> = Vec::new();
    let mut spots = Vec::new();
    for (pattern, rule) in PATTERNS.iter() {
        for found in pattern.captures_iter(text) {
            let Some(secret) = found.get(1).or_else(|| found.get(0)) else {
                continue;
            };
            let is_taken = taken
                .iter()
                .any(|it| it.start < secret.end() && secret.start() < it.end);
            if is_taken || !(rule.test)(secret.as_str()) {
                continue;
            }
            taken.push(secret.range());
            spots.push(Spot {
                offset: secret.start(),
                says: says(rule, secret.as_str()),
            });
        }
    }
    spots.sort_by_key(|it| it.offset);
    spots
}

fn says(rule: &Rule, secret: &str) -> String {
    let secret = if rule.name == "iban" {
        iban_in(secret).unwrap_or(secret)
    } else {
        secret
    };
    let start = secret.char_indices().rev().nth(1).map_or(0, |(at, _)| at);
    format!(
        "{} (rule `{}`, ending in `{}`)",
        rule.noun,
        rule.name,
        &secret[start..]
    )
}

/// Whether a value has the entropy and the mixture of a generated secret: at least 12 characters, at least 3.5 bits
/// for each (Shannon 1948; the threshold of gitleaks), a digit, and letters of both cases or, over 20 characters, no
/// word breaks.
fn looks_random(value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let is_unbroken = 20 <= value.len() && value.bytes().all(|it| it.is_ascii_alphanumeric());
    12 <= value.len()
        && 3.5 <= entropy(value)
        && has(u8::is_ascii_digit)
        && (is_mixed || is_unbroken)
}

/// Shannon's entropy of the bytes of a value, in bits per byte.
fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = value.len() as f64;
    let share = |count: &u32| f64::from(*count) / length;
    counts
        .iter()
        .filter(|count| 0 < **count)
        .map(|count| -share(count) * share(count).log2())
        .sum()
}

/// Whether the digits pass the check of payment cards (Luhn; ISO/IEC 7812-1, annex B).
fn is_card_number(value: &str) -> bool {
    let digits: Vec<u32> = value.chars().filter_map(|it| it.to_digit(10)).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) => double / 10 + double % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Lengths of account numbers by country (SWIFT IBAN registry).
const IBAN_LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 \
    DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 \
    KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 \
    RO24 RS22 SA24 SC31 SD18 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20";

/// The account number at the beginning of `value`, of the length of its country and with a right check (ISO 13616).
fn iban_in(value: &str) -> Option<&str> {
    let country = value.get(..2)?.to_uppercase();
    let length: usize = IBAN_LENGTHS
        .split_whitespace()
        .find_map(|it| it.strip_prefix(country.as_str()))?
        .parse()
        .ok()?;
    let mut characters = value.char_indices().filter(|(_, it)| !it.is_whitespace());
    let end = characters
        .nth(length - 1)
        .map(|(at, it)| at + it.len_utf8())?;
    let number: Vec<char> = value[..end]
        .chars()
        .filter(|it| !it.is_whitespace())
        .collect();
    let rest = number
        .iter()
        .cycle()
        .skip(4)
        .take(length)
        .try_fold(0_u32, |rest, it| {
            let digit = it.to_digit(36)?;
            Some((rest * if digit < 10 { 10 } else { 100 } + digit) % 97)
        });
    (rest == Some(1)).then(|| &value[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Vec<String> {
        spots(text).into_iter().map(|it| it.says).collect()
    }

    /// Joined here, so that no scanner takes this file for a leak.
    fn joined(parts: [&str; 2]) -> String {
        parts.concat()
    }

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(PATTERNS.len(), RULES.len());
    }

    #[test]
    fn private_keys_are_found_and_public_ones_are_not() {
        assert_eq!(
            says(&joined(["-----BEGIN RSA PRIV", "ATE KEY-----\nMIIE"])),
            ["a private key (rule `private-key`, ending in `--`)"]
        );
        assert_eq!(says("-----BEGIN PUBLIC KEY-----\nMIIB"), [""; 0]);
    }

    #[test]
    fn aws_keys_are_found_and_shorter_words_are_not() {
        assert_eq!(
            says(&joined(["use AKIA", "Q3EGR7PWNB2YKD5M now"])),
            ["an AWS access key (rule `aws-key`, ending in `5M`)"]
        );
        assert_eq!(says("AKIA is the prefix; AKIAQ3EGR7PW is cut"), [""; 0]);
    }

    #[test]
    fn model_keys_are_found_and_package_names_are_not() {
        assert_eq!(
            says(&joined(["sk-ant-", "api03-abcdefghij0123456789"])),
            ["an Anthropic API key (rule `anthropic-key`, ending in `89`)"]
        );
        assert_eq!(
            says(&joined(["sk-", "proj-A1b2C3d4E5f6G7h8I9j0K"])),
            ["an API key (rule `openai-key`, ending in `0K`)"]
        );
        assert_eq!(
            says("sk-learn-pipelines-for-everyone, sk-ant-short"),
            [""; 0]
        );
    }

    #[test]
    fn tokens_of_services_are_found_and_their_prefixes_are_not() {
        let body = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8";
        for (prefix, name) in [
            ("ghp_", "github-token"),
            ("github_pat_", "github-token"),
            ("xoxb-", "slack-token"),
            ("sk_live_", "stripe-key"),
        ] {
            assert!(says(&format!("{prefix}{body}"))[0].contains(name));
        }
        assert!(says(&joined(["AIza", &body[..35]]))[0].contains("google-key"));
        assert_eq!(
            says("ghp_ and github_pat_ and xoxb-example-token and sk_live_x and AIzaShort"),
            [""; 0]
        );
    }

    #[test]
    fn signed_tokens_are_found_and_dotted_names_are_not() {
        let token = joined([
            "eyJhbGciOiJIUzI1",
            "NiJ9.eyJzdWIiOiIxMjM0NTY3.SflKxwRJSMeKKF2Q",
        ]);
        assert_eq!(
            says(&token),
            ["a signed web token (rule `json-web-token`, ending in `2Q`)"]
        );
        assert_eq!(says("eyJson.library.function"), [""; 0]);
    }

    #[test]
    fn passwords_in_addresses_are_found_and_ports_are_not() {
        assert_eq!(
            says("https://bob:hunter2@host/x"),
            ["a password in a web address (rule `url-password`, ending in `r2`)"]
        );
        assert_eq!(
            says("https://host:8080/a@b https://$USER:$PASSWORD@host"),
            [""; 0]
        );
    }

    #[test]
    fn assigned_secrets_are_found_and_placeholders_and_prose_are_not() {
        assert_eq!(
            says("db_password = \"tR7vQ2xK9mZ4\""),
            ["a password or token (rule `generic-secret`, ending in `Z4`)"]
        );
        assert_eq!(
            says("api-key: 9f86d081884c7d659a2feaa0c55ad015"),
            ["a password or token (rule `generic-secret`, ending in `15`)"]
        );
        assert_eq!(
            says(
                "password = <your password>, token: see-the-vault-entry-12, secret=changeme, the token expires"
            ),
            [""; 0]
        );
    }

    #[test]
    fn card_numbers_are_found_and_numbers_that_fail_the_check_are_not() {
        assert_eq!(
            says("card 4111 1111 1111 1111."),
            ["a payment card number (rule `card-number`, ending in `11`)"]
        );
        assert_eq!(
            says("card 4539 1488 0343 6467."),
            ["a payment card number (rule `card-number`, ending in `67`)"]
        );
        assert_eq!(says("order 4539 1488 0343 6468, 4539148803436"), [""; 0]);
    }

    #[test]
    fn account_numbers_are_found_and_those_that_fail_the_check_are_not() {
        assert_eq!(
            says("pay DE89 3704 0044 0532 0130 00 IN FULL"),
            ["a bank account number (IBAN) (rule `iban`, ending in `00`)"]
        );
        assert_eq!(
            says("GB82WEST12345698765432"),
            ["a bank account number (IBAN) (rule `iban`, ending in `32`)"]
        );
        assert_eq!(says("iban: de89370400440532013000").len(), 1);
        assert_eq!(
            says("DE88 3704 0044 0532 0130 00, QQ89370400440532013000"),
            [""; 0]
        );
    }

    #[test]
    fn a_secret_is_said_once_by_the_most_particular_rule() {
        let text = joined(["token = sk-ant-", "api03-Abcdefghij0123456789"]);
        assert_eq!(
            says(&text),
            ["an Anthropic API key (rule `anthropic-key`, ending in `89`)"]
        );
    }
}
