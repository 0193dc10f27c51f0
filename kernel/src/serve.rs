//! Serving the harness on COM2, and ending the machine the way it expects.

use steward_core::audit::InUse;
use steward_harness_guest::{Balance, Ending, Line, serve, wire::After};
#[cfg(any(test, feature = "ktest"))]
use steward_ledger::ProcessId;
use steward_machine::{
    CacheRow, clock, for_each_cache, frames, halt_for_ever, heap_use, ledger, power,
    serial::{COM2, Driver},
    tests as all_tests,
};

/// COM2 as the record line.
pub struct RecordLine(Driver);

impl Line for RecordLine {
    fn receive(&mut self) -> u8 {
        loop {
            // A damaged byte makes a damaged frame, which the runner drops; so the error needs no telling here.
            if let Ok(Some(byte)) = self.0.receive() {
                return byte;
            }
            core::hint::spin_loop();
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        // Nobody is left to be told of a record line that is stuck; the host reports the silence.
        let _ = self.0.send_all(bytes);
    }

    fn ticks(&mut self) -> u64 {
        clock::ticks()
    }
}

/// Runs what the harness asks for, and ends the machine.
pub fn tests() -> ! {
    let Some(uart) = COM2.lock().take() else { panic!("serve=com2, but no UART answers at COM2") };
    let ending = serve(&mut RecordLine(uart), all_tests(), audit);
    end(ending)
}

/// Notes what the kernel has in use that it can give back.
pub fn audit(balance: &mut Balance) {
    let heap = heap_use();
    let (heap_allocations, heap_bytes) = (heap.allocations as u64, heap.allocated_bytes as u64);
    let (mut processes, mut loans, mut contradictions) = (0, 0, 0);
    ledger::with(|ledger| {
        ledger.for_each_account(|_| processes += 1);
        ledger.for_each_loan(|_| loans += 1);
        // It looks at every frame there is, which takes longer than most tests.
        if !ledger.is_untouched() {
            ledger.audit(|_| contradictions += 1);
        }
    });
    #[cfg(any(test, feature = "ktest"))]
    steward_machine::c::with(|ledger| {
        // C programs' keys are in a ledger of their own, whose kernel is always there too.
        ledger.for_each_account(|account| processes += u64::from(account.process != ProcessId::KERNEL));
        ledger.for_each_loan(|_| loans += 1);
        ledger.audit(|_| contradictions += 1);
    });
    let memory = frames::memory_use();
    InUse { heap_allocations, heap_bytes, memory, processes, loans, contradictions }.record_in(balance);
    // Which objects they are.
    for_each_cache(|CacheRow { name, usage, .. }| {
        if usage.live > 0 {
            balance.record(name, usage.live as u64);
        }
    });
}

/// Lets `report` write a last record, whoever holds the record line. Without such a line it counts as failed.
pub fn record(report: impl FnOnce(&mut RecordLine) -> Ending) -> Ending {
    COM2.seize().map_or_else(Ending::failure, |uart| report(&mut RecordLine(uart)))
}

/// Ends the machine as the host asked: parks it, or ends an emulator that has a debug exit device. Stops any other
/// machine.
pub fn end(ending: Ending) -> ! {
    if ending.after == After::Park {
        power::park(ending.word(), ending.nonce.0)
    }
    power::debug_exit(ending.word().into());
    halt_for_ever()
}
