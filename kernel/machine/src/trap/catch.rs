//! Catching an exception: run a function, and come back with the fault instead of dying of it.
//!
//! It is how kernel tests show that a page is not writable, and how a backtrace is read from a stack that may be broken.

use core::{
    arch::naked_asm,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use spin::Mutex;

use super::{Fault, TrapFrame};
use crate::smp;

/// Why a caught function did not return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Escape {
    /// It caused an exception.
    Fault(Fault),
    /// It called [`escape`].
    Called,
}

/// The catches under way on one CPU, which alone looks at them.
pub(crate) struct Catching {
    /// Stack pointer to continue at when an exception strikes; 0 when nobody waits. Points at what `enter` has pushed.
    landing: AtomicU64,
    /// Whether the innermost `catch` takes NMIs and machine checks.
    asynchronous: AtomicBool,
    /// The landing of the outermost [`attempt`] under way; 0 when none is.
    attempt: AtomicU64,
    /// The fault that was diverted last.
    caught: Mutex<Option<Fault>>,
}

impl Catching {
    pub(crate) const fn new() -> Self {
        Self {
            landing: AtomicU64::new(0),
            asynchronous: AtomicBool::new(false),
            attempt: AtomicU64::new(0),
            caught: Mutex::new(None),
        }
    }
}

/// This CPU's.
fn here() -> &'static Catching {
    &smp::this_cpu().catching
}

/// Values of rax with which `enter` returns.
const RETURNED: u64 = 0;
const FAULTED: u64 = 1;

/// Runs `function(argument)` and gives what stopped it, if something did.
///
/// Nests: an inner catch takes the fault, and an outer one is armed again afterwards.
///
/// A function that is stopped is abandoned where it stood: its locals are never dropped and locks that it held stay
/// held. It should hold none and own nothing.
///
/// # Errors
/// [`Escape`] says what stopped the function.
#[expect(clippy::result_large_err, reason = "the fault is the answer, and there may be no heap to box it in")]
pub fn catch(function: extern "C" fn(u64), argument: u64) -> Result<(), Escape> {
    caught(function, argument, false)
}

/// As [`catch`], and takes NMIs and machine checks as well. Those are not caused by what runs, so only who has sent itself
/// one should.
///
/// # Errors
/// [`Escape`] says what stopped the function.
#[expect(clippy::result_large_err, reason = "as for `catch`")]
pub fn catch_asynchronous(function: extern "C" fn(u64), argument: u64) -> Result<(), Escape> {
    caught(function, argument, true)
}

#[expect(clippy::result_large_err, reason = "as for `catch`")]
fn caught(function: extern "C" fn(u64), argument: u64, asynchronous: bool) -> Result<(), Escape> {
    let here = here();
    let outer = here.landing.load(Ordering::Relaxed);
    let outer_asynchronous = here.asynchronous.swap(asynchronous, Ordering::Relaxed);
    // SAFETY: `enter` saves every register that the C ABI has a callee keep and restores them on both ways out, so to
    // this caller it is an ordinary function, whether `function` returns or is abandoned.
    let how = unsafe { enter(function, argument, here.landing.as_ptr()) };
    here.landing.store(outer, Ordering::Relaxed);
    here.asynchronous.store(outer_asynchronous, Ordering::Relaxed);
    match how {
        RETURNED => Ok(()),
        FAULTED => Err(Escape::Fault(here.caught.lock().take().expect("divert leaves the fault it diverted"))),
        _ => Err(Escape::Called),
    }
}

/// Runs `function` and gives what stopped it, if something did; otherwise as [`catch`].
///
/// What the function has changed when it is stopped stays changed, half done as it may be.
///
/// # Errors
/// [`Escape`] says what stopped the function.
#[expect(clippy::result_large_err, reason = "as for `catch`")]
pub fn attempt(mut function: &mut dyn FnMut()) -> Result<(), Escape> {
    extern "C" fn call(function: u64) {
        let Catching { attempt, landing, .. } = here();
        // Only the outermost finds no landing of another.
        let _ = attempt.compare_exchange(0, landing.load(Ordering::Relaxed), Ordering::Relaxed, Ordering::Relaxed);
        let function = function as *mut &mut dyn FnMut();
        // SAFETY: `attempt` passes the address of its own argument, which it lends to nobody else meanwhile.
        let function = unsafe { &mut *function };
        function();
    }
    let is_outermost = !is_attempting();
    let ended = catch(call, &raw mut function as u64);
    if is_outermost {
        here().attempt.store(0, Ordering::Relaxed);
    }
    ended
}

