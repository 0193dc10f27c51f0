//! The part of the harness that lives in the kernel: the registry that `#[ktest]` fills, and the runner that
//! serves the host over the record line.
//!
//! A kernel for PCs switches on the feature `pc`, and has nothing else to do:
//!
//! ```text
//! #[cfg(test)]
//! steward_harness_guest::pc::serve();          // at the end of its start
//!
//! #[cfg(test)]
//! steward_harness_guest::pc::panicked(info);   // in its panic handler
//! ```
//!
//! Any other says by [`adopt::Machine`] how bytes travel and how the machine ends. A kernel that wants to do all of it by
//! itself has a [`Line`], and calls [`serve`], [`report_panic`] and [`report_fault`]. One that can say what it has in use, by
//! a [`Balance`], learns which of its tests leak.
//!
//! Outside `pc`, nothing here knows what a serial port, an interrupt or an allocator is.
#![no_std]
#![deny(unsafe_code)]

pub mod adopt;
mod balance;
mod descriptor;
#[cfg(feature = "pc")]
pub mod pc;
mod report;
mod runner;
mod running;
mod section;

pub use balance::Balance;
pub use descriptor::{Descriptor, Test};
pub use report::{FailureText, Report};
pub use runner::{Line, report_fault, report_panic, serve};
pub use running::{Ending, seed, under_test};
pub use section::tests;
pub use steward_harness_macros::ktest;
pub use steward_harness_wire as wire;
