//! Files of an ISO 9660 volume (ECMA-119), with Rock Ridge names (IEEE P1282, in system use fields per IEEE P1281).
//!
//! Where a record has a Rock Ridge name, that is the file's name, and upper and lower case differ. Elsewhere the name is
//! the ISO identifier without its version and a trailing dot, compared without case. Joliet trees, symbolic links and
//! relocated directories are not followed: such a name is not found.

mod error;
mod names;
mod record;

#[cfg(test)]
mod tests;

pub use error::Error;

use names::Names;
use record::{Record, records};

/// Bytes of a sector.
pub const SECTOR: usize = 2048;

/// The largest directory that is read. The root directory of a disc has a sector or two.
const MAX_DIRECTORY: u64 = 4 << 20;
/// The sector of the first volume descriptor (ECMA-119, 6.2.1).
const FIRST_DESCRIPTOR: u64 = 16;
/// Descriptors that are looked at. Discs have three or four.
const MAX_DESCRIPTORS: u64 = 32;

/// Where sectors come from.
pub trait Sectors {
    /// Why a sector cannot be read.
    type Error;

    /// Reads whole sectors from sector `first` on; the buffer's length is a multiple of [`SECTOR`] and not 0.
    ///
    /// # Errors
    /// When not all of them can be read, for instance because the medium ends before.
    fn read(&mut self, first: u64, buffer: &mut [u8]) -> Result<(), Self::Error>;
}

impl<S: Sectors + ?Sized> Sectors for &mut S {
    type Error = S::Error;

    fn read(&mut self, first: u64, buffer: &mut [u8]) -> Result<(), S::Error> {
        (**self).read(first, buffer)
    }
}

/// Where a file's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    sector: u64,
    /// The file's length.
    pub bytes: u64,
}

impl Extent {
    /// Sectors that it covers.
    const fn sectors(self) -> u64 {
        self.bytes.div_ceil(SECTOR as u64)
    }
}

/// A volume.
#[derive(Debug)]
pub struct Volume<S> {
    sectors: S,
    /// Sectors of the volume, by its primary descriptor. Nothing of the volume lies beyond.
    size: u64,
    root: Extent,
    names: Names,
}

impl<S: Sectors> Volume<S> {
    /// The volume in these sectors.
    ///
    /// # Errors
    /// [`Error::NoVolume`] when there is none; other errors when it cannot be read, or its root directory is damaged.
    pub fn open(mut sectors: S) -> Result<Self, Error<S::Error>> {
        let mut sector = [0; SECTOR];
        let mut descriptors = FIRST_DESCRIPTOR..FIRST_DESCRIPTOR + MAX_DESCRIPTORS;
        let (size, root) = loop {
            let place = descriptors.next().ok_or(Error::NoVolume)?;
            sectors.read(place, &mut sector).map_err(Error::Sectors)?;
            // ECMA-119, 8.1: the type, then an identifier and a version.
            match (sector[0], &sector[1..7]) {
                (1, b"CD001\x01") => break primary(&sector)?,
                (255, b"CD001\x01") => return Err(Error::NoVolume),
                (_, [b'C', b'D', b'0', b'0', b'1', _]) => {}
                _ => return Err(Error::NoVolume),
            }
        };
        let mut volume = Self { sectors, size, root, names: Names::Iso };
        volume.check_directory(root)?;
        volume.load(root.sector, &mut sector)?;
        // Its first record is that of the directory itself.
        let own = records(&sector).next().ok_or(Error::Record { sector: root.sector })?;
        let own = own.map_err(|_| Error::Record { sector: root.sector })?;
        volume.names = Names::of_volume(own.system_use);
        Ok(volume)
    }

    /// The file of that path, parts separated by `/`; `None` when there is none.
    ///
    /// # Errors
    /// When the medium cannot be read, a directory on the way is damaged, or the path is not a file's, or that of a file
    /// in pieces.
    pub fn find(&mut self, path: &str) -> Result<Option<Extent>, Error<S::Error>> {
        let mut parts = path.split('/').filter(|part| !part.is_empty() && *part != ".").peekable();
        let mut directory = self.root;
        while let Some(part) = parts.next() {
            let Some(entry) = self.look_up(directory, part)? else { return Ok(None) };
            match (entry.is_directory, parts.peek()) {
                (true, Some(_)) => directory = entry.extent,
                (true, None) => return Err(Error::IsDirectory),
                (false, Some(_)) => return Ok(None),
                (false, None) if entry.is_in_pieces => return Err(Error::InPieces),
                (false, None) => return self.within(entry.extent).map(Some),
            }
        }
        Err(Error::IsDirectory)
    }

