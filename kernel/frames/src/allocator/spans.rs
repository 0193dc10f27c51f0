//! Which frames are tracked, and where what is known of each has its place.

use crate::{FrameRange, MemoryMap, RegionKind, source::FIRST_FRAME};

/// Frames of a word of the bitmap.
pub(crate) const WORD_FRAMES: u64 = 64;
/// Words of an area.
pub(crate) const AREA_WORDS: usize = 8;
/// Frames of an area: 2 MiB, what one large page maps.
pub(crate) const AREA_FRAMES: u64 = WORD_FRAMES * AREA_WORDS as u64;

/// Most spans. A map with more stretches of memory has the smallest of the holes between them tracked like memory.
const MAX_SPANS: usize = 64;

/// Most frames that are tracked: 16 TiB. Memory behind is left alone.
const MAX_FRAMES: u64 = 1 << 32;

/// Tracked frames that follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) range: FrameRange,
    /// Index of the first frame's entry.
    entry: u64,
    /// Index of the area that the first frame lies in.
    pub(crate) area: usize,
}

/// Where what is known of a frame has its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) entry: usize,
    pub(crate) word: usize,
    pub(crate) bit: u32,
}

/// What a word of the bitmap is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WordPlace {
    /// Number of the frame of bit 0, whether or not that is tracked.
    pub(crate) first: u64,
    /// Index of the entry that the frame of bit 0 has or would have; wraps.
    pub(crate) entry: u64,
    /// Bits of tracked frames.
    pub(crate) tracked: u64,
}

impl Span {
    pub(crate) fn areas(&self) -> usize {
        (self.range.end().div_ceil(AREA_FRAMES) - self.range.start() / AREA_FRAMES) as usize
    }

    /// Place of a frame of the span.
    pub(crate) fn place(&self, frame: u64) -> Place {
        debug_assert!(self.range.start() <= frame && frame < self.range.end());
        let area = self.area + (frame / AREA_FRAMES - self.range.start() / AREA_FRAMES) as usize;
        let word = area * AREA_WORDS + (frame / WORD_FRAMES) as usize % AREA_WORDS;
        let entry = self.entry + (frame - self.range.start());
        Place { entry: entry as usize, word, bit: (frame % WORD_FRAMES) as u32 }
    }

    /// Number of the first frame of one of the span's areas, whether or not that is tracked.
    pub(crate) fn area_start(&self, area: usize) -> u64 {
        (self.range.start() / AREA_FRAMES + (area - self.area) as u64) * AREA_FRAMES
    }
}

/// The tracked frames of a machine: all memory from 1 MiB up that is or can become free, or holds the kernel. Each has
/// an entry in a dense table, in the order of their numbers; holes between them have none.
#[derive(Clone, Debug)]
pub struct Spans {
    /// Sorted, disjoint, not touching, none empty.
    list: heapless::Vec<Span, MAX_SPANS>,
}

impl Spans {
    /// The frames to track of a machine with that map.
    #[must_use]
    pub fn of(map: &MemoryMap) -> Self {
        let mut spans = Self { list: heapless::Vec::new() };
        for region in map.regions().iter().filter(|region| is_tracked(region.kind)) {
            let range = region.range.at_or_above(FIRST_FRAME);
            if !range.is_empty() {
                spans.add(range);
            }
        }
        spans.number();
        spans
    }

    /// Adds a range above all others.
    fn add(&mut self, range: FrameRange) {
        let reached = self.list.last().filter(|last| last.range.end() == range.start()).is_some();
        if reached {
            let last = self.list.last_mut().expect("there is a last one that the range touches");
            last.range = join(last.range, range);
            return;
        }
        if self.list.is_full() {
            // The smallest hole, that below the new range included, is given up.
            let hole = |index: usize| {
                let after = self.list.get(index + 1).map_or(range.start(), |next| next.range.start());
                after - self.list[index].range.end()
            };
            let index = (0..MAX_SPANS).min_by_key(|&index| hole(index)).expect("there are spans");
            if index + 1 == MAX_SPANS {
                self.list[index].range = join(self.list[index].range, range);
                return;
            }
            let next = self.list.remove(index + 1);
            self.list[index].range = join(self.list[index].range, next.range);
        }
        self.list.push(Span { range, entry: 0, area: 0 }).expect("there was room, or room was made");
    }

    /// Gives entries and areas their indices.
    fn number(&mut self) {
        let (mut entry, mut area) = (0, 0);
        for span in &mut self.list {
            let room = MAX_FRAMES - entry;
            span.range = span.range.below(span.range.start().saturating_add(room));
            (span.entry, span.area) = (entry, area);
            entry += span.range.count();
            area += if span.range.is_empty() { 0 } else { span.areas() };
        }
        self.list.retain(|span| !span.range.is_empty());
    }

    /// The stretches of tracked frames, lowest first. The table has an entry for each of their frames, in this order.
    pub fn ranges(&self) -> impl Iterator<Item = FrameRange> + Clone {
        self.list.iter().map(|span| span.range)
    }

    /// How many frames are tracked.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.ranges().map(FrameRange::count).sum()
    }

    pub(crate) fn iter(&self) -> core::slice::Iter<'_, Span> {
        self.list.iter()
    }

    pub(crate) fn areas(&self) -> usize {
        self.list.last().map_or(0, |last| last.area + last.areas())
    }

    /// Index of the first area of which any frame is at or above that number.
    pub(crate) fn first_area_at(&self, frame: u64) -> usize {
        let above = self.list.iter().find(|span| span.range.end() > frame);
        above.map_or(self.areas(), |span| {
            span.area + (frame.max(span.range.start()) / AREA_FRAMES - span.range.start() / AREA_FRAMES) as usize
        })
    }

    /// Place of a frame; `None` when it is not tracked.
    pub(crate) fn place(&self, frame: u64) -> Option<Place> {
        let span = self.span_of(frame)?;
        Some(span.place(frame))
    }

    /// The span that the frame lies in.
    pub(crate) fn span_of(&self, frame: u64) -> Option<&Span> {
        let index = self.list.partition_point(|span| span.range.end() <= frame);
        self.list.get(index).filter(|span| span.range.start() <= frame)
    }

    /// What a word of an area is about.
    pub(crate) fn word(&self, word: usize) -> WordPlace {
        let area = word / AREA_WORDS;
        let index = self.list.partition_point(|span| span.area <= area) - 1;
        let span = &self.list[index];
        let first = span.area_start(area) + (word % AREA_WORDS) as u64 * WORD_FRAMES;
        let covered = |frame: u64| frame.clamp(first, first + WORD_FRAMES) - first;
        let tracked = low_bits(covered(span.range.end())) & !low_bits(covered(span.range.start()));
        WordPlace { first, entry: span.entry.wrapping_add(first).wrapping_sub(span.range.start()), tracked }
    }
}

/// The `count` lowest bits, of 64 at most.
pub(crate) const fn low_bits(count: u64) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

fn is_tracked(kind: RegionKind) -> bool {
    use RegionKind::{AcpiReclaimable, BootloaderReclaimable, KernelAndModules, Usable};
    matches!(kind, Usable | BootloaderReclaimable | AcpiReclaimable | KernelAndModules)
}

fn join(lower: FrameRange, upper: FrameRange) -> FrameRange {
    FrameRange::new(lower.start(), upper.end()).expect("the upper range is above the lower")
}
