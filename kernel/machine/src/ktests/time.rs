//! Clocks and the tick.

use steward_harness_guest::ktest;

use crate::{apic, clock, interrupts, timer};

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
fn nanoseconds_rise() {
    let start = clock::nanoseconds();
    let mut last = start;
    for _ in 0..1000 {
        let now = clock::nanoseconds();
        assert!(now >= last, "{now} after {last}");
        last = now;
    }
    assert!(last > start, "a thousand readings took no time");
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
fn the_pit_agrees_with_the_hpet() {
    let hpet = crate::acpi::get().and_then(|tables| tables.hpet);
    // A machine that is held up in the middle measures anything; of several tries one is undisturbed.
    for _ in 0..20 {
        let by_hpet = clock::measure(hpet, clock::ticks).expect("a q35 has an HPET");
        let by_pit = clock::measure(None, clock::ticks).expect("a q35 has a PIT");
        assert_eq!((by_hpet.source, by_pit.source), (clock::Source::Hpet, clock::Source::Pit));
        if by_hpet.tsc_hz.abs_diff(by_pit.tsc_hz) < by_hpet.tsc_hz / 100 {
            return;
        }
    }
    panic!("the two never agree within 1 %");
}

#[ktest]
fn the_timer_ticks_at_its_rate() {
    // 5 ticks are 20 ms. A machine that is held up loses ticks, so one undisturbed stretch of many is asked for; on a
    // busy host there are few.
    const TICKS: u64 = 5;
    let expected = TICKS * SECOND_NS / timer::TICK_HZ;
    let mut seen = alloc::vec::Vec::new();
    let first = clock::nanoseconds();
    while seen.is_empty() || clock::nanoseconds() - first < 5 * SECOND_NS {
        let (start, before) = (clock::nanoseconds(), timer::ticks());
        while timer::ticks() - before < TICKS {
            // Not by waiting for an interrupt: without a tick that would be for ever.
            assert!(clock::nanoseconds() - start < 3 * SECOND_NS, "{} ticks in 3 s", timer::ticks() - before);
            core::hint::spin_loop();
        }
        let elapsed = clock::nanoseconds() - start;
        if elapsed.abs_diff(expected) < expected / 10 {
            return;
        }
        seen.push(elapsed);
    }
    panic!("{TICKS} ticks should take {expected} ns and took {seen:?}");
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
        assert!(clock::nanoseconds() - start < 3 * SECOND_NS, "no tick came afterwards either");
        core::hint::spin_loop();
    }
}

#[ktest]
fn the_local_apic_is_there() {
    let version = apic::version().expect("it was set up");
    // 0x10 to 0x15 are integrated local APICs (Intel SDM volume 3, section 10.4.8).
    assert!((0x10..=0x15).contains(&version), "{version:#x}");
    assert!(apic::id().is_some());
}
