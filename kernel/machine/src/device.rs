//! Registers of a device in memory, mapped uncached.

use crate::memory::{self, MapError};

/// A device's registers.
///
/// # Invariants
/// `base` is the virtual address, a multiple of eight, of a device mapping that is never taken away, from
/// [`memory::map_device`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registers {
    base: u64,
}

impl Registers {
    /// Maps `bytes` of registers from physical address `physical`.
    ///
    /// # Errors
    /// [`MapError`] when no device can be there, or the device window or memory for page tables is used up.
    pub(crate) fn map(physical: u64, bytes: u64) -> Result<Self, MapError> {
        if !physical.is_multiple_of(8) {
            return Err(MapError::Misaligned);
        }
        // INVARIANT: `map_device` gives mappings for ever, and keeps the place within the page.
        Ok(Self { base: memory::map_device(physical, bytes)? })
    }

    /// Registers mapped earlier; `base` is what [`Self::address`] gave.
    pub(crate) const fn at(base: u64) -> Self {
        Self { base }
    }

    /// Virtual address of the first register.
    pub(crate) const fn address(self) -> u64 {
        self.base
    }

    /// Reads the 32-bit register at `offset` bytes, which must lie in the mapping.
    pub(crate) fn read(self, offset: u64) -> u32 {
        let register = (self.base + offset) as *const u32;
        // SAFETY: by the type's invariant the address is mapped to device registers; volatile, as each read counts.
        unsafe { register.read_volatile() }
    }

    /// Writes the 32-bit register at `offset` bytes, which must lie in the mapping.
    pub(crate) fn write(self, offset: u64, value: u32) {
        let register = (self.base + offset) as *mut u32;
        // SAFETY: by the type's invariant the address is a device's, not Rust memory; the drivers of this crate (local
        // APIC, HPET, ACPI) write nothing that starts a transfer into memory.
        unsafe { register.write_volatile(value) };
    }

    /// Reads the 64-bit register at `offset` bytes as two halves, the upper read again if it moved meanwhile.
    pub(crate) fn read_u64(self, offset: u64) -> u64 {
        loop {
            let high = self.read(offset + 4);
            let low = self.read(offset);
            if self.read(offset + 4) == high {
                return u64::from(high) << 32 | u64::from(low);
            }
        }
    }
}
