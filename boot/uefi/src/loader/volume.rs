//! The volume that `limine.conf` is on: FAT through the firmware's driver, or ISO 9660 through our own.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use steward_boot_uefi::blocks::{self, MAX_BLOCK};
use steward_boot_uefi::device_path;
use steward_boot_volume::iso9660::{self, SECTOR, Sectors};
use uefi::boot::{self, ScopedProtocol};
use uefi::mem::AlignedBuffer;
use uefi::proto::device_path::DevicePath;
use uefi::proto::loaded_image::LoadedImage;
use uefi::proto::media::block::BlockIO;
use uefi::proto::media::file::{Directory, File, FileAttribute, FileInfo, FileMode, FileType};
use uefi::proto::media::fs::SimpleFileSystem;
use uefi::{CString16, Handle, Status};

use super::firmware;

/// Where `limine.conf` may be, in the order in which it is looked for.
const CONFIGURATIONS: [&str; 4] = ["limine.conf", "boot/limine.conf", "limine/limine.conf", "EFI/BOOT/limine.conf"];

/// A volume with files.
pub enum Volume {
    /// The one that the firmware loaded this program from.
    Fat(Directory),
    /// The one on the device of which that is a part.
    Iso(iso9660::Volume<Disc>),
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fat(_) => "the FAT volume of this loader",
            Self::Iso(_) => "the ISO 9660 volume of this loader's medium",
        })
    }
}

impl Volume {
    /// The volume with `limine.conf`, where that is on it, and its text.
    ///
    /// # Errors
    /// When there is none, or something cannot be read; the text says what.
    pub fn with_configuration() -> Result<(Self, &'static str, Vec<u8>), String> {
        let device = device()?;
        let mut fat = Self::Fat(root(device).map_err(|error| format!("the FAT volume of this loader: {error}"))?);
        let error = |volume: &Self, path, error| format!("limine.conf (/{path}) on {volume}: {error}");
        for path in CONFIGURATIONS {
            if let Some(text) = fat.read(path).map_err(|text| error(&fat, path, text))? {
                return Ok((fat, path, text));
            }
        }
        let mut why = String::from("it is not partitioned, nor a disc");
        for path in around(device)? {
            let mut iso = match Disc::at(&path).map(iso9660::Volume::open) {
                Ok(Ok(volume)) => Self::Iso(volume),
                Ok(Err(error @ iso9660::Error::NoVolume)) => {
                    why = format!("{error}");
                    continue;
                }
                Ok(Err(error)) => {
                    return Err(format!("limine.conf: the ISO 9660 volume of this loader's medium: {error}"));
                }
                Err(error) => {
                    why = error;
                    continue;
                }
            };
            for path in CONFIGURATIONS {
                if let Some(text) = iso.read(path).map_err(|text| error(&iso, path, text))? {
                    return Ok((iso, path, text));
                }
            }
            return Err(format!("limine.conf: found neither on {fat} nor on {iso}; put it into the root of either"));
        }
        Err(format!(
            "limine.conf: not found on {fat}, and the medium has no other volume that could be read ({why}); put it into \
             the volume's root"
        ))
    }

    /// The content of a file; `None` when there is no such file.
    ///
    /// # Errors
    /// When it cannot be read; the text says why.
    pub fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Fat(root) => read_fat(root, path),
            Self::Iso(volume) => {
                let Some(extent) = volume.find(path).map_err(|error| format!("{error}"))? else { return Ok(None) };
                let mut content = room(extent.bytes)?;
                volume.read(extent, &mut content).map_err(|error| format!("{error}"))?;
                Ok(Some(content))
            }
        }
    }
}

/// The root directory of the FAT volume that the firmware loaded this program from.
///
/// # Errors
/// When the firmware does not say, or the volume cannot be read.
pub fn own_root() -> Result<Directory, String> {
    root(device()?).map_err(|error| format!("{error}"))
}

/// Paths of what the volume is a part of.
fn around(volume: Handle) -> Result<Vec<Vec<u8>>, String> {
    let path = firmware::open::<DevicePath>(volume);
    let path = path.map_err(|error| format!("the firmware does not say where this loader's volume is: {error}"))?;
    Ok(device_path::around(path.as_bytes()))
}

fn root(device: Handle) -> uefi::Result<Directory> {
    firmware::open::<SimpleFileSystem>(device)?.open_volume()
}

