//! A cache: objects of one size.

use core::fmt;

use spin::{Once, RelaxStrategy, mutex::Mutex};

use crate::{PAGE_BYTES, depot::Depot, magazine::CAPACITY, page::GRANULE};

/// Most pages of a slab.
pub const MOST_PAGES: usize = 8;

/// A cache, by its number. Whoever has one got it of the [`Caches`](crate::Caches) that it is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheId(pub(crate) u8);

impl CacheId {
    /// The number, for tables with a row for each cache.
    #[must_use]
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// Why something is not taken back. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeError {
    /// Nothing there was ever handed out, or its slab has been given up since.
    Unknown,
    /// It lies within an object, or behind the last one of a slab.
    NotAnObject,
    /// It is an object of another cache, or not of the size that it is said to have.
    OtherCache,
    /// It has been taken back already.
    AlreadyFree,
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "nothing was handed out there",
            Self::NotAnObject => "no object begins there",
            Self::OtherCache => "the object there is of another cache or size",
            Self::AlreadyFree => "the object there is free already",
        })
    }
}

/// What a cache's objects and slabs are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What its objects are, for people.
    pub name: &'static str,
    /// Bytes of an object.
    pub size: usize,
    /// Pages of a slab.
    pub pages: usize,
    /// Most objects in a magazine; half of them are a batch.
    pub(crate) capacity: usize,
}

/// What a CPU keeps of a cache should not be more than this, in bytes.
const KEPT: usize = 16 << 10;

impl Shape {
    /// Of objects of `size` bytes, a multiple of 16 and at most a page. The slab is the smallest that wastes an eighth at most and holds eight
    /// objects, if there is such a one.
    pub(crate) const fn new(name: &'static str, size: usize) -> Self {
        assert!(size > 0 && size.is_multiple_of(GRANULE) && size <= PAGE_BYTES, "no slab has objects of such a size");
        let mut pages = 1;
        while pages < MOST_PAGES {
            let bytes = pages * PAGE_BYTES;
            if bytes / size >= 8 && bytes % size * 8 <= bytes {
                break;
            }
            pages += 1;
        }
        let fitting = KEPT / size;
        let capacity = if fitting < 4 {
            4
        } else if fitting > CAPACITY {
            CAPACITY
        } else {
            fitting
        };
        Self { name, size, pages, capacity }
    }

    /// How many objects so many pages hold.
    pub(crate) const fn objects(&self, pages: usize) -> usize {
        pages * PAGE_BYTES / self.size
    }

    pub(crate) const fn batch(&self) -> usize {
        self.capacity / 2
    }
}

/// A cache: its shape, once it has one, and what is in nobody's magazine.
#[derive(Debug)]
pub(crate) struct Cache<R> {
    pub(crate) shape: Once<Shape>,
    pub(crate) depot: Mutex<Depot, R>,
}

impl<R: RelaxStrategy> Cache<R> {
    pub(crate) const fn new() -> Self {
        Self { shape: Once::new(), depot: Mutex::new(Depot::new()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CLASSES, class_size};

    #[test]
    fn slabs_of_all_classes_waste_an_eighth_at_most() {
        for size in (0..CLASSES).map(class_size) {
            let shape = Shape::new("", size);
            let (bytes, objects) = (shape.pages * PAGE_BYTES, shape.objects(shape.pages));
            assert!(objects >= 8 && (bytes - objects * size) * 8 <= bytes, "{shape:?}");
        }
    }

    #[test]
    fn magazines_hold_16_kib_and_at_least_four_objects_and_batches_are_half_of_them() {
        for (size, capacity) in [(16, CAPACITY), (1024, 16), (3072, 5), (4096, 4)] {
            let shape = Shape::new("", size);
            assert_eq!((shape.capacity, shape.batch()), (capacity, capacity / 2), "{size}");
        }
    }

    #[test]
    fn each_error_has_words_of_its_own() {
        use std::{collections::BTreeSet, string::ToString};
        let errors = [FreeError::Unknown, FreeError::NotAnObject, FreeError::OtherCache, FreeError::AlreadyFree];
        let texts: BTreeSet<_> = errors.iter().map(ToString::to_string).collect();
        assert!(texts.len() == errors.len() && texts.iter().all(|text| text.len() > 10));
    }
}
