//! From a machine's shape to QEMU's arguments.

use std::{ffi::OsString, os::fd::RawFd};

use super::{Accelerator, Kind, Screen, Shape};
use crate::{Error, Version, image::Image};

/// I/O port of the debug-exit device that every machine has. Writing `v` there ends QEMU with status `v * 2 + 1`.
pub const DEBUG_EXIT: u16 = 0xf4;

/// File descriptors, in QEMU's process, of its ends of the machine's lines.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// COM1: log and prompt.
    pub com1: RawFd,
    /// COM2: records.
    pub com2: RawFd,
    /// QEMU's machine protocol.
    pub qmp: RawFd,
}

/// The descriptor, in QEMU's process, of the file that [`Backing::Shared`] and [`Backing::Copied`] speak of.
pub const MEMORY: RawFd = 6;
/// The same for the file into which, or from which, the machine's state goes.
pub const STATE: RawFd = 7;
/// The same for the file in which a clone keeps its ready point.
pub const READY_POINT: RawFd = 8;

/// What a machine's memory is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backing {
    /// Memory of its own. The machine boots.
    #[default]
    Own,
    /// The file at [`MEMORY`], which holds the memory afterwards. The machine boots, and its state can be saved to
    /// [`STATE`].
    Shared,
    /// A copy-on-write view of the file at [`MEMORY`]. The machine waits for its state, which is at [`STATE`].
    Copied,
    /// The same, and the machine boots nothing: QEMU reads no kernel whose bytes are in that memory already.
    Forked,
    /// The file at [`MEMORY`], which is this machine's own. The machine waits for its state, which is at [`STATE`], and
    /// can keep it at [`READY_POINT`].
    Kept,
    /// Memory of its own. The machine waits for its state, of which its memory is a part; it boots nothing.
    Restored {
        /// The state was saved from a machine whose memory was a file.
        from_file: bool,
        /// The QEMU that saved it, when another loads it: the machine is made as that one made it.
        saved_by: Option<Version>,
    },
}

/// QEMU's name for a machine's memory that is, or was, a file; other memory has names that QEMU chooses.
pub const MEMORY_OBJECT: &str = "ram";

/// QEMU's name for the file at [`READY_POINT`].
pub const READY_POINT_FILE: &str = "ready-point-file";

/// When the machine's first instruction runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// As soon as the harness listens.
    #[default]
    AtOnce,
    /// When a debugger says so.
    ByDebugger,
}

/// A debugger may attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gdb {
    /// QEMU's name for where it listens, such as `tcp:127.0.0.1:1234`.
    pub listen: String,
    /// Whether the machine waits for it.
    pub start: Start,
}

/// Everything that decides how a machine is started, but the image that it boots.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Its parts.
    pub shape: Shape,
    /// What executes it.
    pub accelerator: Accelerator,
    /// How many host CPUs it may keep busy. A machine with more CPUs than this runs them all in one thread, which
    /// for emulated machines is faster than threads that wait for each other.
    pub slots: u32,
    /// The kernel's command line.
    pub command_line: String,
    /// Whether and where a debugger may attach.
    pub gdb: Option<Gdb>,
    /// What its memory is.
    pub backing: Backing,
    /// Whether it has COM1. The kernel's log and prompt need it or a screen.
    pub serial: bool,
    /// Whether it has a screen.
    pub screen: Screen,
}

impl Configuration {
    /// A machine of this shape that runs tests: its kernel serves the harness on COM2.
    #[must_use]
    pub fn serving(shape: Shape, accelerator: Accelerator, slots: u32) -> Self {
        let command_line = format!("serve=com2 debug-exit={DEBUG_EXIT:#x}");
        Self {
            shape,
            accelerator,
            slots,
            command_line,
            gdb: None,
            backing: Backing::Own,
            serial: true,
            screen: Screen::None,
        }
    }

    /// Whether such a machine can be had, and boot this image.
    ///
    /// # Errors
    /// [`Error::Request`] when it cannot; as [`Boot::check`](crate::image::Boot::check), and a microvm has no screen.
    pub fn check(&self, image: &Image) -> Result<(), Error> {
        if self.screen != Screen::None && self.shape.kind == Kind::Microvm {
            return Err(Error::Request("a microvm has no screen; q35 and pc have".into()));
        }
        image.boot.check(&self.shape)
    }