    /// Reads the file's first bytes, at most all: fills the buffer, or as much of it as the file is long. Gives the
    /// number of bytes read.
    ///
    /// # Errors
    /// When the medium cannot be read.
    pub fn read(&mut self, extent: Extent, buffer: &mut [u8]) -> Result<usize, Error<S::Error>> {
        let extent = self.within(extent)?;
        let length = usize::try_from(extent.bytes).map_or(buffer.len(), |bytes| bytes.min(buffer.len()));
        let (whole, rest) = buffer[..length].split_at_mut(length - length % SECTOR);
        if !whole.is_empty() {
            self.sectors.read(extent.sector, whole).map_err(Error::Sectors)?;
        }
        if !rest.is_empty() {
            let mut sector = [0; SECTOR];
            self.load(extent.sector + (whole.len() / SECTOR) as u64, &mut sector)?;
            rest.copy_from_slice(&sector[..rest.len()]);
        }
        Ok(length)
    }

    /// The entry of that name in the directory.
    fn look_up(&mut self, directory: Extent, name: &str) -> Result<Option<Entry>, Error<S::Error>> {
        self.check_directory(directory)?;
        let mut sector = [0; SECTOR];
        for number in 0..directory.sectors() {
            let place = directory.sector + number;
            self.load(place, &mut sector)?;
            let left = usize::try_from(directory.bytes - number * SECTOR as u64).unwrap_or(SECTOR);
            for record in records(&sector[..left.min(SECTOR)]) {
                let record = record.map_err(|_| Error::Record { sector: place })?;
                if self.has_name(&record, name)? {
                    return Ok(Some(Entry::of(&record)));
                }
            }
        }
        Ok(None)
    }

    /// Whether the record is of a file or directory of that name.
    fn has_name(&mut self, record: &Record<'_>, name: &str) -> Result<bool, Error<S::Error>> {
        if record.is_associated() || record.is_own_or_parent() {
            return Ok(false);
        }
        let Names::RockRidge { skip } = self.names else { return Ok(record.has_iso_name(name)) };
        let mut matching = names::Matching::new(name);
        let mut next = matching.take(record.system_use.get(skip..).unwrap_or_default());
        // A continuation is followed by another one at most this often; each is in one sector.
        for _ in 0..8 {
            let Some(area) = next else { break };
            let mut sector = [0; SECTOR];
            self.load(area.sector, &mut sector)?;
            let bytes = sector.get(area.range()).ok_or(Error::Record { sector: area.sector })?;
            next = matching.take(bytes);
        }
        Ok(matching.result().unwrap_or_else(|| record.has_iso_name(name)))
    }

    /// Reads one sector of the volume.
    fn load(&mut self, place: u64, sector: &mut [u8; SECTOR]) -> Result<(), Error<S::Error>> {
        if place >= self.size {
            return Err(Error::BeyondEnd { sector: place, size: self.size });
        }
        self.sectors.read(place, sector).map_err(Error::Sectors)
    }

    /// The extent, if it lies within the volume.
    fn within(&self, extent: Extent) -> Result<Extent, Error<S::Error>> {
        let end = extent.sector.saturating_add(extent.sectors());
        if extent.bytes > 0 && end > self.size {
            return Err(Error::BeyondEnd { sector: end - 1, size: self.size });
        }
        Ok(extent)
    }

    fn check_directory(&self, directory: Extent) -> Result<(), Error<S::Error>> {
        if directory.bytes > MAX_DIRECTORY {
            return Err(Error::HugeDirectory { bytes: directory.bytes });
        }
        self.within(directory).map(|_| ())
    }
}

/// What a directory says of a file or a directory.
struct Entry {
    extent: Extent,
    is_directory: bool,
    is_in_pieces: bool,
}

impl Entry {
    fn of(record: &Record<'_>) -> Self {
        let (is_directory, is_in_pieces) = (record.is_directory(), record.is_in_pieces());
        Self { extent: record.extent, is_directory, is_in_pieces }
    }
}

/// The volume's size in sectors and its root directory, by its primary descriptor (ECMA-119, 8.4).
fn primary<E>(sector: &[u8; SECTOR]) -> Result<(u64, Extent), Error<E>> {
    let size = u32::from_le_bytes([sector[80], sector[81], sector[82], sector[83]]);
    let block = u16::from_le_bytes([sector[128], sector[129]]);
    if usize::from(block) != SECTOR {
        return Err(Error::BlockSize(block));
    }
    let root =
        records(&sector[156..190]).next().and_then(Result::ok).ok_or(Error::Record { sector: FIRST_DESCRIPTOR })?;
    Ok((u64::from(size), root.extent))
}
