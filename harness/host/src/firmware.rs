//! Where OVMF is, the UEFI firmware for QEMU's machines.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{Error, image::Firmware};

/// Where distributions put it. The first that exists is taken.
const PLACES: [&str; 9] = [
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/share/OVMF/OVMF_CODE.fd",
    "/usr/share/ovmf/OVMF.fd",
    "/usr/share/edk2/ovmf/OVMF_CODE.fd",
    "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
    "/usr/share/edk2-ovmf/x64/OVMF_CODE.fd",
    "/usr/share/qemu/ovmf-x86_64-code.bin",
    "/usr/share/OVMF/OVMF.fd",
    "/usr/share/qemu/edk2-x86_64-code.fd",
];

/// OVMF's code image: the file that `STEWARD_OVMF` names, else the first in the places where distributions put it.
/// `None` when there is none, or the named one is no file.
#[must_use]
pub fn uefi() -> Option<PathBuf> {
    match env::var_os("STEWARD_OVMF").map(PathBuf::from) {
        Some(named) => Some(named).filter(|file| file.is_file()),
        None => PLACES.iter().map(Path::new).find(|place| place.is_file()).map(PathBuf::from),
    }
}

impl Firmware {
    /// OVMF, from where [`uefi`] finds it.
    ///
    /// # Errors
    /// [`Error::Request`] when it is not there; the text says how to get it.
    pub fn uefi() -> Result<Self, Error> {
        let code = uefi().ok_or_else(|| {
            let missing = env::var_os("STEWARD_OVMF").map_or_else(
                || String::from("OVMF, the UEFI firmware for QEMU, was not found"),
                |named| format!("STEWARD_OVMF names {}, which is no file", Path::new(&named).display()),
            );
            Error::Request(format!(
                "{missing}. Install it (Debian and Ubuntu: apt-get install ovmf), or name its code image in STEWARD_OVMF"
            ))
        })?;
        Ok(Self::Uefi { code })
    }
}
