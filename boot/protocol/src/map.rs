//! The memory map: what the firmware said, put in order, and what the loader takes from it.

use core::fmt;

use crate::list::{Full, List};
use crate::{PAGE_SIZE, align_down, align_up};

/// Entries that a map can hold. Firmware maps have 5 to 20 entries under QEMU and up to about 200 on
/// real UEFI machines; the rest is room for what the loader carves out.
pub const MAP_CAPACITY: usize = 512;

/// End of the largest physical address space that 4-level paging can name (52 bits; Intel SDM
/// volume 3A, section 5.1.4). What firmware claims above it does not exist.
pub const PHYSICAL_LIMIT: u64 = 1 << 52;

/// Memory below this is left to the kernel: firmware keeps data there, and processors start there.
const LOWEST_ALLOCATION: u64 = 1 << 20;

/// What a range of memory is, with the numbers of the protocol's memory map feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Kind {
    /// Free memory.
    Usable = 0,
    /// Not memory, or not ours.
    Reserved = 1,
    /// ACPI tables, free once they have been read.
    AcpiReclaimable = 2,
    /// Memory that ACPI needs for as long as the machine runs.
    AcpiNvs = 3,
    /// Memory known to be broken.
    BadMemory = 4,
    /// What the loader left for the kernel to read: free once that has happened.
    BootloaderReclaimable = 5,
    /// The kernel's image, its file and its modules.
    KernelAndModules = 6,
    /// The screen.
    Framebuffer = 7,
}

impl Kind {
    /// Which kind wins where ranges overlap: the greater rank.
    const fn rank(self) -> u8 {
        match self {
            Self::Usable => 0,
            Self::BootloaderReclaimable => 1,
            Self::KernelAndModules => 2,
            Self::AcpiReclaimable => 3,
            Self::AcpiNvs => 4,
            Self::Reserved => 5,
            Self::Framebuffer => 6,
            Self::BadMemory => 7,
        }
    }
}

/// A range of physical memory as firmware or a loader states it: any base, any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub base: u64,
    /// Bytes; a range that runs past [`PHYSICAL_LIMIT`] is cut there.
    pub length: u64,
    /// What it is.
    pub kind: Kind,
}

/// An entry of a [`MemoryMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// First byte, a multiple of 4096.
    pub start: u64,
    /// One past the last byte, a multiple of 4096, greater than `start`.
    pub end: u64,
    /// What it is.
    pub kind: Kind,
}

const FILLER: Entry = Entry { start: 0, end: 0, kind: Kind::Reserved };

/// The machine's memory.
///
/// # Invariants
/// Entries are sorted, page-aligned, not empty and do not overlap; two that touch differ in kind. No
/// usable entry contains memory that any range of another kind touched, nor the first page.
#[derive(Clone, Debug)]
pub struct MemoryMap {
    entries: List<Entry, MAP_CAPACITY>,
}

/// Why there is no memory map, or nothing more can be taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// More entries than [`MAP_CAPACITY`].
    TooManyEntries,
    /// No usable range is large enough.
    OutOfMemory {
        /// What the memory was for.
        purpose: &'static str,
        /// How many bytes it needs.
        needed: u64,
        /// How many bytes the largest range in reach has.
        largest: u64,
    },
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyEntries => {
                write!(f, "memory map: more than {MAP_CAPACITY} entries; raise MAP_CAPACITY in boot/protocol")
            }
            Self::OutOfMemory { purpose, needed, largest } => write!(
                f,
                "not enough memory: the {purpose} needs {} KiB in one piece, the largest usable piece has {} KiB; \
                 give the machine more memory",
                needed.div_ceil(1024),
                largest / 1024
            ),
        }
    }
}

impl From<Full> for MapError {
    fn from(_: Full) -> Self {
        Self::TooManyEntries
    }
}

impl MemoryMap {
    /// Puts ranges in order: usable ranges shrink to whole pages, all others grow to whole pages, and
    /// where ranges overlap the one less fit for use wins.
    ///
    /// # Errors
    /// [`MapError::TooManyEntries`].
    pub fn new(ranges: impl IntoIterator<Item = Range>) -> Result<Self, MapError> {
        let mut given = List::<Entry, MAP_CAPACITY>::new(FILLER);
        let mut edges = List::<u64, { 2 * MAP_CAPACITY }>::new(0);
        for range in ranges {
            if let Some(entry) = whole_pages(range) {
                given.push(entry)?;
                edges.push(entry.start)?;
                edges.push(entry.end)?;
            }
        }
        edges.as_mut_slice().sort_unstable();
        let mut map = Self { entries: List::new(FILLER) };
        for pair in edges.as_slice().windows(2) {
            let (start, end) = (pair[0], pair[1]);
            let covering = given.as_slice().iter().filter(|entry| entry.start <= start && end <= entry.end);
            if start < end
                && let Some(winner) = covering.max_by_key(|entry| entry.kind.rank())
            {
                map.append(Entry { start, end, kind: winner.kind })?;
            }
        }
        Ok(map)
    }

