//! What a machine is made of.

use std::{fmt, str::FromStr};

/// QEMU's machine types that the harness knows how to wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A PC of today: PCI Express, ACPI, HPET.
    #[default]
    Q35,
    /// A PC of the nineties: PCI, ACPI, HPET.
    Pc,
    /// The least that boots: no PCI, no HPET, one built-in serial port.
    Microvm,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Q35, Self::Pc, Self::Microvm];

    /// QEMU's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Q35 => "q35",
            Self::Pc => "pc",
            Self::Microvm => "microvm",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text does not name a part of a machine; says what would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(String);

impl ParseError {
    pub(crate) const fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseError {}

impl FromStr for Kind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| ParseError(format!("`{text}` is no machine; known are q35, pc and microvm")))
    }
}

/// An amount of guest memory: at least 1 MiB, in whole MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Memory(u32);

impl Memory {
    /// The largest amount that can be asked for: 1 TiB, more than any machine type here places below its limits.
    pub const MOST: Self = Self(1 << 20);

    /// So many MiB; `None` for 0 and for more than [`Memory::MOST`].
    #[must_use]
    pub const fn from_mib(mib: u32) -> Option<Self> {
        if mib == 0 || mib > Self::MOST.0 { None } else { Some(Self(mib)) }
    }

    /// The amount in MiB.
    #[must_use]
    pub const fn mib(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1024) { write!(f, "{}G", self.0 / 1024) } else { write!(f, "{}M", self.0) }
    }
}

impl FromStr for Memory {
    type Err = ParseError;

    /// Reads `64M`, `8G`, or a bare number of MiB.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (digits, unit) = match text.strip_suffix(['M', 'm']) {
            Some(digits) => (digits, 1),
            None => text.strip_suffix(['G', 'g']).map_or((text, 1), |digits| (digits, 1024)),
        };
        let amount = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>().ok()).flatten();
        amount
            .and_then(|amount| amount.checked_mul(unit))
            .and_then(Self::from_mib)
            .ok_or_else(|| ParseError(format!("`{text}` is no amount of memory; write 64M or 8G, from 1M to 1024G")))
    }
}

/// How a machine's instructions are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Accelerator {
    /// QEMU's own translator. Works everywhere.
    Tcg,
    /// The host's CPU, through `/dev/kvm`.
    Kvm,
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
        })
    }
}

/// The parts of a machine that a test or a person may choose.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Machine type.
    pub kind: Kind,
    /// Number of CPUs, at least 1.
    pub cpus: u32,
    /// Memory.
    pub memory: Memory,
    /// CPU model, as QEMU names it.
    pub cpu: String,
}

impl Default for Shape {
    /// What a test gets that asks for nothing: q35, 1 CPU with everything QEMU can offer, 128 MiB.
    fn default() -> Self {
        Self { kind: Kind::Q35, cpus: 1, memory: Memory(128), cpu: String::from("max") }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, cpus, memory, cpu } = self;
        write!(f, "{kind}, {cpus} CPU{} ({cpu}), {memory}", if *cpus == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_mib_and_gib() {
        assert_eq!("64M".parse::<Memory>().unwrap().mib(), 64);
        assert_eq!("8G".parse::<Memory>().unwrap().mib(), 8192);
        assert_eq!("8g".parse::<Memory>().unwrap().to_string(), "8G");
        assert_eq!("1500".parse::<Memory>().unwrap().to_string(), "1500M");
    }

    #[test]
    fn nonsense_amounts_of_memory_are_refused_with_the_right_form() {
        for text in ["", "M", "0", "0M", "-1M", "+1M", "1.5G", "8T", "4194304G", "4294967296", "1025G"] {
            let error = text.parse::<Memory>().unwrap_err().to_string();
            assert!(error.contains("64M") && error.contains(text), "{error}");
        }
    }

    #[test]
    fn every_kind_is_read_back_from_its_name() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("isapc".parse::<Kind>().unwrap_err().to_string().contains("microvm"));
    }
}
