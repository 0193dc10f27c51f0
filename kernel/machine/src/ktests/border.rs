//! What the border between C and Rust costs by the time-stamp counter, in lines that `cargo xtask bench BORDER` reads
//! from the log. In a machine where every instruction advances the counter by one, these are instructions.

use alloc::{boxed::Box, vec::Vec};
use core::{ffi::c_int, hint::black_box};

use steward_c::Proc;
use steward_harness_guest::ktest;
use steward_ledger::{Extent, Kind, Ledger, ProcessId, Quota, Terms, Window};
use steward_serial::{Register, Registers, Settings, modem_control};
use x86_64::instructions::interrupts::without_interrupts;

use crate::{c, clock, port::IoPort, serial::Ports};

// SAFETY: these are the functions of kernel/c/tests/programs/border.c with their types; each returns.
unsafe extern "C" {
    safe fn c_nothing(x: c_int) -> c_int;
    safe fn c_calls_back(function: extern "C" fn(c_int) -> c_int, times: c_int) -> c_int;
    safe fn c_takes(p: *mut Proc, key: usize, times: c_int) -> c_int;
    safe fn c_lends(owner: *mut Proc, borrower: *mut Proc, key: usize, times: c_int) -> c_int;
}

/// Each figure is the least of so many.
const ROUNDS: usize = 8;
/// Things done in each.
const TIMES: u32 = 64;
const COM1: u16 = 0x3f8;

