//! `run`: boots the kernel and talks to it.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use steward_harness::Emulator;
use steward_harness::accel::{self, Request};
use steward_harness::console::{Console, Failure, Input, check_line};
use steward_harness::machine::{Kind, Memory, Screen, Shape};
use steward_harness::process::{self, Interrupts};

use crate::images::{self, Build, Serial};
use crate::preflight::components::Component;
use crate::preflight::{self, Consent};
use crate::way::{self, Firmware};
use crate::workspace::{BARE_METAL, Workspace};

/// Boots the kernel in QEMU and talks to it at its prompt.
///
/// On a terminal the session is interactive; `poweroff` at the prompt ends it. With --command, the lines are typed at
/// the prompt one after another and what they print, and nothing else, goes to standard output; then the machine is
/// powered off. The exit code is 0 when every command succeeded and the machine did not fail. When standard input is
/// at its end and there is no --command, banner and prompt are shown and the machine is powered off.
///
/// With --command, or lines on standard input, `reboot` ends the run as `poweroff` does, and it must come last: lines
/// that are left then make the run fail. A machine that reboots without being asked to has failed.
///
/// With --firmware uefi or bios, the machine boots from a medium as a real one does: from the image that `cargo xtask
/// image` makes. With --gui, it has a screen and a keyboard; prompt and log are there and on the terminal alike.
///
/// QEMU and firmware are installed when they are missing; see `cargo xtask doctor --help`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    #[command(flatten)]
    way: way::Options,
    /// Show the machine's screen in a window, or by VNC where there is no desktop. Not with a direct boot, which sets up no
    /// screen
    #[arg(long)]
    gui: bool,
    /// Machine type: q35, pc or microvm
    #[arg(long, default_value_t = Kind::Q35)]
    machine: Kind,
    /// Number of CPUs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=255))]
    cpus: u32,
    /// Memory, such as 64M or 8G
    #[arg(long, value_name = "SIZE", default_value = "128M")]
    memory: Memory,
    /// CPU model as QEMU names it, such as qemu64 or max
    #[arg(long, value_name = "MODEL", default_value = "max")]
    cpu: String,
    /// What executes the guest: auto (KVM when a self-check passes, else emulation), tcg or kvm
    #[arg(long, default_value_t = Request::Auto)]
    accel: Request,
    /// Wait for a debugger before the first instruction; how to attach it is printed
    #[arg(long)]
    gdb: bool,
    /// Type this line at the prompt; may be given several times. One line each, of at most 512 bytes, without
    /// control characters
    #[arg(long = "command", value_name = "LINE")]
    commands: Vec<String>,
    /// The language of the driver of the kernel's serial ports. This kernel has its tests in it, C programs among them, so
    /// it needs a C compiler (`cc`, or what CC names) in either case
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t)]
    serial: Serial,
    /// Build the kernel with optimization and without debug assertions
    #[arg(long)]
    release: bool,
    #[command(flatten)]
    consent: Consent,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask run
  cargo xtask run --command help --command mem
  cargo xtask run --machine microvm --memory 64M
  cargo xtask run --cpus 4 --cpu qemu64 --command cpu
  cargo xtask run --firmware uefi --gui
  cargo xtask run --firmware uefi --medium usb --command mem
  cargo xtask run --firmware bios --limine ~/limine-8.2.0-binary --command mem
  cargo xtask run --gdb";

