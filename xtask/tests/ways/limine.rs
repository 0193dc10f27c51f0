//! The same by genuine Limine, where a directory with it is named.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, io::Write as _};

use steward_harness::image::{Attach, Firmware};

use crate::built::image;
use crate::machine::{Machine, Parts};
use crate::memory;

/// The image of this format with Limine; `None`, with a word on standard error, when no directory is named.
fn with_limine(format: &str) -> Option<PathBuf> {
    static TOLD: OnceLock<()> = OnceLock::new();
    let Some(directory) = env::var_os("STEWARD_LIMINE").filter(|directory| !directory.is_empty()) else {
        // The test's own standard error is shown only when it fails.
        TOLD.get_or_init(|| {
            let text = "note: not booted by genuine Limine: STEWARD_LIMINE names no directory with it";
            let _ = writeln!(std::io::stderr(), "{text}");
        });
        return None;
    };
    let options = ["--format", format, "--bootloader", "limine", "--limine", directory.to_str().unwrap()];
    Some(image(&format!("limine.{format}"), &options))
}

fn boots(file: &Path, attach: Attach, firmware: Firmware) {
    let mut machine = Machine::start(Parts { firmware, ..Parts::new(file, attach) });
    memory::sums_to(128, &machine.answers("mem"));
}

#[test]
fn limine_boots_the_iso_by_bios_and_uefi_from_a_disc_and_a_stick() {
    let Some(iso) = with_limine("iso") else { return };
    for attach in [Attach::Cd, Attach::Usb] {
        boots(&iso, attach, Firmware::Bios);
    }
    boots(&iso, Attach::Cd, Firmware::uefi().unwrap());
}

#[test]
fn limine_boots_the_disk_by_bios() {
    let Some(disk) = with_limine("disk") else { return };
    for attach in [Attach::Virtio, Attach::Ahci] {
        boots(&disk, attach, Firmware::Bios);
    }
}
