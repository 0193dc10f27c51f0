//! The firmware's clock.

use steward_boot_protocol::time::DateTime;

/// UNIX time of the firmware's local time, `zone` minutes behind UTC (UEFI 2.10, section 8.3, GetTime:
/// local time is UTC less the zone). A clock without a zone is taken to show UTC.
#[must_use]
pub fn unix_seconds(local: &DateTime, zone: Option<i16>) -> Option<i64> {
    Some(local.unix_seconds()? + i64::from(zone.unwrap_or(0)) * 60)
}

#[cfg(test)]
mod tests {
    use super::unix_seconds;
    use steward_boot_protocol::time::DateTime;

    #[test]
    fn a_zone_is_added_to_local_time() {
        let noon = DateTime { year: 2000, month: 3, day: 1, hour: 12, minute: 0, second: 0 };
        assert_eq!(unix_seconds(&noon, None), Some(951_912_000));
        assert_eq!(unix_seconds(&noon, Some(0)), Some(951_912_000));
        // Pacific Standard Time: 480 minutes behind.
        assert_eq!(unix_seconds(&noon, Some(480)), Some(951_940_800));
        assert_eq!(unix_seconds(&noon, Some(-60)), Some(951_908_400));
        assert_eq!(unix_seconds(&DateTime { month: 0, ..noon }, None), None);
    }
}
