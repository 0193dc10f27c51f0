//! Memory that exists as numbers only: it notes which pages are out.

use std::{
    collections::BTreeSet,
    iter,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use steward_slab::{Caches, Leaf, Magazines, PAGE_BYTES, Pages, Windows};

/// Where the pages begin.
pub const BASE: usize = 0xffff_8000_0000_0000;
/// How many there are.
pub const PAGES: usize = 1 << 14;

/// The pages.
#[derive(Debug)]
pub struct Memory {
    out: Mutex<BTreeSet<usize>>,
    /// How many more requests for pages are met.
    pub left: AtomicUsize,
    /// Longest run that it gives.
    pub longest: AtomicUsize,
    /// Whether it takes nothing back.
    pub keeps: AtomicBool,
    /// Address of a page that it does not take back.
    pub lent: AtomicUsize,
}

impl Memory {
    /// With all pages free.
    pub fn new() -> Self {
        let most = || AtomicUsize::new(usize::MAX);
        Self {
            out: Mutex::default(),
            left: most(),
            longest: most(),
            keeps: AtomicBool::new(false),
            lent: AtomicUsize::new(0),
        }
    }

    fn pages(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.out.lock().expect("no test panics with it")
    }

    /// How many pages are out.
    pub fn out(&self) -> usize {
        self.pages().len()
    }

    fn is_met(&self) -> bool {
        self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl<'a> Pages<'a> for &'a Memory {
    fn take(&self, pages: usize, alignment: usize) -> Option<usize> {
        if !self.is_met() || pages > self.longest.load(Relaxed) {
            return None;
        }
        let mut out = self.pages();
        let mut first = 0;
        while let Some(taken) = (first..first + pages).rev().find(|page| out.contains(page)) {
            first = (taken + 1).next_multiple_of(alignment);
        }
        if first + pages > PAGES {
            return None;
        }
        out.extend(first..first + pages);
        Some(BASE + first * PAGE_BYTES)
    }

    fn give(&self, address: usize, pages: usize) -> bool {
        let lent = self.lent.load(Relaxed);
        if self.keeps.load(Relaxed) || (address..address + pages * PAGE_BYTES).contains(&lent) {
            return false;
        }
        let first = (address - BASE) / PAGE_BYTES;
        let mut out = self.pages();
        assert!((first..first + pages).all(|page| out.remove(&page)), "{pages} pages at {address:#x} are not all out");
        true
    }

    fn table<T: Sync + 'a>(&self, count: usize, make: fn() -> T) -> Option<&'a [T]> {
        self.is_met().then(|| &*Vec::leak((0..count).map(|_| make()).collect()))
    }
}

/// Caches over that memory.
pub fn caches(memory: &Memory) -> Caches<'_, &Memory> {
    let windows = Windows::of(iter::once(BASE..BASE + PAGES * PAGE_BYTES));
    let leaves = (0..windows.leaves()).map(|_| Leaf::new()).collect();
    Caches::new(memory, windows, Vec::leak(leaves))
}

/// Gives back all that nobody uses, and says how many pages are out then.
pub fn kept<'a>(caches: &Caches<'a, &'a Memory>, memory: &Memory, cpus: &mut [Magazines]) -> usize {
    cpus.iter_mut().for_each(|own| caches.flush(own));
    caches.shrink();
    memory.out()
}
