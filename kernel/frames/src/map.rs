//! The boot loader's memory map, validated and copied once.

use core::{cmp::max, fmt};

use crate::{FRAME_SIZE, FrameNumber, FrameRange, PHYSICAL_ADDRESS_BITS, RegionKind, source::FIRST_FRAME};

/// Most entries that a boot loader's map may have.
pub const MAX_ENTRIES: usize = 512;

/// Most regions of a [`MemoryMap`]: `n` intervals cut a line into at most `2n - 1` pieces that they cover.
pub const MAX_REGIONS: usize = 2 * MAX_ENTRIES - 1;

/// One entry as the boot loader wrote it. Nothing about it can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawEntry {
    /// Physical address of its first byte.
    pub base: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Its type number; see [`RegionKind::from_limine`].
    pub kind: u64,
}

/// Frames of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Where it is; never empty.
    pub range: FrameRange,
    /// What it is.
    pub kind: RegionKind,
}

/// Why a boot loader's map is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// More than [`MAX_ENTRIES`] entries.
    TooManyEntries,
    /// No whole usable frame above the first MiB.
    NoUsableMemory,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyEntries => {
                write!(f, "the boot loader's memory map has more than {MAX_ENTRIES} entries; raise MAX_ENTRIES")
            }
            Self::NoUsableMemory => f.write_str(
                "the boot loader's memory map has no usable memory above 1 MiB; give the machine more memory",
            ),
        }
    }
}

/// What had to be put right in the boot loader's map. All zero for a sound one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Entries of length zero; dropped.
    pub empty: u32,
    /// Entries that reach past 2^52: usable ones were dropped, others cut.
    pub past_limit: u32,
    /// Entries that do not start and end at frame boundaries: usable ones were shrunk, others grown.
    pub unaligned: u32,
    /// Entries of a type that the protocol does not define; treated as reserved.
    pub unknown_kind: u32,
    /// Entries whose address is below that of the entry before; sorted.
    pub out_of_order: u32,
    /// Frames that entries of different kinds cover; the most restrictive kind holds.
    pub contested_frames: u64,
}

impl Repairs {
    /// Whether the map was sound.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Repairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (u64::from(self.empty), "empty entries dropped"),
            (u64::from(self.past_limit), "entries past 2^52 dropped or cut"),
            (u64::from(self.unaligned), "unaligned entries rounded"),
            (u64::from(self.unknown_kind), "entries of unknown type reserved"),
            (u64::from(self.out_of_order), "entries sorted"),
            (self.contested_frames, "frames claimed by several kinds"),
        ];
        let mut separator = "";
        for (count, what) in counts.iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{count} {what}")?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("nothing to repair") } else { Ok(()) }
    }
}

/// The machine's physical memory.
///
/// # Invariants
/// Regions are sorted, not empty and do not overlap, and neighbours that touch differ in kind. Some frame above the
/// first MiB is usable.
#[derive(Clone, Debug)]
pub struct MemoryMap {
    regions: heapless::Vec<Region, MAX_REGIONS>,
}

impl MemoryMap {
    /// Reads the boot loader's entries, each once.
    ///
    /// A frame is usable only if a usable entry covers all of it and no other entry any of it. Any other frame has the
    /// most restrictive kind of the entries that touch it. The value takes about 24 KiB.
    ///
    /// # Errors
    /// [`MapError`] when there are too many entries, or no memory to use.
    pub fn from_entries(entries: impl IntoIterator<Item = RawEntry>) -> Result<(Self, Repairs), MapError> {
        let mut repairs = Repairs::default();
        let pieces = read(entries, &mut repairs)?;
        let regions = resolve(&pieces, &mut repairs);
        if !regions.iter().any(|region| region.kind == RegionKind::Usable && region.range.end() > FIRST_FRAME) {
            return Err(MapError::NoUsableMemory);
        }
        // INVARIANT: `resolve` walks upwards over disjoint pieces and merges neighbours of one kind.
        Ok((Self { regions }, repairs))
    }

    /// The regions, lowest first.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// What the frame is; `None` when the map does not mention it.
    #[must_use]
    pub fn kind_of(&self, frame: FrameNumber) -> Option<RegionKind> {
        let after = self.regions.partition_point(|region| region.range.start() <= frame.as_u64());
        let region = self.regions[..after].last()?;
        region.range.contains(frame).then_some(region.kind)
    }

