//! What a CPU has for itself.

use core::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use super::atomic::Cell;
use crate::Use;

/// Bits of a reserved word. Only the CPU that has reserved it writes.
#[derive(Debug, Default)]
pub(crate) struct Bits<W = AtomicU64>(pub(crate) W);

impl<W: Cell> Bits<W> {
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, bits: u64) {
        self.0.store(bits, Relaxed);
    }

    /// Takes the lowest bit; gives its number.
    #[inline]
    pub(crate) fn next(&self) -> Option<u32> {
        let bits = self.get();
        if bits == 0 {
            return None;
        }
        self.set(bits & (bits - 1));
        Some(bits.trailing_zeros())
    }
}

/// A CPU's part of the allocator's memory; zeroed, it is ready to use.
///
/// # Invariants
/// Only the CPU whose [`Reservation`] it is writes, except to `held`. Others read what may be out of date.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct CpuSlot {
    /// Frames of the word that the CPU has reserved and that are free, as far as it knows.
    pub(crate) bits: Bits,
    /// Index of that word.
    word: AtomicU32,
    /// Whether there is a `Reservation`.
    held: AtomicBool,
    /// Frames that this CPU took, less those that it gave back; wraps.
    taken: [AtomicU32; Use::ALL.len()],
}

const _: () = assert!(size_of::<CpuSlot>() == 64);

impl CpuSlot {
    /// A slot that no CPU uses.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bits: Bits(AtomicU64::new(0)),
            word: AtomicU32::new(0),
            held: AtomicBool::new(false),
            taken: [const { AtomicU32::new(0) }; Use::ALL.len()],
        }
    }

    #[inline]
    pub(crate) fn bits(&self) -> u64 {
        self.bits.get()
    }

    #[inline]
    pub(crate) fn set_bits(&self, bits: u64) {
        self.bits.set(bits);
    }

    /// The reserved word and its bits. The two may not belong together.
    pub(crate) fn hint(&self) -> (usize, u64) {
        (self.word.load(Relaxed) as usize, self.bits())
    }

    pub(crate) fn set_word(&self, word: usize) {
        self.word.store(word as u32, Relaxed);
    }

    /// Counts frames as taken. A load and a store, because nobody else writes.
    #[inline]
    pub(crate) fn count_taken(&self, usage: Use, frames: u64) {
        let counter = &self.taken[usage as usize];
        counter.store(counter.load(Relaxed).wrapping_add(frames as u32), Relaxed);
    }

    /// Counts frames as given back.
    #[inline]
    pub(crate) fn count_put(&self, usage: Use, frames: u64) {
        let counter = &self.taken[usage as usize];
        counter.store(counter.load(Relaxed).wrapping_sub(frames as u32), Relaxed);
    }

    pub(crate) fn taken(&self, usage: Use) -> u32 {
        self.taken[usage as usize].load(Relaxed)
    }

    /// Makes it a CPU's; false when it is one's already.
    pub(crate) fn hold(&self) -> bool {
        // Acquire: pairs with the Release in `let_go`, so that the counters go on where the last holder left them.
        self.held.compare_exchange(false, true, Acquire, Relaxed).is_ok()
    }

    pub(crate) fn let_go(&self) {
        // Release: pairs with the Acquire in `hold`.
        self.held.store(false, Release);
    }
}

/// A CPU's reservation: up to 64 frames that it takes and gives back without asking anybody.
///
/// There is one for each [`CpuSlot`] at most; it belongs to one allocator. Between its calls it may change CPUs, but it
/// must not be used from an interrupt handler in the middle of one, which `&mut` says already.
#[derive(Debug)]
#[must_use = "a CPU whose reservation is dropped can have no other"]
pub struct Reservation {
    pub(crate) cpu: usize,
    /// Index of the reserved word, or before there is one, of where to look first.
    pub(crate) word: usize,
    /// Number of the frame of bit 0.
    pub(crate) first: u64,
    /// Index of the entry of bit 0; wraps.
    pub(crate) entry: u64,
    /// Bits of the word that belong to tracked frames; none while there is no reserved word.
    pub(crate) tracked: u64,
}

impl Reservation {
    /// The bit of a frame of the reserved word.
    #[inline]
    pub(crate) fn bit_of(&self, frame: u64) -> Option<u32> {
        let bit = frame.wrapping_sub(self.first);
        (bit < 64 && self.tracked >> bit & 1 != 0).then_some(bit as u32)
    }

    /// Index of the entry of that bit's frame.
    #[inline]
    pub(crate) fn entry_of(&self, bit: u32) -> usize {
        self.entry.wrapping_add(u64::from(bit)) as usize
    }
}
