//! Files of an image's system volume, read back.

use std::fs;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use fatfs::{Dir, FileSystem, FsOptions};
use gpt::{GptConfig, partition_types};

use crate::Error;
use crate::partitions::BLOCK;

/// How many directories may lie in one another. A damaged volume can have one within itself.
const MAX_DEPTH: usize = 16;
/// How many files are listed. A damaged volume can have one directory in many places.
const MAX_FILES: usize = 10_000;

/// A file on a system volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path, with `/` between the names.
    pub path: String,
    /// Its size, in bytes.
    pub bytes: u64,
}

/// The content of the file `name` on the system volume of this image (an ISO or a disk, or a copy of one, which may be
/// longer: a whole stick). `name` is a path with `/` between names, compared without case.
///
/// # Errors
/// [`Error::NoFile`], [`Error::NotAnImage`], and [`Error::Io`].
pub fn read_file(image: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let (volume, size) = open(image)?;
    let damaged = |error: io::Error| Error::NotAnImage { image: image.into(), fault: format!("{name}: {error}") };
    let file = match volume.root_dir().open_file(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::NoFile { image: image.into(), name: name.into() });
        }
        result => result.map_err(damaged)?,
    };
    let mut content = Vec::new();
    // A damaged volume's chain of clusters can be a circle, but no file is larger than the volume.
    file.take(size).read_to_end(&mut content).map_err(damaged)?;
    Ok(content)
}

/// All files on the system volume of this image, in the order of their paths.
///
/// # Errors
/// [`Error::NotAnImage`], and [`Error::Io`].
pub fn list_files(image: &Path) -> Result<Vec<Entry>, Error> {
    let (volume, _) = open(image)?;
    let mut found = Vec::new();
    list(&volume.root_dir(), "", MAX_DEPTH, &mut found)
        .map_err(|error| Error::NotAnImage { image: image.into(), fault: error.to_string() })?;
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

fn list(directory: &Dir<'_, Window>, path: &str, depth: usize, found: &mut Vec<Entry>) -> io::Result<()> {
    if depth == 0 {
        return Err(io::Error::other("its directories lie too deep in one another"));
    }
    for entry in directory.iter() {
        let entry = entry?;
        let name = entry.file_name();
        let path = format!("{path}{name}");
        if found.len() == MAX_FILES {
            return Err(io::Error::other("it has too many files"));
        } else if entry.is_file() {
            found.push(Entry { path, bytes: entry.len() });
        } else if name != "." && name != ".." {
            list(&entry.to_dir(), &format!("{path}/"), depth - 1, found)?;
        }
    }
    Ok(())
}

/// The FAT volume of the image's system partition, and its size.
fn open(image: &Path) -> Result<(FileSystem<Window>, u64), Error> {
    let fault = |fault: String| Error::NotAnImage { image: image.into(), fault };
    let mut file = fs::File::open(image).map_err(Error::io("open", image))?;
    let length = file.seek(SeekFrom::End(0)).map_err(Error::io("read", image))?;
    let table = GptConfig::new()
        .open_from_device(file)
        .map_err(|error| fault(format!("it has no partition table (GPT): {error}")))?;
    let system = table.partitions().values().find(|partition| partition.part_type_guid == partition_types::EFI);
    let system = system.ok_or_else(|| fault("it has no system partition".into()))?;
    let bytes = system.first_lba.saturating_mul(BLOCK)..system.last_lba.saturating_add(1).saturating_mul(BLOCK);
    if bytes.is_empty() || bytes.end > length {
        return Err(fault("its system partition reaches past its end; was it copied as a whole?".into()));
    }
    let size = bytes.end - bytes.start;
    let window = Window::new(table.take_device(), bytes).map_err(Error::io("read", image))?;
    let volume = FileSystem::new(window, FsOptions::new());
    volume
        .map(|volume| (volume, size))
        .map_err(|error| fault(format!("its system partition is no FAT volume: {error}")))
}

/// A part of a file, as if it were all of it. It is never written to.
#[derive(Debug)]
struct Window {
    file: BufReader<fs::File>,
    bytes: Range<u64>,
    at: u64,
    /// How many bytes may still be read. A damaged volume can lead in circles; nothing that is done here reads a sound
    /// one more than a few times over.
    budget: u64,
}

impl Window {
    fn new(file: fs::File, bytes: Range<u64>) -> io::Result<Self> {
        let budget = 4 * (bytes.end - bytes.start) + (1 << 20);
        let mut file = BufReader::new(file);
        file.seek(SeekFrom::Start(bytes.start))?;
        Ok(Self { file, bytes, at: 0, budget })
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = (self.bytes.end - self.bytes.start).saturating_sub(self.at);
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut buffer[..most])?;
        self.at += read as u64;
        let left = self.budget.checked_sub(read as u64);
        self.budget = left.ok_or_else(|| io::Error::other("its file allocation table leads in circles"))?;
        Ok(read)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => (self.bytes.end - self.bytes.start).checked_add_signed(by),
        };
        let place = at.and_then(|at| at.checked_add(self.bytes.start));
        let (Some(at), Some(place)) = (at, place) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let now = self.bytes.start + self.at;
        match i64::try_from(i128::from(place) - i128::from(now)) {
            Ok(by) => self.file.seek_relative(by)?, // keeps what is in the buffer
            Err(_) => return Err(io::ErrorKind::InvalidInput.into()),
        }
        self.at = at;
        Ok(at)
    }
}

impl Write for Window {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
