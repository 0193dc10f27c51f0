//! What says that a kernel goes down.

use super::lines::shown;

/// How sure it is that a kernel which said so goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dying {
    /// Something in it went wrong, as Linux says of many a bug that it survives.
    Unwell,
    /// Rust code in it, or in a program, panicked.
    Panicked,
    /// It says that it stops.
    Dead,
}

/// A line that says that the kernel goes down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// How sure that is.
    pub dying: Dying,
    /// From there on.
    pub words: String,
}

impl Crash {
    pub fn of(line: &[u8]) -> Option<Self> {
        let words = steward_ktap::crash(line)?;
        let dying = if words.starts_with("Kernel panic") {
            Dying::Dead
        } else if words.contains("anicked at") {
            Dying::Panicked
        } else {
            Dying::Unwell
        };
        Some(Self { dying, words: shown(words) })
    }
}
