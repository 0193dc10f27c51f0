//! The ACPI root pointer, when the monitor does not say where it is (ACPI 6.5, section 5.2.5.1).

use crate::memory::peek;

/// The structure's signature.
const SIGNATURE: u64 = u64::from_le_bytes(*b"RSD PTR ");

/// Bytes that its first checksum covers.
const LENGTH: u64 = 20;

/// Word in the BIOS data area with the segment of the extended BIOS data area.
const EBDA_SEGMENT_AT: u64 = 0x40e;

/// Looks in the first KiB of the extended BIOS data area, then in the BIOS read-only memory.
pub fn find() -> Option<u64> {
    let ebda = (peek(EBDA_SEGMENT_AT)? & 0xffff) << 4;
    let in_ebda = (ebda..ebda + 1024).step_by(16).filter(|_| ebda >= 0x8_0000);
    in_ebda.chain((0xe_0000..0x10_0000).step_by(16)).find(|address| is_rsdp(*address))
}

fn is_rsdp(address: u64) -> bool {
    peek(address) == Some(SIGNATURE) && {
        let bytes = (0..LENGTH).map(|index| peek(address + index).map_or(0, |word| word as u8));
        bytes.fold(0, u8::wrapping_add) == 0
    }
}
