//! What is known of a slab.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Words with a bit for each object.
const WORDS: usize = 4;
/// Most objects of a slab.
pub(crate) const MOST_OBJECTS: usize = WORDS * u64::BITS as usize;
/// Most pages of a slab.
pub(crate) const MOST_PAGES: usize = 8;
/// The number of no slab.
pub(crate) const NONE: u32 = u32::MAX;

/// What is known of a slab, beside it.
///
/// # Invariants
/// Each object's bit is set in at most one of `live` and `free`; if in neither, the object lies in a magazine. `free`, the counter
/// and the links change under the lock of the slab's cache only, or while the slab is no cache's.
///
/// All of it is Relaxed: who gets a slab or an object from another CPU gets it through a lock.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Slab {
    identity: AtomicU64,
    live: [AtomicU64; WORDS],
    free: [AtomicU64; WORDS],
    free_count: AtomicU32,
    pub(crate) next: AtomicU32,
    pub(crate) previous: AtomicU32,
}

const _: () = assert!(size_of::<Slab>() == 128);

/// What a slab is, in one word, so that nobody finds half of it: page in bits 25 to 63, objects in bits 16 to 24, pages in bits 8
/// to 11, cache in bits 0 to 7. All zeros is no slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Number of its first page, counted from where the map begins.
    pub(crate) page: usize,
    pub(crate) objects: usize,
    pub(crate) pages: usize,
    pub(crate) cache: u8,
}

/// Most pages that a map may have.
pub(crate) const REACH: usize = 1 << 39;

impl Identity {
    fn bits(self) -> u64 {
        debug_assert!(self.page < REACH && (1..=MOST_OBJECTS).contains(&self.objects), "{self:?}");
        (self.page as u64) << 25 | (self.objects as u64) << 16 | (self.pages as u64) << 8 | u64::from(self.cache)
    }

    #[inline]
    fn from_bits(bits: u64) -> Self {
        Self {
            page: (bits >> 25) as usize,
            objects: (bits >> 16 & 0x1ff) as usize,
            pages: (bits >> 8 & 0xf) as usize,
            cache: bits as u8,
        }
    }
}

impl Slab {
    /// Of no slab.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            identity: AtomicU64::new(0),
            live: [const { AtomicU64::new(0) }; WORDS],
            free: [const { AtomicU64::new(0) }; WORDS],
            free_count: AtomicU32::new(0),
            next: AtomicU32::new(NONE),
            previous: AtomicU32::new(NONE),
        }
    }

    /// Makes it a slab with all objects free.
    pub(crate) fn open(&self, identity: Identity) {
        for (word, free) in self.free.iter().enumerate() {
            let objects = identity.objects.saturating_sub(word * 64);
            free.store(if objects >= 64 { u64::MAX } else { (1 << objects) - 1 }, Relaxed);
        }
        self.free_count.store(identity.objects as u32, Relaxed);
        self.identity.store(identity.bits(), Relaxed);
    }

    /// Makes it no slab. All objects are free.
    pub(crate) fn close(&self) {
        self.identity.store(0, Relaxed);
        self.free.iter().for_each(|word| word.store(0, Relaxed));
        self.free_count.store(0, Relaxed);
    }

    #[inline]
    pub(crate) fn identity(&self) -> Identity {
        Identity::from_bits(self.identity.load(Relaxed))
    }

    /// Hands an object out; `false` if it has been handed out already.
    #[inline]
    pub(crate) fn hand_out(&self, object: u8) -> bool {
        let bit = 1 << (object % 64);
        self.live[usize::from(object / 64)].fetch_or(bit, Relaxed) & bit == 0
    }

    /// Takes an object back; `false` if it is not handed out.
    #[inline]
    pub(crate) fn take_back(&self, object: u8) -> bool {
        let bit = 1 << (object % 64);
        self.live[usize::from(object / 64)].fetch_and(!bit, Relaxed) & bit != 0
    }

    /// Whether an object is handed out.
    pub(crate) fn is_live(&self, object: u8) -> bool {
        self.live[usize::from(object / 64)].load(Relaxed) >> (object % 64) & 1 == 1
    }

    pub(crate) fn free_count(&self) -> usize {
        self.free_count.load(Relaxed) as usize
    }

    /// Takes up to `most` free objects and gives each to `sink`; how many.
    pub(crate) fn draw(&self, most: usize, mut sink: impl FnMut(u8)) -> usize {
        let mut drawn = 0;
        for (index, word) in self.free.iter().enumerate() {
            let mut bits = word.load(Relaxed);
            while bits != 0 && drawn < most {
                sink((index * 64) as u8 + bits.trailing_zeros() as u8);
                bits &= bits - 1;
                drawn += 1;
            }
            word.store(bits, Relaxed);
        }
        self.free_count.store((self.free_count() - drawn) as u32, Relaxed);
        drawn
    }

    /// Lays an object back among the free ones.
    pub(crate) fn lay_back(&self, object: u8) {
        let word = &self.free[usize::from(object / 64)];
        word.store(word.load(Relaxed) | 1 << (object % 64), Relaxed);
        self.free_count.store(self.free_count.load(Relaxed) + 1, Relaxed);
    }

    /// Numbers of the objects that are handed out.
    pub(crate) fn live(&self) -> impl Iterator<Item = u8> + '_ {
        (0..MOST_OBJECTS).map(|object| object as u8).filter(|&object| self.is_live(object))
    }
}
