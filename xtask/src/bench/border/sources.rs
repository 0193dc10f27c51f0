//! What is counted in the sources: lines, functions at the border, and files that may have unsafe code.

use std::path::Path;

use anyhow::Result;

use super::{ID, Row, Subject};
use crate::check::sources;

/// Lists the files that may have unsafe code.
const UNSAFE_FILES: &str = "xtask/allow/unsafe-files.txt";
/// Where the kernel's sources are.
const KERNEL: [&str; 2] = ["kernel/", "drivers/"];

/// A driver's sources: what it does, and what is needed to reach it from Rust.
const LINES: [(&str, &[&str]); 3] = [
    ("driver in Rust", &["drivers/serial/src/uart.rs", "drivers/serial/src/registers.rs"]),
    ("driver in C", &["drivers/serial-c/c/uart16550.c", "drivers/serial-c/c/uart16550.h"]),
    ("border of the driver in C", &["drivers/serial-c/src/border.rs", "drivers/serial-c/src/uart.rs"]),
];
/// Where C's functions are declared for Rust, by hand, and Rust's for C.
const BORDER: &str = "drivers/serial-c/src/border.rs";

/// Counts.
///
/// # Errors
/// When a source is missing, or is no Rust.
pub fn rows(root: &Path) -> Result<Vec<Row>> {
    let alone = |what: String, unit, count: usize| -> Result<Row> {
        Ok(Subject::for_scale(ID, what, unit, String::new()).row(f64::from(u32::try_from(count)?), None))
    };
    let mut rows = vec![unsafe_files(root)?];
    for (what, files) in LINES {
        let texts = files.iter().map(|file| sources::read(root, file)).collect::<Result<Vec<_>>>()?;
        rows.push(alone(format!("lines, {what}"), "lines", texts.iter().map(|text| lines(text)).sum())?);
    }
    let both = functions(&sources::read(root, BORDER)?)?;
    rows.push(alone("functions agreed on by hand, driver in C".to_owned(), "functions", both)?);
    Ok(rows)
}

/// Files of the kernel that may have unsafe code, beside all of them.
fn unsafe_files(root: &Path) -> Result<Row> {
    let is_kernel = |path: &str| KERNEL.iter().any(|place| path.starts_with(place));
    let listed = sources::read(root, UNSAFE_FILES)?.lines().filter(|line| is_kernel(line)).count();
    let all = sources::all(root)?.iter().filter(|source| is_kernel(&source.path)).count();
    let what = "Rust files of kernel/ and drivers/ that may have unsafe code".to_owned();
    let subject = Subject::for_scale(ID, what, "files", "all of them".to_owned());
    Ok(subject.row(f64::from(u32::try_from(listed)?), Some(f64::from(u32::try_from(all)?))))
}

/// Lines that are neither empty nor comments alone. Tests in the same file count; there are none in these.
fn lines(text: &str) -> usize {
    let is_code = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !["//", "/*", "*"].iter().any(|mark| line.starts_with(mark))
    };
    text.lines().filter(is_code).count()
}

/// Functions with C's way of calling in a file: those that it declares, and those that it defines.
fn functions(text: &str) -> Result<usize> {
    let of_item = |item: &syn::Item| match item {
        syn::Item::ForeignMod(foreign) => {
            foreign.items.iter().filter(|item| matches!(item, syn::ForeignItem::Fn(_))).count()
        }
        syn::Item::Fn(function) => usize::from(function.sig.abi.is_some()),
        _ => 0,
    };
    Ok(syn::parse_file(text)?.items.iter().map(of_item).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_empty_lines_are_no_lines() {
        assert_eq!(lines("/* one\n * two */\n\nint x; /* three */\n\t// four\n#endif\n"), 2);
    }

    #[test]
    fn functions_of_c_and_for_c_are_counted_and_no_others() {
        let text = "unsafe extern \"C\" { fn a(); fn b(x: u8); static C: u8; } extern \"C\" fn d() {} fn e() {}";
        assert_eq!(functions(text).unwrap(), 3);
    }
}
