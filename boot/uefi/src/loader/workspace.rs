//! Memory that the loader has taken from the firmware.

use core::ptr::{self, NonNull};
use core::slice;

use steward_boot_protocol::{PAGE_SIZE, PhysicalMemory};
use steward_boot_uefi::memory::Piece;
use uefi::boot::{self, AllocateType, MemoryType};

use super::console;

/// Pages of memory, the loader's alone, mapped one to one as all memory is under UEFI.
///
/// # Invariants
/// `start..start + length` was allocated by the firmware and is referred to from nowhere else.
pub struct Workspace {
    start: NonNull<u8>,
    length: usize,
}

impl Workspace {
    /// Takes memory, wherever the firmware has some.
    ///
    /// # Errors
    /// When the firmware has no such piece.
    pub fn take(length: usize) -> uefi::Result<Self> {
        Self::allocate(AllocateType::AnyPages, length)
    }

    /// Takes the memory at this physical address, and leaves what is in it.
    ///
    /// # Errors
    /// When something of it is in use, or no memory.
    pub fn take_at(address: u64, length: usize) -> uefi::Result<Self> {
        Self::allocate(AllocateType::Address(address), length)
    }

    fn allocate(place: AllocateType, length: usize) -> uefi::Result<Self> {
        let pages = length.div_ceil(PAGE_SIZE as usize);
        let start = boot::allocate_pages(place, MemoryType::LOADER_DATA, pages)?;
        // INVARIANT: fresh from the firmware, which will give it to no one else.
        Ok(Self { start, length: pages * PAGE_SIZE as usize })
    }

    /// Where it lies.
    pub fn piece(&self) -> Piece {
        let start = self.start.as_ptr().expose_provenance() as u64;
        Piece { start, end: start + self.length as u64 }
    }

    /// Its bytes, whatever was last written to that memory.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: allocated, so not null and `length` bytes long; by the type's invariant no one changes
        // it while this value is borrowed. Bytes have no bad values.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    /// Its bytes, to write to.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `bytes`, and this value is borrowed for writing, so there is no other borrow.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }

    /// Its bytes from a physical address on.
    fn at(&mut self, address: u64, length: u64) -> &mut [u8] {
        let from = (address - self.piece().start) as usize;
        &mut self.bytes_mut()[from..from + length as usize]
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if !console::has_left_firmware() {
            // SAFETY: allocated by the firmware, and no borrow outlives this value.
            let _ = unsafe { boot::free_pages(self.start, self.length / PAGE_SIZE as usize) };
        }
    }
}

/// Anything outside the workspace is refused by a panic.
impl PhysicalMemory for Workspace {
    fn read_u64(&self, address: u64) -> u64 {
        let from = (address - self.piece().start) as usize;
        let mut word = [0; 8];
        word.copy_from_slice(&self.bytes()[from..from + 8]);
        u64::from_le_bytes(word)
    }

    fn write_u64(&mut self, address: u64, value: u64) {
        self.at(address, 8).copy_from_slice(&value.to_le_bytes());
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        self.at(address, bytes.len() as u64).copy_from_slice(bytes);
    }

    fn zero(&mut self, address: u64, length: u64) {
        self.at(address, length).fill(0);
    }
}

/// A word of physical memory that the firmware has mapped one to one.
///
/// # Safety
/// `address` is a multiple of 8 in memory that can be read, and that no one writes to.
pub unsafe fn read(address: u64) -> u64 {
    // SAFETY: by this function's contract.
    unsafe { ptr::with_exposed_provenance::<u64>(address as usize).read_volatile() }
}
