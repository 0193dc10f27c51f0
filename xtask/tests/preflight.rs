//! Preflight from the outside: this program on a machine without QEMU, whose package manager is a script that writes
//! down what it is asked to do.
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

const QEMU: &str = "qemu-system-x86_64";

/// What `apt-get install` does on the machine.
enum Install {
    /// It brings a QEMU of this version.
    Brings(&'static str),
    Fails,
}

struct Machine {
    directory: tempfile::TempDir,
    /// A program that was just written cannot be started while another thread, about to start one of its own, still
    /// holds it open: tests take turns.
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

struct Outcome {
    success: bool,
    errors: String,
    /// Calls of the package manager, one a line.
    calls: String,
}

impl Machine {
    fn new(install: &Install) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let machine = Self { directory: tempfile::tempdir().unwrap(), _turn: turn };
        let log = machine.path("calls").display().to_string();
        let qemu = machine.path(QEMU).display().to_string();
        let effect = match install {
            Install::Brings(version) => {
                format!("printf '#!/bin/sh\\necho QEMU emulator version {version}\\n' > {qemu}; /bin/chmod +x {qemu}")
            }
            Install::Fails => "echo 'E: Unable to fetch some archives'; exit 100".to_owned(),
        };
        machine.script("apt-get", &format!("echo \"$*\" >> {log}\nif [ \"$1\" = install ]; then {effect}; fi\n"));
        machine.script("apt-cache", "echo '  Candidate: 1:7.2'\n");
        machine.script("sudo", "if [ \"$1\" = -n ]; then shift; fi\nexec \"$@\"\n");
        symlink("/usr/bin/env", machine.path("env")).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn script(&self, name: &str, body: &str) {
        fs::write(self.path(name), format!("#!/bin/sh\n{body}")).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs `cargo xtask run`, which cannot come further than the preflight: the machine has no cargo.
    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
        let cargo = std::env::var("CARGO").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("run").args(arguments).stdin(Stdio::null()).current_dir(self.directory.path());
        command.env_clear().env("PATH", self.directory.path());
        command.env("RUSTC", Path::new(&cargo).with_file_name("rustc")).envs(environment.iter().copied());
        let output = command.output().unwrap();
        Outcome {
            success: output.status.success(),
            errors: String::from_utf8(output.stderr).unwrap(),
            calls: fs::read_to_string(self.path("calls")).unwrap_or_default(),
        }
    }
}

#[test]
fn what_is_missing_is_installed_when_ci_is_set_and_the_command_goes_on() {
    let outcome = Machine::new(&Install::Brings("7.2.0")).run(&[], &[("CI", "true")]);
    let install = "install -y --no-install-recommends -o DPkg::Lock::Timeout=120 qemu-system-x86 ovmf";
    assert!(outcome.calls.lines().any(|call| call == install), "{}", outcome.calls);
    assert!(outcome.errors.contains("installing qemu-system-x86 and ovmf"), "{}", outcome.errors);
    assert!(!outcome.success && outcome.errors.contains("cargo metadata"), "{}", outcome.errors);
}

#[test]
fn yes_installs_as_ci_does() {
    let outcome = Machine::new(&Install::Brings("9.1.0")).run(&["--yes"], &[]);
    assert!(outcome.calls.contains("install -y"), "{}", outcome.errors);
}

#[test]
fn a_prohibition_is_obeyed_and_the_exact_command_printed() {
    let environment = [("CI", "true"), ("STEWARD_NO_INSTALL", "1")];
    let outcome = Machine::new(&Install::Brings("7.2.0")).run(&["--yes"], &environment);
    assert_eq!(outcome.calls, "");
    assert!(!outcome.success);
    assert!(outcome.errors.contains("STEWARD_NO_INSTALL"), "{}", outcome.errors);
    assert!(outcome.errors.contains("apt-get install -y --no-install-recommends"), "{}", outcome.errors);
}

#[test]
fn a_failing_installation_is_reported_with_its_last_words() {
    let outcome = Machine::new(&Install::Fails).run(&[], &[("CI", "true")]);
    assert!(!outcome.success);
    let report = outcome.errors.split_once("error:").map(|(_, report)| report).unwrap_or_default();
    assert!(report.contains("could not install qemu-system-x86 and ovmf"), "{}", outcome.errors);
    assert!(report.contains("E: Unable to fetch some archives"), "{}", outcome.errors);
}

#[test]
fn an_installation_that_brings_an_old_qemu_is_not_enough() {
    let outcome = Machine::new(&Install::Brings("6.2.0")).run(&[], &[("CI", "true")]);
    assert!(!outcome.success);
    assert!(outcome.errors.contains("still not usable") && outcome.errors.contains("6.2.0"), "{}", outcome.errors);
}

#[test]
fn a_qemu_that_the_user_names_is_never_replaced() {
    let environment = [("CI", "true"), ("STEWARD_QEMU", "/no/such/qemu")];
    let outcome = Machine::new(&Install::Brings("7.2.0")).run(&[], &environment);
    assert_eq!(outcome.calls, "");
    assert!(!outcome.success && outcome.errors.contains("STEWARD_QEMU"), "{}", outcome.errors);
}

#[test]
fn a_firmware_that_the_user_names_is_never_replaced() {
    let environment = [("CI", "true"), ("STEWARD_OVMF", "/no/such/firmware")];
    let outcome = Machine::new(&Install::Brings("7.2.0")).run(&["--firmware", "uefi"], &environment);
    assert_eq!(outcome.calls, "");
    assert!(!outcome.success && outcome.errors.contains("STEWARD_OVMF"), "{}", outcome.errors);
    assert!(outcome.errors.contains("/no/such/firmware"), "{}", outcome.errors);
}
