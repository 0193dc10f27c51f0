//! Images that are broken: each is told on the screen and on the serial line, and nothing is started.

use std::sync::OnceLock;

use steward_boot_media::{File, disk, read_file};
use steward_harness::image::Attach;

use crate::built;
use crate::machine::{Machine, Parts};
use crate::picture::firmware_shows;

const CONFIGURATION: &str = "limine.conf";
const KERNEL: &str = "kernel";

/// The files of the good disk.
fn good() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let file = |name: &str| File::new(name, read_file(built::disk(), name).unwrap());
        ["EFI/BOOT/BOOTX64.EFI", CONFIGURATION, KERNEL].map(file).into()
    })
}

fn configuration() -> String {
    let file = good().iter().find(|file| file.path == CONFIGURATION).unwrap();
    String::from_utf8(file.content.clone()).unwrap()
}

/// Boots a disk on which this file is another one, or is missing; waits for an error with these parts.
fn refused(name: &str, content: Option<Vec<u8>>, parts: &[&str]) {
    let mut files: Vec<File> = good().iter().filter(|file| file.path != name).cloned().collect();
    files.extend(content.map(|content| File::new(name, content)));
    let directory = tempfile::tempdir().unwrap();
    let broken = directory.path().join("broken.img");
    std::fs::write(&broken, disk(&files).unwrap()).unwrap();
    let mut machine = Machine::start(Parts { screen: true, ..Parts::new(&broken, Attach::Virtio) });
    machine.hears("steward-boot-uefi: error: ");
    let told = machine.hears("\n");
    let told = told.trim();
    for part in parts {
        assert!(told.contains(part), "no `{part}` in: {told}");
    }
    let whole = format!("steward-boot-uefi: error: {told}");
    machine.shows(&format!("`{whole}`"), |picture| firmware_shows(picture, &whole).then_some(()));
}

#[test]
fn a_truncated_kernel_is_refused() {
    let kernel = &good().iter().find(|file| file.path == KERNEL).unwrap().content;
    refused(KERNEL, Some(kernel[..kernel.len() / 2].to_vec()), &[KERNEL]);
}

#[test]
fn a_kernel_that_is_no_elf_file_is_refused() {
    refused(KERNEL, Some(b"#!/bin/sh\necho no kernel\n".repeat(100)), &[KERNEL, "ELF"]);
}

#[test]
fn a_missing_module_is_refused_by_name() {
    let text = configuration() + "    module_path: boot():/modules/hello\n";
    refused(CONFIGURATION, Some(text.into()), &["modules/hello"]);
}

#[test]
fn a_configuration_with_two_kernels_is_refused_with_the_line() {
    let text = configuration() + "    path: boot():/other\n";
    let line = format!("line {}", text.lines().count());
    refused(CONFIGURATION, Some(text.into()), &[CONFIGURATION, &line]);
}

#[test]
fn a_volume_without_a_configuration_is_refused() {
    refused(CONFIGURATION, None, &[CONFIGURATION]);
}
