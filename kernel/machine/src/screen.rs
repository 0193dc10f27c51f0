//! The screen: text on the framebuffer that the boot loader set up.
//!
//! Until the kernel has page tables of its own, the pixels are where the loader's tables show them, so that a start which
//! is impossible can be told there too; then in the [`SCREEN`](crate::layout::SCREEN) window.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use spin::{Mutex, MutexGuard, Once};
use steward_screen::{Cell, MOST_COLUMNS, MOST_ROWS, Screen, Surface};

use crate::{
    boot, fault,
    framebuffer::{Framebuffer, Unfit},
    trap,
};

/// Cells of the largest screen, which a screen needs twice.
const VISIBLE: usize = MOST_COLUMNS * MOST_ROWS;
/// Cells of the screen: 256 KiB. The largest screen keeps 130 rows that have left it, one of 80 columns 700.
const COUNT: usize = 64 * 1024;

const _: () = assert!(COUNT >= 2 * VISIBLE);

/// Virtual address of the first pixel; 0 while the pixels are nowhere.
///
/// # Invariants
/// When it is not 0, the whole framebuffer in [`FRAMEBUFFER`] is mapped there, writable.
static PIXELS: AtomicU64 = AtomicU64::new(0);
/// The framebuffer in use, as the loader's tables show it.
static FRAMEBUFFER: Once<Framebuffer> = Once::new();

/// The framebuffer's pixels, wherever they are mapped. What is written while they are nowhere is lost.
#[derive(Debug)]
pub struct Pixels {
    bytes: usize,
}

impl Surface for Pixels {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let start = PIXELS.load(Ordering::Relaxed);
        let fits = offset.checked_add(bytes.len()).is_some_and(|end| end <= self.bytes);
        if start == 0 || !fits {
            return;
        }
        let start = start + offset as u64;
        // Words take an eighth of the time that bytes take, and the bus does not write odd ones as a whole.
        let (head, rest) = bytes.split_at(bytes.len().min(start.wrapping_neg() as usize % 8));
        let (words, tail) = rest.as_chunks::<8>();
        put_bytes(start, head);
        let start = start + head.len() as u64;
        for (place, word) in (start..).step_by(8).zip(words) {
            // SAFETY: `fits` holds, so by the invariant of `PIXELS` the eight bytes are the framebuffer's, which is no
            // memory that Rust knows of; `head` ended at a multiple of eight.
            unsafe { (place as *mut u64).write_volatile(u64::from_ne_bytes(*word)) };
        }
        put_bytes(start + 8 * words.len() as u64, tail);
    }
}

/// Writes single pixels' bytes at a place that [`Pixels::write`] has found to be the framebuffer's.
fn put_bytes(start: u64, bytes: &[u8]) {
    for (place, &byte) in (start..).zip(bytes) {
        // SAFETY: the only caller passes parts of a range that is the framebuffer's by the invariant of `PIXELS`.
        unsafe { (place as *mut u8).write_volatile(byte) };
    }
}

/// From here on the pixels are nowhere.
pub(crate) fn leave() {
    PIXELS.store(0, Ordering::Relaxed);
}

/// From here on the pixels are at `address`, if there is a screen.
///
/// # Safety
/// The framebuffer of the handover, which is the one in [`FRAMEBUFFER`], is mapped there as a whole, writable, until the
/// next [`leave`].
pub(crate) unsafe fn show_at(address: u64) {
    // INVARIANT: the caller has mapped it.
    PIXELS.store(address, Ordering::Relaxed);
}

/// What a screen is made of, and of what the one that [`ScreenDevice::seize`] gives: part of the image, as there is no heap
/// when the screen starts, and without a place in its file, as blank cells are zeros.
static CELLS: Mutex<[Cell; COUNT]> = Mutex::new([Cell::BLANK; COUNT]);
static SPARE: Mutex<[Cell; 2 * VISIBLE]> = Mutex::new([Cell::BLANK; 2 * VISIBLE]);

