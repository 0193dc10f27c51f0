//! Which CPU to look at, and what to say about the machine.

use steward_harness_wire::Nonce;

use crate::{artifact::Record, autopsy::Cpu};

/// The registers that a debugger can be given, by its names and by those of QEMU's monitor.
const REGISTERS: [(&str, &str); 18] = [
    ("rax", "RAX"),
    ("rbx", "RBX"),
    ("rcx", "RCX"),
    ("rdx", "RDX"),
    ("rsi", "RSI"),
    ("rdi", "RDI"),
    ("rbp", "RBP"),
    ("rsp", "RSP"),
    ("r8", "R8"),
    ("r9", "R9"),
    ("r10", "R10"),
    ("r11", "R11"),
    ("r12", "R12"),
    ("r13", "R13"),
    ("r14", "R14"),
    ("r15", "R15"),
    ("eflags", "RFL"),
    ("rip", "RIP"),
];

/// Register names of the debugger's, with values.
pub type Registers = Vec<(&'static str, u64)>;

/// Where a debugger starts to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The CPU by which the test most likely failed.
    pub cpu: u32,
    /// Its registers as it stands: in the kernel's last words, if those were heard.
    pub at_end: Registers,
    /// Its registers when it faulted, if it did and the kernel reported that.
    pub at_fault: Option<Registers>,
    /// Where the kernel panicked, as `file:line`, if it did.
    pub panicked_at: Option<String>,
}

impl Scene {
    pub fn new(record: &Record, cpus: &[Cpu]) -> Self {
        let parked = cpus.iter().find(|cpu| has_parked(record, cpu));
        let hung = record.verdict.starts_with("hang");
        let suspect = parked.or_else(|| cpus.iter().min_by_key(|cpu| innocence(cpu, hung)));
        let at_end = suspect.map(|cpu| REGISTERS.map(|(name, monitors)| (name, cpu.register(monitors))).into());
        // Registers of one CPU must not be put into another.
        let fault = record.fault.as_ref().filter(|_| parked.is_some() || cpus.len() == 1);
        Self {
            cpu: suspect.map_or(0, |cpu| cpu.index),
            at_end: at_end.unwrap_or_default(),
            at_fault: fault.and_then(|fault| {
                REGISTERS.iter().map(|&(name, _)| fault.register(name).map(|value| (name, value))).collect()
            }),
            panicked_at: record.panicked_at.clone().filter(|place| is_place(place)),
        }
    }
}

/// Whether this CPU told the host how the test went: it has parked, and knows the nonce.
fn has_parked(record: &Record, cpu: &Cpu) -> bool {
    record.nonce.is_some_and(|nonce| cpu.parked_word(Nonce(nonce)).is_some())
}

/// The smaller, the likelier has the machine failed by this CPU: not by one that was never started, and rather by one
/// that is deaf. Of those, one that waits will never wake, so a hang is its doing; any other end is that of one that runs.
fn innocence(cpu: &Cpu, hung: bool) -> (bool, bool, bool, u32) {
    (cpu.is_asleep(), cpu.interrupts(), cpu.halted != hung, cpu.index)
}

/// Whether a text that a guest calls a place is a path and a line, and nothing that a debugger might evaluate.
fn is_place(text: &str) -> bool {
    let is_path = |path: &str| {
        path.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '/')
            && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte))
    };
    let is_line = |line: &str| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    text.rsplit_once(':').is_some_and(|(path, line)| is_path(path) && is_line(line))
}

