//! Which entry belongs to which key.

use crate::{Entry, Error, Extent, Others, Word, range::Range};

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

/// The entries of all keys. Those in spans have one each; all others, if the table has any, share some. What is neither is no
/// key, and takes no memory.
#[derive(Debug)]
pub struct Table<'a> {
    entries: &'a [Entry],
    spans: &'a [Span],
    /// The first key of the largest span, and its entries: most keys are asked for there.
    main: (usize, &'a [Entry]),
    others: Option<Others<'a>>,
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
        Ok(Self { entries, spans, main, others: None })
    }

    /// The same table, in which every number from [`Others::first`] on that is in no span is a key, too.
    #[must_use]
    pub fn with_others(self, others: Others<'a>) -> Self {
        Self { others: Some(others), ..self }
    }

    /// The keys that are in no span, if the table has any.
    #[must_use]
    pub const fn others(&self) -> Option<&Others<'a>> {
        self.others.as_ref()
    }

    /// The entry of the key, if it is in a span.
    #[must_use]
    pub fn entry(&self, key: usize) -> Option<&'a Entry> {
        self.entries(Extent::one(key))?.first()
    }

    /// The entries of these keys, if they are in one span.
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

    /// The words of all keys that may have an owner, each as it is at its moment.
    pub(crate) fn words(&self) -> impl Iterator<Item = Word> + use<'_, 'a> {
        let extents = self.spans.iter().map(|span| span.first..span.first + span.keys.count);
        let entries = self.entries;
        let others = self.others.iter().flat_map(|others| others.keys().filter_map(|key| others.get(key)));
        extents.flat_map(move |range| &entries[range]).map(Entry::word).chain(others)
    }

    /// The table of keys that are known to be in no span.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn checked_others(&self) -> &Others<'a> {
        self.others.as_ref().expect("extents are checked before they are used")
    }

    /// The others, if all these keys are among them. No extent lies partly in a span.
    pub(crate) fn others_of(&self, keys: Extent) -> Option<&Others<'a>> {
        let others = self.others.as_ref().filter(|others| others.may_have(keys))?;
        // Spans ascend, so the first that ends behind the first key is the first that can have one of these.
        let after = self.spans.partition_point(|span| span.keys.start + span.keys.count <= keys.start);
        let is_clear = self.spans.get(after).is_none_or(|span| span.keys.start >= keys.start + keys.count);
        is_clear.then_some(others)
    }

    /// The entry of a key, if it has one. As long as nobody changes anything it stays that key's.
    pub(crate) fn find(&self, key: usize) -> Option<&'a Entry> {
        let keys = Extent::one(key);
        match self.entries(keys) {
            Some(entries) => entries.first(),
            None => self.others_of(keys)?.find(key),
        }
    }

    /// The range of these keys, and how many they are.
    ///
    /// # Errors
    /// [`Error::Invalid`] if they are none, do not ascend, overlap, one is no key, or an extent is not all in one span or
    /// all in none. [`Error::NoMemory`] if they are more than can be counted.
    #[inline(always)]
    pub(crate) fn range<'k>(&'k self, extents: &'k [Extent]) -> Result<(Range<'k, 'a, &'k [Extent]>, u32), Error> {
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
            let are_keys = self.entries(*extent).is_some() || self.others_of(*extent).is_some();
            if extent.count == 0 || extent.start < next || !are_keys {
                return Err(Error::Invalid);
            }
            next = extent.start + extent.count;
            total = total.saturating_add(extent.count);
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
