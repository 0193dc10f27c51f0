//! Commands that do something: `ktest`, `log`, `panic`, `fault`, `reboot`, `poweroff`.

use alloc::string::String;
use core::fmt::Write;

use ::log::LevelFilter;

use super::no_arguments;
use crate::{
    boot,
    command::{CommandError, Context},
    ktap,
    log::LOGGER,
    platform::FaultKind,
};

pub(super) fn ktest(context: &mut Context<'_>, filter: &[&str]) -> Result<(), CommandError> {
    let platform = context.platform;
    let summary = ktap::run(platform.tests(), filter, &mut |test| platform.run_test(test), context.out)?;
    if summary.is_success() { Ok(()) } else { Err(CommandError::Failed) }
}

pub(super) fn log(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    let level = |name| boot::level(name).ok_or(CommandError::Usage);
    match arguments {
        [] => print_log(LevelFilter::Trace, context.out),
        ["set", name] => {
            ::log::set_max_level(level(name)?);
            Ok(())
        }
        [name] => print_log(level(name)?, context.out),
        _ => Err(CommandError::Usage),
    }
}

fn print_log(level: LevelFilter, out: &mut dyn Write) -> Result<(), CommandError> {
    LOGGER.read(level, |line| Ok(out.write_str(line)?))
}

pub(super) fn panic(_: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    let text: String = if arguments.is_empty() { "asked for at the prompt".into() } else { arguments.join(" ") };
    panic!("{text}")
}

pub(super) fn fault(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    let [name] = arguments else { return Err(CommandError::Usage) };
    let Some(kind) = FaultKind::from_name(name) else {
        writeln!(context.out, "no such fault '{name}'; there are {}", FaultKind::NAMES.join(", "))?;
        return Err(CommandError::Usage);
    };
    context.platform.fault(kind);
    writeln!(context.out, "execution continued after {kind}")?;
    // A breakpoint is there to be continued after; any other fault that returns did not happen, or was ignored.
    if kind == FaultKind::Breakpoint { Ok(()) } else { Err(CommandError::Failed) }
}

pub(super) fn reboot(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    no_arguments(arguments)?;
    context.platform.reset();
    writeln!(context.out, "the machine did not reset; turn it off and on")?;
    Err(CommandError::Failed)
}

pub(super) fn poweroff(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    no_arguments(arguments)?;
    context.platform.power_off();
    writeln!(context.out, "the machine cannot be turned off by software; acpi says what is known of it")?;
    Err(CommandError::Failed)
}
