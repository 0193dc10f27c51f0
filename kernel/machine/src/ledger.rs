//! The kernel's ledger: the owners of all frames and of all other resources, and the loans of them.

use spin::Once;
use steward_frames::{FRAME_SIZE, FrameRange, FrameSource, Spans};
use steward_ledger::{
    Account, Bucket, Change, Clock, Effects, Entry, Error, Extent, Instant, Ledger, LoanSlot, Others, ProcessId, Quota,
    Span, Table, Window,
};
use x86_64::instructions::interrupts::without_interrupts;

use crate::{clock, frames, lock::Lock, memory::MapError, resources, shortage, smp, timer::TICK_HZ};

/// Most stretches of memory that have entries of their own.
const MOST_SPANS: usize = steward_frames::MAX_REGIONS;
/// So many frames of memory give room for one more process.
const FRAMES_A_PROCESS: u64 = 2048;
/// Room for processes on the smallest and the largest machine.
const PROCESSES: core::ops::RangeInclusive<u64> = 64..=4096;
/// So many frames of memory give room for one more loan.
const FRAMES_A_LOAN: u64 = 4096;
/// Room for loans on the smallest machine.
const LEAST_LOANS: u64 = 42;
/// So many frames of memory give another bucket for keys that are no frames.
const FRAMES_A_BUCKET: u64 = 4096;
/// Buckets on the smallest machine.
const LEAST_BUCKETS: u64 = 32;
/// Buckets for chains that are longer. What was taken before the ledger opens finds room however it comes together.
const MORE_BUCKETS: usize = 32;
const NANOSECONDS: u64 = 1_000_000_000;
/// What time may pass between two ticks. If more seems to have passed, the machine stood still or its counter jumped.
const LONGEST_STEP: u64 = NANOSECONDS;

static SPANS: Once<heapless::Vec<Span, MOST_SPANS>> = Once::new();
static LEDGER: Once<Ledger<'static>> = Once::new();
/// Held while room is added.
///
/// Lock order: before those of the heap and of [`frames`].
static GROWING: Lock<()> = Lock::new(());
/// Time for deadlines.
static CLOCK: Once<Clock> = Once::new();

/// Memory for processes, loans, and keys that are no frames.
pub(crate) struct Room {
    accounts: &'static [Account],
    loans: &'static [LoanSlot],
    buckets: &'static [Bucket],
    more_buckets: &'static [Bucket],
}

impl Room {
    /// As much as suits a machine of so many frames.
    ///
    /// # Errors
    /// [`MapError::OutOfFrames`] when there is not so much.
    pub(crate) fn take(source: &mut FrameSource, frames: u64) -> Result<Self, MapError> {
        let processes = (frames / FRAMES_A_PROCESS).clamp(*PROCESSES.start(), *PROCESSES.end());
        let loans = (frames / FRAMES_A_LOAN).max(LEAST_LOANS);
        let buckets = (frames / FRAMES_A_BUCKET).max(LEAST_BUCKETS).next_power_of_two();
        Ok(Self {
            accounts: frames::filled(source, processes as usize, Account::new)?,
            loans: frames::filled(source, loans as usize, LoanSlot::new)?,
            buckets: frames::filled(source, buckets as usize, Bucket::new)?,
            more_buckets: frames::filled(source, MORE_BUCKETS, Bucket::new)?,
        })
    }
}

/// Opens the ledger, once, over the table of all frames. All other keys are [`resources`].
pub(crate) fn open(entries: &'static [Entry], frames: &Spans, room: Room) {
    let spans = SPANS.call_once(|| {
        let mut first = 0;
        let span = |range: FrameRange| {
            let keys = Extent { start: range.start() as usize, count: range.count() as usize };
            let span = Span { keys, first };
            first += keys.count;
            span
        };
        frames.ranges().map(span).collect()
    });
    LEDGER.call_once(|| {
        let table = Table::new(entries, spans).expect("the allocator's stretches are in order and have entries each");
        // Whoever could choose keys that come together has to guess this.
        let others = Others::new(room.buckets, resources::FIRST, clock::ticks()).expect("a power of two");
        others.grow(room.more_buckets).expect("once is not too often");
        let table = table.with_others(others);
        let ledger = Ledger::new(table, room.accounts).expect("the table names no owner but the kernel");
        let ledger = ledger.with_relax(smp::relax);
        ledger.grow(room.loans).expect("the first loans find room");
        ledger
    });
    resources::enter_early();
}

