//! The driver itself.

use core::fmt;

use crate::{
    Absent, LineError, Register, Registers, Settings, Stuck, fifo_control, interrupt_enable, interrupt_identification,
    line_control, line_status, modem_control,
};

/// Bytes that each FIFO of a 16550 holds ("FIFO Control Register").
pub const FIFO_BYTES: usize = 16;

/// Two patterns that complement each other, so that a bit stuck at either level shows.
const SCRATCH_PATTERNS: [u8; 2] = [0b1010_1110, 0b0101_0001];
const LOOP_BACK_BYTE: u8 = 0x5a;

/// A port that was found working and is set up: 8 data bits, no parity, 1 stop bit, FIFOs on, interrupts off.
///
/// Possession proves that a chip answered when it was started. It does not prove that anything is connected to it.
pub struct Uart<R> {
    registers: R,
    patience: u32,
    /// Bytes that fit the transmitter once it is empty.
    burst: usize,
    /// The transmitter was given up and has not been seen empty since: a call polls it once only.
    stuck: bool,
    /// Error bits that a read of the line status on the way of sending has taken out of the chip. They belong to the
    /// byte that is received next.
    errors: u8,
}

impl<R: Registers> Uart<R> {
    /// Looks for a UART and sets it up.
    ///
    /// Bytes that were in its FIFOs are lost. A byte that is leaving the shift register gets the time to do so.
    ///
    /// # Errors
    /// [`Absent`] when the scratchpad register keeps no value, or when the chip does not hear itself in loop-back mode.
    pub fn start(registers: R, settings: Settings) -> Result<Self, Absent> {
        let mut uart = Self { registers, patience: settings.patience, burst: 1, stuck: false, errors: 0 };
        uart.check_scratchpad()?;
        uart.disable_receive_interrupt();
        // Best effort: firmware that left the transmitter stuck shows in the loop-back test.
        let _ = uart.poll(line_status::TRANSMITTER_IDLE);
        let [low, high] = settings.divisor.bytes();
        uart.registers.write(Register::LineControl, line_control::DIVISOR_LATCH | line_control::EIGHT_N_ONE);
        uart.registers.write(Register::Data, low);
        uart.registers.write(Register::InterruptEnable, high);
        uart.registers.write(Register::LineControl, line_control::EIGHT_N_ONE);
        uart.reset_fifos();
        uart.check_loop_back()?;
        uart.reset_fifos();
        uart.registers.write(
            Register::ModemControl,
            modem_control::DATA_TERMINAL_READY | modem_control::REQUEST_TO_SEND | modem_control::OUT_2,
        );
        Ok(uart)
    }

    fn check_scratchpad(&mut self) -> Result<(), Absent> {
        for wrote in SCRATCH_PATTERNS {
            self.registers.write(Register::Scratchpad, wrote);
            let read = self.registers.read(Register::Scratchpad);
            if read != wrote {
                return Err(Absent::Scratchpad { wrote, read });
            }
        }
        Ok(())
    }

    fn reset_fifos(&mut self) {
        use fifo_control::{CLEAR_RECEIVER, CLEAR_TRANSMITTER, ENABLE, TRIGGER_AT_14};
        self.registers.write(Register::InterruptOrFifo, ENABLE | CLEAR_RECEIVER | CLEAR_TRANSMITTER | TRIGGER_AT_14);
        let identification = self.registers.read(Register::InterruptOrFifo);
        let has_fifos =
            identification & interrupt_identification::FIFOS_ENABLED == interrupt_identification::FIFOS_ENABLED;
        self.burst = if has_fifos { FIFO_BYTES } else { 1 };
        // Without FIFOs the clearing bits do nothing: empty the one byte that may wait, and forget old errors.
        self.registers.read(Register::LineStatus);
        self.registers.read(Register::Data);
        self.errors = 0;
    }

    fn check_loop_back(&mut self) -> Result<(), Absent> {
        self.registers.write(Register::ModemControl, modem_control::LOOP_BACK);
        self.registers.write(Register::Data, LOOP_BACK_BYTE);
        let mut received = None;
        // An emulated chip may let bytes from outside through even in this mode: look past what fits its FIFO.
        for _ in 0..=FIFO_BYTES {
            if received == Some(LOOP_BACK_BYTE) || !self.poll(line_status::DATA_READY) {
                break;
            }
            received = Some(self.registers.read(Register::Data));
        }
        if received == Some(LOOP_BACK_BYTE) { Ok(()) } else { Err(Absent::LoopBack { sent: LOOP_BACK_BYTE, received }) }
    }

