//! Whole images: written from a recipe, and read back.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{disc_file, try_images};
use proptest::prelude::*;
use steward_boot_media::{Entry, Error, File, Format, Loader, Recipe, configuration, list_files, read_file, write};
use steward_boot_volume::config::{Config, Module, Timeout};
use tempfile::TempDir;

fn recipe(modules: &[File]) -> Recipe<'_> {
    let loader = Loader::Steward { efi: b"a UEFI application" };
    Recipe { loader, kernel: b"\x7fELF", command_line: "a=1 b", modules, keep_log: Some("ktest"), timeout: 3 }
}

fn written(format: Format) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    write(&recipe(&[File::new("modules/hello", "hello")]), format, &path).unwrap();
    (directory, path)
}

fn entry(path: &str, bytes: u64) -> Entry {
    Entry { path: path.into(), bytes }
}

#[test]
fn our_loader_reads_from_the_configuration_what_the_recipe_says() {
    let modules = [File::new("modules/hello", "1"), File::new("with space", "2")];
    let text = configuration(&recipe(&modules));
    let config = Config::parse(text.as_bytes()).unwrap();
    assert_eq!((config.name, config.timeout, config.kernel), ("Steward", Timeout::Seconds(3), "kernel"));
    assert_eq!((config.command_line, config.keep_log), ("a=1 b", Some("ktest")));
    let expected =
        [Module { path: "modules/hello", string: "hello" }, Module { path: "with space", string: "with space" }];
    assert_eq!(config.modules().collect::<Vec<_>>(), expected);
}

#[test]
fn a_recipe_with_little_in_it_has_a_configuration_too() {
    let text = configuration(&Recipe { command_line: " ", keep_log: None, timeout: 0, ..recipe(&[]) });
    let expected = "timeout: 0\nquiet: yes\n\n/Steward\n    protocol: limine\n    path: boot():/kernel\n    \
                    kernel_path: boot():/kernel\n";
    assert_eq!(text, expected);
    assert_eq!(Config::parse(text.as_bytes()).unwrap().command_line, "");
}

#[test]
fn a_disc_has_the_loader_on_its_system_volume_and_all_else_beside() {
    let (_directory, path) = written(Format::Iso);
    assert_eq!(list_files(&path).unwrap(), [entry("EFI/BOOT/BOOTX64.EFI", 18)]);
    assert_eq!(read_file(&path, "efi/boot/bootx64.efi").unwrap(), b"a UEFI application");
    let image = fs::read(&path).unwrap();
    assert_eq!(disc_file(&image, "kernel").unwrap(), b"\x7fELF");
    assert_eq!(disc_file(&image, "modules/hello").unwrap(), b"hello");
    assert!(disc_file(&image, "limine.conf").unwrap().starts_with(b"timeout: 3\n"));
}

#[test]
fn a_disk_has_everything_on_its_system_volume() {
    let (_directory, path) = written(Format::Disk);
    let files: Vec<_> = list_files(&path).unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(files, ["EFI/BOOT/BOOTX64.EFI", "kernel", "limine.conf", "modules/hello"]);
    assert_eq!(read_file(&path, "modules/hello").unwrap(), b"hello");
}

#[test]
fn the_same_recipe_gives_the_same_bytes() {
    for format in [Format::Iso, Format::Disk] {
        let [one, other] = [written(format), written(format)];
        assert!(fs::read(one.1).unwrap() == fs::read(other.1).unwrap());
    }
}