    /// QEMU's arguments, the program's name not among them.
    ///
    /// How a [`Screen::Window`] is shown is not among them. The machine starts stopped (`-S`): whoever holds the other end of `lines.qmp` starts it, so that no event is
    /// missed. A reset, a power-off and a guest panic leave the machine there, stopped, to be looked at.
    #[must_use]
    pub fn arguments(&self, image: &Image, lines: Lines) -> Vec<OsString> {
        let mut arguments = Arguments::default();
        arguments.add("-no-user-config -nodefaults -S");
        // How a window is shown is for whoever starts QEMU to find out.
        if self.screen != Screen::Window {
            arguments.add("-display none");
        }
        arguments.add("-action reboot=shutdown,shutdown=pause,panic=pause");
        // QEMU tells of a triple fault nowhere but in this log.
        arguments.add("-d cpu_reset");
        self.add_machine(&mut arguments);
        self.add_lines(&mut arguments, lines);
        if self.screen != Screen::None || image.boot.needs_screen() {
            arguments.add("-device VGA");
        }
        arguments.pair("-device", format!("isa-debug-exit,iobase={DEBUG_EXIT:#x},iosize=4"));
        if let Some(gdb) = &self.gdb {
            arguments.pair("-gdb", &gdb.listen);
        }
        arguments.0.extend(match self.backing {
            Backing::Restored { .. } | Backing::Forked => image.boot.devices(),
            _ => image.boot.arguments(&self.command_line),
        });
        arguments.0
    }

    fn add_machine(&self, arguments: &mut Arguments) {
        let Shape { cpus, memory, cpu, .. } = &self.shape;
        arguments.pair("-machine", self.machine_type());
        arguments.pair("-accel", self.accelerator_argument());
        arguments.pair("-cpu", cpu);
        arguments.pair("-smp", cpus.to_string());
        arguments.pair("-m", format!("{}M", memory.mib()));
        let share = match self.backing {
            Backing::Own => return,
            Backing::Shared => "on",
            Backing::Copied | Backing::Forked => {
                arguments.add("-incoming defer");
                "off"
            }
            Backing::Kept => {
                arguments.add("-incoming defer");
                arguments.pair("-add-fd", format!("fd={READY_POINT},set=1"));
                let file = format!("driver=file,node-name={READY_POINT_FILE},filename=/dev/fdset/1,locking=off");
                arguments.pair("-blockdev", file);
                "on"
            }
            Backing::Restored { from_file, .. } => {
                arguments.add("-incoming defer");
                // QEMU finds memory in a state by its name, which is the object's.
                if from_file {
                    arguments.pair("-object", format!("memory-backend-ram,id={MEMORY_OBJECT},size={}M", memory.mib()));
                    arguments.pair("-machine", format!("memory-backend={MEMORY_OBJECT}"));
                }
                return;
            }
        };
        let size = memory.mib();
        let object = format!(
            "memory-backend-file,id={MEMORY_OBJECT},size={size}M,mem-path=/proc/self/fd/{MEMORY},share={share}"
        );
        arguments.pair("-object", object);
        arguments.pair("-machine", format!("memory-backend={MEMORY_OBJECT}"));
    }

    fn add_lines(&self, arguments: &mut Arguments, lines: Lines) {
        for (name, descriptor) in [("com1", lines.com1), ("com2", lines.com2), ("qmp", lines.qmp)] {
            arguments.pair("-chardev", format!("socket,id={name},fd={descriptor}"));
        }
        arguments.add("-mon chardev=qmp,mode=control");
        if self.serial {
            arguments.add("-serial chardev:com1");
        }
        match self.shape.kind {
            Kind::Q35 | Kind::Pc if self.serial => arguments.add("-serial chardev:com2"),
            // A microvm's only built-in serial port is COM1, and the built-in ports of the others are numbered from
            // there on: the second by itself is a card.
            _ => arguments.add("-device isa-serial,iobase=0x2f8,irq=3,chardev=com2"),
        }
    }

