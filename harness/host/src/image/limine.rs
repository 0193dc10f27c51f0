//! Media with genuine Limine, made of a kernel.

use std::{
    fs,
    hash::{DefaultHasher, Hasher},
    path::{Path, PathBuf},
};

use steward_boot_media::{File, Format, Loader, Recipe, limine::Release, write};

use super::{
    Attach, Firmware, Image, cache,
    foreign::{Options, Way},
    strip,
};
use crate::{Error, machine::Memory};

/// The least memory with which Limine starts a kernel, by UEFI or by BIOS, found by trying. With less it stops: by UEFI with a word that it is
/// out of memory, by BIOS without one.
#[must_use]
pub fn least_memory(uefi: bool) -> Option<Memory> {
    // With 112 MiB, Limine 8.2.0 under OVMF stops: "High memory allocator: Out of memory". By BIOS, no prompt comes with 4 MiB, and
    // with 6 it does.
    Memory::from_mib(if uefi { 120 } else { 6 })
}

/// How the names of such files end.
#[must_use]
pub const fn extension(format: Format) -> &'static str {
    match format {
        Format::Iso => "iso",
        Format::Disk => "img",
    }
}

/// Writes a medium into the directory under a name made of its content, so that no other run replaces it; gives its path.
/// Those that nobody has asked for since yesterday are removed.
///
/// # Errors
/// [`Error::Request`] when the medium cannot be made of this recipe, [`Error::Io`] when it cannot be written.
pub fn store(recipe: &Recipe<'_>, format: Format, directory: &Path) -> Result<PathBuf, Error> {
    let failed = || Error::io(format!("writing a medium into {}", directory.display()));
    fs::create_dir_all(directory).map_err(failed())?;
    let made = tempfile::Builder::new().prefix(".new-").tempdir_in(directory).map_err(failed())?;
    let new = made.path().join("medium");
    write(recipe, format, &new).map_err(|error| Error::Request(error.to_string()))?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&fs::read(&new).map_err(failed())?);
    let path = directory.join(format!("{:016x}.{}", hasher.finish(), extension(format)));
    fs::rename(&new, &path).map_err(failed())?;
    cache::prune(directory);
    Ok(path)
}

/// A medium with this kernel, its module and the release of Limine in this directory.
pub(super) fn medium(options: &Options<'_>, directory: &Path) -> Result<Image, Error> {
    let read = |path: &Path| fs::read(path).map_err(Error::io(format!("reading {}", path.display())));
    let wrong = |why| Error::Kernel { path: options.kernel.into(), why };
    let kernel = strip(&read(options.kernel)?).map_err(wrong)?;
    let release = Release::open(directory).map_err(|error| Error::Request(error.to_string()))?;
    let module = match options.initrd {
        None => None,
        Some(path) => Some(File::new(path.file_name().unwrap_or_default().to_string_lossy(), read(path)?)),
    };
    let recipe = Recipe {
        loader: Loader::Limine(&release),
        kernel: &kernel,
        command_line: options.append,
        modules: module.as_slice(),
        keep_log: None,
        timeout: 0,
    };
    let (format, attach) =
        if options.boot == Way::Iso { (Format::Iso, Attach::Cd) } else { (Format::Disk, Attach::Disk) };
    let file = store(&recipe, format, &options.cache.join("media"))?;
    let firmware = options.firmware.cloned().unwrap_or(Firmware::Bios);
    let needs = least_memory(firmware != Firmware::Bios);
    let image = Image::of_medium(options.kernel, &file, attach, firmware);
    Ok(match needs {
        Some(memory) => image.needing(memory),
        None => image,
    })
}