/// What each thing has cost, and how often it was done for that. It is logged in the end: COM1 is in use meanwhile.
#[derive(Default)]
struct Costs(Vec<(&'static str, u64, u32)>);

impl Costs {
    /// The least that `act` costs, which does something so many times.
    fn of<R>(&mut self, what: &'static str, times: u32, mut act: impl FnMut() -> R) {
        let cost = least(&mut || drop(black_box(act())));
        self.0.push((what, cost.saturating_sub(least(&mut || ())), times));
    }
}

fn least(act: &mut dyn FnMut()) -> u64 {
    let elapsed = |_| {
        let start = clock::ticks();
        act();
        clock::ticks() - start
    };
    // Without interrupts, so that no tick is counted.
    without_interrupts(|| (0..ROUNDS).map(elapsed).min().unwrap_or(0))
}

fn nothing(x: c_int) -> c_int {
    x
}

extern "C" fn called_back(x: c_int) -> c_int {
    x
}

fn of_calls(costs: &mut Costs) {
    fn repeat(function: impl Fn(c_int) -> c_int) -> c_int {
        (0..TIMES as c_int).map(|x| function(black_box(x))).sum()
    }
    // By pointers that nobody sees through, or the one in Rust would be inlined.
    let (in_rust, in_c) = black_box((nothing as fn(c_int) -> c_int, c_nothing as extern "C" fn(c_int) -> c_int));
    costs.of("a call, Rust to Rust, not inlined", TIMES, || repeat(in_rust));
    costs.of("a call, Rust to C", TIMES, || repeat(|x| in_c(x)));
    costs.of("a call, C to Rust", TIMES, || c_calls_back(called_back, TIMES as c_int));
}

fn process(ledger: &Ledger<'_>) -> ProcessId {
    ledger.admit(Quota::NONE, Window::default()).expect("there is room for a process")
}

fn of_the_ledger(costs: &mut Costs) {
    const KEY: usize = 0x1234_5000;
    c::open();
    let [p, q] = [(); 2].map(|()| steward_c::make(Quota::NONE).expect("there is room for a process"));
    let times = TIMES as c_int;
    costs.of("a key taken and given up, from C", TIMES, || assert_eq!(c_takes(p, KEY, times), 0));
    assert_eq!(steward_c::borrow::borrow_acquire(p, KEY), 0);
    costs.of("a key lent and returned, from C", TIMES, || assert_eq!(c_lends(p, q, KEY, times), 0));
    assert_eq!(steward_c::borrow::borrow_release(p, KEY), 0);
    costs.of("a call with a process that is none, from C", 2 * TIMES, || c_takes(core::ptr::null_mut(), KEY, times));
    for process in [p, q] {
        assert_eq!(steward_c::process::pageown_cleanup_process(process), 0);
        assert_eq!(steward_c::process::borrow_cleanup_process(process), 0);
    }
    c::with(|ledger| {
        let [p, q] = [(); 2].map(|()| process(ledger));
        let keys = [Extent::one(KEY)];
        costs.of("a key taken and given up, from Rust", TIMES, || {
            for _ in 0..TIMES {
                ledger.acquire(p, &keys, &mut ()).expect("nobody has it");
                ledger.release(p, &keys, &mut ()).expect("it is its own");
            }
        });
        ledger.acquire(p, &keys, &mut ()).expect("nobody has it");
        costs.of("a key lent and returned, from Rust", TIMES, || {
            for _ in 0..TIMES {
                let loan = ledger.lend(p, q, &keys, Terms::firm(Kind::Shared), &mut ()).expect("it is free");
                ledger.give_back(q, loan, &mut ()).expect("it is lent");
            }
        });
        for process in [p, q] {
            ledger.die(process, &mut ()).expect("it lives");
        }
    })
    .expect("it is open");
}

/// COM1's registers, without a short way for C.
struct NoShortWay(Ports);

impl Registers for NoShortWay {
    fn read(&mut self, register: Register) -> u8 {
        self.0.read(register)
    }

    fn write(&mut self, register: Register, value: u8) {
        self.0.write(register, value);
    }
}

/// What a driver does with bytes. The chip hears itself meanwhile, and nobody else hears it.
macro_rules! of_driver {
    ($costs:ident, $name:literal, $uart:ty, $registers:expr) => {{
        let mut uart = <$uart>::start($registers, Settings::default()).expect("COM1 is there");
        Ports::new(IoPort::new(COM1)).write(Register::ModemControl, modem_control::LOOP_BACK);
        $costs.of(concat!("a byte sent, ", $name), 1, || uart.send(b'x'));
        $costs.of(concat!("a byte of 256 sent, ", $name), 256, || uart.send_all(&[b'x'; 256]));
        while !matches!(uart.receive(), Ok(None)) {}
        $costs.of(concat!("a byte asked for when there is none, ", $name), 1, || uart.receive());
    }};
}

fn of_drivers(costs: &mut Costs) {
    let com1 = || Ports::new(IoPort::new(COM1));
    // Locked, so that no log goes there meanwhile; and started anew in the end.
    let mut port = crate::serial::COM1.lock();
    if port.is_none() {
        // Where the kernel tests itself, there may be no COM1. The bench asks for each figure.
        return;
    }
    of_driver!(costs, "driver in Rust", steward_serial::Uart<Ports>, com1());
    of_driver!(costs, "driver in C, port instructions in C", steward_serial_c::Uart<Ports>, com1());
    of_driver!(costs, "driver in C, registers in Rust", steward_serial_c::Uart<NoShortWay>, NoShortWay(com1()));
    *port = crate::serial::COM1.seize();
}

fn of_the_heap(costs: &mut Costs) {
    costs.of("64 bytes of the heap taken and given back", TIMES, || {
        for _ in 0..TIMES {
            drop(black_box(Box::new([0_u64; 8])));
        }
    });
}

#[ktest]
fn what_crosses_the_border_is_measured() {
    let mut costs = Costs::default();
    of_calls(&mut costs);
    of_the_ledger(&mut costs);
    of_drivers(&mut costs);
    of_the_heap(&mut costs);
    for (what, cost, times) in costs.0 {
        log::info!("at the border, {what}: {cost} for {times}");
    }
}

extern "C" fn panics(_: c_int) -> c_int {
    panic!("below C");
}

#[ktest(should_panic)]
fn a_panic_below_c_ends_in_the_kernels_handler_and_never_returns_to_c() {
    let came_back = c_calls_back(panics, 1);
    // A test that is to panic fails if it returns.
    log::error!("C went on with {came_back}");
}
