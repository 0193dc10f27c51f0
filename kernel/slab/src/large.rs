//! What is larger than a page: runs of pages, each handed out as a whole.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use spin::{RelaxStrategy, mutex::Mutex};

use crate::{Caches, FreeError, PAGE_BYTES, Pages, Usage, page::Identity, pages::REACH};

/// Most runs that are kept for the next who wants as many pages.
const MOST_KEPT: usize = 8;
/// Longest run that is kept.
const LONGEST_KEPT: usize = 32;

/// What is handed out in runs of pages.
#[derive(Debug)]
pub(crate) struct Runs<R> {
    live: AtomicU64,
    asked: AtomicU64,
    pages: AtomicU64,
    /// Pages that nobody uses: those of runs that are kept, or could not be given back.
    unused: AtomicU64,
    /// Address and pages of each run that is kept; no pages where there is none.
    kept: Mutex<[(usize, usize); MOST_KEPT], R>,
}

impl<R: RelaxStrategy> Runs<R> {
    pub(crate) const fn new() -> Self {
        Self {
            live: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            pages: AtomicU64::new(0),
            unused: AtomicU64::new(0),
            kept: Mutex::new([(0, 0); MOST_KEPT]),
        }
    }

    /// Keeps a run; `false` when it is too long, or as many are kept as can be.
    fn keep(&self, address: usize, pages: usize) -> bool {
        if pages > LONGEST_KEPT {
            return false;
        }
        let mut kept = self.kept.lock();
        let Some(place) = kept.iter_mut().find(|(_, pages)| *pages == 0) else { return false };
        *place = (address, pages);
        self.unused.fetch_add(pages as u64, Relaxed);
        true
    }

    /// A run that was kept, of so many pages at a multiple of so many bytes.
    fn kept(&self, pages: usize, alignment: usize) -> Option<usize> {
        if pages > LONGEST_KEPT {
            return None;
        }
        let mut kept = self.kept.lock();
        let place = kept.iter_mut().find(|(address, its)| *its == pages && address.is_multiple_of(alignment))?;
        place.1 = 0;
        self.unused.fetch_sub(pages as u64, Relaxed);
        Some(place.0)
    }

    pub(crate) fn usage(&self) -> Usage {
        let bytes = |pages: &AtomicU64| pages.load(Relaxed) as usize * PAGE_BYTES;
        Usage {
            live: self.live.load(Relaxed) as usize,
            asked: self.asked.load(Relaxed) as usize,
            handed_out: bytes(&self.pages),
            held: bytes(&self.pages) + bytes(&self.unused),
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
        let address = match self.runs.kept(pages, alignment) {
            Some(address) => address,
            None => {
                let address = self.pages.take(pages, alignment.div_ceil(PAGE_BYTES).max(1))?;
                if !self.map.reach(address, 1, &self.pages) {
                    self.strand(address, pages);
                    return None;
                }
                address
            }
        };
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
        if !self.runs.keep(address, pages as usize) {
            self.strand(address, pages as usize);
        }
        Ok(())
    }

    /// Gives back the runs that are kept.
    pub(crate) fn give_up_runs(&self) {
        let kept = core::mem::replace(&mut *self.runs.kept.lock(), [(0, 0); MOST_KEPT]);
        for (address, pages) in kept.into_iter().filter(|(_, pages)| *pages > 0) {
            self.runs.unused.fetch_sub(pages as u64, Relaxed);
            self.strand(address, pages);
        }
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
            self.runs.unused.fetch_add(pages as u64, Relaxed);
        }
    }

    /// What is handed out in runs of pages.
    #[must_use]
    pub fn runs(&self) -> Usage {
        self.runs.usage()
    }
}
