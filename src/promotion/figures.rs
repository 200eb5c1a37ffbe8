//! Numbers and arms as words: points, shares, ranges and lists, the same in every sentence a person reads.

use crate::analysis::evidence::RateEvidence;

/// A difference of rates in points, with its sign: `+12 points`, `−3.4 points`, `0 points`.
///
/// `difference` runs from −1 to 1. One decimal below ten points, none above, and two where one would hide
/// that it is not zero.
pub fn points(difference: f64) -> String {
    match signed(difference).as_str() {
        "+1" => "+1 point".to_owned(),
        "−1" => "−1 point".to_owned(),
        number => format!("{number} points"),
    }
}

/// The number of [`points`] alone: `+12`.
pub fn signed(difference: f64) -> String {
    let number = hundredfold(difference.abs());
    match number.as_str() {
        "0" => number,
        _ if difference < 0.0 => format!("−{number}"),
        _ => format!("+{number}"),
    }
}

/// An interval in points: `+26 to +44`.
pub fn range(bounds: [f64; 2]) -> String {
    format!("{} to {}", signed(bounds[0]), signed(bounds[1]))
}

/// A threshold in points, without a sign: `5 points`.
pub fn plain_points(size: f64) -> String {
    match hundredfold(size.abs()).as_str() {
        "1" => "1 point".to_owned(),
        number => format!("{number} points"),
    }
}

/// A rate from 0 to 1 as a percentage: `45 %`.
pub fn percent(rate: f64) -> String {
    format!("{} %", hundredfold(rate))
}

/// A p-value: `0.004`, or `below 0.0001`.
pub fn chance(p: f64) -> String {
    if p < 0.000_1 {
        "below 0.0001".to_owned()
    } else if p < 0.01 {
        trim(format!("{p:.4}"))
    } else if p < 0.1 {
        trim(format!("{p:.3}"))
    } else {
        trim(format!("{p:.2}"))
    }
}

/// A count that may be a sum of scores: `61`, `61.5`.
pub fn amount(value: f64) -> String {
    trim(format!("{value:.1}"))
}

/// Up to `most` names and how many more there are: `kyc-7, kyc-9 and 3 more`.
pub fn names(all: &[String], most: usize) -> String {
    let shown = all.iter().take(most).cloned().collect::<Vec<_>>();
    match all.len().saturating_sub(shown.len()) {
        0 => match shown.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, first)) => format!("{} and {last}", first.join(", ")),
            None => String::new(),
        },
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// An arm in a reader's words; the name in quotes where it is not one of ours.
pub fn arm_words(arm: &str) -> String {
    match arm {
        "bare" => "no memory".to_owned(),
        "stored" => "the store as it was".to_owned(),
        "dreamed" => "dreamed memory".to_owned(),
        "placebo" => "placebo text".to_owned(),
        "oracle" => "the true remedies".to_owned(),
        "raw" => "the raw sessions".to_owned(),
        "baseline" => "the baseline".to_owned(),
        other => format!("“{other}”"),
    }
}

/// What an arm achieved: `152 of 201`, or `0.46 on average over 201` where `outcome` is `score`.
pub fn achieved(rate: &RateEvidence, outcome: &str) -> String {
    match (outcome, rate.rate) {
        ("score", Some(mean)) => format!("{mean:.2} on average over {}", rate.trials),
        _ => of_trials(rate),
    }
}

/// `152 of 201`.
pub fn of_trials(rate: &RateEvidence) -> String {
    format!("{} of {}", amount(rate.completed), rate.trials)
}

fn hundredfold(value: f64) -> String {
    let value = 100.0 * value;
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    let one = format!("{value:.1}");
    if value.abs() < 0.05 {
        trim(format!("{value:.2}"))
    } else if one.trim_start_matches('-').len() < "10.0".len() {
        trim(one)
    } else {
        format!("{value:.0}")
    }
}

/// Drops zeros that say nothing after the decimal point, and the sign of a zero.
fn trim(number: String) -> String {
    let short = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => &number,
    };
    match short {
        "-0" | "" => "0".to_owned(),
        _ => short.to_owned(),
    }
}

/// A whole number in groups of three digits: `12,514,647`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if 0 < at && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped_by_three() {
        let told = [0, 999, 1000, 12_514_647].map(grouped);
        assert_eq!(told, ["0", "999", "1,000", "12,514,647"]);
    }

    #[test]
    fn points_keep_one_decimal_below_ten_and_never_hide_a_small_effect() {
        let said = [0.354, 0.0471, -0.034, 0.01, 0.0004, 0.0, -0.12, 0.0996].map(points);
        assert_eq!(
            said,
            [
                "+35 points",
                "+4.7 points",
                "−3.4 points",
                "+1 point",
                "+0.04 points",
                "0 points",
                "−12 points",
                "+10 points"
            ]
        );
    }

    #[test]
    fn a_bound_just_below_ten_points_does_not_grow_a_decimal() {
        assert_eq!(range([-0.099_96, 0.099_4]), "−10 to +9.9");
    }

    #[test]
    fn rates_and_chances_are_short() {
        assert_eq!([0.45, 1.0, 0.071].map(percent), ["45 %", "100 %", "7.1 %"]);
        assert_eq!(
            [0.000_01, 0.004, 0.049, 0.9].map(chance),
            ["below 0.0001", "0.004", "0.049", "0.9"]
        );
    }

    #[test]
    fn long_lists_of_names_end_in_a_count() {
        let all = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(names(&all, 2), "a, b and 1 more");
        assert_eq!(names(&all, 3), "a, b and c");
        assert_eq!(names(&all[..1], 3), "a");
        assert_eq!(names(&[], 3), "");
    }
}
