//! Device paths: where the firmware's console goes, and what a volume is a part of (UEFI 2.10, section
//! 10.3). Their bytes come from variables and drivers, so nothing in them is taken for granted.

use alloc::vec::Vec;

/// Type and subtype of a node that ends the whole path.
const END: [u8; 2] = [0x7f, 0xff];
/// The same as a node.
const END_NODE: [u8; 4] = [0x7f, 0xff, 4, 0];
/// Type and subtype of a node for a UART.
const UART: [u8; 2] = [3, 14];
/// Type and subtype of a node for a partition.
const PARTITION: [u8; 2] = [4, 1];
/// Type and subtype of a node for the boot image of a disc.
const BOOT_IMAGE: [u8; 2] = [4, 2];

/// The nodes up to the end or the first that is damaged: type and subtype, and where the node begins.
fn nodes(path: &[u8]) -> impl Iterator<Item = ([u8; 2], usize)> {
    let mut next = Some(0);
    core::iter::from_fn(move || {
        let at = next?;
        let [kind, subtype, low, high] = *path.get(at..)?.first_chunk::<4>()?;
        let length = usize::from(u16::from_le_bytes([low, high]));
        if [kind, subtype] == END || length < 4 {
            return None;
        }
        next = at.checked_add(length).filter(|end| *end <= path.len());
        next.map(|_| ([kind, subtype], at))
    })
}

/// Whether one of a path's instances has a UART, as the console's path (variable `ConOut`, section 3.3)
/// has when the console goes over a serial line.
#[must_use]
pub fn has_uart(path: &[u8]) -> bool {
    nodes(path).any(|(kind, _)| kind == UART)
}

/// Paths of the devices that a volume is a part of, innermost first. A disc's boot image can have
/// partitions of its own.
#[must_use]
pub fn around(volume: &[u8]) -> Vec<Vec<u8>> {
    let nodes: Vec<_> = nodes(volume).collect();
    let parts = nodes.iter().rev().take_while(|(kind, _)| [PARTITION, BOOT_IMAGE].contains(kind));
    parts.map(|(_, at)| [&volume[..*at], &END_NODE].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::{around, has_uart};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const PCI: [u8; 6] = [1, 1, 6, 0, 0, 0x1f];
    const LINE: [u8; 19] = [3, 14, 19, 0, 0, 0, 0, 0, 0, 0xc2, 1, 0, 0, 0, 0, 0, 8, 1, 1];
    const NEXT: [u8; 4] = [0x7f, 1, 4, 0];
    const LAST: [u8; 4] = [0x7f, 0xff, 4, 0];
    const IMAGE: [u8; 6] = [4, 2, 6, 0, 0, 0];
    const PART: [u8; 5] = [4, 1, 5, 0, 1];

    #[test]
    fn a_uart_is_found_in_any_instance() {
        assert!(has_uart(&[&PCI[..], &LINE, &LAST].concat()));
        assert!(has_uart(&[&PCI[..], &NEXT, &PCI, &LINE, &LAST].concat()));
    }

    #[test]
    fn a_screen_is_no_uart_and_nothing_counts_behind_the_end() {
        assert!(!has_uart(&[&PCI[..], &LAST].concat()));
        assert!(!has_uart(&[&PCI[..], &LAST, &LINE].concat()));
        assert!(!has_uart(&[]));
    }

    #[test]
    fn a_damaged_node_ends_the_search() {
        assert!(!has_uart(&[&[1, 1, 0, 0][..], &LINE].concat()));
        assert!(!has_uart(&LINE[..18]));
    }

    #[test]
    fn a_partition_is_a_part_of_its_disk() {
        assert_eq!(around(&[&PCI[..], &PART, &LAST].concat()), [[&PCI[..], &LAST].concat()]);
        assert!(around(&[&PCI[..], &LAST].concat()).is_empty());
    }

    /// OVMF takes the FAT boot sector of some discs' boot images for a partition table.
    #[test]
    fn a_partition_in_a_boot_image_is_a_part_of_the_image_and_of_the_disc() {
        let image = [&PCI[..], &IMAGE, &LAST].concat();
        let disc = [&PCI[..], &LAST].concat();
        assert_eq!(around(&[&PCI[..], &IMAGE, &PART, &LAST].concat()), [image, disc]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_searched_to_an_end(bytes: Vec<u8>) {
            let _ = has_uart(&bytes);
            let _ = around(&bytes);
        }
    }
}
