//! Whatever file a kernel comes as: machines that boot it.

mod built;
mod kernels;

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use built::executables;
use kernels::{boot_sector, multiboot, pvh};
use steward_boot_media::{Format, Loader, Recipe};
use steward_harness::{
    Emulator,
    image::{Firmware, Image, Options, Way, foreign},
    machine::{Accelerator, Configuration, Kind, Shape},
    process::Interrupts,
    vm::{Event, Vm, Wait},
};
use tempfile::TempDir;

/// A folder with a kernel's file in it.
struct Place {
    directory: TempDir,
    interrupts: Interrupts,
}

impl Place {
    fn new() -> Self {
        Self { directory: TempDir::new().unwrap(), interrupts: Interrupts::none().unwrap() }
    }

    fn put(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// What is asked when nothing but the file is named.
    fn options<'a>(&'a self, kernel: &'a Path) -> Options<'a> {
        Options {
            kernel,
            initrd: None,
            append: "",
            boot: Way::Auto,
            firmware: None,
            limine: None,
            command: None,
            directory: self.directory.path(),
            cache: self.directory.path(),
            interrupts: &self.interrupts,
        }
    }
}

/// Stands in what a machine said for something on COM2.
const RECORDS: &str = "[records]";

/// Boots this image until it ends or has said this; gives what it said, and the status that QEMU ended with.
fn run(image: &Image, kind: Kind, append: &str, until: &str) -> (String, Option<i32>) {
    let emulator = Emulator::find().unwrap_or_else(|error| panic!("these tests need QEMU: {error}"));
    let serving = Configuration::serving(Shape { kind, ..Shape::default() }, Accelerator::Tcg, 1);
    let configuration = Configuration { command_line: append.into(), ..serving };
    let interrupts = Interrupts::none().unwrap();
    let mut vm = Vm::start(&emulator, &configuration, image, &interrupts).unwrap();
    let (deadline, mut said) = (Instant::now() + Duration::from_secs(300), Vec::new());
    loop {
        let text = || String::from_utf8_lossy(&said).into_owned();
        match vm.wait(deadline) {
            Wait::Event(Event::Com1(bytes)) => said.extend(bytes),
            Wait::Event(Event::Com2(_)) => said.extend(RECORDS.as_bytes()),
            Wait::Event(_) => {}
            Wait::Ended(status) => return (text(), status.code()),
            other => panic!("{other:?} on {kind}, having said {:?}; QEMU: {:?}", text(), vm.emulator_messages()),
        }
        let text = String::from_utf8_lossy(&said);
        if !until.is_empty() && text.contains(until) {
            return (text.into_owned(), None);
        }
    }
}

const PCS: [Kind; 2] = [Kind::Q35, Kind::Pc];

#[test]
fn an_elf_file_with_a_pvh_note_is_started_by_qemu() {
    let place = Place::new();
    for wide in [false, true] {
        let kernel = place.put("kernel", &pvh(wide));
        let image = foreign(&place.options(&kernel)).unwrap();
        for kind in Kind::ALL {
            assert_eq!(run(&image, kind, "", ""), ("up\n".into(), Some(33)), "{kind}, wide: {wide}");
        }
    }
}

#[test]
fn a_multiboot_kernel_is_started_by_qemu_with_its_command_line_and_module() {
    let place = Place::new();
    let (kernel, module) = (place.put("kernel", &multiboot()), place.put("module", b"from the module"));
    let image = foreign(&Options { initrd: Some(&module), ..place.options(&kernel) }).unwrap();
    let (said, status) = run(&image, Kind::Pc, "a=b", "");
    assert!(said.contains("a=b\n") && said.contains("from the module\n"), "{said}");
    assert_eq!(status, Some(33));
}

#[test]
fn a_boot_sector_of_512_bytes_is_a_disk_that_every_pc_boots() {
    let place = Place::new();
    let disk = place.put("disk.img", &boot_sector());
    let image = foreign(&place.options(&disk)).unwrap();
    for kind in PCS {
        assert_eq!(run(&image, kind, "", ""), ("up\n".into(), Some(33)), "{kind}");
    }
    assert_eq!(fs::read(&disk).unwrap(), boot_sector(), "the file was written to");
}

#[test]
fn the_display_that_boot_loaders_take_for_granted_is_there_with_a_medium() {
    let place = Place::new();
    let emulator = Emulator::find().unwrap();
    let configuration = Configuration::serving(Shape::default(), Accelerator::Tcg, 1);
    for (content, has_display) in [(boot_sector(), true), (pvh(true), false)] {
        let kernel = place.put("kernel", &content);
        let image = foreign(&place.options(&kernel)).unwrap();
        let mut vm = Vm::launch(&emulator, &configuration, &image, &place.interrupts, Vec::new()).unwrap();
        assert_eq!(vm.screendump().is_ok(), has_display);
    }
}

#[test]
fn an_iso_is_booted_by_the_firmware_that_is_asked_for() {
    let place = Place::new();
    let options = ["--release", "--package", "steward-boot-uefi", "--target", "x86_64-unknown-uefi"];
    let efi = fs::read(&executables(&options)["steward-boot-uefi"]).unwrap();
    let loader = Loader::Steward { efi: &efi };
    let recipe = Recipe { loader, kernel: b"no kernel", command_line: "", modules: &[], keep_log: None, timeout: 0 };
    let iso = place.directory.path().join("kernel.iso");
    steward_boot_media::write(&recipe, Format::Iso, &iso).unwrap();
    let uefi = Firmware::uefi().unwrap_or_else(|error| panic!("{error}"));
    let image = foreign(&Options { firmware: Some(&uefi), ..place.options(&iso) }).unwrap();
    run(&image, Kind::Q35, "", "too short for an ELF file");
    // It is one for sticks, too.
    assert!(foreign(&Options { firmware: Some(&uefi), boot: Way::Disk, ..place.options(&iso) }).is_ok());
}

#[test]
fn a_project_makes_its_medium_by_a_command_of_its_own() {
    let place = Place::new();
    let (sector, kernel) = (place.put("sector", &boot_sector()), place.put("kernel", &pvh(true)));
    let command = ["cp", sector.to_str().unwrap(), "{image}"].map(String::from);
    let options = Options { command: Some(&command), ..place.options(&kernel) };
    let image = foreign(&options).unwrap();
    assert_eq!(run(&image, Kind::Q35, "", ""), ("up\n".into(), Some(33)));
    assert_eq!(image.elf, kernel);
    let direct = foreign(&Options { boot: Way::Direct, ..options }).unwrap();
    assert_eq!(direct, Image::bare(&kernel));
}

#[test]
fn a_medium_is_made_with_genuine_limine_where_a_directory_with_it_is_named() {
    let Some(limine) = env::var_os("STEWARD_LIMINE").filter(|directory| !directory.is_empty()) else { return };
    let (place, fixtures) = (Place::new(), built::build());
    let module = place.put("module", b"a module");
    for boot in [Way::Iso, Way::Disk] {
        let options = Options {
            boot,
            limine: Some(Path::new(&limine)),
            append: "serve=com2",
            initrd: Some(&module),
            ..place.options(&fixtures["pass"])
        };
        let image = foreign(&options).unwrap();
        assert_eq!(foreign(&options).unwrap(), image, "the same is made twice");
        run(&image, Kind::Q35, "", RECORDS);
    }
}
