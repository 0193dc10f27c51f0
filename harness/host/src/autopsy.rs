//! A machine that stands still: the registers and call stacks of its CPUs, through QEMU's monitor.

use std::{
    collections::HashMap,
    fmt::Write,
    thread::sleep,
    time::{Duration, Instant},
};

use steward_harness_wire::Nonce;

use crate::{symbols::Symbols, vm::Vm};

/// How long QEMU may take to answer one question.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// How long the whole autopsy may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Frames of a stack that are followed.
const DEEPEST: usize = 32;
/// How often a running machine is looked at before it is stopped: a CPU that wakes now and then, or is inside an
/// interrupt handler at one moment, shows its true state at another.
const LOOKS: usize = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(4);

/// RFLAGS.IF, Intel SDM volume 1, section 3.4.3.
const INTERRUPT_FLAG: u64 = 1 << 9;
/// CR0.PG, Intel SDM volume 3, section 2.5.
const PAGING: u64 = 1 << 31;

/// One CPU's registers, as far as an autopsy reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Its number.
    pub index: u32,
    /// It has executed `hlt`, or was never started, and waits.
    pub halted: bool,
    /// It runs 64-bit code.
    pub long_mode: bool,
    /// Registers by QEMU's names (`RIP`, `RFL`, `CR3`); those of 32-bit code by their 64-bit names.
    pub registers: HashMap<String, u64>,
    /// Addresses on its stack: the instruction it stands at, then return addresses, innermost first.
    pub stack: Vec<u64>,
}

impl Cpu {
    /// A register's value; 0 for one that QEMU did not state.
    #[must_use]
    pub fn register(&self, name: &str) -> u64 {
        self.registers.get(name).copied().unwrap_or(0)
    }

    /// Whether it takes interrupts.
    #[must_use]
    pub fn interrupts(&self) -> bool {
        self.register("RFL") & INTERRUPT_FLAG != 0
    }

    /// Whether it still stands where a reset put it: it was never started (Intel SDM volume 3, table 9-1).
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.halted && self.register("CR0") & PAGING == 0
    }

    /// The word with which a kernel parked on it after the run of this nonce; `None` when it did not (see
    /// [`word`](steward_harness_wire::word)).
    #[must_use]
    pub fn parked_word(&self, nonce: Nonce) -> Option<u64> {
        let parked = self.halted && !self.interrupts() && self.register("RDX") == nonce.0;
        parked.then(|| self.register("RAX"))
    }

    /// Whether it executes the firmware: no paging, and either below 1 MiB or in the ROM below 4 GiB.
    #[must_use]
    pub fn is_in_firmware(&self) -> bool {
        let rip = self.register("RIP");
        self.register("CR0") & PAGING == 0 && !(1 << 20..0xffc0_0000).contains(&rip)
    }
}

/// Stops a machine, if it does not stand still already, and reads the registers of its CPUs; their stacks are not
/// walked.
///
/// # Errors
/// QEMU's complaint, or that it did not answer.
pub fn registers_of_stopped(vm: &mut Vm) -> Result<Vec<Cpu>, String> {
    vm.ask("stop", None, ANSWER_LIMIT)?;
    Ok(parse_registers(&vm.monitor("info registers -a", 0, ANSWER_LIMIT)?))
}

/// The machine at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Autopsy {
    /// Its CPUs.
    pub cpus: Vec<Cpu>,
    /// At some look, every CPU was halted.
    pub all_halted: bool,
    /// At some look, the first CPU took interrupts.
    pub interrupts: bool,
    /// The bytes before and at the first CPU's instruction: what it did last.
    pub code: Vec<u8>,
}

impl Autopsy {
    /// Examines a machine that stands still already.
    ///
    /// # Errors
    /// QEMU's complaint, or that it did not answer.
    pub fn of_stopped(vm: &mut Vm) -> Result<Self, String> {
        let deadline = Instant::now() + LIMIT;
        let mut autopsy = Self::default();
        autopsy.look(vm)?;
        autopsy.walk(vm, deadline);
        Ok(autopsy)
    }

    /// Examines a machine that runs: looks at it a few times, then stops it.
    ///
    /// # Errors
    /// As [`Autopsy::of_stopped`].
    pub fn of_running(vm: &mut Vm) -> Result<Self, String> {
        let deadline = Instant::now() + LIMIT;
        let mut autopsy = Self::default();
        for _ in 0..LOOKS {
            autopsy.look(vm)?;
            sleep(BETWEEN_LOOKS);
        }
        vm.ask("stop", None, ANSWER_LIMIT)?;
        autopsy.look(vm)?;
        autopsy.walk(vm, deadline);
        Ok(autopsy)
    }

