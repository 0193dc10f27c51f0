//! ELF files: who is to boot them.

use std::io;

use super::{Kind, Multiboot, Source, multiboot, read_full};

/// The first two words of every request of the Limine boot protocol ("Requests and responses").
const LIMINE: [u64; 2] = [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b];
/// The note with the entry for PVH, by the name `Xen` (Xen, `xen/include/public/elfnote.h`).
const PHYS32_ENTRY: u32 = 18;
/// System V ABI, "Program Header".
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
/// More than any linker writes.
const MOST_SEGMENTS: usize = 128;
/// How much of all segments is searched.
const MOST_BYTES: u64 = 64 << 20;
const MOST_NOTES: u64 = 64 << 10;
const CHUNK: usize = 64 << 10;

/// What of a program header matters here.
#[derive(Clone, Copy)]
struct Segment {
    kind: u32,
    offset: u64,
    length: u64,
}

/// What this ELF file is. `head` is its begin.
///
/// QEMU's `-kernel` looks for a multiboot header before it looks for a PVH note. A kernel with Limine requests gets our
/// loader, whatever else it has: with the others it would not get what it asks for.
pub fn kind(head: &[u8], source: &impl Source) -> io::Result<Kind> {
    let Some((wide, segments)) = segments(head, source)? else { return Ok(Kind::OtherElf) };
    if wide && has_limine_request(&segments, source)? {
        return Ok(Kind::Limine);
    }
    match multiboot(head) {
        Some(Multiboot::One { .. }) if wide => return Ok(Kind::Multiboot64),
        Some(Multiboot::One { .. }) => return Ok(Kind::Multiboot),
        _ => {}
    }
    for segment in segments.iter().filter(|segment| segment.kind == PT_NOTE) {
        let mut notes = vec![0; usize::try_from(segment.length.min(MOST_NOTES)).unwrap_or(0)];
        let length = read_full(source, segment.offset, &mut notes)?;
        if has_pvh_note(&notes[..length]) {
            return Ok(Kind::Pvh);
        }
    }
    Ok(if multiboot(head).is_some() { Kind::Multiboot2 } else { Kind::PlainElf })
}

/// Whether it is for 64-bit mode, and its program headers; `None` for what no x86 machine can run.
fn segments(head: &[u8], source: &impl Source) -> io::Result<Option<(bool, Vec<Segment>)>> {
    // System V ABI, "ELF Header": class, byte order, type, machine.
    let wide = match (head.get(4..6), number(head, 16, 2), number(head, 18, 2)) {
        (Some([2, 1]), Some(2 | 3), Some(62)) => true,
        (Some([1, 1]), Some(2 | 3), Some(3)) => false,
        _ => return Ok(None),
    };
    let (table, size_at, least) = if wide { ((32, 8), 54, 56) } else { ((28, 4), 42, 32) };
    let header = (number(head, table.0, table.1), number(head, size_at, 2), number(head, size_at + 2, 2));
    let (Some(place), Some(size), Some(count)) = header else { return Ok(None) };
    let (size, count) = (usize::try_from(size).unwrap_or(0), usize::try_from(count).unwrap_or(0).min(MOST_SEGMENTS));
    if size < least || count == 0 {
        return Ok(None);
    }
    let mut bytes = vec![0; size * count];
    let length = read_full(source, place, &mut bytes)?;
    let fields = if wide { [(8, 8), (32, 8)] } else { [(4, 4), (16, 4)] };
    let segments = bytes[..length].chunks_exact(size).filter_map(|header| {
        let [offset, length] = fields.map(|(at, width)| number(header, at, width));
        Some(Segment { kind: u32::try_from(number(header, 0, 4)?).ok()?, offset: offset?, length: length? })
    });
    Ok(Some((wide, segments.collect())))
}

/// A little-endian number of so many bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(width)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Requests lie at multiples of 8 in the loaded image.
fn has_limine_request(segments: &[Segment], source: &impl Source) -> io::Result<bool> {
    let mut left = MOST_BYTES;
    let mut chunk = vec![0; CHUNK];
    for segment in segments.iter().filter(|segment| segment.kind == PT_LOAD) {
        // A linker gives both the same place within a page, so multiples in the file are multiples in memory.
        let (mut place, end) = (segment.offset & !7, segment.offset.saturating_add(segment.length.min(left)));
        left -= segment.length.min(left);
        let mut before = 0;
        while place < end {
            let wanted = usize::try_from(end - place).unwrap_or(CHUNK).min(CHUNK);
            let length = read_full(source, place, &mut chunk[..wanted])?;
            for word in chunk[..length].chunks_exact(8) {
                let word = u64::from_le_bytes([word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7]]);
                if [before, word] == LIMINE {
                    return Ok(true);
                }
                before = word;
            }
            if length < wanted {
                break;
            }
            place += length as u64;
        }
    }
    Ok(false)
}

/// Notes: lengths of name and content, type, then both, each filled up to a multiple of 4.
fn has_pvh_note(notes: &[u8]) -> bool {
    let mut at = 0;
    while let (Some(name), Some(content), Some(kind)) =
        (number(notes, at, 4), number(notes, at + 4, 4), number(notes, at + 8, 4))
    {
        let name_length = usize::try_from(name).unwrap_or(usize::MAX);
        let is_xen = notes.get(at + 12..).is_some_and(|rest| rest.starts_with(b"Xen\0")) && name_length == 4;
        if is_xen && kind == u64::from(PHYS32_ENTRY) {
            return true;
        }
        let padded = |length: u64| length.next_multiple_of(4);
        let Ok(next) = usize::try_from(12 + padded(name) + padded(content)) else { return false };
        at += next;
    }
    false
}
