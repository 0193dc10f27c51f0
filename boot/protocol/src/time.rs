//! Calendar time to UNIX time, for the date at boot feature.

/// A date and time of the Gregorian calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// Year, such as 2026.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
}

impl DateTime {
    /// Seconds since 1970-01-01 00:00:00 UTC, or `None` when this is no date after it.
    pub fn unix_seconds(&self) -> Option<i64> {
        let valid = self.year >= 1970
            && (1..=12).contains(&self.month)
            && self.day >= 1
            && self.day <= days_in(self.month, self.year)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60;
        if !valid {
            return None;
        }
        let years: i64 = (1970..self.year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
        let months: i64 = (1..self.month).map(|month| i64::from(days_in(month, self.year))).sum();
        let days = years + months + i64::from(self.day) - 1;
        Some(((days * 24 + i64::from(self.hour)) * 60 + i64::from(self.minute)) * 60 + i64::from(self.second))
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(month: u8, year: u16) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::DateTime;

    fn at(year: u16, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Option<i64> {
        DateTime { year, month, day, hour, minute, second }.unix_seconds()
    }

    #[test]
    fn known_dates_have_their_unix_time() {
        assert_eq!(at(1970, 1, 1, 0, 0, 0), Some(0));
        assert_eq!(at(2000, 2, 29, 23, 59, 59), Some(951_868_799));
        assert_eq!(at(2000, 3, 1, 0, 0, 0), Some(951_868_800));
        assert_eq!(at(2038, 1, 19, 3, 14, 8), Some(1 << 31));
    }

    #[test]
    fn what_is_no_date_has_no_unix_time() {
        assert_eq!(at(1969, 12, 31, 0, 0, 0), None);
        assert_eq!(at(2023, 2, 29, 0, 0, 0), None);
        assert_eq!(at(2023, 13, 1, 0, 0, 0), None);
        assert_eq!(at(2023, 0, 1, 0, 0, 0), None);
        assert_eq!(at(2023, 1, 0, 0, 0, 0), None);
        assert_eq!(at(2023, 1, 1, 24, 0, 0), None);
        assert_eq!(at(2023, 1, 1, 0, 60, 0), None);
        assert_eq!(at(2023, 1, 1, 0, 0, 165), None);
    }
}
