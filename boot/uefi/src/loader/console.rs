//! What the loader says and hears: on the firmware's console, and on COM1 where that does not reach it.

use core::fmt::{self, Write as _};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use steward_boot_uefi::device_path;
use uefi::proto::console::text::{Color, Key};
use uefi::runtime::{self, VariableVendor};
use uefi::{boot, cstr16, system};

use super::port::Port;

/// Whether everything is said on COM1 too.
static MIRRORED: AtomicBool = AtomicBool::new(false);

/// Whether the firmware, and its console with it, is gone.
static FIRMWARE_LEFT: AtomicBool = AtomicBool::new(false);

/// Whether the firmware's own words, and its picture, have been cleared away.
static CLEARED: AtomicBool = AtomicBool::new(false);

/// How often a key is looked for.
const PACE: Duration = Duration::from_millis(20);

/// Finds out where the loader's words go.
pub fn start() {
    let path = runtime::get_variable_boxed(cstr16!("ConOut"), &VariableVendor::GLOBAL_VARIABLE);
    let reaches_line = path.is_ok_and(|(path, _)| device_path::has_uart(&path));
    if !reaches_line && Com1::is_there() {
        Com1::set_up();
        MIRRORED.store(true, Ordering::Relaxed);
    }
}

/// From here on there is COM1 alone.
pub fn leave_firmware() {
    FIRMWARE_LEFT.store(true, Ordering::Relaxed);
}

/// Whether the firmware is gone.
pub fn has_left_firmware() -> bool {
    FIRMWARE_LEFT.load(Ordering::Relaxed)
}

/// Says something.
pub fn say(text: fmt::Arguments<'_>) {
    let left = has_left_firmware();
    // Neither console is of use when it fails.
    if !left {
        let _ = system::with_stdout(|out| {
            if !CLEARED.swap(true, Ordering::Relaxed) {
                let _ = out.clear();
            }
            out.write_fmt(text)
        });
    }
    if MIRRORED.load(Ordering::Relaxed) || left && Com1::is_there() {
        let _ = Com1.write_fmt(text);
    }
}

/// Says something in a colour.
pub fn say_in(color: Color, text: fmt::Arguments<'_>) {
    let set = |color| {
        if !has_left_firmware() {
            let _ = system::with_stdout(|out| out.set_color(color, Color::Black));
        }
    };
    set(color);
    say(text);
    set(Color::LightGray);
}

/// Says what went wrong.
pub fn error(text: fmt::Arguments<'_>) {
    say_in(Color::LightRed, format_args!("\nsteward-boot-uefi: error: {text}\n"));
}

/// Waits until a key is pressed, at most so many seconds. Keys from before do not count.
pub fn wait_for_key(seconds: Option<u32>) -> Option<Key> {
    let _ = system::with_stdin(|keys| keys.reset(false));
    let mut left = seconds.map(|seconds| Duration::from_secs(seconds.into()));
    while left != Some(Duration::ZERO) {
        if let Ok(Some(key)) = system::with_stdin(|keys| keys.read_key()) {
            return Some(key);
        }
        boot::stall(PACE);
        left = left.map(|left| left.saturating_sub(PACE));
    }
    None
}

/// Shows how many seconds are left; ends when none is, or a key is pressed.
pub fn count_down(seconds: u32) {
    for left in (1..=seconds).rev() {
        say(format_args!("\rStarting it in {left} s; press any key to start it now.  "));
        if wait_for_key(Some(1)).is_some() {
            break;
        }
    }
    say(format_args!("\n"));
}

/// COM1 at 115200 bits a second, 8 data bits, no parity, one stop bit.
struct Com1;

impl Com1 {
    /// Polls before a byte is written regardless: a line that never empties must not hang the loader.
    const PATIENCE: u32 = 100_000;

    fn is_there() -> bool {
        Port::Com1Scratch.write(0x5a);
        let first = Port::Com1Scratch.read();
        Port::Com1Scratch.write(0xa5);
        (first, Port::Com1Scratch.read()) == (0x5a, 0xa5) && Port::Com1LineStatus.read() != 0xff
    }

    fn set_up() {
        Port::Com1Interrupts.write(0);
        // Bit 7 of the line control register shows the divisor instead of data and interrupts.
        Port::Com1LineControl.write(0x83);
        Port::Com1Data.write(1);
        Port::Com1Interrupts.write(0);
        Port::Com1LineControl.write(0x03);
    }

    fn put(byte: u8) {
        // Line status bit 5: the transmit register is empty.
        (0..Self::PATIENCE).find(|_| Port::Com1LineStatus.read() & 0x20 != 0);
        Port::Com1Data.write(byte);
    }
}

impl fmt::Write for Com1 {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                Self::put(b'\r');
            }
            Self::put(byte);
        }
        Ok(())
    }
}
