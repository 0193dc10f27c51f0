//! A PC: the second serial port, the debug-exit device, and the ways to stop.
//!
//! All of this is for kernels that run with the CPU's full rights (ring 0), in a machine that the harness made. Nothing is
//! taken over from the kernel and nothing is left changed but the second serial port, which is used by polling.

#![expect(unsafe_code, reason = "ports, registers and the raw stack are below what safe Rust can say")]

use core::{
    arch::asm,
    marker::PhantomData,
    panic::PanicInfo,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::{
    Balance, Ending,
    adopt::{self, Machine},
    wire::{BACKTRACE_DEPTH, Registers},
};

/// I/O address of the second serial port (COM2), a 16550.
const COM2: u16 = 0x2f8;
/// I/O address of the debug-exit device, as the harness configures it.
const DEBUG_EXIT: u16 = 0xf4;
/// Registers of a 16550 (PC16550D data sheet, section 8.0).
const DATA: u16 = COM2;
const INTERRUPTS: u16 = COM2 + 1;
const FIFO: u16 = COM2 + 2;
const LINE_CONTROL: u16 = COM2 + 3;
const MODEM_CONTROL: u16 = COM2 + 4;
const LINE_STATUS: u16 = COM2 + 5;
/// Bits of the line status: a byte has come, and another can be sent.
const RECEIVED: u8 = 1 << 0;
const SENT: u8 = 1 << 5;
/// How far from this code a return address may lie: a kernel is linked into 2 GiB.
const IMAGE_BYTES: u64 = 2 << 30;

/// Address up to which the stack that tests run on is known to be in use; 0 before [`serve`].
static STACK: AtomicU64 = AtomicU64::new(0);
/// The port has been set up.
static IS_SET_UP: AtomicBool = AtomicBool::new(false);
/// How often the machine has gone down.
static TIMES_DOWN: AtomicU64 = AtomicU64::new(0);

/// Runs the tests that the host asks for, and ends the machine.
///
/// Call it where the kernel is up: what the tests need has been started. A kernel that was not started by the harness, in a
/// machine without a second serial port, halts here.
pub fn serve() -> ! {
    serve_audited::<()>()
}

/// The same for a kernel that can say what it has in use; `A` is what says so.
pub fn serve_audited<A: Audit>() -> ! {
    STACK.store(stack_pointer(), Ordering::Relaxed);
    adopt::serve(Pc::<A>::start())
}

/// What a kernel has in use, such as memory: see [`Balance`].
pub trait Audit {
    /// Notes it. It is called right before and right after each test, and must not keep anything itself.
    fn audit(balance: &mut Balance);
}

impl Audit for () {
    fn audit(_: &mut Balance) {}
}

/// Reports a panic and ends the machine; for the panic handler of a kernel that is being tested.
///
/// The call stack is told when the kernel was compiled with `-Cforce-frame-pointers=yes`, and as far as it is the one that
/// [`serve`] was called on.
pub fn panicked(info: &PanicInfo<'_>) -> ! {
    let machine = begin_ending();
    let mut backtrace = Backtrace::default();
    backtrace.follow(frame_pointer(), stack_pointer());
    adopt::panicked(machine, info, backtrace.addresses())
}

/// Reports a CPU exception that nobody expected, and ends the machine; for handlers of exceptions.
///
/// What is not known of `registers` may be left 0, and [`registers`] gives those that tell where a page fault happened:
///
/// ```text
/// let registers = Registers { rip: frame.instruction_pointer, rsp: frame.stack_pointer, ..pc::registers() };
/// pc::faulted(14, error_code, registers)
/// ```
pub fn faulted(vector: u8, error_code: u64, registers: Registers) -> ! {
    let machine = begin_ending();
    let mut backtrace = Backtrace::default();
    backtrace.push(registers.rip);
    backtrace.follow(registers.rbp, registers.rsp);
    adopt::faulted(machine, vector, error_code, registers, backtrace.addresses())
}

/// The control registers CR2 (the address of the last page fault) and CR3; all others 0.
#[must_use]
pub fn registers() -> Registers {
    let (cr2, cr3): (u64, u64);
    // SAFETY: reading the two changes nothing, and ring 0 may.
    unsafe { asm!("mov {}, cr2", "mov {}, cr3", out(reg) cr2, out(reg) cr3, options(nomem, nostack, preserves_flags)) }
    Registers { cr2, cr3, ..Registers::default() }
}

/// The machine, to be ended. One that goes down again while that is being told says so, and then no more.
fn begin_ending() -> Pc<()> {
    let mut machine = Pc::start();
    match TIMES_DOWN.fetch_add(1, Ordering::Relaxed) {
        0 => machine,
        1 => adopt::failed(machine, "the kernel went down, and once more while it was telling of that"),
        _ => adopt::end(&mut machine, Ending::failure()),
    }
}

/// A PC whose second serial port is set up; `A` says what its kernel has in use.
struct Pc<A>(PhantomData<A>);

impl<A: Audit> Pc<A> {
    fn start() -> Self {
        if IS_SET_UP.swap(true, Ordering::Relaxed) {
            return Self(PhantomData);
        }
        output(INTERRUPTS, 0);
        // 115,200 baud, by a divisor of 1 behind bit 7; then 8 bits, no parity, 1 stop bit.
        output(LINE_CONTROL, 1 << 7);
        output(DATA, 1);
        output(INTERRUPTS, 0);
        output(LINE_CONTROL, 3);
        // FIFOs on. They are not emptied: the host may have sent something.
        output(FIFO, 1);
        // Data terminal ready, request to send.
        output(MODEM_CONTROL, 3);
        // Where there is no port, all bits are read as 1, even those that a line's status never has at once.
        if input(LINE_STATUS) == u8::MAX {
            halt(0, 0)
        }
        Self(PhantomData)
    }
}

impl<A: Audit> Machine for Pc<A> {
    fn read(&mut self) -> u8 {
        while input(LINE_STATUS) & RECEIVED == 0 {
            core::hint::spin_loop();
        }
        input(DATA)
    }

    fn write(&mut self, byte: u8) {
        while input(LINE_STATUS) & SENT == 0 {
            core::hint::spin_loop();
        }
        output(DATA, byte);
    }

    fn exit(&mut self, word: u8) -> ! {
        output(DEBUG_EXIT, word);
        halt(0, 0)
    }

    fn park(&mut self, word: u8, nonce: u64) -> ! {
        halt(word.into(), nonce)
    }

    fn ticks(&mut self) -> u64 {
        // SAFETY: every 64-bit CPU has the counter, and ring 0 may always read it.
        unsafe { core::arch::x86_64::_rdtsc() }
    }

    fn audit(balance: &mut Balance) {
        A::audit(balance);
    }
}

/// A call stack, read by frame pointers.
#[derive(Default)]
struct Backtrace {
    addresses: [u64; BACKTRACE_DEPTH],
    length: usize,
}

impl Backtrace {
    fn addresses(&self) -> &[u64] {
        &self.addresses[..self.length]
    }

    fn push(&mut self, address: u64) {
        if let Some(place) = self.addresses.get_mut(self.length) {
            *place = address;
            self.length += 1;
        }
    }

    /// Adds the return addresses of the frames from this one outward, as long as they look like some.
    ///
    /// Only what lies between `stack_pointer` and [`STACK`] is read: that is the stack in use, of which `serve` holds the
    /// outer end. In code that was compiled without frame pointers, what is read there may be anything else.
    fn follow(&mut self, mut frame: u64, mut stack_pointer: u64) {
        let end = STACK.load(Ordering::Relaxed);
        // A stack is less than 16 MiB; what claims to be farther from its end is on another.
        if end.wrapping_sub(stack_pointer) > 16 << 20 {
            return;
        }
        while self.length < BACKTRACE_DEPTH
            && frame.is_multiple_of(8)
            && frame >= stack_pointer
            && frame.checked_add(16).is_some_and(|behind| behind <= end)
        {
            let [next, return_address] = [read_stack(frame), read_stack(frame + 8)];
            if return_address.abs_diff(serve as fn() -> ! as usize as u64) > IMAGE_BYTES {
                return;
            }
            self.push(return_address);
            // Frames lie behind each other, so this ends.
            stack_pointer = frame + 16;
            frame = next;
        }
    }
}

/// Reads a word of the stack in use.
fn read_stack(address: u64) -> u64 {
    let place = core::ptr::with_exposed_provenance::<u64>(address as usize);
    // SAFETY: `Backtrace::follow` gives only aligned addresses between the stack pointer and where `serve` was called on
    // the same stack, which does not return: that is memory, and nobody else writes to it now.
    unsafe { place.read_volatile() }
}

fn stack_pointer() -> u64 {
    let value;
    // SAFETY: it only copies a register.
    unsafe { asm!("mov {}, rsp", out(reg) value, options(nomem, nostack, preserves_flags)) }
    value
}

#[inline(always)]
fn frame_pointer() -> u64 {
    let value;
    // SAFETY: it only copies a register, whatever the compiler keeps in it.
    unsafe { asm!("mov {}, rbp", out(reg) value, options(nomem, nostack, preserves_flags)) }
    value
}

fn output(port: u16, value: u8) {
    // SAFETY: only the ports of this file are written to: those of a serial port that transfers no data by itself, and one
    // that ends the machine.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack, preserves_flags)) }
}

fn input(port: u16) -> u8 {
    let value;
    // SAFETY: what is read are a serial port's registers, and that changes nothing but the serial port.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags)) }
    value
}

/// Stops for good, with these values where the host looks for them.
fn halt(rax: u64, rdx: u64) -> ! {
    // SAFETY: the CPU never leaves the loop, and touches no memory in it.
    unsafe { asm!("cli", "2: hlt", "jmp 2b", in("rax") rax, in("rdx") rdx, options(noreturn, nostack)) }
}
