//! The responses: laid out once to learn their size, and once more to write them.

use crate::archive::{File, Name};
use crate::features::Feature;
use crate::load::{Input, Placement};
use crate::map::{Entry, MemoryMap};
use crate::memory::{Nowhere, PhysicalMemory};
use crate::requests::{RESPONSE_AT, Requests};
use crate::{HHDM_BASE, entry};

/// What started the loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum FirmwareType {
    /// A PC BIOS.
    Bios = 0,
    /// 32-bit UEFI.
    Uefi32 = 1,
    /// 64-bit UEFI.
    Uefi64 = 2,
}

/// A linear framebuffer with red, green and blue fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framebuffer {
    /// Physical address of the first pixel, in a range of kind
    /// [`Framebuffer`](crate::map::Kind::Framebuffer).
    pub address: u64,
    /// Pixels in a line.
    pub width: u64,
    /// Lines.
    pub height: u64,
    /// Bytes from one line to the next.
    pub pitch: u64,
    /// Bits of a pixel.
    pub bits_per_pixel: u16,
    /// Size and shift, in bits, of the red, green and blue fields.
    pub masks: [(u8, u8); 3],
}

/// `memory_model` of red, green and blue fields.
const MEMORY_MODEL_RGB: u64 = 1;

/// Bytes of the protocol's `struct limine_memmap_entry`.
const ENTRY_SIZE: u64 = 24;

/// Words of the protocol's `struct limine_file`, which ends in three UUIDs.
const FILE_WORDS: usize = 14;

/// Where things are written: physical addresses ascending from the first. Without memory it only
/// counts.
struct Arena<'m, M> {
    memory: Option<&'m mut M>,
    next: u64,
}

impl<M: PhysicalMemory> Arena<'_, M> {
    /// Puts words down and returns the address at which the kernel sees them.
    fn words(&mut self, words: impl IntoIterator<Item = u64>) -> u64 {
        let at = self.next;
        for word in words {
            if let Some(memory) = &mut self.memory {
                memory.write_u64(self.next, word);
            }
            self.next += 8;
        }
        HHDM_BASE + at
    }

    /// Puts a text and its closing zero down, and returns the address at which the kernel sees it.
    fn text(&mut self, bytes: impl Iterator<Item = u8>) -> u64 {
        let mut bytes = bytes.chain([0]).peekable();
        let words = core::iter::from_fn(|| {
            bytes.peek()?;
            Some(u64::from_le_bytes(core::array::from_fn(|_| bytes.next().unwrap_or(0))))
        });
        self.words(words)
    }

    /// Puts pointers to `count` equal records, `size` bytes apart from `first` on, and returns the
    /// address of the array.
    fn pointers(&mut self, first: u64, count: u64, size: u64) -> u64 {
        self.words((0..count).map(|index| first + index * size))
    }
}

/// What the responses are made of.
pub(crate) struct Answers<'i, 'a> {
    pub(crate) input: &'i Input<'a>,
    pub(crate) requests: Requests,
    pub(crate) unix_seconds: Option<i64>,
    /// Virtual address of the kernel's image.
    pub(crate) virtual_base: u64,
    pub(crate) placement: Placement,
}

/// Offset of the global descriptor table in the arena.
pub(crate) const GDT_AT: u64 = 0;

impl Answers<'_, '_> {
    /// Bytes that [`write`](Self::write) takes when the map has `more` entries than now.
    pub(crate) fn size(&self, map: &MemoryMap, more: u64) -> u64 {
        let mut arena = Arena::<Nowhere> { memory: None, next: 0 };
        self.lay_out(&mut arena, map);
        arena.next + more * (ENTRY_SIZE + 8)
    }

    /// Writes the responses from `base` on, and a pointer to each into its request.
    pub(crate) fn write<M: PhysicalMemory>(&self, memory: &mut M, base: u64, map: &MemoryMap) {
        self.lay_out(&mut Arena { memory: Some(memory), next: base }, map);
    }

    /// Puts everything down in a fixed order, [`GDT`](entry::GDT) first.
    fn lay_out<M: PhysicalMemory>(&self, arena: &mut Arena<'_, M>, map: &MemoryMap) {
        arena.words(entry::GDT);
        let command_line = arena.text(self.input.command_line.iter().copied());
        for feature in Feature::ALL {
            if let Some(request) = self.requests.address(feature)
                && let Some(response) = self.respond(feature, arena, map, command_line)
                && let Some(memory) = &mut arena.memory
            {
                memory.write_u64(self.placement.image + (request - self.virtual_base) + RESPONSE_AT, response);
            }
        }
    }

