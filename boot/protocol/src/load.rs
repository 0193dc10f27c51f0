//! Loading a kernel: decide, reserve, then write.

use crate::archive::File;
use crate::entry;
use crate::error::LoadError;
use crate::features::Feature;
use crate::image::{Image, ImageError};
use crate::map::{Kind, MemoryMap};
use crate::memory::PhysicalMemory;
use crate::paging::{self, DIRECT_LIMIT, Features};
use crate::requests::Requests;
use crate::responses::{Answers, FirmwareType, Framebuffer, GDT_AT};
use crate::{HHDM_BASE, KERNEL_BASE, PAGE_SIZE};

/// What a loader found and hands over. Nothing that it borrows may lie in memory that the map calls
/// usable.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The kernel's file.
    pub kernel: File<'a>,
    /// Its modules, in the order in which it will see them.
    pub modules: &'a [File<'a>],
    /// The kernel's command line, without a closing zero.
    pub command_line: &'a [u8],
    /// The loader's name.
    pub loader_name: &'a str,
    /// The loader's version.
    pub loader_version: &'a str,
    /// Physical address of the ACPI root pointer.
    pub rsdp: Option<u64>,
    /// What started the loader, if that is any of these.
    pub firmware: Option<FirmwareType>,
    /// Reads the UNIX time, in seconds; called when the kernel asks for it.
    pub clock: fn() -> Option<i64>,
    /// The screens.
    pub framebuffers: &'a [Framebuffer],
    /// What page tables can do on this machine.
    pub features: Features,
    /// Physical address below which everything must be placed, because the loader can write no
    /// further.
    pub limit: u64,
}

/// State in which to enter the kernel, beyond what [`entry`] holds for every machine.
/// Virtual addresses are valid in the tables at `page_table`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handover {
    /// Physical address of the root page table, for CR3.
    pub page_table: u64,
    /// Value of RIP.
    pub entry: u64,
    /// Value of RSP; the word there is 0, the return address that leads nowhere.
    pub stack_pointer: u64,
    /// Virtual address of a copy of [`entry::GDT`].
    pub gdt: u64,
}

/// Where things go: physical addresses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Placement {
    pub(crate) image: u64,
    pub(crate) kernel_file: u64,
    modules: u64,
    stack: u64,
    arena: u64,
    tables: u64,
}

impl Placement {
    /// Each module and where it goes.
    pub(crate) fn modules<'a>(&self, input: &Input<'a>) -> impl Iterator<Item = (File<'a>, u64)> + use<'a> {
        input.modules.iter().scan(self.modules, |next, module| {
            let at = *next;
            *next += room(*module);
            Some((*module, at))
        })
    }
}

/// Bytes that a file takes: whole pages, and at least one, so that its address is its own.
fn room(file: File<'_>) -> u64 {
    (file.data.len() as u64).max(1).next_multiple_of(PAGE_SIZE)
}

/// What is written once everything has been decided.
struct Plan<'i, 'a> {
    image: Image<'a>,
    entry: u64,
    answers: Answers<'i, 'a>,
    /// How many page tables there will be.
    tables: u64,
    /// Bytes that were taken from the map.
    taken: u64,
}

/// Decides all that [`load`](load()) decides and writes nothing: with the same map and input, it fails exactly when loading
/// would. Returns how many bytes loading takes, with room for alignment: a usable range of that size
/// is enough for all of it, wherever it lies below the limit.
///
/// # Errors
/// Those of [`load`](load()). The map may then hold part of what would have been taken.
pub fn rehearse(map: &mut MemoryMap, input: &Input<'_>) -> Result<u64, LoadError> {
    let plan = plan(map, input)?;
    Ok(plan.taken + plan.image.align())
}

/// Loads the kernel: reserves its memory in `map`, writes image, modules, stack, page tables and
/// responses, and says how to enter it. `map` becomes the memory map that the kernel is given.
///
/// # Errors
/// A fault of the kernel's file or too little memory. Nothing has been written then.
pub fn load<M: PhysicalMemory>(memory: &mut M, map: &mut MemoryMap, input: &Input<'_>) -> Result<Handover, LoadError> {
    let Plan { image, entry, answers, tables, .. } = plan(map, input)?;
    let (requests, placement) = (&answers.requests, answers.placement);
    write_image(memory, &image, requests, placement.image);
    if requests.address(Feature::ExecutableFile).is_some() {
        memory.write(placement.kernel_file, input.kernel.data);
    }
    for (module, at) in placement.modules(input) {
        memory.write(at, module.data);
    }
    let settings = (requests.revision(), input.features);
    let used = paging::build(memory, placement.tables, map, &image, placement.image, settings);
    debug_assert_eq!(used, tables, "page tables that were counted and those that were built");
    answers.write(memory, placement.arena, map);
    let stack_pointer = placement.stack + requests.stack_size(&image).next_multiple_of(PAGE_SIZE) - 8;
    memory.write_u64(stack_pointer, 0);
    Ok(Handover {
        page_table: placement.tables,
        entry,
        stack_pointer: HHDM_BASE + stack_pointer,
        gdt: HHDM_BASE + placement.arena + GDT_AT,
    })
}