/// Asks the ledger, or has it do something, on this CPU and without interrupts: the tick ends loans, and must not find
/// the CPU in the middle of something.
///
/// # Panics
/// Before the frame allocator has taken over.
pub fn with<R>(act: impl FnOnce(&Ledger<'static>) -> R) -> R {
    let ledger = LEDGER.get().expect("the ledger is open since memory was set up");
    without_interrupts(|| act(ledger))
}

/// A new process.
///
/// # Errors
/// [`Error::NoMemory`] when there are as many as there can be.
pub fn admit(quota: Quota, window: Window) -> Result<ProcessId, Error> {
    if shortage::strikes() { Err(Error::NoMemory) } else { with(|ledger| ledger.admit(quota, window)) }
}

/// A process dies; between the steps of that, interrupts come through.
///
/// # Errors
/// [`Error::Invalid`] if it does not live, or is the kernel.
pub fn die(process: ProcessId) -> Result<(), Error> {
    let mut death = with(|ledger| ledger.begin_death(process))?;
    while with(|ledger| ledger.go_on(&mut death, &mut Kernel)) {}
    Ok(())
}

/// Makes room for so many more loans at least, for good.
///
/// # Errors
/// [`Error::NoMemory`] when there are no frames for that, or the ledger can have no more.
pub fn grow(loans: usize) -> Result<(), Error> {
    let _growing = GROWING.lock();
    // Whole frames of them: however few are asked for, the ledger can grow only so often.
    let loans = loans.next_multiple_of(FRAME_SIZE as usize / size_of::<LoanSlot>());
    if !with(|ledger| ledger.has_room_for(loans)) {
        return Err(Error::NoMemory);
    }
    let run = frames::take(frames::request::<LoanSlot>(loans)).map_err(|_| Error::NoMemory)?;
    let slots = frames::fill(run, loans, LoanSlot::new);
    with(|ledger| ledger.grow(slots)).inspect_err(|_| unreachable!("the ledger grows nowhere else"))
}

/// Makes room for so many more keys that are no frames at least, for good, unless there is.
///
/// # Errors
/// [`Error::NoMemory`] when there are no frames for that, or the ledger can have no more.
pub(crate) fn grow_others(keys: usize) -> Result<(), Error> {
    let _growing = GROWING.lock();
    let (spare, buckets, has_room) = with(|ledger| {
        let others = ledger.table().others().expect("the ledger was opened with them");
        // As many as there are: however few are asked for, the ledger can grow only so often. In the worst case each
        // of the keys comes to the end of a chain that has no room.
        let buckets = others.buckets().max(keys);
        (others.spare_buckets(), buckets, others.has_room_for(buckets))
    });
    // Another CPU may have seen to it.
    if spare >= keys {
        return Ok(());
    }
    if !has_room {
        return Err(Error::NoMemory);
    }
    let run = frames::take(frames::request::<Bucket>(buckets)).map_err(|_| Error::NoMemory)?;
    let more = frames::fill(run, buckets, Bucket::new);
    with(|ledger| ledger.table().others().expect("as before").grow(more))
}

/// What the kernel does along with changes of the ledger.
#[derive(Debug)]
pub struct Kernel;

impl Effects for Kernel {
    fn reserve(&mut self, _: &Change<'_>) -> Result<(), Error> {
        if shortage::strikes() { Err(Error::NoMemory) } else { Ok(()) }
    }

    fn freed(&mut self, keys: Extent) {
        if keys.start >= resources::FIRST {
            return;
        }
        let frames = FrameRange::new(keys.start as u64, (keys.start + keys.count) as u64);
        frames::put_freed(frames.expect("keys of spans are numbers of frames"));
    }

    fn relax(&mut self) {
        smp::relax();
    }
}

/// What is given up needs nothing for that.
struct GivingUp;

impl Effects for GivingUp {
    fn freed(&mut self, keys: Extent) {
        Kernel.freed(keys);
    }

    fn relax(&mut self) {
        smp::relax();
    }
}

/// Gives keys of the kernel's up of which there is no token any more. Frames become free.
///
/// # Errors
/// [`Error::Borrowed`] and [`Error::NotOwner`] when one of them is lent, or not the kernel's; [`Error::Invalid`] before there is
/// a ledger. They stay as they are then.
pub(crate) fn give_up(keys: Extent) -> Result<(), Error> {
    let ledger = LEDGER.get().ok_or(Error::Invalid)?;
    without_interrupts(|| ledger.release(ProcessId::KERNEL, &[keys], &mut GivingUp))
}

/// Starts the time that deadlines are told in, by a counter of that rate.
pub(crate) fn start_clock(hz: u64) {
    CLOCK.call_once(|| Clock::new(clock::ticks(), u64::BITS, hz, NANOSECONDS / TICK_HZ, LONGEST_STEP));
}

/// The time that deadlines are told in; `None` on a machine without a tick, where nothing ends by itself.
#[must_use]
pub fn now() -> Option<Instant> {
    CLOCK.get().map(|clock| without_interrupts(|| clock.advance(clock::ticks())))
}

/// Ends the loans whose time is over. Called at each tick, with interrupts off.
pub(crate) fn on_tick() {
    if let (Some(ledger), Some(now)) = (LEDGER.get(), now()) {
        ledger.expire(now, &mut Kernel);
    }
}
