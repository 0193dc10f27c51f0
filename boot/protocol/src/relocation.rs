//! Relocations of a position-independent kernel: only "base plus addend" exists in a static one.

use elf::abi::{DT_NULL, DT_RELA, DT_RELAENT, DT_RELASZ, R_X86_64_NONE, R_X86_64_RELATIVE};

use crate::image::{Image, ImageError};

/// Bytes of an `Elf64_Rela`: offset, info, addend.
const RELA_SIZE: u64 = 24;
/// Bytes of an `Elf64_Dyn`: tag, value.
const DYN_SIZE: u64 = 16;

/// A checked relocation table: every entry is `R_X86_64_RELATIVE` or nothing, and the word that it
/// changes lies in a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relocations<'a> {
    table: &'a [u8],
    slide: u64,
}

impl<'a> Relocations<'a> {
    /// A kernel linked at its address has none.
    pub(crate) const NONE: Self = Self { table: &[], slide: 0 };

    /// Finds and checks the table that the dynamic section at `dynamic` (an unslid address, `size`
    /// bytes) names.
    pub(crate) fn parse(image: &Image<'a>, slide: u64, dynamic: u64, size: u64) -> Result<Self, ImageError> {
        let (mut at, mut length, mut entry_size) = (None, 0, RELA_SIZE);
        let start = dynamic.checked_add(slide).ok_or(ImageError::RelocationTable)?;
        for index in 0..size / DYN_SIZE {
            let entry = start.checked_add(index * DYN_SIZE).ok_or(ImageError::RelocationTable)?;
            let tag = image.read_raw(entry).ok_or(ImageError::RelocationTable)?;
            let value = image.read_raw(entry.wrapping_add(8)).ok_or(ImageError::RelocationTable)?;
            match tag.cast_signed() {
                DT_NULL => break,
                DT_RELA => at = Some(value),
                DT_RELASZ => length = value,
                DT_RELAENT => entry_size = value,
                _ => {}
            }
        }
        let Some(at) = at.filter(|_| length != 0) else { return Ok(Self::NONE) };
        if entry_size != RELA_SIZE || !length.is_multiple_of(RELA_SIZE) {
            return Err(ImageError::RelocationTable);
        }
        let found = Self { table: file_bytes(image, at.wrapping_add(slide), length)?, slide };
        for (address, kind, _) in found.raw() {
            let inside = kind == R_X86_64_NONE || image.read_raw(address).is_some();
            if !inside || !matches!(kind, R_X86_64_NONE | R_X86_64_RELATIVE) {
                return Err(ImageError::Relocation { address, kind });
            }
        }
        Ok(found)
    }

    /// Each word to change: its virtual address and its value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + 'a {
        self.raw().filter(|(_, kind, _)| *kind == R_X86_64_RELATIVE).map(|(address, _, value)| (address, value))
    }

    /// The value of the word at `address`, if a relocation sets it.
    pub(crate) fn value_at(&self, address: u64) -> Option<u64> {
        self.iter().find_map(|(at, value)| (at == address).then_some(value))
    }

    /// Each entry: address and value after sliding, and the type between them.
    fn raw(&self) -> impl Iterator<Item = (u64, u32, u64)> + 'a {
        let slide = self.slide;
        self.table.as_chunks::<{ RELA_SIZE as usize }>().0.iter().map(move |entry| {
            let word = |at: usize| {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&entry[at..at + 8]);
                u64::from_le_bytes(bytes)
            };
            let kind = u32::from_le_bytes([entry[8], entry[9], entry[10], entry[11]]);
            (word(0).wrapping_add(slide), kind, word(16).wrapping_add(slide))
        })
    }
}

/// The file's bytes that are loaded at `address`.
fn file_bytes<'a>(image: &Image<'a>, address: u64, length: u64) -> Result<&'a [u8], ImageError> {
    let segment = image.segments().iter().find(|segment| (segment.start..segment.end).contains(&address));
    segment
        .and_then(|segment| {
            let from = usize::try_from(address - segment.start).ok()?;
            segment.data.get(from..from.checked_add(usize::try_from(length).ok()?)?)
        })
        .ok_or(ImageError::RelocationTable)
}
