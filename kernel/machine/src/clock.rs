//! Time: the time-stamp counter, calibrated against a clock whose rate is known.

mod hpet;
mod pit;

use core::{
    arch::x86_64::_rdtsc,
    sync::atomic::{AtomicU64, Ordering},
};

pub(crate) use hpet::ADDRESS_SPACE_AT as HPET_ADDRESS_SPACE_AT;

/// How long a calibration watches: long enough for some tenths of a percent, short enough not to be noticed in a boot.
const CALIBRATION_NS: u64 = 2_000_000;

/// A clock of known rate that runs for a while beside the ones to be calibrated.
pub(crate) trait Reference {
    /// Nanoseconds since some moment of its own, rising.
    ///
    /// `None` when it can no longer say, or shows that there is no such clock.
    fn nanoseconds(&mut self) -> Option<u64>;
}

/// What the time-stamp counter was calibrated against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// High precision event timer.
    Hpet,
    /// Programmable interval timer, channel 2.
    Pit,
}

/// Result of a calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Calibration {
    pub(crate) source: Source,
    /// Time-stamp counter ticks a second.
    pub(crate) tsc_hz: u64,
    /// Ticks a second of the counter that the caller passed.
    pub(crate) counter_hz: u64,
}

static TSC_HZ: AtomicU64 = AtomicU64::new(0);
static TSC_AT_BOOT: AtomicU64 = AtomicU64::new(0);
static SOURCE: AtomicU64 = AtomicU64::new(0);

/// The time-stamp counter.
#[must_use]
pub fn ticks() -> u64 {
    // SAFETY: every x86_64 CPU has RDTSC, and ring 0 may always execute it.
    unsafe { _rdtsc() }
}

/// Remembers when the kernel started; call first thing.
pub(crate) fn start() {
    TSC_AT_BOOT.store(ticks(), Ordering::Relaxed);
}

/// Nanoseconds since the kernel started; before the calibration is done, counter ticks stand in for them.
#[must_use]
pub fn nanoseconds() -> u64 {
    let ticks = ticks().saturating_sub(TSC_AT_BOOT.load(Ordering::Relaxed));
    match TSC_HZ.load(Ordering::Relaxed) {
        0 => ticks,
        hz => to_nanoseconds(ticks, hz),
    }
}

/// Waits that many nanoseconds; before the calibration is done, that many counter ticks.
pub fn wait(nanoseconds_to_wait: u64) {
    let start = nanoseconds();
    while nanoseconds().saturating_sub(start) < nanoseconds_to_wait {
        core::hint::spin_loop();
    }
}

/// Rate of the time-stamp counter in ticks a second; `None` when it was not calibrated.
#[must_use]
pub fn tsc_hz() -> Option<u64> {
    match TSC_HZ.load(Ordering::Relaxed) {
        0 => None,
        hz => Some(hz),
    }
}

/// What the time-stamp counter was calibrated against; `None` when it was not.
#[must_use]
pub fn source() -> Option<Source> {
    match SOURCE.load(Ordering::Relaxed) {
        1 => Some(Source::Hpet),
        2 => Some(Source::Pit),
        _ => None,
    }
}

fn to_nanoseconds(ticks: u64, hz: u64) -> u64 {
    (u128::from(ticks) * 1_000_000_000 / u128::from(hz)) as u64
}

/// Calibrates the time-stamp counter, which tells the time from then on, and beside it `counter`; see [`measure`].
pub(crate) fn calibrate(hpet: Option<u64>, counter: impl FnMut() -> u64) -> Option<Calibration> {
    let calibration = measure(hpet, counter)?;
    TSC_HZ.store(calibration.tsc_hz, Ordering::Relaxed);
    SOURCE.store(if calibration.source == Source::Hpet { 1 } else { 2 }, Ordering::Relaxed);
    Some(calibration)
}

/// Measures the time-stamp counter and, beside it, `counter`, which counts up at an unknown rate.
///
/// `hpet` is the physical address of an HPET, if there is one; without, or when it stands still, the PIT serves.
/// `None` when neither runs: the machine then has no clock that the kernel can trust.
pub(crate) fn measure(hpet: Option<u64>, mut counter: impl FnMut() -> u64) -> Option<Calibration> {
    let by_hpet = hpet.and_then(hpet::Hpet::start).and_then(|clock| watch(clock, Source::Hpet, &mut counter));
    // A run that was held up for longer than the PIT counts is worth another.
    by_hpet.or_else(|| (0..3).find_map(|_| watch(pit::Pit::start()?, Source::Pit, &mut counter)))
}

/// Gives up on a clock that has not moved after this many readings.
const PATIENCE: u32 = 1_000_000;
/// Readings of which the least disturbed is used.
const SAMPLES: u32 = 5;

/// The clocks at one moment.
struct Sample {
    reference: u64,
    tsc: u64,
    counter: u64,
}

/// Reads all clocks together: of several tries the one that took least time, as an emulator may be held up at any point.
fn sample(clock: &mut impl Reference, counter: &mut impl FnMut() -> u64) -> Option<Sample> {
    let mut best: Option<(u64, Sample)> = None;
    for _ in 0..SAMPLES {
        let before = ticks();
        let reference = clock.nanoseconds()?;
        let counter = counter();
        let width = ticks().wrapping_sub(before);
        if best.as_ref().is_none_or(|(narrowest, _)| width < *narrowest) {
            best = Some((width, Sample { reference, tsc: before, counter }));
        }
    }
    best.map(|(_, sample)| sample)
}

fn watch(mut clock: impl Reference, source: Source, counter: &mut impl FnMut() -> u64) -> Option<Calibration> {
    let start = sample(&mut clock, counter)?;
    for _ in 0..PATIENCE {
        if clock.nanoseconds()?.wrapping_sub(start.reference) < CALIBRATION_NS {
            continue;
        }
        let end = sample(&mut clock, counter)?;
        let elapsed = end.reference.wrapping_sub(start.reference);
        let rate =
            |from: u64, to: u64| (u128::from(to.wrapping_sub(from)) * 1_000_000_000 / u128::from(elapsed)) as u64;
        let (tsc_hz, counter_hz) = (rate(start.tsc, end.tsc), rate(start.counter, end.counter));
        return Some(Calibration { source, tsc_hz, counter_hz });
    }
    None
}