/// What was kept, in a few lines. Control characters, which may come from a guest, are replaced.
pub fn headline(record: &Record) -> String {
    let Record { test, verdict, why, file, line, seed, machine, accelerator, qemu, .. } = record;
    let cpus = if machine.cpus == 1 { "1 CPU".into() } else { format!("{} CPUs", machine.cpus) };
    let lines = [
        format!("{test}: {verdict}: {}", why.replace('\n', "; ")),
        format!("  test at {file}:{line}, seed {seed:#018x}"),
        format!("  {}, {cpus} ({}), {} MiB; {accelerator}, QEMU {qemu}", machine.kind, machine.cpu, machine.memory_mib),
    ];
    let printable = |character: char| if character.is_control() { '\u{fffd}' } else { character };
    lines.map(|line| line.chars().map(printable).chain(['\n']).collect::<String>()).concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::artifact::{FORMAT, Fault, Hexadecimal, Machine};

    const NONCE: u64 = 0x1234_5678_9abc_def0;
    const INTERRUPTS_ON: u64 = 0x202;
    const INTERRUPTS_OFF: u64 = 0x2;

    fn record() -> Record {
        let registers: BTreeMap<_, _> =
            REGISTERS.iter().zip(100..).map(|((name, _), value)| ((*name).into(), Hexadecimal(value))).collect();
        Record {
            format: FORMAT,
            test: "k::smp".into(),
            file: "k/src/smp.rs".into(),
            line: 7,
            verdict: "cpu-fault".into(),
            why: "#DE".into(),
            seed: 5,
            nonce: Some(NONCE),
            fault: Some(Fault { vector: 0, error_code: 0, registers }),
            panicked_at: None,
            machine: Machine { kind: "q35".into(), cpus: 4, memory_mib: 128, cpu: "max".into(), memory_in_file: true },
            medium: None,
            accelerator: "tcg".into(),
            slots: 1,
            command_line: String::new(),
            qemu: "7.2.22".into(),
            report: String::new(),
        }
    }

    fn cpu(index: u32, halted: bool, flags: u64) -> Cpu {
        let registers = [("CR0", 1 << 31), ("RFL", flags), ("RIP", 0x1000 + u64::from(index))];
        let registers = registers.map(|(name, value)| (name.into(), value)).into();
        Cpu { index, halted, long_mode: true, registers, stack: Vec::new() }
    }

    fn parked(index: u32) -> Cpu {
        let mut cpu = cpu(index, true, INTERRUPTS_OFF);
        cpu.registers.insert("RDX".into(), NONCE);
        cpu
    }

    #[test]
    fn the_cpu_that_parked_with_the_nonce_is_looked_at_with_its_registers_at_the_fault() {
        let cpus =
            [cpu(0, false, INTERRUPTS_OFF), cpu(1, true, INTERRUPTS_OFF), parked(2), cpu(3, true, INTERRUPTS_ON)];
        let scene = Scene::new(&record(), &cpus);
        assert_eq!(scene.cpu, 2);
        assert_eq!(scene.at_fault.unwrap()[0], ("rax", 100));
        assert!(scene.at_end.contains(&("rip", 0x1002)));
    }

    #[test]
    fn when_no_cpu_parked_the_busy_deaf_one_is_looked_at_and_keeps_its_own_registers() {
        let never_started = Cpu { index: 0, halted: true, ..Cpu::default() };
        let cpus =
            [never_started, cpu(1, false, INTERRUPTS_ON), cpu(2, true, INTERRUPTS_OFF), cpu(3, false, INTERRUPTS_OFF)];
        let scene = Scene::new(&record(), &cpus);
        assert_eq!((scene.cpu, scene.at_fault), (3, None));
        let hung = Record { verdict: "hang-interrupts-off".into(), ..record() };
        assert_eq!(Scene::new(&hung, &cpus).cpu, 2);
        assert_eq!(Scene::new(&record(), &[]).cpu, 0);
    }

    #[test]
    fn a_fault_with_a_register_missing_is_not_shown_by_half() {
        let mut record = record();
        record.fault.as_mut().unwrap().registers.remove("rsp");
        assert_eq!(Scene::new(&record, &[parked(0)]).at_fault, None);
    }

    #[test]
    fn a_place_that_a_debugger_might_evaluate_is_dropped() {
        let place = |text: &str| {
            let record = Record { panicked_at: Some(text.into()), ..record() };
            Scene::new(&record, &[parked(0)]).panicked_at
        };
        assert_eq!(
            place("harness/fixtures/src/bin/panic.rs:13").as_deref(),
            Some("harness/fixtures/src/bin/panic.rs:13")
        );
        for hostile in ["*$_shell(\"id\"):1", "a.rs:1\nshell id", "a b:1", "-q:1", "a.rs:", "a.rs:1x", ""] {
            assert_eq!(place(hostile), None, "{hostile:?}");
        }
    }

    #[test]
    fn the_headline_says_what_it_is_and_cannot_act_on_a_terminal() {
        let record = Record { why: "\x1b]0;gone\x07 sum is off\n left: 1".into(), ..record() };
        let text = headline(&record);
        assert!(text.contains("k::smp: cpu-fault: ") && text.contains("k/src/smp.rs:7"), "{text}");
        assert!(text.contains("q35, 4 CPUs (max), 128 MiB; tcg, QEMU 7.2.22"), "{text}");
        assert!(!text.contains('\x1b') && !text.contains('\x07'), "{text:?}");
        assert!(text.contains("sum is off;  left: 1\n"), "{text:?}");
    }
}
