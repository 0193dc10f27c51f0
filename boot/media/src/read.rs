//! Files of an image's system volume, read back.

use std::fs;
use std::io::{Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use gpt::{GptConfig, partition_types};

use crate::Error;
use crate::fat::{Fault, Reader};
use crate::partitions::BLOCK;

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
    match on_system_volume(image, |volume| volume.read(name))? {
        Some(content) => Ok(content),
        None => Err(Error::NoFile { image: image.into(), name: name.into() }),
    }
}

/// All files on the system volume of this image, in the order of their paths.
///
/// # Errors
/// [`Error::NotAnImage`], and [`Error::Io`].
pub fn list_files(image: &Path) -> Result<Vec<Entry>, Error> {
    let mut found = on_system_volume(image, |volume| volume.list())?;
    found.sort();
    Ok(found.into_iter().map(|(path, bytes)| Entry { path, bytes }).collect())
}

fn on_system_volume<T>(image: &Path, read: impl FnOnce(&mut Reader<'_>) -> Result<T, Fault>) -> Result<T, Error> {
    let mut file = fs::File::open(image).map_err(Error::io("open", image))?;
    let length = file.seek(SeekFrom::End(0)).map_err(Error::io("read", image))?;
    let bytes = system_partition(&file, length).map_err(|fault| Error::NotAnImage { image: image.into(), fault })?;
    Reader::open(&file, bytes).and_then(|mut volume| read(&mut volume)).map_err(|fault| match fault {
        Fault::Damage(fault) => Error::NotAnImage { image: image.into(), fault: fault.into() },
        Fault::Io(error) => Error::io("read", image)(error),
    })
}

/// Where the system partition is.
fn system_partition(file: &fs::File, length: u64) -> Result<Range<u64>, String> {
    let table = GptConfig::new().open_from_device(file);
    let table = table.map_err(|error| format!("it has no partition table (GPT): {error}"))?;
    let system = table.partitions().values().find(|partition| partition.part_type_guid == partition_types::EFI);
    let system = system.ok_or("it has no system partition")?;
    let bytes = system.first_lba.saturating_mul(BLOCK)..system.last_lba.saturating_add(1).saturating_mul(BLOCK);
    if bytes.is_empty() || bytes.end > length {
        return Err("its system partition reaches past its end; was it copied as a whole?".into());
    }
    Ok(bytes)
}
