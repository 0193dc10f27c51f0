//! Page tables for the kernel: its image in 4 KiB pages with each segment's rights, the direct map
//! with the largest pages that fit (Intel SDM volume 3A, section 5.5).

use crate::image::Image;
use crate::map::{Kind, MemoryMap};
use crate::memory::PhysicalMemory;
use crate::{HHDM_BASE, KERNEL_BASE, PAGE_SIZE, align_down};

const GIB: u64 = 1 << 30;
const TWO_MIB: u64 = 2 << 20;
const ENTRIES: u64 = 512;

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const WRITE_THROUGH: u64 = 1 << 3;
const HUGE: u64 = 1 << 7;
const PAT_OF_4K: u64 = 1 << 7;
const PAT_OF_HUGE: u64 = 1 << 12;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// What the processor's page tables can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// 1 GiB pages (CPUID 80000001h, EDX bit 26).
    pub gib_pages: bool,
    /// The no-execute bit (CPUID 80000001h, EDX bit 20).
    pub no_execute: bool,
}

/// A range to map: `start..end` are virtual and page-aligned, physical addresses begin at `physical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mapping {
    start: u64,
    end: u64,
    physical: u64,
    rights: Rights,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rights {
    writable: bool,
    executable: bool,
    write_combining: bool,
    huge: bool,
}

/// Everything mapped directly: supervisor, read, write, execute, as the protocol says.
const DIRECT: Rights = Rights { writable: true, executable: true, write_combining: false, huge: true };

/// Calls `visit` for each maximal piece of the direct map, lowest first: physical start and end, and
/// whether it is a framebuffer. Base revisions 0 to 2 cover the first 4 GiB whatever is there;
/// revision 0 adds every entry of the map, 1 and 2 all but reserved and bad memory, and 3 maps nothing
/// but memory and framebuffers ("Entry memory layout").
fn direct_map(map: &MemoryMap, revision: u64, mut visit: impl FnMut(u64, u64, bool)) {
    let blanket = if revision < 3 { 4 * GIB } else { 0 };
    let wanted = |kind| match kind {
        Kind::Reserved | Kind::BadMemory => revision == 0,
        Kind::AcpiReclaimable | Kind::AcpiNvs => revision < 3,
        Kind::Usable | Kind::BootloaderReclaimable | Kind::KernelAndModules | Kind::Framebuffer => true,
    };
    let mut open: Option<(u64, u64, bool)> = None;
    let mut extend = |start: u64, end: u64, screen: bool| {
        let end = end.min(DIRECT_LIMIT);
        if start >= end {
            return;
        }
        match &mut open {
            Some((_, last, kind)) if *last == start && *kind == screen => *last = end,
            _ => {
                if let Some((start, end, screen)) = open.replace((start, end, screen)) {
                    visit(start, end, screen);
                }
            }
        }
    };
    let mut covered = 0;
    for entry in map.entries() {
        // What lies between entries, as far as the blanket reaches.
        extend(covered, entry.start.min(blanket), false);
        let screen = entry.kind == Kind::Framebuffer;
        if wanted(entry.kind) {
            extend(entry.start, entry.end, screen);
        } else {
            extend(entry.start, entry.end.min(blanket), false);
        }
        covered = entry.end;
    }
    extend(covered, blanket, false);
    if let Some((start, end, screen)) = open {
        visit(start, end, screen);
    }
}

/// Every mapping that the kernel is entered with. `physical` is where its image lies.
fn mappings(map: &MemoryMap, image: &Image<'_>, physical: u64, revision: u64, mut visit: impl FnMut(Mapping)) {
    if revision == 0 {
        direct_map(map, revision, |start, end, write_combining| {
            let start = start.max(PAGE_SIZE);
            visit(Mapping { start, end, physical: start, rights: Rights { write_combining, ..DIRECT } });
        });
    }
    direct_map(map, revision, |start, end, write_combining| {
        let rights = Rights { write_combining, ..DIRECT };
        visit(Mapping { start: HHDM_BASE + start, end: HHDM_BASE + end, physical: start, rights });
    });
    for segment in image.segments() {
        let pages = segment.pages();
        let rights =
            Rights { writable: segment.writable, executable: segment.executable, write_combining: false, huge: false };
        visit(Mapping {
            start: pages.start,
            end: pages.end,
            physical: physical + (pages.start - image.base()),
            rights,
        });
    }
}

/// Physical addresses from here on do not fit in the direct map.
pub(crate) const DIRECT_LIMIT: u64 = align_down(KERNEL_BASE, 512 * GIB) - HHDM_BASE;

