//! Physical memory, through the identity mapping that the entry code made.

use core::ptr;
use core::slice;

use core::sync::atomic::{AtomicBool, Ordering};

use steward_boot_protocol::PhysicalMemory;
use steward_boot_protocol::map::{Kind, MapError, MemoryMap, Range};

// SAFETY: the linker script images/direct.ld defines these names, and only their addresses are taken.
unsafe extern "C" {
    /// First byte of the loader's image, from images/direct.ld.
    safe static __image_start: u8;
    /// One past its last byte.
    safe static __image_end: u8;
}

/// End of the memory that the loader can reach.
pub const IDENTITY_LIMIT: u64 = 4 << 30;

/// Ranges below the limit that the loader may write to.
const WINDOWS: usize = 64;

/// Below this, memory is firmware's: it is read, never written.
const LOW_MEMORY: u64 = 1 << 20;

/// Set once memory has been divided.
static DIVIDED: AtomicBool = AtomicBool::new(false);

/// The loader's access to physical memory.
///
/// # Invariants
/// `windows` are usable memory above the first MiB and below [`IDENTITY_LIMIT`], outside everything
/// that [`divide`] held back, and there is only one value of this type.
pub struct Memory {
    windows: [(u64, u64); WINDOWS],
}

/// Physical memory, divided between those who read and the one who writes.
pub struct Division<const N: usize> {
    /// What the kernel will be told, with the held ranges as bootloader-reclaimable.
    pub map: MemoryMap,
    /// What may be written.
    pub memory: Memory,
    /// The held ranges' bytes.
    pub held: [&'static [u8]; N],
}

/// Why memory could not be divided.
pub enum DivideError {
    /// No memory map could be made.
    Map(MapError),
    /// A held range is null or beyond [`IDENTITY_LIMIT`].
    OutOfReach,
}

/// Divides memory: `held` ranges (address and length), the loader's own image and the first MiB are
/// only read from here on; of the rest, what the firmware's `ranges` call usable may be written.
///
/// # Panics
/// When called twice.
pub fn divide<const N: usize>(
    ranges: impl Iterator<Item = Range>,
    held: [(u64, u64); N],
) -> Result<Division<N>, DivideError> {
    // Relaxed: there is one processor.
    assert!(!DIVIDED.swap(true, Ordering::Relaxed), "memory is divided once");
    let (image_start, image_end) = (&raw const __image_start, &raw const __image_end);
    let image = (image_start.addr() as u64, image_end.addr() as u64 - image_start.addr() as u64);
    let ours = held.into_iter().chain([image]);
    let ours = ours.map(|(base, length)| Range { base, length, kind: Kind::BootloaderReclaimable });
    let map = MemoryMap::new(ranges.chain(ours)).map_err(DivideError::Map)?;

    let usable = map.entries().iter().filter(|entry| entry.kind == Kind::Usable);
    let reachable = usable.map(|entry| (entry.start.max(LOW_MEMORY), entry.end.min(IDENTITY_LIMIT)));
    let mut windows = [(0, 0); WINDOWS];
    // Highest first, as the loader allocates.
    let highest = reachable.rev().filter(|(start, end)| start < end);
    windows.iter_mut().zip(highest).for_each(|(window, range)| *window = range);
    // INVARIANT: `map` has the held ranges and the image as not usable; `DIVIDED` makes it the only one.
    let memory = Memory { windows };

    let mut slices: [&[u8]; N] = [&[]; N];
    for ((base, length), slice) in held.into_iter().zip(&mut slices) {
        if length == 0 {
            continue;
        }
        if base == 0 || base.checked_add(length).is_none_or(|end| end > IDENTITY_LIMIT) {
            return Err(DivideError::OutOfReach);
        }
        let start = ptr::with_exposed_provenance(base as usize);
        // SAFETY: not null and mapped one to one; by the invariant of `Memory` nothing writes there.
        *slice = unsafe { slice::from_raw_parts(start, length as usize) };
    }
    Ok(Division { map, memory, held: slices })
}

/// A little-endian word of physical memory, wherever it lies below [`IDENTITY_LIMIT`].
pub fn peek(address: u64) -> Option<u64> {
    if address == 0 || address.checked_add(8)? > IDENTITY_LIMIT {
        return None;
    }
    let from = ptr::with_exposed_provenance::<[u8; 8]>(address as usize);
    // SAFETY: mapped one to one, not null, and bytes have no alignment. The read is volatile and makes
    // no reference, so it does not matter what else looks at this memory.
    Some(u64::from_le_bytes(unsafe { from.read_volatile() }))
}

impl Memory {
    /// The address as a pointer; panics when the loader does not own `length` bytes there.
    fn at(&self, address: u64, length: u64) -> *mut u8 {
        let inside = |&(start, end): &(u64, u64)| start <= address && address <= end && length <= end - address;
        assert!(self.windows.iter().any(inside), "no usable memory at {address:#x} ({length:#x} bytes)");
        ptr::with_exposed_provenance_mut(address as usize)
    }
}

impl PhysicalMemory for Memory {
    fn read_u64(&self, address: u64) -> u64 {
        let from = self.at(address, 8).cast::<u64>();
        assert!(from.is_aligned(), "{address:#x} is not a multiple of 8");
        // SAFETY: `at` has checked that the word is the loader's, mapped one to one, and it is aligned.
        unsafe { from.read() }
    }

    fn write_u64(&mut self, address: u64, value: u64) {
        let to = self.at(address, 8).cast::<u64>();
        assert!(to.is_aligned(), "{address:#x} is not a multiple of 8");
        // SAFETY: an aligned word inside a window, to which no reference exists.
        unsafe { to.write(value) };
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        let to = self.at(address, bytes.len() as u64);
        // SAFETY: the target is all inside a window; `bytes` is not, since slices never are.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    fn zero(&mut self, address: u64, length: u64) {
        let to = self.at(address, length);
        // SAFETY: all `length` bytes are inside a window, and zero is a value for bytes.
        unsafe { ptr::write_bytes(to, 0, length as usize) };
    }
}
