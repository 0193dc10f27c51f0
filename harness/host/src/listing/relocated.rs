//! The descriptors as they are once a loader has put the kernel to its addresses.
//!
//! The file of a position-independent kernel holds zeros where addresses belong, and says in a table what to put there.

use std::ops::Range;

use object::{
    Endianness, File,
    elf::{FileHeader64, PT_DYNAMIC, R_X86_64_RELATIVE},
    read::elf::{FileHeader, ProgramHeader, SectionHeader},
};

const NOBODY: &str = "the kernel is position-independent, and no program header (PT_DYNAMIC) leads a loader to its \
                      relocations, so its addresses would be wrong: link it with `-Crelocation-model=static`, or give \
                      .dynamic a program header of that type in the linker script";

/// Puts the addresses that belong into `data`, which the kernel has at `address`.
///
/// # Errors
/// When no loader would do the same, or a table is malformed.
pub fn relocate(file: &File<'_>, bytes: &[u8], address: u64, data: &mut [u8]) -> Result<(), String> {
    if !matches!(file, File::Elf64(_)) {
        return Ok(());
    }
    let wrong = |error: object::Error| format!("a relocation table: {error}");
    let header = FileHeader64::<Endianness>::parse(bytes).map_err(wrong)?;
    let endian = header.endian().map_err(wrong)?;
    let mut is_relocated = false;
    for section in header.section_headers(endian, bytes).map_err(wrong)? {
        let Some((entries, _)) = section.rela(endian, bytes).map_err(wrong)? else { continue };
        for entry in entries.iter().filter(|entry| entry.r_type(endian, false) == R_X86_64_RELATIVE) {
            if let Some(place) = place(entry.r_offset.get(endian), address, data.len()) {
                data[place].copy_from_slice(&entry.r_addend.get(endian).to_le_bytes());
                is_relocated = true;
            }
        }
    }
    let programs = header.program_headers(endian, bytes).map_err(wrong)?;
    if is_relocated && !programs.iter().any(|program| program.p_type(endian) == PT_DYNAMIC) {
        return Err(NOBODY.into());
    }
    Ok(())
}

/// Where the word at this address lies in `length` bytes at `start`.
fn place(at: u64, start: u64, length: usize) -> Option<Range<usize>> {
    let begin = usize::try_from(at.checked_sub(start)?).ok()?;
    let end = begin.checked_add(size_of::<u64>())?;
    (end <= length).then_some(begin..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        listing::Listing,
        test_elf::{BASE, Builder, put},
    };
    use steward_harness_wire::layout;

    /// The first test's name is only found by a relocation. The section of names is given up for that.
    fn position_independent(has_dynamic: bool) -> Vec<u8> {
        let mut elf = Builder::default().tests(1).build();
        let name = u64::from_le_bytes(elf[0x208..0x210].try_into().unwrap());
        put(&mut elf, 0x200 + layout::NAME, &[0; 8]);
        // A second program header, behind the first.
        let kind = if has_dynamic { PT_DYNAMIC } else { 0 };
        put(&mut elf, 56, &[2, 0]);
        put(&mut elf, 64 + 56, &kind.to_le_bytes());
        // A fourth section, at the file's end.
        let table = elf.len() as u64;
        let rela = [BASE + layout::NAME as u64, R_X86_64_RELATIVE.into(), name];
        let header = [4 << 32, 0, 0, table, 24, 0, 8, 24];
        let sections = u64::from_le_bytes(elf[40..48].try_into().unwrap()) as usize;
        let before = elf[sections..].to_vec();
        elf.extend(rela.iter().flat_map(|word| word.to_le_bytes()));
        let moved = elf.len() as u64;
        put(&mut elf, 40, &moved.to_le_bytes());
        put(&mut elf, 60, &[4, 0]);
        elf.extend(before);
        elf.extend(header.iter().flat_map(|word: &u64| word.to_le_bytes()));
        elf
    }

    #[test]
    fn a_position_independent_kernel_is_listed_as_a_loader_will_leave_it() {
        let listing = Listing::parse(&position_independent(true)).unwrap();
        assert_eq!(listing.tests[0].name, "demo::tests::t0");
    }

    #[test]
    fn a_kernel_that_no_loader_can_relocate_is_refused_with_what_to_do() {
        let why = Listing::parse(&position_independent(false)).unwrap_err();
        assert!(why.contains("PT_DYNAMIC") && why.contains("-Crelocation-model=static"), "{why}");
    }

    #[test]
    fn no_cut_or_flipped_table_panics() {
        let elf = position_independent(true);
        for at in 0..elf.len() {
            let _ = Listing::parse(&elf[..at]);
            let mut flipped = elf.clone();
            flipped[at] ^= 0xff;
            let _ = Listing::parse(&flipped);
        }
    }
}
