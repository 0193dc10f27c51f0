//! What is larger than a page: runs of pages, each handed out as a whole.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use spin::RelaxStrategy;

use crate::{Caches, FreeError, PAGE_BYTES, Pages, Usage, page::Identity, pages::REACH};

/// What is handed out in runs of pages.
#[derive(Debug)]
pub(crate) struct Runs {
    live: AtomicU64,
    asked: AtomicU64,
    pages: AtomicU64,
    /// Pages that were freed and could not be given back.
    stranded: AtomicU64,
}

impl Runs {
    pub(crate) const fn new() -> Self {
        Self {
            live: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            pages: AtomicU64::new(0),
            stranded: AtomicU64::new(0),
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        let bytes = |pages: &AtomicU64| pages.load(Relaxed) as usize * PAGE_BYTES;
        Usage {
            live: self.live.load(Relaxed) as usize,
            asked: self.asked.load(Relaxed) as usize,
            handed_out: bytes(&self.pages),
            held: bytes(&self.pages) + bytes(&self.stranded),
        }
    }
}

impl<'a, P: Pages<'a>, R: RelaxStrategy> Caches<'a, P, R> {
    /// A run of pages with room for `bytes`, at least one, at a multiple of `alignment`, a power of two: its address. `None` when
    /// there is no memory for it.
    pub fn take_run(&self, bytes: usize, alignment: usize) -> Option<usize> {
        let pages = bytes.div_ceil(PAGE_BYTES).max(1);
        if pages > REACH {
            return None;
        }
        let address = self.pages.take(pages, alignment.div_ceil(PAGE_BYTES).max(1))?;
        if !self.map.reach(address, 1, &self.pages) {
            self.strand(address, pages);
            return None;
        }
        self.map.known(self.map.number(address)).set_identity(Some(Identity::Run { pages: pages as u32 }));
        self.runs.live.fetch_add(1, Relaxed);
        self.runs.asked.fetch_add(bytes as u64, Relaxed);
        self.runs.pages.fetch_add(pages as u64, Relaxed);
        Some(address)
    }

    /// Takes a run back of which `bytes` were asked for.
    ///
    /// # Errors
    /// [`FreeError`] when there is no such run.
    pub fn put_run(&self, address: usize, bytes: usize) -> Result<(), FreeError> {
        let page = self.map.find(address).ok_or(FreeError::Unknown)?;
        let pages = match page.identity() {
            Some(Identity::Run { pages }) => pages,
            Some(Identity::Slab { .. }) => return Err(FreeError::OtherCache),
            None => return Err(FreeError::Unknown),
        };
        if !address.is_multiple_of(PAGE_BYTES) {
            return Err(FreeError::NotAnObject);
        }
        if bytes.div_ceil(PAGE_BYTES).max(1) != pages as usize {
            return Err(FreeError::OtherCache);
        }
        if !page.end_run(pages) {
            return Err(FreeError::AlreadyFree);
        }
        self.runs.live.fetch_sub(1, Relaxed);
        self.runs.asked.fetch_sub(bytes as u64, Relaxed);
        self.runs.pages.fetch_sub(u64::from(pages), Relaxed);
        self.strand(address, pages as usize);
        Ok(())
    }

    /// Whether a run of which `old` bytes were asked for can be one of `new` bytes; then it is.
    pub fn resize_run(&self, old: usize, new: usize) -> bool {
        let fits = old.div_ceil(PAGE_BYTES).max(1) == new.div_ceil(PAGE_BYTES);
        if fits {
            self.runs.asked.fetch_add((new as u64).wrapping_sub(old as u64), Relaxed);
        }
        fits
    }

    /// Gives pages back that nobody uses, and counts those that are not taken back.
    pub(crate) fn strand(&self, address: usize, pages: usize) {
        if !self.pages.give(address, pages) {
            self.runs.stranded.fetch_add(pages as u64, Relaxed);
        }
    }

    /// What is handed out in runs of pages.
    #[must_use]
    pub fn runs(&self) -> Usage {
        self.runs.usage()
    }
}
