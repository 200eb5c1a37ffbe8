//! Pivoted Cholesky factor of a symmetric, positive semidefinite matrix: which columns are independent, and
//! their inverse.

/// A factor L over the columns found independent, with the row of every column, so that dependent ones can be
/// expressed.
#[derive(Debug, Clone, PartialEq)]
pub struct Factor {
    /// Independent columns, in the order they were taken.
    pub pivots: Vec<usize>,
    /// For each column of the matrix its row of L, one entry per pivot taken before or at it.
    rows: Vec<Vec<f64>>,
}

/// Factors `matrix`, given as rows. A column is independent when more than the share `tolerance` of its own
/// diagonal entry is left once the columns taken before are accounted for; columns with nothing on the
/// diagonal are never independent.
///
/// Source: Higham (2002), Accuracy and Stability of Numerical Algorithms, §10.3.
pub fn factor(matrix: &[Vec<f64>], tolerance: f64) -> Factor {
    let columns = matrix.len();
    let diagonal = |column: usize| matrix[column][column];
    let mut left: Vec<f64> = (0..columns).map(diagonal).collect();
    let mut is_open: Vec<bool> = left.iter().map(|entry| 0.0 < *entry).collect();
    let mut factor = Factor {
        pivots: Vec::new(),
        rows: vec![Vec::new(); columns],
    };
    loop {
        let share = |column: &usize| left[*column] / diagonal(*column);
        let open = (0..columns).filter(|column| is_open[*column]);
        // Of equal shares the first column is taken, so the result does not depend on rounding elsewhere.
        let Some(pivot) = open.max_by(|a, b| share(a).total_cmp(&share(b)).then(b.cmp(a))) else {
            break;
        };
        if share(&pivot) <= tolerance {
            break;
        }
        let root = left[pivot].sqrt();
        let pivot_row = factor.rows[pivot].clone();
        for column in (0..columns).filter(|column| is_open[*column] && *column != pivot) {
            let entry = (matrix[column][pivot] - dot(&factor.rows[column], &pivot_row)) / root;
            factor.rows[column].push(entry);
            left[column] -= entry * entry;
        }
        factor.rows[pivot].push(root);
        factor.pivots.push(pivot);
        is_open[pivot] = false;
    }
    factor
}

impl Factor {
    /// The solution x of A x = `right` over the pivots, both in the order of `pivots`.
    pub fn solve(&self, right: &[f64]) -> Vec<f64> {
        let mut solution = right.to_vec();
        for (index, pivot) in self.pivots.iter().enumerate() {
            let row = &self.rows[*pivot];
            solution[index] =
                (solution[index] - dot(&row[..index], &solution[..index])) / row[index];
        }
        self.solve_transposed(solution)
    }

    /// The inverse over the pivots as rows, in the order of `pivots`.
    pub fn inverse(&self) -> Vec<Vec<f64>> {
        let size = self.pivots.len();
        let unit = |index: usize| {
            (0..size)
                .map(|other| if other == index { 1.0 } else { 0.0 })
                .collect::<Vec<f64>>()
        };
        (0..size).map(|index| self.solve(&unit(index))).collect()
    }

    /// The weights on the pivots that make up a column which is not one of them, in the order of `pivots`.
    pub fn weights_of(&self, column: usize) -> Vec<f64> {
        let mut row = self.rows[column].clone();
        row.resize(self.pivots.len(), 0.0);
        self.solve_transposed(row)
    }

    fn solve_transposed(&self, mut solution: Vec<f64>) -> Vec<f64> {
        for index in (0..self.pivots.len()).rev() {
            let row = &self.rows[self.pivots[index]];
            solution[index] /= row[index];
            let value = solution[index];
            for (earlier, entry) in solution[..index].iter_mut().zip(row) {
                *earlier -= entry * value;
            }
        }
        solution
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter()
        .zip(right)
        .map(|(left, right)| left * right)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inverse_undoes_the_matrix() {
        let found = factor(&[vec![4.0, 2.0], vec![2.0, 3.0]], 1e-9);
        assert_eq!(found.pivots, [0, 1]);
        let inverse = found.inverse();
        assert!((inverse[0][0] - 0.375).abs() < 1e-15);
        assert!((inverse[0][1] + 0.25).abs() < 1e-15);
        assert!((inverse[1][1] - 0.5).abs() < 1e-15);
    }

    #[test]
    fn a_column_that_repeats_another_is_not_independent() {
        let found = factor(
            &[
                vec![2.0, -2.0, 0.0],
                vec![-2.0, 2.0, 0.0],
                vec![0.0, 0.0, 0.0],
            ],
            1e-9,
        );
        assert_eq!(found.pivots, [0]);
        assert!((found.weights_of(1)[0] + 1.0).abs() < 1e-15);
    }

    #[test]
    fn an_empty_matrix_has_no_pivots() {
        assert_eq!(factor(&[], 1e-9).pivots, Vec::<usize>::new());
    }
}