    fn look(&mut self, vm: &mut Vm) -> Result<(), String> {
        self.cpus = parse_registers(&vm.monitor("info registers -a", 0, ANSWER_LIMIT)?);
        self.all_halted |= !self.cpus.is_empty() && self.cpus.iter().all(|cpu| cpu.halted);
        self.interrupts |= self.cpus.first().is_some_and(Cpu::interrupts);
        Ok(())
    }

    fn walk(&mut self, vm: &mut Vm, deadline: Instant) {
        for cpu in &mut self.cpus {
            if cpu.long_mode && !cpu.is_asleep() && Instant::now() < deadline {
                cpu.stack = walk_stack(vm, cpu);
            }
        }
        if let Some(first) = self.cpus.first() {
            let start = first.register("RIP").saturating_sub(2);
            let dump = vm.monitor(&format!("x/4xb {start:#x}"), 0, ANSWER_LIMIT).unwrap_or_default();
            self.code = parse_numbers(&dump).into_iter().filter_map(|number| u8::try_from(number).ok()).collect();
        }
    }

    /// Whether the first CPU was executing `out`, which is how a guest asks for a reset: the instruction stands at or
    /// before the address in RIP (opcodes E6, E7 with an immediate port, EE, EF; Intel SDM volume 2, "OUT").
    #[must_use]
    pub fn was_at_out(&self) -> bool {
        let [two_before, before, at, ..] = self.code[..] else { return false };
        matches!(two_before, 0xe6 | 0xe7) || matches!(before, 0xee | 0xef) || matches!(at, 0xe6 | 0xe7 | 0xee | 0xef)
    }

    /// The autopsy in words, each address with its function and line.
    #[must_use]
    pub fn describe(&self, symbols: Option<&Symbols>) -> String {
        let mut text = String::new();
        let (parked, shown): (Vec<_>, Vec<_>) = self.cpus.iter().partition(|cpu| cpu.is_asleep());
        for cpu in shown {
            describe_cpu(&mut text, cpu, symbols);
        }
        if !parked.is_empty() {
            let numbers: Vec<String> = parked.iter().map(|cpu| cpu.index.to_string()).collect();
            // Writing into a String cannot fail; so below.
            let _ = writeln!(text, "never started: CPU {}", numbers.join(", "));
        }
        text
    }
}

fn describe_cpu(text: &mut String, cpu: &Cpu, symbols: Option<&Symbols>) {
    let state = if cpu.halted { "halted" } else { "running" };
    let interrupts = if cpu.interrupts() { "on" } else { "off" };
    let mode = if cpu.long_mode { "" } else { ", not in 64-bit mode" };
    let _ = writeln!(text, "CPU {}: {state}, interrupts {interrupts}{mode}", cpu.index);
    for names in [&["RIP", "RSP", "RBP", "RFL"][..], &["RAX", "RBX", "RCX", "RDX"], &["CR0", "CR2", "CR3", "CR4"]] {
        let values: Vec<String> = names.iter().map(|name| format!("{name} {:#018x}", cpu.register(name))).collect();
        let _ = writeln!(text, "  {}", values.join("  "));
    }
    let stack = if cpu.stack.is_empty() { vec![cpu.register("RIP")] } else { cpu.stack.clone() };
    text.push_str(&crate::symbols::describe_stack(&stack, true, symbols));
}

/// Follows the frame pointers: at RBP stand the caller's RBP and the return address.
fn walk_stack(vm: &mut Vm, cpu: &Cpu) -> Vec<u64> {
    let mut stack = vec![cpu.register("RIP")];
    let mut frame = cpu.register("RBP");
    while stack.len() < DEEPEST && frame != 0 && frame.is_multiple_of(8) {
        let dump = vm.monitor(&format!("x/2gx {frame:#x}"), cpu.index, ANSWER_LIMIT).unwrap_or_default();
        let [caller, address] = parse_numbers(&dump)[..] else { break };
        if address == 0 {
            break;
        }
        stack.push(address);
        // Stacks grow down, so a caller's frame lies higher; anything else is not a chain of frames.
        if caller <= frame {
            break;
        }
        frame = caller;
    }
    stack
}

/// Numbers of a memory dump: `ffffffff80000000: 0x0000000000000001 0x0000000000000002`.
fn parse_numbers(dump: &str) -> Vec<u64> {
    let values =
        dump.lines().filter_map(|line| line.split_once(": ")).flat_map(|(_, values)| values.split_whitespace());
    values.filter_map(|value| u64::from_str_radix(value.strip_prefix("0x")?, 16).ok()).collect()
}

