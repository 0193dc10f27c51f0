//! A kernel without what only debuggers read.

use object::{
    Endianness,
    elf::{EM_X86_64, FileHeader64},
    read::elf::{FileHeader, ProgramHeader},
};

/// Offsets of fields in the ELF file header (System V ABI, "ELF Header"): `e_shoff`, and `e_shentsize`, `e_shnum`,
/// `e_shstrndx` in a row.
const SECTION_TABLE: std::ops::Range<usize> = 40..48;
const SECTION_COUNTS: std::ops::Range<usize> = 58..64;

/// The file up to the end of what its program headers name, without a section table. Linkers put debug sections
/// behind everything that is loaded.
///
/// # Errors
/// Says what is wrong with the file.
pub fn strip(file: &[u8]) -> Result<Vec<u8>, String> {
    let malformed = |error| format!("not an x86-64 ELF file: {error}");
    let header = FileHeader64::<Endianness>::parse(file).map_err(malformed)?;
    let endian = header.endian().map_err(malformed)?;
    if header.e_machine(endian) != EM_X86_64 {
        return Err(String::from("an ELF file, but not for x86-64"));
    }
    let segments = header.program_headers(endian, file).map_err(malformed)?;
    if segments.is_empty() {
        return Err(String::from("an ELF file without program headers: it is not linked, so it cannot be booted"));
    }
    let table = header.e_phoff(endian) + segments.len() as u64 * u64::from(header.e_phentsize(endian));
    let ends = segments.iter().map(|segment| {
        let (start, length) = segment.file_range(endian);
        start.checked_add(length).filter(|&end| end <= file.len() as u64)
    });
    let end = ends
        .chain([Some(table)])
        .try_fold(0, |end, other| other.map(|other| end.max(other)))
        .ok_or("a segment of the ELF file reaches past the file's end: the file was cut")?;
    let mut kept = file[..usize::try_from(end).map_err(|_| "larger than this machine's memory")?].to_vec();
    kept[SECTION_TABLE].fill(0);
    kept[SECTION_COUNTS].fill(0);
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use object::{Object, ObjectSegment};

    use super::*;
    use crate::test_elf::Builder;

    #[test]
    fn what_is_loaded_stays_and_sections_go() {
        let whole = Builder::default().tests(3).build();
        let stripped = strip(&whole).unwrap();
        assert!(stripped.len() < whole.len());
        let (before, after) = (object::File::parse(&*whole).unwrap(), object::File::parse(&*stripped).unwrap());
        assert_eq!(after.sections().count(), 0);
        let segments = |file: &object::File<'_>| -> Vec<(u64, Vec<u8>)> {
            file.segments().map(|segment| (segment.address(), segment.data().unwrap().to_vec())).collect()
        };
        assert_eq!(segments(&before), segments(&after));
        assert!(!segments(&after).is_empty());
    }

    #[test]
    fn cut_files_are_refused_wherever_they_are_cut() {
        let stripped = strip(&Builder::default().tests(1).build()).unwrap();
        for length in 0..stripped.len() {
            assert!(strip(&stripped[..length]).is_err(), "cut to {length} bytes");
        }
    }

    #[test]
    fn another_machines_file_is_refused() {
        let mut file = Builder::default().build();
        file[18] = 0xb7;
        assert!(strip(&file).unwrap_err().contains("x86-64"));
    }
}
