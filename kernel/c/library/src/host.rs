//! The embedding kernel, as the ledger's C interface knows one.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use steward_c::{Host, MOST_CPUS, host::Act};
use steward_ledger::{Change, Effects, Error, Extent, Operation, ProcessId};

use crate::{
    embedder,
    open::{KEYS, PAGES},
};

const PAGE: usize = 4096;

/// For each CPU, whether it is in the middle of something here. Relaxed: a CPU reads and writes its own alone.
static INSIDE: [AtomicBool; MOST_CPUS] = [const { AtomicBool::new(false) }; MOST_CPUS];

/// Who lent the memory.
pub(crate) struct Embedder;

/// Calls `act` with the number of this CPU, which does nothing else meanwhile. Not at all if the CPU has no number that it can
/// have, or is at something here already, as when one of the embedder's functions calls, or an NMI: it might wait for itself.
fn alone(act: impl FnOnce(usize)) {
    let before = embedder::interrupts_off();
    let cpu = embedder::cpu();
    if let Some(inside) = INSIDE.get(cpu).filter(|inside| !inside.load(Relaxed)) {
        // An NMI in between would be through with all it does here before this goes on.
        inside.store(true, Relaxed);
        act(cpu);
        inside.store(false, Relaxed);
    }
    embedder::interrupts_restore(before);
}

impl Host for Embedder {
    fn with_frames(&self, act: Act<'_>) {
        alone(|_| PAGES.get().map_or((), |ledger| act(ledger, &mut Pages)));
    }

    fn with_keys(&self, act: Act<'_>) {
        alone(|_| KEYS.get().map_or((), |ledger| act(ledger, &mut Numbers)));
    }

    fn take_frame(&self, frame: usize, owner: ProcessId) -> Result<(), Error> {
        let mut outcome = Err(Error::Invalid);
        self.with_frames(&mut |ledger, effects| outcome = ledger.acquire(owner, &[Extent::one(frame)], effects));
        outcome
    }

    fn on_this_cpu(&self, act: &mut dyn FnMut(usize)) {
        alone(act);
    }
}

/// What happens when pages change hands. Who sees which is the embedder's business, which has just made the call.
struct Pages;

impl Effects for Pages {
    fn apply(&mut self, change: &Change<'_>) {
        if change.operation == Operation::Acquire {
            change.keys.iter().for_each(|frames| each(frames, embedder::page_zero));
        }
    }

    fn freed(&mut self, frames: Extent) {
        each(frames, embedder::page_freed);
    }

    fn relax(&mut self) {
        embedder::relax();
    }
}

/// Tells the physical address of each page.
fn each(frames: Extent, tell: fn(usize)) {
    (frames.start..frames.start + frames.count).for_each(|frame| tell(frame * PAGE));
}

/// Nothing else happens when keys change hands: they are only numbers.
struct Numbers;

impl Effects for Numbers {
    fn relax(&mut self) {
        embedder::relax();
    }
}
