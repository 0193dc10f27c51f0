//! The sizes that the heap's caches have.

/// How many sizes there are.
pub const CLASSES: usize = 28;
/// The largest of them, in bytes: a frame.
pub const LARGEST: usize = 4096;
/// Sizes up to this one are 16 bytes apart.
const FINE: usize = 128;
/// How many such there are.
const FINE_CLASSES: usize = FINE / 16;

/// Objects of that class, in bytes: eight sizes 16 bytes apart, then four from each power of two to the next.
///
/// # Panics
/// If there is no such class.
#[must_use]
pub const fn class_size(class: usize) -> usize {
    assert!(class < CLASSES, "there is no such class");
    if class < FINE_CLASSES {
        return (class + 1) * 16;
    }
    let (power, step) = ((class - FINE_CLASSES) / 4, (class - FINE_CLASSES) % 4);
    (FINE << power) / 4 * (5 + step)
}

/// The class of the smallest objects that have room for `bytes` and are aligned so; `None` when that is more than
/// [`LARGEST`]. The alignment is a power of two.
#[inline]
#[must_use]
pub const fn class_of(bytes: usize, alignment: usize) -> Option<usize> {
    if alignment <= 16 {
        return if bytes <= LARGEST { Some(fitting(bytes)) } else { None };
    }
    aligned(bytes, alignment)
}

/// The smallest class with room for that many bytes, at most [`LARGEST`].
#[inline]
const fn fitting(bytes: usize) -> usize {
    let last = bytes.saturating_sub(1);
    if last < FINE {
        return last / 16;
    }
    let power = last.ilog2();
    (power - FINE.ilog2()) as usize * 4 + (last >> (power - 2)) % 4 + FINE_CLASSES
}

const fn aligned(bytes: usize, alignment: usize) -> Option<usize> {
    if bytes > LARGEST || alignment > LARGEST {
        return None;
    }
    let mut class = fitting(if bytes < alignment { alignment } else { bytes });
    // Objects follow each other from a frame's start, so theirs is the alignment that their size is a multiple of.
    while !class_size(class).is_multiple_of(alignment) {
        class += 1;
    }
    Some(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_ascend_to_a_frame_and_waste_at_most_a_fifth() {
        assert_eq!((class_size(0), class_size(CLASSES - 1)), (16, LARGEST));
        for class in 1..CLASSES {
            let (size, before) = (class_size(class), class_size(class - 1));
            assert!(size > before && size.is_multiple_of(16), "{size}");
            assert!(size <= 128 || (size - before) * 5 <= size, "{before} {size}");
        }
    }

    #[test]
    fn every_layout_has_the_smallest_class_that_fits() {
        for power in 0..=12 {
            let alignment = 1_usize << power;
            for bytes in 0..=LARGEST {
                let class = class_of(bytes, alignment).unwrap();
                let fits = |class: usize| class_size(class) >= bytes && class_size(class).is_multiple_of(alignment);
                assert!(fits(class), "{bytes} {alignment}");
                assert!(!(0..class).any(fits), "{bytes} {alignment}");
            }
        }
    }

    #[test]
    fn what_is_larger_or_more_aligned_than_a_frame_has_no_class() {
        for (bytes, alignment) in [(4097, 1), (usize::MAX, 8), (1, 8192), (4097, 64), (usize::MAX, 1 << 63)] {
            assert_eq!(class_of(bytes, alignment), None);
        }
    }
}
