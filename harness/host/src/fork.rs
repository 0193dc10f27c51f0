//! A fresh machine without booting one.
//!
//! A machine is booted once, up to its ready point: its kernel has said hello and waits for a test, or, when it knows
//! nothing of the harness, has printed a certain text. There it is saved as a [`Snapshot`], and from then on a test's
//! machine is had in one of two ways:
//!
//! - a *clone* is a new QEMU, whose memory is a copy-on-write view of the snapshot's;
//! - a *reset* puts a QEMU whose test has parked back to its ready point. Its memory lies in a file that the harness
//!   holds too: what the test wrote there is thrown away, and the snapshot's pages are written back. QEMU restores the
//!   state of CPUs and devices from a file in which it had kept it.
//!
//! A reset takes a fraction of a clone's time as long as the snapshot has few pages that are not zero, however much
//! memory the machine has; but only a machine that has come to its end in good order can be reset, and only one that
//! serves the harness says so. [`Pool`] chooses.

mod memory;
mod pool;
mod snapshot;

pub use pool::{Got, Pool};
pub(crate) use snapshot::ReadyPoint;
pub use snapshot::{NoSnapshot, Prepared, Snapshot};
