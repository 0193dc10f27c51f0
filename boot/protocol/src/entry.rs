//! State of the processor at kernel entry ("Machine state at entry", x86-64).

/// The global descriptor table that the protocol specifies: null, 16-bit code and data, 32-bit code
/// and data, 64-bit code and data (Intel SDM volume 3A, section 3.4.5). Accessed bits are set, so the
/// processor never writes to it.
pub const GDT: [u64; 7] = [
    0,
    0x0000_9b00_0000_ffff,
    0x0000_9300_0000_ffff,
    0x00cf_9b00_0000_ffff,
    0x00cf_9300_0000_ffff,
    0x0020_9b00_0000_0000,
    0x0000_9300_0000_0000,
];

/// Selector of the 64-bit code segment in [`GDT`].
pub const CODE_SELECTOR: u16 = 5 * 8;

/// Selector of the 64-bit data segment in [`GDT`].
pub const DATA_SELECTOR: u16 = 6 * 8;

/// Value of `IA32_PAT` (MSR 277h): WB, WT, UC-, UC, WP, WC, and the unspecified two as at reset
/// (UC-, UC). Intel SDM volume 3A, section 13.12.
pub const PAT: u64 = 0x0007_0105_0007_0406;

/// Least size of the kernel's first stack, in bytes.
pub const STACK_SIZE: u64 = 64 << 10;
