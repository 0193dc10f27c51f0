//! Every operation in every state by everybody who may ask, as the table of transitions says.

mod world;

use steward_ledger::{
    Access, Action, Direction, Error, Kind, Ledger, LoanId, MOST_READS, MOST_SHARED, Pin, ProcessId, Role, Step, Terms,
    Word, transition,
};
use world::*;

const ROLES: [Role; 6] = [Role::Owner, Role::Holder, Role::Outer, Role::Reader, Role::Stranger, Role::Dead];

/// Where the key lies whose states these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    Span,
    /// The first bucket of its chain.
    Bucket,
    /// A bucket behind the first.
    Chain,
}

impl Home {
    const fn key(self) -> usize {
        match self {
            Self::Span => 120,
            Self::Bucket | Self::Chain => OTHERS + 120,
        }
    }

    fn ledger(self) -> &'static Ledger<'static> {
        let ledger = if self == Self::Span { ledger(8) } else { ledger_with_others(8, 1, 1) };
        if self == Self::Chain {
            // With the two keys before it, they have all places of the first bucket.
            ledger.acquire(ProcessId::KERNEL, &[keys(OTHERS, 3)], &mut ()).unwrap();
        }
        ledger
    }
}

/// A state of a key, as it is come by.
#[derive(Clone, Copy, Debug)]
struct Plan {
    owned: bool,
    /// How many mutable loans, each lent on from the one before.
    chain: usize,
    /// A shared loan by who has the key by right of those.
    shared: bool,
    pin: Option<Direction>,
    /// The counts are at their limits.
    full: bool,
    /// The owner died.
    estate: bool,
    revocable: bool,
    /// Which role is the kernel's.
    kernel: Role,
}

impl Plan {
    fn all() -> impl Iterator<Item = Self> {
        let bools = [false, true];
        let pins = [None, Some(Direction::DeviceReads), Some(Direction::DeviceWrites)];
        let mut plans = Vec::new();
        for chain in 0..3 {
            for (shared, pin) in bools.into_iter().flat_map(|shared| pins.map(|pin| (shared, pin))) {
                for (full, estate) in bools.into_iter().flat_map(|full| bools.map(|estate| (full, estate))) {
                    for (revocable, kernel) in bools.into_iter().flat_map(|firm| ROLES.map(|role| (firm, role))) {
                        plans.push(Self { owned: true, chain, shared, pin, full, estate, revocable, kernel });
                    }
                }
            }
        }
        let none = Self { owned: false, chain: 0, shared: false, pin: None, full: false, estate: false, ..plans[0] };
        plans.push(Self { kernel: Role::Stranger, ..none });
        plans.push(Self { kernel: Role::Dead, ..none });
        plans.into_iter().filter(Self::is_possible)
    }

    fn is_possible(&self) -> bool {
        let writes = self.pin == Some(Direction::DeviceWrites);
        let in_use = self.chain > 0 || self.shared || self.pin.is_some();
        let counts = self.shared || self.pin.is_some();
        let kernel_is_there = match self.kernel {
            Role::Owner => self.owned && !self.estate,
            Role::Holder => self.chain > 0,
            Role::Outer => self.chain > 1,
            Role::Reader => self.shared,
            Role::Stranger | Role::Dead | Role::Anybody => true,
        };
        kernel_is_there && !(self.shared && writes) && (in_use || !self.estate) && (!self.full || counts && !writes)
    }
}

/// A key in a state, and everybody around it.
struct Scene {
    plan: Plan,
    key: usize,
    ledger: &'static Ledger<'static>,
    owner: ProcessId,
    borrowers: [ProcessId; 2],
    reader: ProcessId,
    stranger: ProcessId,
    dead: ProcessId,
    chain: Vec<LoanId>,
    shared: Option<LoanId>,
    pin: Option<Pin>,
}

impl Scene {
    fn new(plan: Plan, home: Home) -> Self {
        let ledger = home.ledger();
        let [owner, first, second, reader, stranger, dead] = processes(ledger);
        let kernel_or = |role, other| if plan.kernel == role { ProcessId::KERNEL } else { other };
        let innermost = kernel_or(Role::Holder, first);
        let borrowers = match plan.chain {
            2 => [kernel_or(Role::Outer, second), innermost],
            _ => [innermost, second],
        };
        let mut scene = Self {
            plan,
            key: home.key(),
            ledger,
            owner: kernel_or(Role::Owner, owner),
            borrowers,
            reader: kernel_or(Role::Reader, reader),
            stranger: kernel_or(Role::Stranger, stranger),
            dead,
            chain: Vec::new(),
            shared: None,
            pin: None,
        };
        scene.set_up();
        scene
    }

