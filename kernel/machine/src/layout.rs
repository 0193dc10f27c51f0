//! The kernel's address space, in one place. All of it lies in the higher half (Intel SDM volume 3,
//! section 4.5: 4-level paging, 48-bit canonical addresses).
//!
//! ```text
//! 0xffff_8000_0000_0000  DIRECT_MAP   all memory of the machine, read-write, no-execute
//! 0xffff_c000_0000_0000  DEVICES      device registers, uncached, mapped on demand
//! 0xffff_d000_0000_0000  SCREEN       the framebuffer, write-combining
//! 0xffff_e000_0000_0000  STACKS       one slot a stack: a guard page, then the stack
//! 0xffff_ffff_8000_0000  IMAGE        text r-x, read-only data r--, data rw-
//! ```

/// Where physical address 0 appears in the direct map.
pub const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;
/// End of the direct map: 64 TiB, what 46 bits of physical address reach.
pub const DIRECT_MAP_END: u64 = DEVICES;
/// Start of the window in which device registers are mapped.
pub const DEVICES: u64 = 0xffff_c000_0000_0000;
/// Bytes of the device window.
pub const DEVICES_BYTES: u64 = 1 << 30;
/// Start of the window in which the screen's framebuffer is mapped.
pub const SCREEN: u64 = 0xffff_d000_0000_0000;
/// Most bytes of a framebuffer: 16K in 32 bits takes half of it.
pub const SCREEN_BYTES: u64 = 1 << 30;
/// Start of the window in which stacks lie.
pub const STACKS: u64 = 0xffff_e000_0000_0000;
/// Most stacks that the window holds.
pub const STACK_SLOTS: u64 = 4096;
/// Distance between the starts of two stack slots. Everything of a slot below its stack is guard.
pub const STACK_SLOT_BYTES: u64 = 1 << 20;

/// Bytes of a page and of a frame.
pub const PAGE_BYTES: u64 = 4096;

/// Edges of the kernel's image, from the linker script `images/kernel.ld`. All are page-aligned.
pub mod image {
    // SAFETY: the linker script defines the six names as edges of the image; they are never read, only their addresses
    // are taken.
    unsafe extern "C" {
        static __text_start: u8;
        static __text_end: u8;
        static __rodata_start: u8;
        static __rodata_end: u8;
        static __data_start: u8;
        static __data_end: u8;
    }

    /// Part of the image, and what may be done with it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Part {
        /// Read and execute.
        Text,
        /// Read.
        ReadOnlyData,
        /// Read and write.
        Data,
    }

    impl Part {
        /// Every part, in order of address.
        pub const ALL: [Self; 3] = [Self::Text, Self::ReadOnlyData, Self::Data];

        /// Virtual addresses of the part: first byte, and first byte past it.
        #[must_use]
        pub fn bounds(self) -> (u64, u64) {
            let (start, end) = match self {
                Self::Text => (&raw const __text_start, &raw const __text_end),
                Self::ReadOnlyData => (&raw const __rodata_start, &raw const __rodata_end),
                Self::Data => (&raw const __data_start, &raw const __data_end),
            };
            (start as u64, end as u64)
        }
    }

    /// Virtual address of the image's first byte.
    #[must_use]
    pub fn start() -> u64 {
        Part::Text.bounds().0
    }

    /// Whole length of the image in bytes.
    #[must_use]
    pub fn bytes() -> u64 {
        Part::Data.bounds().1 - start()
    }
}
