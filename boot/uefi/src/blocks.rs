//! Which blocks of a device hold a piece of a disc.

/// Bytes from a device's first: whole blocks, and where in them the wanted piece begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first block.
    pub block: u64,
    /// Bytes to read, a multiple of the block's size.
    pub length: usize,
    /// Bytes before the piece.
    pub skip: usize,
}

/// The largest block that this loader reads; devices have 512 to 4096 bytes.
pub const MAX_BLOCK: usize = 64 << 10;

/// The blocks of `size` bytes that hold `length` bytes from byte `at` on. `None` when the size is none
/// that a device has, or the piece ends beyond all blocks.
#[must_use]
pub fn span(at: u64, length: usize, size: usize) -> Option<Span> {
    if !size.is_power_of_two() || !(512..=MAX_BLOCK).contains(&size) {
        return None;
    }
    let block_size = size as u64;
    at.checked_add(length as u64)?.checked_next_multiple_of(block_size)?;
    let skip = usize::try_from(at % block_size).ok()?;
    Some(Span { block: at / block_size, length: skip.checked_add(length)?.checked_next_multiple_of(size)?, skip })
}

#[cfg(test)]
mod tests {
    use super::{Span, span};
    use proptest::prelude::*;

    #[test]
    fn a_sector_is_four_blocks_of_a_stick_and_half_a_block_of_a_large_one() {
        assert_eq!(span(16 * 2048, 2048, 512), Some(Span { block: 64, length: 2048, skip: 0 }));
        assert_eq!(span(16 * 2048, 2048, 2048), Some(Span { block: 16, length: 2048, skip: 0 }));
        assert_eq!(span(17 * 2048, 2048, 4096), Some(Span { block: 8, length: 4096, skip: 2048 }));
    }

    #[test]
    fn block_sizes_that_no_device_has_are_refused() {
        for size in [0, 1, 256, 520, 1000, 128 << 10] {
            assert_eq!(span(0, 2048, size), None, "{size}");
        }
    }

    proptest! {
        #[test]
        fn a_span_holds_the_piece(at: u64, length in 0usize..1 << 20, shift in 9u32..=16) {
            let size = 1usize << shift;
            if let Some(span) = span(at, length, size) {
                prop_assert_eq!(span.block * size as u64 + span.skip as u64, at);
                prop_assert!(span.length.is_multiple_of(size) && span.skip + length <= span.length);
                prop_assert!(span.length < length + 2 * size);
            } else {
                prop_assert!(at > u64::MAX - (2 << 20));
            }
        }
    }
}
