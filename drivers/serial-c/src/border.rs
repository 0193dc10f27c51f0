//! What C and Rust know of each other: `c/uart16550.h`, in Rust.

use core::ffi::{c_int, c_void};

use steward_serial::{Register, Registers};

/// `struct uart16550`.
#[repr(C)]
pub(crate) struct State {
    pub read: extern "C" fn(*mut c_void, u8) -> u8,
    pub write: extern "C" fn(*mut c_void, u8, u8),
    pub patience: u32,
    pub burst: u8,
    pub stuck: bool,
    pub errors: u8,
}

const _: () = assert!(size_of::<State>() == 24);

/// `struct uart16550_found`.
#[repr(C)]
pub(crate) struct Found {
    pub absent: c_int,
    pub wrote: u8,
    pub read: i16,
}

const _: () = assert!(size_of::<Found>() == 8);

/// The driver for one way to reach registers.
pub(crate) struct Calls {
    pub start: unsafe extern "C" fn(*mut State, *mut c_void, u16) -> Found,
    pub send: unsafe extern "C" fn(*mut State, *mut c_void, *const u8, usize) -> usize,
    pub flush: unsafe extern "C" fn(*mut State, *mut c_void) -> bool,
    pub receive: unsafe extern "C" fn(*mut State, *mut c_void) -> c_int,
    pub interrupt: unsafe extern "C" fn(*mut State, *mut c_void, bool),
}

// SAFETY: these are the functions of c/uart16550.h with their types.
unsafe extern "C" {
    fn uart16550_start(uart: *mut State, registers: *mut c_void, divisor: u16) -> Found;
    fn uart16550_send(uart: *mut State, registers: *mut c_void, bytes: *const u8, count: usize) -> usize;
    fn uart16550_flush(uart: *mut State, registers: *mut c_void) -> bool;
    fn uart16550_receive(uart: *mut State, registers: *mut c_void) -> c_int;
    fn uart16550_interrupt(uart: *mut State, registers: *mut c_void, enabled: bool);
}

/// By the functions in [`State`].
pub(crate) const CALLING_BACK: Calls = Calls {
    start: uart16550_start,
    send: uart16550_send,
    flush: uart16550_flush,
    receive: uart16550_receive,
    interrupt: uart16550_interrupt,
};

// SAFETY: likewise; only the names differ.
#[cfg(target_os = "none")]
unsafe extern "C" {
    fn uart16550_ports_start(uart: *mut State, registers: *mut c_void, divisor: u16) -> Found;
    fn uart16550_ports_send(uart: *mut State, registers: *mut c_void, bytes: *const u8, count: usize) -> usize;
    fn uart16550_ports_flush(uart: *mut State, registers: *mut c_void) -> bool;
    fn uart16550_ports_receive(uart: *mut State, registers: *mut c_void) -> c_int;
    fn uart16550_ports_interrupt(uart: *mut State, registers: *mut c_void, enabled: bool);
}

/// By port instructions.
#[cfg(target_os = "none")]
pub(crate) const PORTS: Calls = Calls {
    start: uart16550_ports_start,
    send: uart16550_ports_send,
    flush: uart16550_ports_flush,
    receive: uart16550_ports_receive,
    interrupt: uart16550_ports_interrupt,
};

/// The registers by their numbers.
const NUMBERED: [Register; 8] = [
    Register::Data,
    Register::InterruptEnable,
    Register::InterruptOrFifo,
    Register::LineControl,
    Register::ModemControl,
    Register::LineStatus,
    Register::ModemStatus,
    Register::Scratchpad,
];

/// What C calls to read a register of an `R`; a number that is none reads as an empty port.
pub(crate) extern "C" fn read<R: Registers>(registers: *mut c_void, number: u8) -> u8 {
    let Some(&register) = NUMBERED.get(usize::from(number)) else { return 0xff };
    // SAFETY: C passes on what the driver was given, which is the address of an `R` that the caller of the driver has to
    // itself as long as that runs.
    let registers = unsafe { &mut *registers.cast::<R>() };
    registers.read(register)
}

/// What C calls to write one; a number that is none takes nothing.
pub(crate) extern "C" fn write<R: Registers>(registers: *mut c_void, number: u8, value: u8) {
    let Some(&register) = NUMBERED.get(usize::from(number)) else { return };
    // SAFETY: as in `read`: C has the address from the driver's caller, who lends the `R` to nobody else meanwhile.
    let registers = unsafe { &mut *registers.cast::<R>() };
    registers.write(register, value);
}