/// `None` when they were taken before: the lock is never given back.
fn take<const COUNT: usize>(cells: &'static Mutex<[Cell; COUNT]>) -> Option<&'static mut [Cell]> {
    let cells: &mut [_; COUNT] = MutexGuard::leak(cells.try_lock()?);
    Some(cells)
}

/// The driver of the screen.
pub type Driver = Screen<Pixels>;

/// Why there is no screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoScreen {
    /// The boot loader names no framebuffer.
    Absent,
    /// None that it names can be used.
    Unfit(Unfit),
    /// Nothing is mapped where the loader says that the framebuffer is.
    NotThere(u64),
    /// It was started before.
    Taken,
}

impl fmt::Display for NoScreen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("the boot loader names no framebuffer"),
            Self::Unfit(unfit) => write!(f, "{unfit}"),
            Self::NotThere(address) => {
                write!(f, "the boot loader has not mapped the framebuffer where it says, at {address:#x}")
            }
            Self::Taken => f.write_str("the screen is in use"),
        }
    }
}

/// The screen, started once.
pub struct ScreenDevice {
    screen: Mutex<Option<Driver>>,
}

/// The log and the prompt.
pub static SCREEN: ScreenDevice = ScreenDevice { screen: Mutex::new(None) };

impl ScreenDevice {
    /// Starts the screen while the boot loader's page tables are in force.
    ///
    /// # Errors
    /// [`NoScreen`]; the screen then stays dark.
    pub fn start(&self) -> Result<(), NoScreen> {
        let framebuffer = boot::framebuffer().ok_or(NoScreen::Absent)?.map_err(NoScreen::Unfit)?;
        if !is_mapped(&framebuffer) {
            return Err(NoScreen::NotThere(framebuffer.address()));
        }
        let cells = take(&CELLS).ok_or(NoScreen::Taken)?;
        FRAMEBUFFER.call_once(|| framebuffer);
        // INVARIANT: the loader's tables show all of it, and are in force until `leave` is called.
        PIXELS.store(framebuffer.address(), Ordering::Relaxed);
        *self.screen.lock() = Some(on(&framebuffer, cells).map_err(NoScreen::Unfit)?);
        Ok(())
    }

    /// From here on there is no screen.
    pub(crate) fn stop(&self) {
        *self.screen.lock() = None;
    }

    /// The screen, when nobody else is using it; `None` inside when it was not started.
    #[must_use]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, Option<Driver>>> {
        self.screen.try_lock()
    }

    /// The screen; waits for whoever is using it. `None` inside when it was not started.
    #[must_use]
    pub fn lock(&self) -> MutexGuard<'_, Option<Driver>> {
        self.screen.lock()
    }

    /// Clears the screen and starts it anew, whoever held it: for a machine that is going down and has to say so.
    ///
    /// `None` when there is none, and the second time.
    #[must_use]
    pub fn seize(&self) -> Option<Driver> {
        on(FRAMEBUFFER.get()?, take(&SPARE)?).ok()
    }
}

fn on(framebuffer: &Framebuffer, cells: &'static mut [Cell]) -> Result<Driver, Unfit> {
    let pixels = Pixels { bytes: framebuffer.bytes() as usize };
    Screen::new(pixels, framebuffer.mode(), cells).map_err(Unfit::Mode)
}

/// Whether the page tables in force, which are the loader's, show the framebuffer. They map it by its region of memory, so
/// a look every 2 MiB, and at its end, does.
fn is_mapped(framebuffer: &Framebuffer) -> bool {
    let (first, last) = (framebuffer.address(), framebuffer.address() + framebuffer.bytes() - 1);
    (first..last).step_by(2 << 20).chain([last]).all(|address| trap::catch(fault::read, address).is_ok())
}

/// Where the first pixel is mapped; `None` without a screen.
#[must_use]
pub fn address() -> Option<u64> {
    match PIXELS.load(Ordering::Relaxed) {
        0 => None,
        address => Some(address),
    }
}
