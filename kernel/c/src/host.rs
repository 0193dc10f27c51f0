//! What C code runs in.

use spin::Once;
use steward_ledger::{Effects, Error, Ledger, ProcessId};

/// Most CPUs that have buffers for snapshots.
pub const MOST_CPUS: usize = 64;

/// What is done with a ledger.
pub type Act<'a> = &'a mut dyn FnMut(&Ledger<'static>, &mut dyn Effects);

/// The kernel, as C code needs it.
pub trait Host: Sync {
    /// Calls `act` once with the ledger of frames, whose keys are frame numbers. Nothing else of this CPU asks that ledger
    /// meanwhile.
    fn with_frames(&self, act: Act<'_>);

    /// Likewise with the ledger of all other keys.
    fn with_keys(&self, act: Act<'_>);

    /// Takes a free frame from the machine's, zeroes it, and makes it the process's.
    ///
    /// # Errors
    /// Those of [`Ledger::acquire`].
    fn take_frame(&self, frame: usize, owner: ProcessId) -> Result<(), Error>;

    /// Calls `act` once with the number of this CPU, below [`MOST_CPUS`]. The CPU does nothing else meanwhile.
    fn on_this_cpu(&self, act: &mut dyn FnMut(usize));
}

static HOST: Once<&'static dyn Host> = Once::new();

/// Makes the kernel known; the first one stays. Until then C code gets `BORROW_EINVAL` whatever it asks.
pub fn register(host: &'static dyn Host) {
    HOST.call_once(|| host);
}

/// The kernel.
///
/// # Errors
/// [`Error::Invalid`] when none is known.
pub(crate) fn host() -> Result<&'static dyn Host, Error> {
    HOST.get().copied().ok_or(Error::Invalid)
}
