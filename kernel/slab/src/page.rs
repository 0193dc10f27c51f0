//! What is known of a page.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::CacheId;

/// Objects begin at multiples of so many bytes.
pub(crate) const GRANULE: usize = 16;
/// Words with a bit for each place in a page that an object may begin at.
const WORDS: usize = crate::PAGE_BYTES / GRANULE / u64::BITS as usize;
/// Number of no page.
pub(crate) const NONE: u32 = u32::MAX;

/// What is known of a page, beside it.
///
/// # Invariants
/// A bit is set in at most one of `live` and `free`; if in neither, the object that begins there lies in a magazine, or none
/// begins there. `free`, and what follows it, change under the lock of the slab's cache only, or while the page is no cache's.
///
/// All of it is Relaxed: who gets a page or an object from another CPU gets it through a lock.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Page {
    identity: AtomicU64,
    live: [AtomicU64; WORDS],
    free: [AtomicU64; WORDS],
    /// Free objects of the slab whose first page it is.
    pub(crate) free_count: AtomicU32,
    /// The slabs before and after that one in a list, by their first pages.
    pub(crate) next: AtomicU32,
    pub(crate) previous: AtomicU32,
}

const _: () = assert!(size_of::<Page>() == 128);

/// What a page belongs to. One word, so that nobody finds half of it: kind in bits 0 to 7; of a slab, cache in bits 8 to 15, this
/// page's place in it in bits 16 to 23, and all its pages in bits 24 to 31; of a run, its pages in bits 32 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// One of a slab's pages.
    Slab { cache: u8, place: u8, pages: u8 },
    /// The first of a run that was handed out as a whole.
    Run { pages: u32 },
}

const SLAB: u64 = 1;
const RUN: u64 = 2;

impl Identity {
    const fn bits(self) -> u64 {
        match self {
            Self::Slab { cache, place, pages } => {
                SLAB | (cache as u64) << 8 | (place as u64) << 16 | (pages as u64) << 24
            }
            Self::Run { pages } => RUN | (pages as u64) << 32,
        }
    }

    fn from_bits(bits: u64) -> Option<Self> {
        let byte = |place: u32| (bits >> (place * 8)) as u8;
        match bits & 0xff {
            SLAB => Some(Self::Slab { cache: byte(1), place: byte(2), pages: byte(3) }),
            RUN => Some(Self::Run { pages: (bits >> 32) as u32 }),
            _ => None,
        }
    }
}

/// Word and bit of the object that begins at an address.
#[inline]
const fn place(address: usize) -> (usize, u64) {
    let granule = address % crate::PAGE_BYTES / GRANULE;
    (granule / 64, 1 << (granule % 64))
}

impl Page {
    pub(crate) const fn new() -> Self {
        Self {
            identity: AtomicU64::new(0),
            live: [const { AtomicU64::new(0) }; WORDS],
            free: [const { AtomicU64::new(0) }; WORDS],
            free_count: AtomicU32::new(0),
            next: AtomicU32::new(NONE),
            previous: AtomicU32::new(NONE),
        }
    }

    pub(crate) fn set_identity(&self, identity: Option<Identity>) {
        self.identity.store(identity.map_or(0, Identity::bits), Relaxed);
    }

    pub(crate) fn identity(&self) -> Option<Identity> {
        Identity::from_bits(self.identity.load(Relaxed))
    }

    /// Makes it nobody's, if it is the first page of such a run. Of all who try at once, one succeeds.
    #[inline]
    pub(crate) fn end_run(&self, pages: usize) -> bool {
        let Ok(pages) = u32::try_from(pages) else { return false };
        self.identity.compare_exchange(Identity::Run { pages }.bits(), 0, Relaxed, Relaxed).is_ok()
    }

    /// Whether it is a page of that cache's.
    #[inline]
    pub(crate) fn is_of(&self, cache: CacheId) -> bool {
        self.identity.load(Relaxed) & 0xffff == SLAB | u64::from(cache.0) << 8
    }

    /// Hands the object out that begins there; `false` if it has been handed out already.
    #[inline]
    pub(crate) fn hand_out(&self, address: usize) -> bool {
        let (word, bit) = place(address);
        self.live[word].fetch_or(bit, Relaxed) & bit == 0
    }

    /// Takes the object back that begins there; `false` if none does, or it is not handed out.
    #[inline]
    pub(crate) fn take_back(&self, address: usize) -> bool {
        let (word, bit) = place(address);
        self.live[word].fetch_and(!bit, Relaxed) & bit != 0
    }

    /// Whether the object that begins there is handed out.
    pub(crate) fn is_live(&self, address: usize) -> bool {
        let (word, bit) = place(address);
        self.live[word].load(Relaxed) & bit != 0
    }

    /// Lays the object that begins there among the free ones.
    pub(crate) fn lay(&self, address: usize) {
        let (word, bit) = place(address);
        let word = &self.free[word];
        word.store(word.load(Relaxed) | bit, Relaxed);
    }

    /// Takes up to `most` free objects out and tells `sink` how far from the page's beginning each begins; how many.
    pub(crate) fn draw(&self, most: usize, mut sink: impl FnMut(usize)) -> usize {
        let mut drawn = 0;
        for (index, word) in self.free.iter().enumerate() {
            let mut bits = word.load(Relaxed);
            if bits == 0 || drawn == most {
                continue;
            }
            while bits != 0 && drawn < most {
                sink((index * 64 + bits.trailing_zeros() as usize) * GRANULE);
                bits &= bits - 1;
                drawn += 1;
            }
            word.store(bits, Relaxed);
        }
        drawn
    }

    /// Takes all free objects out.
    pub(crate) fn clear(&self) {
        self.free.iter().for_each(|word| word.store(0, Relaxed));
    }

    /// How far from its beginning each object begins that is handed out.
    pub(crate) fn live(&self) -> impl Iterator<Item = usize> + '_ {
        (0..crate::PAGE_BYTES).step_by(GRANULE).filter(|&offset| self.is_live(offset))
    }
}
