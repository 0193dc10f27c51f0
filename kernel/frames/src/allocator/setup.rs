//! The allocator's memory, and how it takes over from the frame source.

use core::{fmt, sync::atomic::AtomicU64};

use steward_ledger::{Entry, ProcessId};

use super::{
    FrameAllocator,
    bitmap::Bitmap,
    reservation::{CpuSlot, Reservation},
    spans::{AREA_WORDS, Span, Spans, WORD_FRAMES, low_bits},
    tracking::{self, Note},
};
use crate::{
    Contents, FrameNumber, FrameRange, FrameSource, MemoryMap, RegionKind, Use, accounting::Taken, request::FOUR_GIB,
};

/// How much memory an allocator needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Entries of the ledger's table: one for each tracked frame.
    pub entries: usize,
    /// Words of the bitmap.
    pub words: usize,
    /// Slots: one for each CPU.
    pub slots: usize,
}

impl Needs {
    /// What it needs to track these frames for so many CPUs.
    #[must_use]
    pub fn of(spans: &Spans, cpus: usize) -> Self {
        Self { entries: spans.frames() as usize, words: Bitmap::words_for(spans.areas()), slots: cpus }
    }

    /// All of it, in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        (self.entries * size_of::<Entry>() + self.words * size_of::<AtomicU64>() + self.slots * size_of::<CpuSlot>())
            as u64
    }
}

/// The memory of an allocator, as much as [`Needs`] says at least. All of it is as it is when it is new, which is zeroed.
#[derive(Clone, Copy, Debug)]
pub struct Storage<'a> {
    /// The ledger's table, of which every frame's entry is part.
    pub entries: &'a [Entry],
    /// For the bitmap.
    pub words: &'a [AtomicU64],
    /// One for each CPU.
    pub slots: &'a [CpuSlot],
}

/// The memory handed in is less than [`Needs`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetupError;

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the frame allocator has less memory than it needs to track all frames")
    }
}

impl<'a, C: Contents> FrameAllocator<'a, C> {
    /// Takes over from the source: what is free there becomes free here, and what was taken there stays the kernel's. Its
    /// tokens are given back here from then on. The source has no frames left afterwards.
    ///
    /// `map` is the one that the source was made of. Frames that are neither free nor taken, as those of the kernel's image,
    /// are the kernel's for good.
    ///
    /// # Errors
    /// [`SetupError`] when there is too little storage. The source is as it was then.
    pub fn take_over(
        source: &mut FrameSource,
        map: &MemoryMap,
        storage: Storage<'a>,
        contents: C,
    ) -> Result<Self, SetupError> {
        let spans = Spans::of(map);
        let bitmap = Bitmap::new(storage.words, spans.areas()).ok_or(SetupError)?;
        if (storage.entries.len() as u64) < spans.frames() || storage.slots.is_empty() {
            return Err(SetupError);
        }
        let tracked_end = spans.ranges().last().map_or(0, |range| range.end());
        let free: u64 = source.free.iter().map(|range| range.below(tracked_end).count()).sum();
        let managed = free + source.taken.total();
        let allocator = Self {
            high: spans.first_area_at(FOUR_GIB),
            spans,
            entries: storage.entries,
            bitmap,
            slots: storage.slots,
            managed,
            early: source.taken,
            fixed: source.fixed,
            contents,
        };
        allocator.track(source, map);
        source.hand_over();
        Ok(allocator)
    }

    /// Sets the bits of the free frames, and the entries of all others.
    fn track(&self, source: &FrameSource, map: &MemoryMap) {
        let kernel = ProcessId::KERNEL.slot();
        let mut purposes = Purposes::of(source);
        for span in self.spans.iter() {
            let mut end_before = span.range.start();
            let free = source.free.iter().map(|range| range.within(span.range)).filter(|range| !range.is_empty());
            let behind = FrameRange::new(span.range.end(), span.range.end()).expect("the range is empty");
            for free in free.chain([behind]) {
                for number in end_before..free.start() {
                    let frame = FrameNumber::known(number);
                    let usage = match map.kind_of(frame) {
                        Some(RegionKind::Usable) => purposes.find(frame),
                        Some(RegionKind::BootloaderReclaimable) if source.reclaimed => purposes.find(frame),
                        _ => None,
                    };
                    let note = usage.map_or(Note::FIXED, |usage| Note::taken(usage, 0));
                    tracking::set(&self.entries[span.place(number).entry], kernel, note, || self.contents.relax());
                }
                for_each_word(span, free, |word, bits| self.bitmap.put(word, bits));
                end_before = free.end();
            }
        }
    }

    /// The reservation of a CPU, by its number. `None` when there is no slot for it, or there is such a reservation.
    pub fn reservation(&self, cpu: usize) -> Option<Reservation> {
        if !self.slots.get(cpu)?.hold() {
            return None;
        }
        // CPUs begin far from each other.
        let areas = self.spans.areas();
        let base = if self.high < areas { self.high } else { 0 };
        let area = base + (areas - base) * cpu / self.slots.len();
        Some(Reservation { cpu, word: area * AREA_WORDS, first: 0, entry: 0, tracked: 0 })
    }

    /// Gives the frames of a reservation to all, as when its CPU goes away, or is idle for long.
    pub fn end_reservation(&self, reservation: Reservation) {
        let slot = &self.slots[reservation.cpu];
        let bits = slot.bits();
        slot.set_bits(0);
        if reservation.tracked != 0 {
            if bits != 0 {
                self.bitmap.put(reservation.word, bits);
            }
            self.bitmap.reserved.remove(reservation.word / AREA_WORDS);
        }
        slot.let_go();
    }
}

/// What frames were taken for that a source has handed out.
struct Purposes<'s> {
    source: &'s FrameSource,
    /// Frames of each use that are not listed.
    unlisted: Taken,
}

impl<'s> Purposes<'s> {
    fn of(source: &'s FrameSource) -> Self {
        let mut unlisted = source.taken;
        source.listed.iter().for_each(|(range, usage)| unlisted.remove(*usage, range.count()));
        Self { source, unlisted }
    }

    /// A use for a frame: its own if that is listed, otherwise one that not all frames of have been found. So as many frames have a
    /// use as were taken for it, and whatever comes back is counted. `None` if the frame was not taken.
    fn find(&mut self, frame: FrameNumber) -> Option<Use> {
        if let Some((_, usage)) = self.source.listed.iter().find(|(range, _)| range.contains(frame)) {
            return Some(*usage);
        }
        let usage = Use::ALL.into_iter().find(|&usage| self.unlisted.frames(usage) > 0)?;
        self.unlisted.remove(usage, 1);
        Some(usage)
    }
}

/// Calls `act` with each word that frames of a span lie in, and their bits of it.
pub(crate) fn for_each_word(span: &Span, range: FrameRange, mut act: impl FnMut(usize, u64)) {
    let mut at = range.start();
    while at < range.end() {
        let place = span.place(at);
        let count = (range.end() - at).min(WORD_FRAMES - u64::from(place.bit));
        act(place.word, low_bits(count) << place.bit);
        at += count;
    }
}
