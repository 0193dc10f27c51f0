//! The commands `mem` and `slabs`.

use core::fmt::{self, Write};

use super::no_arguments;
use crate::{
    command::{CommandError, Context},
    platform::CacheInfo,
};

/// Prints a table whose rows sum to its total. It has the same rows on every machine, whatever the machine has none of.
pub(super) fn mem(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    no_arguments(arguments)?;
    let account = context.platform.memory();
    let out = &mut *context.out;
    writeln!(out, "{:<16} {:>16} {:>14}", "kind", "bytes", "KiB")?;
    let mut row = |kind: &str, bytes: u64| writeln!(out, "{kind:<16} {bytes:>16} {:>14}", bytes / 1024);
    for kind in account.rows() {
        row(kind.kind, kind.bytes)?;
    }
    row("total", account.total())?;
    let windows = account.device_windows();
    writeln!(out, "not memory: {windows} bytes of address space, reserved for devices and firmware")?;
    Ok(())
}

/// Prints a row for each cache that has memory, and their sum. What is held and was not asked for lies free, or is lost between
/// and within objects: the last column, in thousandths of what is held.
pub(super) fn slabs(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    no_arguments(arguments)?;
    let caches = context.platform.caches();
    let out = &mut *context.out;
    writeln!(out, "{:<16} {:>6} {:>10} {:>12} {:>12} {:>7}", "objects", "bytes", "live", "asked", "held", "unasked")?;
    let mut total = CacheInfo { name: "total", ..CacheInfo::default() };
    for cache in caches.iter().filter(|cache| cache.held > 0) {
        cache_line(cache, out)?;
        total.live += cache.live;
        total.asked += cache.asked;
        total.held += cache.held;
    }
    Ok(cache_line(&total, out)?)
}

fn cache_line(cache: &CacheInfo, out: &mut dyn Write) -> fmt::Result {
    let CacheInfo { name, size, live, asked, held } = *cache;
    write!(out, "{name:<16} ")?;
    match size {
        0 => write!(out, "{:>6}", "-")?,
        _ => write!(out, "{size:>6}")?,
    }
    let unasked = held.saturating_sub(asked) * 1000 / held.max(1);
    writeln!(out, " {live:>10} {asked:>12} {held:>12} {unasked:>7}")
}
