//! Where the memory comes from, and whose each page is.

use core::sync::atomic::{AtomicU32, Ordering};

use spin::Once;

/// Bytes of a page, which is a frame where it is mapped.
pub const PAGE_BYTES: usize = 4096;
const LEAF_PAGES: usize = 512;

/// Gives and takes memory by pages that follow each other.
pub trait Pages<'a> {
    /// So many pages that nobody else uses: the address of the first. It is a multiple of `alignment` pages, a power of two.
    fn take(&self, pages: usize, alignment: usize) -> Option<usize>;

    /// Gives pages back that [`Self::take`] gave. `false` when they are not taken back; then they are the giver's as before.
    fn give(&self, address: usize, pages: usize) -> bool;

    /// `count` values that `make` makes, for good: for what is known of slabs and pages.
    fn table<T: Sync + 'a>(&self, count: usize, make: fn() -> T) -> Option<&'a [T]>;
}

/// What is known of 512 pages, from the first that is used on.
#[derive(Debug)]
pub struct Leaf<'a>(Once<&'a [AtomicU32]>);

impl Leaf<'_> {
    /// Of pages of which none is used.
    #[must_use]
    pub const fn new() -> Self {
        Self(Once::new())
    }
}

impl Default for Leaf<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// How many leaves it takes to know of so many pages.
#[must_use]
pub const fn leaves(pages: usize) -> usize {
    pages.div_ceil(LEAF_PAGES)
}

/// What a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// Nothing of ours, or a page of a run that is not its first.
    None,
    /// The slab of that number.
    Slab(u32),
    /// It is the first of a run of so many pages, which was handed out as a whole.
    Run(u32),
}

const RUN: u32 = 1 << 31;
/// Most pages of a run.
pub(crate) const LONGEST_RUN: usize = RUN as usize - 1;

impl Tag {
    const fn bits(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Slab(number) => number + 1,
            Self::Run(pages) => RUN | pages,
        }
    }

    const fn from_bits(bits: u32) -> Self {
        match bits {
            0 => Self::None,
            _ if bits & RUN != 0 => Self::Run(bits & !RUN),
            _ => Self::Slab(bits - 1),
        }
    }
}

/// The tags of all pages from an address on.
#[derive(Debug)]
pub(crate) struct Map<'a> {
    base: usize,
    leaves: &'a [Leaf<'a>],
}

impl<'a> Map<'a> {
    pub(crate) const fn new(base: usize, leaves: &'a [Leaf<'a>]) -> Self {
        Self { base, leaves }
    }

    pub(crate) const fn base(&self) -> usize {
        self.base
    }

    fn slot(&self, address: usize) -> Option<&'a AtomicU32> {
        let page = address.checked_sub(self.base)? / PAGE_BYTES;
        self.leaves.get(page / LEAF_PAGES)?.0.get()?.get(page % LEAF_PAGES)
    }

    /// The tag of the page that the address lies in.
    #[inline]
    pub(crate) fn tag(&self, address: usize) -> Tag {
        self.slot(address).map_or(Tag::None, |slot| Tag::from_bits(slot.load(Ordering::Relaxed)))
    }

    /// Makes room for the tags of these pages; `false` when there is no memory for it, or the map does not reach that far.
    pub(crate) fn reach(&self, address: usize, pages: usize, source: &impl Pages<'a>) -> bool {
        let Some(offset) = address.checked_sub(self.base) else { return false };
        let first = offset / PAGE_BYTES;
        let Some(leaves) = self.leaves.get(first / LEAF_PAGES..=(first + pages - 1) / LEAF_PAGES) else { return false };
        let make = || source.table(LEAF_PAGES, AtomicU32::default).ok_or(());
        leaves.iter().all(|leaf| leaf.0.try_call_once(make).is_ok())
    }

    /// Tags pages that the map reaches.
    pub(crate) fn set(&self, address: usize, pages: usize, tag: Tag) {
        for page in 0..pages {
            let slot = self.slot(address + page * PAGE_BYTES).expect("the map reaches pages before they are tagged");
            slot.store(tag.bits(), Ordering::Relaxed);
        }
    }

    /// Takes the tag off the first page of a run; `false` if it is not that tag.
    pub(crate) fn clear_run(&self, address: usize, pages: u32) -> bool {
        let from = Tag::Run(pages).bits();
        self.slot(address).is_some_and(|slot| {
            // Only one of those who free a run at the same time finds its tag.
            slot.compare_exchange(from, Tag::None.bits(), Ordering::Relaxed, Ordering::Relaxed).is_ok()
        })
    }
}