    fn set_up(&mut self) {
        let (plan, ledger, keys) = (self.plan, self.ledger, [keys(self.key - 2, 5)]);
        ledger.die(self.dead, &mut ()).unwrap();
        if !plan.owned {
            return;
        }
        ledger.acquire(self.owner, &keys, &mut ()).unwrap();
        let terms = |kind| Terms { revocable: plan.revocable, ..Terms::firm(kind) };
        let mut lender = self.owner;
        let mut lend = |chain: &[LoanId], borrower, kind| {
            let loan = match chain.last() {
                None => ledger.lend(lender, borrower, &keys, terms(kind), &mut ()),
                Some(&loan) => ledger.relend(lender, loan, borrower, &keys, terms(kind), &mut ()),
            };
            lender = borrower;
            loan.unwrap()
        };
        for borrower in &self.borrowers[..plan.chain] {
            self.chain.push(lend(&self.chain, *borrower, Kind::Mut));
        }
        if plan.shared {
            self.shared = Some(lend(&self.chain, self.reader, Kind::Shared));
        }
        if let Some(direction) = plan.pin {
            let (process, access) = match self.chain.last() {
                None => (self.owner, Access::Owned),
                Some(&loan) => (self.borrowers[plan.chain - 1], Access::Loan(loan)),
            };
            self.pin = Some(ledger.pin(process, access, keys[0], direction, &mut ()).unwrap());
        }
        if plan.estate {
            ledger.die(self.owner, &mut ()).unwrap();
        }
        if plan.full {
            self.set_word(|word| {
                let word = if word.shared() > 0 { word.with_shared(MOST_SHARED) } else { word };
                if word.reads() > 0 { word.with_reads(MOST_READS) } else { word }
            });
        }
    }

    fn set_word(&self, change: impl Fn(Word) -> Word) {
        let claim = self.ledger.table().entry(self.key).unwrap().claim(|_| Ok::<(), ()>(()), || ()).unwrap();
        let word = change(claim.word());
        claim.commit(word);
    }

    fn word(&self) -> Word {
        let table = self.ledger.table();
        match table.entry(self.key) {
            Some(entry) => entry.word(),
            // One that nobody owns has no place.
            None => table.others().unwrap().get(self.key).unwrap_or_default(),
        }
    }

    fn holder(&self) -> Option<LoanId> {
        self.ledger.view(self.key).unwrap().holder
    }

    fn actor(&self, role: Role) -> Option<ProcessId> {
        let Plan { owned, chain, shared, estate, .. } = self.plan;
        match role {
            Role::Owner => (owned && !estate).then_some(self.owner),
            Role::Holder => (chain > 0).then(|| self.borrowers[chain - 1]),
            Role::Outer => (chain > 1).then_some(self.borrowers[0]),
            Role::Reader => shared.then_some(self.reader),
            Role::Stranger => Some(self.stranger),
            Role::Dead => Some(if estate { self.owner } else { self.dead }),
            Role::Anybody => None,
        }
    }

    /// The loan that somebody in this role would name.
    fn loan(&self, role: Role) -> LoanId {
        let any = self.chain.first().copied().or(self.shared).unwrap_or(LoanId::from_parts(3, 0));
        match role {
            Role::Holder => *self.chain.last().unwrap(),
            Role::Reader => self.shared.unwrap(),
            _ => any,
        }
    }

    /// Does it; `None` if that makes no sense here. Also the loan, if one was made.
    fn perform(&mut self, action: Action, role: Role) -> Option<(Result<(), Error>, Option<LoanId>)> {
        let (ledger, actor, loan, key) = (self.ledger, self.actor(role)?, self.loan(role), [keys(self.key, 1)]);
        let other = if actor == self.stranger { self.reader } else { self.stranger };
        let made = |made: Result<LoanId, Error>| Some((made.map(drop), made.ok()));
        let just = |done: Result<(), Error>| Some((done, None));
        let pin = |access, direction| just(ledger.pin(actor, access, key[0], direction, &mut ()).map(drop));
        let relend = |terms| made(ledger.relend(actor, loan, other, &key, terms, &mut ()));
        let root_is_revocable = self.plan.revocable && (self.plan.chain > 0 || self.plan.shared);
        match action {
            Action::Acquire => just(ledger.acquire(actor, &key, &mut ())),
            Action::Release => just(ledger.release(actor, &key, &mut ())),
            Action::Transfer => just(ledger.transfer(actor, other, &key, &mut ())),
            Action::LendShared => made(ledger.lend(actor, other, &key, SHARED, &mut ())),
            Action::LendMut => made(ledger.lend(actor, other, &key, MUT, &mut ())),
            Action::RelendShared => relend(SHARED),
            Action::RelendMut => relend(MUT),
            Action::Return if self.plan.full => None,
            Action::Return => just(ledger.give_back(actor, loan, &mut ())),
            Action::Revoke if !root_is_revocable || self.plan.full => None,
            Action::RevokeFirm if root_is_revocable => None,
            Action::Revoke | Action::RevokeFirm => just(ledger.revoke(actor, self.loan(Role::Anybody), &mut ())),
            Action::PinOwnedReads => pin(Access::Owned, Direction::DeviceReads),
            Action::PinOwnedWrites => pin(Access::Owned, Direction::DeviceWrites),
            Action::PinLoanReads => pin(Access::Loan(loan), Direction::DeviceReads),
            Action::PinLoanWrites => pin(Access::Loan(loan), Direction::DeviceWrites),
            Action::Die if actor == ProcessId::KERNEL || self.plan.full => None,
            Action::Die => just(ledger.die(actor, &mut ())),
            Action::UnpinReads | Action::UnpinWrites if role == Role::Stranger => {
                let direction =
                    if action == Action::UnpinReads { Direction::DeviceReads } else { Direction::DeviceWrites };
                let pin = self.pin.take_if(|pin| pin.direction() == direction)?;
                ledger.unpin(pin, &mut ());
                just(Ok(()))
            }
            // What nobody asks for comes of the others.
            _ => None,
        }
    }

