//! Compiles C for build scripts as kernels compile it: freestanding, and without registers that only user programs have.
#![forbid(unsafe_code)]

use std::{env, ffi::OsString};

/// What all C is compiled with.
const ALWAYS: [&str; 8] =
    ["-std=c11", "-O2", "-g1", "-ffreestanding", "-fno-stack-protector", "-fno-omit-frame-pointer", "-Wall", "-Wextra"];
/// What is compiled with besides that goes into a kernel: it is linked at a fixed address in the highest 2 GiB, takes
/// interrupts on the stack that is in use, saves no vector registers, and has no use for tables to unwind by.
const KERNEL: [&str; 8] = [
    "-mcmodel=kernel",
    "-fno-pic",
    "-fno-pie",
    "-mno-red-zone",
    "-mgeneral-regs-only",
    "-fno-asynchronous-unwind-tables",
    "-ffunction-sections",
    "-fcf-protection=none",
];

/// Where the ledger's header for C is, which any C code here may include.
const LEDGER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../kernel/c/include");

/// Compiles sources into a library of that name, and has it linked into the crate whose build script this is. Paths are
/// relative to the crate; includes are looked for in `include`, beside the sources, and where `steward/borrow.h` is.
///
/// # Panics
/// When something does not compile, or there is no compiler; the message says how to get one.
pub fn compile(name: &str, sources: &[&str]) {
    println!("cargo::rerun-if-env-changed=CC");
    println!("cargo::rerun-if-changed={LEDGER}");
    let mut build = cc::Build::new();
    build.include("include").include(LEDGER).no_default_flags(true).warnings_into_errors(true);
    // The computer's own compiler makes code for bare metal too; there need be none that is named after the target.
    let named = env::var_os("CC").filter(|name| !name.is_empty());
    let compiler = named.unwrap_or_else(|| OsString::from("cc"));
    build.compiler(&compiler);
    let is_kernel = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "none");
    for flag in ALWAYS.iter().chain(if is_kernel { &KERNEL[..] } else { &["-fPIC"] }) {
        build.flag(flag);
    }
    build.files(sources);
    if let Err(error) = build.try_compile(name) {
        panic!(
            "{error}\n\nThis is compiled from C, by {}. If there is no C compiler, install one: Debian's package is gcc.",
            compiler.display()
        );
    }
}
