//! P16: size of the kernel image.

use std::fs;

use anyhow::{Context as _, Result};

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
    let image = images::image(&context.workspace, Build { release: true, tests: false }, &context.interrupts)?;
    let archive = image.initrd.context("the image has no archive")?;
    let bytes = kernel_size(&fs::read(&archive)?).with_context(|| format!("{} holds no kernel", archive.display()))?;
    Ok(vec![row(bytes)])
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

/// Size of the archive's first entry, which is the kernel (POSIX ustar: name at 0, size in octal at 124).
fn kernel_size(archive: &[u8]) -> Option<u32> {
    let header = archive.get(..512)?;
    let size = std::str::from_utf8(&header[124..136]).ok()?.trim_matches(['\0', ' ']);
    header.starts_with(b"kernel\0").then(|| u32::from_str_radix(size, 8).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_that_of_the_kernel_in_the_archive() {
        let mut archive = vec![0; 1024];
        archive[..6].copy_from_slice(b"kernel");
        archive[124..135].copy_from_slice(b"00000001750");
        assert_eq!(kernel_size(&archive), Some(1000));
        archive[..6].copy_from_slice(b"module");
        assert_eq!(kernel_size(&archive), None);
        assert_eq!(kernel_size(b"short"), None);
    }

    #[test]
    fn one_mebibyte_is_the_most() {
        assert!(row(1 << 20).met);
        assert!(!row((1 << 20) + 1).met);
    }
}
