//! How much each foldover pair, and each task, moves the coefficients of a regression: the errors HC2 and
//! CR1.

use crate::statistics::StandardError;
use crate::statistics::clusters::Clustering;
use crate::statistics::foldover::FoldoverPair;
use crate::statistics::symmetric::Factor;

/// Residuals and influences this small are rounding.
const ROUNDING: f64 = 1e-12;

/// A pair with no more than this share of its own residual left decides what it was fitted to.
const NOTHING_FREE: f64 = 1e-9;

/// Sums of squared influence of the pairs, and of the tasks, on each coefficient of a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    by_pair: Vec<f64>,
    by_task: Vec<f64>,
    /// Coefficients decided by a single pair, whose residual therefore says nothing.
    is_decided: Vec<bool>,
    pairs: usize,
    tasks: usize,
}

impl Spread {
    /// For the fit with `coefficients` on the pivots of `factor`; `tasks` says which task each pair belongs
    /// to.
    ///
    /// With w = (ZᵀZ)⁻¹z for a pair of signs z and residual e, e·w is the pair's influence and z·w its
    /// leverage; HC2 sums e²w²/(1 − z·w) over pairs, CR1 sums (Σ e·w)² over tasks.
    pub fn of(
        pairs: &[FoldoverPair<'_>],
        tasks: &Clustering,
        factor: &Factor,
        coefficients: &[f64],
    ) -> Spread {
        let columns = coefficients.len();
        let inverse = factor.inverse();
        let mut spread = Spread {
            by_pair: vec![0.0; columns],
            by_task: vec![0.0; columns],
            is_decided: vec![false; columns],
            pairs: pairs.len(),
            tasks: tasks.count(),
        };
        let mut task_sums = vec![0.0; columns * tasks.count()];
        let mut weights = vec![0.0; columns];
        for (pair, task) in pairs.iter().zip(tasks.slots()) {
            let signs = || {
                factor
                    .pivots
                    .iter()
                    .map(|pivot| f64::from(pair.signs[*pivot]))
                    .enumerate()
            };
            weights.fill(0.0);
            for (index, sign) in signs().filter(|(_, sign)| *sign != 0.0) {
                weights
                    .iter_mut()
                    .zip(&inverse[index])
                    .for_each(|(sum, entry)| *sum += sign * entry);
            }
            let fitted: f64 = signs()
                .map(|(index, sign)| sign * coefficients[index])
                .sum();
            let leverage: f64 = signs().map(|(index, sign)| sign * weights[index]).sum();
            let residual = Some(pair.difference - fitted)
                .filter(|residual| ROUNDING < residual.abs())
                .unwrap_or(0.0);
            spread.add_pair(residual, 1.0 - leverage, &weights);
            let sums = &mut task_sums[task * columns..(task + 1) * columns];
            sums.iter_mut()
                .zip(&weights)
                .for_each(|(sum, weight)| *sum += residual * weight);
        }
        for sums in task_sums.chunks(columns.max(1)) {
            spread
                .by_task
                .iter_mut()
                .zip(sums)
                .for_each(|(square, sum)| *square += sum * sum);
        }
        spread
    }

    /// HC2 error of the coefficient at `index`, pairs − columns degrees of freedom. `None` when a pair alone
    /// decides it.
    pub fn pair_error(&self, index: usize) -> Option<StandardError> {
        let spare = self.pairs.checked_sub(self.by_pair.len())? as f64;
        let is_defined = 0.0 < spare && !self.is_decided[index];
        is_defined.then(|| StandardError {
            value: self.by_pair[index].sqrt(),
            degrees_of_freedom: spare,
        })
    }

    /// CR1 error of the coefficient at `index`, `own_tasks` − 1 degrees of freedom. `None` below two tasks of
    /// its own.
    pub fn task_error(&self, index: usize, own_tasks: usize) -> Option<StandardError> {
        let spare = self.pairs.checked_sub(self.by_task.len())? as f64;
        if spare <= 0.0 || own_tasks < 2 {
            return None;
        }
        let (pairs, tasks) = (self.pairs as f64, self.tasks as f64);
        let correction = tasks / (tasks - 1.0) * (pairs - 1.0) / spare;
        Some(StandardError {
            value: (correction * self.by_task[index]).sqrt(),
            degrees_of_freedom: own_tasks as f64 - 1.0,
        })
    }

    fn add_pair(&mut self, residual: f64, free: f64, weights: &[f64]) {
        if free <= NOTHING_FREE {
            let flags = self.is_decided.iter_mut().zip(weights);
            return flags.for_each(|(flag, weight)| *flag |= ROUNDING < weight.abs());
        }
        let scale = residual * residual / free;
        self.by_pair
            .iter_mut()
            .zip(weights)
            .for_each(|(sum, weight)| *sum += scale * weight * weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::symmetric::factor;

    #[test]
    fn a_pair_that_alone_decides_an_effect_leaves_no_error_by_pair() {
        let pairs = [([1, 0], 0.5), ([1, 0], 0.0), ([1, 0], 1.0), ([0, 1], 0.5)];
        let pairs = pairs.each_ref().map(|(signs, difference)| FoldoverPair {
            task: 0,
            signs,
            difference: *difference,
        });
        let factor = factor(&[vec![3.0, 0.0], vec![0.0, 1.0]], 1e-9);
        let spread = Spread::of(&pairs, &Clustering::singletons(4), &factor, &[0.5, 0.5]);
        assert_eq!(spread.pair_error(1), None);
        // Two residuals of a half, each weighing a third, with leverage a third: √(2 × ¼ × ⅑ × 3/2) =
        // √(1/12).
        let error = spread.pair_error(0).expect("three pairs share this effect");
        assert!((error.value - (1.0f64 / 12.0).sqrt()).abs() < 1e-15);
        assert_eq!(error.degrees_of_freedom, 2.0);
    }
}