/// Runs `function` as if no catch were under way on this CPU: what it causes is not for those who wait outside.
pub(crate) fn without_catch(function: impl FnOnce()) {
    let here = here();
    let landing = here.landing.swap(0, Ordering::Relaxed);
    let asynchronous = here.asynchronous.swap(false, Ordering::Relaxed);
    let attempt = here.attempt.swap(0, Ordering::Relaxed);
    function();
    here.landing.store(landing, Ordering::Relaxed);
    here.asynchronous.store(asynchronous, Ordering::Relaxed);
    here.attempt.store(attempt, Ordering::Relaxed);
}

/// Whether an [`attempt`] is under way on this CPU, so that [`escape_attempt`] has somewhere to go.
#[must_use]
pub fn is_attempting() -> bool {
    here().attempt.load(Ordering::Relaxed) != 0
}

/// Abandons what the outermost [`attempt`] runs, and every catch within; the attempt returns [`Escape::Called`].
///
/// # Panics
/// When no attempt is under way; see [`is_attempting`].
pub fn escape_attempt() -> ! {
    let landing = here().attempt.load(Ordering::Relaxed);
    assert!(landing != 0, "escape_attempt() without an attempt() under way");
    smp::settle_below(landing);
    // SAFETY: `attempt` sets the landing to that of its own `enter`, whose frame is below us until it returns, and takes
    // it away then.
    unsafe { leave(landing) }
}

/// Whether a [`catch`] is under way on this CPU, so that [`escape`] has somewhere to go.
#[must_use]
pub fn is_catching() -> bool {
    here().landing.load(Ordering::Relaxed) != 0
}

/// Abandons the function that the innermost [`catch`] runs; that returns [`Escape::Called`].
///
/// # Panics
/// When no catch is under way; see [`is_catching`].
pub fn escape() -> ! {
    let landing = here().landing.load(Ordering::Relaxed);
    assert!(landing != 0, "escape() without a catch() under way");
    smp::settle_below(landing);
    // SAFETY: a landing that is not 0 was stored by `enter`, whose frame is still on the stack below us, as `catch`
    // takes the landing away before it returns.
    unsafe { leave(landing) }
}

/// Sends the return from an exception to the innermost `catch`, if there is one. True when there was.
pub(super) fn divert(frame: &mut TrapFrame, fault: &Fault) -> bool {
    let here = here();
    let landing = here.landing.load(Ordering::Relaxed);
    let is_asynchronous = matches!(frame.vector, 2 | 18);
    if landing == 0 || is_asynchronous && !here.asynchronous.load(Ordering::Relaxed) {
        return false;
    }
    smp::settle_below(landing);
    // A fault inside `catch` itself would find the lock held; there is no way to go on from that.
    let Some(mut caught) = here.caught.try_lock() else { return false };
    *caught = Some(fault.clone());
    frame.rax = FAULTED;
    frame.rsp = landing;
    frame.rip = land as *const () as u64;
    true
}

/// Saves the callee's registers, stores the stack pointer in `landing`, calls `function(argument)`.
#[unsafe(naked)]
unsafe extern "C" fn enter(function: extern "C" fn(u64), argument: u64, landing: *mut u64) -> u64 {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "pushfq",
        "mov [rdx], rsp",
        "mov rax, rdi",
        "mov rdi, rsi",
        "call rax",
        "xor eax, eax",
        "jmp {land}",
        land = sym land,
    )
}

/// Where `enter` comes back to on every way: rsp is what it stored, rax how it came.
#[unsafe(naked)]
unsafe extern "C" fn land() {
    naked_asm!("popfq", "pop r15", "pop r14", "pop r13", "pop r12", "pop rbx", "pop rbp", "ret")
}

/// Goes to `land` with the stack pointer `landing`.
#[unsafe(naked)]
unsafe extern "C" fn leave(landing: u64) -> ! {
    naked_asm!("mov rsp, rdi", "mov eax, 2", "jmp {land}", land = sym land)
}
