//! Fisher's exact test for a two-by-two table.

/// One-sided p-value of Fisher's exact test: the chance, with all margins fixed, of a first cell at least as large.
///
/// Cells are counts `[[a, b], [c, d]]`; the result runs from 0 to 1, and is 1 where a margin is empty.
/// Source: Fisher (1922), J. R. Stat. Soc. 85, 87–94.
pub fn fisher_greater(table: [[u32; 2]; 2]) -> f64 {
    let [[a, b], [c, d]] = table;
    let (row, column, all) = (a + b, a + c, a + b + c + d);
    let most = row.min(column);
    let tail: f64 = (a..=most)
        .filter(|x| row + column <= all + x)
        .map(|x| {
            (ln_choose(column, x) + ln_choose(all - column, row - x) - ln_choose(all, row)).exp()
        })
        .sum();
    tail.clamp(0.0, 1.0)
}

/// Natural logarithm of the binomial coefficient, for `k` from 0 to `n`.
fn ln_choose(n: u32, k: u32) -> f64 {
    statrs::function::factorial::ln_binomial(u64::from(n), u64::from(k))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lady_tasting_tea() {
        // Fisher (1935): four of four right among eight cups, 1 in 70.
        assert!((fisher_greater([[4, 0], [0, 4]]) - 1.0 / 70.0).abs() < 1e-12);
        assert!((fisher_greater([[3, 1], [1, 3]]) - 17.0 / 70.0).abs() < 1e-12);
    }

    #[test]
    fn an_empty_margin_says_nothing() {
        assert!((fisher_greater([[0, 0], [3, 4]]) - 1.0).abs() < 1e-12);
    }
}
