//! The C programs on this computer, with a ledger of frames that nobody has. In the kernel they are tests too.

use std::{
    ffi::c_int,
    sync::{Mutex, OnceLock, PoisonError},
};

use steward_c::{
    BorrowState, Host, MOST_PROCESSES,
    host::Act,
    make,
    pageown::pa2owner,
    process::{borrow_cleanup_process, pageown_cleanup_process},
    register,
};
use steward_ledger::{
    Account, Bucket, Entry, Error, Extent, Ledger, LoanSlot, Others, ProcessId, Quota, Span, Table, Window,
};

const FRAMES: usize = 512;
/// The first frame that there is.
const FIRST: usize = 0x100;

// SAFETY: these are the programs of tests/programs with their types; each returns, whatever it is given.
unsafe extern "C" {
    safe fn c_plan9(base: usize, pages: c_int) -> c_int;
    safe fn c_codes(base: usize, pages: c_int) -> c_int;
    safe fn c_garbage(base: usize, pages: c_int) -> c_int;
    safe fn c_second(base: usize, pages: c_int) -> c_int;
}

struct Computer {
    frames: Ledger<'static>,
    keys: Ledger<'static>,
}

impl Host for Computer {
    fn with_frames(&self, act: Act<'_>) {
        act(&self.frames, &mut ());
    }

    fn with_keys(&self, act: Act<'_>) {
        act(&self.keys, &mut ());
    }

    fn take_frame(&self, frame: usize, owner: ProcessId) -> Result<(), Error> {
        self.frames.acquire(owner, &[Extent::one(frame)], &mut ())
    }

    fn on_this_cpu(&self, act: &mut dyn FnMut(usize)) {
        act(0);
    }
}

fn many<T>(count: usize, one: impl Fn() -> T) -> &'static [T] {
    (0..count).map(|_| one()).collect::<Vec<_>>().leak()
}

fn ledger(table: Table<'static>) -> Ledger<'static> {
    let ledger = Ledger::new(table, many(MOST_PROCESSES, Account::new)).unwrap();
    ledger.grow(many(1024, LoanSlot::new)).unwrap();
    ledger
}

fn computer() -> &'static Computer {
    let spans = vec![Span { keys: Extent { start: FIRST, count: FRAMES }, first: 0 }].leak();
    let frames = Table::new(many(FRAMES, Entry::free), spans).unwrap();
    let keys = Others::new(many(64, Bucket::new), 0, 7).unwrap();
    keys.grow(many(64, Bucket::new)).unwrap();
    let keys = Table::new(&[], &[]).unwrap().with_others(keys);
    let computer: &'static Computer = Box::leak(Box::new(Computer { frames: ledger(frames), keys: ledger(keys) }));
    // Where kernels have their image: memory that is there and is not to be had.
    computer.frames.acquire(ProcessId::KERNEL, &[Extent::one(FIRST)], &mut ()).unwrap();
    computer
}

/// Runs one test at a time, and looks at what it has left in the ledgers.
fn with(test: impl FnOnce(&Computer)) {
    static ONE: Mutex<()> = Mutex::new(());
    static COMPUTER: OnceLock<&Computer> = OnceLock::new();
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let computer = COMPUTER.get_or_init(computer);
    register(*computer);
    test(computer);
    for ledger in [&computer.frames, &computer.keys] {
        ledger.audit(|difference| panic!("{difference:?}"));
        ledger.for_each_loan(|loan| panic!("{loan:?} is left"));
        ledger.for_each_account(|account| assert_eq!(account.process, ProcessId::KERNEL));
    }
}

/// Runs a program.
fn run(program: extern "C" fn(usize, c_int) -> c_int) {
    with(|_| assert_eq!(program((FIRST + 8) << 12, 64), 0, "where it went wrong"));
}

#[test]
fn a_c_kernels_segments_forks_and_exits_keep_to_the_ledger() {
    run(c_plan9);
}

#[test]
fn every_code_is_provoked_from_c() {
    run(c_codes);
}

#[test]
fn a_c_caller_that_passes_garbage_gets_codes() {
    run(c_garbage);
}

#[test]
fn a_c_program_written_against_the_header_alone_behaves_as_it_says() {
    run(c_second);
}

#[test]
fn a_process_of_the_kernels_in_a_slot_that_c_had_has_no_name_and_costs_no_slot() {
    with(|computer| {
        let quota = Quota::NONE;
        let name = make(quota).unwrap();
        assert_eq!((pageown_cleanup_process(name), borrow_cleanup_process(name)), (0, 0));
        // Slots are taken from the last one on.
        let slot = MOST_PROCESSES as u16 - 1;
        let own = computer.frames.admit_at(slot, quota, Window::default()).unwrap();
        computer.take_frame(FIRST + 1, own).unwrap();
        let snapshot = pa2owner((FIRST + 1) << 12);
        assert!(!snapshot.is_null());
        // SAFETY: it is the last snapshot of the one CPU that there is.
        let snapshot = unsafe { snapshot.read() };
        assert!(snapshot.owner.is_null() && snapshot.state == BorrowState::BORROW_EXCLUSIVE, "{snapshot:?}");
        // The same slot is free among the keys, and is so again when it turns out not to be among the frames.
        let other = make(quota).unwrap();
        assert_eq!((pageown_cleanup_process(other), borrow_cleanup_process(other)), (0, 0));
        computer.frames.die(own, &mut ()).unwrap();
    });
}
