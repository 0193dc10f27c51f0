//! How much of the memory is used, and how well.

use core::ops::AddAssign;

/// What a cache, or all of them, has handed out and holds.
///
/// `asked` ≤ `handed_out` ≤ `held`: the first difference is lost within objects, the second lies free or behind the last object
/// of a slab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Objects that are handed out.
    pub live: usize,
    /// What was asked for of them, in bytes.
    pub asked: usize,
    /// What these objects have room for, in bytes.
    pub handed_out: usize,
    /// Memory that was taken for them and for others, in bytes.
    pub held: usize,
}

impl Usage {
    /// Memory that nobody asked for, in thousandths of what is held; 0 when nothing is.
    #[must_use]
    pub const fn fragmentation(&self) -> usize {
        match self.held {
            0 => 0,
            held => held.saturating_sub(self.asked) * 1000 / held,
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.live += other.live;
        self.asked += other.asked;
        self.handed_out += other.handed_out;
        self.held += other.held;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_add_up_part_by_part() {
        let mut sum = Usage { live: 2, asked: 30, handed_out: 400, held: 5000 };
        sum += Usage { live: 7, asked: 50, handed_out: 300, held: 1000 };
        assert_eq!(sum, Usage { live: 9, asked: 80, handed_out: 700, held: 6000 });
        assert_eq!((sum.fragmentation(), Usage::default().fragmentation()), (986, 0));
    }
}
