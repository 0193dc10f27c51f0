//! The frame source: hands out free frames, each to one holder at a time.

use crate::{
    FRAME_SIZE, Frame, FrameRange, MAX_REGIONS, MemoryMap, MemoryUse, Owned, RegionKind, Request, Run, TakeError, Use,
    Zone,
    accounting::{Fixed, Taken},
};

/// Number of the lowest frame that is ever handed out. The first MiB is left to firmware, and to starting CPUs, which
/// begin in real mode and can reach nothing else.
pub const FIRST_FRAME: u64 = (1 << 20) / FRAME_SIZE;

/// Most separate stretches of free frames that a source keeps track of.
pub const MAX_FREE_RANGES: usize = MAX_REGIONS + 1;

/// Most stretches of taken frames whose use a source can tell by their numbers.
const MAX_LISTED: usize = 64;

/// Frames that a source did not take back.
#[derive(Debug)]
#[must_use = "it holds the frames"]
pub struct GiveBackError {
    /// The frames, still their holder's.
    pub run: Run<Owned>,
    /// Whether it was for lack of room: the source tracks [`MAX_FREE_RANGES`] stretches already. Otherwise the frames
    /// were not taken from this source.
    pub no_room: bool,
}

/// The machine's free frames.
///
/// Frames are taken from the top of memory down, so that what lies below 4 GiB lasts for those who need it. The
/// value takes about 18 KiB, and every call looks at each free stretch at most once.
///
/// # Invariants
/// Free stretches are sorted and not empty, and no two overlap or touch. None reaches below [`FIRST_FRAME`]. A frame
/// is either in one of them or in one token, never in both.
#[derive(Debug)]
pub struct FrameSource {
    pub(crate) free: heapless::Vec<FrameRange, MAX_FREE_RANGES>,
    pub(crate) taken: Taken,
    pub(crate) fixed: Fixed,
    pub(crate) reclaimed: bool,
    /// What most of the taken frames were taken for. Those that found no room here are counted in `taken` all the same.
    pub(crate) listed: heapless::Vec<(FrameRange, Use), MAX_LISTED>,
}

