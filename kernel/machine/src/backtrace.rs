//! Call stacks, by frame pointers. Everything is compiled with them (`.cargo/config.toml`).

use core::arch::asm;

use crate::trap::{TrapFrame, catch};

/// Most return addresses that are followed.
pub const DEPTH: usize = 32;

/// How many bytes of code a function without a frame may have.
const LONGEST_FRAMELESS: u64 = 4096;

/// Addresses, innermost first.
pub type Backtrace = heapless::Vec<u64, DEPTH>;

/// The stack of the caller, its own return address first.
#[inline(never)]
#[must_use]
pub fn here() -> Backtrace {
    let mut backtrace = Backtrace::new();
    follow(frame_pointer(), &mut backtrace);
    backtrace
}

/// The frame pointer of the function that asks.
#[inline(always)]
pub(crate) fn frame_pointer() -> u64 {
    let frame_pointer: u64;
    // SAFETY: it copies one register and touches nothing else.
    unsafe { asm!("mov {}, rbp", out(reg) frame_pointer, options(nomem, nostack, preserves_flags)) };
    frame_pointer
}

/// The stack of what an exception interrupted, the interrupted instruction first.
#[must_use]
pub fn of(frame: &TrapFrame) -> Backtrace {
    let mut backtrace = Backtrace::new();
    let _ = backtrace.push(frame.rip);
    // A call of what cannot be run left its return address on the stack's top, and no frame of its own.
    let may_run = crate::memory::mapping(frame.rip).is_some_and(|mapping| mapping.executable);
    // Nor has a function a frame of its own that needs none (memset), or that has not got to it yet.
    if let Some(return_address) = read(frame.rsp)
        && (!may_run || is_from_call(return_address, frame.rip))
    {
        let _ = backtrace.push(return_address);
    }
    follow(frame.rbp, &mut backtrace);
    backtrace
}

/// Whether a call stands before this address, to a place not far before `rip`: a direct one (`E8`, and a distance of 32
/// bits) or one through a pointer at such a distance (`FF 15`).
fn is_from_call(return_address: u64, rip: u64) -> bool {
    let Some(code) = read(return_address.wrapping_sub(8)) else { return false };
    let [_, _, first, second, distance @ ..] = code.to_le_bytes();
    let there = return_address.wrapping_add_signed(i32::from_le_bytes(distance).into());
    let target = match (first, second) {
        (_, 0xe8) => Some(there),
        (0xff, 0x15) => read(there),
        _ => None,
    };
    target.is_some_and(|target| rip.wrapping_sub(target) < LONGEST_FRAMELESS)
}

/// Follows the chain of frames: each holds its caller's frame pointer, and above it the return address. The chain ends
/// at a frame pointer that is 0, unaligned, not the kernel's, unreadable, or not above the one before.
fn follow(mut frame_pointer: u64, backtrace: &mut Backtrace) {
    let mut last = 0;
    while frame_pointer > last && frame_pointer.is_multiple_of(8) && frame_pointer >= crate::layout::DIRECT_MAP {
        let above = frame_pointer.wrapping_add(8);
        let (Some(caller), Some(return_address)) = (read(frame_pointer), read(above)) else { return };
        if return_address == 0 || backtrace.push(return_address).is_err() {
            return;
        }
        last = frame_pointer;
        frame_pointer = caller;
    }
}

/// Reads a word that may not be there.
fn read(address: u64) -> Option<u64> {
    let mut word = Word { address, value: 0 };
    catch(read_word, &raw mut word as u64).ok()?;
    Some(word.value)
}

struct Word {
    address: u64,
    value: u64,
}

extern "C" fn read_word(word: u64) {
    let word = word as *mut Word;
    // SAFETY: `read` passes the address of a local of its own that outlives this call.
    let address = unsafe { (*word).address };
    let value: u64;
    // SAFETY: one load, which Rust knows nothing of; if it faults, the fault is caught and diverted, and the value is
    // never used. Whatever it reads is only reported.
    unsafe {
        asm!("mov {value}, [{address}]", address = in(reg) address, value = out(reg) value, options(nostack, readonly, preserves_flags))
    };
    // SAFETY: as above; `read` is the only one who knows the local.
    unsafe { (*word).value = value };
}
