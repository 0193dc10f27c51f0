//! `image`: makes an image that boots a machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use steward_harness::firmware;
use steward_harness::process::Interrupts;

use crate::images::{self, Build};
use crate::limine::Source;
use crate::media::{self, Content, Loader};
use crate::out::say;
use crate::preflight::components::Component;
use crate::preflight::{self, Consent};
use crate::way::{Bootloader, bootloader};
use crate::workspace::{BARE_METAL, Workspace};

/// Makes an image of the kernel that boots a machine, a real one too.
///
/// An ISO image boots from an optical disc and, written to it as it is, from a USB stick; a disk image is for a virtual
/// machine's disk, and boots from a stick as well. Both boot by UEFI. With Limine in the place of our own loader they boot
/// by BIOS too. Secure Boot must be off.
///
/// With --autorun ktest, the kernel runs its tests when it is up, all of them in one boot, and leaves the verdict on the
/// screen. From a stick or a disk, our loader then keeps the log on it: ktest-001.log, in KTAP, in the root of its FAT
/// volume, which other systems can read.
///
/// The same sources, by the same compiler, give the same bytes. The image appears whole or not at all.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// What the image is
    #[arg(long, value_enum, default_value_t)]
    format: Kind,
    /// What the firmware starts, and what starts the kernel [default: steward, or limine with --limine]
    #[arg(long, value_enum)]
    bootloader: Option<Bootloader>,
    /// A directory with a binary release of Limine [default: what STEWARD_LIMINE names, or else git fetches it once]
    #[arg(long, value_name = "DIR")]
    limine: Option<PathBuf>,
    /// What the kernel does by itself when it is up
    #[arg(long, value_enum)]
    autorun: Option<Autorun>,
    /// Words for the kernel's command line
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    command_line: String,
    /// Where to write it [default: target/steward/steward.iso, or steward.img for a disk]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Build the kernel without optimization and with debug assertions
    #[arg(long)]
    debug: bool,
    #[command(flatten)]
    consent: Consent,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask image
  cargo xtask image --autorun ktest
  cargo xtask image --format disk --output steward.img
  cargo xtask image --bootloader limine --limine ~/limine-8.2.0-binary
  cargo xtask run --firmware uefi          boots such an image, and talks to it";

/// What an image is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// For optical discs and USB sticks (ISO 9660 and GPT)
    #[default]
    Iso,
    /// For disks and USB sticks (GPT)
    Disk,
}

/// What the kernel does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Autorun {
    /// Runs its tests
    Ktest,
}

impl Kind {
    fn format(self) -> media::Format {
        match self {
            Self::Iso => media::Format::Iso,
            Self::Disk => media::Format::Disk,
        }
    }
}

impl Autorun {
    fn name(self) -> &'static str {
        match self {
            Self::Ktest => "ktest",
        }
    }
}

/// Makes the image.
///
/// # Errors
/// When something needed is missing, something does not build, or the image cannot be written.
pub fn run(options: &Options) -> Result<ExitCode> {
    let uses = bootloader(options.bootloader, options.limine.is_some())?.unwrap_or(Bootloader::Steward);
    let workspace = Workspace::load()?;
    let loader = match uses {
        Bootloader::Steward => Loader::Steward,
        Bootloader::Limine => Loader::Limine(Source::choose(options.limine.as_deref(), &workspace)),
    };
    let needed: Vec<_> = [Component::RustTarget(BARE_METAL)].into_iter().chain(loader.components()).collect();
    preflight::require(&needed, options.consent)?;
    let interrupts = Interrupts::install()?;
    let output = output(options, &workspace)?;
    // First what may be missing, then what takes long.
    let made = loader.make(&workspace, &interrupts)?;
    let elf =
        images::kernel(&workspace, Build { release: !options.debug, tests: true, ..Build::default() }, &interrupts)?;
    let command_line = command_line(options.autorun, &options.command_line);
    let keep_log = options.autorun.map(Autorun::name);
    let content = Content { elf: &elf, command_line: &command_line, keep_log };
    made.write(&content, options.format.format(), &output)?;
    if uses == Bootloader::Limine && keep_log.is_some() {
        eprintln!("note: Limine keeps no log; the verdict stays on the screen");
    }
    say!("{}", report(&output, fs::metadata(&output)?.len(), options.format, uses));
    Ok(ExitCode::SUCCESS)
}

