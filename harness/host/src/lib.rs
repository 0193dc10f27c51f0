//! Boots kernels in QEMU, runs their tests in machines of their own, and judges how each one ended.
//!
//! A test passes only when several witnesses agree that it did; whatever else happens to it has a name: see
//! [`verdict::Verdict`]. The way of a test through this crate:
//!
//! 1. [`listing`] reads the tests from the kernel's ELF file, [`filter`] picks some, and [`sources`] makes sure that the
//!    linker has dropped none.
//! 2. [`image`] packs the kernel for the loader, and [`accel`] finds out what can execute it.
//! 3. [`suite`] runs the tests, as many at a time as the host has CPUs for; each is a [`session`]: a machine
//!    ([`machine`] is its shape, [`vm`] the running thing) that is booted, asked for the one test, and watched.
//! 4. The session gives *evidence*, and [`verdict`] judges it: a pure function, and the only place that decides.
//! 5. [`report`] tells people and programs, with what [`autopsy`] and [`symbols`] know about the dead machine.
//!
//! [`console`] drives a machine with a prompt instead.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use steward_harness::{
//!     Emulator, Error, accel::{Request, choose}, filter::Filter, image::{Image, cache_directory}, listing::Listing,
//!     machine::Shape, process::Interrupts, report::{Style, Terminal}, session::Limits,
//!     suite::{Policy, Suite, host_cpus}, symbols::Symbols,
//! };
//!
//! fn all_tests_pass(kernel: &Path) -> Result<bool, Error> {
//!     let interrupts = Interrupts::install()?;
//!     let emulator = Emulator::find()?;
//!     let listing = Listing::read(kernel)?;
//!     let cache = cache_directory(kernel);
//!     let image = Image::build(kernel, &[], &cache)?;
//!     let chosen = choose(Request::Auto, &emulator, &image, &cache, &interrupts)?;
//!     let suite = Suite {
//!         emulator: &emulator,
//!         image: &image,
//!         count: listing.count(),
//!         shape: Shape::default(),
//!         chosen: &chosen,
//!         jobs: host_cpus(),
//!         limits: Limits::default(),
//!         command_line: String::new(),
//!         policy: Policy::default(),
//!         cache: cache.clone(),
//!     };
//!     let mut sink = Terminal::new(std::io::stdout(), Style::default(), Symbols::of(kernel));
//!     Ok(suite.run(&Filter::default().select(&listing), &mut sink, &interrupts)?.success())
//! }
//! ```
//!
//! # What is left behind
//!
//! Nothing: no process, socket or file, whether a run ends well, badly, by a signal, or by SIGKILL. The lines to a
//! machine are socket pairs without names, QEMU is killed by the kernel when the harness dies, and what is kept in the
//! cache directory appears there whole or not at all.
//!
//! # What is absent
//!
//! Nothing here knows Steward's kernel: only the record format, the layout of test descriptors, and the loader's
//! archive. `unsafe` stands in `process/spawn.rs` and nowhere else.
#![deny(unsafe_code)]

pub mod accel;
pub mod artifact;
pub mod autopsy;
mod bounded;
pub mod config;
pub mod console;
mod emulator;
mod error;
pub mod filter;
pub mod firmware;
pub mod foreign;
pub mod fork;
pub mod freshness;
mod given;
pub mod image;
pub mod listing;
pub mod machine;
pub mod options;
pub mod process;
pub mod qmp;
pub mod replay;
pub mod report;
pub mod session;
pub mod sources;
pub mod suite;
pub mod symbols;
#[cfg(test)]
mod test_elf;
#[cfg(test)]
mod test_emulator;
pub mod verdict;
pub mod vm;

pub use bounded::BoundedLog;
pub use emulator::{Emulator, Version};
pub use error::Error;
