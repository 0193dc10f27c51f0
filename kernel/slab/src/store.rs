//! All slabs by their numbers.

use core::sync::atomic::Ordering::Relaxed;

use spin::{Once, RelaxStrategy, mutex::Mutex};

use crate::{Pages, slab::NONE, slab::Slab};

/// Numbers in the first chunk; each further one has twice as many.
const FIRST: u32 = 32;
const CHUNKS: usize = 19;
/// Most slabs that there can be.
pub(crate) const MOST_SLABS: u32 = FIRST * ((1 << CHUNKS) - 1);

/// Room for what is known of slabs, which grows and never moves.
#[derive(Debug)]
pub(crate) struct Store<'a, R> {
    chunks: [Once<&'a [Slab]>; CHUNKS],
    spare: Mutex<Spare, R>,
}

#[derive(Debug)]
struct Spare {
    /// Number of the first that was used and is not any more; they are linked.
    used: u32,
    /// The first number that has never been used.
    unused: u32,
}

impl<'a, R: RelaxStrategy> Store<'a, R> {
    pub(crate) const fn new() -> Self {
        Self { chunks: [const { Once::new() }; CHUNKS], spare: Mutex::new(Spare { used: NONE, unused: 0 }) }
    }

    /// The slab of that number, if there is room for one.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&'a Slab> {
        let shifted = number + FIRST;
        let power = shifted.ilog2();
        let chunk = self.chunks.get((power - FIRST.ilog2()) as usize)?.get()?;
        chunk.get((shifted - (1 << power)) as usize)
    }

    /// A slab that was given a number before.
    #[inline]
    pub(crate) fn known(&self, number: u32) -> &'a Slab {
        self.get(number).expect("a slab has room before it has a number")
    }

    /// Room for a slab, and its number.
    pub(crate) fn take(&self, source: &impl Pages<'a>) -> Option<(u32, &'a Slab)> {
        let mut spare = self.spare.lock();
        if spare.used != NONE {
            let number = spare.used;
            let slab = self.known(number);
            spare.used = slab.next.load(Relaxed);
            return Some((number, slab));
        }
        let number = spare.unused;
        if number >= MOST_SLABS {
            return None;
        }
        let chunk = (number + FIRST).ilog2() - FIRST.ilog2();
        let count = (FIRST as usize) << chunk;
        self.chunks[chunk as usize].try_call_once(|| source.table(count, Slab::new).ok_or(())).ok()?;
        spare.unused += 1;
        Some((number, self.known(number)))
    }

    /// Takes the number back of what is no slab any more.
    pub(crate) fn put(&self, number: u32) {
        let mut spare = self.spare.lock();
        self.known(number).next.store(spare.used, Relaxed);
        spare.used = number;
    }

    /// All numbers that were ever given, and their slabs.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, &'a Slab)> + '_ {
        let end = self.spare.lock().unused;
        (0..end).map(|number| (number, self.known(number)))
    }
}
