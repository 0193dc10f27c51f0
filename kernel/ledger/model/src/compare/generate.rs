//! Random operations that mean something in the present state, mostly.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use steward_ledger::{Direction, Extent, Kind, LoanId, ProcessId, Quota, Window};

use super::Options;
use super::names::Names;
use crate::model::{Life, Loan, Model};
use crate::operation::{Offer, Operation, Tag, Through, Who};
use crate::random::Random;
use crate::view::View;

/// Chooses the next operation.
pub(crate) struct Generator<'a> {
    pub random: &'a mut Random,
    pub options: &'a Options,
    pub model: &'a Model,
    pub names: &'a Names,
}

type Maker = fn(&mut Generator<'_>) -> Operation;

/// What is done, and how often in comparison.
const WEIGHTS: [(u32, Maker); 15] = [
    (10, |choose| choose.birth()),
    (3, |choose| choose.die()),
    (4, |choose| choose.set_window()),
    (4, |choose| choose.set_quota()),
    (28, |choose| choose.acquire()),
    (14, |choose| choose.release()),
    (14, |choose| choose.transfer()),
    (36, |choose| choose.lend()),
    (70, |choose| choose.relend()),
    (8, |choose| choose.give_back()),
    (9, |choose| choose.revoke()),
    (6, |choose| choose.wait()),
    (6, |choose| choose.expire()),
    (32, |choose| choose.pin()),
    (28, |choose| choose.unpin()),
];

impl Generator<'_> {
    /// The next operation.
    pub fn operation(&mut self) -> Operation {
        let sum: u32 = WEIGHTS.iter().map(|(weight, _)| weight).sum();
        let mut left = self.random.below(sum as usize);
        for (weight, make) in WEIGHTS {
            match left.checked_sub(weight as usize) {
                Some(rest) => left = rest,
                None => return make(self),
            }
        }
        unreachable!("less than the sum of the weights is left")
    }

    fn who(process: ProcessId) -> Who {
        Who { slot: process.slot(), ago: 0 }
    }

    /// That process; now and then another, a dead one, one that is not born, or nobody.
    fn mostly(&mut self, process: ProcessId) -> Who {
        if !self.random.once_in(24) {
            return Self::who(process);
        }
        let dying: Vec<ProcessId> =
            self.model.processes().filter(|process| self.model.life(*process) == Life::Dying).collect();
        if let Some(dying) = self.random.one_of(&dying).filter(|_| self.random.once_in(2)) {
            return Self::who(dying);
        }
        let slot = u16::try_from(self.random.below(usize::from(self.options.setup.slots) + 1)).expect("few slots");
        let ago = self.random.one_of(&[0, 0, 0, 1, -1]).expect("not empty");
        Who { slot, ago }
    }

    /// A live process.
    fn anybody(&mut self) -> ProcessId {
        let live: Vec<ProcessId> =
            self.model.processes().filter(|process| self.model.life(*process) == Life::Live).collect();
        self.random.one_of(&live).expect("the kernel lives")
    }

    fn somebody(&mut self) -> Who {
        let process = self.anybody();
        self.mostly(process)
    }

    fn somebody_else(&mut self, than: ProcessId) -> Who {
        let process = (0..4).map(|_| self.anybody()).find(|process| *process != than);
        self.mostly(process.unwrap_or(than))
    }

    /// A live process that owns something, most of the time.
    fn an_owner(&mut self) -> ProcessId {
        let owners: Vec<ProcessId> = self.model.owners.values().copied().collect();
        self.random.one_of(&owners).unwrap_or(ProcessId::KERNEL)
    }

    /// Some of these keys, in one extent or several; now and then with others, or wrong.
    fn some_of(&mut self, keys: &[usize]) -> Vec<Extent> {
        let all: Vec<usize> = self.options.setup.keys().collect();
        let keys = if keys.is_empty() { &all } else { keys };
        let mut chosen = BTreeSet::new();
        for _ in 0..=self.random.below(self.options.extents) {
            let (first, count) = (self.random.below(keys.len()), 1 + self.random.below(4));
            chosen.extend(&keys[first..keys.len().min(first + count)]);
        }
        if self.random.once_in(10) {
            chosen.extend(self.random.one_of(&all));
        }
        let mut extents = self.extents(&chosen);
        if self.random.once_in(24) {
            self.spoil(&mut extents);
        }
        extents
    }

    /// These keys as extents, at most as many as are allowed. Extents that touch are one, or two.
    fn extents(&mut self, keys: &BTreeSet<usize>) -> Vec<Extent> {
        let mut extents: Vec<Extent> = Vec::new();
        for key in keys {
            match extents.last_mut() {
                Some(last) if last.end() == Some(*key) && !self.random.once_in(12) => last.count += 1,
                _ => extents.push(Extent::one(*key)),
            }
        }
        extents.truncate(self.options.extents);
        extents
    }

    fn spoil(&mut self, extents: &mut Vec<Extent>) {
        let last = extents.len() - 1;
        match self.random.below(8) {
            0 => extents.clear(),
            1 => extents[last].count = 0,
            2 => extents.reverse(),
            3 => extents.push(extents[last]),
            4 => extents[last].count = usize::MAX,
            5 => extents[last].count = usize::MAX - extents[last].start,
            6 => extents[last].count += self.options.setup.spans.iter().map(|span| span.count).max().unwrap_or(0),
            _ => *extents = vec![Extent::one(self.random.below(100))],
        }
        extents.truncate(self.options.extents);
    }

    /// Keys of that view, mostly.
    fn keys_where(&mut self, right: impl Fn(&View) -> bool) -> Vec<Extent> {
        let fits = |key: &usize| right(&self.model.view(*key));
        let keys: Vec<usize> = self.options.setup.keys().filter(fits).collect();
        self.some_of(&keys)
    }

    fn window(&mut self) -> Window {
        let shortest = self.random.one_of(&[None, Some(0), Some(0), Some(5), Some(20)]).expect("not empty");
        if !self.random.once_in(3) {
            return Window { revocable: true, shortest: Some(0), ..Window::default() };
        }
        Window {
            shared: !self.random.once_in(4),
            mutable: !self.random.once_in(4),
            most_keys: self.random.one_of(&[1, 2, 4, usize::MAX]).expect("not empty"),
            revocable: !self.random.once_in(3),
            shortest,
        }
    }

    fn quota(&mut self) -> Quota {
        if !self.random.once_in(3) {
            return Quota::NONE;
        }
        let mut limit = |most| u32::try_from(self.random.below(most)).expect("small");
        Quota { owned: limit(14), borrowed: limit(14), loans: limit(6) }
    }

    fn birth(&mut self) -> Operation {
        let slots = self.options.setup.slots;
        let vacant: Vec<u16> = (0..slots).filter(|slot| self.model.next(*slot).is_some()).collect();
        let any = u16::try_from(self.random.below(usize::from(slots) + 1)).expect("few slots");
        let vacant = self.random.one_of(&vacant).filter(|_| !self.random.once_in(16));
        Operation::Birth { slot: vacant.unwrap_or(any), window: self.window(), quota: self.quota() }
    }

    fn die(&mut self) -> Operation {
        Operation::Die { process: self.somebody() }
    }

    /// Anybody but the kernel, which stays as it is.
    fn limited(&mut self) -> Who {
        let who = self.somebody();
        if who.slot == ProcessId::KERNEL.slot() && who.ago == 0 { Who { ago: 1, ..who } } else { who }
    }

    fn set_window(&mut self) -> Operation {
        Operation::SetWindow { process: self.limited(), window: self.window() }
    }

    fn set_quota(&mut self) -> Operation {
        Operation::SetQuota { process: self.limited(), quota: self.quota() }
    }

    fn acquire(&mut self) -> Operation {
        Operation::Acquire { actor: self.somebody(), keys: self.keys_where(|view| view.owner.is_none()) }
    }

    fn release(&mut self) -> Operation {
        let owner = self.an_owner();
        let strict = !self.random.once_in(4);
        let keys = self.keys_where(|view| view.owner == Some(owner) && !(strict && view.is_in_use()));
        Operation::Release { actor: self.mostly(owner), keys }
    }

    fn transfer(&mut self) -> Operation {
        let owner = self.an_owner();
        let strict = !self.random.once_in(4);
        let keys = self.keys_where(|view| view.owner == Some(owner) && !(strict && view.is_in_use()));
        Operation::Transfer { actor: self.mostly(owner), to: self.somebody_else(owner), keys }
    }

    fn offer(&mut self, kind: Kind) -> Offer {
        let within = i8::try_from(self.random.below(60)).expect("small") - 3;
        Offer { kind, revocable: self.random.once_in(3), within: self.random.once_in(3).then_some(within) }
    }

    fn kind(&mut self) -> Kind {
        self.random.one_of(&[Kind::Shared, Kind::Mut]).expect("not empty")
    }

    fn lend(&mut self) -> Operation {
        let (owner, kind) = (self.an_owner(), self.kind());
        let strict = !self.random.once_in(3);
        let right = |view: &View| match kind {
            Kind::Shared => view.holder.is_none() && !view.writes,
            Kind::Mut => !view.is_in_use(),
        };
        let keys = self.keys_where(|view| view.owner == Some(owner) && (!strict || right(view)));
        Operation::Lend { actor: self.mostly(owner), to: self.somebody_else(owner), keys, offer: self.offer(kind) }
    }

    /// A loan that has not finished, rather a deep one; now and then one that has.
    fn loan(&mut self, right: impl Fn(&Loan) -> bool) -> Option<(Tag, LoanId, &Loan)> {
        let loans: Vec<(LoanId, u32)> =
            self.model.loans.iter().filter(|(_, loan)| right(loan)).map(|(id, loan)| (*id, loan.depth)).collect();
        let deep = (0..3).filter_map(|_| self.random.one_of(&loans)).max_by_key(|(_, depth)| *depth);
        let (id, _) = deep?;
        Some((self.names.tag(id)?, id, &self.model.loans[&id]))
    }

    /// The loan, or now and then another that may have finished or never been.
    fn stale(&mut self, tag: Tag) -> Tag {
        if !self.random.once_in(24) {
            return tag;
        }
        let finished: Vec<Tag> = self.names.finished().collect();
        self.random.one_of(&finished).filter(|_| !self.random.once_in(4)).unwrap_or(Tag::MAX)
    }

    fn relend(&mut self) -> Operation {
        let lively = !self.random.once_in(16);
        let loan = self.loan(|loan| !lively || !loan.ending).map(|(tag, id, loan)| (tag, id, loan.clone()));
        let Some((tag, id, loan)) = loan else { return self.lend() };
        let kind = if loan.kind == Kind::Shared && !self.random.once_in(8) { Kind::Shared } else { self.kind() };
        let strict = !self.random.once_in(3);
        let right = |view: &View| match (loan.kind, kind) {
            (Kind::Shared, _) => true,
            (Kind::Mut, Kind::Shared) => view.holder == Some(id) && !view.writes,
            (Kind::Mut, Kind::Mut) => view.holder == Some(id) && !view.writes && view.shared == 0 && view.reads == 0,
        };
        let fits = |key: &usize| !strict || right(&self.model.view(*key));
        let fitting: Vec<usize> = loan.keys.iter().copied().filter(fits).collect();
        let keys = self.some_of(if fitting.is_empty() { &loan.keys } else { &fitting });
        let mut offer = self.offer(kind);
        offer.revocable |= loan.revocable && self.random.once_in(2);
        Operation::Relend {
            actor: self.mostly(loan.borrower),
            parent: self.stale(tag),
            to: self.somebody_else(loan.borrower),
            keys,
            offer,
        }
    }

    fn give_back(&mut self) -> Operation {
        let lively = !self.random.once_in(8);
        let loan = self.loan(|loan| !lively || !loan.ending).map(|(tag, _, loan)| (tag, loan.borrower));
        let Some((tag, borrower)) = loan else { return self.lend() };
        Operation::Return { actor: self.mostly(borrower), loan: self.stale(tag) }
    }

    fn revoke(&mut self) -> Operation {
        let lively = !self.random.once_in(8);
        let loan = self.loan(|loan| !lively || loan.revocable && !loan.ending).map(|(tag, _, loan)| (tag, loan.lender));
        let Some((tag, lender)) = loan else { return self.lend() };
        Operation::Revoke { actor: self.mostly(lender), loan: self.stale(tag) }
    }

    fn wait(&mut self) -> Operation {
        if !self.options.waits {
            return self.expire();
        }
        Operation::Wait { nanoseconds: u8::try_from(self.random.below(12)).expect("small") }
    }

    #[expect(clippy::unused_self, reason = "it is one of the makers")]
    fn expire(&mut self) -> Operation {
        Operation::Expire
    }

    fn pin(&mut self) -> Operation {
        let direction = self.random.one_of(&[Direction::DeviceReads, Direction::DeviceWrites]).expect("not empty");
        let lively = !self.random.once_in(16);
        let loan = if self.random.once_in(3) { None } else { self.loan(|loan| !lively || !loan.ending) };
        let loan = loan.map(|(tag, _, loan)| (tag, loan.clone()));
        let (actor, through, keys) = match loan {
            None => {
                let owner = self.an_owner();
                let keys = self.keys_where(|view| view.owner == Some(owner));
                (owner, Through::Owned, keys)
            }
            Some((tag, loan)) => {
                let keys = self.some_of(&loan.keys);
                (loan.borrower, Through::Loan(self.stale(tag)), keys)
            }
        };
        let extent = self.random.one_of(&keys).unwrap_or(Extent { start: 0, count: 0 });
        Operation::Pin { actor: self.mostly(actor), through, extent, direction }
    }

    fn unpin(&mut self) -> Operation {
        let pins: Vec<Tag> = self.names.pins().collect();
        self.random.one_of(&pins).map_or_else(|| self.pin(), |pin| Operation::Unpin { pin })
    }
}
