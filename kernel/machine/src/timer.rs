//! The boot CPU's local APIC timer as the kernel's tick (Intel SDM volume 3, section 10.5.4). The other CPUs have none yet.

use core::sync::atomic::{AtomicU64, Ordering};

use spin::Once;

use crate::{
    apic::{self, MASKED, TIMER_CURRENT, TIMER_DIVIDE, TIMER_ENTRY, TIMER_INITIAL},
    clock, ledger,
    resources::{self, Kind, timers},
    trap::TIMER_VECTOR,
};

/// Ticks a second.
pub const TICK_HZ: u64 = 250;

/// Divide configuration register: by 16.
const DIVIDE_BY_16: u32 = 0b0011;
/// Bit of the timer's vector table entry: starts again by itself.
const PERIODIC: u32 = 1 << 17;

static TICKS: AtomicU64 = AtomicU64::new(0);
static TIMER_HZ: AtomicU64 = AtomicU64::new(0);
static ON_TICK: Once<fn()> = Once::new();

/// Calibrates the time-stamp counter and the timer, and starts the tick.
///
/// Without a local APIC or a clock to calibrate against, the kernel runs without a tick; the log says so.
pub(crate) fn init(hpet: Option<u64>) {
    let Some(registers) = apic::registers() else {
        log::warn!("no local APIC: the kernel runs without a tick");
        return;
    };
    let timer = resources::take(Kind::Timers, timers::TICK, 1);
    let vector = resources::take(Kind::Interrupts, TIMER_VECTOR.into(), 1);
    let (Ok(timer), Ok(vector)) = (timer, vector) else {
        log::error!("the local APIC's timer, or its vector, is in use: the kernel runs without a tick");
        return;
    };
    registers.write(TIMER_DIVIDE, DIVIDE_BY_16);
    registers.write(TIMER_ENTRY, MASKED);
    registers.write(TIMER_INITIAL, u32::MAX);
    let count_up = || u64::from(u32::MAX - registers.read(TIMER_CURRENT));
    let calibration = clock::calibrate(hpet, count_up).filter(|calibration| calibration.counter_hz >= TICK_HZ);
    let Some(calibration) = calibration else {
        log::warn!("no clock to calibrate against, neither HPET nor PIT: the kernel has no tick");
        return;
    };
    let reload = u32::try_from(calibration.counter_hz / TICK_HZ).unwrap_or(u32::MAX).max(1);
    timer.keep();
    vector.keep();
    TIMER_HZ.store(calibration.counter_hz, Ordering::Relaxed);
    ledger::start_clock(calibration.tsc_hz);
    registers.write(TIMER_ENTRY, PERIODIC | u32::from(TIMER_VECTOR));
    registers.write(TIMER_INITIAL, reload);
}

/// Ticks since the timer was started.
#[must_use]
pub fn ticks() -> u64 {
    TICKS.load(Ordering::Relaxed)
}

/// Rate of the timer's own counter in counts a second; `None` when it was not calibrated.
#[must_use]
pub fn hz() -> Option<u64> {
    match TIMER_HZ.load(Ordering::Relaxed) {
        0 => None,
        hz => Some(hz),
    }
}

/// Has `function` called at every tick, with interrupts off; the first call holds. It must not wait for a lock.
pub fn set_on_tick(function: fn()) {
    ON_TICK.call_once(|| function);
}

/// Called for each interrupt of the timer, with interrupts off.
pub(crate) fn on_interrupt() {
    TICKS.fetch_add(1, Ordering::Relaxed);
    apic::end_of_interrupt();
    ledger::on_tick();
    if let Some(function) = ON_TICK.get() {
        function();
    }
}
