//! Every state that a few processes can reach with a few keys.
//!
//! States that differ only in which process, which key or which loan is which count as one: the rules do not know names.
//! So do states that differ only in what time it is, and in who had a slot before.

mod code;
mod properties;
mod table;

use std::hash::{Hash, Hasher};

use stateright::{Model as _, Property};
use steward_ledger::{Direction, Extent, Instant, Kind, LoanId, ProcessId, Quota, Terms, Window};
use steward_ledger_model::{Access, Life, Model, PinId, Setup};

/// How far to go.
#[derive(Clone, Debug)]
pub struct Scope {
    /// How many processes.
    pub processes: u16,
    /// How many keys.
    pub keys: usize,
    /// Most loans at a time.
    pub loans: usize,
    /// Most pins at a time.
    pub pins: usize,
    /// Most loans above one another.
    pub deepest: u32,
    /// Most shared loans of one key, and most pins of one key by which devices read.
    pub counts: u32,
    /// After how many ticks loans end that have a deadline.
    pub deadlines: Vec<u64>,
    /// Whether to hold every answer against the table of rules, too.
    pub table: bool,
}

/// A state. Two are equal when they differ in names only.
#[derive(Clone, Debug)]
pub struct State {
    /// One of those that are equal.
    pub model: Model,
    code: Vec<u8>,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.code.hash(state);
    }
}

/// A step from one state to another.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the operations of the ledger")]
pub enum Action {
    Birth(u16),
    Die(ProcessId),
    Acquire(ProcessId, usize),
    Release(ProcessId, usize),
    Transfer(ProcessId, ProcessId, usize),
    Lend(ProcessId, ProcessId, Extent, Terms),
    Relend(ProcessId, LoanId, ProcessId, Extent, Terms),
    Return(ProcessId, LoanId),
    Revoke(ProcessId, LoanId),
    Tick,
    Pin(ProcessId, Access, usize, Direction),
    Unpin(PinId),
}

/// What a process that takes every loan accepts.
const OPEN: Window = Window { shared: true, mutable: true, most_keys: usize::MAX, revocable: true, shortest: Some(0) };

impl Scope {
    /// Every loan that can be offered now.
    fn terms(&self, now: Instant) -> Vec<Terms> {
        let at = |ticks: u64| Instant::from_nanoseconds(now.nanoseconds() + ticks);
        let deadlines = || self.deadlines.iter().map(|ticks| Some(at(*ticks)));
        let kinds = [Kind::Shared, Kind::Mut].into_iter();
        kinds
            .flat_map(|kind| {
                let firm = [Terms::firm(kind), Terms { revocable: true, ..Terms::firm(kind) }];
                let ends = deadlines().map(move |deadline| Terms { deadline, ..Terms::firm(kind) });
                firm.into_iter().chain(ends)
            })
            .collect()
    }

    /// Every range of adjacent keys.
    fn extents(&self) -> Vec<Extent> {
        let from = |start| (1..=self.keys - start).map(move |count| Extent { start, count });
        (0..self.keys).flat_map(from).collect()
    }

    fn state(&self, model: Model) -> State {
        let code = code::of(&model, self);
        State { model, code }
    }

    fn of_process(&self, model: &Model, actor: ProcessId, actions: &mut Vec<Action>) {
        let others = || live(model).filter(|other| *other != actor);
        let held: Vec<LoanId> = model.loans().filter(|loan| loan.borrower == actor).map(|loan| loan.id).collect();
        actions.push(Action::Die(actor));
        for key in 0..self.keys {
            actions.extend([Action::Acquire(actor, key), Action::Release(actor, key)]);
            actions.extend(others().map(|to| Action::Transfer(actor, to, key)));
            for direction in [Direction::DeviceReads, Direction::DeviceWrites] {
                let accesses = held.iter().copied().map(Access::Loan).chain([Access::Owned]);
                let may = accesses.filter(|access| model.may_pin(actor, *access, Extent::one(key), direction));
                actions.extend(may.map(|access| Action::Pin(actor, access, key, direction)));
            }
        }
        for (to, extent) in others().flat_map(|to| self.extents().into_iter().map(move |extent| (to, extent))) {
            for terms in self.terms(model.now()) {
                if model.may_lend(actor, to, &[extent], terms) {
                    actions.push(Action::Lend(actor, to, extent, terms));
                }
                let of = held.iter().filter(|loan| model.may_relend(actor, **loan, to, &[extent], terms));
                actions.extend(of.map(|loan| Action::Relend(actor, *loan, to, extent, terms)));
            }
        }
        for loan in model.loans() {
            actions.extend([Action::Return(actor, loan.id), Action::Revoke(actor, loan.id)]);
        }
    }
}

