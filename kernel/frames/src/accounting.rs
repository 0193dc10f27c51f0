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
    /// What is known of each frame.
    Ledger,
    /// Memory of processes.
    User,
    /// Kernel tests.
    Tests,
}

impl Use {
    /// Every use, in the order in which they are listed.
    pub const ALL: [Self; 8] = [
        Self::PageTables,
        Self::Heap,
        Self::Stacks,
        Self::BootData,
        Self::Devices,
        Self::Ledger,
        Self::User,
        Self::Tests,
    ];

    /// Its name, one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PageTables => "page-tables",
            Self::Heap => "heap",
            Self::Stacks => "stacks",
            Self::BootData => "boot-data",
            Self::Devices => "devices",
            Self::Ledger => "ledger",
            Self::User => "user",
            Self::Tests => "tests",
        }
    }
}

/// Frames taken for each use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken(pub(crate) [u64; Use::ALL.len()]);

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

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

const FOUR_GIB: u64 = (4 << 30) / FRAME_SIZE;

/// Memory that the map fixes. Only the boot loader's changes hands, once.
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
            let later = &regions[index + 1..];
            let sides = [region.range.below(FOUR_GIB), region.range.at_or_above(FOUR_GIB)];
            for range in sides.into_iter().filter(|range| !range.is_empty()) {
                let end = end_of_memory(Region { range, kind: region.kind }, later, memory_end);
                if end > range.start() {
                    memory_end = Some(end);
                }
                fixed.add(region.kind, range.at_or_above(FIRST_FRAME), end);
            }
        }
        fixed
    }

    /// So many bytes are no longer the boot loader's.
    pub(crate) fn reclaim(&mut self, bytes: u64) {
        self.boot_loader -= bytes;
    }

    /// Counts a range of that kind which is memory up to frame `end`.
    fn add(&mut self, kind: RegionKind, range: FrameRange, end: u64) {
        self.device_windows += range.at_or_above(end).bytes();
        let row = match kind {
            // The account has free and taken frames from the frame source, and framebuffers are all window.
            RegionKind::Usable | RegionKind::Framebuffer => return,
            RegionKind::BootloaderReclaimable => &mut self.boot_loader,
            RegionKind::AcpiReclaimable => &mut self.acpi_tables,
            RegionKind::AcpiNvs => &mut self.acpi_storage,
            RegionKind::KernelAndModules => &mut self.kernel,
            RegionKind::Bad => &mut self.bad,
            RegionKind::Reserved => &mut self.firmware,
        };
        *row += range.below(end).bytes();
    }
}

/// Whether the kind is memory wherever it lies. A framebuffer is a device's; a reserved region may be either.
fn is_plain_memory(kind: RegionKind) -> bool {
    !matches!(kind, RegionKind::Framebuffer | RegionKind::Reserved)
}

/// The frame at which a region on one side of 4 GiB is no longer memory: its end, or its start, or for a reserved one
/// between. `later` are the regions after it, and `memory_end` is where the memory before it ends.
///
/// The map calls two things reserved that are not alike: memory that the firmware keeps for itself, and addresses of
/// devices. It does not say which, so this goes by where they lie. On a PC, memory is one stretch below 4 GiB and one
/// above, and the firmware keeps pieces inside and at the upper end of a stretch. Devices are beyond; the only device
/// window that comes directly after memory is that for PCI configuration, 256 MiB at a multiple of that (PCI Firmware
/// Specification 3.2, 4.1.2: 1 MiB for each of 256 buses). So a reserved region is
///
/// - memory, if more memory follows on its side of 4 GiB;
/// - memory up to the first whole, aligned 256 MiB in it, if it touches the memory before it: a map has no border where
///   firmware memory and a window meet;
/// - a window otherwise.
///
/// That is right for the machines whose maps the tests hold. On a real machine it need not be, because the map alone
/// cannot tell: memory that the firmware does not mention at all, as for a graphics unit or for system management, is in
/// no row; memory that it keeps away from the rest, or 256 MiB and more of it at the end, passes for a window; and a
/// smaller window that touches memory, for fewer than 256 buses, passes for the firmware's memory.
fn end_of_memory(region: Region, later: &[Region], memory_end: Option<u64>) -> u64 {
    const WINDOW: u64 = (256 << 20) / FRAME_SIZE;
    let (start, end) = (region.range.start(), region.range.end());
    match region.kind {
        RegionKind::Framebuffer => return start,
        RegionKind::Reserved => {}
        _ => return end,
    }
    let same_side = |range: FrameRange| {
        if start < FOUR_GIB { range.below(FOUR_GIB) } else { range.at_or_above(FOUR_GIB) }
    };
    let more_follows = later.iter().any(|other| is_plain_memory(other.kind) && !same_side(other.range).is_empty());
    let first_window = start.next_multiple_of(WINDOW);
    match memory_end {
        Some(_) if more_follows => end,
        Some(before) if before == start && first_window + WINDOW <= end => first_window,
        Some(before) if before == start => end,
        _ => start,
    }
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
