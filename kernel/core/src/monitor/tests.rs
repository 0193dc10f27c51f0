//! The commands against a machine that only remembers what it was asked.

use alloc::{format, string::String, vec, vec::Vec};
use core::cell::RefCell;

use steward_frames::{FrameSource, MemoryMap, MemoryUse, RawEntry, Use, Zone};
use steward_harness_guest::{Descriptor, FailureText, Test};
use steward_ledger::Ledger;

mod lending;

use super::*;
use crate::platform::*;

static TESTS: [Descriptor; 2] = [descriptor("core::words_are_split"), descriptor("machine::timer_ticks")];

const fn descriptor(name: &'static str) -> Descriptor {
    Descriptor::new(Test {
        name,
        file: "tests.rs",
        line: 1,
        run: |_| true,
        should_panic: false,
        ignore: false,
        ignore_reason: "",
        timeout_ms: 0,
        cpus: 0,
        memory_mib: 0,
        machine: "",
        cpu: "",
        tier: steward_harness_guest::wire::layout::Tier::Test,
    })
}

/// A machine of 64 MiB with two CPUs.
#[derive(Default)]
pub(crate) struct Fake {
    asked: RefCell<Vec<String>>,
    bare: bool,
}

impl Fake {
    fn note(&self, what: &str) {
        self.asked.borrow_mut().push(what.into());
    }
}

impl Platform for Fake {
    fn memory(&self) -> MemoryUse {
        let entries = [(0, 0x9_f000, 0), (0x10_0000, 0x3ef_0000, 0), (0xfffc_0000, 0x4_0000, 1)];
        let entries = entries.map(|(base, length, kind)| RawEntry { base, length, kind });
        let (map, _) = MemoryMap::from_entries(entries).expect("the map is sound");
        let mut source = FrameSource::new(&map);
        let _heap = source.take(Use::Heap, Zone::Any).expect("there is memory");
        source.memory_use()
    }

    fn caches(&self) -> Vec<CacheInfo> {
        vec![
            CacheInfo { name: "gate", size: 48, live: 3, asked: 120, held: 4096 },
            CacheInfo { name: "heap-16", size: 16, ..CacheInfo::default() },
            CacheInfo { name: "heap-64", size: 64, live: 100, asked: 5000, held: 8192 },
            CacheInfo { name: "heap-runs", size: 0, live: 1, asked: 8000, held: 8192 },
        ]
    }

    fn with_ledger(&self, see: &mut dyn FnMut(&Ledger<'_>)) {
        lending::with(see);
    }

    fn key_name(&self, key: usize) -> Option<String> {
        key.checked_sub(lending::OTHERS).filter(|number| *number < 1 << 16).map(|number| format!("port:{number:#x}"))
    }

    fn key_of(&self, name: &str) -> Option<usize> {
        let digits = name.strip_prefix("port:0x")?;
        usize::from_str_radix(digits, 16).ok().map(|number| lending::OTHERS + number)
    }

    fn cpu(&self) -> CpuInfo {
        if self.bare {
            return CpuInfo::default();
        }
        CpuInfo {
            vendor: "GenuineIntel".into(),
            brand: "QEMU TCG CPU".into(),
            family: 6,
            model: 0x2a,
            stepping: 1,
            features: vec!["sse2-and-so-on"; 12],
            apic_id: 1,
            processors: vec![
                Processor { uid: 0, apic_id: 0, number: Some(0), state: ProcessorState::Enabled },
                Processor { uid: 1, apic_id: 1, number: None, state: ProcessorState::Disabled },
            ],
        }
    }

    fn acpi(&self) -> Option<AcpiInfo> {
        (!self.bare).then(|| AcpiInfo {
            rsdp_address: 0xf_5a80,
            revision: 2,
            oem: "BOCHS".into(),
            tables: vec![
                AcpiTable { signature: *b"FACP", address: 0x3fe_1000, length: 244 },
                AcpiTable { signature: *b"A\n\xffC", address: 0x3fe_2000, length: 120 },
            ],
            power_off: Some("PM1a control block, port 0x604".into()),
        })
    }

    fn now_ns(&self) -> u64 {
        12_034_567_890
    }

    fn timer(&self) -> TimerInfo {
        TimerInfo {
            tsc_hz: 2_000_000_000,
            tsc_invariant: true,
            apic_timer_hz: 62_500_000,
            reference: "HPET",
            ticks: 1203,
        }
    }

    fn fault(&self, kind: FaultKind) {
        self.note(kind.name());
    }

    fn reset(&self) {
        self.note("reset");
    }

    fn power_off(&self) {
        self.note("power off");
    }

    fn tests(&self) -> &'static [Descriptor] {
        &TESTS
    }

    fn run_test(&self, test: &Descriptor) -> TestEnd {
        self.note(test.name());
        let mut failure = FailureText::new();
        if test.run(&mut failure) { TestEnd::Passed } else { TestEnd::Failed(failure) }
    }
}

fn run_on(fake: &Fake, line: &str) -> (u8, String) {
    let mut out = String::new();
    let context = &mut Context { out: &mut out, platform: fake, table: COMMANDS };
    let status = command::execute(line, context).expect("a String takes everything");
    (status, out)
}

fn run(line: &str) -> (u8, String) {
    run_on(&Fake::default(), line)
}

