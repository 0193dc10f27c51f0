//! Compiles the C programs of the tests, for the kernel's and for this crate's own.
#![forbid(unsafe_code)]

fn main() {
    println!("cargo::rerun-if-changed=include");
    println!("cargo::rerun-if-changed=tests/programs");
    #[cfg(feature = "programs")]
    steward_compile_c::compile(
        "steward_c_programs",
        &["tests/programs/plan9.c", "tests/programs/codes.c", "tests/programs/garbage.c", "tests/programs/border.c"],
    );
}