    /// The word after a step: the table's, and what comes of it for loans that are ended and keys that are left.
    fn after(&self, step: Step, role: Role, action: Action, before: Word, actor: ProcessId) -> Word {
        let mut word = match step {
            Step::Stay => before,
            Step::Take => before.with_owner(actor.slot()),
            Step::Give => before.with_owner(if actor == self.stranger { self.reader } else { self.stranger }.slot()),
            Step::Free => before.with_owner(0),
            Step::Share => before.with_shared(before.shared() + 1),
            Step::Unshare => before.with_shared(before.shared() - 1),
            Step::Lend => before.with_lent_mut(true),
            Step::GiveBack => before.with_lent_mut(self.plan.chain > 1),
            Step::Read => before.with_reads(before.reads() + 1),
            Step::Unread => before.with_reads(before.reads() - 1),
            Step::Write => before.with_writes(true),
            Step::Unwrite => before.with_writes(false),
            Step::End => {
                // Any shared loan is the innermost, and a pin by a loan is the holder's, which waits for it.
                let ends_all = role != Role::Reader && role != Role::Holder;
                let is_mut = role != Role::Reader && !self.chain.is_empty();
                let ended = before.with_shared(0);
                let is_last = ends_all || self.plan.chain == 1;
                if is_mut && self.plan.pin.is_none() { ended.with_lent_mut(!is_last) } else { ended }
            }
        };
        let is_dead = self.plan.estate || action == Action::Die && role == Role::Owner;
        if is_dead && word.owner() == self.owner.slot() {
            word = match transition(Action::Inherit, Role::Anybody, word).unwrap() {
                Step::Free => word.with_owner(0),
                _ => word,
            };
        }
        word
    }
}

/// Compares each operation by each role in each of the plans' states with the table; how many those were, and how many
/// different ones.
fn check(home: Home, plans: impl Iterator<Item = Plan>) -> (usize, usize) {
    let mut checked = 0;
    let mut seen = std::collections::HashSet::new();
    for plan in plans {
        // One scene lasts until something in it succeeds.
        let mut scene = Scene::new(plan, home);
        for (action, role) in Action::ALL.into_iter().flat_map(|action| ROLES.map(|role| (action, role))) {
            let (before, holder) = (scene.word(), scene.holder());
            let all = everything(scene.ledger);
            let Some(actor) = scene.actor(role) else { continue };
            let Some((found, made)) = scene.perform(action, role) else { continue };
            let expected = transition(action, role, before);
            let what = format!("{action:?} by {role:?} in {plan:?}, key in {home:?}");
            assert_eq!(found, expected.map(drop), "{what}");
            checked += 1;
            seen.insert((action, role, expected));
            let Ok(step) = expected else {
                assert_eq!(everything(scene.ledger), all, "{what} changed something");
                continue;
            };
            assert_eq!(scene.word(), scene.after(step, role, action, before, actor), "{what}");
            if step == Step::Lend {
                assert_eq!(scene.holder(), made, "{what}");
            } else if scene.word().is_lent_mut() && !matches!(step, Step::End) {
                assert_eq!(scene.holder(), holder, "{what}");
            }
            if !plan.full {
                audit(scene.ledger);
            }
            scene = Scene::new(plan, home);
        }
    }
    (checked, seen.len())
}

#[test]
fn every_operation_in_every_state_by_every_role_does_what_the_table_says() {
    let (checked, different) = check(Home::Span, Plan::all());
    assert!(checked > 20_000, "{checked}");
    assert!(different > 100, "{different}");
}

#[test]
fn every_operation_does_the_same_to_keys_in_buckets() {
    for home in [Home::Bucket, Home::Chain] {
        // A count comes to its limit by a million loans only, and the rules that say so know nothing of where a key lies.
        let (checked, different) = check(home, Plan::all().filter(|plan| !plan.full));
        assert!(checked > 10_000, "{home:?}: {checked}");
        assert!(different > 100, "{home:?}: {different}");
    }
}
