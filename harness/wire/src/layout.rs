//! Layout of a test's descriptor, shared by the guest that emits it and the host that lists tests
//! from the ELF file without booting.
//!
//! The section [`SECTION`] holds an array of descriptors, [`SIZE`] bytes each, all fields little-endian.
//! Texts are a virtual address and a length; the host finds their bytes through the program headers.
//! The guest asserts these offsets against its own struct at compile time.

/// Name of the ELF section that holds the descriptors. It is a C identifier, so linkers define
/// `__start_steward_ktest` and `__stop_steward_ktest` around it.
pub const SECTION: &str = "steward_ktest";

/// Bytes of one descriptor.
pub const SIZE: usize = 136;

/// `u64`: [`MAGIC`].
pub const MAGIC_AT: usize = 0;
/// Text: full path of the test, such as `steward_machine::paging::tests::text_is_not_writable`.
pub const NAME: usize = 8;
/// Text: source file, as `file!()` gives it.
pub const FILE: usize = 24;
/// Text: machine that the test needs (`q35`, `pc`, `microvm`); empty for any.
pub const MACHINE: usize = 40;
/// Text: CPU model that the test needs, as QEMU names it; empty for any.
pub const CPU: usize = 56;
/// Text: why the test is ignored; empty when it gives no reason.
pub const IGNORE_REASON: usize = 72;
/// `u64`: virtual address of the function.
pub const FUNCTION: usize = 88;
/// `u32`: line of the test in its source file.
pub const LINE: usize = 96;
/// `u32`: [`flags`].
pub const FLAGS: usize = 100;
/// `u32`: milliseconds the test may take; 0 for the harness's default.
pub const TIMEOUT_MS: usize = 104;
/// `u32`: CPUs that the test needs; 0 for any.
pub const CPUS: usize = 108;
/// `u32`: MiB of memory that the test needs; 0 for any.
pub const MEMORY_MIB: usize = 112;
/// `u32`: the smallest set of tests that the test belongs to, a [`Tier`].
pub const TIER: usize = 116;

/// First word of every descriptor: `b"ktest"`, two zero bytes, and the layout's version.
pub const MAGIC: u64 = u64::from_le_bytes(*b"ktest\0\0\x01");

/// Bits of the word at [`FLAGS`].
pub mod flags {
    /// The test passes exactly when it panics.
    pub const SHOULD_PANIC: u32 = 1 << 0;
    /// The test runs only when asked for.
    pub const IGNORE: u32 = 1 << 1;
}

/// How much a test costs, which says when it is run. A tier includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Tier {
    /// Run on every change.
    #[default]
    Test = 0,
    /// Run before a change is published.
    Verify = 1,
    /// Run for as long as somebody likes.
    Soak = 2,
}

impl Tier {
    /// The tier of a number at [`TIER`]; `None` for one that this version does not know.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Test),
            1 => Some(Self::Verify),
            2 => Some(Self::Soak),
            _ => None,
        }
    }

    /// The tier that `#[ktest(tier = "…")]` calls so.
    #[must_use]
    pub const fn from_name(name: &str) -> Option<Self> {
        match name.as_bytes() {
            b"test" => Some(Self::Test),
            b"verify" => Some(Self::Verify),
            b"soak" => Some(Self::Soak),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tier_is_found_by_its_number_and_by_its_name() {
        for (tier, name) in [(Tier::Test, "test"), (Tier::Verify, "verify"), (Tier::Soak, "soak")] {
            assert_eq!(Tier::from_number(tier as u32), Some(tier));
            assert_eq!(Tier::from_name(name), Some(tier));
        }
        assert_eq!(Tier::from_number(3), None);
        assert_eq!(Tier::from_name("Test"), None);
    }
}
