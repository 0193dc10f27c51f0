//! The 32 exception vectors.

/// What a CPU pushes with an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// Nothing.
    None,
    /// A code without bits of its own meaning here.
    Plain,
    /// A code that names a segment selector or a gate; see [`SelectorCode`](super::SelectorCode).
    Selector,
    /// A code that describes the access; see [`PageFaultCode`](super::PageFaultCode).
    PageFault,
}

/// An exception vector (Intel SDM volume 3, section 6.3.1, table 6-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Its mnemonic, such as `#PF`. The manual gives none to vector 2, called `NMI` here, and to vector 9 and the
    /// reserved ones, which are called by number.
    pub mnemonic: &'static str,
    /// Its name in words.
    pub name: &'static str,
    /// What is pushed with it.
    pub error_code: ErrorCode,
}

const fn exception(mnemonic: &'static str, name: &'static str, error_code: ErrorCode) -> Exception {
    Exception { mnemonic, name, error_code }
}

const fn reserved(mnemonic: &'static str) -> Exception {
    exception(mnemonic, "reserved exception", ErrorCode::None)
}

/// The exceptions by vector: Intel SDM volume 3, section 6.3.1, and for vectors 28 to 30, which Intel reserves, AMD64
/// Architecture Programmer's Manual volume 2, section 8.2.
pub const EXCEPTIONS: [Exception; 32] = [
    exception("#DE", "divide error", ErrorCode::None),
    exception("#DB", "debug exception", ErrorCode::None),
    exception("NMI", "non-maskable interrupt", ErrorCode::None),
    exception("#BP", "breakpoint", ErrorCode::None),
    exception("#OF", "overflow", ErrorCode::None),
    exception("#BR", "bound range exceeded", ErrorCode::None),
    exception("#UD", "invalid opcode", ErrorCode::None),
    exception("#NM", "device not available", ErrorCode::None),
    exception("#DF", "double fault", ErrorCode::Plain),
    exception("#9", "coprocessor segment overrun", ErrorCode::None),
    exception("#TS", "invalid TSS", ErrorCode::Selector),
    exception("#NP", "segment not present", ErrorCode::Selector),
    exception("#SS", "stack-segment fault", ErrorCode::Selector),
    exception("#GP", "general protection fault", ErrorCode::Selector),
    exception("#PF", "page fault", ErrorCode::PageFault),
    reserved("#15"),
    exception("#MF", "x87 floating-point error", ErrorCode::None),
    exception("#AC", "alignment check", ErrorCode::Plain),
    exception("#MC", "machine check", ErrorCode::None),
    exception("#XM", "SIMD floating-point exception", ErrorCode::None),
    exception("#VE", "virtualization exception", ErrorCode::None),
    exception("#CP", "control protection exception", ErrorCode::Plain),
    reserved("#22"),
    reserved("#23"),
    reserved("#24"),
    reserved("#25"),
    reserved("#26"),
    reserved("#27"),
    exception("#HV", "hypervisor injection exception", ErrorCode::None),
    exception("#VC", "VMM communication exception", ErrorCode::Plain),
    exception("#SX", "security exception", ErrorCode::Plain),
    reserved("#31"),
];
