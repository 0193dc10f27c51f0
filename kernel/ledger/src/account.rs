//! What the ledger knows of one process.

use core::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
};

use spin::{Mutex, MutexGuard};

use crate::{
    Error, Kind, ProcessId, Quota, Window,
    atomic::Cell,
    loan::{LoanSlot, NONE, Slots},
    pool::Pool,
};

const OWNED_BITS: u32 = 30;
/// Most keys that one process owns.
pub const MOST_OWNED: u32 = (1 << OWNED_BITS) - 1;

/// How far a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    /// The slot is for another process.
    Vacant,
    /// It does and is offered things.
    Live,
    /// It is being taken down.
    Dying,
    /// It is dead, and others still use what it left.
    Estate,
}

/// Generation, life and count of owned keys: so that one exchange admits an owner of more keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing(u64);

impl Standing {
    pub(crate) const fn new(generation: u32, life: Life, owned: u32) -> Self {
        Self((generation as u64) << 32 | (life as u64) << OWNED_BITS | owned as u64)
    }

    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) const fn life(self) -> Life {
        match self.0 >> OWNED_BITS & 3 {
            0 => Life::Vacant,
            1 => Life::Live,
            2 => Life::Dying,
            _ => Life::Estate,
        }
    }

    pub(crate) const fn owned(self) -> u32 {
        self.0 as u32 & MOST_OWNED
    }

    /// Whether that process lives.
    pub(crate) const fn is_live(self, generation: u32) -> bool {
        self.0 & !(MOST_OWNED as u64) == Self::new(generation, Life::Live, 0).0
    }

    /// The word.
    #[cfg(test)]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    const fn with_life(self, life: Life) -> Self {
        Self::new(self.generation(), life, self.owned())
    }
}

/// One process: a slot of the ledger's, used by one after the other.
///
/// # Invariants
/// - The count of owned keys is at no time less than the number of keys whose word names the slot: it is raised
///   before they are claimed, and lowered after they are settled.
/// - Life changes with `inner` locked. Whoever finds a process alive there may put a loan into its list, and its death
///   finds that loan.
#[derive(Debug)]
#[repr(align(64))]
pub struct Account {
    standing: AtomicU64,
    most_owned: AtomicU32,
    /// Keys that devices use because the owner said so, each counted once for each pin.
    pub(crate) pinned: AtomicU64,
    inner: Mutex<Inner>,
    /// What an audit counts: owned keys, borrowed keys, loans.
    pub(crate) tally: [AtomicU32; 3],
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub window: Window,
    pub quota: Quota,
    pub borrowed: u32,
    pub loans: u32,
    pub first_held: u32,
    /// A slot for a loan, of the last one that finished: most processes give back what they borrow, one by one.
    pub spare: u32,
}

