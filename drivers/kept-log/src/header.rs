//! The two headers, in one cache line each, and the text behind them.
//!
//! A header, all numbers little-endian: magic (8 bytes), id (8), sequence (8), length of the text (4), flags (4), checksum
//! of the text (4), checksum of all that (4).

use core::ops::Range;

use crc::{CRC_32_MPEG_2, Crc};

/// Of those with a 32-bit checksum, one whose value so far is its state: it goes on where it was left.
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_MPEG_2);
const MAGIC: [u8; 8] = *b"Stw-Log1";
const FINISHED: u32 = 1 << 0;
const TRUNCATED: u32 = 1 << 1;

/// Bytes of a header.
const HEADER: usize = 40;
/// Where they lie.
pub(crate) const SLOTS: [Range<usize>; 2] = [0..HEADER, 64..64 + HEADER];
/// Where the text begins.
pub(crate) const TEXT_AT: usize = 128;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: u64,
    /// Counts the headers written: the newer one has the larger number, and its place is by whether that is odd.
    pub(crate) sequence: u64,
    /// Bytes of text.
    pub(crate) length: usize,
    pub(crate) finished: bool,
    pub(crate) truncated: bool,
    /// Checksum of the text.
    pub(crate) text_check: u32,
}

/// The checksum of a text that had the checksum `before` and goes on with `text`.
pub(crate) fn check_on(before: u32, text: &[u8]) -> u32 {
    let mut digest = CRC.digest_with_initial(before);
    digest.update(text);
    digest.finalize()
}

impl Header {
    /// That of a log without text.
    pub(crate) fn first(id: u64) -> Self {
        Self { id, sequence: 0, length: 0, finished: false, truncated: false, text_check: CRC.checksum(&[]) }
    }

    /// The same as the next one to be written.
    pub(crate) fn following(self) -> Self {
        Self { sequence: self.sequence.wrapping_add(1), ..self }
    }

    /// Writes it into its slot; says where that is.
    pub(crate) fn write(&self, memory: &mut [u8]) -> Range<usize> {
        let slot = if self.sequence.is_multiple_of(2) { SLOTS[0].clone() } else { SLOTS[1].clone() };
        match memory.get_mut(slot.clone()) {
            Some(place) => {
                place.copy_from_slice(&self.bytes());
                slot
            }
            None => 0..0,
        }
    }

    fn bytes(&self) -> [u8; HEADER] {
        let flags = if self.finished { FINISHED } else { 0 } | if self.truncated { TRUNCATED } else { 0 };
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.id.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        // A region is far smaller than 4 GiB; a larger length would not be read back.
        bytes[24..28].copy_from_slice(&u32::try_from(self.length).unwrap_or(u32::MAX).to_le_bytes());
        bytes[28..32].copy_from_slice(&flags.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.text_check.to_le_bytes());
        let check = CRC.checksum(&bytes[..36]);
        bytes[36..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// The header in this slot, if there is a whole one.
    pub(crate) fn read(slot: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(*slot.get(at..)?.first_chunk()?));
        let long = |at: usize| Some(u64::from_le_bytes(*slot.get(at..)?.first_chunk()?));
        if slot.get(..8)? != MAGIC || word(36)? != CRC.checksum(slot.get(..36)?) {
            return None;
        }
        Some(Self {
            id: long(8)?,
            sequence: long(16)?,
            length: usize::try_from(word(24)?).ok()?,
            finished: word(28)? & FINISHED != 0,
            truncated: word(28)? & TRUNCATED != 0,
            text_check: word(32)?,
        })
    }

    /// The text, if it is within the memory and whole.
    pub(crate) fn text<'m>(&self, memory: &'m [u8]) -> Option<&'m [u8]> {
        let text = memory.get(TEXT_AT..)?.get(..self.length)?;
        (CRC.checksum(text) == self.text_check).then_some(text)
    }
}