    /// Puts a feature's response down and returns its address; `None` when there is no answer.
    fn respond<M: PhysicalMemory>(
        &self,
        feature: Feature,
        arena: &mut Arena<'_, M>,
        map: &MemoryMap,
        command_line: u64,
    ) -> Option<u64> {
        let (input, placement) = (self.input, &self.placement);
        // Every response begins with its revision, which is 0 for all we give.
        Some(match feature {
            Feature::BootloaderInfo => {
                let name = arena.text(input.loader_name.bytes());
                let version = arena.text(input.loader_version.bytes());
                arena.words([0, name, version])
            }
            Feature::FirmwareType => arena.words([0, input.firmware? as u64]),
            Feature::StackSize | Feature::EntryPoint => arena.words([0]),
            Feature::Hhdm => arena.words([0, HHDM_BASE]),
            Feature::Framebuffer => self.framebuffers(arena)?,
            // Mode 0 is 4-level paging.
            Feature::PagingMode => arena.words([0, 0]),
            Feature::MemoryMap => {
                let entries = map.entries();
                let record = |entry: &Entry| [entry.start, entry.end - entry.start, entry.kind as u64];
                let first = arena.words(entries.iter().flat_map(record));
                let pointers = arena.pointers(first, entries.len() as u64, ENTRY_SIZE);
                arena.words([0, entries.len() as u64, pointers])
            }
            Feature::ExecutableFile => {
                let path = arena.text(path(input.kernel.name));
                let file = arena.words(file_record(placement.kernel_file, input.kernel, path, command_line));
                arena.words([0, file])
            }
            Feature::Module => self.modules(arena),
            // Base revision 3 gives the physical address.
            Feature::Rsdp if self.requests.revision() == 3 => arena.words([0, input.rsdp?]),
            Feature::Rsdp => arena.words([0, HHDM_BASE + input.rsdp?]),
            Feature::DateAtBoot => arena.words([0, self.unix_seconds?.cast_unsigned()]),
            Feature::ExecutableAddress => arena.words([0, placement.image, self.virtual_base]),
            Feature::ExecutableCmdline => arena.words([0, command_line]),
            Feature::Mp
            | Feature::Smbios
            | Feature::EfiSystemTable
            | Feature::EfiMemoryMap
            | Feature::DeviceTreeBlob => return None,
        })
    }

    fn modules<M: PhysicalMemory>(&self, arena: &mut Arena<'_, M>) -> u64 {
        let modules = || self.placement.modules(self.input);
        // Texts first and then the records, so that the records stand in a row.
        let mut next_text = HHDM_BASE + arena.next;
        for (module, _) in modules() {
            arena.text(path(module.name));
            arena.text(module.string.iter().copied());
        }
        let mut text_of = |length: usize| {
            let at = next_text;
            next_text += (length as u64 + 1).next_multiple_of(8);
            at
        };
        let first = HHDM_BASE + arena.next;
        for (module, physical) in modules() {
            let (path, string) = (text_of(path(module.name).count()), text_of(module.string.len()));
            arena.words(file_record(physical, module, path, string));
        }
        let count = self.input.modules.len() as u64;
        let pointers = arena.pointers(first, count, FILE_WORDS as u64 * 8);
        arena.words([0, count, pointers])
    }

    fn framebuffers<M: PhysicalMemory>(&self, arena: &mut Arena<'_, M>) -> Option<u64> {
        let screens = self.input.framebuffers;
        let mut first = None;
        for screen in screens {
            let [(red, red_at), (green, green_at), (blue, blue_at)] =
                screen.masks.map(|(a, b)| (u64::from(a), u64::from(b)));
            let low = [u64::from(screen.bits_per_pixel), MEMORY_MODEL_RGB << 16, red << 24, red_at << 32];
            let high = [green << 40, green_at << 48, blue << 56];
            let format = low.into_iter().chain(high).fold(0, |word, field| word | field);
            let address = HHDM_BASE + screen.address;
            let record = arena.words([address, screen.width, screen.height, screen.pitch, format, blue_at, 0, 0]);
            first.get_or_insert(record);
        }
        let pointers = arena.pointers(first?, screens.len() as u64, 64);
        Some(arena.words([0, screens.len() as u64, pointers]))
    }
}

/// A file's path in its volume: its name behind a slash.
fn path(name: Name<'_>) -> impl Iterator<Item = u8> {
    [b'/'].into_iter().chain(name.bytes())
}

/// The protocol's `struct limine_file`: revision, address, size, path, command line, and zeros for
/// the medium, which is generic.
fn file_record(physical: u64, file: File<'_>, path: u64, command_line: u64) -> [u64; FILE_WORDS] {
    let mut record = [0; FILE_WORDS];
    record[1..5].copy_from_slice(&[HHDM_BASE + physical, file.data.len() as u64, path, command_line]);
    record
}