/// The device, a volume, that the firmware loaded this program from.
fn device() -> Result<Handle, String> {
    let image = firmware::open::<LoadedImage>(boot::image_handle());
    let image = image.map_err(|error| format!("the firmware does not say what it loaded: {error}"))?;
    image.device().ok_or_else(|| {
        String::from("the firmware does not say which volume it loaded this program from; start it from a disc or disk")
    })
}

/// Bytes of a file that are read or written at a time: some firmware fails at large pieces (systemd's issue 25911).
pub const FILE_CHUNK: usize = 1 << 20;

/// The content of a file of a FAT volume; `None` when there is no such file.
///
/// # Errors
/// When it cannot be read; the text says why.
pub fn read_fat(root: &mut Directory, path: &str) -> Result<Option<Vec<u8>>, String> {
    let path: String = path.chars().map(|character| if character == '/' { '\\' } else { character }).collect();
    // A name that FAT cannot have names no file.
    let Ok(path) = CString16::try_from(path.as_str()) else { return Ok(None) };
    let file = match root.open(&path, FileMode::Read, FileAttribute::empty()) {
        Ok(file) => file,
        Err(error) if error.status() == Status::NOT_FOUND => return Ok(None),
        Err(error) => return Err(format!("{error}")),
    };
    let FileType::Regular(mut file) = file.into_type().map_err(|error| format!("{error}"))? else {
        return Err(String::from("it is a directory, not a file"));
    };
    let info = file.get_boxed_info::<FileInfo>().map_err(|error| format!("{error}"))?;
    let mut content = room(info.file_size())?;
    let mut done = 0;
    while done < content.len() {
        let end = content.len().min(done + FILE_CHUNK);
        match file.read(&mut content[done..end]).map_err(|error| format!("{error}"))? {
            0 => {
                return Err(format!("only {done} of its {} bytes could be read; the volume is damaged", content.len()));
            }
            read => done += read,
        }
    }
    Ok(Some(content))
}

/// Memory for a file.
fn room(bytes: u64) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    let length = usize::try_from(bytes).unwrap_or(usize::MAX);
    let room = content.try_reserve_exact(length);
    room.map_err(|_| format!("not enough memory for its {} KiB; give the machine more", bytes.div_ceil(1024)))?;
    content.resize(length, 0);
    Ok(content)
}

/// The blocks of the device that a volume is a part of.
pub struct Disc {
    io: ScopedProtocol<BlockIO>,
    block: usize,
    buffer: AlignedBuffer,
}

/// Bytes that are read at a time.
const CHUNK: usize = 32 * SECTOR;

impl Disc {
    /// The device at that path.
    fn at(path: &[u8]) -> Result<Self, String> {
        let mut path = <&DevicePath>::try_from(path).map_err(|error| format!("its path is damaged: {error:?}"))?;
        let handle = boot::locate_device_path::<BlockIO>(&mut path);
        let handle = handle.map_err(|error| format!("its blocks cannot be reached: {error}"))?;
        // Otherwise this is only something that the device is a part of.
        if path.node_iter().next().is_some() {
            return Err(String::from("its blocks cannot be reached"));
        }
        let io = firmware::open::<BlockIO>(handle).map_err(|error| format!("the medium's blocks: {error}"))?;
        let block = io.media().block_size() as usize;
        blocks::span(0, SECTOR, block).ok_or_else(|| format!("the medium has blocks of {block} bytes"))?;
        let alignment = (io.media().io_align().max(1) as usize).next_power_of_two();
        let buffer = AlignedBuffer::from_size_align(CHUNK + 2 * MAX_BLOCK, alignment)
            .map_err(|_| format!("the medium wants buffers aligned to {alignment} bytes"))?;
        Ok(Self { io, block, buffer })
    }
}

impl Sectors for Disc {
    type Error = uefi::Error;

    fn read(&mut self, first: u64, buffer: &mut [u8]) -> uefi::Result<()> {
        let mut at = first.checked_mul(SECTOR as u64).ok_or(Status::INVALID_PARAMETER)?;
        for piece in buffer.chunks_mut(CHUNK) {
            let span = blocks::span(at, piece.len(), self.block).ok_or(Status::INVALID_PARAMETER)?;
            let medium = self.io.media().media_id();
            let blocks = &mut self.buffer.as_slice_mut()[..span.length];
            self.io.read_blocks(medium, span.block, blocks)?;
            piece.copy_from_slice(&blocks[span.skip..span.skip + piece.len()]);
            at += piece.len() as u64;
        }
        Ok(())
    }
}
