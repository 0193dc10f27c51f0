//! What the loader does to physical memory, so that it can be a machine or a test's vector.

/// Physical memory as the loader needs it. Addresses are physical, in bytes.
///
/// Every address that [`load`](crate::load()) passes lies in a range that the memory map called usable
/// when loading began. An implementation may therefore refuse (panic) anything else, and one that
/// writes to real memory must.
pub trait PhysicalMemory {
    /// The little-endian word at `address`, a multiple of 8 that was written or zeroed before.
    fn read_u64(&self, address: u64) -> u64;
    /// Writes a little-endian word at `address`, a multiple of 8.
    fn write_u64(&mut self, address: u64, value: u64);
    /// Writes `bytes` from `address` on.
    fn write(&mut self, address: u64, bytes: &[u8]);
    /// Writes `length` zero bytes from `address` on.
    fn zero(&mut self, address: u64, length: u64);
}

/// Memory that does not exist: nothing is written while everything is only decided.
pub(crate) enum Nowhere {}

impl PhysicalMemory for Nowhere {
    fn read_u64(&self, _: u64) -> u64 {
        match *self {}
    }

    fn write_u64(&mut self, _: u64, _: u64) {
        match *self {}
    }

    fn write(&mut self, _: u64, _: &[u8]) {
        match *self {}
    }

    fn zero(&mut self, _: u64, _: u64) {
        match *self {}
    }
}
