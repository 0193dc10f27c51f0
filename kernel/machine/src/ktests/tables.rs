//! ACPI and what the boot loader handed over.

use steward_frames::RegionKind;
use steward_harness_guest::ktest;

use crate::{
    acpi::{self, CpuState, PowerOff},
    apic, boot, cpu, frames, layout, memory,
};

#[ktest]
fn the_tables_that_the_kernel_needs_are_found() {
    let acpi = acpi::get().expect("the machine has ACPI");
    for signature in [*b"FACP", *b"APIC", *b"DSDT"] {
        let table = acpi.tables.iter().find(|table| table.signature == signature).expect("the table is listed");
        assert!(table.length >= 36, "{table:?}");
    }
}

#[ktest]
fn this_cpu_is_listed_as_enabled() {
    let madt = acpi::get().and_then(|acpi| acpi.madt.as_ref()).expect("the machine has a MADT");
    let own = apic::id().expect("there is a local APIC");
    let listed: alloc::vec::Vec<_> = madt.cpus.iter().filter(|cpu| cpu.apic_id == own).collect();
    assert_eq!(listed.len(), 1, "{madt:?}");
    assert_eq!(listed[0].state, CpuState::Enabled);
}

#[ktest(cpus = 4)]
fn four_cpus_are_listed_when_there_are_four() {
    let madt = acpi::get().and_then(|acpi| acpi.madt.as_ref()).expect("the machine has a MADT");
    assert_eq!(madt.cpus.iter().filter(|cpu| cpu.state == CpuState::Enabled).count(), 4);
}

#[ktest(machine = "q35")]
fn a_q35_has_an_hpet_and_switches_off_by_pm1() {
    let acpi = acpi::get().expect("the machine has ACPI");
    assert_eq!(acpi.hpet, Some(0xfed0_0000));
    assert!(matches!(acpi.power_off, Some(PowerOff::Pm1 { a: 0x604, .. })), "{:?}", acpi.power_off);
}

#[ktest(machine = "microvm")]
fn a_microvm_switches_off_by_its_sleep_control_register() {
    let acpi = acpi::get().expect("the machine has ACPI");
    assert!(matches!(acpi.power_off, Some(PowerOff::SleepControl { .. })), "{:?}", acpi.power_off);
    assert!(acpi.reset.is_some());
}

#[ktest(memory = 256)]
fn every_byte_of_256_mib_is_accounted_for() {
    let account = frames::memory_use().expect("the account is open");
    assert_eq!(account.total(), 256 << 20, "{:?}", account.rows());
    assert_eq!(account.rows().iter().map(|row| row.bytes).sum::<u64>(), account.total());
}

#[ktest]
fn the_memory_map_holds_the_kernel_where_the_loader_says() {
    let handover = boot::handover().expect("the kernel was handed something");
    assert_eq!(handover.kernel_virtual, layout::image::start());
    let frame = steward_frames::PhysicalAddress::new(handover.kernel_physical).expect("it is an address").frame();
    assert_eq!(handover.memory.kind_of(frame), Some(RegionKind::KernelAndModules));
    let mapping = memory::mapping(layout::image::start()).expect("the image is mapped");
    assert_eq!(mapping.physical, handover.kernel_physical);
}

#[ktest]
fn the_command_line_arrived_whole() {
    let line = &boot::handover().expect("the kernel was handed something").command_line;
    // The harness asks for the service that runs this test, and says how to end the machine; the prompt's suite runs on
    // whatever line the kernel was started with.
    if !crate::trap::is_catching() {
        let words: alloc::vec::Vec<&str> = line.split_ascii_whitespace().collect();
        assert!(words.contains(&"serve=com2") && words.contains(&"debug-exit=0xf4"), "{line}");
    }
    assert!(!line.contains('?'), "{line}");
}

#[ktest(cpu = "max")]
fn every_protection_of_the_best_cpu_is_switched_on() {
    use x86_64::registers::control::Cr4Flags;
    let features = cpu::features();
    assert!(features.smep && features.smap && features.umip && features.no_execute, "{features:?}");
    let wanted = Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION
        | Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION
        | Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION
        | Cr4Flags::MACHINE_CHECK_EXCEPTION
        | Cr4Flags::PAGE_GLOBAL;
    assert!(cpu::control_4().contains(wanted), "{:?}", cpu::control_4());
}

#[ktest(cpu = "qemu64")]
fn a_plain_cpu_is_used_as_it_is() {
    let features = cpu::features();
    assert!(features.no_execute && !features.smep && !features.smap, "{features:?}");
    assert!(cpu::control_4().contains(cpu::wanted()), "{:?}", cpu::control_4());
    assert!(!cpu::vendor().is_empty() && !cpu::brand().is_empty());
}
