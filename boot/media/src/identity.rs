//! Identifiers that are derived from what they identify.

use crc::{CRC_64_ECMA_182, CRC_64_XZ, Crc};

use crate::File;

const HIGH: Crc<u64> = Crc::<u64>::new(&CRC_64_XZ);
const LOW: Crc<u64> = Crc::<u64>::new(&CRC_64_ECMA_182);

/// 128 bits that differ, by any likelihood, between media with different files. Who wants two media to have the same can
/// do that: it is no protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity(u128);

impl Identity {
    /// The identity of a medium with these files, in this order.
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = &'a File>) -> Self {
        let (mut high, mut low) = (HIGH.digest(), LOW.digest());
        for file in files {
            let lengths = [file.path.len() as u64, file.content.len() as u64].map(u64::to_le_bytes).concat();
            for bytes in [&lengths[..], file.path.as_bytes(), &file.content] {
                high.update(bytes);
                low.update(bytes);
            }
        }
        Self(u128::from(high.finalize()) << 64 | u128::from(low.finalize()))
    }

    /// The serial number of a FAT volume.
    pub(crate) fn serial(self) -> u32 {
        (self.0 >> 96) as u32
    }

    /// A GUID for the part of this number, as text. Of version 8 (RFC 9562, 5.8), which leaves the other bits to us.
    pub(crate) fn guid(self, part: u8) -> String {
        let bits = self.0.wrapping_add(u128::from(part)) & !(0xf << 76 | 0x3 << 62);
        format!("{:032x}", bits | 0x8 << 76 | 0x2 << 62)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_differ_with_content_path_and_number_of_files() {
        let file = |path: &str, content: &str| File::new(path, content);
        let sets = [
            vec![],
            vec![file("", "")],
            vec![file("a", "bc")],
            vec![file("ab", "c")],
            vec![file("a", "b"), file("c", "")],
            vec![file("a", "bd")],
        ];
        let found: std::collections::BTreeSet<_> = sets.iter().map(|files| Identity::of(files).guid(0)).collect();
        assert_eq!(found.len(), sets.len());
        assert_ne!(Identity::of(&sets[2]).guid(0), Identity::of(&sets[2]).guid(1));
        assert_eq!(Identity::of(&sets[2]).guid(1), Identity::of(&sets[2].clone()).guid(1));
    }

    #[test]
    fn guids_are_of_the_version_that_leaves_their_bits_to_us() {
        let guid = Identity(u128::MAX).guid(0);
        assert_eq!((guid.len(), &guid[12..13], &guid[16..17]), (32, "8", "b"));
    }
}
