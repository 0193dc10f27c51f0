//! The kernel's ELF file, checked: what to load, where, with which rights (System V ABI, chapters 4
//! and 5; AMD64 supplement).

use core::fmt;

use elf::ElfBytes;
use elf::abi::{
    EI_CLASS, EI_NIDENT, ELFCLASS32, ELFMAGIC, EM_X86_64, ET_DYN, ET_EXEC, PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD,
};
use elf::endian::LittleEndian;
use elf::parse::ParseError;
use elf::segment::ProgramHeader;

use crate::list::List;
use crate::relocation::Relocations;
use crate::{KERNEL_BASE, PAGE_SIZE, align_down, align_up};

/// Loadable segments that a kernel may have.
pub const MAX_SEGMENTS: usize = 16;

/// Largest alignment that a segment may ask for: a huge page.
const MAX_ALIGN: u64 = 1 << 30;

/// A segment of the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Virtual address of its first byte, after sliding.
    pub start: u64,
    /// One past its last byte, greater than `start`.
    pub end: u64,
    /// Its bytes in the file, at most as many as it has in memory; the rest is zero.
    pub data: &'a [u8],
    /// The kernel may write to it.
    pub writable: bool,
    /// The kernel may execute it; never together with `writable`.
    pub executable: bool,
}

impl Segment<'_> {
    /// The pages it occupies.
    pub fn pages(&self) -> core::ops::Range<u64> {
        align_down(self.start, PAGE_SIZE)..page_end(self.end)
    }
}

/// A kernel that can be loaded. Possession proves that segments ascend, lie at or above
/// [`KERNEL_BASE`], share no page, have their data inside the file, and are never both writable and
/// executable; that relocations stay inside them; and that the entry point lies in an executable one.
#[derive(Clone, Debug)]
pub struct Image<'a> {
    segments: List<Segment<'a>, MAX_SEGMENTS>,
    pub(crate) relocations: Relocations<'a>,
    align: u64,
    /// The ELF header's entry point, after sliding.
    pub entry: u64,
}

/// What can be wrong with a kernel's file.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImageError {
    /// Too short for an ELF header; holds its length in bytes.
    NoHeader(usize),
    /// The file does not parse as ELF, or a table runs past its end.
    Elf(ParseError),
    /// 32-bit.
    Class,
    /// For another machine; holds `e_machine`.
    Machine(u16),
    /// Neither an executable nor a position-independent one; holds `e_type`.
    Type(u16),
    /// It asks for a dynamic linker.
    Interpreter,
    /// There is nothing to load.
    NoSegments,
    /// More than [`MAX_SEGMENTS`] loadable segments.
    TooManySegments,
    /// A fault of one loadable segment, counted from 0.
    Segment {
        /// Which one.
        index: usize,
        /// The virtual address that it asks for.
        address: u64,
        /// What is wrong.
        fault: SegmentFault,
    },
    /// The entry point is not in an executable segment; holds its address.
    Entry(u64),
    /// A relocation cannot be applied: its address and type.
    Relocation {
        /// Where it applies.
        address: u64,
        /// Its type (AMD64 supplement, section 4.4.1).
        kind: u32,
    },
    /// The relocation table does not lie in the file's segments.
    RelocationTable,
    /// The image spans more than its part of the address space.
    TooLarge,
}

/// What can be wrong with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentFault {
    /// Below [`KERNEL_BASE`].
    LowHalf,
    /// It runs past the end of the address space.
    Wraps,
    /// Its data runs past the end of the file.
    Truncated,
    /// It has more data than memory.
    Oversized,
    /// Writable and executable.
    WritableAndExecutable,
    /// It begins before the last one ends, or on the same page.
    Overlap,
    /// Its alignment is no power of two or exceeds 1 GiB.
    Alignment,
}

