//! Stacks, each with unmapped pages below it.

use core::sync::atomic::{AtomicU64, Ordering};

use steward_frames::{Request, Use};

use crate::{
    layout::{PAGE_BYTES, STACK_SLOT_BYTES, STACK_SLOTS, STACKS},
    memory::{self, MapError},
};

/// A stack in the stack window.
///
/// # Invariants
/// `bottom .. bottom + bytes` is mapped for ever, for this stack only, and nothing is mapped from the start of its slot
/// to `bottom`, which is at least one page.
#[derive(Debug)]
pub struct Stack {
    bottom: u64,
    bytes: u64,
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
        let run = memory::take_frames(Request::run(bytes / PAGE_BYTES, Use::Stacks))?;
        let slot = NEXT_SLOT.fetch_add(1, Ordering::Relaxed);
        if slot >= STACK_SLOTS {
            return Err(MapError::WindowFull);
        }
        let bottom = STACKS + (slot + 1) * STACK_SLOT_BYTES - bytes;
        memory::map_run(bottom, run)?;
        // INVARIANT: slots are used once, and the stack lies at the upper end of its slot.
        Ok(Self { bottom, bytes })
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

/// Whether `address` lies in the guard of some stack: a fault there is a stack overflow.
#[must_use]
pub fn is_guard(address: u64) -> bool {
    let used = NEXT_SLOT.load(Ordering::Relaxed).min(STACK_SLOTS);
    (STACKS..STACKS + used * STACK_SLOT_BYTES).contains(&address) && memory::mapping(address).is_none()
}
