//! Frames in a row, and frames of a zone: searched for in the bitmap, then taken one entry after the other.

use steward_ledger::ProcessId;

use super::{
    FrameAllocator,
    bitmap::Wanted,
    range,
    reservation::Reservation,
    setup::for_each_word,
    spans::{AREA_FRAMES, Span, WORD_FRAMES},
    tracking::{Holds, Note, is_somebody},
};
use crate::{Contents, FrameRange, Owned, Request, Run, TakeError, Zone, request::FOUR_GIB};

/// Passes over all frames, those that CPUs have reserved included, before a request fails although each pass found what
/// would have met it.
const PASSES: usize = 4;

/// Frames of 1 GiB.
const GIB_FRAMES: u64 = (1 << 30) / crate::FRAME_SIZE;

impl<C: Contents> FrameAllocator<'_, C> {
    /// Takes a run of frames and makes it `owner`'s, as [`Self::take`] does with one.
    ///
    /// Frames that CPUs have reserved are looked at only when there is no other such run.
    ///
    /// # Errors
    /// [`TakeError`] when the request makes no sense, or cannot be met.
    pub fn take_run(
        &self,
        reservation: &mut Reservation,
        owner: ProcessId,
        request: Request,
    ) -> Result<Run<Owned>, TakeError> {
        if !request.is_sensible() || !is_somebody(owner) {
            return Err(TakeError::BadRequest);
        }
        match self.pass(reservation, owner, &request, false) {
            Search::Taken(run) => Ok(self.counted(reservation, run)),
            _ => self.take_from_all(reservation, owner, &request),
        }
    }

    /// Takes a run from all frames, those that CPUs have reserved included.
    pub(crate) fn take_from_all(
        &self,
        reservation: &Reservation,
        owner: ProcessId,
        request: &Request,
    ) -> Result<Run<Owned>, TakeError> {
        for _ in 0..PASSES {
            match self.pass(reservation, owner, request, true) {
                Search::Taken(run) => return Ok(self.counted(reservation, run)),
                Search::Lost => {}
                // A frame on its way into another CPU's reservation is in no word for a moment.
                Search::Nothing if request.frames == 1 && self.are_free(request.zone, 1) => {}
                Search::Nothing => break,
            }
        }
        Err(if self.are_free(request.zone, request.frames) { TakeError::TooFragmented } else { TakeError::OutOfFrames })
    }

    fn counted(&self, reservation: &Reservation, run: Run<Owned>) -> Run<Owned> {
        self.slots[reservation.cpu].count_taken(run.usage(), run.range().count());
        run
    }

    /// Looks once at all frames that could meet the request.
    fn pass(&self, reservation: &Reservation, owner: ProcessId, request: &Request, reserved: bool) -> Search {
        let mut lost = false;
        for zone in zones(request.zone) {
            for span in self.spans.iter() {
                let mut window = span.range.within(zone);
                while let Some(start) = self.find(span, window, request, reserved) {
                    match self.claim(reservation, span, start, owner, request) {
                        Ok(run) => return Search::Taken(run),
                        Err(taken) => {
                            lost = true;
                            window = window.at_or_above(taken + 1);
                        }
                    }
                }
            }
        }
        if lost { Search::Lost } else { Search::Nothing }
    }

    /// The first frame of the first run of free frames in that part of a span that meets the request.
    fn find(&self, span: &Span, window: FrameRange, request: &Request, reserved: bool) -> Option<u64> {
        let whole_areas =
            !reserved && request.frames.is_multiple_of(AREA_FRAMES) && request.alignment.is_multiple_of(AREA_FRAMES);
        let mut start = window.start();
        loop {
            start = if whole_areas {
                self.seek_whole(span, start, window.end())
            } else {
                self.seek(span, start, window.end(), true, reserved)
            };
            // No frame has so high a number that this could overflow, unless the alignment is absurd.
            start = start.checked_next_multiple_of(request.alignment)?;
            let end = start.checked_add(request.frames).filter(|&end| end <= window.end())?;
            let used = self.seek(span, start, end, false, reserved);
            if used == end {
                return Some(start);
            }
            start = used + 1;
        }
    }

    /// The first frame of `at..end` in the span that is free, or that is not; `end` when there is none.
    fn seek(&self, span: &Span, mut at: u64, end: u64, free: bool, reserved: bool) -> u64 {
        while at < end {
            let place = span.place(at);
            let area = place.word / super::AREA_WORDS;
            if free && !reserved {
                match self.bitmap.next(area, span.area + span.areas(), Wanted::Some) {
                    None => return end,
                    Some(next) if next > area => {
                        at = span.area_start(next);
                        continue;
                    }
                    Some(_) => {}
                }
            }
            let hints = self.hints(place.word, reserved);
            let word = (if free { hints } else { !hints }) >> place.bit;
            if word != 0 {
                return (at + u64::from(word.trailing_zeros())).min(end);
            }
            at = (at / WORD_FRAMES + 1) * WORD_FRAMES;
        }
        end
    }

    /// The first frame of the first area of `at..end` all of whose frames are free; `end` when there is none.
    fn seek_whole(&self, span: &Span, at: u64, end: u64) -> u64 {
        if at >= end {
            return end;
        }
        let from = span.area + (at.div_ceil(AREA_FRAMES) - span.range.start() / AREA_FRAMES) as usize;
        let areas = span.area + span.areas();
        let mut area = from;
        while area < areas && !self.bitmap.whole.has(area) {
            area += 1;
        }
        if area < areas { span.area_start(area) } else { end }
    }

    /// Bits of a word's free frames, with those in reservations or without.
    pub(crate) fn hints(&self, word: usize, reserved: bool) -> u64 {
        let shared = self.bitmap.word(word);
        if !reserved {
            return shared;
        }
        let tracked = self.spans.word(word).tracked;
        let hints = self.slots.iter().map(super::CpuSlot::hint).filter(|(of, _)| *of == word);
        shared | hints.fold(0, |all, (_, bits)| all | bits) & tracked
    }

    /// Makes the frames `owner`'s, all or none; the error is the first that is not free.
    fn claim(
        &self,
        reservation: &Reservation,
        span: &Span,
        start: u64,
        owner: ProcessId,
        request: &Request,
    ) -> Result<Run<Owned>, u64> {
        let run = range(start, request.frames);
        let note = Note::taken(request.usage, order(run));
        let mut zeroed = true;
        for frame in run.iter() {
            let number = frame.as_u64();
            match self.acquire(span.place(number).entry, owner, note) {
                Ok(before) => {
                    self.prepare(&self.slots[reservation.cpu], number, before, false);
                    zeroed &= before.holds() == Holds::Zeroes;
                }
                Err(_) => {
                    self.undo(span, run.below(number), owner);
                    self.drop_stale(span, number);
                    return Err(number);
                }
            }
        }
        for_each_word(span, run, |word, bits| self.bitmap.clear(word, bits));
        if (request.zeroed || owner != ProcessId::KERNEL) && !zeroed {
            self.contents.zero(run);
        }
        Ok(Run::new(run, request.usage))
    }

    /// Makes frames free again that were taken a moment ago.
    fn undo(&self, span: &Span, run: FrameRange, owner: ProcessId) {
        for frame in run.iter() {
            self.release(span.place(frame.as_u64()).entry, owner, frame.as_u64())
                .expect("nobody else knows that the frame was taken");
        }
        // Who took a hint at one of them meanwhile has dropped it.
        for_each_word(span, run, |word, bits| self.bitmap.put(word, bits));
    }

    /// Clears a bit in the bitmap that said of a frame that it is free.
    fn drop_stale(&self, span: &Span, number: u64) {
        let place = span.place(number);
        self.bitmap.drop_stale(place.word, 1 << place.bit, || self.entries[place.entry].word().owner() == 0);
    }

    /// Whether so many frames of a zone are free.
    fn are_free(&self, zone: Zone, frames: u64) -> bool {
        let mut missing = frames;
        for span in self.spans.iter() {
            let window = span.range.below(zone.end());
            let mut at = window.start();
            while missing > 0 && at < window.end() {
                let hint = self.seek(span, at, window.end(), true, true);
                if hint < window.end() && self.entries[span.place(hint).entry].word().owner() == 0 {
                    missing -= 1;
                }
                at = hint + 1;
            }
        }
        missing == 0
    }
}

/// What a pass came to.
enum Search {
    Taken(Run<Owned>),
    /// There were frames, but others took them first.
    Lost,
    Nothing,
}

/// Where to look for frames of a zone, in this order.
fn zones(zone: Zone) -> impl Iterator<Item = FrameRange> {
    let all = range(0, zone.end());
    let high = all.at_or_above(FOUR_GIB);
    (!high.is_empty()).then_some(high).into_iter().chain([all])
}

/// What the note says of a run's size.
fn order(run: FrameRange) -> u32 {
    let frames = run.count();
    let is_block = frames.is_power_of_two() && run.start().is_multiple_of(frames);
    match frames {
        GIB_FRAMES if is_block => 10,
        _ if is_block && frames <= AREA_FRAMES => frames.trailing_zeros(),
        _ => 0,
    }
}
