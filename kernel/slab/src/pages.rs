//! Where the memory comes from, and what is known of each page.

use spin::{RelaxStrategy, Spin, once::Once};

use crate::{
    page::{Identity, Page},
    windows::Windows,
};

/// Bytes of a page, which is a frame where it is mapped.
pub const PAGE_BYTES: usize = 4096;
/// Pages that a leaf knows of: what is known of them fills a page.
pub(crate) const LEAF_PAGES: usize = PAGE_BYTES / size_of::<Page>();
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

/// What is known of all pages. They go by their numbers.
#[derive(Debug)]
pub(crate) struct Map<'a, R> {
    /// Where the largest of the windows begins, in which most pages are, with which number, and its leaves.
    start: usize,
    first: usize,
    largest: &'a [Leaf<'a, R>],
    windows: Windows,
    leaves: &'a [Leaf<'a, R>],
}

impl<'a, R: RelaxStrategy> Map<'a, R> {
    pub(crate) fn new(windows: Windows, leaves: &'a [Leaf<'a, R>]) -> Self {
        assert!(leaves.len() >= windows.leaves(), "there are leaves for all pages");
        let (start, first, pages) = windows.largest();
        let largest = &leaves[first / LEAF_PAGES..][..pages / LEAF_PAGES];
        Self { start, first, largest, windows, leaves }
    }

    #[inline]
    pub(crate) fn address(&self, number: usize) -> usize {
        let page = number.wrapping_sub(self.first);
        if page / LEAF_PAGES < self.largest.len() {
            return self.start + page * PAGE_BYTES;
        }
        self.windows.address(number)
    }

    /// Number of the page that an address of ours lies in.
    #[inline]
    pub(crate) fn number(&self, address: usize) -> usize {
        let page = address.wrapping_sub(self.start) / PAGE_BYTES;
        if page / LEAF_PAGES < self.largest.len() {
            return self.first + page;
        }
        self.windows.number(address).expect("pages that are ours are in windows")
    }

    /// The page that the address lies in, if it is or was one of ours, or is beside one.
    #[inline]
    pub(crate) fn find(&self, address: usize) -> Option<&'a Page> {
        // Below the start, the difference wraps, and no leaf has it.
        let page = address.wrapping_sub(self.start) / PAGE_BYTES;
        match self.largest.get(page / LEAF_PAGES) {
            Some(leaf) => leaf.0.get().map(|pages| &pages[page % LEAF_PAGES]),
            None => self.find_elsewhere(address),
        }
    }

    #[cold]
    fn find_elsewhere(&self, address: usize) -> Option<&'a Page> {
        self.get(self.windows.number(address)?)
    }

    fn get(&self, number: usize) -> Option<&'a Page> {
        let leaf = self.leaves.get(number / LEAF_PAGES)?.0.get()?;
        Some(&leaf[number % LEAF_PAGES])
    }

    /// A page of a slab.
    #[inline]
    pub(crate) fn known(&self, number: usize) -> &'a Page {
        self.get(number).expect("the map reaches pages before they become slabs")
    }

    /// Makes room for what is known of these pages; `false` when there is no memory for it, or they are not in one window.
    pub(crate) fn reach(&self, address: usize, pages: usize, source: &impl Pages<'a>) -> bool {
        let Some(first) = self.windows.number(address).filter(|&first| self.windows.are_together(first, pages)) else {
            return false;
        };
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