fn live(model: &Model) -> impl Iterator<Item = ProcessId> + '_ {
    model.processes().filter(|process| *process != ProcessId::KERNEL && model.life(*process) == Life::Live)
}

/// Whether the step was done.
fn take(model: &mut Model, action: &Action) -> bool {
    let one = |key: &usize| [Extent::one(*key)];
    match action {
        Action::Birth(slot) => model.birth(*slot, OPEN, Quota::NONE).is_ok(),
        Action::Die(process) => model.die(*process).is_ok(),
        Action::Acquire(actor, key) => model.acquire(*actor, &one(key)).is_ok(),
        Action::Release(actor, key) => model.release(*actor, &one(key)).is_ok(),
        Action::Transfer(actor, to, key) => model.transfer(*actor, *to, &one(key)).is_ok(),
        Action::Lend(actor, to, extent, terms) => model.lend(*actor, *to, &[*extent], *terms).is_ok(),
        Action::Relend(actor, loan, to, extent, terms) => model.relend(*actor, *loan, *to, &[*extent], *terms).is_ok(),
        Action::Return(actor, loan) => model.give_back(*actor, *loan).is_ok(),
        Action::Revoke(actor, loan) => model.revoke(*actor, *loan).is_ok(),
        Action::Tick => {
            model.wait(1);
            model.expire(model.now());
            true
        }
        Action::Pin(actor, access, key, direction) => model.pin(*actor, *access, Extent::one(*key), *direction).is_ok(),
        Action::Unpin(pin) => {
            model.unpin(*pin);
            true
        }
    }
}

impl stateright::Model for Scope {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let slots = self.processes + 2;
        let mut setup = Setup::new(vec![Extent { start: 0, count: self.keys }], slots, self.loans);
        (setup.deepest, setup.most_shared, setup.most_reads) = (self.deepest, self.counts, self.counts);
        vec![self.state(Model::new(setup))]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let model = &state.model;
        // Slots that never had a process differ in names only: it is enough to take the first.
        let slots = (0..self.processes + 2).filter(|slot| model.next(*slot).is_some());
        actions.extend(slots.take(1).map(Action::Birth));
        for actor in live(model) {
            self.of_process(model, actor, actions);
        }
        actions.push(Action::Tick);
        actions.extend(model.pins().map(|pin| Action::Unpin(pin.id)));
        if model.pins().count() >= self.pins {
            actions.retain(|action| !matches!(action, Action::Pin(..)));
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut model = state.model.clone();
        take(&mut model, &action).then(|| {
            model.take_freed();
            self.state(model)
        })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = properties::all();
        if self.table {
            properties.push(Property::always("the table says what is done", |scope: &Self, state: &State| {
                table::agrees(scope, &state.model)
            }));
        }
        properties
    }
}

/// Visits all states, on so many threads, and prints how many there are.
///
/// # Panics
/// When a property does not hold: with the steps that lead there.
#[must_use]
pub fn visit(scope: Scope, threads: usize) -> usize {
    use stateright::Checker as _;
    let what = format!("{scope:?}");
    let checker = scope.checker().threads(threads).spawn_bfs().join();
    println!("{what}: {} states, {} steps", checker.unique_state_count(), checker.state_count());
    checker.assert_properties();
    assert!(checker.is_done(), "it gave up");
    checker.unique_state_count()
}
