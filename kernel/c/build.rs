//! Compiles the C programs of the tests, all there are in tests/programs, for the kernel's and for this crate's own.
#![forbid(unsafe_code)]

use std::fs;

fn main() {
    println!("cargo::rerun-if-changed=include");
    println!("cargo::rerun-if-changed=tests/programs");
    // On a computer there is this crate only for its tests.
    let is_kernel = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "none");
    if is_kernel && std::env::var_os("CARGO_FEATURE_PROGRAMS").is_none() {
        return;
    }
    let files =
        fs::read_dir("tests/programs").expect("there are programs").map(|file| file.expect("it is listed").path());
    let mut sources: Vec<_> =
        files.map(|file| file.display().to_string()).filter(|file| file.ends_with(".c")).collect();
    sources.sort();
    steward_compile_c::compile("steward_c_programs", &sources.iter().map(String::as_str).collect::<Vec<_>>());
}