/// Where the image goes to, as somebody in the directory that the command was called in would write it. A directory that
/// the user has named must be there.
fn output(options: &Options, workspace: &Workspace) -> Result<PathBuf> {
    if let Some(named) = &options.output {
        return Ok(named.clone());
    }
    let directory = workspace.cache();
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let file = directory.join("steward").with_extension(media::extension(options.format.format()));
    let near = env::current_dir().ok().and_then(|here| Some(file.strip_prefix(here).ok()?.to_owned()));
    Ok(near.unwrap_or(file))
}

fn command_line(autorun: Option<Autorun>, words: &str) -> String {
    let autorun = autorun.map(|autorun| format!("autorun={}", autorun.name()));
    autorun.into_iter().chain([words.trim().to_owned()]).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What the image is, and what to do with it.
fn report(path: &Path, bytes: u64, kind: Kind, bootloader: Bootloader) -> String {
    let what = match kind {
        Kind::Iso => "an ISO image for optical discs and USB sticks",
        Kind::Disk => "a disk image for disks and USB sticks",
    };
    let by = match bootloader {
        Bootloader::Steward => "UEFI",
        Bootloader::Limine => "UEFI and by BIOS (Limine)",
    };
    let mib = (bytes as f64) / f64::from(1 << 20);
    let file = quoted(path);
    let firmware = firmware::uefi().unwrap_or_else(|| "OVMF_CODE.fd".into());
    let drive = match kind {
        Kind::Iso => format!("-cdrom {file}"),
        Kind::Disk => format!("-drive file={file},format=raw,if=virtio"),
    };
    format!(
        "{} is {what}, {bytes} bytes ({mib:.1} MiB); it boots by {by}

Onto a stick, in place of all that is on it (`lsblk` shows which /dev/sdX it is):
  sudo dd if={file} of=/dev/sdX bs=4M conv=fsync status=progress
In QEMU:
  qemu-system-x86_64 -machine q35 -m 256M -serial stdio -net none \\
    -drive if=pflash,format=raw,readonly=on,file={} \\
    {drive}",
        path.display(),
        quoted(&firmware)
    )
}

/// A path as a shell takes it.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+".contains(character);
    if text.chars().all(plain) && !text.starts_with('-') { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parse(words: &[&str]) -> Result<Options, clap::Error> {
        Line::try_parse_from([&["image"], words].concat()).map(|line| line.options)
    }

    #[test]
    fn an_iso_with_our_loader_is_the_default() {
        let options = parse(&[]).unwrap();
        assert_eq!((options.format, options.bootloader, options.autorun), (Kind::Iso, None, None));
        assert!(!options.debug && options.command_line.is_empty());
    }

    #[test]
    fn unknown_options_and_values_are_refused_with_the_known_ones() {
        for (words, hint) in [
            (&["--format", "vhd"][..], "iso, disk"),
            (&["--bootloader", "grub"], "steward, limine"),
            (&["--autorun", "doom"], "ktest"),
            (&["--firmware", "bios"], "unexpected argument"),
        ] {
            let error = parse(words).err().unwrap().to_string();
            assert!(error.contains(hint), "{error}");
        }
    }

    #[test]
    fn a_directory_with_limine_contradicts_our_loader() {
        let error = run(&parse(&["--bootloader", "steward", "--limine", "/l"]).unwrap()).unwrap_err().to_string();
        assert!(error.contains("--limine") && error.contains("--bootloader steward"), "{error}");
    }

    #[test]
    fn what_the_kernel_does_by_itself_is_on_its_command_line_with_the_words_for_it() {
        assert_eq!(command_line(None, ""), "");
        assert_eq!(command_line(None, " log=debug "), "log=debug");
        assert_eq!(command_line(Some(Autorun::Ktest), ""), "autorun=ktest");
        assert_eq!(command_line(Some(Autorun::Ktest), "log=debug"), "autorun=ktest log=debug");
    }

    #[test]
    fn the_report_says_what_it_is_how_large_and_what_to_type() {
        let text = report(Path::new("target/steward/steward.iso"), 6 << 20, Kind::Iso, Bootloader::Steward);
        for part in ["ISO image", "6291456 bytes (6.0 MiB)", "boots by UEFI\n", "lsblk", "-cdrom target/steward/"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("sudo dd if=target/steward/steward.iso of=/dev/sdX"), "{text}");
        let text = report(Path::new("a b.img"), 1, Kind::Disk, Bootloader::Limine);
        assert!(text.contains("by BIOS (Limine)") && text.contains("if='a b.img'"), "{text}");
    }

    #[test]
    fn paths_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(quoted(Path::new("/a/b-c_1.iso")), "/a/b-c_1.iso");
        assert_eq!(quoted(Path::new("a b")), "'a b'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
        assert_eq!(quoted(Path::new("-rf")), "'-rf'");
    }
}
