//! The date from the CMOS clock (MC146818: registers 0 to 9, A and B).

use steward_boot_protocol::time::DateTime;

use crate::port::Port;

/// Reads before giving up on a clock that never agrees with itself, or is not there.
const TRIES: usize = 4;

/// UNIX time, or `None` without a working clock.
pub fn unix_seconds() -> Option<i64> {
    // A reading can fall into an update; two equal ones in a row did not.
    let mut last = registers();
    for _ in 0..TRIES {
        let now = registers();
        if now == last {
            return decode(now, cmos(0x0b))?.unix_seconds();
        }
        last = now;
    }
    None
}

/// Second, minute, hour, day, month, year.
fn registers() -> [u8; 6] {
    [0, 2, 4, 7, 8, 9].map(cmos)
}

fn cmos(index: u8) -> u8 {
    Port::CmosIndex.write(index);
    Port::CmosData.read()
}

/// Register B: bit 2 binary instead of decimal digits, bit 1 hours from 0 to 23 instead of 1 to 12
/// with bit 7 for the afternoon.
fn decode(registers: [u8; 6], mode: u8) -> Option<DateTime> {
    let digits = |value: u8| match value {
        value if mode & 4 != 0 => Some(value),
        value if value >> 4 < 10 && value & 15 < 10 => Some((value >> 4) * 10 + (value & 15)),
        _ => None,
    };
    let [second, minute, hour, day, month, year] = registers;
    let hour = match mode & 2 {
        0 => digits(hour & 0x7f)? % 12 + if hour & 0x80 == 0 { 0 } else { 12 },
        _ => digits(hour)?,
    };
    Some(DateTime {
        // The clock has two digits; it was set in this century.
        year: 2000 + u16::from(digits(year)?),
        month: digits(month)?,
        day: digits(day)?,
        hour,
        minute: digits(minute)?,
        second: digits(second)?,
    })
}
