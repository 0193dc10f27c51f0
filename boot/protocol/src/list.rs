//! A list of fixed capacity: the loader has no allocator.

/// Up to `N` values in order. A full list refuses, it never drops.
#[derive(Clone, Debug)]
pub struct List<T, const N: usize> {
    items: [T; N],
    length: usize,
}

/// The list already holds as many values as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<T: Copy, const N: usize> List<T, N> {
    /// An empty list; `filler` occupies the unused places and is never seen.
    pub(crate) const fn new(filler: T) -> Self {
        Self { items: [filler; N], length: 0 }
    }

    /// The values in order.
    pub fn as_slice(&self) -> &[T] {
        &self.items[..self.length]
    }

    /// The values in order, to change in place.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.items[..self.length]
    }

    /// Appends a value, or says that the list is full.
    pub(crate) fn push(&mut self, item: T) -> Result<(), Full> {
        self.insert(self.length, item)
    }

    /// Puts a value before the one at `index` (at most the length), or says that the list is full.
    pub(crate) fn insert(&mut self, index: usize, item: T) -> Result<(), Full> {
        if self.length == N {
            return Err(Full);
        }
        self.items.copy_within(index..self.length, index + 1);
        self.items[index] = item;
        self.length += 1;
        Ok(())
    }

    /// Takes the value at `index` (below the length) out.
    pub(crate) fn remove(&mut self, index: usize) {
        self.items.copy_within(index + 1..self.length, index);
        self.length -= 1;
    }
}
