//! Where every byte of the machine's memory went.

use crate::{FRAME_SIZE, FrameRange, MemoryMap, Region, RegionKind, source::FIRST_FRAME};

/// What a frame was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Page tables.
    PageTables,
    /// The kernel's heap.
    Heap,
    /// Stacks.
    Stacks,
    /// What the kernel copied or set up while it booted and keeps.
    BootData,
    /// Buffers that devices read or write.
    Devices,
    /// Kernel tests.
    Tests,
}

impl Use {
    /// Every use, in the order in which they are listed.
    pub const ALL: [Self; 6] = [Self::PageTables, Self::Heap, Self::Stacks, Self::BootData, Self::Devices, Self::Tests];

    /// Its name, one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PageTables => "page-tables",
            Self::Heap => "heap",
            Self::Stacks => "stacks",
            Self::BootData => "boot-data",
            Self::Devices => "devices",
            Self::Tests => "tests",
        }
    }
}

/// Frames taken for each use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken([u64; Use::ALL.len()]);

impl Taken {
    pub(crate) fn add(&mut self, usage: Use, frames: u64) {
        self.0[usage as usize] += frames;
    }

    pub(crate) fn remove(&mut self, usage: Use, frames: u64) {
        self.0[usage as usize] -= frames;
    }

    pub(crate) fn frames(&self, usage: Use) -> u64 {
        self.0[usage as usize]
    }
}

/// Memory that the map fixes: it never changes hands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fixed {
    below_first_mib: u64,
    boot_loader: u64,
    acpi_tables: u64,
    acpi_storage: u64,
    kernel: u64,
    firmware: u64,
    bad: u64,
    device_windows: u64,
}

impl Fixed {
    pub(crate) fn of(map: &MemoryMap) -> Self {
        let mut fixed = Self::default();
        let regions = map.regions();
        // The first MiB counts whole: its holes are memory that the firmware keeps behind ROM and video windows.
        if regions.iter().any(|region| region.range.start() < FIRST_FRAME && is_plain_memory(region.kind)) {
            fixed.below_first_mib = FIRST_FRAME * FRAME_SIZE;
        }
        let mut memory_end = None;
        for (index, region) in regions.iter().enumerate() {
            let bytes = region.range.at_or_above(FIRST_FRAME).bytes();
            let is_memory = is_plain_memory(region.kind)
                || region.kind == RegionKind::Reserved && is_reserved_memory(&regions[index..], memory_end);
            if is_memory {
                memory_end = Some(region.range.end());
            }
            *match region.kind {
                RegionKind::Usable => continue,
                RegionKind::BootloaderReclaimable => &mut fixed.boot_loader,
                RegionKind::AcpiReclaimable => &mut fixed.acpi_tables,
                RegionKind::AcpiNvs => &mut fixed.acpi_storage,
                RegionKind::KernelAndModules => &mut fixed.kernel,
                RegionKind::Bad => &mut fixed.bad,
                RegionKind::Reserved if is_memory => &mut fixed.firmware,
                RegionKind::Reserved | RegionKind::Framebuffer => &mut fixed.device_windows,
            } += bytes;
        }
        fixed
    }
}

/// Whether the kind is memory wherever it lies. A framebuffer is a device's; a reserved region may be either.
fn is_plain_memory(kind: RegionKind) -> bool {
    !matches!(kind, RegionKind::Framebuffer | RegionKind::Reserved)
}

/// Whether the reserved region `rest[0]` is memory that the firmware keeps, rather than a device's window.
///
/// The map does not say. On a PC, memory is one stretch below 4 GiB and one above, and the firmware keeps pieces inside
/// and at the upper end of a stretch. So a reserved region is memory if more memory follows on its side of 4 GiB, or
/// if it touches the memory before it and is small. A PCI configuration window, which may also touch, is 256 MiB.
fn is_reserved_memory(rest: &[Region], memory_end: Option<u64>) -> bool {
    const FOUR_GIB: u64 = (4 << 30) / FRAME_SIZE;
    const SMALL: u64 = (64 << 20) / FRAME_SIZE;
    let Some((region, later)) = rest.split_first() else { return false };
    let is_high = |range: FrameRange| range.start() >= FOUR_GIB;
    let more_follows =
        later.iter().any(|other| is_plain_memory(other.kind) && is_high(other.range) == is_high(region.range));
    let touches = memory_end.is_some_and(|end| end == region.range.start());
    memory_end.is_some() && (more_follows || touches && region.range.count() <= SMALL)
}

/// One line of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What the memory is used for, one word.
    pub kind: &'static str,
    /// How much of it there is, in bytes.
    pub bytes: u64,
}

const ROWS: usize = Use::ALL.len() + 8;

/// Account of the machine's memory at one moment: every byte is in exactly one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUse {
    rows: [Row; ROWS],
    device_windows: u64,
}

impl MemoryUse {
    pub(crate) fn new(fixed: &Fixed, taken: &Taken, free_frames: u64) -> Self {
        let mut rows = [Row { kind: "free", bytes: free_frames * FRAME_SIZE }; ROWS];
        let (used, rest) = rows[1..].split_at_mut(Use::ALL.len());
        for (row, usage) in used.iter_mut().zip(Use::ALL) {
            *row = Row { kind: usage.name(), bytes: taken.frames(usage) * FRAME_SIZE };
        }
        rest.copy_from_slice(&[
            Row { kind: "kernel-image", bytes: fixed.kernel },
            Row { kind: "boot-loader", bytes: fixed.boot_loader },
            Row { kind: "acpi-tables", bytes: fixed.acpi_tables },
            Row { kind: "acpi-storage", bytes: fixed.acpi_storage },
            Row { kind: "firmware", bytes: fixed.firmware },
            Row { kind: "first-mib", bytes: fixed.below_first_mib },
            Row { kind: "bad", bytes: fixed.bad },
        ]);
        Self { rows, device_windows: fixed.device_windows }
    }

    /// The rows: free frames first, then what frames were taken for, then what the map fixes.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Bytes of the row of that kind; `None` when there is no such row.
    #[must_use]
    pub fn bytes(&self, kind: &str) -> Option<u64> {
        self.rows.iter().find(|row| row.kind == kind).map(|row| row.bytes)
    }

    /// The machine's memory in bytes: the sum of all rows.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }

    /// Bytes of address space that the map reserves and that are not memory, such as device windows and framebuffers.
    /// They are in no row.
    #[must_use]
    pub const fn device_windows(&self) -> u64 {
        self.device_windows
    }
}
