//! The ledger for C code: what the crate `steward-c` needs of the machine.

use spin::Once;
use steward_c::{Host, MOST_PROCESSES, host::Act};
use steward_frames::FrameNumber;
use steward_ledger::{Account, Bucket, Effects, Error, Ledger, LoanSlot, Others, ProcessId, Table};
use x86_64::instructions::interrupts::without_interrupts;

use crate::{
    clock, frames,
    ledger::{self, Kernel},
    smp,
};

/// Room for loans of keys.
const LOANS: usize = 1024;
/// Chains of keys; each begins with room for five.
const CHAINS: usize = 512;
/// Buckets for chains that outgrow that.
const MORE: usize = 256;

static BUCKETS: [Bucket; CHAINS] = [const { Bucket::new() }; CHAINS];
static MORE_BUCKETS: [Bucket; MORE] = [const { Bucket::new() }; MORE];
static ACCOUNTS: [Account; MOST_PROCESSES] = [const { Account::new() }; MOST_PROCESSES];
static SLOTS: [LoanSlot; LOANS] = [const { LoanSlot::new() }; LOANS];
static LEDGER: Once<Ledger<'static>> = Once::new();

/// Gives the ledger to C code, and opens one for keys that are no frames. The kernel's own must be open.
pub fn open() {
    LEDGER.call_once(|| {
        let keys = Others::new(&BUCKETS, 0, clock::ticks()).expect("the number of chains is a power of two");
        keys.grow(&MORE_BUCKETS).expect("nothing was added before");
        let table = Table::new(&[], &[]).expect("no spans are in order").with_others(keys);
        let ledger = Ledger::new(table, &ACCOUNTS).expect("nobody has owned anything").with_relax(smp::relax);
        ledger.grow(&SLOTS).expect("the first loans find room");
        ledger
    });
    steward_c::register(&Machine);
}

/// Asks the ledger of C code's keys, as [`ledger::with`] does that of frames; `None` if it is not open.
pub fn with<R>(act: impl FnOnce(&Ledger<'static>) -> R) -> Option<R> {
    LEDGER.get().map(|ledger| without_interrupts(|| act(ledger)))
}

struct Machine;

/// Nothing else has to happen when keys change hands: they are only numbers.
struct Numbers;

impl Effects for Numbers {
    fn relax(&mut self) {
        smp::relax();
    }
}

impl Host for Machine {
    fn with_frames(&self, act: Act<'_>) {
        ledger::with(|ledger| act(ledger, &mut Kernel));
    }

    fn with_keys(&self, act: Act<'_>) {
        with(|ledger| act(ledger, &mut Numbers));
    }

    fn take_frame(&self, frame: usize, owner: ProcessId) -> Result<(), Error> {
        frames::take_for(owner, FrameNumber::new(frame as u64).ok_or(Error::Invalid)?)
    }

    fn on_this_cpu(&self, act: &mut dyn FnMut(usize)) {
        without_interrupts(|| act(smp::current().as_usize()));
    }
}
