//! One part of many: how a suite is split over machines that know nothing of each other.

use std::{fmt, num::NonZeroU32, str::FromStr};

use crate::machine::ParseError;

/// The tests of part `K` of `N`, written `hash:K/N` with `1 ≤ K ≤ N`.
///
/// A test belongs to the part that the FNV-1a hash (64 bits) of its full name gives, modulo `N`, counted from 1. So the
/// `N` parts are disjoint, together they are all tests, and a test stays in its part when others come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// From 0, less than `parts`.
    part: u32,
    parts: NonZeroU32,
}

impl Partition {
    /// Whether the test of this full name belongs to the part.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        fnv_1a(name.as_bytes()) % u64::from(self.parts.get()) == u64::from(self.part)
    }
}

/// The hash of Fowler, Noll and Vo, variant 1a, of 64 bits, with the offset basis and the prime that they chose for it.
pub(crate) fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl FromStr for Partition {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let (part, parts) = text.strip_prefix("hash:")?.split_once('/')?;
            let (part, parts) = (part.parse::<NonZeroU32>().ok()?, parts.parse::<NonZeroU32>().ok()?);
            (part <= parts).then(|| Self { part: part.get() - 1, parts })
        };
        let wrong = || format!("`{text}` is no partition; write hash:K/N with 1 <= K <= N, such as hash:1/2");
        parse().ok_or_else(|| ParseError::new(wrong()))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hash:{}/{}", self.part + 1, self.parts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::Config};

    use super::*;

    fn partition(part: u32, parts: u32) -> Partition {
        format!("hash:{part}/{parts}").parse().unwrap()
    }

    proptest! {
        #![proptest_config(Config::with_cases(64))]

        #[test]
        fn every_name_is_in_exactly_one_part(name in "\\PC{0,40}", parts in 1u32..50) {
            let holding = (1..=parts).filter(|&part| partition(part, parts).holds(&name)).count();
            prop_assert_eq!(holding, 1);
        }

        #[test]
        fn partitions_are_read_back_from_how_they_are_written(part in 1u32..=u32::MAX, more in 0u32..1000) {
            let written = format!("hash:{part}/{}", part.saturating_add(more));
            prop_assert_eq!(written.parse::<Partition>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn one_part_of_one_is_everything_and_parts_are_of_similar_size() {
        assert!(partition(1, 1).holds("a::b"));
        let names: Vec<String> = (0..1000).map(|number| format!("steward_kernel::ktests::t{number}")).collect();
        for part in 1..=4 {
            let size = names.iter().filter(|name| partition(part, 4).holds(name)).count();
            assert!((200..300).contains(&size), "part {part} of 4 holds {size} of 1000");
        }
    }

    #[test]
    fn what_is_no_partition_is_refused_in_words() {
        for text in ["", "hash:", "hash:1", "hash:0/2", "hash:3/2", "hash:1/0", "count:1/2", "hash:-1/2", "hash:1/2/3"]
        {
            let error = text.parse::<Partition>().unwrap_err().to_string();
            assert!(error.contains("hash:K/N") && error.contains(text), "{error}");
        }
    }
}
