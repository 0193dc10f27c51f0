//! What is larger than a page: runs of pages, each handed out as a whole.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use spin::{RelaxStrategy, mutex::Mutex};

use crate::{Caches, FreeError, PAGE_BYTES, Pages, Usage, page::Identity, pages::REACH};

/// Most runs that are kept for the next who wants as many pages. What is freed last takes the place of what has been kept
/// longest: sizes that nobody asks for any more keep none from the runs of those that are in use now.
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
    /// Address and pages of each, the one that has been kept longest first.
    runs: [(usize, usize); MOST_KEPT],
    /// How many there are.
    count: usize,
}

impl KeptRuns {
    const fn new() -> Self {
        Self { runs: [(0, 0); MOST_KEPT], count: 0 }
    }

    fn remove(&mut self, index: usize) {
        self.runs.copy_within(index + 1..self.count, index);
        self.count -= 1;
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

    /// Keeps a run. Gives one that is to go for that, if there is one: its address and pages.
    fn keep(&self, address: usize, pages: usize) -> Option<(usize, usize)> {
        if pages > LONGEST_KEPT {
            return Some((address, pages));
        }
        let mut kept = self.kept.lock();
        let mut oldest = None;
        if kept.count == MOST_KEPT {
            oldest = Some(kept.runs[0]);
            kept.remove(0);
        }
        let last = kept.count;
        kept.runs[last] = (address, pages);
        kept.count += 1;
        self.unused.fetch_add((pages as u64).wrapping_sub(oldest.map_or(0, |(_, pages)| pages as u64)), Relaxed);
        oldest
    }

    /// A run that was kept, of so many pages at a multiple of so many bytes.
    fn kept(&self, pages: usize, alignment: usize) -> Option<usize> {
        if pages > LONGEST_KEPT {
            return None;
        }
        let mut kept = self.kept.lock();
        let fits = |(address, its): &(usize, usize)| *its == pages && address.is_multiple_of(alignment);
        let index = kept.runs[..kept.count].iter().rposition(fits)?;
        let (address, _) = kept.runs[index];
        kept.remove(index);
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
        if let Some((address, pages)) = self.runs.keep(address, pages as usize) {
            self.strand(address, pages);
        }
        Ok(())
    }

    /// Gives back the runs that are kept.
    pub(crate) fn give_up_runs(&self) {
        let kept = core::mem::replace(&mut *self.runs.kept.lock(), KeptRuns::new());
        for &(address, pages) in &kept.runs[..kept.count] {
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
