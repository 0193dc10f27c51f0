//! Buckets for keys that find no place in the first bucket of their chain: more come, and none go.

use spin::{Mutex, Once};

use crate::{
    Bucket, Error,
    bucket::{Header, NO_KEYS},
};

const CHUNK_BITS: u32 = 16;
const CHUNK: usize = 1 << CHUNK_BITS;
/// Most slices of buckets that are added. One of more than 65,536 counts as several.
pub(crate) const CHUNKS: usize = 64;

/// Buckets that no chain needs, in a list that runs through their headers. Only who has locked a chain takes and gives.
#[derive(Debug)]
pub(crate) struct Spare<'a> {
    chunks: [Once<&'a [Bucket]>; CHUNKS],
    stock: Mutex<Stock>,
}

#[derive(Debug)]
struct Stock {
    first: Option<u32>,
    /// How many there are in the list.
    left: usize,
    chunks: usize,
}

impl<'a> Spare<'a> {
    pub(crate) const fn new() -> Self {
        Self { chunks: [const { Once::new() }; CHUNKS], stock: Mutex::new(Stock { first: None, left: 0, chunks: 0 }) }
    }

    /// Adds buckets without keys.
    pub(crate) fn grow(&self, buckets: &'a [Bucket]) -> Result<(), Error> {
        let mut stock = self.stock.lock();
        if buckets.len().div_ceil(CHUNK) > CHUNKS - stock.chunks {
            return Err(Error::NoMemory);
        }
        for chunk in buckets.chunks(CHUNK) {
            let first = (stock.chunks << CHUNK_BITS) as u32;
            for (number, bucket) in (first..).zip(chunk) {
                bucket.set_header(NO_KEYS.with_next(stock.first));
                stock.first = Some(number);
            }
            self.chunks[stock.chunks].call_once(|| chunk);
            stock.chunks += 1;
            stock.left += chunk.len();
        }
        Ok(())
    }

    /// Whether so many can be added.
    pub(crate) fn has_room_for(&self, buckets: usize) -> bool {
        buckets.div_ceil(CHUNK) <= CHUNKS - self.stock.lock().chunks
    }

    /// The bucket of that number, if there is one.
    pub(crate) fn get(&self, number: u32) -> Option<&'a Bucket> {
        self.chunks.get(number as usize >> CHUNK_BITS)?.get()?.get(number as usize & (CHUNK - 1))
    }

    /// The bucket that a link names.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn linked(&self, number: u32) -> &'a Bucket {
        self.get(number).expect("links of buckets name buckets")
    }

    /// How many are in no chain.
    pub(crate) fn left(&self) -> usize {
        self.stock.lock().left
    }

    /// Takes a bucket, which has no keys.
    pub(crate) fn take(&self) -> Option<u32> {
        let mut stock = self.stock.lock();
        let number = stock.first?;
        stock.first = self.linked(number).header().next();
        stock.left -= 1;
        Some(number)
    }

    /// Takes a bucket back that has no keys any more.
    pub(crate) fn put(&self, number: u32) {
        let mut stock = self.stock.lock();
        self.linked(number).set_header(NO_KEYS.with_next(stock.first));
        stock.first = Some(number);
        stock.left += 1;
    }

    /// Counts one too few from now on.
    #[cfg(test)]
    pub(crate) fn miscount(&self) {
        self.stock.lock().left -= 1;
    }

    /// How many there are, in chains or not.
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map_while(Once::get).map(|chunk| chunk.len()).sum()
    }

    /// The same, counted again. Nobody may take or give any meanwhile.
    pub(crate) fn count(&self) -> usize {
        let mut count = 0;
        let mut next: Option<u32> = self.stock.lock().first;
        let most = self.len();
        while let Some(number) = next
            && count <= most
        {
            count += 1;
            next = self.get(number).map(Bucket::header).and_then(Header::next);
        }
        count
    }
}
