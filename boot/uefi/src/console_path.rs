//! Whether the firmware's console goes over a serial line (UEFI 2.10, section 10.3, and the variable
//! `ConOut` of section 3.3).

/// Type and subtype of a node that ends the whole path.
const END: [u8; 2] = [0x7f, 0xff];

/// Type and subtype of a node for a UART.
const UART: [u8; 2] = [3, 14];

/// Whether one of a device path's instances has a UART. What is damaged ends the search.
#[must_use]
pub fn has_uart(mut path: &[u8]) -> bool {
    while let Some(header) = path.first_chunk::<4>() {
        let [kind, subtype, low, high] = *header;
        let length = usize::from(u16::from_le_bytes([low, high]));
        if [kind, subtype] == UART {
            return true;
        }
        if [kind, subtype] == END || length < header.len() {
            return false;
        }
        path = path.get(length..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::has_uart;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const PCI: [u8; 6] = [1, 1, 6, 0, 0, 0x1f];
    const LINE: [u8; 19] = [3, 14, 19, 0, 0, 0, 0, 0, 0, 0xc2, 1, 0, 0, 0, 0, 0, 8, 1, 1];
    const NEXT: [u8; 4] = [0x7f, 1, 4, 0];
    const LAST: [u8; 4] = [0x7f, 0xff, 4, 0];

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
    fn a_node_without_length_ends_the_search() {
        assert!(!has_uart(&[&[1, 1, 0, 0][..], &LINE].concat()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_searched_to_an_end(bytes: Vec<u8>) {
            has_uart(&bytes);
        }
    }
}
