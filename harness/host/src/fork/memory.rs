//! A machine's memory as the pages that are not zero.

use std::{fs::File, io, os::unix::fs::FileExt};

use rustix::{
    fs::{FallocateFlags, SeekFrom, fallocate, seek},
    io::Errno,
};

/// Bytes of a page.
const PAGE: usize = 4096;
/// What is looked at in one go.
const CHUNK: usize = 64 * PAGE;

/// The pages of a memory that are not zero, as runs of bytes, each with its place.
#[derive(Debug, Default, Hash, PartialEq, Eq)]
pub struct Pages(Vec<(u64, Vec<u8>)>);

impl Pages {
    /// Reads the first `memory` bytes of a file, which may be sparse; `None` when more than `most` of them are in
    /// pages that are not zero.
    ///
    /// # Errors
    /// What the system says; so below.
    pub fn read(file: &File, memory: u64, most: u64) -> io::Result<Option<Self>> {
        let mut pages = Self::default();
        let mut buffer = vec![0; CHUNK];
        let mut start = 0;
        while start < memory {
            start = match seek(file, SeekFrom::Data(start)) {
                Ok(start) => start,
                // Nothing but a hole up to the end.
                Err(Errno::NXIO) => break,
                Err(error) => return Err(error.into()),
            };
            let hole = seek(file, SeekFrom::Hole(start))?.min(memory);
            while start < hole {
                let chunk = &mut buffer[..usize::try_from(hole - start).unwrap_or(CHUNK).min(CHUNK)];
                file.read_exact_at(chunk, start)?;
                for (page, place) in chunk.chunks(PAGE).zip((start..).step_by(PAGE)) {
                    if page.iter().any(|&byte| byte != 0) {
                        pages.push(place, page);
                    }
                }
                start += chunk.len() as u64;
                if pages.bytes() > most {
                    return Ok(None);
                }
            }
        }
        Ok(Some(pages))
    }

    fn push(&mut self, place: u64, page: &[u8]) {
        match self.0.last_mut() {
            Some((start, run)) if *start + run.len() as u64 == place => run.extend_from_slice(page),
            _ => self.0.push((place, page.to_vec())),
        }
    }

    /// How many bytes they are.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|(_, run)| run.len() as u64).sum()
    }

    /// Writes them into a file that holds nothing but zeros where they do not lie.
    pub fn write(&self, file: &File) -> io::Result<()> {
        self.0.iter().try_for_each(|(place, run)| file.write_all_at(run, *place))
    }

    /// Makes a file of `memory` bytes hold these pages, and zeros everywhere else, whatever it held before.
    pub fn restore(&self, file: &File, memory: u64) -> io::Result<()> {
        // Pages that stay need not be taken from the system, and from QEMU's page tables, and given back.
        let mut end = 0;
        for (place, run) in &self.0 {
            punch(file, end, *place)?;
            end = place + run.len() as u64;
        }
        punch(file, end, memory)?;
        self.write(file)
    }
}

/// Makes a part of a file a hole.
fn punch(file: &File, start: u64, end: u64) -> io::Result<()> {
    if start < end {
        fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, start, end - start)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: u64 = 1 << 20;

    fn memory() -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(MEMORY).unwrap();
        file.write_all_at(b"kernel", 5 * PAGE as u64 + 7).unwrap();
        file.write_all_at(&[0; 3 * PAGE], 64 * PAGE as u64).unwrap();
        file.write_all_at(&[7; 2 * PAGE], MEMORY - 2 * PAGE as u64).unwrap();
        file
    }

    #[test]
    fn only_pages_that_are_not_zero_are_kept() {
        let pages = Pages::read(&memory(), MEMORY, u64::MAX).unwrap().unwrap();
        assert_eq!(pages.bytes(), 3 * PAGE as u64);
        let places: Vec<u64> = pages.0.iter().map(|(place, _)| *place / PAGE as u64).collect();
        assert_eq!(places, [5, 254]);
        assert_eq!(Pages::read(&memory(), MEMORY, 2 * PAGE as u64).unwrap(), None);
    }

    #[test]
    fn a_restored_memory_is_the_one_that_was_read_whatever_was_written_meanwhile() {
        let file = memory();
        let pages = Pages::read(&file, MEMORY, u64::MAX).unwrap().unwrap();
        for place in [0, 5 * PAGE as u64, 100 * PAGE as u64 + 1, MEMORY - 9] {
            file.write_all_at(b"scribble", place).unwrap();
        }
        assert_ne!(Pages::read(&file, MEMORY, u64::MAX).unwrap().unwrap(), pages);
        pages.restore(&file, MEMORY).unwrap();
        assert_eq!(Pages::read(&file, MEMORY, u64::MAX).unwrap().unwrap(), pages);
        assert_eq!(file.metadata().unwrap().len(), MEMORY);
    }
}
