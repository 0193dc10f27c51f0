//! Running a closure on several CPUs.

use core::{
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
};

use x86_64::instructions::interrupts;

use super::{CpuIndex, CpuSet, MOST_CPUS, PerCpu, per_cpu, relax, running, this_cpu};
use crate::{
    apic,
    layout::STACK_SLOT_BYTES,
    trap::{self, CALL_VECTOR},
};

/// A closure that other CPUs are asked to run.
///
/// # Invariants
/// It, `closure` and the letters that point here stay where they are until `missing` is 0, and the closure may be run on
/// any CPU until then.
struct Request {
    /// Runs the closure, whose type only this function knows.
    run: unsafe fn(closure: *const (), cpu: CpuIndex),
    closure: *const (),
    /// CPUs that have not run it yet.
    missing: AtomicU32,
    /// The request of the same CPU in the middle of which this one was made; null when there is none.
    outer: *const Request,
}

/// A request on its way to one CPU.
struct Letter {
    request: *const Request,
    next: AtomicPtr<Letter>,
}

/// One CPU's calls.
pub(super) struct Calls {
    /// What has arrived here and was not looked at yet.
    inbox: AtomicPtr<Letter>,
    /// The innermost request that this CPU waits for.
    waiting: AtomicPtr<Request>,
    /// The CPU has nothing to do, so that calls are run by its loop and not in the middle of something.
    is_idle: AtomicBool,
}

impl Calls {
    pub(super) const fn new() -> Self {
        Self {
            inbox: AtomicPtr::new(ptr::null_mut()),
            waiting: AtomicPtr::new(ptr::null_mut()),
            is_idle: AtomicBool::new(false),
        }
    }

    fn push(&self, letter: &Letter) {
        let mut head = self.inbox.load(Ordering::Relaxed);
        loop {
            letter.next.store(head, Ordering::Relaxed);
            // Release: pairs with the Acquire in `serve`, so that who takes the letter can read it and its request.
            match self.inbox.compare_exchange_weak(
                head,
                ptr::from_ref(letter).cast_mut(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

/// Runs `function` once on every running CPU, at the same time, and returns when all have come back.
///
/// On CPUs that are idle, and on this one, it is run as ordinary code, and may do what code may. On a CPU that is busy, with
/// a call of somebody else or with whatever the boot CPU does, it breaks into that as an interrupt does: it must then not wait
/// for a lock that is held there with interrupts on. The heap and the page tables may be used in any case.
///
/// Several CPUs may call at once, and from within such a function: a CPU that waits for its own call to come back runs others'.
///
/// A panic or a fault in the function on another CPU than this one ends the machine, unless it is caught there.
pub fn on_all<F: Fn(CpuIndex) + Sync>(function: F) {
    let this = this_cpu();
    call(this, running().without(this.index()), &function, || function(this.index()));
}

/// As [`on_all`], but not on this CPU, which waits.
pub fn on_others<F: Fn(CpuIndex) + Sync>(function: F) {
    let this = this_cpu();
    call(this, running().without(this.index()), &function, || ());
}

fn call<F: Fn(CpuIndex) + Sync>(this: &PerCpu, others: CpuSet, function: &F, meanwhile: impl FnOnce()) {
    let request = Request {
        run: run::<F>,
        closure: ptr::from_ref(function).cast(),
        missing: AtomicU32::new(others.count() as u32),
        outer: this.calls.waiting.load(Ordering::Relaxed),
    };
    let letters = [const { Letter { request: ptr::null(), next: AtomicPtr::new(ptr::null_mut()) } }; MOST_CPUS]
        .map(|letter| Letter { request: &raw const request, ..letter });
    // INVARIANT: nobody leaves this function before `missing` is 0: not at its end, and `settle_below` sees to it that it
    // is not abandoned either.
    this.calls.waiting.store((&raw const request).cast_mut(), Ordering::Relaxed);
    for (cpu, letter) in others.iter().zip(&letters) {
        let other = per_cpu::of(cpu);
        other.calls.push(letter);
        apic::send(other.apic_id(), CALL_VECTOR);
    }
    meanwhile();
    request.wait();
    this.calls.waiting.store(request.outer.cast_mut(), Ordering::Relaxed);
}

/// # Safety
/// `closure` points to an `F`.
unsafe fn run<F: Fn(CpuIndex) + Sync>(closure: *const (), cpu: CpuIndex) {
    // SAFETY: the caller says so; that the closure may be used from another CPU is what `Sync` says.
    let function = unsafe { &*closure.cast::<F>() };
    function(cpu);
}

impl Request {
    /// Waits until all have run it, and runs meanwhile what others ask of this CPU.
    fn wait(&self) {
        // Acquire: pairs with the Release in `serve`, so that the caller sees what its function did on the others.
        while self.missing.load(Ordering::Acquire) > 0 {
            serve(this_cpu());
            relax();
        }
    }
}

/// Runs what others ask of this CPU.
fn serve(this: &PerCpu) {
    // Acquire: pairs with the Release in `push`.
    let mut letter = this.calls.inbox.swap(ptr::null_mut(), Ordering::Acquire);
    while !letter.is_null() {
        // SAFETY: who pushed the letter keeps it until its request has been run everywhere, which is not before the line
        // below that says so for this CPU.
        let Letter { request, next } = unsafe { &*letter };
        // SAFETY: by the type's invariant the request outlives the letter's delivery.
        let request = unsafe { &**request };
        letter = next.load(Ordering::Relaxed);
        // A fault of the function is not one of what it may have broken into.
        trap::without_catch(|| {
            // SAFETY: by the invariant of `Request` the closure is there, and of the type that `run` was made for.
            unsafe { (request.run)(request.closure, this.index()) }
        });
        // Release: pairs with the Acquire in `wait`; after it, neither letter nor request may be touched.
        request.missing.fetch_sub(1, Ordering::Release);
    }
}

/// Waits for the calls that this CPU has made from frames below `landing` on the same stack, as those are about to be
/// abandoned. On another stack than that of a landing there are none: who serves a call has no landing outside of it.
pub(crate) fn settle_below(landing: u64) {
    let waiting = &this_cpu().calls.waiting;
    let stack = landing & !(STACK_SLOT_BYTES - 1);
    loop {
        let request = waiting.load(Ordering::Relaxed);
        if !(stack..landing).contains(&(request as u64)) {
            return;
        }
        // SAFETY: `call` takes the request out before its frame goes, so the frame is still there.
        let request = unsafe { &*request };
        request.wait();
        waiting.store(request.outer.cast_mut(), Ordering::Relaxed);
    }
}

/// Called for each interrupt with [`CALL_VECTOR`].
pub(crate) fn on_call_interrupt() {
    // First, so that calls made from now on interrupt again.
    apic::end_of_interrupt();
    let this = this_cpu();
    if !this.calls.is_idle.load(Ordering::Relaxed) {
        serve(this);
    }
}

/// What a CPU does that has nothing to do: halts until it is called, for ever.
pub(crate) fn idle() -> ! {
    let this = this_cpu();
    loop {
        this.calls.is_idle.store(true, Ordering::Relaxed);
        interrupts::disable();
        if this.calls.inbox.load(Ordering::Relaxed).is_null() {
            // An interrupt cannot come between the two: it would be answered, and the CPU then halt all the same.
            interrupts::enable_and_hlt();
        } else {
            interrupts::enable();
        }
        // Calls that arrive from here on are run by their interrupt, and those before it by the next line.
        this.calls.is_idle.store(false, Ordering::Relaxed);
        serve(this);
    }
}
