//! Machines that firmware boots from a medium: forked, reset, kept and opened again like those that QEMU starts itself.
//!
//! OVMF must be installed, and gdb.

mod built;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use steward_boot_media::{Format, Loader, Recipe};
use steward_harness::{
    Emulator,
    accel::Chosen,
    filter::Filter,
    image::{Attach, Firmware, Image},
    listing::Listing,
    machine::{Accelerator, Configuration, Shape},
    process::Interrupts,
    session::{Limits, Origin},
    suite::{Policy, Report, Sink, Suite},
    verdict::Verdict,
};
use tempfile::TempDir;

fn kernel(name: &str) -> PathBuf {
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(built::build)[name].clone()
}

fn uefi_loader() -> PathBuf {
    let options = ["--release", "--package", "steward-boot-uefi", "--target", "x86_64-unknown-uefi"];
    built::executables(&options)["steward-boot-uefi"].clone()
}

/// What a run tells.
#[derive(Debug, Default)]
struct Told {
    origins: Vec<Origin>,
    verdicts: Vec<Verdict>,
    artifact: Option<String>,
    notes: Vec<String>,
}

impl Sink for Told {
    fn noted(&mut self, text: &str) -> io::Result<()> {
        self.notes.push(text.into());
        Ok(())
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.origins.extend(report.origin);
        self.verdicts.push(report.judgement.verdict);
        self.artifact.clone_from(&report.artifact);
        Ok(())
    }
}

/// A medium with this kernel and our loader on it.
fn medium(elf: &Path, directory: &Path) -> PathBuf {
    let (efi, elf) = (fs::read(uefi_loader()).unwrap(), fs::read(elf).unwrap());
    let recipe = Recipe {
        loader: Loader::Steward { efi: &efi },
        kernel: &elf,
        command_line: &Configuration::serving(Shape::default(), Accelerator::Tcg, 1).command_line,
        modules: &[],
        keep_log: None,
        timeout: 0,
    };
    let path = directory.join("medium.iso");
    steward_boot_media::write(&recipe, Format::Iso, &path).unwrap();
    path
}

/// Runs one test of a fixture so often, by UEFI from a medium that is plugged in so.
fn run(fixture: &str, test: &str, attach: Attach, repeat: u32, directory: &Path) -> Told {
    let elf = kernel(fixture);
    let firmware = Firmware::uefi().unwrap_or_else(|error| panic!("{error}"));
    let listing = Listing::read(&elf).unwrap();
    let suite = Suite {
        emulator: &Emulator::find().unwrap_or_else(|error| panic!("these tests need QEMU: {error}")),
        image: &Image::on_medium(&elf, &medium(&elf, directory), attach, firmware),
        count: listing.count(),
        shape: Shape::default(),
        chosen: &Chosen { slowness: 3.0, ..Chosen::unchecked(Accelerator::Tcg) },
        jobs: 1,
        limits: Limits::default(),
        command_line: String::new(),
        policy: Policy { repeat, artifacts: Some(directory.join("failures")), ..Policy::default() },
        cache: directory.into(),
    };
    let filter = Filter { patterns: vec![test.into()], ..Filter::default() };
    let mut told = Told::default();
    suite.run(&filter.select(&listing), &mut told, &Interrupts::none().unwrap()).unwrap();
    told
}

#[test]
fn a_machine_with_a_disc_is_cloned_and_reset() {
    let directory = TempDir::new().unwrap();
    let told = run("pass", "returns_ok", Attach::Cd, 5, directory.path());
    assert_eq!((told.verdicts, told.notes), (vec![Verdict::Pass; 5], vec![]));
    let [first, later @ ..] = &told.origins[..] else { panic!("nothing was run") };
    assert_eq!((first, later), (&Origin::Clone, &[Origin::Reset; 4][..]));
}

#[test]
fn a_machine_with_a_stick_of_its_own_is_cloned_for_every_test() {
    let directory = TempDir::new().unwrap();
    let told = run("pass", "returns_ok", Attach::Usb, 3, directory.path());
    assert_eq!((told.verdicts, told.notes), (vec![Verdict::Pass; 3], vec![]));
    assert_eq!(told.origins, [Origin::Clone; 3]);
}

#[test]
fn a_machine_whose_disk_cannot_be_saved_is_booted_and_the_reason_told() {
    let directory = TempDir::new().unwrap();
    let told = run("pass", "returns_ok", Attach::Nvme, 1, directory.path());
    assert_eq!((told.verdicts, told.origins), (vec![Verdict::Pass], vec![Origin::Boot]));
    assert!(told.notes[0].contains("cannot be forked") && told.notes[0].contains("nvme"), "{:?}", told.notes);
}

#[test]
fn a_machine_that_failed_is_opened_again_without_what_it_booted_from() {
    let (directory, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let told = run("panic", "panics_deep_in_calls", Attach::Cd, 1, directory.path());
    assert_eq!(told.verdicts, [Verdict::Panic], "{told:?}");
    let id = told.artifact.unwrap_or_else(|| panic!("nothing was kept: {:?}", told.notes));
    // Another file system may do: a copy is as good.
    let moved = elsewhere.path().join(&id);
    fs::create_dir(&moved).unwrap();
    for file in fs::read_dir(directory.path().join("failures").join(&id)).unwrap().flatten() {
        fs::copy(file.path(), moved.join(file.file_name())).unwrap();
    }
    drop(directory);
    let mut command = Command::new(env!("CARGO_BIN_EXE_steward-harness"));
    command.arg(kernel("panic")).arg("--replay").arg(moved).stdin(Stdio::null());
    let output = command.current_dir(built::workspace()).output().expect("the harness can be executed");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("panic::inner") && text.contains("panic.rs:23"), "{text}");
}
