//! What the kernel owns besides memory: each is a key of the [`ledger`], and what drives it has taken it there
//! first, so that no two drivers are at the same ports or registers.
//!
//! Frames have the lowest numbers. Everything else is a kind and a number: the kind in the upper eight bits of the key.

use core::fmt;

use steward_ledger::{Error, Extent, ProcessId};

use crate::{
    ledger::{self, Kernel},
    lock::Lock,
};

/// The lowest key that is no frame.
pub const FIRST: usize = 1 << KIND_SHIFT;
const KIND_SHIFT: u32 = 56;
const NUMBER: u64 = (1 << KIND_SHIFT) - 1;
/// The highest bit of a number that is an address, which all above it equal.
const SIGN: u64 = 1 << (KIND_SHIFT - 1);
/// Most resources that are taken before the ledger is open: those of drivers that the log needs.
const MOST_EARLY: usize = 8;

/// What a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// I/O ports, by their addresses.
    IoPorts = 1,
    /// Pages of device registers, by their physical addresses ÷ 4096.
    DeviceMemory,
    /// Interrupt vectors.
    Interrupts,
    /// Objects in the kernel's memory, by their addresses.
    Objects,
    /// Timers, by the numbers that [`timers`] gives.
    Timers,
    /// What processes name by numbers of their own, by the kernel's numbers.
    Handles,
}

/// Numbers of timers.
pub mod timers {
    /// The boot CPU's local APIC timer, which is the kernel's tick.
    pub const TICK: u64 = 0;
    /// Channel 2 of the programmable interval timer, by which clocks are calibrated.
    pub const PIT_CHANNEL_2: u64 = 0x102;
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::IoPorts, Self::DeviceMemory, Self::Interrupts, Self::Objects, Self::Timers, Self::Handles];

    /// What people call one of these.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IoPorts => "port",
            Self::DeviceMemory => "mmio",
            Self::Interrupts => "vector",
            Self::Objects => "object",
            Self::Timers => "timer",
            Self::Handles => "handle",
        }
    }
}

/// A key that is no frame, as people write it: `port:0x3f8`, `mmio:0xfee00000` (the address), `vector:0x20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What it is.
    pub kind: Kind,
    /// Which.
    pub number: u64,
}

impl Resource {
    /// Its key.
    #[must_use]
    pub const fn key(self) -> usize {
        ((self.kind as u64) << KIND_SHIFT | self.number & NUMBER) as usize
    }

    /// What the key names; `None` for a frame, or nothing.
    #[must_use]
    pub fn of(key: usize) -> Option<Self> {
        let kind = Kind::ALL.into_iter().find(|&kind| kind as u64 == key as u64 >> KIND_SHIFT)?;
        let number = key as u64 & NUMBER;
        let is_negative = kind == Kind::Objects && number & SIGN != 0;
        Some(Self { kind, number: if is_negative { number | !NUMBER } else { number } })
    }

    /// What people mean by a word; `None` if that is nothing.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let (name, number) = word.split_once(':')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
        let number = match number.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        let resource = Self { kind, number: if kind == Kind::DeviceMemory { number >> 12 } else { number } };
        // What does not fit is not some other one.
        (Self::of(resource.key()) == Some(resource)).then_some(resource)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = if self.kind == Kind::DeviceMemory { self.number << 12 } else { self.number };
        write!(f, "{}:{number:#x}", self.kind.name())
    }
}

/// Resources that the kernel owns, and by it whoever has this. They go back when it is dropped.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "they go back when this is dropped"]
pub struct Taken(Extent);

impl Taken {
    /// Leaves them to the caller for good.
    pub fn keep(self) {
        core::mem::forget(self);
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut early = EARLY.lock();
        if let Some(early) = early.as_mut() {
            early.retain(|keys| *keys != self.0);
            return;
        }
        drop(early);
        let given_back = ledger::give_up(self.0);
        debug_assert!(given_back.is_ok(), "who took resources lends them to nobody who does not return them");
    }
}

