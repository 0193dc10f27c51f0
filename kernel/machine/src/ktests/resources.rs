//! What the kernel drives is its own in the ledger.

use alloc::vec::Vec;

use steward_harness_guest::ktest;
use steward_ledger::{Error, Kind as LoanKind, ProcessId, Quota, State, Terms, Window};

use crate::{
    apic,
    ledger::{self, Kernel},
    memory::{self, MapError},
    resources::{self, Kind, Resource, timers},
    trap::{SPURIOUS_VECTOR, TIMER_VECTOR},
};

fn owner(kind: Kind, number: u64) -> Option<ProcessId> {
    let key = Resource { kind, number }.key();
    ledger::with(|ledger| ledger.view(key)).expect("every number is a key").owner
}

// In a machine of the harness's, which has COM1 and COM2; others may have none.
#[ktest(cpus = 1)]
fn what_drivers_use_is_the_kernels_in_the_ledger() {
    // Two of these were taken before the ledger was open.
    for port in (0x3f8..0x400).chain(0x2f8..0x300) {
        assert_eq!(owner(Kind::IoPorts, port), Some(ProcessId::KERNEL), "port {port:#x}");
    }
    for vector in [TIMER_VECTOR, SPURIOUS_VECTOR] {
        assert_eq!(owner(Kind::Interrupts, vector.into()), Some(ProcessId::KERNEL), "vector {vector:#x}");
    }
    assert!(apic::id().is_some());
    assert_eq!(owner(Kind::DeviceMemory, 0xfee00), Some(ProcessId::KERNEL));
    assert_eq!(owner(Kind::Timers, timers::TICK), Some(ProcessId::KERNEL));
    assert_eq!(owner(Kind::IoPorts, 0x42), None, "who calibrates clocks gives the timer back");
    assert_eq!(owner(Kind::Timers, timers::PIT_CHANNEL_2), None);
}

// As above.
#[ktest(cpus = 1)]
fn a_second_driver_is_refused() {
    assert_eq!(resources::take(Kind::IoPorts, 0x3ff, 2), Err(Error::AlreadyOwned));
    assert_eq!(resources::take(Kind::Interrupts, TIMER_VECTOR.into(), 1), Err(Error::AlreadyOwned));
    assert_eq!(memory::map_device(0xfee0_0000, 16), Err(MapError::Driven));
    assert_eq!(owner(Kind::IoPorts, 0x400), None, "all or nothing");
}

#[ktest]
fn what_is_dropped_can_be_taken_again() {
    let ports = resources::take(Kind::IoPorts, 0x5000, 16).expect("nobody has them");
    assert_eq!(resources::take(Kind::IoPorts, 0x500f, 1), Err(Error::AlreadyOwned));
    drop(ports);
    drop(resources::take(Kind::IoPorts, 0x500f, 1).expect("they are free again"));
    for (first, count) in [(0, 0), (1 << 56, 1), (u64::MAX, 2), ((1 << 56) - 1, 2)] {
        assert_eq!(resources::take(Kind::IoPorts, first, count), Err(Error::Invalid), "{first:#x}");
    }
}

#[ktest]
fn room_for_resources_grows() {
    let taken: Vec<_> = (0..3000)
        .map(|number| resources::take(Kind::Handles, number * 4096, 1).expect("there is memory for more"))
        .collect();
    assert_eq!(owner(Kind::Handles, 2999 * 4096), Some(ProcessId::KERNEL));
    drop(taken);
    assert_eq!(owner(Kind::Handles, 2999 * 4096), None);
    ledger::with(|ledger| ledger.audit(|difference| panic!("{difference:?}")));
}

#[ktest]
fn a_process_borrows_a_resource_and_gives_it_back_when_it_dies() {
    let process = ledger::admit(Quota::NONE, Window::default()).expect("there is room for a process");
    let objects = Resource { kind: Kind::Objects, number: 0xffff_8880_0012_3440 };
    let key = [steward_ledger::Extent::one(objects.key())];
    resources::acquire(key[0]).expect("nobody has it");
    ledger::with(|ledger| {
        let terms = Terms::firm(LoanKind::Mut);
        ledger.lend(ProcessId::KERNEL, process, &key, terms, &mut Kernel).expect("it is the kernel's");
        assert_eq!(ledger.release(ProcessId::KERNEL, &key, &mut Kernel), Err(Error::Borrowed));
    });
    ledger::die(process).expect("it lives");
    ledger::with(|ledger| {
        assert_eq!(ledger.view(objects.key()).map(|view| view.state), Ok(State::Exclusive));
        ledger.release(ProcessId::KERNEL, &key, &mut Kernel).expect("nobody uses it");
    });
}

#[ktest]
fn a_process_that_dies_leaves_its_resources_and_frames_free() {
    let process = ledger::admit(Quota::NONE, Window::default()).expect("there is room for a process");
    let ports = Resource { kind: Kind::IoPorts, number: 0x6000 };
    let keys = [steward_ledger::Extent { start: ports.key(), count: 8 }];
    ledger::with(|ledger| ledger.acquire(process, &keys, &mut Kernel)).expect("nobody has them");
    assert_eq!(owner(Kind::IoPorts, 0x6007), Some(process));
    ledger::die(process).expect("it lives");
    drop(resources::take(Kind::IoPorts, 0x6000, 8).expect("they are free"));
}
