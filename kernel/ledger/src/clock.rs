//! Time from a counter that may jump, go back, or wrap.

use spin::Mutex;

use crate::Instant;

const NANOSECONDS: u64 = 1_000_000_000;

/// Turns readings of a counter into moments. They never go back, and never run ahead of what passed between readings:
/// - A small step back (two CPUs' readings that overtook each other) counts as none, and time goes on when the counter
///   has caught up.
/// - A large step back (the counter of a machine whose snapshot was restored) counts as none, and time goes on from there.
/// - A step forward by more than the limit (the machine stood still, or was restored elsewhere) counts as one tick.
/// - A counter that wraps goes on.
///
/// So no jump ends a loan early. If it is read every tick, no loan's access lasts longer than a tick past its deadline,
/// as this clock counts.
#[derive(Debug)]
pub struct Clock {
    /// Bits that the counter has.
    mask: u64,
    per_second: u64,
    /// In counts.
    limit: u64,
    /// In nanoseconds.
    tick: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    last: u64,
    nanoseconds: u64,
    /// What is left of a nanosecond, in counts × [`NANOSECONDS`] below `per_second`.
    rest: u64,
}

impl Clock {
    /// A clock that begins at 0 with the counter at `reading`. The counter has so many `bits` and counts so many times
    /// `per_second`; steps of more than `limit` nanoseconds count as `tick` nanoseconds.
    ///
    /// # Panics
    /// If `per_second` is 0, `bits` is not between 1 and 64, or the limit is not less than half the counter's range.
    #[must_use]
    pub const fn new(reading: u64, bits: u32, per_second: u64, tick: u64, limit: u64) -> Self {
        assert!(per_second > 0 && bits >= 1 && bits <= 64);
        let mask = u64::MAX >> (64 - bits);
        let counts = limit as u128 * per_second as u128 / NANOSECONDS as u128;
        assert!(counts <= mask as u128 / 2, "the limit is less than half the counter's range");
        let inner = Inner { last: reading & mask, nanoseconds: 0, rest: 0 };
        Self { mask, per_second, limit: counts as u64, tick, inner: Mutex::new(inner) }
    }

    /// The time at this reading of the counter.
    pub fn advance(&self, reading: u64) -> Instant {
        let mut inner = self.inner.lock();
        let reading = reading & self.mask;
        let forward = reading.wrapping_sub(inner.last) & self.mask;
        let back = inner.last.wrapping_sub(reading) & self.mask;
        if forward <= self.limit {
            let scaled = u128::from(forward) * u128::from(NANOSECONDS) + u128::from(inner.rest);
            let passed = scaled / u128::from(self.per_second);
            inner.rest = (scaled % u128::from(self.per_second)) as u64;
            // The limit, in nanoseconds, fits.
            inner.nanoseconds = inner.nanoseconds.saturating_add(passed as u64);
            inner.last = reading;
        } else if back > self.limit {
            // Which of both it was, cannot be told from a counter that wraps, and does not matter: only a step that
            // is surely forward counts.
            if forward < back {
                inner.nanoseconds = inner.nanoseconds.saturating_add(self.tick);
            }
            inner.last = reading;
        }
        Instant::from_nanoseconds(inner.nanoseconds)
    }

    /// The time at the last reading.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_nanoseconds(self.inner.lock().nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter of nanoseconds, with ticks of 1000 and steps of at most 10,000.
    const fn clock(reading: u64, bits: u32) -> Clock {
        Clock::new(reading, bits, NANOSECONDS, 1000, 10_000)
    }

    fn at(clock: &Clock, reading: u64) -> u64 {
        clock.advance(reading).nanoseconds()
    }

    #[test]
    fn time_is_what_passed_since_the_clock_was_made() {
        let clock = clock(500, 64);
        assert_eq!([at(&clock, 500), at(&clock, 700), at(&clock, 10_700)], [0, 200, 10_200]);
        assert_eq!(clock.now().nanoseconds(), 10_200);
    }

    #[test]
    fn a_jump_counts_as_one_tick() {
        let clock = clock(0, 64);
        assert_eq!([at(&clock, 10_001), at(&clock, 10_002), at(&clock, u64::MAX / 4)], [1000, 1001, 2001]);
    }

    #[test]
    fn a_small_step_back_is_not_counted_twice() {
        let clock = clock(0, 64);
        assert_eq!([at(&clock, 100), at(&clock, 99), at(&clock, 101)], [100, 100, 101]);
    }

    #[test]
    fn a_restored_snapshot_goes_on_from_where_its_counter_is() {
        let clock = clock(0, 64);
        let start = 50_000_000;
        at(&clock, start);
        assert_eq!([at(&clock, 40), at(&clock, 50)], [1000, 1010], "no time passed by going back");
    }

    #[test]
    fn a_counter_that_wraps_goes_on() {
        for bits in [24, 32, 48, 63, 64] {
            let top = u64::MAX >> (64 - bits);
            let clock = clock(top - 50, bits);
            assert_eq!([at(&clock, top), at(&clock, 49), at(&clock, 149)], [50, 100, 200], "{bits} bits");
        }
    }

    #[test]
    fn parts_of_nanoseconds_add_up() {
        let clock = Clock::new(0, 64, 3, 1, NANOSECONDS * 10);
        let seconds: [u64; 4] = core::array::from_fn(|reading| at(&clock, reading as u64));
        assert_eq!(seconds, [0, 333_333_333, 666_666_666, 1_000_000_000]);
    }
}
