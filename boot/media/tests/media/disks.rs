//! What a raw disk and a FAT volume are for other readers.

use std::io::Cursor;

use crate::support::fat_files;
use crate::support::table::{self, EFI};
use fatfs::{FileSystem, FsOptions};
use proptest::prelude::*;
use steward_boot_media::{Error, File, disk, volume};

/// In the order of their paths.
fn files() -> Vec<File> {
    vec![
        File::new("EFI/BOOT/BOOTX64.EFI", vec![0xcc; 90_000]),
        File::new("kernel", vec![7; 5000]),
        File::new("limine.conf", "timeout: 0"),
        File::new("modules/a file with a long name, in small letters.txt", "hello"),
        File::new("modules/empty", []),
    ]
}

#[test]
fn a_disk_has_one_partition_with_all_the_files() {
    let image = disk(&files()).unwrap();
    assert_eq!(image.len() % (1 << 20), 0);
    let (_, partitions) = table::read(&image);
    assert_eq!((partitions.len(), partitions[0].kind), (1, EFI));
    assert_eq!(partitions[0].bytes.start, 1 << 20);
    assert_eq!(fat_files(&image[partitions[0].bytes.clone()]), files());
}

#[test]
fn the_order_of_the_files_makes_no_difference_and_their_content_does() {
    let image = disk(&files()).unwrap();
    assert!(disk(&files()).unwrap() == image);
    let mut files = files();
    files.reverse();
    assert!(disk(&files).unwrap() == image);
    files[0].content = vec![1];
    let other = disk(&files).unwrap();
    let (old, new) = (table::read(&image), table::read(&other));
    assert_ne!(old.0, new.0, "another disk has another GUID");
    assert_ne!(old.1[0].guid, new.1[0].guid);
    let serial = |image: &[u8], start: usize| image[start + 67..start + 71].to_vec();
    assert_ne!(serial(&image, old.1[0].bytes.start), serial(&other, new.1[0].bytes.start));
}

#[test]
fn both_tables_of_a_volume_are_the_same_and_cover_what_its_files_take() {
    for bytes in [200 << 10, 2_300 << 10, 4 << 20, 33 << 20, 34 << 20, 300 << 20] {
        let image = volume(&files(), bytes).unwrap();
        assert_eq!(fat_files(&image), files(), "{bytes}");
        let short = |place: usize| usize::from(u16::from_le_bytes([image[place], image[place + 1]]));
        let table = match short(22) {
            0 => short(36), // FAT32
            table => table,
        };
        let [first, second] = [0, 1].map(|copy| &image[(short(14) + copy * table) * 512..][..table * 512]);
        assert_eq!(first, second);
    }
}

/// What fsck.fat calls damage; fatfs writes it (long names for both).
#[test]
fn the_first_entries_of_a_directory_are_itself_and_its_parent() {
    for bytes in [200 << 10, 4 << 20, 40 << 20] {
        let image = volume(&files(), bytes).unwrap();
        let entries = |name: &[u8; 11]| {
            let place = image.chunks(32).position(|entry| entry.starts_with(name) && entry[11] == 0x10).unwrap();
            &image[place * 32..]
        };
        let directory = entries(b".          ");
        assert_eq!((&directory[..11], &directory[32..43]), (&b".          "[..], &b"..         "[..]));
        assert_eq!((&directory[52..54], &directory[58..60]), (&[0; 2][..], &[0; 2][..]), "the root's number is 0");
        assert!(!image.chunks(32).any(|entry| entry[11] == 0x0f && entry.starts_with(b"A.\0\0\0")));
        let volume = FileSystem::new(Cursor::new(image.clone()), FsOptions::new()).unwrap();
        let parent = volume.root_dir().open_dir("EFI/BOOT/..").unwrap();
        assert!(parent.iter().any(|entry| entry.unwrap().file_name() == "BOOT"));
    }
}

#[test]
fn a_volume_can_be_written_to_up_to_its_size() {
    let image = volume(&files(), 3 << 20).unwrap();
    let mut bytes = Cursor::new(image);
    let volume = FileSystem::new(&mut bytes, FsOptions::new()).unwrap();
    let stats = volume.stats().unwrap();
    let free = u64::from(stats.free_clusters()) * u64::from(stats.cluster_size());
    let mut log = volume.root_dir().create_file("ktest-001.log").unwrap();
    std::io::Write::write_all(&mut log, &vec![b'x'; usize::try_from(free).unwrap()]).unwrap();
    drop(log);
    volume.unmount().unwrap();
    let found = fat_files(&bytes.into_inner());
    assert_eq!(found.len(), files().len() + 1);
    assert!(files().iter().all(|file| found.contains(file)));
}

#[test]
fn a_kernel_that_does_not_fit_is_named_with_its_size() {
    let error = volume(&[File::new("kernel", vec![1; 3 << 20])], 2 << 20).unwrap_err();
    assert!(matches!(error, Error::TooLarge { bytes: 0x30_0000, limit: 0x20_0000, .. }));
    assert!(error.to_string().starts_with("the file \"kernel\" is too large: 3145728 bytes"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_files_are_read_back_from_a_volume(
        paths in prop::collection::btree_set("[a-cA-C][a-c+A. -]{0,12}[a-c](\\.[a-z]{1,5})?(/[a-c]{1,3}){0,3}", 0..60),
        bytes in prop::sample::select(vec![512 << 10, 3 << 20]),
    ) {
        let mut files: Vec<_> =
            paths.into_iter().map(|path| File::new(path.clone(), path.repeat(path.len() * 9))).collect();
        let Ok(image) = volume(&files, bytes) else { return Ok(()) };
        files.sort_by(|one, other| one.path.cmp(&other.path));
        prop_assert_eq!(fat_files(&image), files);
    }
}