impl Account {
    /// A slot that no process ever had.
    #[must_use]
    pub const fn new() -> Self {
        let window = Window { shared: true, mutable: true, most_keys: usize::MAX, revocable: false, shortest: None };
        Self {
            standing: AtomicU64::new(0),
            most_owned: AtomicU32::new(0),
            pinned: AtomicU64::new(0),
            inner: Mutex::new(Inner {
                window,
                quota: Quota::NONE,
                borrowed: 0,
                loans: 0,
                first_held: NONE,
                spare: NONE,
            }),
            tally: [const { AtomicU32::new(0) }; 3],
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// What stands there. Who has claimed a key and then finds its process alive is in time: the process's death will
    /// see the key as it is committed.
    pub(crate) fn standing(&self) -> Standing {
        standing(&self.standing)
    }

    /// Whether that process lives.
    pub(crate) fn is_live(&self, process: ProcessId) -> bool {
        self.standing().is_live(process.generation())
    }

    /// The process that has the slot, or had it last.
    pub(crate) fn process(&self, slot: u16) -> ProcessId {
        ProcessId::from_parts(slot, self.standing().generation())
    }

    pub(crate) fn most_owned(&self) -> u32 {
        self.most_owned.load(Relaxed)
    }

    /// Counts keys that a live process is about to own.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it does not live, [`Error::NoMemory`] if that is too many.
    pub(crate) fn count_owned(&self, process: ProcessId, keys: u32) -> Result<(), Error> {
        count_owned(&self.standing, process.generation(), keys, self.most_owned())
    }

    /// Counts keys that are no longer owned. Whether an estate may be empty now.
    pub(crate) fn uncount_owned(&self, keys: u32) -> bool {
        // AcqRel: pairs with itself and the exchange in `vacate`: who finds the count at zero has all that others did.
        let before = Standing(self.standing.fetch_sub(u64::from(keys), AcqRel));
        before.life() == Life::Estate && before.owned() == keys
    }

    /// Makes a vacant slot a process's.
    pub(crate) fn begin(&self, slot: u16, quota: Quota, window: Window) -> Option<ProcessId> {
        let mut inner = self.lock();
        let standing = self.standing();
        // A slot whose generations are used up stays vacant.
        if standing.life() != Life::Vacant || standing.generation() == u32::MAX {
            return None;
        }
        inner.quota = quota;
        inner.window = window;
        self.set_quota_owned(quota.owned);
        self.standing.store(standing.with_life(Life::Live).0, SeqCst);
        Some(ProcessId::from_parts(slot, standing.generation()))
    }

    pub(crate) fn set_quota_owned(&self, owned: u32) {
        self.most_owned.store(owned.min(MOST_OWNED), Relaxed);
    }

    /// From now on the process neither does nor is offered anything.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it does not live.
    pub(crate) fn begin_dying(&self, process: ProcessId) -> Result<(), Error> {
        let _inner = self.lock();
        begin_dying(&self.standing, process.generation())
    }

    /// Nothing more is to be taken from the dead process.
    pub(crate) fn leave_estate(&self) {
        let inner = self.lock();
        let estate = |word| Some(Standing(word).with_life(Life::Estate).0);
        let _ = self.standing.fetch_update(SeqCst, SeqCst, estate);
        self.vacate(&inner);
    }

    /// Gives the slot to the next process if nothing is left of an estate.
    #[inline(always)]
    pub(crate) fn vacate(&self, inner: &Inner) {
        let standing = Standing(self.standing.load(Acquire));
        if standing.life() != Life::Estate || standing.owned() > 0 || inner.loans > 0 {
            return;
        }
        let next = match standing.generation() {
            u32::MAX => standing.with_life(Life::Vacant),
            generation => Standing::new(generation + 1, Life::Vacant, 0),
        };
        // Nobody else changes the word of an empty estate, and `inner` is locked. AcqRel: see `uncount_owned`.
        let _ = self.standing.compare_exchange(standing.0, next.0, AcqRel, Relaxed);
    }
}

/// What [`Account::standing`] does, for any kind of cell.
pub(crate) fn standing(cell: &impl Cell) -> Standing {
    // SeqCst: pairs with the one in `begin_dying`; the claim before it is SeqCst, too.
    Standing(cell.load(SeqCst))
}

/// What [`Account::begin_dying`] does, for any kind of cell.
pub(crate) fn begin_dying(cell: &impl Cell, generation: u32) -> Result<(), Error> {
    let mut word = cell.load(Relaxed);
    while Standing(word).is_live(generation) {
        // SeqCst: pairs with the claim of a key, and with `standing` read after that. Either that sees the death, or
        // the walk over the dead process's keys, which follows this, sees the claim.
        match cell.exchange(word, Standing(word).with_life(Life::Dying).0, SeqCst) {
            Ok(_) => return Ok(()),
            Err(now) => word = now,
        }
    }
    Err(Error::Invalid)
}

/// What [`Account::count_owned`] does, for any kind of cell.
pub(crate) fn count_owned(cell: &impl Cell, generation: u32, keys: u32, most: u32) -> Result<(), Error> {
    let mut word = cell.load(Relaxed);
    loop {
        let standing = Standing(word);
        if !standing.is_live(generation) {
            return Err(Error::Invalid);
        }
        if keys > most.saturating_sub(standing.owned()) {
            return Err(Error::NoMemory);
        }
        // Orders nothing: whoever claims keys next reads the word again.
        match cell.exchange(word, word + u64::from(keys), Relaxed) {
            Ok(_) => return Ok(()),
            Err(now) => word = now,
        }
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    /// Whether the process accepts such a loan. `left`: nanoseconds until it ends by itself.
    pub(crate) fn accepts(&self, kind: Kind, keys: usize, may_end: bool, left: Option<u64>) -> bool {
        let window = &self.window;
        let kind_fits = match kind {
            Kind::Shared => window.shared,
            Kind::Mut => window.mutable,
        };
        let time_fits = match (left, window.shortest) {
            (None, _) => true,
            (Some(left), Some(shortest)) => left >= shortest,
            (Some(_), None) => false,
        };
        kind_fits && keys <= window.most_keys && (window.revocable || !may_end) && time_fits
    }

    /// Charges a loan.
    ///
    /// # Errors
    /// [`Error::NoMemory`] if it is too much.
    pub(crate) fn charge(&mut self, keys: u32) -> Result<(), Error> {
        let room = self.quota.borrowed.saturating_sub(self.borrowed);
        if keys > room || self.loans >= self.quota.loans {
            return Err(Error::NoMemory);
        }
        self.borrowed += keys;
        self.loans += 1;
        Ok(())
    }

    /// Takes the charge of a loan back.
    pub(crate) fn uncharge(&mut self, keys: u32) {
        self.borrowed -= keys;
        self.loans -= 1;
    }

    /// A slot for a loan.
    #[inline(always)]
    pub(crate) fn take_slot(&mut self, pool: &Pool<'_>) -> Option<u32> {
        match self.spare {
            NONE => pool.pop(),
            spare => {
                self.spare = NONE;
                Some(spare)
            }
        }
    }

    /// Gives the slot of a loan that finished back.
    #[inline(always)]
    pub(crate) fn put_slot(&mut self, pool: &Pool<'_>, index: u32, slot: &LoanSlot) {
        if self.spare == NONE && slot.more() == NONE && slot.retire() {
            self.spare = index;
        } else {
            pool.push(index);
        }
    }

    /// Puts a loan into the list of what the process has.
    #[inline(always)]
    pub(crate) fn hold(&mut self, slots: &impl Slots, index: u32, slot: &LoanSlot) {
        slot.next_held.store(self.first_held, Relaxed);
        slot.previous_held.store(NONE, Relaxed);
        if self.first_held != NONE {
            slots.slot(self.first_held).previous_held.store(index, Relaxed);
        }
        self.first_held = index;
    }

    /// Takes it out of that list.
    #[inline(always)]
    pub(crate) fn let_go(&mut self, slots: &impl Slots, slot: &LoanSlot) {
        let next = slot.next_held.load(Relaxed);
        let previous = slot.previous_held.load(Relaxed);
        match previous {
            NONE => self.first_held = next,
            previous => slots.slot(previous).next_held.store(next, Relaxed),
        }
        if next != NONE {
            slots.slot(next).previous_held.store(previous, Relaxed);
        }
    }
}
