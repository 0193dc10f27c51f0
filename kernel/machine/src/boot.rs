//! What the boot loader hands over, by the Limine boot protocol (crate `limine`), base revision 2.
//!
//! Everything is checked and copied once, into [`Handover`]; no pointer of the loader's is kept.

use core::fmt;

use limine::{
    BaseRevision,
    framebuffer::MemoryModel,
    request::{
        BootloaderInfoRequest, DateAtBootRequest, ExecutableAddressRequest, ExecutableCmdlineRequest,
        ExecutableFileRequest, FramebufferRequest, HhdmRequest, MemoryMapRequest, RequestsEndMarker,
        RequestsStartMarker, RsdpRequest, StackSizeRequest,
    },
};
use spin::Once;
use steward_frames::{MapError, MemoryMap, PhysicalAddress, RawEntry, Repairs};
use steward_screen::Field;
use x86_64::registers::control::Cr4Flags;

use crate::{
    cpu,
    framebuffer::{Framebuffer, Raw, Unfit},
    layout::image,
};

/// Stack that the loader gives the kernel until it has one of its own, in bytes.
const LOADER_STACK_BYTES: u64 = 64 * 1024;
/// Longest command line that is kept, in bytes.
const COMMAND_LINE_BYTES: usize = 1024;

// The loader finds the requests between the markers, and writes the addresses of its answers into them.

#[used]
#[unsafe(link_section = ".requests_start")]
static START: RequestsStartMarker = RequestsStartMarker::new();
#[used]
#[unsafe(link_section = ".requests")]
static REVISION: BaseRevision = BaseRevision::with_revision(2);
#[used]
#[unsafe(link_section = ".requests")]
static LOADER: BootloaderInfoRequest = BootloaderInfoRequest::new();
#[used]
#[unsafe(link_section = ".requests")]
static STACK: StackSizeRequest = StackSizeRequest::new().with_size(LOADER_STACK_BYTES);
#[used]
#[unsafe(link_section = ".requests")]
static DIRECT_MAP: HhdmRequest = HhdmRequest::new();
#[used]
#[unsafe(link_section = ".requests")]
static MEMORY_MAP: MemoryMapRequest = MemoryMapRequest::new();
#[used]
#[unsafe(link_section = ".requests")]
static KERNEL_ADDRESS: ExecutableAddressRequest = ExecutableAddressRequest::new();
#[used]
#[unsafe(link_section = ".requests")]
static COMMAND_LINE: ExecutableCmdlineRequest = ExecutableCmdlineRequest::new();
#[used]
#[unsafe(link_section = ".requests")]
static FILE: ExecutableFileRequest = ExecutableFileRequest::new();
#[used]
#[unsafe(link_section = ".requests")]
static RSDP: RsdpRequest = RsdpRequest::new();
#[used]
#[unsafe(link_section = ".requests")]
static SCREEN: FramebufferRequest = FramebufferRequest::new();
#[used]
#[unsafe(link_section = ".requests")]
static DATE: DateAtBootRequest = DateAtBootRequest::new();
#[used]
#[unsafe(link_section = ".requests_end")]
static END: RequestsEndMarker = RequestsEndMarker::new();

/// What the loader said, in the kernel's own types.
#[derive(Debug)]
pub struct Handover {
    /// Name and version of the boot loader; empty when it does not say.
    pub loader: heapless::String<64>,
    /// The machine's memory.
    pub memory: MemoryMap,
    /// What had to be put right in the loader's memory map.
    pub repairs: Repairs,
    /// Physical address of the kernel's image.
    pub kernel_physical: u64,
    /// Virtual address of the kernel's image.
    pub kernel_virtual: u64,
    /// Where the loader's page tables show physical address 0; of no use once the kernel has its own.
    pub loader_direct_map: u64,
    /// The kernel's command line; cut at 1 KiB, and bytes that are not printable ASCII show as `?`.
    pub command_line: heapless::String<COMMAND_LINE_BYTES>,
    /// Physical address of the ACPI root pointer, where there is one.
    pub rsdp: Option<u64>,
    /// The screen, at its physical address, where there is one that can be used.
    pub screen: Option<Framebuffer>,
    /// Seconds since 1970 (UTC) when the machine was started, where the loader knows.
    pub started_at: Option<u64>,
}

/// Why what the loader handed over cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandoverError {
    /// The loader does not speak base revision 2 of the protocol.
    Revision,
    /// The loader did not answer a request that the kernel cannot do without.
    Missing(&'static str),
    /// The memory map is of no use.
    MemoryMap(MapError),
    /// The kernel is not where its image was linked to be, or not at a frame boundary.
    Misplaced,
    /// Paging has five levels, and the kernel's page tables have four.
    FiveLevels,
}

impl fmt::Display for HandoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revision => f.write_str("the boot loader does not speak revision 2 of the Limine protocol"),
            Self::Missing(what) => write!(f, "the boot loader did not say {what}"),
            Self::Misplaced => f.write_str("the boot loader did not put the kernel where it is linked to be"),
            Self::FiveLevels => {
                f.write_str("the boot loader switched on paging with five levels; the kernel needs four")
            }
            Self::MemoryMap(error) => write!(f, "the boot loader's memory map cannot be used: {error}"),
        }
    }
}

static HANDOVER: Once<Handover> = Once::new();

