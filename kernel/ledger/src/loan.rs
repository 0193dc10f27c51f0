//! The record of a loan.

use core::sync::atomic::{
    AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::{Extent, Instant, Kind, LoanId, ProcessId};

/// No record.
pub(crate) const NONE: u32 = u32::MAX;

/// Gives records by their place.
pub(crate) trait Slots {
    fn slot(&self, index: u32) -> &LoanSlot;
}

/// How far a loan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There is none.
    Free = 0,
    /// The borrower has access.
    Active = 1,
    /// It has ended, and the borrower is about to lose its access.
    Ending = 2,
    /// The borrower has no access any more, but a device has, or a loan below this has not finished.
    Waiting = 3,
    /// It holds extents of another loan.
    Extension = 4,
}

/// Generation, phase and the tree's lock, in one word: so a name that is out of date never locks anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta(u64);

impl Meta {
    const LOCKED: u64 = 1;

    pub(crate) const fn new(generation: u32, phase: Phase) -> Self {
        Self((generation as u64) << 32 | (phase as u64) << 1)
    }

    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) const fn phase(self) -> Phase {
        match self.0 >> 1 & 7 {
            0 => Phase::Free,
            1 => Phase::Active,
            2 => Phase::Ending,
            3 => Phase::Waiting,
            _ => Phase::Extension,
        }
    }

    pub(crate) const fn is_locked(self) -> bool {
        self.0 & Self::LOCKED != 0
    }

    pub(crate) const fn locked(self) -> Self {
        Self(self.0 | Self::LOCKED)
    }

    const fn unlocked(self) -> Self {
        Self(self.0 & !Self::LOCKED)
    }

    /// Whether there is a loan, whether or not it has ended.
    pub(crate) const fn is_loan(self) -> bool {
        matches!(self.phase(), Phase::Active | Phase::Ending | Phase::Waiting)
    }
}

/// Room for the record of a loan, or for more extents of one.
///
/// # Invariants
/// While there is a loan, its tree's lock protects all but the links of the list of what its borrower has (under the
/// borrower's account) and those of the deadlines (under their lock). The root never changes in the life of a loan,
/// and a loan comes to life and dies under its root's lock.
#[derive(Debug)]
#[repr(align(64))]
pub struct LoanSlot {
    meta: AtomicU64,
    root: AtomicU64,
    lender: AtomicU64,
    borrower: AtomicU64,
    deadline: AtomicU64,
    /// How many keys devices use by this loan, each counted once for each pin.
    pub(crate) pinned: AtomicU64,
    extents: [[AtomicUsize; 2]; Self::EXTENTS],
    keys: AtomicU32,
    extent_count: AtomicU32,
    terms: AtomicU32,
    /// The next slot of the same loan, with more extents.
    more: AtomicU32,
    pub(crate) pins: AtomicU32,
    pub(crate) parent: AtomicU32,
    pub(crate) first_child: AtomicU32,
    /// Next of those that were lent on from the same loan; only of loans that have one above them.
    pub(crate) next_sibling: AtomicU32,
    pub(crate) previous_sibling: AtomicU32,
    /// Next in the list of what the borrower has; of free slots, the next free one.
    pub(crate) next_held: AtomicU32,
    pub(crate) previous_held: AtomicU32,
    pub(crate) next_due: AtomicU32,
    pub(crate) previous_due: AtomicU32,
    /// Where it waits for its deadline.
    pub(crate) bucket: AtomicU32,
}

const _: () = assert!(size_of::<LoanSlot>() == 192);

/// What is written into a new record.
#[derive(Clone, Copy)]
pub(crate) struct Draft<'k> {
    pub lender: ProcessId,
    pub borrower: ProcessId,
    pub keys: &'k [Extent],
    pub count: u32,
    pub kind: Kind,
    /// Lent revocably itself.
    pub revocable: bool,
    /// That, or a loan above it.
    pub may_end: bool,
    pub deadline: Option<Instant>,
    pub parent: u32,
    pub depth: u8,
}

const MUT: u32 = 1;
const REVOCABLE: u32 = 2;
const MAY_END: u32 = 4;
const DEADLINE: u32 = 8;
const DEPTH_SHIFT: u32 = 8;

impl LoanSlot {
    /// How many extents fit into one slot; a loan of more takes several.
    pub const EXTENTS: usize = 5;