impl FrameSource {
    /// A source of all usable frames of the map from 1 MiB up.
    ///
    /// Make one per machine: a second one would hand out the same frames.
    #[must_use]
    pub fn new(map: &MemoryMap) -> Self {
        let usable = map.regions().iter().filter(|region| region.kind == RegionKind::Usable);
        // INVARIANT: a map's regions are sorted and disjoint, and usable ones that touch are one.
        let free: heapless::Vec<_, MAX_FREE_RANGES> =
            usable.map(|region| region.range.at_or_above(FIRST_FRAME)).filter(|range| !range.is_empty()).collect();
        Self { free, taken: Taken::default(), fixed: Fixed::of(map), reclaimed: false, listed: heapless::Vec::new() }
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// [`TakeError::OutOfFrames`] when the zone has none left.
    pub fn take(&mut self, usage: Use, zone: Zone) -> Result<Frame<Owned>, TakeError> {
        let run = self.take_run(Request::one(usage).within(zone))?;
        Ok(run.into_frames().next().expect("a run holds at least one frame"))
    }

    /// Takes a run of frames.
    ///
    /// # Errors
    /// [`TakeError`] when the request makes no sense, or cannot be met.
    pub fn take_run(&mut self, request: Request) -> Result<Run<Owned>, TakeError> {
        if !request.is_sensible() {
            return Err(TakeError::BadRequest);
        }
        let Some((index, run)) = self.find(&request) else {
            let ceiling = request.zone.end();
            let available: u64 = self.free.iter().map(|range| range.below(ceiling).count()).sum();
            let enough = available >= request.frames;
            return Err(if enough { TakeError::TooFragmented } else { TakeError::OutOfFrames });
        };
        self.cut_out(index, run);
        self.taken.add(request.usage, run.count());
        self.list(run, request.usage);
        Ok(Run::new(run, request.usage))
    }

    /// Takes frames back, to be handed out again.
    ///
    /// # Errors
    /// [`GiveBackError`] returns the frames when the source cannot take them.
    pub fn give_back(&mut self, run: impl Into<Run<Owned>>) -> Result<(), GiveBackError> {
        let run = run.into();
        let (range, usage) = (run.range(), run.usage());
        let is_foreign = range.start() < FIRST_FRAME
            || self.free.iter().any(|free| free.overlaps(range))
            || self.taken.frames(usage) < range.count();
        if is_foreign {
            return Err(GiveBackError { run, no_room: false });
        }
        if self.add_free(range).is_err() {
            return Err(GiveBackError { run, no_room: true });
        }
        self.taken.remove(usage, range.count());
        self.strike(range, usage);
        Ok(())
    }

    /// Makes the boot loader's memory free, from 1 MiB up. Nothing of the loader's may be in use any more: neither its page
    /// tables nor its stack, nor what it handed over. A second call does nothing. `map` is that of [`Self::new`].
    ///
    /// Where the source has no room to track it, memory stays the loader's.
    pub fn reclaim_from_loader(&mut self, map: &MemoryMap) {
        if core::mem::replace(&mut self.reclaimed, true) {
            return;
        }
        let loader = map.regions().iter().filter(|region| region.kind == RegionKind::BootloaderReclaimable);
        for range in loader.map(|region| region.range.at_or_above(FIRST_FRAME)).filter(|range| !range.is_empty()) {
            if self.add_free(range).is_ok() {
                self.fixed.reclaim(range.bytes());
            }
        }
    }

    /// Adds a stretch that is neither free nor taken, joining it to its neighbours; fails when there is no room for it.
    fn add_free(&mut self, range: FrameRange) -> Result<(), FrameRange> {
        let after = self.free.partition_point(|free| free.start() < range.start());
        let joins_before = after > 0 && self.free[after - 1].end() == range.start();
        let joins_after = self.free.get(after).is_some_and(|free| free.start() == range.end());
        let start = if joins_before { self.free[after - 1].start() } else { range.start() };
        let end = if joins_after { self.free[after].end() } else { range.end() };
        let joined = between(start, end);
        match (joins_before, joins_after) {
            (true, true) => {
                self.free[after - 1] = joined;
                self.free.remove(after);
            }
            (true, false) => self.free[after - 1] = joined,
            (false, true) => self.free[after] = joined,
            (false, false) => return self.free.insert(after, joined),
        }
        Ok(())
    }

    /// Remembers what the frames were taken for, if there is room.
    fn list(&mut self, range: FrameRange, usage: Use) {
        let touching = |other: FrameRange| other.end() == range.start() || other.start() == range.end();
        match self.listed.iter_mut().find(|(other, for_what)| *for_what == usage && touching(*other)) {
            Some((other, _)) => *other = between(other.start().min(range.start()), other.end().max(range.end())),
            None => drop(self.listed.push((range, usage))),
        }
    }

    /// Forgets what the frames were taken for.
    fn strike(&mut self, range: FrameRange, usage: Use) {
        let around = |other: FrameRange| other.start() <= range.start() && range.end() <= other.end();
        let Some(index) = self.listed.iter().position(|(other, for_what)| *for_what == usage && around(*other)) else {
            return;
        };
        let (whole, _) = self.listed.swap_remove(index);
        for rest in [between(whole.start(), range.start()), between(range.end(), whole.end())] {
            if !rest.is_empty() {
                // Without room for both parts, one is no longer told by its number.
                let _ = self.listed.push((rest, usage));
            }
        }
    }

    /// Forgets all frames: somebody else has them.
    pub(crate) fn hand_over(&mut self) {
        self.free.clear();
        self.listed.clear();
        self.taken = Taken::default();
    }

    /// How many frames are free.
    #[must_use]
    pub fn free_frames(&self) -> u64 {
        self.free.iter().map(|range| range.count()).sum()
    }

    /// Where every byte of the machine's memory went, as of now.
    #[must_use]
    pub fn memory_use(&self) -> MemoryUse {
        MemoryUse::new(&self.fixed, &self.taken, self.free_frames())
    }

    /// The highest run that meets the request, and the free stretch it lies in.
    fn find(&self, request: &Request) -> Option<(usize, FrameRange)> {
        let ceiling = request.zone.end();
        self.free.iter().enumerate().rev().find_map(|(index, range)| {
            let highest_start = range.end().min(ceiling).checked_sub(request.frames)?;
            let start = highest_start & !(request.alignment - 1);
            if start < range.start() {
                return None;
            }
            let run = between(start, start + request.frames);
            // A run out of the middle leaves two stretches for one; there must be room to remember both.
            let splits = range.start() < run.start() && run.end() < range.end();
            (!splits || !self.free.is_full()).then_some((index, run))
        })
    }

    fn cut_out(&mut self, index: usize, run: FrameRange) {
        let whole = self.free[index];
        let (below, above) = (between(whole.start(), run.start()), between(run.end(), whole.end()));
        match (below.is_empty(), above.is_empty()) {
            (true, true) => {
                self.free.remove(index);
            }
            (false, true) => self.free[index] = below,
            (true, false) => self.free[index] = above,
            (false, false) => {
                self.free[index] = below;
                self.free
                    .insert(index + 1, above)
                    .expect("`find` splits a stretch only when there is room for both parts");
            }
        }
    }
}

fn between(start: u64, end: u64) -> FrameRange {
    FrameRange::new(start, end).expect("both ends lie in one stretch of frames, in order")
}
