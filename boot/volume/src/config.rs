//! `limine.conf`: which kernel to start, with which command line and modules.
//!
//! The subset of Limine's configuration file (its CONFIG.md) that starts one Limine-protocol kernel from the volume that
//! the file is on. Keys that are not known here are ignored, as Limine ignores them; what would start something else than
//! Limine starts is an error.

mod error;
mod parse;

#[cfg(test)]
mod tests;

pub use error::{ConfigError, Fault};

/// The most modules that a configuration may name.
pub const MAX_MODULES: usize = 64;

/// How long the loader shows what it will start before it starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// This many seconds, or until a key is pressed; 0 is at once.
    Seconds(u32),
    /// Until a key is pressed.
    Forever,
}

/// What the loader does when the file does not say: what Limine does.
pub const DEFAULT_TIMEOUT: Timeout = Timeout::Seconds(5);

/// A file that the kernel gets with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Module<'a> {
    /// Its path within the volume, without a leading slash; not empty.
    pub path: &'a str,
    /// The text that goes with it; may be empty.
    pub string: &'a str,
}

/// What `limine.conf` says, each text a part of the file's.
///
/// That there is a `Config` proves that the file is unambiguous: one entry, one kernel, one command line. It does not
/// prove that the files it names exist.
#[derive(Clone, Debug)]
pub struct Config<'a> {
    /// The entry's name; may be empty.
    pub name: &'a str,
    /// How long to wait.
    pub timeout: Timeout,
    /// The kernel's path within the volume, without a leading slash; not empty.
    pub kernel: &'a str,
    /// The kernel's command line; may be empty.
    pub command_line: &'a str,
    /// The first part of the names of the files in which the kernel's log is kept on the loader's own volume: one to 32
    /// ASCII letters, digits, `-` and `_`.
    pub keep_log: Option<&'a str>,
    modules: Modules<'a>,
}

impl<'a> Config<'a> {
    /// Reads the text of a `limine.conf`.
    ///
    /// # Errors
    /// With the first fault in the file, and its line.
    pub fn parse(text: &'a [u8]) -> Result<Self, ConfigError<'a>> {
        parse::parse(text)
    }

    /// The modules, in the file's order.
    pub fn modules(&self) -> impl ExactSizeIterator<Item = Module<'a>> + '_ {
        self.modules.list[..self.modules.count].iter().copied()
    }
}

/// Up to [`MAX_MODULES`] modules.
///
/// # Invariants
/// `count` is at most the length of `list`.
#[derive(Clone, Debug)]
struct Modules<'a> {
    list: [Module<'a>; MAX_MODULES],
    count: usize,
}

impl<'a> Modules<'a> {
    const fn new() -> Self {
        Self { list: [Module { path: "", string: "" }; MAX_MODULES], count: 0 }
    }

    /// Adds one; says whether there was room.
    fn push(&mut self, module: Module<'a>) -> bool {
        let room = self.list.get_mut(self.count);
        let fits = room.is_some();
        if let Some(place) = room {
            *place = module;
            // INVARIANT: `count` was a valid index.
            self.count += 1;
        }
        fits
    }

    fn last_mut(&mut self) -> Option<&mut Module<'a>> {
        self.list[..self.count].last_mut()
    }
}
