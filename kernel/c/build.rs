//! Compiles the C programs of the tests, as kernels compile their C: freestanding, and without registers that only user
//! programs have.
#![forbid(unsafe_code)]

fn main() {
    println!("cargo::rerun-if-changed=include");
    println!("cargo::rerun-if-changed=tests/programs");
    println!("cargo::rerun-if-env-changed=CC");
    #[cfg(feature = "programs")]
    programs::compile();
}

#[cfg(feature = "programs")]
mod programs {
    use std::{env, fs, path::PathBuf};

    /// What every program is compiled with.
    const ALWAYS: [&str; 6] =
        ["-std=c11", "-ffreestanding", "-fno-stack-protector", "-fno-omit-frame-pointer", "-Wall", "-Wextra"];
    /// What those in the kernel are compiled with besides: it is linked at a fixed address in the highest 2 GiB, takes
    /// interrupts on the stack that is in use, saves no vector registers, and has no use for tables to unwind by.
    const KERNEL: [&str; 7] = [
        "-mcmodel=kernel",
        "-fno-pic",
        "-fno-pie",
        "-mno-red-zone",
        "-mgeneral-regs-only",
        "-fno-asynchronous-unwind-tables",
        "-fcf-protection=none",
    ];

    pub fn compile() {
        let mut build = cc::Build::new();
        build.include("include").no_default_flags(true).opt_level(2).warnings_into_errors(true);
        // The computer's own compiler makes code for bare metal too; there need be none that is named after the target.
        build.compiler(env::var_os("CC").filter(|name| !name.is_empty()).unwrap_or_else(|| "cc".into()));
        for flag in ALWAYS {
            build.flag(flag);
        }
        let is_kernel = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "none");
        if is_kernel {
            for flag in KERNEL {
                build.flag(flag);
            }
        } else {
            build.flag("-fPIC");
        }
        build.flag("-O2").flag("-g1");
        let entries = fs::read_dir("tests/programs").expect("the programs are beside this script");
        let mut sources: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        sources.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
        sources.sort();
        build.files(&sources);
        if let Err(error) = build.try_compile("steward_c_programs") {
            panic!("{error}\n\nThe kernel's tests contain C programs. Is there a C compiler? Debian's package is gcc.");
        }
    }
}