impl<'a> Image<'a> {
    /// Checks a kernel's file.
    ///
    /// # Errors
    /// The first fault found.
    pub fn parse(file: &'a [u8]) -> Result<Self, ImageError> {
        // The parser would look for tables at 32-bit offsets first and blame what it finds there.
        match file.get(..EI_NIDENT) {
            None => return Err(ImageError::NoHeader(file.len())),
            Some(ident) if ident.starts_with(&ELFMAGIC) && ident[EI_CLASS] == ELFCLASS32 => {
                return Err(ImageError::Class);
            }
            Some(_) => {}
        }
        let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(ImageError::Elf)?;
        match (elf.ehdr.e_machine, elf.ehdr.e_type) {
            (EM_X86_64, ET_EXEC | ET_DYN) => {}
            (EM_X86_64, kind) => return Err(ImageError::Type(kind)),
            (machine, _) => return Err(ImageError::Machine(machine)),
        }
        let headers = elf.segments().ok_or(ImageError::NoSegments)?;
        if headers.iter().any(|header| header.p_type == PT_INTERP) {
            return Err(ImageError::Interpreter);
        }
        let loadable = || headers.iter().filter(|header| header.p_type == PT_LOAD && header.p_memsz != 0);
        let lowest = loadable().map(|header| header.p_vaddr).min().ok_or(ImageError::NoSegments)?;
        // A position-independent kernel that is linked low is moved up by the least slide.
        let slide = if elf.ehdr.e_type == ET_DYN && lowest < KERNEL_BASE { KERNEL_BASE } else { 0 };
        let mut image = Self {
            segments: List::new(Segment { start: 0, end: 0, data: &[], writable: false, executable: false }),
            relocations: Relocations::NONE,
            align: PAGE_SIZE,
            entry: elf.ehdr.e_entry.wrapping_add(slide),
        };
        for (index, header) in loadable().enumerate() {
            image.add_segment(file, slide, index, &header)?;
        }
        if !image.is_executable(image.entry) {
            return Err(ImageError::Entry(image.entry));
        }
        if elf.ehdr.e_type == ET_DYN
            && let Some(dynamic) = headers.iter().find(|header| header.p_type == PT_DYNAMIC)
        {
            image.relocations = Relocations::parse(&image, slide, dynamic.p_vaddr, dynamic.p_memsz)?;
        }
        Ok(image)
    }

    fn add_segment(
        &mut self,
        file: &'a [u8],
        slide: u64,
        index: usize,
        header: &ProgramHeader,
    ) -> Result<(), ImageError> {
        let error = |fault| ImageError::Segment { index, address: header.p_vaddr, fault };
        let start = header.p_vaddr.checked_add(slide).ok_or(error(SegmentFault::Wraps))?;
        // The last page of the address space stays empty, so that ends can be rounded up.
        let end = start.checked_add(header.p_memsz).filter(|end| align_up(*end, PAGE_SIZE).is_some());
        let end = end.ok_or(error(SegmentFault::Wraps))?;
        let align = header.p_align.max(PAGE_SIZE);
        let (writable, executable) = (header.p_flags & PF_W != 0, header.p_flags & PF_X != 0);
        let previous_end = self.segments().last().map_or(0, |last| last.pages().end);
        let fault = match () {
            () if start < KERNEL_BASE => Some(SegmentFault::LowHalf),
            () if header.p_filesz > header.p_memsz => Some(SegmentFault::Oversized),
            () if writable && executable => Some(SegmentFault::WritableAndExecutable),
            () if align_down(start, PAGE_SIZE) < previous_end => Some(SegmentFault::Overlap),
            () if !align.is_power_of_two() || align > MAX_ALIGN => Some(SegmentFault::Alignment),
            () => None,
        };
        if let Some(fault) = fault {
            return Err(error(fault));
        }
        let data = slice(file, header.p_offset, header.p_filesz).ok_or(error(SegmentFault::Truncated))?;
        self.align = self.align.max(align);
        let segment = Segment { start, end, data, writable, executable };
        self.segments.push(segment).map_err(|_| ImageError::TooManySegments)
    }

    /// The segments, lowest first; at least one.
    pub fn segments(&self) -> &[Segment<'a>] {
        self.segments.as_slice()
    }

    /// Virtual address of the image's first page, aligned as the strictest segment asks.
    pub fn base(&self) -> u64 {
        self.segments().first().map_or(0, |first| align_down(first.start, self.align))
    }

