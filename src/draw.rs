//! Addressed randomness: an address is hashed once to a key, and the i-th draw mixes key and i.
//!
//! No generator is shared, so one more step in one arm shifts nothing in another.

/// A place in the tree of addresses. Cheap to copy; holds no position that could be advanced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The root of everything drawn for one seed.
    pub fn root(seed: u64) -> Self {
        Self(mix(seed ^ 0x6472_6561_6d65_7661))
    }

    /// The address below this one named by a word (a purpose, a lane, an id).
    #[must_use]
    pub fn word(self, word: &str) -> Self {
        let folded = word
            .bytes()
            .fold(mix(self.0 ^ word.len() as u64), |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        Self(mix(folded))
    }

    /// The address below this one named by a number (a repeat, an index).
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        Self(mix(self.0 ^ mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    /// The i-th draw at this address, over all 64-bit numbers.
    pub fn draw(self, index: u64) -> u64 {
        mix(self.0.wrapping_add(mix(index ^ 0xd1b5_4a32_d192_ed03)))
    }

    /// The i-th draw as a number below `bound`; 0 when `bound` is 0.
    pub fn below(self, index: u64, bound: usize) -> usize {
        let wide = u128::from(self.draw(index)) * bound as u128;
        (wide >> 64) as usize
    }

    /// Whether the i-th draw falls inside `per_thousand` of 1,000.
    pub fn chance(self, index: u64, per_thousand: u32) -> bool {
        self.below(index, 1000) < per_thousand as usize
    }

    /// A permutation of `0..length`, from as many draws (Fisher and Yates).
    pub fn permutation(self, length: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..length).collect();
        for last in (1..length).rev() {
            order.swap(last, self.below(last as u64, last + 1));
        }
        order
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection that scatters every bit.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_address_draws_the_same_and_neighbours_differ() {
        let key = Key::root(7).word("task-1").number(2);
        assert_eq!(key, Key::root(7).word("task-1").number(2));
        assert_ne!(key.draw(0), key.draw(1));
        assert_ne!(key.draw(0), Key::root(7).word("task-1").number(3).draw(0));
        assert_ne!(key.draw(0), Key::root(8).word("task-1").number(2).draw(0));
    }

    #[test]
    fn draws_below_a_bound_are_even() {
        let mut seen = [0_u32; 6];
        for index in 0..6000 {
            seen[Key::root(1).below(index, 6)] += 1;
        }
        assert!(
            seen.iter().all(|count| (850..1150).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = Key::root(3).permutation(9);
        order.sort_unstable();
        assert_eq!(order, (0..9).collect::<Vec<_>>());
    }
}
