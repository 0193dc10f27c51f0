//! Keys.

use core::fmt;

use crate::loan::{LoanSlot, Slots};

/// Keys that follow each other: `start`, and `count - 1` more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// The first key.
    pub start: usize,
    /// How many there are.
    pub count: usize,
}

impl Extent {
    /// A single key.
    #[must_use]
    pub const fn one(key: usize) -> Self {
        Self { start: key, count: 1 }
    }

    /// The key behind the last one; `None` if there is no such number.
    #[must_use]
    pub const fn end(self) -> Option<usize> {
        self.start.checked_add(self.count)
    }

    /// Whether the key is one of these.
    #[must_use]
    pub const fn contains(self, key: usize) -> bool {
        key >= self.start && key - self.start < self.count
    }
}

/// Extents, ascending: a caller's, or those of a loan's record.
#[derive(Clone, Copy)]
pub struct Keys<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    List(&'a [Extent]),
    Record { slots: &'a dyn Slots, slot: &'a LoanSlot, count: u32 },
}

impl<'a> Keys<'a> {
    pub(crate) const fn list(extents: &'a [Extent]) -> Self {
        Self(Source::List(extents))
    }

    pub(crate) fn record(slots: &'a dyn Slots, slot: &'a LoanSlot) -> Self {
        Self(Source::Record { slots, slot, count: slot.extent_count() })
    }

    /// The extents, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Extent> + Clone + use<'a> {
        Extents { source: self.0, at: 0 }
    }

    /// Whether each of those keys is one of these.
    pub(crate) fn contain(&self, others: &[Extent]) -> bool {
        let mut mine = self.iter();
        let mut current = mine.next();
        for other in others {
            let mut start = other.start;
            let end = other.start + other.count;
            while start < end {
                let Some(extent) = current else { return false };
                let extent_end = extent.start + extent.count;
                if extent_end <= start {
                    current = mine.next();
                } else if extent.start > start {
                    return false;
                } else {
                    start = extent_end;
                }
            }
        }
        true
    }
}

impl fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[derive(Clone)]
struct Extents<'a> {
    source: Source<'a>,
    at: u32,
}

impl Iterator for Extents<'_> {
    type Item = Extent;

    fn next(&mut self) -> Option<Extent> {
        let at = self.at as usize;
        self.at += 1;
        match &mut self.source {
            Source::List(extents) => extents.get(at).copied(),
            Source::Record { slots, slot, count } => {
                if at >= *count as usize {
                    return None;
                }
                if at > 0 && at.is_multiple_of(LoanSlot::EXTENTS) {
                    *slot = slots.slot(slot.more());
                }
                Some(slot.extent(at % LoanSlot::EXTENTS))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_that_touch_contain_what_lies_across_them() {
        let extent = |start, count| Extent { start, count };
        let keys = [extent(2, 3), extent(5, 3), extent(10, 1)];
        let keys = Keys::list(&keys);
        for inside in [&[extent(2, 6)][..], &[extent(4, 2), extent(10, 1)], &[extent(2, 1), extent(3, 1)], &[]] {
            assert!(keys.contain(inside), "{inside:?}");
        }
        for outside in [&[extent(1, 2)][..], &[extent(7, 2)], &[extent(2, 9)], &[extent(10, 2)], &[extent(20, 1)]] {
            assert!(!keys.contain(outside), "{outside:?}");
        }
    }
}
