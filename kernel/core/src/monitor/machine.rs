//! Commands that describe the machine: `cpu`, `acpi`, `uptime`.

use alloc::string::ToString;
use core::fmt::{self, Write};

use super::no_arguments;
use crate::{
    command::{CommandError, Context},
    platform::{AcpiTable, Processor, TimerInfo},
};

/// Columns that lists are wrapped at.
const WIDTH: usize = 80;

pub(super) fn cpu(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    no_arguments(arguments)?;
    let cpu = context.platform.cpu();
    let out = &mut *context.out;
    writeln!(out, "vendor    {}", cpu.vendor)?;
    if !cpu.brand.is_empty() {
        writeln!(out, "brand     {}", cpu.brand)?;
    }
    writeln!(out, "family    {:#x}  model {:#x}  stepping {:#x}", cpu.family, cpu.model, cpu.stepping)?;
    writeln!(out, "apic id   {}", cpu.apic_id)?;
    write_list(out, "features", &cpu.features)?;
    if cpu.processors.is_empty() {
        writeln!(out, "no MADT lists this machine's CPUs")?;
    }
    for Processor { uid, apic_id, number, state } in &cpu.processors {
        match number {
            Some(number) => write!(out, "cpu {number}  uid {uid}  apic id {apic_id}  {state}  runs")?,
            None => write!(out, "cpu -  uid {uid}  apic id {apic_id}  {state}")?,
        }
        writeln!(out, "{}", if *apic_id == cpu.apic_id { "  this CPU" } else { "" })?;
    }
    Ok(())
}

/// Writes words after a label, and continues below the first word where a line is full.
fn write_list(out: &mut dyn Write, label: &str, words: &[&str]) -> fmt::Result {
    write!(out, "{label:<9}")?;
    let mut column = 9;
    for word in words {
        if column > 9 && column + 1 + word.len() > WIDTH {
            write!(out, "\n{:9}", "")?;
            column = 9;
        }
        write!(out, " {word}")?;
        column += 1 + word.len();
    }
    writeln!(out)
}

pub(super) fn acpi(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    no_arguments(arguments)?;
    let out = &mut *context.out;
    let Some(acpi) = context.platform.acpi() else {
        writeln!(out, "this machine has no ACPI")?;
        return Err(CommandError::Failed);
    };
    writeln!(out, "rsdp      {:#x}  revision {}  oem '{}'", acpi.rsdp_address, acpi.revision, acpi.oem)?;
    for AcpiTable { signature, address, length } in acpi.tables {
        // Escaped text does not pad itself.
        let signature = signature.escape_ascii().to_string();
        writeln!(out, "{signature:<8}  {address:#010x}  {length} bytes")?;
    }
    writeln!(out, "power-off {}", acpi.power_off.as_deref().unwrap_or("no way known"))?;
    Ok(())
}

pub(super) fn uptime(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    no_arguments(arguments)?;
    let now = context.platform.now_ns();
    let TimerInfo { tsc_hz, tsc_invariant, apic_timer_hz, reference, ticks } = context.platform.timer();
    let out = &mut *context.out;
    writeln!(out, "up {}.{:06} s", now / 1_000_000_000, now / 1000 % 1_000_000)?;
    let invariant = if tsc_invariant { "invariant" } else { "not invariant" };
    writeln!(out, "time-stamp counter  {tsc_hz} Hz, {invariant}, calibrated against {reference}")?;
    writeln!(out, "local APIC timer    {apic_timer_hz} Hz, {ticks} interrupts")?;
    Ok(())
}
