//! What people are shown of the ledger.

use core::sync::atomic::Ordering::Relaxed;

use crate::{
    Account, Entry, Error, Extent, Instant, Kind, Ledger, Life, LoanId, Others, ProcessId, Quota, State, Window, Word,
    key::Keys,
    loan::{NONE, Phase, Slots},
};

/// All about one key, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// What its owner may do.
    pub state: State,
    /// Who owns it; also nobody while it is [`IN_TRANSIT`](crate::IN_TRANSIT).
    pub owner: Option<ProcessId>,
    /// The owner is dead, or dying.
    pub estate: bool,
    /// How many shared loans there are of it.
    pub shared: u32,
    /// How many pins let devices read.
    pub reads: u32,
    /// A pin lets a device write.
    pub writes: bool,
    /// The innermost mutable loan.
    pub holder: Option<LoanId>,
}

/// A loan, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoanView {
    /// Its name.
    pub loan: LoanId,
    /// The loan from which it was lent on.
    pub parent: Option<LoanId>,
    /// 1 for an owner's loan, one more for each level below.
    pub depth: u8,
    /// Who lent.
    pub lender: ProcessId,
    /// Who borrowed.
    pub borrower: ProcessId,
    /// What the borrower may do.
    pub kind: Kind,
    /// The lender may take it back.
    pub revocable: bool,
    /// The lender, or that of a loan above, may take it back.
    pub may_end: bool,
    /// When it ends by itself.
    pub deadline: Option<Instant>,
    /// The first extent of its keys.
    pub first: Extent,
    /// How many extents there are.
    pub extents: u32,
    /// How many keys there are.
    pub keys: u32,
    /// How many pins it has.
    pub pins: u32,
    /// The borrower has access. If not, the loan has ended, and waits for pins or for loans below it.
    pub active: bool,
}

/// A process, or what is left of one, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// Who.
    pub process: ProcessId,
    /// How far it is.
    pub life: Life,
    /// How many keys it owns, or is about to.
    pub owned: u32,
    /// How many keys it has borrowed, each counted once for each loan.
    pub borrowed: u32,
    /// How many loans it has borrowed by.
    pub loans: u32,
    /// The most it may have.
    pub quota: Quota,
    /// What it accepts.
    pub window: Window,
}

impl<'a> Ledger<'a> {
    /// All about a key. Waits while somebody is at it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if that is no key of the table.
    pub fn view(&self, key: usize) -> Result<View, Error> {
        if let Some(entry) = self.table.entry(key) {
            let claim = entry.claim(|_: Word| Ok::<(), Error>(()), self.relax)?;
            return Ok(self.view_claimed(claim.word(), entry));
        }
        let others = self.table.others_of(Extent::one(key)).ok_or(Error::Invalid)?;
        let is_there = |_: &Entry, word| if word == Word::default() { Err(Error::NotOwner) } else { Ok(word) };
        let Ok(word) = others.claim(key, is_there, self.relax) else {
            return Ok(self.view_claimed(Word::default(), &Entry::free()));
        };
        let view = self.view_claimed(word, others.claimed(key));
        others.settle(key, |_, word| word);
        Ok(view)
    }

    /// All about a key that is claimed.
    fn view_claimed(&self, word: Word, entry: &Entry) -> View {
        // While the key is claimed, its owner's slot does not pass on, and the holder does not finish.
        let account = self.accounts.get(usize::from(word.owner())).filter(|_| word.owner() > 0);
        let owner = account.map(|account| account.process(word.owner()));
        let holder = word.is_lent_mut().then(|| self.loan_at(entry.holder()));
        View {
            state: word.state(),
            owner,
            estate: owner.is_some_and(|owner| self.life(owner) != Life::Live),
            shared: word.shared(),
            reads: word.reads(),
            writes: word.writes(),
            holder,
        }
    }

