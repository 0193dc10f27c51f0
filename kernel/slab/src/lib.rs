//! Small objects in frames: slab caches, with a part for each CPU.
//!
//! A *cache* hands out objects of one size. It cuts them from *slabs*, runs of 1 to 8 frames. Each CPU has a *magazine* for each
//! cache, a few objects that are free and that it alone hands out and takes back; only when that is empty or full, the cache's
//! lock is taken, for a batch of objects at once. What is larger than a frame is a run of frames by itself.
//!
//! Objects are named by their addresses, which are numbers here: who has the memory turns them into pointers. What is
//! known of objects stands beside the slabs and never in the objects, so that a write to a freed object changes nothing of it.
//!
//! # Invariants
//! An object is handed out exactly while its bit in its slab's *live* words is set; one operation sets that bit, and one
//! clears it. So whatever a magazine holds, no object is handed out twice, and a second free of it is an error.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod cache;
mod caches;
mod class;
mod depot;
mod large;
mod magazine;
mod page;
mod pages;
mod usage;
mod windows;

pub use cache::{CacheId, FreeError, MOST_PAGES, Shape};
pub use caches::{Caches, MOST_CACHES};
pub use class::{CLASSES, LARGEST, class_of, class_size};
pub use magazine::Magazines;
pub use pages::{Leaf, PAGE_BYTES, Pages};
pub use usage::Usage;
pub use windows::Windows;
