//! Error codes of exceptions, in words.

use core::fmt;

/// Error code of a page fault (Intel SDM volume 3, section 4.7, figure 4-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFaultCode(pub u64);

impl fmt::Display for PageFaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bit = |number: u32| self.0 & 1 << number != 0;
        // Bit 4, instruction fetch, excludes bit 1, write.
        let access = match (bit(4), bit(1)) {
            (true, _) => "instruction fetch",
            (false, true) => "write",
            (false, false) => "read",
        };
        let cause = if bit(0) { "present" } else { "not present" };
        let mode = if bit(2) { "user" } else { "supervisor" };
        write!(f, "{cause}, {access}, {mode}")?;
        let more =
            [(3, "reserved bit set"), (5, "protection key"), (6, "shadow stack"), (7, "HLAT paging"), (15, "SGX")];
        for (_, meaning) in more.into_iter().filter(|&(number, _)| bit(number)) {
            write!(f, ", {meaning}")?;
        }
        match self.0 & !0x80ff {
            0 => Ok(()),
            unknown => write!(f, ", unknown bits {unknown:#x}"),
        }
    }
}

/// Error code that names a segment selector or a gate (Intel SDM volume 3, section 6.13, figure 6-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectorCode(pub u64);

impl fmt::Display for SelectorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, external) = (self.0 >> 3 & 0x1fff, self.0 & 1 != 0);
        match self.0 & 0xffff {
            0 | 1 => f.write_str("no selector")?,
            code if code & 2 != 0 => write!(f, "IDT entry {index}")?,
            code if code & 4 != 0 => write!(f, "LDT entry {index}")?,
            _ => write!(f, "GDT entry {index}")?,
        }
        if external {
            f.write_str(", external event")?;
        }
        match self.0 >> 16 {
            0 => Ok(()),
            _ => write!(f, ", unknown bits {:#x}", self.0 & !0xffff),
        }
    }
}