    /// QEMU keeps the machines of its older versions under names of their own; a microvm has no versions.
    fn machine_type(&self) -> String {
        let Backing::Restored { saved_by: Some(Version { major, minor, .. }), .. } = self.backing else {
            return self.shape.kind.name().into();
        };
        match self.shape.kind {
            Kind::Q35 => format!("pc-q35-{major}.{minor}"),
            Kind::Pc => format!("pc-i440fx-{major}.{minor}"),
            Kind::Microvm => self.shape.kind.name().into(),
        }
    }

    fn accelerator_argument(&self) -> String {
        match self.accelerator {
            Accelerator::Kvm => String::from("kvm"),
            Accelerator::Tcg if self.shape.cpus > self.slots => String::from("tcg,thread=single"),
            Accelerator::Tcg => String::from("tcg"),
        }
    }
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    /// Adds arguments that hold no spaces themselves.
    fn add(&mut self, words: &str) {
        self.0.extend(words.split(' ').map(OsString::from));
    }

    fn pair(&mut self, option: &str, value: impl Into<OsString>) {
        self.0.push(option.into());
        self.0.push(value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::{
        image::{Attach, Boot, Firmware},
        machine::Memory,
    };

    const LINES: Lines = Lines { com1: 3, com2: 4, qmp: 5 };

    fn line(configuration: &Configuration) -> String {
        let boot = Boot::Direct { kernel: "/with space/loader".into(), initrd: Some("a.tar".into()) };
        let image = Image { boot, elf: PathBuf::new() };
        let words: Vec<String> =
            configuration.arguments(&image, LINES).into_iter().map(|word| word.into_string().unwrap()).collect();
        words.join("|")
    }

    #[test]
    fn a_shape_becomes_its_arguments() {
        let shape = Shape { kind: Kind::Pc, cpus: 2, memory: Memory::from_mib(64).unwrap(), cpu: "qemu64".into() };
        let line = line(&Configuration::serving(shape, Accelerator::Tcg, 2));
        assert!(line.contains("-machine|pc|-accel|tcg|-cpu|qemu64|-smp|2|-m|64M"), "{line}");
        assert!(line.contains("-append|serve=com2 debug-exit=0xf4"), "{line}");
        assert!(line.contains("-kernel|/with space/loader|-initrd|a.tar"), "{line}");
    }

    #[test]
    fn no_line_is_a_file_and_no_default_device_appears() {
        let line = line(&Configuration::serving(Shape::default(), Accelerator::Kvm, 1));
        assert!(line.contains("-nodefaults") && line.contains("-no-user-config"), "{line}");
        assert!(line.contains("socket,id=com1,fd=3") && line.contains("socket,id=qmp,fd=5"), "{line}");
        assert!(!line.contains("path=") && !line.contains("-gdb"), "{line}");
    }

    #[test]
    fn a_microvm_gets_its_second_serial_port_as_a_card() {
        let shape = Shape { kind: Kind::Microvm, ..Shape::default() };
        let line = line(&Configuration::serving(shape, Accelerator::Tcg, 1));
        assert!(line.contains("isa-serial,iobase=0x2f8,irq=3,chardev=com2"), "{line}");
        assert_eq!(line.matches("|-serial|").count(), 1, "{line}");
    }

    #[test]
    fn without_the_first_serial_port_the_second_stays_at_its_place() {
        for kind in Kind::ALL {
            let shape = Shape { kind, ..Shape::default() };
            let serving = Configuration::serving(shape, Accelerator::Tcg, 1);
            let line = line(&Configuration { serial: false, ..serving });
            assert!(
                line.contains("isa-serial,iobase=0x2f8,irq=3,chardev=com2") && !line.contains("|-serial|"),
                "{line}"
            );
        }
    }

    #[test]
    fn a_screen_is_a_card_and_a_window_is_left_to_others() {
        let with =
            |screen| line(&Configuration { screen, ..Configuration::serving(Shape::default(), Accelerator::Tcg, 1) });
        let (none, hidden, window) = (with(Screen::None), with(Screen::Hidden), with(Screen::Window));
        assert!(none.contains("-display|none") && !none.contains("VGA"), "{none}");
        assert!(hidden.contains("-display|none") && hidden.contains("-device|VGA"), "{hidden}");
        assert!(!window.contains("-display") && window.contains("-device|VGA"), "{window}");
        let shape = Shape { kind: Kind::Microvm, ..Shape::default() };
        let microvm = Configuration::serving(shape, Accelerator::Tcg, 1);
        let check = |screen| Configuration { screen, ..microvm.clone() }.check(&Image::bare(Path::new("k")));
        assert!(check(Screen::Hidden).unwrap_err().to_string().contains("no screen"));
        assert!(check(Screen::None).is_ok());
    }

    #[test]
    fn more_cpus_than_slots_run_in_one_thread_under_emulation_only() {
        let shape = Shape { cpus: 4, ..Shape::default() };
        let with = |accelerator, slots| line(&Configuration::serving(shape.clone(), accelerator, slots));
        assert!(with(Accelerator::Tcg, 2).contains("tcg,thread=single"));
        assert!(!with(Accelerator::Tcg, 4).contains("thread=single"));
        assert!(!with(Accelerator::Kvm, 2).contains("thread=single"));
    }

    #[test]
    fn memory_in_a_file_is_shared_to_be_saved_and_copied_to_be_cloned() {
        let with =
            |backing| line(&Configuration { backing, ..Configuration::serving(Shape::default(), Accelerator::Tcg, 1) });
        assert!(!with(Backing::Own).contains("mem-path"));
        let shared = with(Backing::Shared);
        assert!(
            shared.contains("size=128M,mem-path=/proc/self/fd/6,share=on|") && !shared.contains("-incoming"),
            "{shared}"
        );
        let copied = with(Backing::Copied);
        assert!(copied.contains("share=off|") && copied.contains("-incoming|defer"), "{copied}");
        let forked = with(Backing::Forked);
        assert!(forked.contains("share=off|") && copied.contains("-kernel") && !forked.contains("-kernel"), "{forked}");
        let kept = with(Backing::Kept);
        assert!(kept.contains("share=on|") && kept.contains("-incoming|defer"), "{kept}");
    }

    #[test]
    fn a_debugger_gets_its_port() {
        let mut configuration = Configuration::serving(Shape::default(), Accelerator::Tcg, 1);
        configuration.gdb = Some(Gdb { listen: "tcp:127.0.0.1:1234".into(), start: Start::ByDebugger });
        assert!(line(&configuration).contains("-gdb|tcp:127.0.0.1:1234"));
    }

    #[test]
    fn a_restored_machine_boots_nothing_and_is_made_as_it_was() {
        let restored = |kind, from_file, saved_by| {
            let shape = Shape { kind, ..Shape::default() };
            let backing = Backing::Restored { from_file, saved_by };
            line(&Configuration { backing, ..Configuration::serving(shape, Accelerator::Tcg, 1) })
        };
        let same = restored(Kind::Q35, false, None);
        assert!(same.contains("-machine|q35|") && same.contains("-incoming|defer"), "{same}");
        assert!(!same.contains("-kernel") && !same.contains("-initrd") && !same.contains("id=ram"), "{same}");
        let older = Some(Version { major: 7, minor: 2, micro: 22 });
        assert!(restored(Kind::Pc, false, older).contains("-machine|pc-i440fx-7.2|"));
        assert!(restored(Kind::Microvm, false, older).contains("-machine|microvm|"));
        let named = restored(Kind::Q35, true, None);
        assert!(named.contains("memory-backend-ram,id=ram,size=128M|-machine|memory-backend=ram"), "{named}");
    }

    #[test]
    fn a_restored_machine_has_the_drive_and_the_flash_that_it_had() {
        let firmware = Firmware::Uefi { code: "ovmf".into() };
        let image = Image::on_medium(Path::new("k"), Path::new("a.iso"), Attach::Cd, firmware);
        let booted = Configuration::serving(Shape::default(), Accelerator::Tcg, 1);
        let backing = Backing::Restored { from_file: false, saved_by: None };
        let restored = Configuration { backing, ..booted.clone() };
        for configuration in [booted, restored] {
            let words = configuration.arguments(&image, LINES);
            assert!(image.boot.devices().iter().all(|word| words.contains(word)), "{words:?}");
        }
    }
}
