//! At which addresses there may be pages.

use core::ops::Range;

use crate::pages::{LEAF_PAGES, PAGE_BYTES, REACH};

/// Most stretches that are told apart.
const MOST: usize = 16;

/// A stretch of addresses.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// The first, of a page.
    start: usize,
    /// Pages, a multiple of those that a leaf knows of.
    pages: usize,
    /// Number of the first page.
    number: usize,
}

impl Window {
    const NONE: Self = Self { start: 0, pages: 0, number: 0 };

    /// Number of the page that an address lies in.
    const fn number(&self, address: usize) -> Option<usize> {
        // Below the start, the difference wraps, and is too large.
        let page = address.wrapping_sub(self.start) / PAGE_BYTES;
        if page < self.pages { Some(self.number + page) } else { None }
    }
}

/// Stretches of addresses that pages may come from, with holes between them of which nothing is known. Pages have numbers, from
/// 0 in the lowest stretch on.
///
/// # Invariants
/// Stretches are sorted and apart, and the pages of one follow those of the one below it.
#[derive(Clone, Debug)]
pub struct Windows {
    list: [Window; MOST],
    count: usize,
}

impl Windows {
    /// Windows over stretches of addresses that are sorted, apart, and begin and end at pages. Holes that are together no larger than
    /// the stretches are covered, so that few windows are looked through; what lies behind the first 2^32 pages is left out.
    #[must_use]
    pub fn of(stretches: impl Iterator<Item = Range<usize>> + Clone) -> Self {
        let mut windows = Self { list: [Window::NONE; MOST], count: 0 };
        let mut room: usize = stretches.clone().map(|stretch| stretch.len()).sum();
        let mut left = REACH / LEAF_PAGES * LEAF_PAGES;
        for stretch in stretches {
            let last = windows.count.checked_sub(1).map(|last| windows.list[last]);
            let hole = last.map(|last| stretch.start.saturating_sub(last.start + last.pages * PAGE_BYTES));
            let (index, start) = match (last, hole) {
                (Some(last), Some(hole)) if hole <= room || windows.count == MOST => {
                    room = room.saturating_sub(hole);
                    left += last.pages;
                    (windows.count - 1, last.start)
                }
                _ => (windows.count, stretch.start),
            };
            let pages = ((stretch.end - start) / PAGE_BYTES).next_multiple_of(LEAF_PAGES).min(left);
            left -= pages;
            let number = index.checked_sub(1).map_or(0, |below| windows.list[below].number + windows.list[below].pages);
            windows.list[index] = Window { start, pages, number };
            windows.count = index + 1;
        }
        windows
    }

    /// How many leaves it takes to know of all pages.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.list[..self.count].iter().map(|window| window.pages / LEAF_PAGES).sum()
    }

    /// Address and number of the first page of the largest stretch, and how many pages that has.
    pub(crate) fn largest(&self) -> (usize, usize, usize) {
        let largest = self.list[..self.count].iter().max_by_key(|window| window.pages);
        largest.map_or((0, 0, 0), |window| (window.start, window.number, window.pages))
    }

    /// Number of the page that an address lies in, if it lies in one of the stretches.
    pub(crate) fn number(&self, address: usize) -> Option<usize> {
        self.list[..self.count].iter().find_map(|window| window.number(address))
    }

    /// Address of a page.
    pub(crate) fn address(&self, number: usize) -> usize {
        let above = self.list[..self.count].partition_point(|window| window.number <= number);
        let window = self.list[above.saturating_sub(1)];
        window.start + (number - window.number) * PAGE_BYTES
    }

    /// Whether so many pages from a number on follow each other in memory.
    pub(crate) fn are_together(&self, number: usize, pages: usize) -> bool {
        self.list[..self.count]
            .iter()
            .any(|window| window.number <= number && number + pages <= window.number + window.pages)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const MIB: usize = 1 << 20;
    const GIB: usize = 1 << 30;
    const LEAF_BYTES: usize = LEAF_PAGES * PAGE_BYTES;

    fn of(stretches: &[Range<usize>]) -> Windows {
        Windows::of(stretches.iter().cloned())
    }

    #[test]
    fn memory_far_away_costs_no_more_than_other_memory() {
        // The upper half of the memory is at the 4 TiB mark.
        let windows = of(&[MIB..2 * GIB, 4096 * GIB..4098 * GIB]);
        assert!(windows.leaves() * LEAF_BYTES <= 4 * GIB, "{}", windows.leaves());
        for (address, number) in
            [(MIB, 0), (2 * GIB - 1, (2 * GIB - MIB) / PAGE_BYTES - 1), (4096 * GIB + 5, (2 * GIB - MIB) / PAGE_BYTES)]
        {
            assert_eq!(windows.number(address), Some(number), "{address:#x}");
            assert_eq!(windows.address(number), address / PAGE_BYTES * PAGE_BYTES);
        }
        for nowhere in [0, MIB - 1, 2 * GIB + LEAF_BYTES, 4096 * GIB - 1, 4098 * GIB, usize::MAX] {
            assert_eq!(windows.number(nowhere), None, "{nowhere:#x}");
        }
    }

    #[test]
    fn small_holes_are_covered() {
        // A PC of 3 GiB, with 1 GiB of it above 4 GiB.
        let windows = of(&[MIB..640 * MIB, 641 * MIB..2 * GIB, 4 * GIB..5 * GIB]);
        assert_eq!((windows.count, windows.leaves()), (1, (5 * GIB - MIB) / LEAF_BYTES));
        // However many holes there are, they come to no more than the memory.
        let scattered: Vec<_> = (0..12).map(|n| n * 20 * MIB..n * 20 * MIB + 8 * MIB).collect();
        let windows = of(&scattered);
        assert!(windows.leaves() * LEAF_BYTES <= 2 * 12 * 8 * MIB, "{windows:?}");
        assert!(
            scattered
                .iter()
                .all(|stretch| windows.number(stretch.start).is_some() && windows.number(stretch.end - 1).is_some())
        );
    }

    #[test]
    fn more_stretches_than_are_told_apart_are_all_known() {
        let far: Vec<_> = (0..2 * MOST).map(|n| n * GIB..n * GIB + MIB).collect();
        let windows = of(&far);
        assert_eq!(windows.count, MOST);
        for stretch in &far {
            let number = windows.number(stretch.start).unwrap();
            assert!(windows.are_together(number, MIB / PAGE_BYTES), "{stretch:x?}");
            assert_eq!(windows.address(number), stretch.start);
        }
        let end = (0..MOST - 1).map(|index| windows.list[index].number + windows.list[index].pages);
        assert!(end.zip(1..).all(|(end, next)| windows.list[next].number == end && !windows.are_together(end - 1, 2)));
    }

    #[test]
    fn what_has_no_number_is_left_out() {
        let windows = of(&[0..GIB, 8 << 40..64 << 40, 100 << 40..101 << 40]);
        assert!(windows.leaves() * LEAF_PAGES <= REACH);
        assert!(windows.number(8 << 40).is_some() && windows.number(100 << 40).is_none());
        // Nearly as much as has numbers, with a small hole.
        let windows = of(&[0..8 << 40, (8 << 40) + MIB..15 << 40]);
        assert_eq!(windows.number((15 << 40) - 1), Some((15 << 40) / PAGE_BYTES - 1));
    }
}
