//! Which entry belongs to which key.

use crate::{Entry, Error, Extent, Word, range::Range};

/// Keys that have entries: as many as there are keys, from `first` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The keys.
    pub keys: Extent,
    /// Number of the first one's entry.
    pub first: usize,
}

/// More keys than are ever counted one by one.
const ENOUGH: usize = u32::MAX as usize;

/// The entries of all keys. Keys between two spans have none, and take no memory.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    entries: &'a [Entry],
    spans: &'a [Span],
    /// The first key of the largest span, and its entries: most keys are asked for there.
    main: (usize, &'a [Entry]),
}

impl<'a> Table<'a> {
    /// A table of these entries.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the spans ascend with at least one key between two of them, none is empty, and no
    /// two share an entry or lack one.
    pub fn new(entries: &'a [Entry], spans: &'a [Span]) -> Result<Self, Error> {
        let mut free = 0;
        let mut next = 0;
        for (number, span) in spans.iter().enumerate() {
            let end = span.keys.end().ok_or(Error::Invalid)?;
            let touches = number > 0 && span.keys.start <= next;
            if span.keys.count == 0 || touches || span.first < free {
                return Err(Error::Invalid);
            }
            free =
                span.first.checked_add(span.keys.count).filter(|&free| free <= entries.len()).ok_or(Error::Invalid)?;
            next = end;
        }
        let main = spans
            .iter()
            .max_by_key(|span| span.keys.count)
            .map_or((0, &entries[..0]), |span| (span.keys.start, &entries[span.first..span.first + span.keys.count]));
        Ok(Self { entries, spans, main })
    }

    /// The entry of the key, if it has one.
    #[must_use]
    pub fn entry(&self, key: usize) -> Option<&'a Entry> {
        self.entries(Extent::one(key))?.first()
    }

    /// The entries of these keys, if each has one.
    #[must_use]
    #[inline(always)]
    pub fn entries(&self, keys: Extent) -> Option<&'a [Entry]> {
        let (start, entries) = self.main;
        // Before the first key, the difference wraps, and is larger than any number of entries.
        match entries.get(keys.start.wrapping_sub(start)..) {
            Some(rest) if keys.start >= start && keys.count <= rest.len() => Some(&rest[..keys.count]),
            _ => self.search(keys),
        }
    }

    /// The entry of the key, if it is in the largest span.
    #[inline(always)]
    pub(crate) fn main_entry(&self, key: usize) -> Option<&'a Entry> {
        let (start, entries) = self.main;
        // Before the first key, the difference wraps, and is larger than any number of entries.
        entries.get(key.wrapping_sub(start))
    }

    #[inline(never)]
    fn search(&self, keys: Extent) -> Option<&'a [Entry]> {
        let after = self.spans.partition_point(|span| span.keys.start <= keys.start);
        let span = &self.spans[after.checked_sub(1)?];
        let skip = keys.start - span.keys.start;
        // Spans do not touch, so that no extent lies in two of them.
        if skip > span.keys.count || keys.count > span.keys.count - skip {
            return None;
        }
        self.entries.get(span.first + skip..)?.get(..keys.count)
    }

    /// The spans, in ascending order.
    #[must_use]
    pub fn spans(&self) -> &'a [Span] {
        self.spans
    }

    /// The words of all keys, in ascending order, each as it is at its moment.
    pub(crate) fn words(&self) -> impl Iterator<Item = Word> + use<'a> {
        let extents = self.spans.iter().map(|span| span.first..span.first + span.keys.count);
        let entries = self.entries;
        extents.flat_map(move |range| &entries[range]).map(Entry::word)
    }

    /// The entries of keys that are known to have some.
    ///
    /// # Panics
    /// If one has none.
    #[inline(always)]
    pub(crate) fn checked(&self, keys: Extent) -> &'a [Entry] {
        self.entries(keys).expect("extents are checked before they are used")
    }

    /// The range of these keys, and how many they are.
    ///
    /// # Errors
    /// [`Error::Invalid`] if they are none, do not ascend, overlap, or one has no entry.
    #[inline(always)]
    pub(crate) fn range<'k>(&'k self, extents: &'k [Extent]) -> Result<(Range<'k, &'k [Extent]>, u32), Error> {
        let only = match extents {
            [extent] => self.entries(*extent),
            _ => None,
        };
        let count = match only {
            Some(entries) if matches!(entries.len(), 1..ENOUGH) => entries.len() as u32,
            _ => self.count(extents)?,
        };
        Ok((Range::new(self, extents, only), count))
    }

    #[inline(never)]
    fn count(&self, extents: &[Extent]) -> Result<u32, Error> {
        let mut total = 0_usize;
        let mut next = 0;
        for extent in extents {
            if extent.count == 0 || extent.start < next || self.entries(*extent).is_none() {
                return Err(Error::Invalid);
            }
            next = extent.start + extent.count;
            total += extent.count;
        }
        match u32::try_from(total) {
            Ok(0) => Err(Error::Invalid),
            Ok(total) => Ok(total),
            Err(_) => Err(Error::NoMemory),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn span(start: usize, count: usize, first: usize) -> Span {
        Span { keys: Extent { start, count }, first }
    }

    #[test]
    fn holes_have_no_entries_and_take_none() {
        let entries = [const { Entry::free() }; 6];
        let spans = [span(10, 4, 0), span(100, 2, 4)];
        let table = Table::new(&entries, &spans).unwrap();
        for (key, number) in [(10, 0), (13, 3), (100, 4), (101, 5)] {
            assert!(core::ptr::eq(table.entry(key).unwrap(), &raw const entries[number]));
        }
        for key in [0, 9, 14, 99, 102, usize::MAX] {
            assert!(table.entry(key).is_none(), "{key}");
        }
        assert!(table.entries(Extent { start: 12, count: 3 }).is_none());
        assert!(table.entries(Extent { start: 12, count: usize::MAX }).is_none());
    }

    #[test]
    fn spans_that_touch_overlap_or_lack_entries_are_refused() {
        let entries = [const { Entry::free() }; 6];
        for spans in [
            [span(10, 4, 0), span(14, 2, 4)],
            [span(10, 4, 0), span(12, 2, 4)],
            [span(10, 4, 0), span(100, 3, 4)],
            [span(10, 4, 0), span(100, 2, 3)],
            [span(100, 2, 0), span(10, 4, 2)],
            [span(10, 4, 0), span(100, 0, 4)],
            [span(10, 4, 0), span(usize::MAX, 2, 4)],
        ] {
            assert_eq!(Table::new(&entries, &spans).err(), Some(Error::Invalid), "{spans:?}");
        }
    }

    #[test]
    fn extents_are_counted_only_if_they_ascend() {
        let entries = [const { Entry::free() }; 8];
        let spans = [span(0, 8, 0)];
        let table = Table::new(&entries, &spans).unwrap();
        let extent = |start, count| Extent { start, count };
        assert_eq!(table.count(&[extent(0, 2), extent(2, 1), extent(5, 3)]), Ok(6));
        for wrong in
            [&[][..], &[extent(0, 0)], &[extent(0, 2), extent(1, 1)], &[extent(3, 1), extent(0, 1)], &[extent(7, 2)]]
        {
            assert_eq!(table.count(wrong), Err(Error::Invalid), "{wrong:?}");
        }
    }
}
