//! Buckets that have keys of the same hash.

use crate::{
    Bucket, Error,
    bucket::{self, Header, NO_KEYS, Tag},
    spare::Spare,
};

/// A chain of buckets that is locked until this is dropped.
pub(crate) struct Chain<'o, 'a> {
    spare: &'o Spare<'a>,
    head: &'a Bucket,
    /// The head's.
    header: Header,
    /// That of the key for which it was locked.
    tag: Tag,
}

impl Drop for Chain<'_, '_> {
    #[inline(always)]
    fn drop(&mut self) {
        bucket::unlock(self.head, self.header);
    }
}

impl<'o, 'a> Chain<'o, 'a> {
    /// Locks the chain that begins with this bucket, for a key with this tag. The others are some of `spare`'s.
    #[inline(always)]
    pub(crate) fn lock(head: &'a Bucket, spare: &'o Spare<'a>, tag: Tag) -> Self {
        Self { spare, head, tag, header: bucket::lock(head, core::hint::spin_loop) }
    }

    /// Its buckets.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (&'a Bucket, Header)> + use<'o, 'a> {
        core::iter::once((self.head, self.header)).chain(further(self.spare, self.header))
    }

    /// The places that are used.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&'a Bucket, usize)> + use<'o, 'a> {
        self.buckets().flat_map(|(bucket, header)| header.used_places().map(move |place| (bucket, place)))
    }

    #[inline(always)]
    pub(crate) fn find(&self, key: usize) -> Option<(&'a Bucket, usize)> {
        match bucket::find(self.head, self.header, key, self.tag) {
            Some(place) => Some((self.head, place)),
            None if self.header.next().is_none() => None,
            None => find_further(self.spare, self.header, key, self.tag),
        }
    }

    /// Gives a key that has no place one.
    #[inline(always)]
    pub(crate) fn take(&mut self, key: usize, word: u64) -> Result<(), Error> {
        match self.header.unused_place() {
            Some(place) => {
                self.head.entry(place).clear_note();
                self.header = bucket::take(self.head, self.header, place, (key, self.tag), word);
                Ok(())
            }
            None => {
                self.header = take_further(self.spare, self.header, (key, self.tag), word)?;
                Ok(())
            }
        }
    }

    /// Takes the place from a key that has one, and that the caller has claimed.
    #[inline(always)]
    pub(crate) fn leave(&mut self, key: usize) {
        match bucket::find(self.head, self.header, key, self.tag) {
            Some(place) => self.header = bucket::leave(self.head, self.header, place),
            None => self.header = leave_further(self.spare, self.header, key, self.tag),
        }
    }

    /// The same for who has just found it there.
    #[inline(always)]
    pub(crate) fn leave_place(&mut self, bucket: &Bucket, place: usize, key: usize) {
        if core::ptr::eq(bucket, self.head) {
            self.header = bucket::leave(bucket, self.header, place);
        } else {
            self.header = leave_further(self.spare, self.header, key, self.tag);
        }
    }
}

// What follows is about the buckets behind the first, whose header it takes and gives: so that this stays in a register
// where none of it is called.

/// The buckets behind one with this header.
fn further<'a>(spare: &Spare<'a>, header: Header) -> impl Iterator<Item = (&'a Bucket, Header)> {
    let after = |header: Header| {
        let bucket = spare.linked(header.next()?);
        Some((bucket, bucket.header()))
    };
    core::iter::successors(after(header), move |(_, header)| after(*header))
}

#[cold]
#[inline(never)]
fn find_further<'a>(spare: &Spare<'a>, header: Header, key: usize, tag: Tag) -> Option<(&'a Bucket, usize)> {
    further(spare, header).find_map(|(bucket, header)| Some((bucket, bucket::find(bucket, header, key, tag)?)))
}

#[cold]
#[inline(never)]
fn take_further(spare: &Spare<'_>, head: Header, key: (usize, Tag), word: u64) -> Result<Header, Error> {
    let has_room = |(_, header): &(&Bucket, Header)| header.unused_place().is_some();
    let (bucket, header, head) = match further(spare, head).find(has_room) {
        Some((bucket, header)) => (bucket, header, head),
        None => {
            let number = spare.take().ok_or(Error::NoMemory)?;
            (spare.linked(number), NO_KEYS.with_next(head.next()), head.with_next(Some(number)))
        }
    };
    let place = header.unused_place().expect("this bucket has room");
    bucket.entry(place).clear_note();
    bucket.set_header(bucket::take(bucket, header, place, key, word));
    Ok(head)
}

#[cold]
#[inline(never)]
fn leave_further(spare: &Spare<'_>, head: Header, key: usize, tag: Tag) -> Header {
    let (mut last, mut last_header) = (None, head);
    for (bucket, header) in further(spare, head) {
        let Some(place) = bucket::find(bucket, header, key, tag) else {
            (last, last_header) = (Some(bucket), header);
            continue;
        };
        let header = bucket::leave(bucket, header, place);
        bucket.set_header(header);
        if !header.is_empty() {
            return head;
        }
        let number = last_header.next().expect("this bucket was found by it");
        let without = last_header.with_next(header.next());
        let head = last.map_or(without, |last: &Bucket| {
            last.set_header(without);
            head
        });
        spare.put(number);
        return head;
    }
    unreachable!("a key that is claimed has a place")
}
