//! Whether the bitmap and the entries agree.

use steward_ledger::Word;

use super::{
    AREA_WORDS, FrameAllocator,
    tracking::{self, Note, Purpose},
};
use crate::Contents;

/// What the bits say of frames, held against what the entries say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Frames that are free.
    pub free: u64,
    /// Free frames without a bit: nobody would ever find them. There are none unless this allocator is at fault.
    pub lost: u64,
    /// Bits of frames that are not free. They cost a little time, and are cleared when somebody stumbles over them.
    pub stale: u64,
    /// Frames that are taken and have a purpose to be counted under.
    pub taken: u64,
}

impl<C: Contents> FrameAllocator<'_, C> {
    /// Looks at every frame. Means something only while nobody takes or gives back.
    #[must_use]
    pub fn check(&self) -> Hints {
        let mut found = Hints::default();
        for span in self.spans.iter() {
            for word in span.area * AREA_WORDS..(span.area + span.areas()) * AREA_WORDS {
                let place = self.spans.word(word);
                let hints = self.hints(word, true);
                for bit in (0..64).filter(|bit| place.tracked >> bit & 1 != 0) {
                    let (state, note) = self.note(place.entry.wrapping_add(bit) as usize);
                    let (is_free, has_bit) = (state.owner() == 0, hints >> bit & 1 != 0);
                    found.free += u64::from(is_free);
                    found.lost += u64::from(is_free && !has_bit);
                    found.stale += u64::from(!is_free && has_bit);
                    found.taken += u64::from(is_counted(note));
                }
            }
        }
        found
    }

    /// Base-2 logarithm of the frames of the block that a frame was taken in: 0 to 9, 10 for 1 GiB, and 0 for other runs.
    /// `None` when the frame was not taken here.
    #[must_use]
    pub fn order_of(&self, frame: crate::FrameNumber) -> Option<u32> {
        let place = self.spans.place(frame.as_u64())?;
        let (_, note) = self.note(place.entry);
        matches!(note.purpose(), Purpose::Of(_)).then(|| note.order())
    }

    fn note(&self, entry: usize) -> (Word, Note) {
        tracking::note(&self.entries[entry], || self.contents.relax())
    }
}

fn is_counted(note: Note) -> bool {
    matches!(note.purpose(), Purpose::Of(_))
}
