//! Stand-ins for QEMU: shell scripts that hold the other ends of a machine's lines.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    Emulator,
    image::Image,
    machine::{Accelerator, Configuration, Shape},
};

/// A script that runs in place of QEMU: COM1 is descriptor 3, COM2 4, and QEMU's protocol 5. `ask` reads one command
/// from the harness.
pub struct Fake {
    _directory: TempDir,
    pub emulator: Emulator,
    pub image: Image,
    pub configuration: Configuration,
}

impl Fake {
    pub fn new(body: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("qemu");
        let script = format!(
            "#!/bin/sh\n\
             [ \"$1\" = --version ] && {{ echo 'QEMU emulator version 7.2.0'; exit; }}\n\
             ask() {{ read -r command <&5; }}\n\
             say() {{ printf '%s\\r\\n' \"$1\" >&5; }}\n\
             {body}\n"
        );
        write(&program, &script);
        let emulator = Emulator::at(&program).unwrap();
        let kernel = directory.path().join("no-kernel");
        std::fs::write(&kernel, "nobody reads it").unwrap();
        let image = Image::bare(&kernel);
        let configuration = Configuration::serving(Shape::default(), Accelerator::Tcg, 1);
        Self { _directory: directory, emulator, image, configuration }
    }
}

/// Writes a script that can be executed at once.
///
/// Another process does it: a program cannot be executed while anyone, such as a child that another test is just
/// starting, holds it open for writing.
pub fn write(program: &Path, script: &str) {
    let mut writer = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod +x \"$0\""])
        .arg(program)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}

/// A shell command that writes these bytes.
pub fn printf(bytes: &[u8]) -> String {
    let octal: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("printf '{octal}'")
}
