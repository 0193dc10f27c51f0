//! How long to wait for a machine.

use std::time::Duration;

/// How long a machine may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From QEMU's start to the kernel's hello, or to its fork point.
    pub boot: Duration,
    /// From the request for a test to its start, in a machine that has had another life: when it takes longer, the
    /// machine is lost.
    pub start: Duration,
    /// From the request for a test to its last record.
    pub test: Duration,
    /// From that record to the machine's end.
    pub end: Duration,
}

impl Default for Limits {
    /// Limits for a machine of ordinary speed: 20 s, 2 s, 10 s and 5 s.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { boot: seconds(20), start: seconds(2), test: seconds(10), end: seconds(5) }
    }
}

impl Limits {
    /// The limits for a machine that is so many times slower. A faster one gets no less.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let scale = |limit: Duration| limit.mul_f64(factor.clamp(1.0, 100.0));
        Self { boot: scale(self.boot), start: scale(self.start), test: scale(self.test), end: scale(self.end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_a_slow_machine_and_never_shrink() {
        let limits = Limits::default();
        assert_eq!(limits.scaled(0.01), limits);
        assert_eq!(limits.scaled(2.5).test, Duration::from_secs(25));
        assert_eq!(limits.scaled(f64::INFINITY).test, Duration::from_secs(1000));
    }
}
