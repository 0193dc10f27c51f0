//! The machine's free frames, for all CPUs.
//!
//! While the page tables are built, a simple source hands them out. Then the allocator takes over, which tracks each of them
//! in the [`ledger`].

mod contents;
mod storage;

use spin::Once;
use steward_frames::{
    FrameAllocator, FrameRange, FrameSource, MemoryMap, MemoryUse, Needs, Owned, Refused, Request, Reservation, Run,
    Spans, Storage, TakeError, Use,
};
use steward_ledger::{Entry, Error, ProcessId};
#[cfg(feature = "ktest")]
use x86_64::instructions::interrupts::without_interrupts;
#[cfg(feature = "c")]
use {
    steward_frames::FrameNumber,
    steward_ledger::{Extent, Life},
};

use crate::{
    heap::cpus as heap,
    ledger,
    lock::Lock,
    memory::MapError,
    shortage,
    smp::{self, MOST_CPUS},
};
use contents::DirectMap;
pub(crate) use storage::{fill, filled, request};

/// The frames until the allocator has them; set when the page tables are built.
static EARLY: Lock<Option<FrameSource>> = Lock::new(None);
static ALLOCATOR: Once<FrameAllocator<'static, DirectMap>> = Once::new();
/// Each CPU's reservation, from its first use of the allocator on.
///
/// Lock order: the locks of page tables, then of the heap, then a CPU's own one of these.
static RESERVATIONS: [Lock<Option<Reservation>>; MOST_CPUS] = [const { Lock::new(None) }; MOST_CPUS];

/// Sets the machine's free frames.
pub(crate) fn begin(source: FrameSource) {
    *EARLY.lock() = Some(source);
}

/// Makes the boot loader's memory free, gives all free frames to the allocator, and opens the ledger. The kernel's own page
/// tables must be in force, and nothing of the loader's used.
///
/// # Errors
/// [`MapError::OutOfFrames`] when there is no memory to track the frames in.
pub(crate) fn take_over(map: &MemoryMap) -> Result<(), MapError> {
    let mut early = EARLY.lock();
    let source = early.as_mut().ok_or(MapError::TooEarly)?;
    source.reclaim_from_loader(map);
    let spans = Spans::of(map);
    let needs = Needs::of(&spans, MOST_CPUS);
    let storage = Storage {
        entries: filled(source, needs.entries, Entry::free)?,
        words: filled(source, needs.words, Default::default)?,
        slots: filled(source, needs.slots, Default::default)?,
    };
    let room = ledger::Room::take(source, spans.frames())?;
    let allocator =
        FrameAllocator::take_over(source, map, storage, DirectMap).expect("it has the memory that it needs");
    ledger::open(storage.entries, &spans, room);
    ALLOCATOR.call_once(|| allocator);
    *early = None;
    Ok(())
}

