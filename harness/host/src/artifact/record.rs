//! What `artifact.json` says.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use steward_harness_wire::Registers;

use super::{About, store};
use crate::{
    Version,
    image::{Attach, Boot, Firmware, Image},
    machine::{Accelerator, Backing, Configuration, Kind, Memory, ParseError, Screen, Shape},
    report::details,
    session::{Evidence, Heard, Said},
    symbols::Symbols,
};

/// Version of the format of `artifact.json`. It grows when an older reader would misunderstand a newer file.
pub const FORMAT: u32 = 3;
/// The version that says all about a machine with a medium and no screen.
const WITHOUT_SCREEN: u32 = 2;
/// The version that says all about a machine without a medium.
const WITHOUT_MEDIUM: u32 = 1;

/// What is known about a machine that is kept. Everything in it may come from a guest that has gone mad, or from a
/// stranger: nothing of it is executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`FORMAT`], or an older version when that says it all.
    pub format: u32,
    /// Full name of the test.
    pub test: String,
    /// Its source file, as the compiler was told it.
    pub file: String,
    /// Line of the test's attribute.
    pub line: u32,
    /// The verdict's short name; see [`crate::verdict::Verdict::id`].
    pub verdict: String,
    /// The verdict's reason in words.
    pub why: String,
    /// The seed that the test was given.
    #[serde(with = "hexadecimal")]
    pub seed: u64,
    /// The nonce of its run: a CPU that has parked holds it in RDX.
    #[serde(with = "optional_hexadecimal")]
    pub nonce: Option<u64>,
    /// The exception that ended it, if one did.
    pub fault: Option<Fault>,
    /// Where the kernel panicked, as `file:line`, if it did and knew.
    pub panicked_at: Option<String>,
    /// The machine.
    pub machine: Machine,
    /// What it booted from, when that was a medium.
    pub medium: Option<BootMedium>,
    /// What executed it: `tcg` or `kvm`.
    pub accelerator: String,
    /// See [`Configuration::slots`].
    pub slots: u32,
    /// The kernel's command line, when QEMU gave it one. It says what was done; the machine does not need it again.
    pub command_line: String,
    /// Version of the QEMU that ran it.
    pub qemu: String,
    /// What everybody saw: witnesses, call stacks, the log's last lines.
    pub report: String,
}

/// The parts of a machine, as [`Shape`] has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// QEMU's name for the machine type.
    pub kind: String,
    /// Number of CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// CPU model.
    pub cpu: String,
    /// Its memory was a file: QEMU then knows it by another name, and finds it again only under the same.
    pub memory_in_file: bool,
}

/// The medium of a machine, a part of it. The files lie beside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootMedium {
    /// How it was plugged in; see [`Attach`].
    pub attach: String,
    /// The machine had UEFI firmware in a flash chip.
    pub uefi: bool,
    /// The machine had a VGA card for what is on the medium.
    #[serde(default)]
    pub screen: bool,
}

/// An exception as the kernel reported it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its vector.
    pub vector: u8,
    /// Its error code.
    #[serde(with = "hexadecimal")]
    pub error_code: u64,
    /// The registers at the fault, by the debugger's names, in hexadecimal digits.
    pub registers: BTreeMap<String, Hexadecimal>,
}

/// A number that is written as `0x1f`: most programs that read JSON cannot hold 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hexadecimal(#[serde(with = "hexadecimal")] pub u64);

impl Record {
    /// What is to be written about this machine.
    #[must_use]
    pub fn new(about: &About<'_>, memory_in_file: bool) -> Self {
        let About { report, emulator, configuration, image } = about;
        let Configuration { shape, accelerator, slots, command_line, .. } = configuration;
        let medium = match &image.boot {
            Boot::Direct { .. } => None,
            Boot::Medium { attach, firmware, screen, .. } => {
                Some(BootMedium { attach: attach.to_string(), uefi: *firmware != Firmware::Bios, screen: *screen })
            }
        };
        Self {
            format: match &medium {
                Some(BootMedium { screen: true, .. }) => FORMAT,
                Some(_) => WITHOUT_SCREEN,
                None => WITHOUT_MEDIUM,
            },
            test: report.test.name.clone(),
            file: report.test.file.clone(),
            line: report.test.line,
            verdict: report.judgement.verdict.id().into(),
            why: report.judgement.why.clone(),
            seed: report.seed,
            nonce: report.evidence.as_ref().and_then(|evidence| evidence.nonce).map(|nonce| nonce.0),
            fault: report.evidence.as_ref().and_then(Fault::in_evidence),
            panicked_at: report.evidence.as_ref().and_then(panicked_at),
            machine: Machine {
                kind: shape.kind.to_string(),
                cpus: shape.cpus,
                memory_mib: shape.memory.mib(),
                cpu: shape.cpu.clone(),
                memory_in_file,
            },
            // A medium has a command line of its own, which only the loader has read.
            command_line: if medium.is_some() { String::new() } else { command_line.clone() },
            medium,
            accelerator: accelerator.to_string(),
            slots: *slots,
            qemu: emulator.version().to_string(),
            report: details(report, &Symbols::of(&image.elf)).text(),
        }
    }

