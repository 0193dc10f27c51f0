//! The driver as `steward_serial::Uart` looks.

use core::{ffi::c_void, fmt, ptr};

use steward_serial::{Absent, LineError, Registers, Settings, Stuck, line_status};

use crate::border::{self, CALLING_BACK, Calls, State};

/// A port that was found working and is set up, driven by C; see `steward_serial::Uart`.
pub struct Uart<R> {
    registers: R,
    state: State,
}

/// What C gives for no byte, and for errors: `UART16550_NONE` and so on.
const NONE: i32 = -1;
const OVERRUN: i32 = -2;
const PARITY: i32 = -3;
const FRAMING: i32 = -4;

/// `UART16550_SCRATCHPAD` and `UART16550_PRESENT`.
const SCRATCHPAD: i32 = 1;
const PRESENT: i32 = 0;

impl<R: Registers> Uart<R> {
    /// Looks for a UART and sets it up, as `steward_serial::Uart::start` does.
    ///
    /// # Errors
    /// [`Absent`], likewise.
    pub fn start(registers: R, settings: Settings) -> Result<Self, Absent> {
        let [low, high] = settings.divisor.bytes();
        let state = State {
            read: border::read::<R>,
            write: border::write::<R>,
            patience: settings.patience,
            burst: 1,
            stuck: false,
            errors: 0,
        };
        let mut uart = Self { registers, state };
        let (calls, registers) = uart.border();
        // SAFETY: both pointers are this driver's own, which is borrowed mutably here; `border` matches calls and registers.
        let found = unsafe { (calls.start)(&raw mut uart.state, registers, u16::from_le_bytes([low, high])) };
        match found.absent {
            PRESENT => Ok(uart),
            SCRATCHPAD => Err(Absent::Scratchpad { wrote: found.wrote, read: found.read as u8 }),
            _ => Err(Absent::LoopBack { sent: found.wrote, received: u8::try_from(found.read).ok() }),
        }
    }

    /// How C reaches the registers, and what it is given for them.
    fn border(&mut self) -> (&'static Calls, *mut c_void) {
        #[cfg(target_os = "none")]
        if let Some(port) = self.registers.first_port() {
            return (&border::PORTS, ptr::without_provenance_mut(usize::from(port)));
        }
        (&CALLING_BACK, ptr::from_mut(&mut self.registers).cast())
    }

    /// Sends one byte; waits until the transmitter takes it.
    ///
    /// # Errors
    /// [`Stuck`] when it does not within the patience of the settings; later calls then look once.
    pub fn send(&mut self, byte: u8) -> Result<(), Stuck> {
        self.send_all(&[byte])
    }

    /// Sends bytes as they are, in bursts of what the FIFO holds.
    ///
    /// # Errors
    /// [`Stuck`] as for [`Uart::send`], saying how many bytes went out.
    pub fn send_all(&mut self, bytes: &[u8]) -> Result<(), Stuck> {
        let (calls, registers) = self.border();
        // SAFETY: C reads as many bytes as the slice has, and keeps no pointer; state and registers are borrowed mutably.
        let sent = unsafe { (calls.send)(&raw mut self.state, registers, bytes.as_ptr(), bytes.len()) };
        if sent == bytes.len() { Ok(()) } else { Err(Stuck { sent }) }
    }

    /// Waits until the last bit of everything sent is on the line.
    ///
    /// # Errors
    /// [`Stuck`] (with `sent` 0) when that takes longer than the patience of the settings.
    pub fn flush(&mut self) -> Result<(), Stuck> {
        let (calls, registers) = self.border();
        // SAFETY: C changes the state and the chip behind the registers, both of which are borrowed mutably for it.
        if unsafe { (calls.flush)(&raw mut self.state, registers) } { Ok(()) } else { Err(Stuck { sent: 0 }) }
    }

    /// Takes the next received byte; `None` when there is none. Never waits.
    ///
    /// # Errors
    /// [`LineError`]: a byte was lost or damaged. The port goes on working; call again for the bytes behind it.
    pub fn receive(&mut self) -> Result<Option<u8>, LineError> {
        let (calls, registers) = self.border();
        // SAFETY: as for `flush`; what comes back is a number, whatever the chip did.
        match unsafe { (calls.receive)(&raw mut self.state, registers) } {
            NONE => Ok(None),
            OVERRUN => Err(LineError::Overrun),
            PARITY => Err(LineError::Parity),
            FRAMING => Err(LineError::Framing),
            byte => u8::try_from(byte).map(Some).map_err(|_| LineError::Break),
        }
    }

    /// Lets the chip interrupt when bytes were received. The handler calls [`Uart::receive`] until it gives `None`.
    pub fn enable_receive_interrupt(&mut self) {
        self.interrupt(true);
    }

    /// Stops all interrupts of the chip.
    pub fn disable_receive_interrupt(&mut self) {
        self.interrupt(false);
    }

    fn interrupt(&mut self, enabled: bool) {
        let (calls, registers) = self.border();
        // SAFETY: this writes one register of the chip, whose registers are borrowed mutably.
        unsafe { (calls.interrupt)(&raw mut self.state, registers, enabled) }
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

const _: () = assert!(line_status::ERRORS == 0x1e, "the bits are those of the C source");
