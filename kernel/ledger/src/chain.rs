//! Buckets that have keys of the same hash.

use crate::{
    Bucket, Error,
    bucket::{self, Header, NO_KEYS},
    spare::Spare,
};

/// A chain of buckets that is locked until this is dropped.
pub(crate) struct Chain<'o, 'a> {
    spare: &'o Spare<'a>,
    head: &'a Bucket,
    /// The head's.
    header: Header,
}

impl Drop for Chain<'_, '_> {
    #[inline(always)]
    fn drop(&mut self) {
        bucket::unlock(self.head, self.header);
    }
}

impl<'o, 'a> Chain<'o, 'a> {
    /// Locks the chain that begins with this bucket. The others are some of `spare`'s.
    #[inline(always)]
    pub(crate) fn lock(head: &'a Bucket, spare: &'o Spare<'a>) -> Self {
        Self { spare, head, header: bucket::lock(head, core::hint::spin_loop) }
    }

    /// Its buckets.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (&'a Bucket, Header)> + use<'o, 'a> {
        let spare = self.spare;
        core::iter::successors(Some((self.head, self.header)), move |(_, header)| {
            let bucket = spare.linked(header.next()?);
            Some((bucket, bucket.header()))
        })
    }

    /// The places that are used.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&'a Bucket, usize)> + use<'o, 'a> {
        self.buckets().flat_map(|(bucket, header)| header.used_places().map(move |place| (bucket, place)))
    }

    #[inline(always)]
    pub(crate) fn find(&self, key: usize) -> Option<(&'a Bucket, usize)> {
        match bucket::find(self.head, self.header, key) {
            Some(place) => Some((self.head, place)),
            None if self.header.next().is_none() => None,
            None => self.find_further(key),
        }
    }

    #[cold]
    #[inline(never)]
    fn find_further(&self, key: usize) -> Option<(&'a Bucket, usize)> {
        self.buckets().skip(1).find_map(|(bucket, header)| Some((bucket, bucket::find(bucket, header, key)?)))
    }

    /// Gives a key that has no place one.
    #[inline(always)]
    pub(crate) fn take(&mut self, key: usize, word: u64) -> Result<(), Error> {
        match self.header.unused_place() {
            Some(place) => {
                self.head.entry(place).clear_note();
                self.header = bucket::take(self.head, self.header, place, key, word);
                Ok(())
            }
            None => self.take_further(key, word),
        }
    }

    #[cold]
    #[inline(never)]
    fn take_further(&mut self, key: usize, word: u64) -> Result<(), Error> {
        let has_room = |(_, header): &(&Bucket, Header)| header.unused_place().is_some();
        let (bucket, header) = match self.buckets().skip(1).find(has_room) {
            Some(found) => found,
            None => {
                let number = self.spare.take().ok_or(Error::NoMemory)?;
                let next = self.header.next();
                self.header = self.header.with_next(Some(number));
                (self.spare.linked(number), NO_KEYS.with_next(next))
            }
        };
        let place = header.unused_place().expect("this bucket has room");
        bucket.entry(place).clear_note();
        bucket.set_header(bucket::take(bucket, header, place, key, word));
        Ok(())
    }

    /// Takes the place from a key that has one, and that the caller has claimed.
    #[inline(always)]
    pub(crate) fn leave(&mut self, key: usize) {
        match bucket::find(self.head, self.header, key) {
            Some(place) => self.header = bucket::leave(self.head, self.header, place),
            None => self.leave_further(key),
        }
    }

    #[cold]
    #[inline(never)]
    fn leave_further(&mut self, key: usize) {
        let (mut last, mut last_header) = (self.head, self.header);
        while let Some(number) = last_header.next() {
            let bucket = self.spare.linked(number);
            let header = bucket.header();
            let Some(place) = bucket::find(bucket, header, key) else {
                (last, last_header) = (bucket, header);
                continue;
            };
            let header = bucket::leave(bucket, header, place);
            bucket.set_header(header);
            if header.used() == 0 {
                let without = last_header.with_next(header.next());
                if core::ptr::eq(last, self.head) {
                    self.header = without;
                } else {
                    last.set_header(without);
                }
                self.spare.put(number);
            }
            return;
        }
        unreachable!("a key that is claimed has a place");
    }
}
