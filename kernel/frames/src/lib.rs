//! Physical memory: what the boot loader said there is, which frames of it are free, and what the others are for.
//!
//! [`MemoryMap`] validates the boot loader's entries and copies them once; nothing of the loader's survives that.
//! [`FrameSource`] hands out the usable frames while one CPU boots, each at most once, as [`Frame<Owned>`](Frame) and
//! [`Run<Owned>`](Run) tokens. [`FrameAllocator`] takes over from it for all CPUs, and tracks whose each frame is in the
//! ledger's table. [`MemoryUse`] accounts for every byte.
//!
//! Nothing here touches memory, or knows what a page table, a lock or an interrupt is.
#![no_std]
#![forbid(unsafe_code)]

mod accounting;
mod address;
mod allocator;
mod contents;
mod kind;
mod map;
mod request;
mod source;
mod token;

#[cfg(feature = "ktest")]
mod ktests;
#[cfg(test)]
mod tests;

pub use accounting::{MemoryUse, Row, Use};
pub use address::{FRAME_SIZE, FrameNumber, FrameRange, PHYSICAL_ADDRESS_BITS, PhysicalAddress};
pub use allocator::{
    CpuSlot, FrameAllocator, Hints, Needs, Refused, Reservation, SetupError, Shortage, Spans, Storage,
};
pub use contents::{Contents, Untouched};
pub use kind::RegionKind;
pub use map::{MAX_ENTRIES, MAX_REGIONS, MapError, MemoryMap, RawEntry, Region, Repairs};
pub use request::{Request, TakeError, Zone};
pub use source::{FIRST_FRAME, FrameSource, GiveBackError, MAX_FREE_RANGES};
pub use token::{Frame, Owned, Run};