/// Checks and copies what the loader left. Call once, before the kernel's own page tables are in force.
///
/// # Errors
/// [`HandoverError`] says what is missing.
pub(crate) fn receive() -> Result<&'static Handover, HandoverError> {
    HANDOVER.try_call_once(copy)
}

/// What the loader handed over; `None` before it was received.
#[must_use]
pub fn handover() -> Option<&'static Handover> {
    HANDOVER.get()
}

fn copy() -> Result<Handover, HandoverError> {
    if !REVISION.is_supported() {
        return Err(HandoverError::Revision);
    }
    let direct_map = DIRECT_MAP.get_response().ok_or(HandoverError::Missing("where it maps all memory"))?;
    let map = MEMORY_MAP.get_response().ok_or(HandoverError::Missing("what memory there is"))?;
    let kernel = KERNEL_ADDRESS.get_response().ok_or(HandoverError::Missing("where it put the kernel"))?;
    let (kernel_physical, kernel_virtual) = (kernel.physical_base(), kernel.virtual_base());
    let is_frame = PhysicalAddress::new(kernel_physical).is_some_and(|address| address.offset_in_frame() == 0);
    if kernel_virtual != image::start() || !is_frame {
        return Err(HandoverError::Misplaced);
    }
    if cpu::control_4().contains(Cr4Flags::L5_PAGING) {
        return Err(HandoverError::FiveLevels);
    }
    let entries = map.entries().iter().map(|entry| RawEntry {
        base: entry.base,
        length: entry.length,
        kind: kind_number(entry.entry_type),
    });
    let (memory, repairs) = MemoryMap::from_entries(entries).map_err(HandoverError::MemoryMap)?;
    Ok(Handover {
        loader: loader_name(),
        memory,
        repairs,
        kernel_physical,
        kernel_virtual,
        loader_direct_map: direct_map.offset(),
        command_line: command_line(),
        rsdp: RSDP.get_response().map(|rsdp| physical(rsdp.address() as u64, direct_map.offset())),
        screen: framebuffer().and_then(Result::ok).and_then(|found| found.to_physical(direct_map.offset())),
        started_at: DATE.get_response().map(|date| date.timestamp().as_secs()),
    })
}

/// The first framebuffer that text can be shown on, at its address in the loader's direct map, or why none of them will
/// do; `None` when the loader names none.
///
/// It needs nothing else of what the loader says, so that a start which is impossible can be told on the screen.
pub(crate) fn framebuffer() -> Option<Result<Framebuffer, Unfit>> {
    let field = |shift, bits| Field { shift, bits };
    let mut unfit = None;
    for found in SCREEN.get_response()?.framebuffers() {
        let checked = Framebuffer::check(&Raw {
            address: found.addr() as u64,
            width: found.width(),
            height: found.height(),
            pitch: found.pitch(),
            bits_per_pixel: found.bpp(),
            is_rgb: found.memory_model() == MemoryModel::RGB,
            red: field(found.red_mask_shift(), found.red_mask_size()),
            green: field(found.green_mask_shift(), found.green_mask_size()),
            blue: field(found.blue_mask_shift(), found.blue_mask_size()),
        });
        match checked {
            Ok(usable) => return Some(Ok(usable)),
            Err(reason) => unfit = unfit.or(Some(reason)),
        }
    }
    unfit.map(Err)
}

/// The command line. Limine up to version 8 does not know the request for it alone, and says it with the kernel's file.
fn command_line() -> heapless::String<COMMAND_LINE_BYTES> {
    let alone = COMMAND_LINE.get_response().map(|response| response.cmdline());
    let line = alone.or_else(|| FILE.get_response().map(|response| response.file().string()));
    line.map(|line| text(line.to_bytes())).unwrap_or_default()
}

/// The physical address of what the loader names either by that or, as base revision 2 asks, in its direct map.
const fn physical(address: u64, direct_map: u64) -> u64 {
    if address >= direct_map { address - direct_map } else { address }
}

/// The protocol's number for an entry type. The crate keeps the number to itself, but lets types be compared.
fn kind_number(kind: limine::memory_map::EntryType) -> u64 {
    use limine::memory_map::EntryType;
    const KINDS: [EntryType; 8] = [
        EntryType::USABLE,
        EntryType::RESERVED,
        EntryType::ACPI_RECLAIMABLE,
        EntryType::ACPI_NVS,
        EntryType::BAD_MEMORY,
        EntryType::BOOTLOADER_RECLAIMABLE,
        EntryType::EXECUTABLE_AND_MODULES,
        EntryType::FRAMEBUFFER,
    ];
    KINDS.iter().position(|known| *known == kind).map_or(u64::MAX, |number| number as u64)
}

fn loader_name() -> heapless::String<64> {
    let Some(loader) = LOADER.get_response() else { return heapless::String::new() };
    let mut name = text(loader.name().as_bytes());
    // A version that does not fit is left away.
    let _ = fmt::Write::write_fmt(&mut name, format_args!(" {}", loader.version()));
    name
}

/// Copies text, cut to what fits; bytes that are not ASCII show as `?`.
fn text<const N: usize>(bytes: &[u8]) -> heapless::String<N> {
    let readable = |byte: &u8| if byte.is_ascii() && !byte.is_ascii_control() { char::from(*byte) } else { '?' };
    bytes.iter().take(N).map(readable).collect()
}
