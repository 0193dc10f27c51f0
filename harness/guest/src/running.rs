//! The run under way, for those who stand outside the runner: tests, and records that a panic or a fault writes.

#[cfg(test)]
extern crate std;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use steward_harness_wire::{After, Nonce, word};

/// How a served machine should be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the host waits for the machine to end"]
pub struct Ending {
    /// Whether the test passed.
    pub passed: bool,
    /// The nonce of its run; 0 outside any run.
    pub nonce: Nonce,
    /// Whether to exit or to park; never [`After::Serve`].
    pub after: After,
}

impl Ending {
    /// The failure of whatever runs now, for a kernel that goes down and cannot even report why: as the host asked in a
    /// run, and otherwise an exit without a nonce.
    pub fn failure() -> Self {
        let Some(nonce) = nonce() else { return Self { passed: false, nonce: Nonce(0), after: After::Exit } };
        let after = if PARKS.load(Ordering::Relaxed) { After::Park } else { After::Exit };
        Self { passed: false, nonce, after }
    }

    /// How a machine ends that goes down now by a panic, which may be what its test wants.
    pub(crate) fn of_panic() -> Self {
        Self { passed: under_test() && SHOULD_PANIC.load(Ordering::Relaxed), ..Self::failure() }
    }

    /// The machine's [last word](steward_harness_wire::word).
    #[must_use]
    pub const fn word(&self) -> u8 {
        if self.passed { word::PASSED } else { word::FAILED }
    }
}

// One machine runs one test at a time, so plain cells do.
static RUNNING: AtomicBool = AtomicBool::new(false);
static NONCE: AtomicU64 = AtomicU64::new(0);
static SEED: AtomicU64 = AtomicU64::new(0);
static SHOULD_PANIC: AtomicBool = AtomicBool::new(false);
static PARKS: AtomicBool = AtomicBool::new(false);

/// The command of a run.
#[derive(Clone, Copy)]
pub struct Run {
    /// Its nonce.
    pub nonce: Nonce,
    /// Its test's seed.
    pub seed: u64,
    /// What is to be done after it.
    pub after: After,
}

/// Notes that a run begins.
pub fn begin(run: Run, should_panic: bool) {
    NONCE.store(run.nonce.0, Ordering::Relaxed);
    SEED.store(run.seed, Ordering::Relaxed);
    SHOULD_PANIC.store(should_panic, Ordering::Relaxed);
    // A kernel that goes down cannot serve on; then it parks.
    PARKS.store(run.after != After::Exit, Ordering::Relaxed);
    RUNNING.store(true, Ordering::Relaxed);
}

/// Notes that no run is under way any more.
pub fn finish() {
    RUNNING.store(false, Ordering::Relaxed);
}

/// Whether a test that the host asked for is running.
#[must_use]
pub fn under_test() -> bool {
    RUNNING.load(Ordering::Relaxed)
}

/// The running test's seed, chosen by the host; 0 outside a test that the host asked for. A test that chooses at random
/// chooses by it, so that the host can have the same choices made again.
#[must_use]
pub fn seed() -> u64 {
    if under_test() { SEED.load(Ordering::Relaxed) } else { 0 }
}

/// The nonce of the run under way.
pub fn nonce() -> Option<Nonce> {
    under_test().then(|| Nonce(NONCE.load(Ordering::Relaxed)))
}

/// Tests on the host that run tests take turns: what is noted here is one for a machine.
#[cfg(test)]
pub fn turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
