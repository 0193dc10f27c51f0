//! The records, and nothing else.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use steward_ledger::{Direction, Extent, Instant, Kind, LoanId, MOST_READS, MOST_SHARED, ProcessId, Quota, Window};

/// The size of a ledger: what exists, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The keys that have entries of their own.
    pub spans: Vec<Extent>,
    /// From here on every number is a key; `None` if there are those of the spans only.
    pub others: Option<usize>,
    /// Those of the others that operations are mostly about, ascending.
    pub known_others: Vec<Extent>,
    /// Slots of processes, with the unused slot 0 and the kernel's slot 1.
    pub slots: u16,
    /// Generation of the first process of a slot.
    pub first_generation: u32,
    /// Most loans at a time.
    pub loans: usize,
    /// Most shared loans of one key.
    pub most_shared: u32,
    /// Most pins of one key by which devices read.
    pub most_reads: u32,
    /// Most loans above one another; the owner's own loan is the first.
    pub deepest: u32,
}

impl Setup {
    /// A ledger of these sizes, with the limits of its entries.
    #[must_use]
    pub const fn new(spans: Vec<Extent>, slots: u16, loans: usize) -> Self {
        let (most_shared, most_reads, deepest) = (MOST_SHARED, MOST_READS, 255);
        let known_others = Vec::new();
        Self { spans, others: None, known_others, slots, first_generation: 0, loans, most_shared, most_reads, deepest }
    }

    /// Whether each of these is a key; they end before the last number.
    #[must_use]
    pub fn has(&self, keys: Extent) -> bool {
        let count_in = |span: &Extent| {
            let end = (span.start + span.count).min(keys.start + keys.count);
            end.saturating_sub(span.start.max(keys.start))
        };
        let in_spans: usize = self.spans.iter().map(count_in).sum();
        in_spans == keys.count || self.others.is_some_and(|first| keys.start >= first)
    }

    /// Whether these, which are keys, are all in one span, or all in none.
    #[must_use]
    pub fn are_alike(&self, keys: Extent) -> bool {
        let end = keys.start + keys.count;
        let is_right = |span: &Extent| {
            let span_end = span.start + span.count;
            end <= span.start || keys.start >= span_end || keys.start >= span.start && end <= span_end
        };
        self.spans.iter().all(is_right)
    }

    /// All keys of the spans, and those of the others that are known.
    pub fn keys(&self) -> impl Iterator<Item = usize> + '_ {
        self.spans.iter().chain(&self.known_others).flat_map(|span| span.start..span.start + span.count)
    }
}

/// Whether the process of a slot can act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Life {
    /// It acts, and others may give it something.
    Live,
    /// It is dead, and others still use what it owned or borrowed.
    Dying,
    /// Nothing is left of it; another one may have its slot.
    Vacant,
}

/// The latest process of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub generation: u32,
    pub life: Life,
    pub window: Window,
    pub quota: Quota,
}

/// A loan that has not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loan {
    pub parent: Option<LoanId>,
    pub lender: ProcessId,
    pub borrower: ProcessId,
    pub kind: Kind,
    /// Ascending.
    pub keys: Vec<usize>,
    /// 1 for what the owner lends.
    pub depth: u32,
    /// Its lender may revoke it.
    pub revocable_itself: bool,
    /// Somebody may, here or above.
    pub revocable: bool,
    pub deadline: Option<Instant>,
    /// It has ended, and waits for pins of its own or below it.
    pub ending: bool,
}

/// Name of a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinId(pub(crate) u32);

/// A device's use of some keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    /// By which loan; `None` for the owner's own pins.
    pub loan: Option<LoanId>,
    /// Ascending.
    pub keys: Vec<usize>,
    pub direction: Direction,
}

/// The ledger as its rules describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    pub(crate) setup: Setup,
    pub(crate) now: Instant,
    /// By slot; a slot that no process ever had is not there.
    pub(crate) processes: BTreeMap<u16, Process>,
    /// Who owns a key; a key that is not there is free.
    pub(crate) owners: BTreeMap<usize, ProcessId>,
    /// All loans that have not finished.
    pub(crate) loans: BTreeMap<LoanId, Loan>,
    pub(crate) pins: BTreeMap<PinId, Pin>,
    pub(crate) loans_so_far: u32,
    pub(crate) pins_so_far: u32,
    /// What was freed, until somebody asks.
    pub(crate) freed: Vec<usize>,
    /// Effects cannot be reserved.
    pub(crate) refuses: bool,
}

impl Model {
    /// A ledger in which every key is free, and the kernel is the only process.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let (generation, window) = (ProcessId::KERNEL.generation(), Window::default());
        let kernel = Process { generation, life: Life::Live, window, quota: Quota::NONE };
        Self {
            setup,
            now: Instant::default(),
            processes: BTreeMap::from([(ProcessId::KERNEL.slot(), kernel)]),
            owners: BTreeMap::new(),
            loans: BTreeMap::new(),
            pins: BTreeMap::new(),
            loans_so_far: 0,
            pins_so_far: 0,
            freed: Vec::new(),
            refuses: false,
        }
    }

    /// Its sizes.
    #[must_use]
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The present moment.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Lets time pass. Nothing expires before [`Self::expire`].
    pub fn wait(&mut self, nanoseconds: u64) {
        self.now = Instant::from_nanoseconds(self.now.nanoseconds().saturating_add(nanoseconds));
    }

    /// Whether that process acts, is dead but not gone, or is not there (or not any more, or not yet).
    #[must_use]
    pub fn life(&self, process: ProcessId) -> Life {
        match self.processes.get(&process.slot()) {
            Some(latest) if latest.generation == process.generation() => latest.life,
            _ => Life::Vacant,
        }
    }

    /// The latest process of a slot, whatever has become of it.
    #[must_use]
    pub fn latest(&self, slot: u16) -> Option<ProcessId> {
        self.processes.get(&slot).map(|process| ProcessId::from_parts(slot, process.generation))
    }

    /// The process that the slot's next birth makes; `None` while the slot is taken or is no process's.
    #[must_use]
    pub fn next(&self, slot: u16) -> Option<ProcessId> {
        let generation = match self.processes.get(&slot) {
            None => self.setup.first_generation,
            Some(latest) if latest.life == Life::Vacant => latest.generation.checked_add(1)?,
            Some(_) => return None,
        };
        (slot > ProcessId::KERNEL.slot() && slot < self.setup.slots).then(|| ProcessId::from_parts(slot, generation))
    }

    /// All processes that are live or dying, by slot.
    pub fn processes(&self) -> impl Iterator<Item = ProcessId> + '_ {
        let present = self.processes.iter().filter(|(_, process)| process.life != Life::Vacant);
        present.map(|(slot, process)| ProcessId::from_parts(*slot, process.generation))
    }

    /// What was freed since this was asked last, in ascending order.
    pub fn take_freed(&mut self) -> Vec<usize> {
        let mut freed = core::mem::take(&mut self.freed);
        freed.sort_unstable();
        freed
    }

    /// Whether there is no room for effects from now on: acquire, release, transfer, lend and re-lend then find none.
    pub const fn refuse_reservations(&mut self, refuses: bool) {
        self.refuses = refuses;
    }

    /// The loans right below this one.
    pub(crate) fn children(&self, id: LoanId) -> impl Iterator<Item = LoanId> + '_ {
        self.loans.iter().filter(move |(_, loan)| loan.parent == Some(id)).map(|(child, _)| *child)
    }
}