    /// The entries, lowest first.
    pub fn entries(&self) -> &[Entry] {
        self.entries.as_slice()
    }

    /// Takes `size` bytes (rounded up to pages), aligned to `align` (a power of two, at least 4096),
    /// from the highest usable memory below `limit` and marks them as `kind`. Memory below 1 MiB is
    /// never taken. Returns the physical address.
    ///
    /// # Errors
    /// [`MapError::OutOfMemory`] naming `purpose`, and [`MapError::TooManyEntries`]. The map is then
    /// as it was.
    pub fn allocate(
        &mut self,
        purpose: &'static str,
        size: u64,
        align: u64,
        kind: Kind,
        limit: u64,
    ) -> Result<u64, MapError> {
        debug_assert!(align.is_power_of_two() && align >= PAGE_SIZE);
        let too_large = |largest| MapError::OutOfMemory { purpose, needed: size, largest };
        // A size that cannot be rounded up fits nowhere either.
        let size = align_up(size.max(1), PAGE_SIZE).unwrap_or(u64::MAX);
        let mut largest = 0;
        for index in (0..self.entries().len()).rev() {
            let entry = self.entries()[index];
            let (start, end) = (entry.start.max(LOWEST_ALLOCATION), entry.end.min(align_down(limit, PAGE_SIZE)));
            if entry.kind != Kind::Usable || start >= end {
                continue;
            }
            largest = largest.max(end - start);
            let base = align_down(end.saturating_sub(size), align);
            if base >= start && end - start >= size {
                self.mark(index, base, base + size, kind)?;
                return Ok(base);
            }
        }
        Err(too_large(largest))
    }

    /// Adds an entry above all others, joining it to its neighbour when it can.
    fn append(&mut self, entry: Entry) -> Result<(), MapError> {
        match self.entries.as_mut_slice().last_mut() {
            Some(last) if last.end == entry.start && last.kind == entry.kind => last.end = entry.end,
            _ => self.entries.push(entry)?,
        }
        Ok(())
    }

    /// Gives `start..end`, which lies in entry `index`, another kind.
    fn mark(&mut self, index: usize, start: u64, end: u64, kind: Kind) -> Result<(), MapError> {
        if self.entries().len() + 2 > MAP_CAPACITY {
            return Err(MapError::TooManyEntries);
        }
        let whole = self.entries()[index];
        self.entries.remove(index);
        let parts = [
            Entry { start: whole.start, end: start, kind: whole.kind },
            Entry { start, end, kind },
            Entry { start: end, end: whole.end, kind: whole.kind },
        ];
        let mut at = index;
        for part in parts.into_iter().filter(|part| part.start < part.end) {
            self.entries.insert(at, part)?;
            at += 1;
        }
        self.join_neighbours(index.saturating_sub(1), at);
        Ok(())
    }

    /// Joins entries between `first` and `last` that touch and agree.
    fn join_neighbours(&mut self, first: usize, last: usize) {
        let mut at = last.min(self.entries().len().saturating_sub(1));
        while at > first {
            let (low, high) = (self.entries()[at - 1], self.entries()[at]);
            if low.end == high.start && low.kind == high.kind {
                self.entries.as_mut_slice()[at - 1].end = high.end;
                self.entries.remove(at);
            }
            at -= 1;
        }
    }
}

/// The whole pages of a range: those inside a usable one (the first page of memory is never usable),
/// those that any other touches. `None` when there are none.
fn whole_pages(range: Range) -> Option<Entry> {
    if range.length == 0 {
        return None;
    }
    let end = range.base.saturating_add(range.length).min(PHYSICAL_LIMIT);
    let (start, end) = match range.kind {
        Kind::Usable => (align_up(range.base.max(PAGE_SIZE), PAGE_SIZE)?, align_down(end, PAGE_SIZE)),
        _ => (align_down(range.base, PAGE_SIZE), align_up(end, PAGE_SIZE)?),
    };
    (start < end).then_some(Entry { start, end, kind: range.kind })
}
