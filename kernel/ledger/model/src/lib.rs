//! A plain, slow model of the ledger: what its rules say, without its tricks.
//!
//! [`Model`] keeps records only: who owns which key, who has lent what to whom, which pins there are. Whatever the
//! ledger counts, it recounts from these records each time. So it cannot make the mistakes that counting makes, and what
//! it answers is read off the rules.
//!
//! [`compare`] runs the same random operations against the model and against a ledger under test, and compares every
//! result and everything that can be seen. It needs no more than a heap, so it runs in the kernel as well.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod apply;
mod check;
mod compare;
mod invariants;
mod model;
mod operation;
mod random;
pub mod rules;
mod tested;
#[cfg(test)]
mod tests;
mod view;

pub use check::{Access, Refusal};
pub use compare::{Divergence, Options, Statistics, Subject, compare, run};
pub use invariants::{INVARIANTS, Invariant};
pub use model::{Life, Model, PinId, Setup};
pub use operation::{Offer, Operation, Step, Tag, Through, Who};
pub use random::Random;
pub use tested::{Storage, Tested};
pub use view::{Account, LoanFacts, PinFacts, View};
