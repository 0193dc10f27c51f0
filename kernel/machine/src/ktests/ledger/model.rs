//! The ledger against its model, on two CPUs.

use alloc::{string::String, vec::Vec};

use steward_harness_guest::{ktest, seed};
use steward_ledger::{Direction, Error, Extent, Instant, LoanId, ProcessId, Quota, Terms, Window};
use steward_ledger_model::{Access, Account, LoanFacts, Options, Storage, Subject, Tested, View, run};

use crate::{lock::Lock, smp};

/// A ledger that two CPUs operate on by turns, so that each finds what the other wrote. The one that asks also looks at
/// what came of it.
struct ByTurns<S> {
    subject: S,
    is_others_turn: bool,
}

impl<S: Subject + Send> ByTurns<S> {
    /// Has the CPU do it whose turn it is.
    fn next<R: Send>(&mut self, act: impl FnOnce(&mut S) -> R + Send) -> R {
        self.is_others_turn = !self.is_others_turn;
        if !self.is_others_turn {
            return act(&mut self.subject);
        }
        let job = Lock::new((&mut self.subject, Some(act), None));
        smp::on_others(|_| {
            let (subject, act, result) = &mut *job.lock();
            *result = act.take().map(|act| act(subject));
        });
        let result = job.lock().2.take();
        result.expect("there is another CPU")
    }
}

impl<S: Subject<Pin: Send> + Send> Subject for ByTurns<S> {
    type Pin = S::Pin;

    fn birth(&mut self, slot: u16, window: Window, quota: Quota) -> Result<ProcessId, Error> {
        self.next(|subject| subject.birth(slot, window, quota))
    }

    fn die(&mut self, process: ProcessId) -> Result<(), Error> {
        self.next(|subject| subject.die(process))
    }

    fn set_window(&mut self, process: ProcessId, window: Window) -> Result<(), Error> {
        self.next(|subject| subject.set_window(process, window))
    }

    fn set_quota(&mut self, process: ProcessId, quota: Quota) -> Result<(), Error> {
        self.next(|subject| subject.set_quota(process, quota))
    }

    fn acquire(&mut self, actor: ProcessId, keys: &[Extent]) -> Result<(), Error> {
        self.next(|subject| subject.acquire(actor, keys))
    }

    fn release(&mut self, actor: ProcessId, keys: &[Extent]) -> Result<(), Error> {
        self.next(|subject| subject.release(actor, keys))
    }

    fn transfer(&mut self, actor: ProcessId, to: ProcessId, keys: &[Extent]) -> Result<(), Error> {
        self.next(|subject| subject.transfer(actor, to, keys))
    }

    fn lend(
        &mut self,
        actor: ProcessId,
        to: ProcessId,
        keys: &[Extent],
        terms: Terms,
        now: Instant,
    ) -> Result<LoanId, Error> {
        self.next(|subject| subject.lend(actor, to, keys, terms, now))
    }

    fn relend(
        &mut self,
        actor: ProcessId,
        parent: LoanId,
        to: ProcessId,
        keys: &[Extent],
        terms: Terms,
        now: Instant,
    ) -> Result<LoanId, Error> {
        self.next(|subject| subject.relend(actor, parent, to, keys, terms, now))
    }

    fn give_back(&mut self, actor: ProcessId, loan: LoanId) -> Result<(), Error> {
        self.next(|subject| subject.give_back(actor, loan))
    }

    fn revoke(&mut self, actor: ProcessId, loan: LoanId) -> Result<(), Error> {
        self.next(|subject| subject.revoke(actor, loan))
    }

    fn expire(&mut self, now: Instant) {
        self.next(|subject| subject.expire(now));
    }

    fn pin(&mut self, actor: ProcessId, access: Access, extent: Extent, direction: Direction) -> Result<S::Pin, Error> {
        self.next(|subject| subject.pin(actor, access, extent, direction))
    }

    fn unpin(&mut self, pin: S::Pin) {
        self.next(|subject| subject.unpin(pin));
    }

    fn view(&mut self, key: usize) -> View {
        self.subject.view(key)
    }

    fn account(&mut self, process: ProcessId) -> Option<Account> {
        self.subject.account(process)
    }

    fn loans(&mut self) -> Option<Vec<LoanFacts>> {
        self.subject.loans()
    }

    fn take_freed(&mut self) -> Option<Vec<usize>> {
        self.subject.take_freed()
    }

    fn refuse_reservations(&mut self, refuses: bool) {
        self.subject.refuse_reservations(refuses);
    }

    fn audit(&mut self) -> Result<(), String> {
        self.next(Subject::audit)
    }
}

fn agree(steps: u32, options: &Options) {
    assert_eq!(smp::running().count(), 2);
    let storage = Storage::new(&options.setup);
    let ledger = storage.ledger();
    let mut subject = ByTurns { subject: Tested::new(&ledger), is_others_turn: false };
    // The text names the seed and the steps.
    let statistics = run(&mut subject, seed(), steps, options).unwrap_or_else(|divergence| panic!("{divergence}"));
    let rows = statistics.outcomes.len();
    log::info!("{steps} operations, {rows} different outcomes, up to {} deep", statistics.deepest);
    assert!(statistics.of("lend", "done") > 0 && statistics.waited > 0 && statistics.estates > 0, "{statistics}");
}

#[ktest(cpus = 2, timeout = 120_000)]
fn a_hundred_thousand_operations_of_two_cpus_by_turns_agree_with_the_model() {
    agree(100_000, &Options { waits: false, look: 8, ..Options::default() });
}

#[ktest(cpus = 2, timeout = 60_000)]
fn operations_of_two_cpus_agree_with_the_model_where_keys_and_loans_are_scarce() {
    let mut options = Options { waits: false, look: 8, ..Options::default() };
    options.setup.loans = 5;
    options.setup.slots = 4;
    agree(10_000, &options);
}

#[ktest(cpus = 2, timeout = 60_000)]
fn operations_of_two_cpus_on_keys_of_both_kinds_agree_with_the_model() {
    agree(20_000, &Options { waits: false, look: 8, ..Options::default() }.with_others());
}

#[ktest(cpus = 2, timeout = 60_000)]
fn operations_of_two_cpus_on_keys_without_entries_of_their_own_agree_with_the_model() {
    agree(20_000, &Options { waits: false, look: 8, ..Options::default() }.only_others());
}