/// Exactly how many tables [`build`] uses, the root included.
pub(crate) fn tables_needed(map: &MemoryMap, image: &Image<'_>, revision: u64, features: Features) -> u64 {
    let mut tables = 1;
    let mut last = [None; 3];
    mappings(map, image, 0, revision, |mapping| {
        let sizes =
            [(TWO_MIB, mapping.rights.huge), (GIB, mapping.rights.huge && features.gib_pages), (512 * GIB, false)];
        for ((size, whole), last) in sizes.into_iter().zip(&mut last) {
            tables += slots_with_table(&mapping, size, whole, last);
        }
    });
    tables
}

/// How many `size`-aligned slots of a mapping need a table below them, not counting `last`, the slot
/// that the mapping before it ended in. Where `whole` pages of that size may be used, only the slots
/// that the mapping fills partly do.
fn slots_with_table(mapping: &Mapping, size: u64, whole: bool, last: &mut Option<u64>) -> u64 {
    let (first, end) = (mapping.start / size, (mapping.end - 1) / size);
    let mut count = 0;
    let mut add = |from: u64, to: u64| {
        let from = if *last == Some(from) { from + 1 } else { from };
        count += (to + 1).saturating_sub(from);
        *last = Some(to);
    };
    if !whole {
        add(first, end);
        return count;
    }
    let fills = |slot: u64| mapping.start <= slot * size && mapping.end - slot * size >= size;
    if !fills(first) {
        add(first, first);
    }
    if end != first && !fills(end) {
        add(end, end);
    }
    count
}

/// Builds the tables in frames from `pool` on, the first of which becomes the root, and returns how
/// many it used.
pub(crate) fn build<M: PhysicalMemory>(
    memory: &mut M,
    pool: u64,
    map: &MemoryMap,
    image: &Image<'_>,
    physical: u64,
    (revision, features): (u64, Features),
) -> u64 {
    let mut tables = Tables { memory, root: pool, next: pool, features };
    tables.new_table();
    mappings(map, image, physical, revision, |mapping| tables.map(mapping));
    (tables.next - pool) / PAGE_SIZE
}

struct Tables<'m, M> {
    memory: &'m mut M,
    root: u64,
    next: u64,
    features: Features,
}

impl<M: PhysicalMemory> Tables<'_, M> {
    fn new_table(&mut self) -> u64 {
        let table = self.next;
        self.memory.zero(table, PAGE_SIZE);
        self.next += PAGE_SIZE;
        table
    }

    fn map(&mut self, mapping: Mapping) {
        let mut at = mapping.start;
        while at < mapping.end {
            let size = self.page_size(&mapping, at);
            let table = self.table_for(at, size);
            let flags = self.flags(mapping.rights, size);
            // All pages of this size that share the table, so that each table is found once.
            loop {
                let slot = table + at / size % ENTRIES * 8;
                self.memory.write_u64(slot, (mapping.physical + (at - mapping.start)) | flags);
                at += size;
                if at >= mapping.end || (at / size).is_multiple_of(ENTRIES) || self.page_size(&mapping, at) != size {
                    break;
                }
            }
        }
    }

    /// The largest page that fits at `at`.
    fn page_size(&self, mapping: &Mapping, at: u64) -> u64 {
        let fits = |size: u64| mapping.rights.huge && at.is_multiple_of(size) && mapping.end - at >= size;
        match () {
            () if self.features.gib_pages && fits(GIB) => GIB,
            () if fits(TWO_MIB) => TWO_MIB,
            () => PAGE_SIZE,
        }
    }

    /// The table whose entries map pages of `size` bytes around `address`.
    fn table_for(&mut self, address: u64, size: u64) -> u64 {
        let mut table = self.root;
        let mut covers = 512 * GIB;
        while covers > size {
            let slot = table + address / covers % ENTRIES * 8;
            let entry = self.memory.read_u64(slot);
            table = if entry & PRESENT != 0 {
                entry & ADDRESS
            } else {
                let new = self.new_table();
                self.memory.write_u64(slot, new | PRESENT | WRITABLE);
                new
            };
            covers /= ENTRIES;
        }
        table
    }

    fn flags(&self, rights: Rights, size: u64) -> u64 {
        let mut flags = PRESENT;
        let mut set = |condition: bool, bits: u64| flags |= if condition { bits } else { 0 };
        set(rights.writable, WRITABLE);
        set(!rights.executable && self.features.no_execute, NO_EXECUTE);
        set(size > PAGE_SIZE, HUGE);
        // PAT entry 5 is write-combining in the protocol's layout: PAT and PWT set, PCD clear.
        set(rights.write_combining, WRITE_THROUGH | if size > PAGE_SIZE { PAT_OF_HUGE } else { PAT_OF_4K });
        flags
    }
}