/// Runs the kernel as the options say.
///
/// # Errors
/// When something needed is missing, when the kernel does not build, or when the machine or a command fails.
pub fn run(options: &Options) -> Result<ExitCode> {
    // Before anything is installed or built.
    options.commands.iter().try_for_each(|line| check_line(line))?;
    options.way.check(options.machine)?;
    let screen = screen(options.gui, options.way.firmware)?;
    let firmware = (options.way.firmware == Firmware::Uefi).then_some(Component::Firmware);
    let needed: Vec<_> = [Component::Qemu, Component::RustTarget(BARE_METAL)].into_iter().chain(firmware).collect();
    preflight::require(&needed, options.consent)?;
    let workspace = Workspace::load()?;
    let way = options.way.way(options.machine, &workspace)?;
    preflight::require(&way.components(), options.consent)?;
    let interrupts = Interrupts::install()?;
    let ready = way.prepare(&workspace, &interrupts)?;
    let direct = images::image(
        &workspace,
        Build { release: options.release, tests: true, serial: options.serial },
        &interrupts,
    )?;
    let emulator = Emulator::find()?;
    // By a direct boot, which is quick; the answer holds for any.
    let chosen = accel::choose(options.accel, &emulator, &direct, &workspace.cache(), &interrupts)?;
    if let Some(note) = &chosen.note {
        eprintln!("note: {note}");
    }
    let shape = Shape { kind: options.machine, cpus: options.cpus, memory: options.memory, cpu: options.cpu.clone() };
    let console = Console { gdb: options.gdb, screen, ..Console::new(&emulator, &direct, shape, &chosen) };
    let image = ready.image(&direct, &console.command_line, &workspace)?;
    let console = Console { image: &image, ..console };
    match console.run(input(&options.commands), &interrupts) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Failure::Interrupted(signal)) => {
            eprintln!("interrupted");
            Ok(interrupted(signal))
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The exit code of a program that a signal ended, as shells count it.
#[must_use]
pub fn interrupted(signal: i32) -> ExitCode {
    process::exit_code(signal).into()
}

/// Whether the machine has a screen.
fn screen(gui: bool, firmware: Firmware) -> Result<Screen> {
    match (gui, firmware) {
        (false, _) => Ok(Screen::None),
        (true, Firmware::Uefi | Firmware::Bios) => Ok(Screen::Window),
        (true, Firmware::Direct) => bail!(
            "a direct boot has no screen: no firmware is there to set one up; use `--gui --firmware uefi`, or leave \
             --gui out and talk to the machine on this terminal"
        ),
    }
}

fn input(commands: &[String]) -> Input {
    if !commands.is_empty() {
        Input::Lines(commands.to_vec())
    } else if std::io::stdin().is_terminal() {
        Input::Terminal
    } else {
        Input::Stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parse(words: &[&str]) -> Result<Options, clap::Error> {
        Line::try_parse_from([&["run"], words].concat()).map(|line| line.options)
    }

    #[test]
    fn a_screen_needs_firmware_and_is_refused_with_what_has_one() {
        let options = parse(&["--gui"]).unwrap();
        let error = run(&options).unwrap_err().to_string();
        assert!(error.contains("no screen") && error.contains("--firmware uefi"), "{error}");
        assert_eq!(screen(true, Firmware::Bios).unwrap(), Screen::Window);
        assert_eq!(screen(false, Firmware::Direct).unwrap(), Screen::None);
    }

    #[test]
    fn a_way_that_does_not_exist_is_refused_before_anything_is_installed() {
        for words in [
            &["--firmware", "bios", "--bootloader", "steward"][..],
            &["--bootloader", "limine"],
            &["--firmware", "uefi", "--machine", "microvm"],
        ] {
            let error = run(&parse(words).unwrap()).unwrap_err().to_string();
            assert!(error.contains("--firmware"), "{words:?}: {error}");
        }
    }

    #[test]
    fn every_option_of_the_machine_is_understood() {
        let words = ["--machine", "microvm", "--cpus", "4", "--memory", "8G", "--cpu", "qemu64", "--accel", "tcg"];
        let options = parse(&words).unwrap();
        assert_eq!((options.machine, options.cpus, options.memory.mib()), (Kind::Microvm, 4, 8192));
        assert_eq!(options.cpu, "qemu64");
        assert!(options.commands.is_empty());
    }

    #[test]
    fn commands_keep_their_order() {
        let options = parse(&["--command", "help", "--command", "mem"]).unwrap();
        assert!(matches!(input(&options.commands), Input::Lines(lines) if lines == ["help", "mem"]));
    }

    #[test]
    fn lines_that_the_prompt_would_not_take_are_refused_before_anything_else() {
        let options = parse(&["--command", "help", "--command", "mem\u{3}"]).unwrap();
        let error = run(&options).unwrap_err().to_string();
        assert!(error.contains("mem"), "{error}");
    }

    #[test]
    fn nonsense_is_refused() {
        for words in [["--machine", "isapc"], ["--cpus", "0"], ["--memory", "much"], ["--accel", "fast"]] {
            assert!(parse(&words).is_err(), "{words:?}");
        }
    }
}