/// Reads `info registers -a`.
fn parse_registers(text: &str) -> Vec<Cpu> {
    let mut cpus = Vec::new();
    for part in text.split("CPU#").skip(1) {
        let (number, rest) = part.split_once(['\n', '\r']).unwrap_or((part, ""));
        let mut cpu = Cpu { index: number.trim().parse().unwrap_or(0), ..Cpu::default() };
        for line in rest.lines().take_while(|line| !line.starts_with("FCW")) {
            // `R8 =0000…`: the name is padded.
            for word in line.replace(" =", "=").split_whitespace() {
                take_register(&mut cpu, word);
            }
        }
        cpus.push(cpu);
    }
    cpus
}

fn take_register(cpu: &mut Cpu, word: &str) {
    let Some((name, value)) = word.split_once('=') else { return };
    let Ok(value) = u64::from_str_radix(value, 16) else { return };
    match name {
        "HLT" => cpu.halted = value != 0,
        "RIP" => cpu.long_mode = true,
        _ => {}
    }
    // 32-bit names: EAX, EIP, EFL.
    let name = match name.strip_prefix('E') {
        Some(rest) if name.len() == 3 => format!("R{rest}"),
        _ => name.into(),
    };
    cpu.registers.entry(name).or_insert(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_CPUS: &str = "\nCPU#0\n\
        RAX=0000000000000007 RBX=0000000000000000 RCX=00000000000003f8 RDX=0000000000000000\n\
        RSI=0000000000000000 RDI=0000000000000000 RBP=ffffffff80010ff0 RSP=ffffffff80010fd0\n\
        R8 =0000000000000008 R9 =0000000000000000 R10=0000000000000000 R11=0000000000000000\n\
        RIP=ffffffff80001234 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\n\
        ES =0000 0000000000000000 00000000 00000000\n\
        IDT=     ffffffff80020000 00000fff\n\
        CR0=80010033 CR2=00000000deadbeef CR3=0000000000102000 CR4=00000668\n\
        FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80\n\
        FPR0=0000000000000000 0000 FPR1=0000000000000000 0000\n\
        \n\
        CPU#1\n\
        EAX=00000000 EBX=00000000 ECX=00000000 EDX=00060fb1\n\
        EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1\n\
        CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000\n";

    #[test]
    fn registers_are_read_in_both_modes() {
        let cpus = parse_registers(TWO_CPUS);
        assert_eq!(cpus.len(), 2);
        let [first, second] = &cpus[..] else { unreachable!() };
        assert!(first.long_mode && first.halted && first.interrupts() && !first.is_asleep() && !first.is_in_firmware());
        assert_eq!(first.register("RIP"), 0xffff_ffff_8000_1234);
        assert_eq!((first.register("R8"), first.register("CR2")), (8, 0xdead_beef));
        assert!(!second.long_mode && second.is_asleep() && second.is_in_firmware() && !second.interrupts());
        assert_eq!(second.index, 1);
        assert_eq!(second.register("RDX"), 0x0006_0fb1);
    }

    #[test]
    fn memory_dumps_are_read_and_complaints_give_nothing() {
        assert_eq!(
            parse_numbers("0000000000100000: 0x0f001000091d010f 0x000000000000000b\n"),
            [0x0f00_1000_091d_010f, 11]
        );
        assert!(parse_numbers("ffff800000000000: Cannot access memory\n").is_empty());
        assert!(parse_numbers("").is_empty());
    }

    #[test]
    fn a_reset_by_port_is_told_by_the_instruction() {
        let at_out = |code: &[u8]| Autopsy { code: code.into(), ..Autopsy::default() }.was_at_out();
        assert!(at_out(&[0x90, 0xee, 0xf4, 0xf4]));
        assert!(at_out(&[0xe6, 0x64, 0xf4, 0xf4]));
        assert!(at_out(&[0x90, 0x90, 0xee, 0xf4]));
        assert!(!at_out(&[0x0f, 0x0b, 0x0f, 0x0b]));
        assert!(!at_out(&[]));
    }

    #[test]
    fn the_description_names_every_cpu() {
        let autopsy = Autopsy { cpus: parse_registers(TWO_CPUS), ..Autopsy::default() };
        let text = autopsy.describe(None);
        assert!(text.contains("CPU 0: halted, interrupts on"), "{text}");
        assert!(text.contains("RIP 0xffffffff80001234"), "{text}");
        assert!(text.contains("  #0 0xffffffff80001234"), "{text}");
        assert!(text.contains("never started: CPU 1"), "{text}");
    }
}