    /// A slot without a loan.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            meta: AtomicU64::new(0),
            root: AtomicU64::new(0),
            lender: AtomicU64::new(0),
            borrower: AtomicU64::new(0),
            deadline: AtomicU64::new(0),
            pinned: AtomicU64::new(0),
            extents: [const { [const { AtomicUsize::new(0) }; 2] }; Self::EXTENTS],
            keys: AtomicU32::new(0),
            extent_count: AtomicU32::new(0),
            terms: AtomicU32::new(0),
            more: AtomicU32::new(NONE),
            pins: AtomicU32::new(0),
            parent: AtomicU32::new(NONE),
            first_child: AtomicU32::new(NONE),
            next_sibling: AtomicU32::new(NONE),
            previous_sibling: AtomicU32::new(NONE),
            next_held: AtomicU32::new(NONE),
            previous_held: AtomicU32::new(NONE),
            next_due: AtomicU32::new(NONE),
            previous_due: AtomicU32::new(NONE),
            bucket: AtomicU32::new(NONE),
        }
    }

    pub(crate) fn meta(&self) -> Meta {
        // Acquire: pairs with the Release in `set_meta`.
        Meta(self.meta.load(Acquire))
    }

    /// Only for who has the slot to itself, or the tree locked.
    pub(crate) fn set_meta(&self, meta: Meta) {
        // Release: pairs with the Acquires in `meta` and `try_lock`.
        self.meta.store(meta.0, Release);
    }

    /// Another phase of the same loan; the lock stays as it is.
    pub(crate) fn set_phase(&self, phase: Phase) {
        let now = Meta(self.meta.load(Relaxed));
        let next = Meta::new(now.generation(), phase);
        self.set_meta(if now.is_locked() { next.locked() } else { next });
    }

    /// Ends the life of the record, and the tree's lock with it. Whether the slot has names for another loan.
    pub(crate) fn retire(&self) -> bool {
        let generation = Meta(self.meta.load(Relaxed)).generation();
        match generation.checked_add(1) {
            Some(next) => self.set_meta(Meta::new(next, Phase::Free)),
            None => return false,
        }
        true
    }

    /// Locks the tree whose root this is, if it is still what `seen` says.
    pub(crate) fn try_lock(&self, seen: Meta) -> bool {
        // Acquire: pairs with the Release in `set_meta`, by which the one before unlocked it.
        self.meta.compare_exchange_weak(seen.0, seen.locked().0, Acquire, Relaxed).is_ok()
    }

    /// Locks the tree of the loan if this is its record, it is a root, active, and nobody else is at it. May fail for
    /// no reason.
    #[inline(always)]
    pub(crate) fn try_lock_root(&self, loan: LoanId) -> bool {
        // That the record is a root is true for as long as it has its name, and the exchange fails unless it has.
        self.root() == loan && self.try_lock(Meta::new(loan.generation(), Phase::Active))
    }

    pub(crate) fn unlock(&self) {
        let meta = Meta(self.meta.load(Relaxed));
        debug_assert!(meta.is_locked(), "who unlocks a tree has locked it, and its root is there");
        self.set_meta(meta.unlocked());
    }

    pub(crate) fn root(&self) -> LoanId {
        // Acquire: pairs with the Release in `write`. Who reads the root of a later loan then reads its generation.
        LoanId::from_bits(self.root.load(Acquire))
    }

    /// Writes a new record. Lists and extents are not part of it; the one before left no pins and nothing below it.
    #[inline(always)]
    pub(crate) fn write(&self, root: LoanId, draft: &Draft<'_>) {
        // Release: pairs with the Acquire in `root`.
        self.root.store(root.bits(), Release);
        self.lender.store(draft.lender.bits(), Relaxed);
        self.borrower.store(draft.borrower.bits(), Relaxed);
        if let Some(deadline) = draft.deadline {
            self.deadline.store(deadline.nanoseconds(), Relaxed);
        }
        self.keys.store(draft.count, Relaxed);
        self.extent_count.store(draft.keys.len() as u32, Relaxed);
        let flag = |set, flag| if set { flag } else { 0 };
        let terms = flag(draft.kind == Kind::Mut, MUT)
            | flag(draft.revocable, REVOCABLE)
            | flag(draft.may_end, MAY_END)
            | flag(draft.deadline.is_some(), DEADLINE);
        self.terms.store(terms | u32::from(draft.depth) << DEPTH_SHIFT, Relaxed);
        self.parent.store(draft.parent, Relaxed);
    }

    pub(crate) fn set_extent(&self, number: usize, extent: Extent) {
        self.extents[number][0].store(extent.start, Relaxed);
        self.extents[number][1].store(extent.count, Relaxed);
    }

    pub(crate) fn extent(&self, number: usize) -> Extent {
        let [start, count] = &self.extents[number];
        Extent { start: start.load(Relaxed), count: count.load(Relaxed) }
    }

    pub(crate) fn extent_count(&self) -> u32 {
        self.extent_count.load(Relaxed)
    }

    pub(crate) fn more(&self) -> u32 {
        self.more.load(Relaxed)
    }

    pub(crate) fn set_more(&self, more: u32) {
        self.more.store(more, Relaxed);
    }

    pub(crate) fn keys(&self) -> u32 {
        self.keys.load(Relaxed)
    }

    pub(crate) fn lender(&self) -> ProcessId {
        ProcessId::from_bits(self.lender.load(Relaxed))
    }

    pub(crate) fn borrower(&self) -> ProcessId {
        ProcessId::from_bits(self.borrower.load(Relaxed))
    }

    pub(crate) fn kind(&self) -> Kind {
        if self.terms.load(Relaxed) & MUT != 0 { Kind::Mut } else { Kind::Shared }
    }

    /// Whether it was itself lent revocably.
    pub(crate) fn is_revocable(&self) -> bool {
        self.terms.load(Relaxed) & REVOCABLE != 0
    }

    /// Whether it, or a loan above it, was lent revocably.
    pub(crate) fn may_end(&self) -> bool {
        self.terms.load(Relaxed) & MAY_END != 0
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let has = self.terms.load(Relaxed) & DEADLINE != 0;
        has.then(|| Instant::from_nanoseconds(self.deadline.load(Relaxed)))
    }

    /// 1 for a loan of the owner's, one more for each that was lent on.
    pub(crate) fn depth(&self) -> u8 {
        (self.terms.load(Relaxed) >> DEPTH_SHIFT) as u8
    }
}

impl Default for LoanSlot {
    fn default() -> Self {
        Self::new()
    }
}
