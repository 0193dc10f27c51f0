//! The eight registers of a 16550, and who reaches them.

/// A register by its offset from the port's base ("Summary of Registers").
///
/// Three offsets mean different registers when read, when written, or while the divisor latch access bit
/// ([`line_control::DIVISOR_LATCH`]) is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Register {
    /// Receiver buffer when read, transmitter holding register when written; low divisor byte under the latch bit.
    Data = 0,
    /// "Interrupt Enable Register", see [`interrupt_enable`]; high divisor byte under the latch bit.
    InterruptEnable = 1,
    /// "Interrupt Identification Register" when read, see [`interrupt_identification`]; "FIFO Control Register" when
    /// written, see [`fifo_control`].
    InterruptOrFifo = 2,
    /// "Line Control Register", see [`line_control`].
    LineControl = 3,
    /// "Modem Control Register", see [`modem_control`].
    ModemControl = 4,
    /// "Line Status Register", see [`line_status`]. Reading it clears its error bits.
    LineStatus = 5,
    /// "Modem Status Register".
    ModemStatus = 6,
    /// "Scratchpad Register": a byte without a meaning.
    Scratchpad = 7,
}

impl Register {
    /// Distance from the port's base address, in registers.
    #[must_use]
    pub const fn offset(self) -> u8 {
        self as u8
    }
}

/// How the driver reaches its chip.
///
/// An implementation performs exactly the accesses asked for, in order: reading some registers changes the chip.
/// Whoever holds it is the only one who talks to that chip.
pub trait Registers {
    /// Reads a register.
    fn read(&mut self, register: Register) -> u8;
    /// Writes a register.
    fn write(&mut self, register: Register, value: u8);

    /// The first of eight I/O ports, if port instructions reach the registers and nothing has to happen besides: a driver
    /// in another language may use them then. `None` unless an implementation says so.
    fn first_port(&self) -> Option<u16> {
        None
    }
}

impl<R: Registers + ?Sized> Registers for &mut R {
    fn read(&mut self, register: Register) -> u8 {
        (**self).read(register)
    }
    fn write(&mut self, register: Register, value: u8) {
        (**self).write(register, value);
    }
    fn first_port(&self) -> Option<u16> {
        (**self).first_port()
    }
}

/// Bits of the "Interrupt Enable Register".
pub mod interrupt_enable {
    /// Interrupt when received data is available, and on the FIFO's character timeout.
    pub const RECEIVED_DATA: u8 = 1 << 0;
}

/// Bits of the "Interrupt Identification Register".
pub mod interrupt_identification {
    /// Set while *no* interrupt is pending.
    pub const NOT_PENDING: u8 = 1 << 0;
    /// Which interrupt is pending.
    pub const CAUSE: u8 = 0b111 << 1;
    /// In [`CAUSE`]: received data is available.
    pub const CAUSE_RECEIVED_DATA: u8 = 0b010 << 1;
    /// Both set while the FIFOs work; a 16450 and the first, faulty 16550 don't set both.
    pub const FIFOS_ENABLED: u8 = 0b11 << 6;
}

/// Bits of the "FIFO Control Register".
pub mod fifo_control {
    /// Use both FIFOs.
    pub const ENABLE: u8 = 1 << 0;
    /// Empty the receiver FIFO.
    pub const CLEAR_RECEIVER: u8 = 1 << 1;
    /// Empty the transmitter FIFO.
    pub const CLEAR_TRANSMITTER: u8 = 1 << 2;
    /// Interrupt at 14 received bytes (or, with fewer, when the line falls silent).
    pub const TRIGGER_AT_14: u8 = 0b11 << 6;
}

/// Bits of the "Line Control Register".
pub mod line_control {
    /// 8 data bits, no parity, 1 stop bit.
    pub const EIGHT_N_ONE: u8 = 0b011;
    /// Makes the first two registers the divisor of the "Programmable Baud Generator".
    pub const DIVISOR_LATCH: u8 = 1 << 7;
}

/// Bits of the "Modem Control Register".
pub mod modem_control {
    /// Data terminal ready.
    pub const DATA_TERMINAL_READY: u8 = 1 << 0;
    /// Request to send.
    pub const REQUEST_TO_SEND: u8 = 1 << 1;
    /// The second free output, which on a PC lets the chip's interrupt reach the interrupt controller.
    pub const OUT_2: u8 = 1 << 3;
    /// The transmitter feeds the receiver; the line is idle.
    pub const LOOP_BACK: u8 = 1 << 4;
}

/// Bits of the "Line Status Register".
pub mod line_status {
    /// At least one byte waits to be read.
    pub const DATA_READY: u8 = 1 << 0;
    /// Bytes were lost.
    pub const OVERRUN: u8 = 1 << 1;
    /// The next byte has a wrong parity bit.
    pub const PARITY: u8 = 1 << 2;
    /// The next byte has no stop bit.
    pub const FRAMING: u8 = 1 << 3;
    /// The next byte is a break.
    pub const BREAK: u8 = 1 << 4;
    /// The bits that a read of the register clears.
    pub const ERRORS: u8 = OVERRUN | PARITY | FRAMING | BREAK;
    /// The transmitter FIFO (or, without FIFOs, the holding register) is empty.
    pub const TRANSMITTER_EMPTY: u8 = 1 << 5;
    /// The transmitter FIFO and the shift register behind it are empty: everything is on the line.
    pub const TRANSMITTER_IDLE: u8 = 1 << 6;
}
