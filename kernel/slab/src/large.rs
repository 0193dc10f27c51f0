//! What is larger than a page: runs of pages, each handed out as a whole.

use core::{
    mem,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use spin::{RelaxStrategy, mutex::Mutex};

use crate::{
    Caches, FreeError, PAGE_BYTES, Pages, Usage,
    page::{Identity, Page},
    pages::REACH,
};

/// Most runs that are kept for the next who wants as many pages. When there are as many, what is freed takes the place of
/// one of them, in turns: sizes that nobody asks for any more keep none from the runs of those that are in use now.
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
    kept: Mutex<KeptRuns, R>,
}

/// Runs that are kept.
#[derive(Debug)]
struct KeptRuns {
    /// Address and pages of each; no pages where there is none.
    places: [(usize, usize); MOST_KEPT],
    /// The place that was filled last, and has its run most often when one is wanted.
    latest: usize,
}

impl KeptRuns {
    const fn new() -> Self {
        Self { places: [(0, 0); MOST_KEPT], latest: 0 }
    }

    /// Takes one out that has so many pages and is at a multiple of so many bytes, a power of two.
    #[inline]
    fn take(&mut self, pages: usize, alignment: usize) -> Option<usize> {
        let fits = |&(address, its): &(usize, usize)| its == pages && address & (alignment - 1) == 0;
        let latest = &mut self.places[self.latest % MOST_KEPT];
        let place = if fits(latest) { latest } else { self.places.iter_mut().find(|run| fits(run))? };
        place.1 = 0;
        Some(place.0)
    }

    /// Puts one in. Gives what was there, which has no pages if that was none.
    #[inline]
    fn put(&mut self, address: usize, pages: usize) -> (usize, usize) {
        if self.places[self.latest % MOST_KEPT].1 != 0 {
            let empty = self.places.iter().position(|(_, pages)| *pages == 0);
            self.latest = empty.unwrap_or(self.latest + 1) % MOST_KEPT;
        }
        mem::replace(&mut self.places[self.latest % MOST_KEPT], (address, pages))
    }
}

impl<R: RelaxStrategy> Runs<R> {
    pub(crate) const fn new() -> Self {
        Self {
            live: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            pages: AtomicU64::new(0),
            unused: AtomicU64::new(0),
            kept: Mutex::new(KeptRuns::new()),
        }
    }

    /// Keeps a run. Gives the one that is to go for that, which has no pages if that is none.
    #[inline]
    fn keep(&self, address: usize, pages: usize) -> (usize, usize) {
        if pages > LONGEST_KEPT {
            return (address, pages);
        }
        let gone = self.kept.lock().put(address, pages);
        self.unused.fetch_add((pages as u64).wrapping_sub(gone.1 as u64), Relaxed);
        gone
    }

    /// A run that was kept, of so many pages at a multiple of so many bytes.
    #[inline]
    fn kept(&self, pages: usize, alignment: usize) -> Option<usize> {
        if pages > LONGEST_KEPT {
            return None;
        }
        let address = self.kept.lock().take(pages, alignment)?;
        self.unused.fetch_sub(pages as u64, Relaxed);
        Some(address)
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

/// Pages of a run with room for so many bytes.
#[inline]
const fn pages_of(bytes: usize) -> usize {
    // Of no bytes, too.
    bytes.saturating_sub(1) / PAGE_BYTES + 1
}

/// Why a run of so many pages is not taken back.
#[cold]
fn why_not(page: Option<&Page>, address: usize, pages: usize) -> FreeError {
    match page.and_then(Page::identity) {
        None => FreeError::Unknown,
        Some(Identity::Slab { .. }) => FreeError::OtherCache,
        Some(Identity::Run { .. }) if !address.is_multiple_of(PAGE_BYTES) => FreeError::NotAnObject,
        Some(Identity::Run { pages: its }) if its as usize != pages => FreeError::OtherCache,
        // Another was at it at the same time.
        Some(Identity::Run { .. }) => FreeError::AlreadyFree,
    }
}

impl<'a, P: Pages<'a>, R: RelaxStrategy> Caches<'a, P, R> {
    /// A run of pages with room for `bytes`, at least one, at a multiple of `alignment`, a power of two: its address. `None` when
    /// there is no memory for it.
    pub fn take_run(&self, bytes: usize, alignment: usize) -> Option<usize> {
        let pages = pages_of(bytes);
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
        let page = self.map.find(address).expect("the map reaches it");
        page.set_identity(Some(Identity::Run { pages: pages as u32 }));
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
        let pages = pages_of(bytes);
        match self.map.find(address) {
            Some(page) if address.is_multiple_of(PAGE_BYTES) && page.end_run(pages) => {}
            page => return Err(why_not(page, address, pages)),
        }
        self.runs.live.fetch_sub(1, Relaxed);
        self.runs.asked.fetch_sub(bytes as u64, Relaxed);
        self.runs.pages.fetch_sub(pages as u64, Relaxed);
        let (address, pages) = self.runs.keep(address, pages);
        if pages > 0 {
            self.strand(address, pages);
        }
        Ok(())
    }

    /// Gives back the runs that are kept.
    pub(crate) fn give_up_runs(&self) {
        let kept = mem::replace(&mut *self.runs.kept.lock(), KeptRuns::new());
        for (address, pages) in kept.places.into_iter().filter(|(_, pages)| *pages > 0) {
            self.runs.unused.fetch_sub(pages as u64, Relaxed);
            self.strand(address, pages);
        }
    }

    /// Whether a run of which `old` bytes were asked for can be one of `new` bytes; then it is.
    pub fn resize_run(&self, old: usize, new: usize) -> bool {
        let fits = pages_of(old) == pages_of(new);
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