#[test]
fn mem_prints_rows_that_sum_to_the_total() {
    let (status, table) = run("mem");
    assert_eq!(status, 0);
    let mut lines = table.lines();
    assert_eq!(lines.next().unwrap().split_whitespace().collect::<Vec<_>>(), ["kind", "bytes", "KiB"]);
    let rows: Vec<(&str, u64)> = lines
        .take_while(|line| !line.starts_with("not memory"))
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let bytes: u64 = words[1].parse().unwrap();
            assert_eq!(words[2], alloc::format!("{}", bytes / 1024));
            (words[0], bytes)
        })
        .collect();
    let ((last, total), rows) = rows.split_last().unwrap();
    assert_eq!(*last, "total");
    assert_eq!(*total, (1 << 20) + 0x3ef_0000);
    assert_eq!(rows.iter().map(|(_, bytes)| bytes).sum::<u64>(), *total);
    assert!(rows.contains(&("heap", 4096)));
    assert!(rows.contains(&("acpi-tables", 0)), "a kind that this machine has none of");
    assert!(table.ends_with("not memory: 262144 bytes of address space, reserved for devices and firmware\n"));
}

#[test]
fn slabs_lists_the_caches_that_have_memory_and_sums_them_up() {
    let expected = "\
objects           bytes       live        asked         held unasked
gate                 48          3          120         4096     970
heap-64              64        100         5000         8192     389
heap-runs             -          1         8000         8192      23
total                 -        104        13120        20480     359
";
    assert_eq!(run("slabs"), (0, expected.into()));
    assert_eq!(run("slabs please").0, command::USAGE);
}

#[test]
fn cpu_lists_the_processors_and_marks_this_one() {
    let (status, text) = run("cpu");
    assert_eq!(status, 0);
    assert!(text.contains("vendor    GenuineIntel\nbrand     QEMU TCG CPU\n"), "{text}");
    assert!(
        text.contains("cpu 0  uid 0  apic id 0  enabled  runs\ncpu -  uid 1  apic id 1  disabled  this CPU\n"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.len() <= 80 && line == line.trim_end()), "{text}");
    assert_eq!(text.matches("sse2-and-so-on").count(), 12);
}

#[test]
fn a_machine_without_acpi_says_so() {
    let bare = Fake { bare: true, ..Fake::default() };
    assert_eq!(run_on(&bare, "acpi"), (command::FAILED, "this machine has no ACPI\n".into()));
    assert!(run_on(&bare, "cpu").1.ends_with("no MADT lists this machine's CPUs\n"));
}

#[test]
fn acpi_lists_tables_whatever_their_signature() {
    let (status, text) = run("acpi");
    assert_eq!(status, 0);
    let expected = "rsdp      0xf5a80  revision 2  oem 'BOCHS'\n\
                    FACP      0x03fe1000  244 bytes\n\
                    A\\n\\xffC  0x03fe2000  120 bytes\n\
                    power-off PM1a control block, port 0x604\n";
    assert_eq!(text, expected);
}

#[test]
fn uptime_tells_the_time_and_the_clocks() {
    let (status, text) = run("uptime");
    assert_eq!(status, 0);
    assert!(text.starts_with("up 12.034567 s\n"), "{text}");
    assert!(text.contains("2000000000 Hz, invariant, calibrated against HPET"), "{text}");
    assert!(text.contains("62500000 Hz, 1203 interrupts"), "{text}");
}

#[test]
fn every_fault_is_asked_for_by_its_name() {
    for &kind in FaultKind::ALL {
        let fake = Fake::default();
        let (status, text) = run_on(&fake, &alloc::format!("fault {kind}"));
        assert_eq!(fake.asked.borrow()[..], [kind.name()]);
        assert_eq!(text, alloc::format!("execution continued after {kind}\n"));
        assert_eq!(status == 0, kind == FaultKind::Breakpoint);
    }
}

#[test]
fn an_unknown_fault_is_not_provoked_and_the_known_ones_are_listed() {
    let fake = Fake::default();
    let (status, text) = run_on(&fake, "fault tolerance");
    assert_eq!(status, command::USAGE);
    assert!(text.starts_with("no such fault 'tolerance'; there are divide, breakpoint,"), "{text}");
    assert!(fake.asked.borrow().is_empty());
}

#[test]
fn a_machine_that_does_not_go_down_is_reported() {
    for (line, asked) in [("reboot", "reset"), ("poweroff", "power off")] {
        let fake = Fake::default();
        let (status, text) = run_on(&fake, line);
        assert_eq!((status, text.is_empty()), (command::FAILED, false));
        assert_eq!(fake.asked.borrow()[..], [asked]);
    }
}

#[test]
fn ktest_runs_what_the_filter_names() {
    let fake = Fake::default();
    let (status, text) = run_on(&fake, "ktest timer");
    assert_eq!(status, 0);
    assert_eq!(text, "KTAP version 1\n1..1\nok 1 - machine::timer_ticks\n# Totals: pass:1 fail:0 skip:0\n");
    assert_eq!(fake.asked.borrow()[..], ["machine::timer_ticks"]);
    assert_eq!(run("ktest nothing-is-called-so").0, command::FAILED);
}

#[test]
fn echo_prints_its_words() {
    assert_eq!(run("echo  a 'b  c'"), (0, "a b  c\n".into()));
    assert_eq!(run("echo"), (0, "\n".into()));
}

#[test]
#[should_panic(expected = "two words")]
fn panic_panics_with_its_text() {
    run("panic two words");
}

#[test]
fn log_takes_levels_only() {
    for line in ["log loud", "log set", "log set loud", "log info warn"] {
        assert_eq!(run(line).0, command::USAGE, "{line}");
    }
}
