//! El Torito: what a firmware starts from an optical drive ("El Torito" Bootable CD-ROM Format Specification 1.0).

/// What platform an entry is for (figure 2; UEFI 2.10, 13.3.2.1).
const BIOS: u8 = 0;
const UEFI: u8 = 0xef;
/// Figure 3 and 5: an entry that can be booted; without emulation of a drive.
const BOOTABLE: u8 = 0x88;
/// Figure 4: the last section.
const LAST_SECTION: u8 = 0x91;
/// How many blocks of 512 bytes a BIOS loads of its boot image; the image loads the rest itself.
const BIOS_BLOCKS: u16 = 4;
/// Where in a boot image its information stands, and where it ends (mkisofs(8), option `-boot-info-table`).
const INFORMATION: usize = 8;
const INFORMATION_END: usize = 64;

/// A boot image on the disc.
pub(super) struct BootImage {
    pub(super) sector: u32,
    pub(super) bytes: u64,
}

/// The boot catalogue: an entry for UEFI, and before it one for a BIOS if there is such a boot image.
pub(super) fn catalogue(bios: Option<u32>, uefi: &BootImage) -> Vec<u8> {
    // UEFI 2.10, 13.3.2.1: a count that 16 bits cannot hold is 0, and means all up to the end of the disc.
    let uefi_entry = entry(u16::try_from(uefi.bytes / 512).unwrap_or(0), uefi.sector);
    match bios {
        None => [validation(UEFI), uefi_entry].concat(),
        Some(sector) => {
            let mut section = [0; 32];
            section[..4].copy_from_slice(&[LAST_SECTION, UEFI, 1, 0]);
            [validation(BIOS), entry(BIOS_BLOCKS, sector), section, uefi_entry].concat()
        }
    }
}

/// Figure 2. All its 16-bit words sum to zero.
fn validation(platform: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&[1, platform]);
    bytes[30..].copy_from_slice(&[0x55, 0xaa]);
    let sum = bytes.chunks(2).fold(0_u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])));
    bytes[28..30].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
    bytes
}

/// Figures 3 and 5.
fn entry(blocks: u16, sector: u32) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = BOOTABLE;
    bytes[6..8].copy_from_slice(&blocks.to_le_bytes());
    bytes[8..12].copy_from_slice(&sector.to_le_bytes());
    bytes
}

/// Tells a boot image where the primary volume descriptor and the image itself are, and its checksum. One that is too
/// short for that is left as it is.
pub(super) fn write_boot_information(image: &mut [u8], sector: u32, descriptor: u32) {
    let Some((head, rest)) = image.split_at_mut_checked(INFORMATION_END) else { return };
    let words = rest.chunks(4).map(|word| {
        let mut bytes = [0; 4];
        bytes[..word.len()].copy_from_slice(word);
        u32::from_le_bytes(bytes)
    });
    let length = (INFORMATION_END + rest.len()) as u32;
    let table = [descriptor, sector, length, words.fold(0, u32::wrapping_add)].map(u32::to_le_bytes).concat();
    head[INFORMATION..].fill(0);
    head[INFORMATION..][..table.len()].copy_from_slice(&table);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_volume_too_large_for_its_entry_reaches_to_the_end_of_the_disc() {
        let blocks = |bytes| {
            let catalogue = catalogue(None, &BootImage { sector: 100, bytes });
            u16::from_le_bytes([catalogue[38], catalogue[39]])
        };
        assert_eq!(blocks(3 << 20), 6144);
        assert_eq!(blocks((32 << 20) - 512), 0xffff);
        assert_eq!(blocks(32 << 20), 0);
    }

    #[test]
    fn a_boot_image_learns_where_it_is_and_its_checksum() {
        let mut image = [0xff; 70];
        image[64..].copy_from_slice(&[1, 0, 0, 0, 2, 1]);
        write_boot_information(&mut image, 25, 16);
        assert_eq!(image[..8], [0xff; 8]);
        assert_eq!(image[8..24], [16, 0, 0, 0, 25, 0, 0, 0, 70, 0, 0, 0, 3, 1, 0, 0]);
        assert_eq!(image[24..64], [0; 40]);
        write_boot_information(&mut [0; 63], 25, 16);
    }
}
