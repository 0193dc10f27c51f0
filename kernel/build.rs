//! Links the kernel by `images/kernel.ld`.
#![forbid(unsafe_code)]

fn main() {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../images/kernel.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    println!("cargo::rustc-link-arg-bins=-T{}", script.display());
}
