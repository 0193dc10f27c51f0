//! What the kernel says when it goes down: panics and CPU exceptions, in words.

mod error_code;
mod exception;

use core::fmt;

use steward_harness_guest::wire::Registers;

pub use error_code::{PageFaultCode, SelectorCode};
pub use exception::{EXCEPTIONS, ErrorCode, Exception};

/// A CPU among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuPlace {
    /// Its number.
    pub number: usize,
    /// How many the kernel has started.
    pub started: usize,
}

/// A panic, ready to print:
///
/// ```text
/// PANIC: MESSAGE at FILE:LINE
/// on CPU 3 of 4
///   #0 0xffffffff80012345
/// ```
pub struct PanicReport<'r> {
    /// Where it happened; `None` where there is one CPU.
    pub cpu: Option<CpuPlace>,
    /// The panic's message.
    pub message: &'r dyn fmt::Display,
    /// Source file of the panic; empty when unknown.
    pub file: &'r str,
    /// Line in `file`.
    pub line: u32,
    /// Return addresses, innermost first.
    pub backtrace: &'r [u64],
}

impl fmt::Display for PanicReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PANIC: {}", self.message)?;
        match self.file {
            "" => writeln!(f)?,
            file => writeln!(f, " at {file}:{}", self.line)?,
        }
        print_cpu(f, self.cpu)?;
        print_backtrace(f, self.backtrace)
    }
}

/// A CPU exception that nobody expected, ready to print:
///
/// ```text
/// FAULT: #PF page fault, error code 0x3 (present, write, supervisor), address 0xffffffff80001000
/// on CPU 3 of 4
/// note: the guard page below the stack
/// rax 0x0000000000000000  rbx …
///   #0 0xffffffff80012345
/// ```
pub struct FaultReport<'r> {
    /// Where it happened; `None` where there is one CPU.
    pub cpu: Option<CpuPlace>,
    /// Exception vector. Anything above 31 is reported as an unexpected interrupt.
    pub vector: u8,
    /// The exception's error code; not looked at for vectors that push none.
    pub error_code: u64,
    /// Registers at the fault.
    pub registers: &'r Registers,
    /// What else is known, such as whose guard page the address is in.
    pub note: Option<&'r str>,
    /// Call stack, the faulting instruction first.
    pub backtrace: &'r [u64],
}

impl fmt::Display for FaultReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FAULT: ")?;
        match EXCEPTIONS.get(usize::from(self.vector)) {
            Some(exception) => self.headline(f, exception)?,
            None => writeln!(f, "INT unexpected interrupt {}", self.vector)?,
        }
        print_cpu(f, self.cpu)?;
        if let Some(note) = self.note {
            writeln!(f, "note: {note}")?;
        }
        print_registers(f, self.registers)?;
        print_backtrace(f, self.backtrace)
    }
}

impl FaultReport<'_> {
    fn headline(&self, f: &mut fmt::Formatter<'_>, exception: &Exception) -> fmt::Result {
        let code = self.error_code;
        write!(f, "{} {}", exception.mnemonic, exception.name)?;
        match exception.error_code {
            ErrorCode::None => {}
            ErrorCode::Plain => write!(f, ", error code {code:#x}")?,
            ErrorCode::Selector => write!(f, ", error code {code:#x} ({})", SelectorCode(code))?,
            ErrorCode::PageFault => {
                let address = self.registers.cr2;
                write!(f, ", error code {code:#x} ({}), address {address:#018x}", PageFaultCode(code))?;
            }
        }
        writeln!(f)
    }
}

fn print_cpu(f: &mut fmt::Formatter<'_>, cpu: Option<CpuPlace>) -> fmt::Result {
    cpu.map_or(Ok(()), |CpuPlace { number, started }| writeln!(f, "on CPU {number} of {started}"))
}

fn print_registers(f: &mut fmt::Formatter<'_>, registers: &Registers) -> fmt::Result {
    let Registers { rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, .. } = *registers;
    let Registers { r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags, cr2, cr3, .. } = *registers;
    // Three fit the 80 columns of the smallest screens.
    let rows: [&[_]; 7] = [
        &[("rax", rax), ("rbx", rbx), ("rcx", rcx)],
        &[("rdx", rdx), ("rsi", rsi), ("rdi", rdi)],
        &[("rbp", rbp), ("rsp", rsp), ("r8", r8)],
        &[("r9", r9), ("r10", r10), ("r11", r11)],
        &[("r12", r12), ("r13", r13), ("r14", r14)],
        &[("r15", r15), ("rip", rip), ("flags", rflags)],
        &[("cr2", cr2), ("cr3", cr3)],
    ];
    for row in rows {
        for (column, (name, value)) in row.iter().enumerate() {
            let separator = if column == 0 { "" } else { "  " };
            write!(f, "{separator}{name:<5} {value:#018x}")?;
        }
        writeln!(f)?;
    }
    Ok(())
}

/// The format that the host looks for to append function, file and line.
fn print_backtrace(f: &mut fmt::Formatter<'_>, backtrace: &[u64]) -> fmt::Result {
    for (index, address) in backtrace.iter().enumerate() {
        writeln!(f, "  #{index} {address:#018x}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
