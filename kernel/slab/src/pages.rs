//! Where the memory comes from, and what is known of each page.

use spin::{RelaxStrategy, Spin, once::Once};

use crate::page::{Identity, Page};

/// Bytes of a page, which is a frame where it is mapped.
pub const PAGE_BYTES: usize = 4096;
/// Pages that a leaf knows of: what is known of them fills a page.
const LEAF_PAGES: usize = PAGE_BYTES / size_of::<Page>();
/// Most pages that there can be.
pub(crate) const REACH: usize = u32::MAX as usize;

/// Gives and takes memory by pages that follow each other.
pub trait Pages<'a> {
    /// So many pages that nobody else uses: the address of the first. It is a multiple of `alignment` pages, a power of two.
    fn take(&self, pages: usize, alignment: usize) -> Option<usize>;

    /// Gives pages back that [`Self::take`] gave. `false` when they are not taken back; then they are the giver's as before.
    fn give(&self, address: usize, pages: usize) -> bool;

    /// `count` values that `make` makes, for good: for what is known of pages.
    fn table<T: Sync + 'a>(&self, count: usize, make: fn() -> T) -> Option<&'a [T]>;
}

/// What is known of 32 pages, from the first that is used on.
#[derive(Debug)]
pub struct Leaf<'a, R = Spin>(Once<&'a [Page; LEAF_PAGES], R>);

impl<R> Leaf<'_, R> {
    /// Of pages of which none is used.
    #[must_use]
    pub const fn new() -> Self {
        Self(Once::new())
    }
}

impl<R> Default for Leaf<'_, R> {
    fn default() -> Self {
        Self::new()
    }
}

/// How many leaves it takes to know of so many pages.
#[must_use]
pub const fn leaves(pages: usize) -> usize {
    pages.div_ceil(LEAF_PAGES)
}

/// What is known of all pages from an address on. Pages go by their numbers, from there on.
#[derive(Debug)]
pub(crate) struct Map<'a, R> {
    base: usize,
    leaves: &'a [Leaf<'a, R>],
}

impl<'a, R: RelaxStrategy> Map<'a, R> {
    pub(crate) fn new(base: usize, leaves: &'a [Leaf<'a, R>]) -> Self {
        assert!(
            base.is_multiple_of(PAGE_BYTES) && leaves.len() <= REACH / LEAF_PAGES,
            "a map begins at a page and ends"
        );
        Self { base, leaves }
    }

    pub(crate) const fn address(&self, number: usize) -> usize {
        self.base + number * PAGE_BYTES
    }

    pub(crate) const fn number(&self, address: usize) -> usize {
        (address - self.base) / PAGE_BYTES
    }

    /// The page that the address lies in, if it is or was one of ours, or is beside one.
    #[inline]
    pub(crate) fn find(&self, address: usize) -> Option<&'a Page> {
        // Below the base, the difference wraps, and no leaf has it.
        self.get(address.wrapping_sub(self.base) / PAGE_BYTES)
    }

    #[inline]
    fn get(&self, number: usize) -> Option<&'a Page> {
        let leaf = self.leaves.get(number / LEAF_PAGES)?.0.get()?;
        Some(&leaf[number % LEAF_PAGES])
    }

    /// A page of a slab.
    #[inline]
    pub(crate) fn known(&self, number: usize) -> &'a Page {
        self.get(number).expect("the map reaches pages before they become slabs")
    }

    /// Makes room for what is known of these pages; `false` when there is no memory for it, or the map ends before them.
    pub(crate) fn reach(&self, address: usize, pages: usize, source: &impl Pages<'a>) -> bool {
        let Some(offset) = address.checked_sub(self.base) else { return false };
        let first = offset / PAGE_BYTES;
        let Some(leaves) = self.leaves.get(first / LEAF_PAGES..=(first + pages - 1) / LEAF_PAGES) else { return false };
        let make = || source.table(LEAF_PAGES, Page::new).and_then(<[_]>::first_chunk).ok_or(());
        leaves.iter().all(|leaf| leaf.0.try_call_once(make).is_ok())
    }

    /// Numbers and identities of all pages that are ours.
    pub(crate) fn all(&self) -> impl Iterator<Item = (usize, Identity)> + '_ {
        let leaves = self.leaves.iter().enumerate().filter_map(|(number, leaf)| Some((number, leaf.0.get()?)));
        leaves.flat_map(|(leaf, pages)| {
            let numbered = pages.iter().enumerate();
            numbered.filter_map(move |(index, page)| Some((leaf * LEAF_PAGES + index, page.identity()?)))
        })
    }
}