/// What was taken before the ledger was open; `None` from then on.
static EARLY: Lock<Option<heapless::Vec<Extent, MOST_EARLY>>> = Lock::new(Some(heapless::Vec::new()));

/// Takes `count` resources of a kind, `first` and those that follow it, for the kernel.
///
/// # Errors
/// [`Error::AlreadyOwned`] if one has an owner, be it the kernel; [`Error::NoMemory`]; [`Error::Invalid`] if there are no such
/// resources.
pub fn take(kind: Kind, first: u64, count: u64) -> Result<Taken, Error> {
    let last = first.checked_add(count).and_then(|end| end.checked_sub(1)).ok_or(Error::Invalid)?;
    let (first, last) = (Resource { kind, number: first }, Resource { kind, number: last });
    if [first, last].iter().any(|end| Resource::of(end.key()) != Some(*end)) {
        return Err(Error::Invalid);
    }
    let keys = Extent { start: first.key(), count: last.key() - first.key() + 1 };
    let mut early = EARLY.lock();
    if let Some(early) = early.as_mut() {
        if early.iter().any(|taken| taken.start < keys.start + keys.count && keys.start < taken.start + taken.count) {
            return Err(Error::AlreadyOwned);
        }
        early.push(keys).map_err(|_| Error::NoMemory)?;
        return Ok(Taken(keys));
    }
    drop(early);
    acquire(keys)?;
    Ok(Taken(keys))
}

/// Makes the kernel the owner of keys that are no frames, with more room in the ledger if there is not enough.
///
/// # Errors
/// As [`steward_ledger::Ledger::acquire`].
pub(crate) fn acquire(keys: Extent) -> Result<(), Error> {
    let attempt = || ledger::with(|ledger| ledger.acquire(ProcessId::KERNEL, &[keys], &mut Kernel));
    match attempt() {
        Err(Error::NoMemory) => {
            ledger::grow_others(keys.count)?;
            attempt()
        }
        done => done,
    }
}

/// Enters what was taken before the ledger was open. Called once, as it opens.
pub(crate) fn enter_early() {
    let early = EARLY.lock().take();
    for keys in early.iter().flatten() {
        acquire(*keys).expect("the first resources find room, and were compared with each other");
    }
}

/// Why a driver did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStarted<A> {
    /// There is no device, or it does not answer.
    Absent(A),
    /// What it needs is not to be had.
    Refused(Error),
}

impl<A: fmt::Display> fmt::Display for NotStarted<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(absent) => write!(f, "{absent}"),
            Self::Refused(error) => write!(f, "its ports cannot be taken: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::string::ToString;

    #[test]
    fn what_is_written_of_a_resource_is_read_as_the_same() {
        for (kind, number) in [
            (Kind::IoPorts, 0x3f8),
            (Kind::DeviceMemory, 0xfee00),
            (Kind::Interrupts, 0xff),
            (Kind::Objects, 0xffff_8880_1234_5678),
            (Kind::Objects, 0x1234),
            (Kind::Timers, timers::PIT_CHANNEL_2),
            (Kind::Handles, NUMBER),
        ] {
            let resource = Resource { kind, number };
            assert_eq!(Resource::of(resource.key()), Some(resource));
            assert_eq!(Resource::parse(&resource.to_string()), Some(resource), "{resource}");
            assert!(resource.key() >= FIRST);
        }
        assert_eq!(Resource { kind: Kind::DeviceMemory, number: 0xfee00 }.to_string(), "mmio:0xfee00000");
        assert_eq!(Resource::parse("port:96"), Some(Resource { kind: Kind::IoPorts, number: 96 }));
    }

    #[test]
    fn what_names_no_resource_is_none() {
        for word in
            ["port", "port:", "port:0x", "port:-1", "pork:1", "timer:0x100000000000000", "object:0xff00000000000000"]
        {
            assert_eq!(Resource::parse(word), None, "{word}");
        }
        for key in [0, FIRST - 1, 7 << KIND_SHIFT, usize::MAX] {
            assert_eq!(Resource::of(key), None, "{key:#x}");
        }
    }
}
