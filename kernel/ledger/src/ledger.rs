//! The ledger as a whole: its parts, its processes, and the steps that operations are made of.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use spin::Mutex;

use crate::{
    Account, Effects, Entry, Error, Extent, IN_TRANSIT, Instant, Life, LoanId, LoanSlot, ProcessId, Quota, Table,
    Window, Word,
    deadline::Deadlines,
    key::Keys,
    loan::{Phase, Slots},
    pool::Pool,
    rules,
};

/// Who owns what, who has borrowed it, and until when. Shared by all CPUs.
///
/// Every operation asks in the same order, and changes nothing unless all answers are good: whether the arguments make
/// sense, whether who acts and the other one live, about the loan it names, what the recipient accepts, quotas and
/// room, what the effects need, and then each key in ascending order.
#[derive(Debug)]
pub struct Ledger<'a> {
    pub(crate) table: Table<'a>,
    pub(crate) accounts: &'a [Account],
    pub(crate) pool: Pool<'a>,
    pub(crate) deadlines: Mutex<Deadlines>,
    pub(crate) now: AtomicU64,
    /// There was a process besides the kernel, or a pin.
    pub(crate) touched: AtomicBool,
    /// What those who look do while somebody is at what they look at. Those who act have their effects for that.
    pub(crate) relax: fn(),
}

impl<'a> Ledger<'a> {
    /// A ledger for the keys of `table`, with the kernel as its only process. `accounts` has a slot for each process,
    /// of which 0 stays empty and 1 is the kernel's. There is no room for loans yet: see [`Ledger::grow`]. Keys that have
    /// an owner in the table must be the kernel's, and count as such.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are fewer than two accounts or more than 65535, the kernel's was used before, or a key
    /// is somebody else's or in use; [`Error::NoMemory`] if the kernel has more keys than can be counted.
    pub fn new(table: Table<'a>, accounts: &'a [Account]) -> Result<Self, Error> {
        if accounts.len() > usize::from(IN_TRANSIT) {
            return Err(Error::Invalid);
        }
        let kernel = accounts.get(usize::from(ProcessId::KERNEL.slot())).ok_or(Error::Invalid)?;
        let anything = Window { revocable: true, shortest: Some(0), ..Window::default() };
        if kernel.begin(ProcessId::KERNEL.slot(), Quota::NONE, anything) != Some(ProcessId::KERNEL) {
            return Err(Error::Invalid);
        }
        let mut owned = 0_u32;
        for word in table.words().filter(|word| *word != Word::default()) {
            if word != Word::default().with_owner(ProcessId::KERNEL.slot()) {
                return Err(Error::Invalid);
            }
            owned = owned.saturating_add(1);
        }
        kernel.count_owned(ProcessId::KERNEL, owned)?;
        let deadlines = Mutex::new(Deadlines::new());
        Ok(Self {
            table,
            accounts,
            pool: Pool::new(),
            deadlines,
            now: AtomicU64::new(0),
            touched: AtomicBool::new(false),
            relax: core::hint::spin_loop,
        })
    }

    /// The same ledger, whose views call `relax` again and again while somebody is at what they look at, as operations call
    /// [`Effects::relax`].
    #[must_use]
    pub fn with_relax(self, relax: fn()) -> Self {
        Self { relax, ..self }
    }

