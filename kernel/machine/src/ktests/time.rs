//! Clocks and the tick.

use steward_harness_guest::ktest;

use crate::{apic, clock, interrupts, timer, wait_for_interrupt};

const SECOND_NS: u64 = 1_000_000_000;

#[ktest]
fn the_time_stamp_counter_rises() {
    let mut last = clock::ticks();
    for _ in 0..1000 {
        let now = clock::ticks();
        assert!(now >= last, "{now} after {last}");
        last = now;
    }
}

#[ktest]
fn nanoseconds_rise_and_fit_the_counter() {
    let (ticks, start) = (clock::ticks(), clock::nanoseconds());
    while clock::nanoseconds() - start < SECOND_NS / 100 {}
    let (ticks, elapsed) = (clock::ticks() - ticks, clock::nanoseconds() - start);
    let hz = clock::tsc_hz().expect("the counter was calibrated");
    let expected = (u128::from(elapsed) * u128::from(hz) / u128::from(SECOND_NS)) as u64;
    assert!(ticks.abs_diff(expected) < expected / 10, "{ticks} ticks in {elapsed} ns at {hz} Hz");
}

#[ktest]
fn the_clocks_were_calibrated_to_plausible_rates() {
    let tsc = clock::tsc_hz().expect("the time-stamp counter was calibrated");
    assert!((100_000_000..20_000_000_000).contains(&tsc), "{tsc} Hz");
    let timer = timer::hz().expect("the local APIC timer was calibrated");
    assert!((100_000..10_000_000_000).contains(&timer), "{timer} Hz");
    assert!(clock::source().is_some());
}

#[ktest(machine = "q35")]
fn a_second_calibration_agrees_with_the_first() {
    let first = clock::tsc_hz().expect("the time-stamp counter was calibrated");
    let again = clock::calibrate(None, clock::ticks).expect("a q35 has a PIT").tsc_hz;
    assert!(first.abs_diff(again) < first / 4, "{first} Hz by the HPET, {again} Hz by the PIT");
}

#[ktest]
fn the_timer_ticks_at_its_rate() {
    // A machine that is starved of CPU loses ticks, so only too many and none at all are wrong within a short time.
    let (start, before) = (clock::nanoseconds(), timer::ticks());
    while clock::nanoseconds() - start < SECOND_NS / 5 || timer::ticks() - before < 10 {
        assert!(clock::nanoseconds() - start < 5 * SECOND_NS, "{} ticks in 5 s", timer::ticks() - before);
        wait_for_interrupt();
    }
    let (elapsed, ticks) = (clock::nanoseconds() - start, timer::ticks() - before);
    let most = elapsed * timer::TICK_HZ / SECOND_NS;
    assert!(ticks <= most + most / 4 + 4, "{ticks} ticks in {elapsed} ns");
}

#[ktest]
fn no_tick_arrives_while_interrupts_are_off() {
    interrupts::disable();
    let before = timer::ticks();
    let start = clock::nanoseconds();
    while clock::nanoseconds() - start < SECOND_NS / 50 {}
    let meanwhile = timer::ticks() - before;
    interrupts::enable();
    assert_eq!(meanwhile, 0);
    while timer::ticks() == before {
        wait_for_interrupt();
    }
}

#[ktest]
fn the_local_apic_is_there() {
    let version = apic::version().expect("it was set up");
    // 0x10 to 0x15 are integrated local APICs (Intel SDM volume 3, section 10.4.8).
    assert!((0x10..=0x15).contains(&version), "{version:#x}");
    assert!(apic::id().is_some());
}
