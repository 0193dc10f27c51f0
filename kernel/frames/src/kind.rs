//! What a region of physical memory is.

/// Kind of a region, in order of restriction: where entries of the boot loader's map overlap, the greatest holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegionKind {
    /// Free memory.
    Usable,
    /// The boot loader's own structures; free once nothing of them is needed.
    BootloaderReclaimable,
    /// ACPI tables; free once they have been read.
    AcpiReclaimable,
    /// The kernel's image and the modules that came with it.
    KernelAndModules,
    /// Memory that ACPI firmware keeps using.
    AcpiNvs,
    /// A framebuffer: memory of a graphics device.
    Framebuffer,
    /// Firmware memory, device windows, and every kind that this kernel does not know.
    Reserved,
    /// Memory that is broken.
    Bad,
}

impl RegionKind {
    /// Every kind, least restrictive first.
    pub const ALL: [Self; 8] = [
        Self::Usable,
        Self::BootloaderReclaimable,
        Self::AcpiReclaimable,
        Self::KernelAndModules,
        Self::AcpiNvs,
        Self::Framebuffer,
        Self::Reserved,
        Self::Bad,
    ];

    /// The kind of a memory map entry's type number (Limine boot protocol, Memory Map Feature).
    ///
    /// `None` for a number that the protocol's base revision 2 does not define; [`MemoryMap`](crate::MemoryMap)
    /// treats such memory as reserved.
    #[must_use]
    pub const fn from_limine(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Usable,
            1 => Self::Reserved,
            2 => Self::AcpiReclaimable,
            3 => Self::AcpiNvs,
            4 => Self::Bad,
            5 => Self::BootloaderReclaimable,
            6 => Self::KernelAndModules,
            7 => Self::Framebuffer,
            _ => return None,
        })
    }

    /// Its name in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::BootloaderReclaimable => "boot loader",
            Self::AcpiReclaimable => "ACPI tables",
            Self::KernelAndModules => "kernel and modules",
            Self::AcpiNvs => "ACPI storage",
            Self::Framebuffer => "framebuffer",
            Self::Reserved => "reserved",
            Self::Bad => "bad",
        }
    }
}
