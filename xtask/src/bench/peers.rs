//! Debian's Linux with a static init, to measure beside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::cpio::Archive;

/// What the peer's init prints.
pub const MARKER: &str = "steward-peer-is-up";
/// What the shell prints that [`shell`] gives, before each line that it reads.
pub const PROMPT: &str = "/ # ";

/// Package of the static busybox.
const BUSYBOX: &str = "busybox-static";
/// Packages that depend on a current kernel, the smaller one first; the last is Ubuntu's.
const KERNELS: [&str; 3] = ["linux-image-cloud-amd64", "linux-image-amd64", "linux-image-virtual"];

/// The peer's files.
pub struct Linux {
    /// Its kernel.
    pub kernel: PathBuf,
    /// Its first root file system, with a static shell as init that prints [`MARKER`] and powers off.
    pub initrd: PathBuf,
    /// Package of the kernel, with its version.
    pub name: String,
}

/// Debian's Linux, from `directory` when it was fetched before, else from the archive that apt knows.
///
/// # Errors
/// When this is no Debian system or the packages cannot be fetched; the error says which.
pub fn linux(directory: &Path) -> Result<Linux> {
    let (kernel, initrd, name) = (directory.join("vmlinuz"), directory.join("initrd"), directory.join("name"));
    if !name.exists() {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        eprintln!("fetching Debian's Linux and busybox to compare with (once, about 30 MB)");
        let package = kernel_package()?;
        let unpacked = fetch(directory, &package)?;
        let image = find(&unpacked.join("boot"), "vmlinuz-")?;
        fs::copy(&image, &kernel).with_context(|| format!("cannot copy {}", image.display()))?;
        let busybox = fetch(directory, BUSYBOX)?.join("bin/busybox");
        let busybox = fs::read(&busybox).with_context(|| format!("cannot read {}", busybox.display()))?;
        fs::write(&initrd, root_file_system(&busybox))?;
        // Written last: it says that the others are whole.
        fs::write(&name, &package)?;
    }
    Ok(Linux { kernel, initrd, name: fs::read_to_string(name)? })
}

/// A first root file system for the same kernel, with a shell on the serial line as init; kept in `directory`.
///
/// # Errors
/// As for [`linux`].
pub fn shell(directory: &Path) -> Result<PathBuf> {
    linux(directory)?;
    let (unpacked, initrd) = (directory.join(BUSYBOX), directory.join("initrd-shell"));
    let busybox = unpacked.join("bin/busybox");
    let busybox = if busybox.exists() { busybox } else { fetch(directory, BUSYBOX)?.join("bin/busybox") };
    let busybox = fs::read(&busybox).with_context(|| format!("cannot read {}", busybox.display()))?;
    let archive = shell_file_system(&busybox);
    if fs::read(&initrd).ok().as_ref() != Some(&archive) {
        fs::write(&initrd, archive).with_context(|| format!("cannot write {}", initrd.display()))?;
    }
    Ok(initrd)
}

fn shell_file_system(busybox: &[u8]) -> Vec<u8> {
    let mut archive = Archive::default();
    for directory in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        archive.directory(directory);
    }
    archive.device("dev/console", 5, 1);
    archive.program("bin/busybox", busybox);
    archive.program("init", SHELL.as_bytes());
    archive.finish()
}

/// The shell's init. The shell has its terminal, and the kernel speaks between its lines only when it goes down.
const SHELL: &str = "\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo 1 >/proc/sys/kernel/printk
export HOME=/ PATH=/bin
exec setsid cttyhack sh
";

fn root_file_system(busybox: &[u8]) -> Vec<u8> {
    let mut archive = Archive::default();
    archive.directory("dev");
    archive.device("dev/console", 5, 1);
    archive.directory("bin");
    archive.program("bin/busybox", busybox);
    archive.program("init", format!("#!/bin/busybox sh\necho {MARKER}\n/bin/busybox poweroff -f\n").as_bytes());
    archive.finish()
}

/// The package that really holds the kernel: the metapackages only depend on it.
fn kernel_package() -> Result<String> {
    for metapackage in KERNELS {
        let text = output(Command::new("apt-cache").args(["depends", "--important", metapackage])).unwrap_or_default();
        if let Some(package) = dependency(&text) {
            return Ok(package);
        }
    }
    bail!("apt knows none of {}; on Debian, `apt-get update` as root makes it know them", KERNELS.join(", "))
}

/// The first kernel that `apt-cache depends` names.
fn dependency(text: &str) -> Option<String> {
    let dependencies = text.lines().filter_map(|line| line.trim().strip_prefix("Depends:"));
    dependencies.map(str::trim).find(|name| name.starts_with("linux-image-")).map(str::to_owned)
}

/// Downloads a package and unpacks it; gives where. The download itself is removed.
fn fetch(directory: &Path, package: &str) -> Result<PathBuf> {
    let place = directory.join(package);
    // What an interrupted run left would be mixed with the new files.
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    output(Command::new("apt-get").args(["download", package]).current_dir(&place))
        .with_context(|| format!("`apt-get download {package}` failed"))?;
    let archive = find(&place, package)?;
    output(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&place))?;
    fs::remove_file(archive)?;
    Ok(place)
}

/// The first file whose name starts so.
fn find(directory: &Path, start: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut files = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(start));
    files.next().map(|entry| entry.path()).with_context(|| format!("no {start}* in {}", directory.display()))
}

/// What a program prints. When it fails, its complaints are the error.
fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).env("LC_ALL", "C").output();
    let output = output.with_context(|| format!("cannot run {}", command.get_program().display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim().to_owned());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_the_dependency_of_its_metapackage() {
        let text = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-50-cloud-amd64\n";
        assert_eq!(dependency(text).unwrap(), "linux-image-6.1.0-50-cloud-amd64");
        let ubuntu = "linux-image-virtual\n  Depends: linux-image-6.8.0-31-generic\n";
        assert_eq!(dependency(ubuntu).unwrap(), "linux-image-6.8.0-31-generic");
        assert_eq!(dependency("linux-image-amd64\n"), None);
    }

    #[test]
    fn what_was_fetched_before_is_used_again() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("name"), "linux-image-1").unwrap();
        let linux = linux(directory.path()).unwrap();
        assert_eq!(linux.name, "linux-image-1");
        assert!(linux.kernel.ends_with("vmlinuz"));
    }

    #[test]
    fn a_failing_program_is_an_error_with_its_complaint() {
        let error = output(Command::new("sh").args(["-c", "echo no network >&2; exit 100"])).unwrap_err();
        assert!(error.to_string().contains("no network"), "{error}");
    }
}
