//! Serving the harness on COM2, and ending the machine the way it expects.

use steward_core::boot::CommandLine;
use steward_harness_guest::{Ending, Line, serve};
use steward_machine::{
    clock, halt_for_ever, power,
    serial::{COM2, Driver},
    tests as all_tests,
};

/// What is written to the debug exit device; QEMU then exits with twice the value and one.
const PASSED: u32 = 0x10;
const FAILED: u32 = 0x11;

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

/// Whether the kernel's command line, which has been found sound, asks for this service.
pub fn is_asked_for(command_line: &str) -> bool {
    CommandLine::parse(command_line, |_| ()).is_ok_and(|line| line.serve.is_some())
}

/// Runs what the harness asks for, and ends the machine.
pub fn tests() -> ! {
    let Some(uart) = COM2.lock().take() else { panic!("serve=com2, but no UART answers at COM2") };
    let ending = serve(&mut RecordLine(uart), all_tests());
    end(ending)
}

/// Lets `report` write a last record, whoever holds the record line. Without such a line it counts as failed.
pub fn record(report: impl FnOnce(&mut RecordLine) -> Ending) -> Ending {
    COM2.seize().map_or(Ending::Failed, |uart| report(&mut RecordLine(uart)))
}

/// Ends an emulator that has a debug exit device; stops any other machine.
pub fn end(ending: Ending) -> ! {
    power::debug_exit(match ending {
        Ending::Passed => PASSED,
        Ending::Failed => FAILED,
    });
    halt_for_ever()
}
