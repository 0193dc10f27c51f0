//! Stacks, each with unmapped pages below it.

use core::sync::atomic::{AtomicU64, Ordering};

use steward_frames::{Owned, Request, Run, Use};

use crate::{
    frames,
    layout::{PAGE_BYTES, STACK_SLOT_BYTES, STACK_SLOTS, STACKS},
    memory::{self, MapError},
};

/// A stack in the stack window.
///
/// # Invariants
/// `bottom .. bottom + bytes` is mapped to `frames`, for this stack only, until it is given back; and nothing is mapped
/// from the start of its slot to `bottom`, which is at least one page.
#[derive(Debug)]
pub struct Stack {
    bottom: u64,
    bytes: u64,
    frames: Run<Owned>,
}

static NEXT_SLOT: AtomicU64 = AtomicU64::new(0);

impl Stack {
    /// A new stack of at least `bytes`, up to 1 MiB less a page.
    ///
    /// # Errors
    /// [`MapError`] when frames or slots are used up.
    ///
    /// # Panics
    /// When more is asked for than a slot holds.
    pub fn new(bytes: u64) -> Result<Self, MapError> {
        let bytes = bytes.next_multiple_of(PAGE_BYTES);
        assert!(bytes <= STACK_SLOT_BYTES - PAGE_BYTES, "a stack of {bytes} bytes does not fit its slot");
        let frames = frames::take(Request::run(bytes / PAGE_BYTES, Use::Stacks))?;
        match Self::place(bytes, &frames) {
            // INVARIANT: a slot has one stack at a time, and the stack lies at the slot's upper end.
            Ok(bottom) => Ok(Self { bottom, bytes, frames }),
            Err(error) => {
                frames::give_back(frames).expect("they were just taken, and nobody has borrowed them");
                Err(error)
            }
        }
    }

    /// Maps the frames in a slot of their own; gives the lowest address.
    fn place(bytes: u64, frames: &Run<Owned>) -> Result<u64, MapError> {
        let next = |slot| (slot < STACK_SLOTS).then_some(slot + 1);
        let slot = NEXT_SLOT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let slot = slot.map_err(|_| MapError::WindowFull)?;
        let bottom = STACKS + (slot + 1) * STACK_SLOT_BYTES - bytes;
        memory::map_run(bottom, frames).inspect_err(|_| give_slot_back(slot))?;
        Ok(bottom)
    }

    /// Gives the stack's frames back, and its slot if it is the newest; other slots are not used again. Whoever runs on a
    /// stack keeps it: a stack that is merely dropped stays as it is, for good.
    ///
    /// # Errors
    /// [`MapError::NotMapped`] when the stack was not as it was made, or its frames are not taken back.
    pub fn give_back(self) -> Result<(), MapError> {
        memory::unmap(self.bottom, self.bytes / PAGE_BYTES)?;
        give_slot_back((self.bottom - STACKS) / STACK_SLOT_BYTES);
        frames::give_back(self.frames).map_err(|_| MapError::NotMapped)
    }

    /// Address past the last byte, 16-byte aligned: where the stack starts to grow down.
    #[must_use]
    pub const fn top(&self) -> u64 {
        self.bottom + self.bytes
    }

    /// Lowest address.
    #[must_use]
    pub const fn bottom(&self) -> u64 {
        self.bottom
    }
}

fn give_slot_back(slot: u64) {
    // Fails when there is a newer slot, and then the slot is used up.
    let _ = NEXT_SLOT.compare_exchange(slot + 1, slot, Ordering::Relaxed, Ordering::Relaxed);
}

/// Whether `address` lies in the guard of some stack: a fault there is a stack overflow.
#[must_use]
pub fn is_guard(address: u64) -> bool {
    let used = NEXT_SLOT.load(Ordering::Relaxed).min(STACK_SLOTS);
    (STACKS..STACKS + used * STACK_SLOT_BYTES).contains(&address) && memory::mapping(address).is_none()
}
