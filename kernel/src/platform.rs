//! The machine as the prompt's commands see it.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use steward_core::platform::{
    AcpiInfo, AcpiTable, CacheInfo, CpuInfo, FaultKind, Platform, Processor, ProcessorState, TestEnd, TimerInfo,
};
use steward_frames::MemoryUse;
use steward_harness_guest::{Balance, Descriptor, FailureText};
use steward_ledger::Ledger;
use steward_machine::{
    CacheRow, MOST_CACHES, Usage,
    acpi::{self, CpuState, PowerOff, Register},
    apic, clock, cpu, fault, for_each_cache, frames, layout, ledger, power,
    resources::Resource,
    smp, timer,
    trap::{self, Escape},
};

use crate::{report, serve};

/// This PC.
pub struct Pc;

impl Platform for Pc {
    fn memory(&self) -> MemoryUse {
        frames::memory_use().expect("the prompt runs long after the page tables were built")
    }

    fn caches(&self) -> Vec<CacheInfo> {
        // Room for it first, so that it does not change what it counts while it does.
        let mut caches = Vec::with_capacity(MOST_CACHES);
        for_each_cache(|CacheRow { name, size, usage }| {
            let Usage { live, asked, held, .. } = usage;
            caches.push(CacheInfo { name, size, live, asked, held });
        });
        caches
    }

    fn with_ledger(&self, see: &mut dyn FnMut(&Ledger<'_>)) {
        ledger::with(|ledger| see(ledger));
    }

    fn key_name(&self, key: usize) -> Option<String> {
        Resource::of(key).map(|resource| resource.to_string())
    }

    fn key_of(&self, name: &str) -> Option<usize> {
        Resource::parse(name).map(Resource::key)
    }

    fn cpu(&self) -> CpuInfo {
        let (family, model, stepping) = cpu::signature().unwrap_or_default();
        CpuInfo {
            vendor: cpu::vendor().as_str().into(),
            brand: cpu::brand().as_str().into(),
            family: family.into(),
            model: model.into(),
            stepping: stepping.into(),
            features: features(),
            apic_id: apic::id().unwrap_or(0),
            processors: processors(),
        }
    }

    fn acpi(&self) -> Option<AcpiInfo> {
        let tables = acpi::get()?;
        Some(AcpiInfo {
            rsdp_address: tables.rsdp,
            revision: tables.revision,
            oem: String::from_utf8_lossy(&tables.oem).trim_end().into(),
            tables: tables
                .tables
                .iter()
                .map(|table| AcpiTable { signature: table.signature, address: table.address, length: table.length })
                .collect(),
            power_off: tables.power_off.map(power_off_in_words),
        })
    }

    fn now_ns(&self) -> u64 {
        clock::nanoseconds()
    }

    fn timer(&self) -> TimerInfo {
        TimerInfo {
            tsc_hz: clock::tsc_hz().unwrap_or(0),
            tsc_invariant: cpu::features().invariant_tsc,
            apic_timer_hz: timer::hz().unwrap_or(0),
            reference: match clock::source() {
                Some(clock::Source::Hpet) => "HPET",
                Some(clock::Source::Pit) => "PIT",
                None => "nothing",
            },
            ticks: timer::ticks(),
        }
    }

    fn fault(&self, kind: FaultKind) {
        match kind {
            FaultKind::Divide => fault::divide(0),
            FaultKind::Breakpoint => fault::breakpoint(0),
            FaultKind::InvalidOpcode => fault::invalid_opcode(0),
            // Stacks begin with a guard, so the window's first page is never mapped.
            FaultKind::PageRead => fault::read(layout::STACKS),
            FaultKind::PageWriteText => fault::write(layout::image::start()),
            FaultKind::PageExecute => fault::execute(fault::RETURN_IN_DATA.as_ptr() as u64),
            FaultKind::StackOverflow => fault::overflow_stack(0),
            FaultKind::Double => fault::double(0),
            FaultKind::GeneralProtection => fault::general_protection(0),
            FaultKind::Nmi => {
                if !apic::send_nmi_to_self() {
                    log::error!("no local APIC to send an NMI with");
                }
            }
        }
    }

    fn reset(&self) {
        power::reset()
    }

    fn power_off(&self) {
        let Err(reason) = power::off();
        log::error!("{reason}");
    }

    fn tests(&self) -> &'static [Descriptor] {
        steward_machine::tests()
    }

    fn run_test(&self, test: &Descriptor) -> TestEnd {
        let mut failure = FailureText::new();
        let mut passed = false;
        let mut before = Balance::new();
        serve::audit(&mut before);
        report::expect_test_panics(true);
        let ended = trap::attempt(&mut || passed = test.run(&mut failure));
        report::expect_test_panics(false);
        match ended {
            // Only now: a test that was ended from outside may still hold the locks that an audit needs.
            Ok(()) if passed => {
                let mut after = Balance::new();
                serve::audit(&mut after);
                after.difference_from(&before).map_or(TestEnd::Passed, TestEnd::Leaked)
            }
            Ok(()) => TestEnd::Failed(failure),
            Err(Escape::Called) => TestEnd::Panicked(report::take_test_panic()),
            Err(Escape::Fault(fault)) => TestEnd::Panicked(report::fault_text(&fault)),
        }
    }
}

fn features() -> Vec<&'static str> {
    let features = cpu::features();
    let named = [
        (features.no_execute, "nx"),
        (features.smep, "smep"),
        (features.smap, "smap"),
        (features.umip, "umip"),
        (features.global_pages, "pge"),
        (features.gigabyte_pages, "pdpe1gb"),
        (features.x2apic, "x2apic"),
        (features.invariant_tsc, "invariant_tsc"),
        (features.hypervisor, "hypervisor"),
    ];
    named.into_iter().filter_map(|(has, name)| has.then_some(name)).collect()
}

fn processors() -> Vec<Processor> {
    let cpus = acpi::get().and_then(|tables| tables.madt.as_ref()).map_or(&[][..], |madt| &madt.cpus);
    cpus.iter()
        .map(|cpu| Processor {
            uid: cpu.uid,
            apic_id: cpu.apic_id,
            number: smp::by_apic_id(cpu.apic_id).map(|cpu| cpu.as_usize() as u32),
            state: match cpu.state {
                CpuState::Enabled => ProcessorState::Enabled,
                CpuState::OnlineCapable => ProcessorState::OnlineCapable,
                CpuState::Disabled => ProcessorState::Disabled,
            },
        })
        .collect()
}

fn power_off_in_words(how: PowerOff) -> String {
    match how {
        PowerOff::Pm1 { a, b: None, types, .. } => format!("PM1a control block, port {a:#x}, sleep type {}", types.0),
        PowerOff::Pm1 { a, b: Some(b), types, .. } => {
            format!("PM1a and PM1b control blocks, ports {a:#x} and {b:#x}, sleep types {} and {}", types.0, types.1)
        }
        PowerOff::SleepControl { register: Register::Port(port), kind } => {
            format!("sleep control register, port {port:#x}, sleep type {kind}")
        }
        PowerOff::SleepControl { register: Register::Memory(address), kind } => {
            format!("sleep control register, address {address:#x}, sleep type {kind}")
        }
    }
}
