//! The check of an accelerator that needs no help of a kernel.

use steward_harness::{
    Emulator,
    accel::{Request, choose_for_any},
    machine::Accelerator,
    process::Interrupts,
};

#[test]
fn the_harnesss_own_program_computes_in_a_machine_and_shows_how_fast_that_is() {
    let cache = tempfile::tempdir().unwrap();
    let (emulator, interrupts) = (Emulator::find().unwrap(), Interrupts::none().unwrap());
    let chosen = choose_for_any(Request::Tcg, &emulator, cache.path(), &interrupts).unwrap();
    assert_eq!((chosen.accelerator, chosen.note.as_deref()), (Accelerator::Tcg, None));
    // Only an answer that was found by a machine which works is kept.
    assert!(cache.path().join("accelerator-tcg.json").is_file());
    assert!((0.01..100.0).contains(&chosen.slowness), "{}", chosen.slowness);
    assert_eq!(choose_for_any(Request::Tcg, &emulator, cache.path(), &interrupts).unwrap(), chosen);
}
