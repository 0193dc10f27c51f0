//! Keys.

/// Keys that follow each other: `start`, and `count - 1` more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// The first key.
    pub start: usize,
    /// How many there are.
    pub count: usize,
}

impl Extent {
    /// A single key.
    #[must_use]
    pub const fn one(key: usize) -> Self {
        Self { start: key, count: 1 }
    }

    /// The key behind the last one; `None` if there is no such number.
    #[must_use]
    pub const fn end(self) -> Option<usize> {
        self.start.checked_add(self.count)
    }

    /// Whether the key is one of these.
    #[must_use]
    pub const fn contains(self, key: usize) -> bool {
        key >= self.start && key - self.start < self.count
    }
}
