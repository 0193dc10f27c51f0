//! The commands of the kernel's prompt.

mod ledger;
mod machine;
mod memory;
mod running;

use crate::{
    boot::LEVELS,
    command::{self, Command, CommandError, Context, Table},
    platform::FaultKind,
};

/// The kernel's commands.
pub const COMMANDS: Table = Table(&[
    Command {
        name: "acpi",
        arguments: "",
        help: "list ACPI's tables, and how the machine is turned off",
        words: &[],
        run: machine::acpi,
    },
    Command {
        name: "cpu",
        arguments: "",
        help: "describe this CPU, and list the CPUs and which of them run",
        words: &[],
        run: machine::cpu,
    },
    Command { name: "echo", arguments: "[TEXT]...", help: "print the words", words: &[], run: echo },
    Command {
        name: "fault",
        arguments: "KIND",
        help: "provoke a CPU exception",
        words: FaultKind::NAMES,
        run: running::fault,
    },
    command::HELP,
    Command {
        name: "ktest",
        arguments: "[FILTER]...",
        help: "run the kernel tests whose name has one of the words in it, or all",
        words: &[],
        run: running::ktest,
    },
    Command {
        name: "ledger",
        arguments: "[FRAME | NAME]",
        help: "count the frames by state; tell all about the one of that number, or about what is named so, as port:0x3f8",
        words: &[],
        run: ledger::ledger,
    },
    Command { name: "loans", arguments: "", help: "list the loans of memory", words: &[], run: ledger::loans },
    Command {
        name: "log",
        arguments: "[LEVEL | set LEVEL]",
        help: "print the log, from that level up; set what is logged",
        words: LEVELS,
        run: running::log,
    },
    Command {
        name: "mem",
        arguments: "",
        help: "say what the machine's memory is used for",
        words: &[],
        run: memory::mem,
    },
    Command {
        name: "owners",
        arguments: "",
        help: "list who may own and borrow, how much they do, and who owns what is no memory",
        words: &[],
        run: ledger::owners,
    },
    Command { name: "panic", arguments: "[TEXT]...", help: "panic with that message", words: &[], run: running::panic },
    Command { name: "poweroff", arguments: "", help: "turn the machine off", words: &[], run: running::poweroff },
    Command { name: "reboot", arguments: "", help: "restart the machine", words: &[], run: running::reboot },
    Command {
        name: "slabs",
        arguments: "",
        help: "list the caches of small objects, how many of each live, and how well memory is used",
        words: &[],
        run: memory::slabs,
    },
    Command {
        name: "uptime",
        arguments: "",
        help: "print the time since boot, and describe the clocks",
        words: &[],
        run: machine::uptime,
    },
]);

/// For commands that take none.
fn no_arguments(arguments: &[&str]) -> Result<(), CommandError> {
    if arguments.is_empty() { Ok(()) } else { Err(CommandError::Usage) }
}

fn echo(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    Ok(writeln!(context.out, "{}", arguments.join(" "))?)
}

#[cfg(test)]
pub(crate) mod tests;