    /// Whether the kernel has always been the only process, and never pinned anything: then there never was a loan, and all
    /// that an audit could look at is which keys are the kernel's.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        !self.touched.load(Relaxed)
    }

    /// Adds room for loans.
    ///
    /// # Errors
    /// [`Error::NoMemory`] when there is room for about a million already; nothing was added.
    pub fn grow(&self, slots: &'a [LoanSlot]) -> Result<(), Error> {
        self.pool.grow(slots)
    }

    /// Whether [`Ledger::grow`] would add so many slots.
    #[must_use]
    pub fn has_room_for(&self, slots: usize) -> bool {
        self.pool.has_room_for(slots)
    }

    /// How many slots for loans there are, with or without one.
    #[must_use]
    pub fn loan_slots(&self) -> u32 {
        self.pool.len()
    }

    /// The table of the keys.
    #[must_use]
    pub const fn table(&self) -> &Table<'a> {
        &self.table
    }

    /// A new process, in the lowest slot that is vacant.
    ///
    /// # Errors
    /// [`Error::NoMemory`] if there is none.
    pub fn admit(&self, quota: Quota, window: Window) -> Result<ProcessId, Error> {
        let slots = usize::from(ProcessId::KERNEL.slot()) + 1..self.accounts.len();
        slots.into_iter().find_map(|slot| self.admit_at(slot as u16, quota, window).ok()).ok_or(Error::NoMemory)
    }

    /// A new process in this slot.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such slot, [`Error::NoMemory`] if it is not vacant.
    pub fn admit_at(&self, slot: u16, quota: Quota, window: Window) -> Result<ProcessId, Error> {
        let account = self.accounts.get(usize::from(slot)).filter(|_| slot > 0).ok_or(Error::Invalid)?;
        self.touched.store(true, Relaxed);
        account.begin(slot, quota, window).ok_or(Error::NoMemory)
    }

    /// Sets what a process accepts from now on.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it does not live.
    pub fn set_window(&self, process: ProcessId, window: Window) -> Result<(), Error> {
        let account = self.live(process)?;
        let mut inner = account.lock();
        self.live(process)?;
        inner.window = window;
        Ok(())
    }

    /// Sets the most that a process may have from now on; it keeps what it has. The kernel's is not changed.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it does not live, or is the kernel.
    pub fn set_quota(&self, process: ProcessId, quota: Quota) -> Result<(), Error> {
        let account = self.live(process)?;
        let mut inner = account.lock();
        self.live(process)?;
        if process == ProcessId::KERNEL {
            return Err(Error::Invalid);
        }
        inner.quota = quota;
        account.set_quota_owned(quota.owned);
        Ok(())
    }

    /// How far the process is; that of a later one in its slot is not its own, so a name that is out of date is
    /// [`Life::Vacant`].
    #[must_use]
    pub fn life(&self, process: ProcessId) -> Life {
        let standing = self.accounts.get(usize::from(process.slot())).map(Account::standing);
        standing.filter(|standing| standing.generation() == process.generation()).map_or(Life::Vacant, |now| now.life())
    }

    /// The time that the ledger was last told.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_nanoseconds(self.now.load(Relaxed))
    }

    pub(crate) fn account(&self, slot: u16) -> &'a Account {
        &self.accounts[usize::from(slot)]
    }

    /// The account of a live process.
    pub(crate) fn live(&self, process: ProcessId) -> Result<&'a Account, Error> {
        let account = self.accounts.get(usize::from(process.slot())).ok_or(Error::Invalid)?;
        if account.is_live(process) { Ok(account) } else { Err(Error::Invalid) }
    }

    /// The account of a live process that is not `actor`.
    pub(crate) fn other(&self, actor: ProcessId, process: ProcessId) -> Result<&'a Account, Error> {
        if actor == process { Err(Error::Invalid) } else { self.live(process) }
    }

    /// Counts keys as no longer owned by whoever has, or had, the slot.
    pub(crate) fn uncount_owned(&self, slot: u16, keys: u32) {
        let account = self.account(slot);
        if account.uncount_owned(keys) {
            account.vacate(&account.lock());
        }
    }

    /// Frees those of the keys that are a dead process's and that nobody uses any more.
    pub(crate) fn sweep(&self, dead: ProcessId, keys: Keys<'_>, effects: &mut (impl Effects + ?Sized)) {
        for extent in keys.iter() {
            let Some(entries) = self.table.entries(extent) else {
                (extent.start..extent.start + extent.count).for_each(|key| self.sweep_other(dead, key, effects));
                continue;
            };
            let mut run = Extent { start: extent.start, count: 0 };
            for (key, entry) in (extent.start..).zip(entries) {
                if self.sweep_one(dead, entry, effects) {
                    run.count += 1;
                    continue;
                }
                self.swept(dead, run, effects);
                run = Extent { start: key + 1, count: 0 };
            }
            self.swept(dead, run, effects);
        }
    }

    /// The same for one key that is in no span.
    pub(crate) fn sweep_other(&self, dead: ProcessId, key: usize, effects: &mut (impl Effects + ?Sized)) {
        let rule = |word| {
            let freed = rules::pass_on(word, dead.slot(), 0)?;
            // As below.
            let is_of_dead = self.account(dead.slot()).standing().generation() == dead.generation();
            if is_of_dead { Ok(freed) } else { Err(Error::NotOwner) }
        };
        if self.table.checked_others().change(key, rule, || effects.relax()).is_ok() {
            self.swept(dead, Extent::one(key), effects);
        }
    }

    fn sweep_one(&self, dead: ProcessId, entry: &Entry, effects: &mut (impl Effects + ?Sized)) -> bool {
        let rule = |word| rules::pass_on(word, dead.slot(), 0);
        if !entry.may_be_of(dead.slot()) {
            return false;
        }
        let Ok(word) = entry.seize(rule, || effects.relax()) else { return false };
        // The slot may have passed on to another process meanwhile, which may have taken this key.
        let is_of_dead = self.account(dead.slot()).standing().generation() == dead.generation();
        entry.settle(if is_of_dead { word.with_owner(0) } else { word });
        is_of_dead
    }

    fn swept(&self, dead: ProcessId, run: Extent, effects: &mut (impl Effects + ?Sized)) {
        if run.count > 0 {
            effects.freed(run);
            self.uncount_owned(dead.slot(), run.count as u32);
        }
    }

    /// Locks the tree of a loan that has not finished.
    #[inline(never)]
    pub(crate) fn lock_tree(&self, loan: LoanId, mut relax: impl FnMut()) -> Option<Tree<'_>> {
        let slot = self.pool.get(loan.index())?;
        loop {
            let seen = slot.meta();
            if seen.generation() != loan.generation() || !seen.is_loan() {
                return None;
            }
            let root = slot.root();
            // While the loan is there, so is its root. What was read may be of two loans, though.
            let root_slot = if root == loan { slot } else { self.pool.slot(root.index()) };
            let root_seen = root_slot.meta();
            let is_root = root_seen.generation() == root.generation() && root_seen.is_loan();
            if !is_root || root_seen.is_locked() || !root_slot.try_lock(root_seen) {
                relax();
                continue;
            }
            let tree = Tree { index: root.index(), slot: root_slot, gone: false };
            let seen = slot.meta();
            if root == loan || (seen.generation() == loan.generation() && seen.is_loan() && slot.root() == root) {
                return Some(tree);
            }
        }
    }

    /// The same if the loan is active.
    #[inline(always)]
    pub(crate) fn lock_active(
        &self,
        loan: LoanId,
        effects: &mut (impl Effects + ?Sized),
    ) -> Option<(Tree<'_>, &'a LoanSlot)> {
        let slot = self.pool.get(loan.index())?;
        // Most loans are trees of their own, and nobody else is at them.
        if slot.try_lock_root(loan) {
            return Some((Tree { index: loan.index(), slot, gone: false }, slot));
        }
        let tree = self.lock_tree(loan, || effects.relax())?;
        (slot.meta().phase() == Phase::Active).then_some((tree, slot))
    }
}

/// A tree of loans that is locked until this is dropped.
#[derive(Debug)]
pub(crate) struct Tree<'l> {
    /// Where the root's record is.
    pub index: u32,
    pub slot: &'l LoanSlot,
    /// The root finished; with it went the lock.
    pub gone: bool,
}

impl Drop for Tree<'_> {
    fn drop(&mut self) {
        if !self.gone {
            self.slot.unlock();
        }
    }
}