/// Runs `act` with the allocator and this CPU's reservation; `None` before there is an allocator.
fn with_allocator<R>(act: impl FnOnce(&FrameAllocator<'static, DirectMap>, &mut Reservation) -> R) -> Option<R> {
    let allocator = ALLOCATOR.get()?;
    let cpu = smp::current().as_usize();
    let mut own = RESERVATIONS[cpu].lock();
    let reservation = own.get_or_insert_with(|| {
        allocator.reservation(cpu).expect("every CPU has a slot, and takes its reservation once")
    });
    Some(act(allocator, reservation))
}

/// Takes frames for the kernel from the machine's free ones, or from those that the heap keeps for later. They hold whatever
/// they held.
///
/// # Errors
/// [`MapError::OutOfFrames`] with the allocator's reason; [`MapError::TooEarly`] before the page tables are built.
pub fn take(request: Request) -> Result<Run<Owned>, MapError> {
    if shortage::strikes() {
        return Err(MapError::OutOfFrames(TakeError::OutOfFrames));
    }
    match take_free(request) {
        Err(MapError::OutOfFrames(TakeError::OutOfFrames | TakeError::TooFragmented))
            if heap::give_up_spare(request.frames()) =>
        {
            take_free(request)
        }
        done => done,
    }
}

/// The same for the heap, which has its locks: it must give up what it keeps by itself.
///
/// # Errors
/// As [`take`].
pub(crate) fn take_for_heap(request: Request) -> Result<Run<Owned>, MapError> {
    if shortage::strikes() { Err(MapError::OutOfFrames(TakeError::OutOfFrames)) } else { take_free(request) }
}

fn take_free(request: Request) -> Result<Run<Owned>, MapError> {
    let taken = with_allocator(|allocator, reservation| {
        let count = u32::try_from(request.frames()).map_err(|_| TakeError::OutOfFrames)?;
        // Counted before any entry names the kernel, as the ledger asks.
        ledger::with(|ledger| ledger.count(ProcessId::KERNEL, count)).map_err(|_| TakeError::OutOfFrames)?;
        let run = if request.is_any_one() {
            allocator.take(reservation, ProcessId::KERNEL, request.usage()).map(Run::from)
        } else {
            allocator.take_run(reservation, ProcessId::KERNEL, request)
        };
        run.inspect_err(|_| ledger::with(|ledger| ledger.discount(ProcessId::KERNEL, count)))
    });
    match taken {
        Some(taken) => taken.map_err(MapError::OutOfFrames),
        None => EARLY.lock().as_mut().ok_or(MapError::TooEarly)?.take_run(request).map_err(MapError::OutOfFrames),
    }
}

/// Takes this frame for a process, zeroed, if it is free. One that the heap keeps for later is not: who names a frame is told
/// whose it is, and cannot have the heap give up what it keeps.
///
/// # Errors
/// Those of [`steward_ledger::Ledger::acquire`].
#[cfg(feature = "c")]
pub fn take_for(process: ProcessId, frame: FrameNumber) -> Result<(), Error> {
    if ledger::with(|ledger| ledger.life(process)) != Life::Live {
        return Err(Error::Invalid);
    }
    if shortage::strikes() {
        return Err(Error::NoMemory);
    }
    let key = frame.as_u64() as usize;
    // Its quota comes before whose the frame is, but not before whether there is one.
    ledger::with(|ledger| {
        let counted = ledger.count(process, 1).map(|()| ledger.discount(process, 1));
        counted.map_err(|full| ledger.view(key).err().unwrap_or(full))
    })?;
    // The kernel's first: should the process die meanwhile, only the ledger itself may make something its own.
    let taken = with_allocator(|allocator, reservation| {
        ledger::with(|ledger| ledger.count(ProcessId::KERNEL, 1))?;
        let taken = allocator.take_this(reservation, ProcessId::KERNEL, frame, Use::User);
        taken.inspect_err(|_| ledger::with(|ledger| ledger.discount(ProcessId::KERNEL, 1)))
    });
    let taken = taken.ok_or(Error::Invalid)??;
    let keys = [Extent::one(key)];
    ledger::with(|ledger| ledger.transfer(ProcessId::KERNEL, process, &keys, &mut ledger::Kernel)).inspect_err(|_| {
        give_back(taken.into()).expect("nobody has borrowed it");
    })
}

/// Gives frames back to the machine's free ones.
///
/// # Errors
/// [`Refused`] returns frames that are not taken back, as none are before the allocator has taken over.
pub fn give_back(run: Run<Owned>) -> Result<(), Refused> {
    let count = run.range().count() as u32;
    let mut run = Some(run);
    let given = with_allocator(|allocator, reservation| {
        allocator.put_run(reservation, ProcessId::KERNEL, run.take().expect("it is given back once"))
    });
    let given = given.unwrap_or_else(|| {
        let run = run.take().expect("nobody has taken it");
        let frame = run.range().iter().next().expect("a run holds at least one frame");
        Err(Refused { run, frame, error: Error::Invalid })
    });
    given.inspect(|()| ledger::with(|ledger| ledger.discount(ProcessId::KERNEL, count)))
}

/// Makes frames free that the ledger says belong to nobody any more.
pub(crate) fn put_freed(frames: FrameRange) {
    let put = with_allocator(|allocator, reservation| allocator.put_freed(reservation, frames));
    debug_assert!(put.is_some(), "processes come after the allocator");
}

/// Whether so many frames, anywhere, would be free if the heap gave all back that it has.
pub(crate) fn could_be_free(frames: u64) -> bool {
    let bytes = |memory: &MemoryUse, row| memory.bytes(row).unwrap_or(0);
    let most = memory_use().map_or(0, |memory| bytes(&memory, "free") + bytes(&memory, Use::Heap.name()));
    frames <= most / steward_frames::FRAME_SIZE
}

/// Where every byte of the machine's memory went; `None` before the page tables are built.
#[must_use]
pub fn memory_use() -> Option<MemoryUse> {
    match ALLOCATOR.get() {
        Some(allocator) => Some(allocator.memory_use()),
        None => EARLY.lock().as_ref().map(FrameSource::memory_use),
    }
}

/// What the allocator finds when it looks at every frame; nobody may take or give back meanwhile.
#[cfg(feature = "ktest")]
pub(crate) fn check() -> Option<steward_frames::Hints> {
    ALLOCATOR.get().map(|allocator| without_interrupts(|| allocator.check()))
}
