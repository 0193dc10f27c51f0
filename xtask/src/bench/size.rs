//! P16: size of the kernel image.

use std::fs;

use anyhow::{Context as _, Result, bail};
use steward_harness::image::{Boot, Image};

use super::Context;
use super::row::{Row, Subject};
use crate::images::{self, Build};

/// The target: 1 MiB.
const LIMIT: f64 = 1_048_576.0;

/// Builds the kernel for release without its tests, and measures what `run` would boot.
///
/// # Errors
/// When the kernel does not build.
pub fn run(context: &Context) -> Result<Vec<Row>> {
    let image = images::image(
        &context.workspace,
        Build { release: true, tests: false, ..Build::default() },
        &context.interrupts,
    )?;
    Ok(vec![row(u32::try_from(kernel(&image)?.len())?)])
}

/// The kernel as a machine gets it, from the image's archive.
fn kernel(image: &Image) -> Result<Vec<u8>> {
    let Boot::Direct { initrd: Some(archive), .. } = &image.boot else { bail!("the image has no archive") };
    let content = fs::read(archive).with_context(|| format!("cannot read {}", archive.display()))?;
    let kernel = kernel_in(&content).with_context(|| format!("{} holds no kernel", archive.display()))?;
    Ok(kernel.to_owned())
}

fn row(bytes: u32) -> Row {
    let subject = Subject {
        id: "P16",
        what: "kernel image, release, stripped".to_owned(),
        unit: "bytes",
        peer: "limit of 1 MiB".to_owned(),
        target: "ratio ≤ 1".to_owned(),
        most: 1.0,
    };
    subject.row(f64::from(bytes), Some(LIMIT))
}

/// The archive's first entry, which is the kernel (POSIX ustar: name at 0, size in octal at 124, content at 512).
fn kernel_in(archive: &[u8]) -> Option<&[u8]> {
    let header = archive.get(..512)?;
    let size = std::str::from_utf8(&header[124..136]).ok()?.trim_matches(['\0', ' ']);
    let size = usize::from_str_radix(size, 8).ok().filter(|_| header.starts_with(b"kernel\0"))?;
    archive.get(512..)?.get(..size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_the_first_entry_of_the_archive() {
        let mut archive = vec![0; 512];
        archive[..6].copy_from_slice(b"kernel");
        archive[124..135].copy_from_slice(b"00000000005");
        archive.extend(b"\x7fELF!padding");
        assert_eq!(kernel_in(&archive), Some(&b"\x7fELF!"[..]));
        assert_eq!(kernel_in(&archive[..514]), None);
        archive[..6].copy_from_slice(b"module");
        assert_eq!(kernel_in(&archive), None);
        assert_eq!(kernel_in(b"short"), None);
    }

    #[test]
    fn one_mebibyte_is_the_most() {
        assert!(row(1 << 20).met);
        assert!(!row((1 << 20) + 1).met);
    }
}