    /// Reads the line status, keeping the error bits that the read clears.
    fn line_status(&mut self) -> u8 {
        let status = self.registers.read(Register::LineStatus);
        self.errors |= status & line_status::ERRORS;
        status
    }

    /// Waits until a line status bit is set; `false` when patience is over.
    fn poll(&mut self, bit: u8) -> bool {
        let polls = if self.stuck { 1 } else { self.patience.max(1) };
        (0..polls).any(|_| {
            let ready = self.line_status() & bit != 0;
            if !ready {
                core::hint::spin_loop();
            }
            ready
        })
    }

    /// Waits until the transmitter takes a burst of bytes.
    fn wait_for_transmitter(&mut self) -> bool {
        let ready = self.poll(line_status::TRANSMITTER_EMPTY);
        self.stuck = !ready;
        ready
    }

    /// Sends one byte; waits until the transmitter takes it.
    ///
    /// # Errors
    /// [`Stuck`] when it does not within the patience of the settings. Until the transmitter is seen empty again, later
    /// calls look once and give up at once: a dead line does not make its users crawl.
    pub fn send(&mut self, byte: u8) -> Result<(), Stuck> {
        self.send_all(&[byte])
    }

    /// Sends bytes as they are, in bursts of what the FIFO holds.
    ///
    /// # Errors
    /// [`Stuck`] as for [`Uart::send`], saying how many bytes went out.
    pub fn send_all(&mut self, bytes: &[u8]) -> Result<(), Stuck> {
        let mut sent = 0;
        for burst in bytes.chunks(self.burst) {
            if !self.wait_for_transmitter() {
                return Err(Stuck { sent });
            }
            for &byte in burst {
                self.registers.write(Register::Data, byte);
            }
            sent += burst.len();
        }
        Ok(())
    }

    /// Waits until the last bit of everything sent is on the line.
    ///
    /// # Errors
    /// [`Stuck`] (with `sent` 0) when that takes longer than the patience of the settings.
    pub fn flush(&mut self) -> Result<(), Stuck> {
        if self.poll(line_status::TRANSMITTER_IDLE) { Ok(()) } else { Err(Stuck { sent: 0 }) }
    }

    /// Takes the next received byte; `None` when there is none. Never waits.
    ///
    /// # Errors
    /// [`LineError`]: a byte was lost or damaged. The port goes on working; call again for the bytes behind it.
    pub fn receive(&mut self) -> Result<Option<u8>, LineError> {
        let status = self.line_status();
        if self.errors & line_status::OVERRUN != 0 {
            self.errors &= !line_status::OVERRUN;
            return Err(LineError::Overrun);
        }
        if status & line_status::DATA_READY == 0 {
            return Ok(None);
        }
        let byte = self.registers.read(Register::Data);
        // A break is also a byte without a stop bit, so it comes first.
        let error = match core::mem::take(&mut self.errors) {
            0 => return Ok(Some(byte)),
            errors if errors & line_status::BREAK != 0 => LineError::Break,
            errors if errors & line_status::FRAMING != 0 => LineError::Framing,
            _ => LineError::Parity,
        };
        Err(error)
    }

    /// Lets the chip interrupt when bytes were received. The handler calls [`Uart::receive`] until it gives `None`.
    pub fn enable_receive_interrupt(&mut self) {
        self.registers.write(Register::InterruptEnable, interrupt_enable::RECEIVED_DATA);
    }

    /// Stops all interrupts of the chip.
    pub fn disable_receive_interrupt(&mut self) {
        self.registers.write(Register::InterruptEnable, 0);
    }

    /// Gives the registers back; the chip stays as it is.
    pub fn into_registers(self) -> R {
        self.registers
    }
}

impl<R: Registers> fmt::Write for Uart<R> {
    /// Sends text as it is; whoever writes decides about carriage returns.
    ///
    /// # Errors
    /// When the transmitter is stuck; the rest of the text is dropped.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.send_all(text.as_bytes()).map_err(|Stuck { .. }| fmt::Error)
    }
}
