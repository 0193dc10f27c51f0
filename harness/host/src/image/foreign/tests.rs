use std::{collections::BTreeMap, fs, path::PathBuf};

use super::*;

/// A folder with a file for each kind of kernel.
struct Files {
    directory: tempfile::TempDir,
    paths: BTreeMap<&'static str, PathBuf>,
    interrupts: Interrupts,
}

/// A file that is nothing but these bytes at these places.
fn with(parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut file = vec![0; 36 << 10];
    for (at, bytes) in parts {
        file[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    file
}

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut paths = BTreeMap::from([("cache", directory.path().join("cache"))]);
        let boot: (usize, &[u8]) = (510, &[0x55, 0xaa]);
        let multiboot = [0x1bad_b002_u32, 0, 0u32.wrapping_sub(0x1bad_b002)].map(u32::to_le_bytes).concat();
        let mut sixty_four = crate::test_elf::Builder::default().build();
        sixty_four.splice(0x200..0x20c, multiboot);
        for (name, content) in [
            ("linux", with(&[boot, (0x202, b"HdrS")])),
            ("iso", with(&[(0x8001, b"CD001")])),
            ("hybrid", with(&[boot, (0x8001, b"CD001")])),
            ("disk", with(&[boot])),
            ("qcow2", with(&[(0, b"QFI\xfb")])),
            ("efi", with(&[(0, b"MZ")])),
            ("text", b"#!/bin/sh\n".to_vec()),
            ("elf", crate::test_elf::Builder::default().build()),
            ("elf64", sixty_four),
        ] {
            let path = directory.path().join(name);
            fs::write(&path, content).unwrap();
            paths.insert(name, path);
        }
        Self { directory, paths, interrupts: Interrupts::none().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn ask<'a>(&'a self, name: &str, change: impl FnOnce(&mut Options<'a>)) -> Result<Image, Error> {
        let mut options = Options {
            kernel: &self.paths[name],
            initrd: None,
            append: "",
            boot: Way::Auto,
            firmware: None,
            limine: None,
            command: None,
            directory: self.directory.path(),
            cache: &self.paths["cache"],
            interrupts: &self.interrupts,
        };
        change(&mut options);
        foreign(&options)
    }

    fn boot(&self, name: &str, boot: Way) -> Result<Image, Error> {
        self.ask(name, |options| options.boot = boot)
    }

    /// Why it is refused: with the file's name, as every such text must have it.
    fn why<'a>(&'a self, name: &str, change: impl FnOnce(&mut Options<'a>)) -> String {
        let why = self.ask(name, change).unwrap_err().to_string();
        assert!(why.contains(self.path(name).to_str().unwrap()), "{why}");
        why
    }
}

fn attach(image: &Image) -> Option<Attach> {
    image.boot.medium().map(|medium| medium.attach)
}

#[test]
fn a_file_is_booted_as_what_it_is() {
    let files = Files::new();
    for way in [Way::Auto, Way::Linux] {
        let image = files.boot("linux", way).unwrap();
        assert_eq!(image.boot, Boot::Direct { kernel: files.path("linux"), initrd: None });
    }
    for (name, way, expected) in [
        ("iso", Way::Auto, Attach::Cd),
        ("iso", Way::Iso, Attach::Cd),
        ("hybrid", Way::Auto, Attach::Cd),
        ("hybrid", Way::Disk, Attach::Disk),
        ("disk", Way::Auto, Attach::Disk),
        ("disk", Way::Disk, Attach::Disk),
    ] {
        assert_eq!(attach(&files.boot(name, way).unwrap()), Some(expected), "{name} by {way}");
    }
}

#[test]
fn what_does_not_fit_the_file_is_refused_by_both_names() {
    let files = Files::new();
    for (name, is, ways) in [
        ("linux", "a Linux kernel", &[Way::Direct, Way::Iso, Way::Disk][..]),
        ("iso", "an ISO 9660 image", &[Way::Direct, Way::Linux, Way::Disk]),
        ("disk", "a raw disk image", &[Way::Direct, Way::Linux, Way::Iso]),
        ("elf", "an ELF file", &[Way::Linux, Way::Iso, Way::Disk]),
    ] {
        for way in ways {
            let why = files.why(name, |options| options.boot = *way);
            assert!(why.contains(is) && why.contains(&format!("`--boot {way}` is asked for")), "{why}");
        }
    }
}

#[test]
fn files_that_no_machine_boots_are_refused_with_what_to_do() {
    let files = Files::new();
    let why = |name| files.why(name, |_| ());
    assert!(why("qcow2").contains("qemu-img convert -O raw"));
    assert!(why("efi").contains("UEFI application"));
    assert!(why("text").contains("`HdrS`"));
    assert!(why("elf").contains("`image` in steward-harness.toml"));
    assert!(why("elf64").contains("32-bit ELF files only"));
}

#[test]
fn what_a_medium_cannot_be_told_is_refused() {
    let files = Files::new();
    let append = files.why("iso", |options| options.append = "a=b");
    assert!(append.contains("its own") || append.contains("own configuration decides the command line"), "{append}");
    let initrd = files.path("text");
    assert!(files.why("disk", |options| options.initrd = Some(&initrd)).contains("leave out `--initrd`"));
    let command = [String::from("cp"), "{kernel}".into(), "{image}".into()];
    let why = files.why("elf", |options| {
        options.command = Some(&command);
        options.append = "a=b";
    });
    assert!(why.contains("`--append`") && why.contains("--boot direct"), "{why}");
}

#[test]
fn firmware_is_for_media() {
    let files = Files::new();
    let why = files.why("linux", |options| options.firmware = Some(&Firmware::Bios));
    assert!(why.contains("`--firmware` is for media"), "{why}");
    let code = files.path("ovmf");
    let uefi = Firmware::Uefi { code };
    let Boot::Medium { firmware, .. } = files.ask("iso", |options| options.firmware = Some(&uefi)).unwrap().boot else {
        panic!("no medium")
    };
    assert_eq!(firmware, uefi);
}

#[test]
fn a_command_that_makes_another_medium_than_asked_for_is_told_so() {
    let files = Files::new();
    let disk = files.path("disk");
    let command = ["cp".into(), disk.to_str().unwrap().into(), String::from("{image}")];
    let by = |way| {
        files.ask("elf", |options| {
            options.command = Some(&command);
            options.boot = way;
        })
    };
    assert_eq!([Way::Auto, Way::Disk].map(|way| attach(&by(way).unwrap())), [Some(Attach::Disk); 2]);
    let why = by(Way::Iso).unwrap_err().to_string();
    assert!(why.contains("`--boot iso` is asked for") && why.contains("`--boot disk`"), "{why}");
}

#[test]
fn an_absent_initrd_is_named_before_qemu_is_started() {
    let files = Files::new();
    let absent = files.path("absent");
    let error = files.ask("linux", |options| options.initrd = Some(&absent)).unwrap_err().to_string();
    assert!(error.contains("absent"), "{error}");
}

#[test]
fn every_way_is_read_back_from_its_name() {
    for way in Way::ALL {
        assert_eq!(way.to_string().parse(), Ok(way));
    }
    assert!("grub".parse::<Way>().unwrap_err().to_string().contains("linux, iso and disk"));
}
