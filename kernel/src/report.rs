//! Going down: panics, faults, and a start that is impossible. Each is told on the console and to the harness.

use core::{
    fmt::{self, Display, Write},
    panic::PanicInfo,
    sync::atomic::{AtomicBool, Ordering},
};

use spin::Mutex;
use steward_core::{
    fault::{CpuPlace, EXCEPTIONS, FaultReport, PanicReport},
    text::CrLf,
};
use steward_harness_guest::{Ending, FailureText, report_fault, report_panic, wire::Registers};
use steward_machine::{
    backtrace,
    screen::SCREEN,
    serial::COM1,
    smp, stack,
    trap::{self, Fault},
};

use crate::{autorun, serve};

/// Ends whatever control sequence was cut off on the screen (CAN; ECMA-48, section 8.3.6).
const CANCEL: &str = "\x18";
/// Colours of a report on the screen. The serial line goes without, as programs read there.
const RED: &str = "\x1b[91m";
const PLAIN: &str = "\x1b[0m";

/// Vectors whose address a report looks at. A page fault leaves it in cr2, and so does the one behind a double fault.
const PAGE_FAULT: u64 = 14;
const DOUBLE_FAULT: u64 = 8;

/// Set while a test of the prompt's suite runs: its panic ends the test and not the kernel.
static TEST_RUNS: AtomicBool = AtomicBool::new(false);
/// What that panic said.
static TEST_PANIC: Mutex<Option<FailureText>> = Mutex::new(None);
/// A report is under way; a second one means that reporting itself fails.
static REPORTING: AtomicBool = AtomicBool::new(false);

/// Says whether a test runs that was started by [`trap::attempt`]: its panic is then kept for [`take_test_panic`] and
/// escapes to there.
pub fn expect_test_panics(expect: bool) {
    TEST_RUNS.store(expect, Ordering::Relaxed);
}

/// What the last panic of a test said.
pub fn take_test_panic() -> FailureText {
    TEST_PANIC.lock().take().unwrap_or_default()
}

/// What to say of a fault that ended a test.
pub fn fault_text(fault: &Fault) -> FailureText {
    let mut text = FailureText::new();
    let exception = usize::try_from(fault.frame.vector).ok().and_then(|vector| EXCEPTIONS.get(vector));
    let (mnemonic, name) = exception.map_or(("", "unknown exception"), |known| (known.mnemonic, known.name));
    // What does not fit is cut.
    let _ = write!(text, "{mnemonic} {name} at {:#018x}, address {:#018x}", fault.frame.rip, fault.cr2);
    text
}

/// Prints on COM1, into the log that is kept, and on the screen, whoever holds them: they do not run again.
///
/// The screen is last, as it takes most code to get there.
fn tell(report: &dyn Display) {
    match COM1.try_lock() {
        Some(mut port) => print(port.as_mut(), format_args!("\n{report}")),
        None => print(COM1.seize().as_mut(), format_args!("\n{report}")),
    }
    autorun::keep_report(report);
    match SCREEN.try_lock() {
        Some(mut screen) => print(screen.as_mut(), format_args!("{CANCEL}\n{RED}{report}{PLAIN}")),
        None => print(SCREEN.seize().as_mut(), format_args!("\n{RED}{report}{PLAIN}")),
    }
}

fn print(to: Option<&mut impl Write>, text: fmt::Arguments<'_>) {
    if let Some(to) = to {
        // With the line stuck there is nobody left to tell.
        let _ = CrLf::new(to).write_fmt(text);
    }
}

/// The CPU that reports, where there are others.
fn place() -> Option<CpuPlace> {
    let place = CpuPlace { number: smp::current().as_usize(), started: smp::started().count() };
    (place.started > 1).then_some(place)
}

/// Halts the other CPUs, so that the report stands alone. Ends the machine at once when a report of this CPU's is under way
/// already.
fn begin() {
    smp::halt_others();
    if REPORTING.swap(true, Ordering::Relaxed) {
        end(Ending::failure());
    }
}

/// Ends the machine as the harness asked; where a log is kept, restarts it.
fn end(ending: Ending) -> ! {
    if autorun::is_kept() {
        autorun::restart()
    }
    serve::end(ending)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // A test is attempted on the CPU that runs it; what it has others do is not.
    if trap::is_attempting() && TEST_RUNS.swap(false, Ordering::Relaxed) {
        let mut text = FailureText::new();
        // What does not fit is cut.
        let _ = write!(text, "{}", info.message());
        *TEST_PANIC.lock() = Some(text);
        trap::escape_attempt();
    }
    begin();
    let backtrace = backtrace::here();
    let (file, line) = info.location().map_or(("", 0), |place| (place.file(), place.line()));
    tell(&PanicReport { cpu: place(), message: &info.message(), file, line, backtrace: &backtrace });
    let ending = serve::record(|record_line| {
        let mut message = FailureText::new();
        let _ = write!(message, "{}", info.message());
        report_panic(record_line, message.as_str(), file, line, &backtrace)
    });
    end(ending)
}

/// Reports an exception that nobody waits for.
pub fn fault(fault: &Fault) -> ! {
    begin();
    let backtrace = backtrace::of(&fault.frame);
    let registers = registers(fault);
    let frame = &fault.frame;
    let note = match frame.vector {
        DOUBLE_FAULT if stack::is_guard(fault.cr2) => Some("the stack overflowed into the guard page below it"),
        PAGE_FAULT if stack::is_guard(fault.cr2) => Some("the address is in the guard below a stack"),
        _ => None,
    };
    tell(&FaultReport {
        cpu: place(),
        vector: frame.vector as u8,
        error_code: frame.error_code,
        registers: &registers,
        note,
        backtrace: &backtrace,
    });
    let ending = serve::record(|record_line| {
        report_fault(record_line, frame.vector as u8, frame.error_code, registers, &backtrace)
    });
    end(ending)
}

/// Reports that the kernel cannot start, and stops.
pub fn cannot_start(error: &dyn Display) -> ! {
    struct Report<'r>(&'r dyn Display);
    impl Display for Report<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            writeln!(f, "STOP: {}", self.0)
        }
    }
    begin();
    tell(&Report(error));
    end(Ending::failure())
}

fn registers(fault: &Fault) -> Registers {
    let frame = &fault.frame;
    Registers {
        rax: frame.rax,
        rbx: frame.rbx,
        rcx: frame.rcx,
        rdx: frame.rdx,
        rsi: frame.rsi,
        rdi: frame.rdi,
        rbp: frame.rbp,
        rsp: frame.rsp,
        r8: frame.r8,
        r9: frame.r9,
        r10: frame.r10,
        r11: frame.r11,
        r12: frame.r12,
        r13: frame.r13,
        r14: frame.r14,
        r15: frame.r15,
        rip: frame.rip,
        rflags: frame.rflags,
        cr2: fault.cr2,
        cr3: steward_machine::memory::root(),
    }
}
