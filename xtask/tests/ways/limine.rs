//! The same by genuine Limine, where a directory with it is named.

use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use steward_harness::image::{Attach, Firmware};

use crate::built::image;
use crate::machine::{Machine, Parts};
use crate::memory;

/// The directory that is named, if one is; else a word on standard error, once.
pub fn directory() -> Option<PathBuf> {
    static TOLD: OnceLock<()> = OnceLock::new();
    let directory = env::var_os("STEWARD_LIMINE").filter(|directory| !directory.is_empty()).map(PathBuf::from);
    if directory.is_none() {
        // What a test prints in the usual way is shown only when it fails.
        TOLD.get_or_init(|| {
            let _ =
                writeln!(io::stderr(), "note: not booted by genuine Limine: STEWARD_LIMINE names no directory with it");
        });
    }
    directory
}

/// The image of this format with Limine, where there is one.
fn with_limine(format: &str) -> Option<PathBuf> {
    let directory = directory()?;
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
