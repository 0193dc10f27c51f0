//! Compiles the driver: for registers that the caller reaches, and on bare metal for I/O ports too.
#![forbid(unsafe_code)]

fn main() {
    println!("cargo::rerun-if-changed=c");
    let is_bare = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "none");
    let sources: &[&str] = if is_bare { &["c/uart16550.c", "c/uart16550_ports.c"] } else { &["c/uart16550.c"] };
    steward_compile_c::compile("steward_uart16550", sources);
}
