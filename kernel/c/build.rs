//! Compiles the C programs of the tests, for the kernel's and for this crate's own.
#![forbid(unsafe_code)]

fn main() {
    println!("cargo::rerun-if-changed=include");
    println!("cargo::rerun-if-changed=tests/programs");
    // On a computer there is this crate only for its tests.
    let is_kernel = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "none");
    if is_kernel && std::env::var_os("CARGO_FEATURE_PROGRAMS").is_none() {
        return;
    }
    steward_compile_c::compile(
        "steward_c_programs",
        &[
            "tests/programs/plan9.c",
            "tests/programs/codes.c",
            "tests/programs/garbage.c",
            "tests/programs/border.c",
            "tests/programs/second.c",
        ],
    );
}
