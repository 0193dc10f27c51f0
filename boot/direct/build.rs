//! Links the package's binaries at 1 MiB.

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../images/direct.ld");
    println!("cargo::rerun-if-changed={script}");
    println!("cargo::rustc-link-arg-bins=-T{script}");
}
