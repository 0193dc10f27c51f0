//! A UART made of plain memory, for tests of the driver and of code above it.
//!
//! It models what a driver can observe: both FIFOs with their limits, error bits that belong to a byte and are cleared by
//! reading, the divisor latch, loop-back, and a transmitter that takes its time or never empties.
//!
//! A test usually holds a [`SharedUart`] and gives a clone of it to the driver.

extern crate std;
use std::{cell::RefCell, collections::VecDeque, rc::Rc, vec::Vec};

use crate::{
    FIFO_BYTES, Register, Registers, fifo_control, interrupt_enable, interrupt_identification, line_control,
    line_status, modem_control,
};

/// What sits behind the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chip {
    /// A 16550 with working FIFOs.
    With16ByteFifos,
    /// A 16450: as the 16550, with one byte in place of each FIFO.
    WithoutFifos,
    /// Nothing: reads give 0xff.
    Nothing,
    /// A chip whose transmitter is broken: what is written to it is never seen again.
    DeadTransmitter,
    /// A chip with one bit of its scratchpad (and so of its bus) stuck at 1.
    StuckBit,
}

/// A fake chip that the test keeps talking to, as the world outside, while a driver owns its registers.
pub type SharedUart = Rc<RefCell<FakeUart>>;

impl Registers for SharedUart {
    fn read(&mut self, register: Register) -> u8 {
        self.borrow_mut().read(register)
    }
    fn write(&mut self, register: Register, value: u8) {
        self.borrow_mut().write(register, value);
    }
}

/// A UART made of plain memory.
#[derive(Debug)]
pub struct FakeUart {
    chip: Chip,
    registers: [u8; 8],
    divisor: [u8; 2],
    fifos_enabled: bool,
    receiver: VecDeque<(u8, u8)>,
    overrun: bool,
    transmitter: VecDeque<u8>,
    polls_per_byte: u32,
    polls_left: u32,
    blocked: bool,
    sent: Vec<u8>,
    lost: usize,
    polls: u32,
}

impl FakeUart {
    /// A chip as it leaves reset, connected to a line on which nothing happens yet.
    #[must_use]
    pub fn new(chip: Chip) -> Self {
        Self {
            chip,
            registers: [0; 8],
            divisor: [0; 2],
            fifos_enabled: false,
            receiver: VecDeque::new(),
            overrun: false,
            transmitter: VecDeque::new(),
            polls_per_byte: 0,
            polls_left: 0,
            blocked: false,
            sent: Vec::new(),
            lost: 0,
            polls: 0,
        }
    }

    /// The same, shared between a test and a driver.
    #[must_use]
    pub fn shared(chip: Chip) -> SharedUart {
        Rc::new(RefCell::new(Self::new(chip)))
    }

    /// Makes every byte take that many reads of the line status to leave. 0, as at first: it leaves at once.
    pub const fn take_polls_per_byte(&mut self, polls: u32) {
        self.polls_per_byte = polls;
    }

    /// Stops or releases the transmitter: while stopped, nothing leaves.
    pub fn block(&mut self, blocked: bool) {
        self.blocked = blocked;
    }

    /// A byte comes in over the line; `errors` are the bits of [`line_status`] that it comes with.
    pub fn arrive(&mut self, byte: u8, errors: u8) {
        if self.receiver.len() < self.depth() {
            self.receiver.push_back((byte, errors));
        } else {
            self.overrun = true;
        }
    }