    /// All frames of a kind, in bytes.
    #[must_use]
    pub fn bytes(&self, kind: RegionKind) -> u64 {
        self.regions.iter().filter(|region| region.kind == kind).map(|region| region.range.bytes()).sum()
    }
}

type Pieces = heapless::Vec<Region, MAX_ENTRIES>;

/// Copies the entries as regions that may still overlap, sorted by their start.
fn read(entries: impl IntoIterator<Item = RawEntry>, repairs: &mut Repairs) -> Result<Pieces, MapError> {
    let mut pieces = Pieces::new();
    let mut base_before = 0;
    for (index, entry) in entries.into_iter().enumerate() {
        if index == MAX_ENTRIES {
            return Err(MapError::TooManyEntries);
        }
        repairs.out_of_order += u32::from(entry.base < base_before);
        base_before = entry.base;
        if let Some(piece) = read_entry(entry, repairs) {
            pieces.push(piece).expect("at most MAX_ENTRIES entries are read, and each makes at most one piece");
        }
    }
    pieces.sort_unstable_by_key(|piece| piece.range.start());
    Ok(pieces)
}

fn read_entry(entry: RawEntry, repairs: &mut Repairs) -> Option<Region> {
    const LIMIT: u64 = 1 << PHYSICAL_ADDRESS_BITS;
    let kind = RegionKind::from_limine(entry.kind).unwrap_or_else(|| {
        repairs.unknown_kind += 1;
        RegionKind::Reserved
    });
    if entry.length == 0 {
        repairs.empty += 1;
        return None;
    }
    let end = match entry.base.checked_add(entry.length) {
        Some(end) if end <= LIMIT => end,
        _ => {
            repairs.past_limit += 1;
            if kind == RegionKind::Usable || entry.base >= LIMIT {
                return None;
            }
            LIMIT
        }
    };
    repairs.unaligned += u32::from(!entry.base.is_multiple_of(FRAME_SIZE) || !end.is_multiple_of(FRAME_SIZE));
    let (first, after) = match kind {
        RegionKind::Usable => (entry.base.div_ceil(FRAME_SIZE), end / FRAME_SIZE),
        _ => (entry.base / FRAME_SIZE, end.div_ceil(FRAME_SIZE)),
    };
    // A usable entry within one frame shrinks to nothing, and its start may then be past its end.
    let range = FrameRange::new(first, after).filter(|range| !range.is_empty())?;
    Some(Region { range, kind })
}

/// Walks from boundary to boundary and gives each stretch between two the most restrictive kind that covers it.
fn resolve(pieces: &[Region], repairs: &mut Repairs) -> heapless::Vec<Region, MAX_REGIONS> {
    let mut regions: heapless::Vec<Region, MAX_REGIONS> = heapless::Vec::new();
    let mut position = pieces.first().map_or(0, |piece| piece.range.start());
    loop {
        let mut next = None;
        let mut covering: Option<RegionKind> = None;
        let mut contested = false;
        for piece in pieces {
            let (start, end) = (piece.range.start(), piece.range.end());
            if start <= position && position < end {
                contested |= covering.is_some_and(|kind| kind != piece.kind);
                covering = max(covering, Some(piece.kind));
            }
            for boundary in [start, end].into_iter().filter(|&boundary| boundary > position) {
                next = Some(next.map_or(boundary, |nearest: u64| nearest.min(boundary)));
            }
        }
        let Some(next) = next else { return regions };
        if let Some(kind) = covering {
            repairs.contested_frames += if contested { next - position } else { 0 };
            append(&mut regions, position, next, kind);
        }
        position = next;
    }
}

fn append(regions: &mut heapless::Vec<Region, MAX_REGIONS>, start: u64, end: u64, kind: RegionKind) {
    let start = match regions.last() {
        Some(last) if last.kind == kind && last.range.end() == start => {
            let merged = last.range.start();
            regions.pop();
            merged
        }
        _ => start,
    };
    let range = FrameRange::new(start, end).expect("both ends are ends of frame ranges, in order");
    regions.push(Region { range, kind }).expect("2n ends cut a line into at most 2n - 1 covered stretches");
}
