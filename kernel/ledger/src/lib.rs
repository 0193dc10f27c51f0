//! The run-time borrow checker: who owns each key, who has borrowed it, and until when.
//!
//! A key is any `usize` that names a resource; the frames of memory are keys. [`Entry`] holds what is known of one.
//!
//! [`Ledger`] has all of them, and the processes and loans.
//!
//! # Ranges
//!
//! An operation changes all its keys or none. It asks everything that can be asked without the keys, takes all that it
//! needs (quota, a record, what its [`Effects`] want), and claims the keys, which are refused one by one for the last
//! reason there is. When all are claimed nothing fails any more: the effects are applied, and each key is committed by
//! a plain store. So a key by itself costs one locked instruction.
//!
//! # Loans
//!
//! Loans form trees: below a loan are those that its borrower lent on. A key's word says how many shared loans have it,
//! and whether it is lent mutably; its second word names the innermost mutable loan, whose record names the one above.
//! A loan ends with all below it. It stops being active at once, and *finishes*, which is when the words change, as
//! soon as no pin and no loan below it keeps it.
//!
//! # Locks
//!
//! In this order, and never the other way round:
//! 1. A tree of loans: a bit in the word of its root's record, which also holds the record's generation and phase. Who
//!    locks it by a name that is out of date fails. At most one tree is locked at a time.
//! 2. Keys, by the busy bit of their first word, in ascending order. Whoever has claimed some never waits for a tree.
//! 3. One account, or the deadlines; neither waits for anything.
//!
//! [`Effects::apply`] runs with 1 and 2 held, so it must not call the ledger; [`Effects::relax`] runs while something is
//! waited for, which may be as long as another CPU's effects take.
//!
//! # Death
//!
//! An operation asks twice whether a process lives: first for the sake of the answer, and again when the keys are
//! claimed. The second is the one that counts. It and the walk over a dead process's keys are so ordered that one of
//! them sees the other: either the operation finds the process dead, or the walk finds the key. A slot passes on to the
//! next process only when it owns no key and has borrowed nothing, so the owner of a claimed key is the process that
//! the slot says.
//!
//! What nobody can be asked about is settled by counting first: an account counts keys before they are claimed for it,
//! and loses the count after they are given up.
//!
//! Nothing here knows what a frame, a page table or a CPU is.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod account;
mod atomic;
mod audit;
mod bucket;
mod chain;
mod clock;
mod deadline;
mod death;
mod effects;
mod end;
mod entry;
mod error;
mod find;
// Miri cannot run what loom switches stacks with.
#[cfg(all(test, not(miri)))]
mod interleavings;
mod key;
mod ledger;
mod lend;
mod loan;
mod others;
mod own;
mod pin;
mod pool;
mod process;
mod range;
mod rules;
mod spare;
mod table;
mod terms;
mod time;
mod transitions;
mod view;

pub use account::{Account, Life, MOST_OWNED};
pub use audit::Difference;
pub use bucket::Bucket;
pub use clock::Clock;
pub use death::Death;
pub use effects::{Change, Effects, Operation};
pub use entry::{Claim, Entry, MOST_READS, MOST_SHARED, State, Word};
pub use error::Error;
pub use key::{Extent, Keys};
pub use ledger::Ledger;
pub use lend::MOST_DEPTH;
pub use loan::LoanSlot;
pub use others::Others;
pub use pin::{Access, Pin};
pub use process::{IN_TRANSIT, LoanId, ProcessId};
pub use table::{Span, Table};
pub use terms::{Direction, Kind, Quota, Terms, Window};
pub use time::Instant;
pub use transitions::{Action, Role, Step, TRANSITIONS, Transition, When, transition};
pub use view::{AccountView, LoanView, View};
