//! What a kernel's file is, seen from its content.

mod elf;
#[cfg(test)]
mod tests;

use std::{fmt, fs::File, io, os::unix::fs::FileExt, path::Path};

use crate::{Error, given};

/// What a file is, as far as it decides how a machine comes to boot it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A Linux kernel with its boot header (the x86 boot protocol): a bzImage.
    Linux,
    /// An ISO 9660 volume.
    Iso {
        /// It also has a boot sector: written to a stick, it boots as a disk does.
        hybrid: bool,
    },
    /// A disk with a boot sector or a GPT.
    Disk,
    /// An x86-64 ELF file with requests of the Limine boot protocol.
    Limine,
    /// An ELF file with a PVH note (`XEN_ELFNOTE_PHYS32_ENTRY`).
    Pvh,
    /// A multiboot kernel, version 1, that QEMU loads.
    Multiboot,
    /// An ELF file for 64-bit mode with a header of multiboot 1; QEMU refuses such.
    Multiboot64,
    /// A kernel with a header of multiboot 2 only, which QEMU does not know.
    Multiboot2,
    /// An ELF file for x86 that says nowhere how it is to be booted.
    PlainElf,
    /// An ELF file for another CPU, or one that is not linked.
    OtherElf,
    /// A UEFI application, or another program in the PE format.
    Pe,
    /// A disk image in a format that is not raw, such as qcow2: its name.
    Packed(&'static str),
    /// None of these.
    Unknown,
}

/// How many bytes at a file's begin are looked at: up to the first volume descriptor of ISO 9660, that with them.
const HEAD: usize = 34 << 10;

impl Kind {
    /// What this file is. A few KiB of it are read, of an ELF file all that is loaded, up to 64 MiB.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Kernel`] when it is empty or a directory.
    pub fn of(path: &Path) -> Result<Self, Error> {
        let failed = || Error::io(format!("reading {}", path.display()));
        let wrong = |why: &str| Err(Error::Kernel { path: path.into(), why: why.into() });
        if path.is_dir() {
            return wrong("a directory, and no file that can be booted");
        }
        let file = given::open(path)?;
        match Self::in_bytes(&file).map_err(failed())? {
            Self::Unknown if file.metadata().is_ok_and(|metadata| metadata.len() == 0) => wrong("the file is empty"),
            kind => Ok(kind),
        }
    }

    /// What these bytes are.
    ///
    /// # Errors
    /// Those of reading them.
    pub(super) fn in_bytes(source: &impl Source) -> io::Result<Self> {
        let mut head = vec![0; HEAD];
        let length = read_full(source, 0, &mut head)?;
        head.truncate(length);
        if head.starts_with(b"\x7fELF") {
            return elf::kind(&head, source);
        }
        Ok(Self::of_head(&head))
    }

    /// All but ELF files are known by how they begin.
    fn of_head(head: &[u8]) -> Self {
        let has = |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(bytes));
        // Linux, Documentation/arch/x86/boot.rst: `boot_flag` and `header`.
        let boot_sector = has(0x1fe, &[0x55, 0xaa]);
        if boot_sector && has(0x202, b"HdrS") {
            return Self::Linux;
        }
        // UEFI 2.10, 5.3.2: the header of a GPT lies in the second block.
        let disk = boot_sector || has(512, b"EFI PART");
        // ECMA-119, 8.1: descriptors begin with the 16th block of 2048 bytes.
        if has(0x8001, b"CD001") {
            return Self::Iso { hybrid: disk };
        }
        let packed = [(&b"QFI\xfb"[..], "qcow2"), (b"KDMV", "VMDK"), (b"vhdxfile", "VHDX"), (b"conectix", "VHD")];
        if let Some((_, name)) = packed.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Self::Packed(name);
        }
        if has(0x40, b"\x7f\x10\xda\xbe") {
            return Self::Packed("VDI");
        }
        match multiboot(head) {
            // Without an ELF header the addresses stand in the header itself (multiboot 0.6.96, 3.1.3).
            Some(Multiboot::One { flags }) if flags & (1 << 16) != 0 => Self::Multiboot,
            Some(Multiboot::Two) => Self::Multiboot2,
            _ if disk => Self::Disk,
            _ if head.starts_with(b"MZ") => Self::Pe,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linux => "a Linux kernel (bzImage)",
            Self::Iso { .. } => "an ISO 9660 image",
            Self::Disk => "a raw disk image that boots",
            Self::Limine => "an ELF file with Limine requests",
            Self::Pvh => "an ELF file with a PVH note",
            Self::Multiboot => "a multiboot 1 kernel",
            Self::Multiboot64 => "a 64-bit ELF file with a multiboot 1 header",
            Self::Multiboot2 => "a multiboot 2 kernel",
            Self::PlainElf => "an ELF file without Limine requests, PVH note or multiboot header",
            Self::OtherElf => "an ELF file that no x86 machine can boot: it is for another CPU, or not linked",
            Self::Pe => "a UEFI application or another PE program",
            Self::Packed(name) => return write!(f, "a disk image in the format {name}"),
            Self::Unknown => "nothing that is known to boot",
        })
    }
}

/// Bytes at known places.
pub(super) trait Source {
    /// Reads from this place; gives how many bytes were there, 0 at the end.
    fn read_at(&self, place: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Source for File {
    fn read_at(&self, place: u64, buffer: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, buffer, place)
    }
}

/// Fills the buffer as far as there are bytes.
fn read_full(source: &impl Source, place: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match place.checked_add(length as u64).map(|place| source.read_at(place, &mut buffer[length..])) {
            None | Some(Ok(0)) => break,
            Some(Ok(count)) => length += count,
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Some(Err(error)) => return Err(error),
        }
    }
    Ok(length)
}

/// A multiboot header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Multiboot {
    /// Of version 1.
    One { flags: u32 },
    /// Of version 2.
    Two,
}

/// The header that boot loaders find; of both versions, the first, which QEMU knows.
fn multiboot(head: &[u8]) -> Option<Multiboot> {
    let word = |at: usize| {
        let bytes = head.get(at..at + 4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    // The words of a header add up to 0.
    let header = |at: usize, magic: u32, words: usize| {
        let sum = (0..words).try_fold(0u32, |sum, number| Some(sum.wrapping_add(word(at + 4 * number)?)));
        word(at) == Some(magic) && sum == Some(0)
    };
    let places = |limit: usize, step: usize| (0..head.len().min(limit)).step_by(step);
    // Multiboot 0.6.96, 3.1: within 8192 bytes, at a multiple of 4. Multiboot 2.0, 3.1.1: within 32768 bytes, at a multiple of 8.
    let one = places(8192, 4).find(|&at| header(at, 0x1bad_b002, 3));
    let one = one.map(|at| Multiboot::One { flags: word(at + 4).unwrap_or(0) });
    let mut two = places(32768, 8);
    one.or_else(|| two.any(|at| header(at, 0xe852_50d6, 4)).then_some(Multiboot::Two))
}
