//! Deadlines by the machine's own clock and tick.

use steward_frames::{Owned, Request, Run, Use};
use steward_harness_guest::ktest;
use steward_ledger::{Access, Direction, Extent, Instant, Kind, LoanId, ProcessId, Quota, Terms, Window};

use crate::{
    clock, frames, interrupts,
    ledger::{self, Kernel},
    timer,
};

const TICK_NS: u64 = 1_000_000_000 / timer::TICK_HZ;

/// A page of the kernel's, and somebody to borrow it.
struct Offer {
    run: Run<Owned>,
    borrower: ProcessId,
}

impl Offer {
    fn new() -> Self {
        let window = Window { shortest: Some(0), ..Window::default() };
        let borrower = ledger::admit(Quota::NONE, window).expect("there is room for a process");
        Self { run: frames::take(Request::one(Use::Tests)).expect("there are frames"), borrower }
    }

    fn page(&self) -> Extent {
        Extent::one(self.run.range().start() as usize)
    }

    /// Lends the page for so long from now on.
    fn lend_for(&self, nanoseconds: u64) -> (Instant, LoanId) {
        // No tick comes in between, so that the ledger does not know yet when the time is over already.
        ledger::with(|ledger| {
            let deadline = in_ns(nanoseconds);
            let terms = Terms { deadline: Some(deadline), ..Terms::firm(Kind::Shared) };
            let lent = ledger.lend(ProcessId::KERNEL, self.borrower, &[self.page()], terms, &mut Kernel);
            (deadline, lent.expect("the deadline is in the future"))
        })
    }

    fn give_back(self) {
        ledger::die(self.borrower).expect("it lives");
        frames::give_back(self.run).expect("nobody has borrowed it any more");
    }
}

fn is_active(loan: LoanId) -> bool {
    ledger::with(|ledger| ledger.loan(loan).is_some_and(|loan| loan.active))
}

fn in_ns(nanoseconds: u64) -> Instant {
    let now = ledger::now().expect("there is a clock");
    Instant::from_nanoseconds(now.nanoseconds() + nanoseconds)
}

/// Watches it until it ends, and that this is neither before its deadline nor later than at the next tick.
fn watch(loan: LoanId, deadline: Instant) {
    let mut tick_when_due = None;
    loop {
        // No tick comes in between.
        let (active, told, now, tick) = ledger::with(|ledger| {
            (is_active(loan), ledger.now(), ledger::now().expect("there is a clock"), timer::ticks())
        });
        if !active {
            // Only what the ledger was told can have ended it.
            assert!(told >= deadline, "it ended at {told:?} instead of {deadline:?}");
            return;
        }
        if now >= deadline {
            let due = *tick_when_due.get_or_insert(tick);
            assert_eq!(tick, due, "a tick has passed since the deadline, and it is active");
        }
        core::hint::spin_loop();
    }
}

#[ktest(timeout = 30_000)]
fn a_loan_ends_not_before_its_deadline_and_not_later_than_the_tick_after_it() {
    let offer = Offer::new();
    for after in [1, TICK_NS / 3, TICK_NS, 3 * TICK_NS / 2, 5 * TICK_NS, 70 * TICK_NS] {
        let (deadline, loan) = offer.lend_for(after);
        watch(loan, deadline);
    }
    offer.give_back();
}

#[ktest(timeout = 30_000)]
fn of_many_loans_each_ends_at_the_tick_of_its_own_deadline() {
    let offer = Offer::new();
    // Not in the order of their deadlines.
    let mut loans = [7, 3, 19, 3, 11, 1, 13].map(|ticks| offer.lend_for(ticks * TICK_NS + 999));
    loans.sort_unstable();
    for (deadline, loan) in loans {
        watch(loan, deadline);
    }
    offer.give_back();
}

#[ktest(timeout = 30_000)]
fn a_deadline_that_passes_with_interrupts_off_ends_the_loan_when_they_are_on_again() {
    let offer = Offer::new();
    let (deadline, loan) = interrupts::without_interrupts(|| {
        let lent = offer.lend_for(2 * TICK_NS);
        clock::wait(4 * TICK_NS);
        assert!(is_active(lent.1), "there was no tick that could have ended it");
        lent
    });
    watch(loan, deadline);
    offer.give_back();
}

#[ktest(timeout = 30_000)]
fn what_was_lent_on_and_is_pinned_ends_with_the_deadline_and_is_gone_with_the_pin() {
    let offer = Offer::new();
    let other = ledger::admit(Quota::NONE, Window { shortest: Some(0), ..Window::default() }).expect("there is room");
    let (deadline, above, below, pin) = ledger::with(|ledger| {
        let (deadline, above) = offer.lend_for(3 * TICK_NS);
        let terms = Terms::firm(Kind::Shared);
        let below = ledger.relend(offer.borrower, above, other, &[offer.page()], terms, &mut Kernel);
        let below = below.expect("it accepts a deadline");
        let access = Access::Loan(below);
        let pin = ledger.pin(other, access, offer.page(), Direction::DeviceReads, &mut Kernel);
        (deadline, above, below, pin.expect("it is free to be read"))
    });
    watch(below, deadline);
    assert!(!is_active(above));
    let page = offer.page().start;
    let shared = || ledger::with(|ledger| ledger.view(page)).expect("there is that page").shared;
    assert_eq!(shared(), 2, "the device still reads");
    ledger::with(|ledger| ledger.unpin(pin, &mut Kernel));
    assert_eq!(shared(), 0);
    ledger::die(other).expect("it lives");
    offer.give_back();
}
