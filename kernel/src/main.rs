//! The Steward kernel. Boot order, from where the boot loader jumps to, down to the prompt:
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod autorun;
mod console;
#[cfg(any(test, feature = "ktest"))]
mod ktests;
mod platform;
mod report;
mod serve;

use steward_core::{boot::CommandLine, monitor, prompt};
use steward_machine as machine;

machine::entry!(boot);

/// On the boot loader's page tables, interrupts off.
fn boot() -> ! {
    machine::catch_exceptions(); // From here on a fault is reported and not a triple fault …
    console::init(); //             … and has a serial line, a screen and a log to be reported on.
    machine::trap::set_fatal_handler(report::fault);
    let handover = machine::receive_handover().unwrap_or_else(|error| report::cannot_start(&error));
    configure(&handover.command_line);
    let (version, seconds) = (env!("CARGO_PKG_VERSION"), handover.started_at.unwrap_or(0));
    log::info!("Steward {version} started by {}", handover.loader);
    log::debug!("started at {seconds} s (Unix time)");
    if !handover.repairs.is_empty() {
        log::warn!("memory map repaired: {}", handover.repairs);
    }
    let Err(error) = machine::enter_address_space(handover, start);
    report::cannot_start(&error)
}

/// On the kernel's own page tables and stack.
fn start() -> ! {
    machine::protect().unwrap_or_else(|error| report::cannot_start(&error)); // Segments, exception stacks, SMEP, SMAP.
    let handover = machine::boot::handover().expect("boot() received the handover before it came here");
    // It has been found sound.
    let line = CommandLine::parse(&handover.command_line, |_| ()).unwrap_or_default();
    autorun::open_kept_log(&line);
    machine::devices(handover); // ACPI, local APIC, clocks; interrupts on.
    machine::smp::start_others(handover); // They halt until they are called.
    log::debug!("up after {} us", machine::clock::nanoseconds() / 1000);
    if line.serve.is_some() {
        serve::tests()
    }
    console::start_keyboard();
    if let Some(autorun) = line.autorun {
        autorun::run(autorun);
    }
    // The console's input never ends, so the prompt does not either.
    let mut console = console::Console::default();
    let Err(error) = console.greet().and_then(|()| prompt::run(&mut console, monitor::COMMANDS, &platform::Pc)) else {
        unreachable!("the console has no end of input")
    };
    panic!("the console takes no output: {error}")
}

/// Reads the kernel's command line and does at once what it asks for.
fn configure(text: &str) {
    let line = CommandLine::parse(text, |word| log::warn!("unknown word on the kernel command line: {word}"))
        .unwrap_or_else(|error| report::cannot_start(&error));
    if let Some(level) = line.log {
        log::set_max_level(level);
    }
    if let Some(port) = line.debug_exit {
        machine::power::set_debug_exit(port);
    }
}
