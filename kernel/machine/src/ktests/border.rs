//! What the border between C and Rust costs by the time-stamp counter, in lines that `cargo xtask bench BORDER` reads
//! from the log. In a machine where every instruction advances the counter by one, these are instructions.

use alloc::{boxed::Box, vec::Vec};
use core::{ffi::c_int, hint::black_box, ptr};

use steward_c::{
    Proc,
    borrow::borrow_acquire,
    pageown::pageown_acquire,
    process::{borrow_cleanup_process, pageown_cleanup_process},
};
use steward_frames::{FRAME_SIZE, FrameNumber, Request, Use};
use steward_harness_guest::ktest;
use steward_ledger::{Effects, Extent, Kind, Ledger, ProcessId, Quota, Terms, Window};
use steward_serial::{Register, Registers, Settings, modem_control};
use x86_64::instructions::interrupts::without_interrupts;

use crate::{
    backtrace, c, clock, frames,
    ledger::{self, Kernel},
    port::IoPort,
    serial::Ports,
};

// SAFETY: these are the functions of kernel/c/tests/programs/border.c with their types; each returns.
unsafe extern "C" {
    safe fn c_loops(times: c_int);
    safe fn c_nothing(x: c_int) -> c_int;
    safe fn c_calls_back(function: extern "C" fn(c_int) -> c_int, times: c_int) -> c_int;
    safe fn c_takes(p: *mut Proc, key: usize, times: c_int) -> c_int;
    safe fn c_lends(owner: *mut Proc, borrower: *mut Proc, key: usize, times: c_int) -> c_int;
    safe fn c_takes_page(p: *mut Proc, pa: usize, times: c_int) -> c_int;
    safe fn c_lends_page(owner: *mut Proc, borrower: *mut Proc, pa: usize, times: c_int) -> c_int;
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
    costs.of("a loop in Rust, without a call", TIMES, || repeat(|x| x));
    costs.of("a loop in C, without a call", TIMES, || c_loops(TIMES as c_int));
    costs.of("a call, Rust to Rust, not inlined", TIMES, || repeat(in_rust));
    costs.of("a call, Rust to C", TIMES, || repeat(|x| in_c(x)));
    costs.of("a call, C to Rust", TIMES, || c_calls_back(called_back, TIMES as c_int));
}

fn two_processes(ledger: &Ledger<'_>) -> [ProcessId; 2] {
    [(); 2].map(|()| ledger.admit(Quota::NONE, Window::default()).expect("there is room for a process"))
}

/// What C asks both ledgers: of a key that names nothing, and of a frame that is free.
fn from_c(costs: &mut Costs, key: usize, frame: usize) {
    let [p, q] = [(); 2].map(|()| steward_c::make(Quota::NONE).expect("there is room for a process"));
    let times = TIMES as c_int;
    costs.of("a key taken and given up, from C", TIMES, || assert_eq!(c_takes(p, key, times), 0));
    assert_eq!(borrow_acquire(p, key), 0);
    costs.of("a key lent and returned, from C", TIMES, || assert_eq!(c_lends(p, q, key, times), 0));
    let pa = frame * FRAME_SIZE as usize;
    costs.of("a page taken and given up, from C", TIMES, || assert_eq!(c_takes_page(p, pa, times), 0));
    assert_eq!(pageown_acquire(p, pa, 0), 0);
    costs.of("a page lent and returned, from C", TIMES, || assert_eq!(c_lends_page(p, q, pa, times), 0));
    for process in [p, q] {
        assert_eq!((pageown_cleanup_process(process), borrow_cleanup_process(process)), (0, 0));
    }
    // Each asks twice.
    let mut refusals =
        |what, process| costs.of(what, 2 * TIMES, || assert_eq!(c_takes(process, key, times), 2 * times));
    refusals("a call refused, NULL for a process, from C", ptr::null_mut());
    refusals("a call refused, a process that has ended, from C", p);
}

/// The same from Rust, in one of the ledgers.
fn from_rust(
    costs: &mut Costs,
    [taking, lending]: [&'static str; 2],
    ledger: &Ledger<'_>,
    effects: &mut impl Effects,
    key: usize,
    take: impl Fn(ProcessId),
) {
    let [p, q] = two_processes(ledger);
    let keys = [Extent::one(key)];
    costs.of(taking, TIMES, || {
        for _ in 0..TIMES {
            take(p);
            ledger.release(p, &keys, effects).expect("it is its own");
        }
    });
    take(p);
    costs.of(lending, TIMES, || {
        for _ in 0..TIMES {
            let loan = ledger.lend(p, q, &keys, Terms::firm(Kind::Shared), effects).expect("it is free");
            ledger.give_back(q, loan, effects).expect("it is lent");
        }
    });
    for process in [p, q] {
        ledger.die(process, effects).expect("it lives");
    }
}

fn of_the_ledgers(costs: &mut Costs) {
    const KEY: usize = 0x1234_5000;
    c::open();
    let run = frames::take(Request::run(1, Use::Tests)).expect("there is a frame");
    let frame = run.range().start();
    frames::give_back(run).expect("nobody has borrowed it");
    from_c(costs, KEY, frame as usize);
    c::with(|ledger| {
        let take = |p| ledger.acquire(p, &[Extent::one(KEY)], &mut ()).expect("nobody has it");
        let names = ["a key taken and given up, from Rust", "a key lent and returned, from Rust"];
        from_rust(costs, names, ledger, &mut (), KEY, take);
    })
    .expect("it is open");
    ledger::with(|ledger| {
        let number = FrameNumber::new(frame).expect("it was there");
        let take = |p| frames::take_for(p, number).expect("nobody has it");
        let names = ["a page taken and given up, from Rust", "a page lent and returned, from Rust"];
        from_rust(costs, names, ledger, &mut Kernel, frame as usize, take);
    });
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
    of_the_ledgers(&mut costs);
    of_drivers(&mut costs);
    of_the_heap(&mut costs);
    for (what, cost, times) in costs.0 {
        log::info!("at the border, {what}: {cost} for {times}");
    }
}

/// Bytes of machine code that `c_calls_back` does not exceed.
const LENGTH: u64 = 128;

extern "C" fn panics(_: c_int) -> c_int {
    let c = c_calls_back as *const () as u64;
    // What a panic prints is this.
    if !backtrace::here().iter().any(|address| (c..c + LENGTH).contains(address)) {
        return 0;
    }
    panic!("below C");
}

#[ktest(should_panic)]
fn a_panic_below_c_has_c_in_its_backtrace_and_never_returns_there() {
    let came_back = c_calls_back(panics, 1);
    // A test that is to panic fails if it returns.
    log::error!("C is not in the backtrace, or went on with {came_back}");
}
