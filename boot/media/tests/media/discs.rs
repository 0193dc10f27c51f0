//! What an ISO is for other readers: a disc, a stick, a boot image.

use crate::support::table::{self, EFI};
use crate::support::{disc_file, fat_files, try_images};
use proptest::prelude::*;
use steward_boot_media::{File, LOG_SPACE, iso};

fn system() -> Vec<File> {
    vec![File::new("EFI/BOOT/BOOTX64.EFI", vec![0xcc; 90_000])]
}

#[test]
fn all_files_are_read_back_from_a_disc() {
    let mut files = vec![
        File::new("limine.conf", "timeout: 0"),
        File::new("kernel", vec![7; 5000]),
        File::new("empty", []),
        File::new("a sector", vec![1; 2048]),
        File::new("modules/Hello.World", "hello"),
        File::new("1/2/3/4/5/6/7/8", "deep"),
        File::new("n".repeat(128), "long"),
        File::new(format!("{}/x", "d".repeat(128)), "long too"),
    ];
    files.extend((0..200).map(|number| File::new(format!("many/file number {number}.txt"), number.to_string())));
    let image = iso(&files, &system()).unwrap();
    for file in &files {
        assert_eq!(disc_file(&image, &file.path).as_ref(), Some(&file.content), "{}", file.path);
    }
    assert_eq!(disc_file(&image, "many/file number 200.txt"), None);
}

#[test]
fn a_reader_without_rock_ridge_finds_the_files_in_capitals() {
    let mut image = iso(&[File::new("limine.conf", "timeout: 0"), File::new("kernel", "k")], &system()).unwrap();
    let field = image.windows(7).position(|bytes| bytes == b"SP\x07\x01\xbe\xef\x00").unwrap();
    image[field..field + 2].copy_from_slice(b"XX");
    assert_eq!(disc_file(&image, "limine.conf").unwrap(), b"timeout: 0");
    assert_eq!(disc_file(&image, "KERNEL").unwrap(), b"k");
}

#[test]
fn a_firmware_finds_the_same_system_volume_by_el_torito_and_by_gpt() {
    let image = iso(&[File::new("kernel", vec![1; 3 << 20])], &system()).unwrap();
    assert_eq!(image.len() % (1 << 20), 0);
    let (_, partitions) = table::read(&image);
    assert_eq!((partitions.len(), partitions[0].kind, partitions[0].name.as_str()), (1, EFI, "EFI system"));

    // El Torito 1.0: boot record in sector 17, catalogue, validation entry, default entry.
    let record = &image[17 * 2048..];
    assert_eq!(&record[..30], b"\0CD001\x01EL TORITO SPECIFICATION");
    let catalogue = &image[u32::from_le_bytes(record[71..75].try_into().unwrap()) as usize * 2048..];
    let words = catalogue[..32].chunks(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
    assert_eq!(words.fold(0, u16::wrapping_add), 0);
    assert_eq!((catalogue[0], catalogue[1], &catalogue[30..32]), (1, 0xef, &[0x55, 0xaa][..]));
    assert_eq!(catalogue[32..34], [0x88, 0]);
    let blocks = u16::from_le_bytes([catalogue[38], catalogue[39]]);
    let start = u32::from_le_bytes(catalogue[40..44].try_into().unwrap()) as usize * 2048;
    assert_eq!(catalogue[64..96], [0; 32]);
    assert_eq!(start..start + usize::from(blocks) * 512, partitions[0].bytes);

    let volume = &image[partitions[0].bytes.clone()];
    assert_eq!(fat_files(volume), system());
    assert!(volume.len() as u64 > LOG_SPACE);
}

#[test]
fn the_primary_descriptor_says_how_large_the_disc_is_both_ways_round() {
    let image = iso(&[File::new("kernel", "k")], &system()).unwrap();
    let descriptor = &image[16 * 2048..17 * 2048];
    let sectors = u32::try_from(image.len() / 2048).unwrap();
    assert_eq!(descriptor[80..84], sectors.to_le_bytes());
    assert_eq!(descriptor[84..88], sectors.to_be_bytes());
    assert_eq!(&image[18 * 2048..][..7], b"\xffCD001\x01");
}

#[test]
fn the_path_tables_lead_to_the_directories() {
    let image = iso(&[File::new("a/b/c", "c"), File::new("d/e", "e")], &system()).unwrap();
    let descriptor = &image[16 * 2048..17 * 2048];
    let start = u32::from_le_bytes(descriptor[140..144].try_into().unwrap()) as usize * 2048;
    let length = u32::from_le_bytes(descriptor[132..136].try_into().unwrap()) as usize;
    let (mut table, mut found) = (&image[start..start + length], Vec::new());
    while let [length, _, rest @ ..] = table {
        let length = usize::from(*length);
        let sector = u32::from_le_bytes(rest[..4].try_into().unwrap());
        // A directory's first record is its own: it begins where the table says.
        assert_eq!(image[sector as usize * 2048 + 2..][..4], rest[..4]);
        found.push((rest[6..6 + length].to_vec(), rest[4]));
        table = &rest[6 + length + length % 2..];
    }
    let name = |name: &[u8], parent| (name.to_vec(), parent);
    assert_eq!(found, [name(&[0], 1), name(b"A", 1), name(b"D", 1), name(b"B", 2)]);
}

#[test]
fn the_order_of_the_files_makes_no_difference_and_their_content_does() {
    let mut files = vec![File::new("b/c", "1"), File::new("b/a", "2"), File::new("a", "3"), File::new("B.c", "4")];
    let image = iso(&files, &system()).unwrap();
    assert!(iso(&files, &system()).unwrap() == image);
    files.reverse();
    assert!(iso(&files, &system()).unwrap() == image);
    files[0].content.push(0);
    let other = iso(&files, &system()).unwrap();
    assert_ne!(table::read(&other).0, table::read(&image).0, "another disc has another GUID");
}

#[test]
fn any_files_are_read_back_from_a_disc() {
    let path = "[a-c][a-cA -]{0,12}[a-c](\\.[a-z]{1,5})?(/[a-c]{1,3}){0,3}";
    try_images(&prop::collection::btree_set(path, 0..30), |paths| {
        let files: Vec<_> = paths.into_iter().map(|path| File::new(path.clone(), path)).collect();
        let Ok(image) = iso(&files, &[]) else { return Ok(()) }; // a file that is also a directory, for instance
        for file in &files {
            prop_assert_eq!(disc_file(&image, &file.path), Some(file.content.clone()));
        }
        Ok(())
    });
}