    /// The loan, if it has not finished.
    #[must_use]
    pub fn loan(&self, loan: LoanId) -> Option<LoanView> {
        let _tree = self.lock_tree(loan, self.relax)?;
        let slot = self.pool.slot(loan.index());
        let parent = slot.parent.load(Relaxed);
        Some(LoanView {
            loan,
            parent: (parent != NONE).then(|| self.loan_at(parent)),
            depth: slot.depth(),
            lender: slot.lender(),
            borrower: slot.borrower(),
            kind: slot.kind(),
            revocable: slot.is_revocable(),
            may_end: slot.may_end(),
            deadline: slot.deadline(),
            first: slot.extent(0),
            extents: slot.extent_count(),
            keys: slot.keys(),
            pins: slot.pins.load(Relaxed),
            active: slot.meta().phase() == Phase::Active,
        })
    }

    /// Calls `see` with each extent of a loan's keys. Nothing happens if it has finished. `see` must not call the
    /// ledger.
    pub fn for_each_extent(&self, loan: LoanId, see: impl FnMut(Extent)) {
        if let Some(_tree) = self.lock_tree(loan, self.relax) {
            Keys::record(&self.pool, self.pool.slot(loan.index())).iter().for_each(see);
        }
    }

    /// Calls `see` with each loan that has not finished; each as it is at its moment.
    pub fn for_each_loan(&self, see: impl FnMut(LoanView)) {
        self.pool.indices().filter_map(|index| self.loan(self.loan_at(index))).for_each(see);
    }

    /// Calls `see` with each process that lives or left something; each as it is at its moment.
    pub fn for_each_account(&self, mut see: impl FnMut(AccountView)) {
        for (slot, account) in self.accounts.iter().enumerate() {
            if let Some(view) = Self::view_account(slot as u16, account) {
                see(view);
            }
        }
    }

    /// The account of a process that lives or left something.
    #[must_use]
    pub fn account_of(&self, process: ProcessId) -> Option<AccountView> {
        let account = self.accounts.get(usize::from(process.slot()))?;
        Self::view_account(process.slot(), account).filter(|view| view.process == process)
    }

    fn view_account(slot: u16, account: &Account) -> Option<AccountView> {
        let inner = account.lock();
        let standing = account.standing();
        (standing.life() != Life::Vacant).then(|| AccountView {
            process: ProcessId::from_parts(slot, standing.generation()),
            life: standing.life(),
            owned: standing.owned(),
            borrowed: inner.borrowed,
            loans: inner.loans,
            quota: Quota { owned: account.most_owned(), ..inner.quota },
            window: inner.window,
        })
    }

    /// Calls `see` with each key that is in no span and has an owner, each as it is at its moment, in no order.
    pub fn for_each_other(&self, mut see: impl FnMut(usize, View)) {
        let keys = self.table.others().into_iter().flat_map(Others::keys);
        let views = keys.filter_map(|key| Some((key, self.view(key).ok()?)));
        views.filter(|(_, view)| view.owner.is_some()).for_each(|(key, view)| see(key, view));
    }

    /// The stretches of keys that have entries of their own, ascending.
    pub fn spans(&self) -> impl Iterator<Item = Extent> + use<'a> {
        self.table.spans().iter().map(|span| span.keys)
    }

    /// The keys that a process owns, or left; each as it is at its moment. Those in spans ascend, then come others, in no
    /// order.
    pub fn owned_by(&self, process: ProcessId) -> impl Iterator<Item = usize> + use<'_, 'a> {
        let is_there = self.account_of(process).is_some();
        let of_spans = self.spans().flat_map(|keys| keys.start..keys.start + keys.count);
        let of_spans = of_spans.filter(move |&key| {
            is_there && self.table.entry(key).is_some_and(|entry| entry.word().owner() == process.slot())
        });
        let others = self.table.others().filter(|_| is_there).into_iter().flat_map(move |others| {
            others.keys().filter(move |&key| others.get(key).is_some_and(|word| word.owner() == process.slot()))
        });
        of_spans.chain(others)
    }

    /// The loan whose record is at this place.
    pub(crate) fn loan_at(&self, index: u32) -> LoanId {
        LoanId::from_parts(index, self.pool.slot(index).meta().generation())
    }
}