#[test]
fn an_error_in_a_recipe_leaves_what_was_there() {
    let (directory, path) = written(Format::Iso);
    let before = fs::read(&path).unwrap();
    let modules = [File::new("kernel", "another")];
    let error = write(&recipe(&modules), Format::Iso, &path).unwrap_err();
    assert!(error.to_string().starts_with("there are two files \"kernel\""), "{error}");
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_whole_stick_is_read_although_the_copy_of_its_table_is_not_at_its_end() {
    for format in [Format::Iso, Format::Disk] {
        let (_directory, path) = written(format);
        let stick = fs::OpenOptions::new().write(true).open(&path).unwrap();
        stick.set_len(64 << 20).unwrap();
        assert_eq!(read_file(&path, "EFI/BOOT/BOOTX64.EFI").unwrap(), b"a UEFI application");
    }
}

#[test]
fn a_file_that_is_not_there_and_a_file_that_is_no_image_are_told_apart() {
    let (directory, path) = written(Format::Iso);
    let error = read_file(&path, "ktest-001.log").unwrap_err();
    assert!(matches!(&error, Error::NoFile { name, .. } if name == "ktest-001.log"), "{error}");
    assert!(matches!(read_file(&path, "no/such/directory"), Err(Error::NoFile { .. })));
    assert!(matches!(read_file(&directory.path().join("none"), "a"), Err(Error::Io { .. })));
    assert!(matches!(read_file(directory.path(), "a"), Err(Error::Io { .. } | Error::NotAnImage { .. })));
    for content in [&b""[..], b"text", &[0; 4096]] {
        let text = directory.path().join("text");
        fs::write(&text, content).unwrap();
        let error = list_files(&text).unwrap_err();
        assert!(error.to_string().contains("no partition table"), "{error}");
    }
}

#[test]
fn an_image_that_was_cut_short_is_an_error() {
    let (_directory, path) = written(Format::Iso);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(3 << 20).unwrap();
    let error = read_file(&path, "EFI/BOOT/BOOTX64.EFI").unwrap_err().to_string();
    assert!(error.contains("reaches past its end"), "{error}");
}

/// fatfs, which read the files once, goes down at each of these.
#[test]
fn a_file_whose_cluster_cannot_be_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    let mut image = steward_boot_media::iso(&[], &[File::new("LOG", "text")]).unwrap();
    let entry = image.windows(12).position(|bytes| bytes == b"LOG        \x20").unwrap();
    for cluster in [0_u16, 1, 0xfff0] {
        image[entry + 26..entry + 28].copy_from_slice(&cluster.to_le_bytes());
        fs::write(&path, &image).unwrap();
        let error = read_file(&path, "LOG").unwrap_err().to_string();
        assert!(error.contains("leads out of it"), "{error}");
    }
}

#[test]
fn a_chain_that_is_a_circle_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    let mut image = steward_boot_media::iso(&[], &[File::new("a/LOG", "text")]).unwrap();
    // FAT16, one cluster each: the directory is cluster 2. Now it goes on with itself.
    let table = (1 << 20) + 512;
    assert_eq!(image[table + 4..table + 8], [0xff; 4]);
    image[table + 4..table + 6].copy_from_slice(&2_u16.to_le_bytes());
    fs::write(&path, &image).unwrap();
    for error in [read_file(&path, "a/LOG").unwrap_err(), list_files(&path).unwrap_err()] {
        assert!(error.to_string().contains("leads in circles"), "{error}");
    }
}

fn read_all(path: &Path) {
    let Ok(files) = list_files(path) else { return };
    for file in files {
        let _ = read_file(path, &file.path);
    }
}

/// Boot sector, tables, root directory and the first directories.
#[test]
fn a_damaged_system_volume_gives_errors_and_no_panic() {
    let changes = prop::collection::vec((0..45_000_usize, any::<u8>()), 1..12);
    let boot = prop::collection::vec((11..64_usize, any::<u8>()), 0..2);
    try_images(&(changes, boot), |(changes, boot)| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image");
        let mut image = steward_boot_media::iso(&[], &[File::new("a/b/c.txt", vec![1; 3000])]).unwrap();
        for (place, byte) in changes.into_iter().chain(boot) {
            image[(1 << 20) + place] = byte;
        }
        fs::write(&path, image).unwrap();
        read_all(&path);
        Ok(())
    });
}