    /// Bytes from [`base`](Self::base) to the end of the last page.
    pub fn size(&self) -> u64 {
        self.segments().last().map_or(0, |last| last.pages().end - self.base())
    }

    /// Alignment of the image in physical memory.
    pub fn align(&self) -> u64 {
        self.align
    }

    /// Whether `address` lies in a segment that may be executed.
    pub fn is_executable(&self, address: u64) -> bool {
        self.segments().iter().any(|segment| segment.executable && (segment.start..segment.end).contains(&address))
    }

    /// The word at `address` as the kernel will find it, relocated; `None` when it is not wholly in a
    /// segment.
    pub fn read_u64(&self, address: u64) -> Option<u64> {
        self.relocations.value_at(address).or_else(|| self.read_raw(address))
    }

    /// The word at `address` before relocation.
    pub(crate) fn read_raw(&self, address: u64) -> Option<u64> {
        let end = address.checked_add(8)?;
        let segment = self.segments().iter().find(|segment| segment.start <= address && end <= segment.end)?;
        let from = usize::try_from(address - segment.start).ok()?;
        let available = segment.data.get(from..).unwrap_or_default();
        let mut bytes = [0; 8];
        let length = available.len().min(8);
        bytes[..length].copy_from_slice(&available[..length]);
        Some(u64::from_le_bytes(bytes))
    }
}

fn page_end(end: u64) -> u64 {
    align_up(end, PAGE_SIZE).expect("Image::parse rejects segments in the last page of the address space")
}

fn slice(bytes: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeader(length) => write!(f, "{length} bytes are too short for an ELF file"),
            Self::Elf(ParseError::BadMagic(magic)) => write!(f, "not an ELF file: it begins with {magic:02x?}"),
            Self::Elf(ParseError::UnsupportedElfClass(class)) => write!(f, "ELF class {class} is not 64-bit"),
            Self::Elf(ParseError::UnsupportedElfEndianness(_)) => write!(f, "big-endian; build it for x86-64"),
            Self::Elf(ParseError::SliceReadError(_) | ParseError::BadOffset(_) | ParseError::IntegerOverflow) => {
                write!(f, "an ELF header or table runs past the end of the file; it was cut short or is damaged")
            }
            Self::Elf(other) => write!(f, "malformed ELF: {other}"),
            Self::Class => write!(f, "a 32-bit ELF file; build it for x86_64"),
            Self::Machine(machine) => write!(f, "built for ELF machine {machine}, not x86-64 ({EM_X86_64})"),
            Self::Type(kind) => write!(f, "ELF type {kind} is neither an executable (2) nor position-independent (3)"),
            Self::Interpreter => write!(f, "it asks for a dynamic linker; link it statically"),
            Self::NoSegments => write!(f, "it has no loadable segment"),
            Self::TooManySegments => write!(f, "it has more than {MAX_SEGMENTS} loadable segments"),
            Self::Segment { index, address, fault } => write!(f, "loadable segment {index} at {address:#x} {fault}"),
            Self::Entry(entry) => write!(f, "the entry point {entry:#x} is not in an executable segment"),
            Self::Relocation { address, kind } => {
                write!(
                    f,
                    "relocation of type {kind} at {address:#x} cannot be applied; link with relocation-model=static"
                )
            }
            Self::RelocationTable => write!(f, "its relocation table is not in the file's loadable data"),
            Self::TooLarge => write!(f, "its segments span more than fits above {KERNEL_BASE:#x}"),
        }
    }
}

impl fmt::Display for SegmentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LowHalf => "lies below 0xffffffff80000000; link the kernel in the top 2 GiB",
            Self::Wraps => "runs past the end of the address space",
            Self::Truncated => "has data past the end of the file; it was cut short",
            Self::Oversized => "has more data than memory",
            Self::WritableAndExecutable => "is both writable and executable; separate them in the linker script",
            Self::Overlap => "overlaps or shares a page with the one before; align segments to 4096 bytes",
            Self::Alignment => "asks for an alignment that is no power of two or exceeds 1 GiB",
        })
    }
}

impl core::error::Error for ImageError {}
