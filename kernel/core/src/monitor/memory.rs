//! The `mem` command.

use super::no_arguments;
use crate::command::{CommandError, Context};

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