    /// Bytes that have left over the line since the last call.
    pub fn take_sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.sent)
    }

    /// Bytes that were written while the transmitter was full, and so never left.
    #[must_use]
    pub const fn lost(&self) -> usize {
        self.lost
    }

    /// How often the line status was read.
    #[must_use]
    pub const fn polls(&self) -> u32 {
        self.polls
    }

    /// The divisor latches, low byte first.
    #[must_use]
    pub const fn divisor(&self) -> [u8; 2] {
        self.divisor
    }

    /// What was last written to a register; for [`Register::InterruptOrFifo`] that is the FIFO control.
    #[must_use]
    pub const fn written(&self, register: Register) -> u8 {
        self.registers[register as usize]
    }

    /// Whether the chip asks for its interrupt.
    #[must_use]
    pub fn interrupts(&self) -> bool {
        self.registers[Register::InterruptEnable as usize] & interrupt_enable::RECEIVED_DATA != 0
            && !self.receiver.is_empty()
    }

    fn depth(&self) -> usize {
        if self.fifos_enabled { FIFO_BYTES } else { 1 }
    }

    const fn latched(&self) -> bool {
        self.registers[Register::LineControl as usize] & line_control::DIVISOR_LATCH != 0
    }

    /// Lets bytes leave that have had their time.
    fn run(&mut self) {
        while !self.blocked && self.polls_left == 0 && self.chip != Chip::DeadTransmitter {
            let Some(byte) = self.transmitter.pop_front() else { break };
            self.polls_left = self.polls_per_byte;
            if self.registers[Register::ModemControl as usize] & modem_control::LOOP_BACK != 0 {
                self.arrive(byte, 0);
            } else {
                self.sent.push(byte);
            }
        }
    }

    fn read_line_status(&mut self) -> u8 {
        self.polls += 1;
        self.polls_left = self.polls_left.saturating_sub(1);
        self.run();
        let mut status = 0;
        if let Some((_, errors)) = self.receiver.front_mut() {
            status |= line_status::DATA_READY | std::mem::take(errors);
        }
        if std::mem::take(&mut self.overrun) {
            status |= line_status::OVERRUN;
        }
        if self.transmitter.is_empty() {
            status |= line_status::TRANSMITTER_EMPTY;
            if self.polls_left == 0 {
                status |= line_status::TRANSMITTER_IDLE;
            }
        }
        status
    }

    fn read_interrupt_identification(&self) -> u8 {
        let fifos = if self.fifos_enabled { interrupt_identification::FIFOS_ENABLED } else { 0 };
        let cause = if self.interrupts() {
            interrupt_identification::CAUSE_RECEIVED_DATA
        } else {
            interrupt_identification::NOT_PENDING
        };
        fifos | cause
    }

    fn control_fifos(&mut self, value: u8) {
        self.fifos_enabled = value & fifo_control::ENABLE != 0 && self.chip != Chip::WithoutFifos;
        if self.fifos_enabled && value & fifo_control::CLEAR_RECEIVER != 0 {
            self.receiver.clear();
        }
        if self.fifos_enabled && value & fifo_control::CLEAR_TRANSMITTER != 0 {
            self.transmitter.clear();
        }
    }

    fn transmit(&mut self, byte: u8) {
        if self.transmitter.len() < self.depth() {
            self.transmitter.push_back(byte);
            self.run();
        } else {
            self.lost += 1;
        }
    }
}

impl Registers for FakeUart {
    fn read(&mut self, register: Register) -> u8 {
        if self.chip == Chip::Nothing {
            self.polls += u32::from(register == Register::LineStatus);
            return 0xff;
        }
        match register {
            Register::Data if self.latched() => self.divisor[0],
            Register::InterruptEnable if self.latched() => self.divisor[1],
            Register::Data => self.receiver.pop_front().map_or(0, |(byte, _)| byte),
            Register::InterruptOrFifo => self.read_interrupt_identification(),
            Register::LineStatus => self.read_line_status(),
            Register::Scratchpad if self.chip == Chip::StuckBit => self.registers[register as usize] | 0x80,
            _ => self.registers[register as usize],
        }
    }

    fn write(&mut self, register: Register, value: u8) {
        match register {
            Register::Data if self.latched() => self.divisor[0] = value,
            Register::InterruptEnable if self.latched() => self.divisor[1] = value,
            Register::Data => self.transmit(value),
            // Writing these changes nothing on a chip ("Line Status Register", "Modem Status Register").
            Register::LineStatus | Register::ModemStatus => {}
            Register::InterruptOrFifo => {
                self.registers[register as usize] = value;
                self.control_fifos(value);
            }
            _ => self.registers[register as usize] = value,
        }
    }
}
