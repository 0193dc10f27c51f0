//! What effects are told: all about each change, in the order in which it happens.

mod world;

use steward_ledger::{
    Access, Change, Direction, Effects, Error, Extent, Instant, Kind, LoanId, Operation, ProcessId, State, Terms,
};
use world::*;

/// A change, copied.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    operation: Operation,
    keys: Vec<Extent>,
    from: Option<ProcessId>,
    to: Option<ProcessId>,
    loan: Option<LoanId>,
    kind: Option<Kind>,
    direction: Option<Direction>,
}

impl Told {
    fn of(change: &Change<'_>) -> Self {
        let Change { operation, keys, from, to, loan, kind, direction } = *change;
        Self { operation, keys: keys.iter().collect(), from, to, loan, kind, direction }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Call {
    Reserve(Told),
    Cancel(Told),
    Apply(Told),
    Freed(Extent),
}

/// Effects that write down every call.
#[derive(Default)]
struct Calls(Vec<Call>);

impl Calls {
    fn take(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.0)
    }
}

impl Effects for Calls {
    fn reserve(&mut self, change: &Change<'_>) -> Result<(), Error> {
        self.0.push(Call::Reserve(Told::of(change)));
        Ok(())
    }

    fn cancel(&mut self, change: &Change<'_>) {
        self.0.push(Call::Cancel(Told::of(change)));
    }

    fn apply(&mut self, change: &Change<'_>) {
        self.0.push(Call::Apply(Told::of(change)));
    }

    fn freed(&mut self, keys: Extent) {
        self.0.push(Call::Freed(keys));
    }
}

/// A change that is reserved, and then made.
fn made(told: Told) -> [Call; 2] {
    [Call::Reserve(told.clone()), Call::Apply(told)]
}

#[test]
fn each_operation_tells_its_effects_all_about_it() {
    let ledger = ledger(8);
    let [a, b, c] = processes(ledger);
    let (two, calls) = ([keys(100, 2), keys(110, 1)], &mut Calls::default());
    let told =
        |operation, from, to| Told { operation, keys: two.to_vec(), from, to, loan: None, kind: None, direction: None };

    ledger.acquire(a, &two, calls).unwrap();
    assert_eq!(calls.take(), made(told(Operation::Acquire, None, Some(a))));

    let loan = ledger.lend(a, b, &two, Terms { deadline: Some(at(50)), ..revocable(Kind::Mut) }, calls).unwrap();
    let lent = Told { loan: Some(loan), kind: Some(Kind::Mut), ..told(Operation::Lend, Some(a), Some(b)) };
    assert_eq!(calls.take(), made(lent.clone()));

    let inner = ledger.relend(b, loan, c, &[keys(101, 1)], SHARED, calls).unwrap();
    let lent_on = Told {
        operation: Operation::Relend,
        keys: vec![keys(101, 1)],
        from: Some(b),
        to: Some(c),
        loan: Some(inner),
        kind: Some(Kind::Shared),
        direction: None,
    };
    assert_eq!(calls.take(), made(lent_on.clone()));

    // What a refused one reserved is cancelled, and nothing is made.
    ledger.lend(a, c, &two, SHARED, calls).unwrap_err();
    let reserved = calls.take();
    let [Call::Reserve(first), Call::Cancel(second)] = &reserved[..] else { panic!("{reserved:?}") };
    assert_eq!((first, first.operation, first.kind), (second, Operation::Lend, Some(Kind::Shared)));

    let pin = ledger.pin(b, Access::Loan(loan), keys(100, 1), Direction::DeviceWrites, calls).unwrap();
    let pinned = Told {
        operation: Operation::Pin,
        keys: vec![keys(100, 1)],
        from: Some(b),
        to: None,
        loan: Some(loan),
        kind: None,
        direction: Some(Direction::DeviceWrites),
    };
    assert_eq!(calls.take(), made(pinned.clone()));

    // What is below ends first. What is pinned loses its access now, and is finished later.
    ledger.expire(at(50), calls);
    let ends = |told: &Told, operation| Call::Apply(Told { operation, from: told.to, to: told.from, ..told.clone() });
    let below = [ends(&lent_on, Operation::Expire), ends(&lent_on, Operation::Finish)];
    assert_eq!(calls.take(), [&below[..], &[ends(&lent, Operation::Expire)]].concat());
    ledger.unpin(pin, calls);
    assert_eq!(
        calls.take(),
        [Call::Apply(Told { operation: Operation::Unpin, ..pinned }), ends(&lent, Operation::Finish)]
    );

    ledger.transfer(a, b, &two, calls).unwrap();
    assert_eq!(calls.take(), made(told(Operation::Transfer, Some(a), Some(b))));
    ledger.release(b, &two, calls).unwrap();
    let [reserve, apply] = made(told(Operation::Release, Some(b), None));
    assert_eq!(calls.take(), [reserve, apply, Call::Freed(two[0]), Call::Freed(two[1])]);
    audit(ledger);
}

#[test]
fn each_way_to_end_a_loan_says_which_it_is() {
    let ledger = ledger(8);
    let [a, b] = processes(ledger);
    let (key, calls) = ([keys(100, 1)], &mut Calls::default());
    ledger.acquire(a, &key, calls).unwrap();
    let mut ended_by = |expected, end: &mut dyn FnMut(LoanId, &mut Calls)| {
        let loan = ledger.lend(a, b, &key, revocable(Kind::Shared), calls).unwrap();
        calls.take();
        end(loan, calls);
        let found = calls.take();
        let told = |operation| {
            Call::Apply(Told {
                operation,
                keys: key.to_vec(),
                from: Some(b),
                to: Some(a),
                loan: Some(loan),
                kind: Some(Kind::Shared),
                direction: None,
            })
        };
        assert_eq!(found, [told(expected), told(Operation::Finish)]);
    };
    ended_by(Operation::Return, &mut |loan, calls| ledger.give_back(b, loan, calls).unwrap());
    ended_by(Operation::Revoke, &mut |loan, calls| ledger.revoke(a, loan, calls).unwrap());
    ended_by(Operation::Die, &mut |_, calls| ledger.die(b, calls).unwrap());
    assert_eq!(ledger.view(100).unwrap().state, State::Exclusive);
}

const fn at(nanoseconds: u64) -> Instant {
    Instant::from_nanoseconds(nanoseconds)
}
