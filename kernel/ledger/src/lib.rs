//! The run-time borrow checker: who owns each key, who has borrowed it, and until when.
//!
//! A key is any `usize` that names a resource; the frames of memory are keys. [`Entry`] holds what is known of one.
//!
//! Nothing here knows what a frame, a page table or a CPU is.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod account;
mod atomic;
mod audit;
mod clock;
mod deadline;
mod death;
mod effects;
mod end;
mod entry;
mod error;
#[cfg(test)]
mod interleavings;
mod key;
mod ledger;
mod lend;
mod loan;
mod own;
mod pin;
mod pool;
mod process;
mod range;
mod rules;
mod table;
mod terms;
mod time;
mod transitions;
mod view;

pub use account::{Account, Life, MOST_OWNED};
pub use audit::Difference;
pub use clock::Clock;
pub use effects::{Change, Effects, Operation};
pub use entry::{Claim, Entry, MOST_READS, MOST_SHARED, State, Word};
pub use error::Error;
pub use key::{Extent, Keys};
pub use ledger::Ledger;
pub use lend::MOST_DEPTH;
pub use loan::LoanSlot;
pub use pin::{Access, Pin};
pub use process::{LoanId, ProcessId};
pub use table::{Span, Table};
pub use terms::{Direction, Kind, Quota, Terms, Window};
pub use time::Instant;
pub use transitions::{Action, Role, Step, TRANSITIONS, Transition, When, transition};
pub use view::{AccountView, LoanView, View};