/// Checks the kernel and takes all the memory that it and what it is told need from the map.
fn plan<'i, 'a>(map: &mut MemoryMap, input: &'i Input<'a>) -> Result<Plan<'i, 'a>, LoadError> {
    let image = Image::parse(input.kernel.data)?;
    let requests = Requests::find(&image)?;
    let entry = requests.entry(&image)?;
    requests.check_paging_mode(&image)?;
    let asks_time = requests.address(Feature::DateAtBoot).is_some();
    let answers = Answers {
        input,
        requests,
        unix_seconds: if asks_time { (input.clock)() } else { None },
        virtual_base: image.base(),
        placement: Placement::default(),
    };
    let mut plan = Plan { image, entry, answers, tables: 0, taken: 0 };
    plan.reserve(map)?;
    Ok(plan)
}

impl Plan<'_, '_> {
    fn reserve(&mut self, map: &mut MemoryMap) -> Result<(), LoadError> {
        let (input, image, answers) = (self.answers.input, &self.image, &mut self.answers);
        if image.size() > KERNEL_BASE.wrapping_neg() {
            return Err(ImageError::TooLarge.into());
        }
        let limit = input.limit.min(DIRECT_LIMIT);
        let mut take = |map: &mut MemoryMap, purpose, size: u64, align, kind| {
            let at = map.allocate(purpose, size, align, kind, limit)?;
            // What the map has granted can be rounded up.
            self.taken += size.max(1).next_multiple_of(PAGE_SIZE);
            Ok::<u64, LoadError>(at)
        };
        let (theirs, ours) = (Kind::KernelAndModules, Kind::BootloaderReclaimable);
        let (placement, requests) = (&mut answers.placement, &answers.requests);
        placement.image = take(map, "kernel's image", image.size(), image.align(), theirs)?;
        if requests.address(Feature::ExecutableFile).is_some() {
            placement.kernel_file = take(map, "kernel's file", room(input.kernel), PAGE_SIZE, theirs)?;
        }
        let modules: u64 = input.modules.iter().copied().map(room).sum();
        if modules != 0 {
            placement.modules = take(map, "modules", modules, PAGE_SIZE, theirs)?;
        }
        placement.stack = take(map, "kernel's stack", requests.stack_size(image), PAGE_SIZE, ours)?;
        // What has been taken is mapped like what is free, so the count holds for the final map too.
        self.tables = paging::tables_needed(map, image, requests.revision(), input.features);
        placement.tables = take(map, "page tables", self.tables * PAGE_SIZE, PAGE_SIZE, ours)?;
        // This allocation itself may add two entries to the map that the responses hold.
        let arena = answers.size(map, 2);
        answers.placement.arena = take(map, "responses", arena, PAGE_SIZE, ours)?;
        Ok(())
    }
}

/// Writes the image: data, zeros, relocated words, the base revision tag.
fn write_image<M: PhysicalMemory>(memory: &mut M, image: &Image<'_>, requests: &Requests, physical: u64) {
    let at = |address: u64| physical + (address - image.base());
    let mut written = image.base();
    for segment in image.segments() {
        memory.zero(at(written), segment.start - written);
        memory.write(at(segment.start), segment.data);
        written = segment.start + segment.data.len() as u64;
    }
    memory.zero(at(written), image.base() + image.size() - written);
    for (address, value) in image.relocations.iter() {
        memory.write(at(address), &value.to_le_bytes());
    }
    if let Some(tag) = requests.tag() {
        // The second word says which revision the kernel got, the third is zeroed when that is the
        // one it asked for ("Base protocol revisions").
        memory.write_u64(at(tag + 8), requests.revision());
        if requests.requested_revision() == requests.revision() {
            memory.write_u64(at(tag + 16), 0);
        }
    }
}

const _: () = assert!(entry::STACK_SIZE.is_multiple_of(PAGE_SIZE));
