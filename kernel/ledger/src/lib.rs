//! The run-time borrow checker: who owns each key, who has borrowed it, and until when.
//!
//! A key is any `usize` that names a resource; the frames of memory are keys. [`Entry`] holds what is known of one.
//!
//! Nothing here knows what a frame, a page table or a CPU is.
#![no_std]
#![forbid(unsafe_code)]

mod entry;
mod error;
mod key;
mod process;
mod terms;
mod time;

pub use entry::{Claim, Entry, MOST_READS, MOST_SHARED, State, Word};
pub use error::Error;
pub use key::Extent;
pub use process::{LoanId, ProcessId};
pub use terms::{Direction, Kind, Quota, Terms, Window};
pub use time::Instant;
