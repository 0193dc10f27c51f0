//! The part of the harness that lives in the kernel: the registry that `#[ktest]` fills, and the runner that
//! serves the host over the record line.
//!
//! A kernel needs three things to be tested: tests marked [`ktest`], a [`Line`] to the host, and calls of
//! [`serve`] once it is up and of [`report_panic`] or [`report_fault`] when it goes down. One that can say what it has in
//! use, by a [`Balance`], learns which of its tests leak.
//!
//! Nothing here knows what a serial port, an interrupt or an allocator is.
#![no_std]
#![forbid(unsafe_code)]

mod balance;
mod descriptor;
mod report;
mod runner;
mod running;

pub use balance::Balance;
pub use descriptor::{Descriptor, Test};
pub use report::{FailureText, Report};
pub use runner::{Line, report_fault, report_panic, serve};
pub use running::{Ending, seed, under_test};
pub use steward_harness_macros::ktest;
pub use steward_harness_wire as wire;