    /// What the machine was booted from, its files being in this directory.
    ///
    /// # Errors
    /// Says what of it this harness does not know.
    pub(super) fn image(&self, directory: &Path) -> Result<Image, String> {
        let kernel = directory.join(store::KERNEL);
        let Some(BootMedium { attach, uefi, screen }) = &self.medium else { return Ok(Image::bare(&kernel)) };
        let attach: Attach = attach.parse().map_err(|error: ParseError| error.to_string())?;
        let code = directory.join(store::FIRMWARE);
        let firmware = if *uefi { Firmware::Uefi { code } } else { Firmware::Bios };
        let make = if *screen { Image::of_medium } else { Image::on_medium };
        Ok(make(&kernel, &directory.join(store::MEDIUM), attach, firmware))
    }

    /// The machine that the state fits, as this QEMU makes it.
    ///
    /// # Errors
    /// Says what of it this harness does not know.
    pub fn configuration(&self, emulator: Version) -> Result<Configuration, String> {
        let Machine { kind, cpus, memory_mib, cpu, memory_in_file } = &self.machine;
        let shape = Shape {
            kind: kind.parse::<Kind>().map_err(|error| error.to_string())?,
            cpus: *cpus,
            memory: Memory::from_mib(*memory_mib).ok_or_else(|| format!("{memory_mib} MiB is no amount of memory"))?,
            cpu: cpu.clone(),
        };
        let accelerator = match self.accelerator.as_str() {
            "tcg" => Accelerator::Tcg,
            "kvm" => Accelerator::Kvm,
            other => return Err(format!("`{other}` is no accelerator")),
        };
        let saved_by = Version::parse(&self.qemu).filter(|version| *version != emulator);
        let backing = Backing::Restored { from_file: *memory_in_file, saved_by };
        let command_line = self.command_line.clone();
        Ok(Configuration {
            shape,
            accelerator,
            slots: self.slots,
            command_line,
            gdb: None,
            backing,
            serial: true,
            screen: Screen::None,
        })
    }
}

impl Fault {
    fn in_evidence(evidence: &Evidence) -> Option<Self> {
        evidence.heard.iter().rev().find_map(|heard| match heard {
            Heard::Record { said: Said::Faulted { vector, error_code, registers, .. }, .. } => Some(Self {
                vector: *vector,
                error_code: *error_code,
                registers: named(registers)
                    .into_iter()
                    .map(|(name, value)| (name.into(), Hexadecimal(value)))
                    .collect(),
            }),
            _ => None,
        })
    }

    /// A register's value; `None` for one that was not reported.
    #[must_use]
    pub fn register(&self, name: &str) -> Option<u64> {
        self.registers.get(name).map(|value| value.0)
    }
}

fn panicked_at(evidence: &Evidence) -> Option<String> {
    evidence.heard.iter().rev().find_map(|heard| match heard {
        Heard::Record { said: Said::Panicked { place, .. }, .. } if !place.is_empty() => Some(place.clone()),
        _ => None,
    })
}

/// The registers by the debugger's names.
fn named(registers: &Registers) -> [(&'static str, u64); 20] {
    let &Registers {
        rax,
        rbx,
        rcx,
        rdx,
        rsi,
        rdi,
        rbp,
        rsp,
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
        rip,
        rflags,
        cr2,
        cr3,
    } = registers;
    [
        ("rax", rax),
        ("rbx", rbx),
        ("rcx", rcx),
        ("rdx", rdx),
        ("rsi", rsi),
        ("rdi", rdi),
        ("rbp", rbp),
        ("rsp", rsp),
        ("r8", r8),
        ("r9", r9),
        ("r10", r10),
        ("r11", r11),
        ("r12", r12),
        ("r13", r13),
        ("r14", r14),
        ("r15", r15),
        ("rip", rip),
        ("eflags", rflags),
        ("cr2", cr2),
        ("cr3", cr3),
    ]
}

mod hexadecimal {
    use super::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:#x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or("");
        u64::from_str_radix(digits, 16)
            .map_err(|_| serde::de::Error::custom(format!("{text:?} is no number like 0x1f")))
    }
}

mod optional_hexadecimal {
    use super::{Deserialize, Deserializer, Hexadecimal, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(Hexadecimal).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        Ok(Option::<Hexadecimal>::deserialize(deserializer)?.map(|value| value.0))
    }
}
