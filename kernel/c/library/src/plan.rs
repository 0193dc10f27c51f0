//! What the embedder wants room for.

use steward_c::MOST_PROCESSES;
use steward_ledger::{Account, Bucket, Entry, LoanSlot, MOST_OWNED, Span};

/// What the block of memory that is lent has to be aligned to, in bytes. A page is.
pub const STEWARD_ALIGNMENT: usize = 128;

/// Most ranges of memory.
const MOST_RANGES: usize = 1024;
/// The number of the first frame that no CPU of this kind can address: physical addresses have 52 bits at most.
const FRAMES_END: usize = 1 << 40;
/// Most loans of either sort.
const MOST_LOANS: usize = 1 << 20;
/// Most other keys.
const MOST_KEYS: usize = 1 << 24;
/// Slots of a ledger that are no process's of the embedder's: the first stays empty, the second is the kernel's.
const TAKEN_SLOTS: usize = 2;

/// Pages of memory, one after the other.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Range {
    /// The physical address of the first, divided by 4096.
    pub first: usize,
    /// How many there are.
    pub count: usize,
}

/// What there is to be room for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Plan {
    /// The memory of which pages can be owned: `range_count` ranges, at most 1024, which ascend, with at least one page
    /// between two of them. What is in none is no page. They are read during the call alone. What the kernel itself uses
    /// is best left out; or a process takes it that never ends.
    pub ranges: *const Range,
    /// How many ranges there are; none, if only other keys are wanted.
    pub range_count: usize,
    /// How many processes there can be at once: 1 to 254.
    pub processes: u32,
    /// How many loans of pages there can be at once, at most 2²⁰. A page that is lent three times counts three times.
    pub page_loans: u32,
    /// Likewise, of other keys.
    pub key_loans: u32,
    /// How many other keys can have an owner at once, at most 2²⁴. There is some more room than that, because it is given out by
    /// chance; but who chooses keys and knows the seed can use it up sooner.
    pub keys: u32,
    /// Any number, best one that nobody can guess.
    pub seed: u64,
}

/// How many of each kind of thing the block has room for.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    pub chains: usize,
    pub more_buckets: usize,
    /// For either ledger.
    pub accounts: usize,
    pub page_loans: usize,
    pub key_loans: usize,
    pub frames: usize,
    pub ranges: usize,
}

impl Plan {
    /// A range, by its number.
    ///
    /// # Safety
    /// The plan's ranges are there, and the number is below theirs.
    pub(crate) unsafe fn range(&self, number: usize) -> Range {
        // SAFETY: the caller says that this is the address of a range.
        unsafe { self.ranges.wrapping_add(number).read() }
    }

    /// What it comes to; `None` if it makes no sense. `range` tells the ranges by their numbers.
    pub(crate) fn counts(&self, range: impl Fn(usize) -> Range) -> Option<Counts> {
        let counts = Counts {
            // One or two keys in each: few chains have more than the five that the first bucket holds.
            chains: (self.keys as usize).div_ceil(2).next_power_of_two(),
            more_buckets: self.keys as usize / 8 + 8,
            accounts: self.processes as usize + TAKEN_SLOTS,
            page_loans: self.page_loans as usize,
            key_loans: self.key_loans as usize,
            frames: self.frames(range)?,
            ranges: self.range_count,
        };
        let is_sensible = self.processes > 0
            && counts.accounts <= MOST_PROCESSES
            && counts.page_loans.max(counts.key_loans) <= MOST_LOANS
            && self.keys as usize <= MOST_KEYS;
        is_sensible.then_some(counts)
    }

    /// How many frames there are in all ranges.
    fn frames(&self, range: impl Fn(usize) -> Range) -> Option<usize> {
        let are_there = self.range_count == 0 || (!self.ranges.is_null() && self.ranges.is_aligned());
        if self.range_count > MOST_RANGES || !are_there {
            return None;
        }
        let (mut frames, mut end) = (0, None);
        for Range { first, count } in (0..self.range_count).map(range) {
            let next = first.checked_add(count).filter(|&next| next <= FRAMES_END)?;
            if count == 0 || end.is_some_and(|end| first <= end) {
                return None;
            }
            // Each is below 2⁴⁰, and so are all of them together, because none is counted twice.
            frames += count;
            end = Some(next);
        }
        (frames <= MOST_OWNED as usize).then_some(frames)
    }
}

impl Counts {
    /// How many bytes all that takes. Nothing has to be left out for alignment, because each size is a multiple of the next
    /// alignment, and the block is aligned as the first.
    pub(crate) const fn bytes(&self) -> usize {
        (self.chains + self.more_buckets) * size_of::<Bucket>()
            + 2 * self.accounts * size_of::<Account>()
            + (self.page_loans + self.key_loans) * size_of::<LoanSlot>()
            + self.frames * size_of::<Entry>()
            + self.ranges * size_of::<Span>()
    }
}

const _: () = {
    assert!(align_of::<Bucket>() <= STEWARD_ALIGNMENT);
    assert!(size_of::<Bucket>().is_multiple_of(align_of::<Account>()));
    assert!(size_of::<Account>().is_multiple_of(align_of::<LoanSlot>()));
    assert!(size_of::<LoanSlot>().is_multiple_of(align_of::<Entry>()));
    assert!(size_of::<Entry>().is_multiple_of(align_of::<Span>()));
};
