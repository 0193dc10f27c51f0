//! Catching faults, which the other tests rely on.

use steward_harness_guest::ktest;

use super::fault_of;
use crate::{
    fault, interrupts,
    trap::{self, Escape, catch},
};

#[ktest]
fn a_function_that_returns_is_not_caught() {
    extern "C" fn nothing(_: u64) {}
    // In the prompt's suite an outer catch is under way, in a machine of the test's own none is.
    let before = trap::is_catching();
    assert_eq!(catch(nothing, 0), Ok(()));
    assert_eq!(trap::is_catching(), before);
}

#[ktest]
fn an_inner_catch_takes_the_fault_and_the_outer_one_is_armed_again() {
    extern "C" fn nested(_: u64) {
        let inner = fault_of(fault::invalid_opcode, 0).expect("the inner one takes this");
        assert_eq!(inner.frame.vector, 6);
        fault::divide(0);
    }
    let outer = fault_of(nested, 0).expect("the outer one takes that");
    assert_eq!(outer.frame.vector, 0);
}

#[ktest]
fn escaping_abandons_the_innermost_function() {
    extern "C" fn leave(_: u64) {
        trap::escape();
    }
    assert_eq!(catch(leave, 0), Err(Escape::Called));
}

#[ktest]
fn escaping_from_an_attempt_passes_over_the_catches_within() {
    extern "C" fn leave_all(_: u64) {
        trap::escape_attempt();
    }
    // In the prompt's suite the outermost attempt is the one that runs this test, and escaping would end it.
    if trap::is_attempting() {
        return;
    }
    let ended = trap::attempt(&mut || {
        let inner = catch(leave_all, 0);
        panic!("the inner catch gave {inner:?}");
    });
    assert_eq!(ended, Err(Escape::Called));
    assert!(!trap::is_attempting() && !trap::is_catching());
}

#[ktest]
fn an_nmi_is_not_taken_for_the_fault_of_what_runs() {
    extern "C" fn send(_: u64) {
        crate::apic::send_nmi_to_self();
        for _ in 0..1_000_000 {
            core::hint::spin_loop();
        }
    }
    fn escape_from_fatal(fault: &trap::Fault) -> ! {
        assert_eq!(fault.frame.vector, 2);
        trap::escape()
    }
    if trap::is_catching() {
        return;
    }
    // The machine is this test's own, so the handler need not be put back.
    trap::set_fatal_handler(escape_from_fatal);
    assert_eq!(catch(send, 0), Err(Escape::Called), "the fatal handler saw it, and not the catch");
}

#[ktest(should_panic)]
fn escaping_from_nowhere_panics() {
    // In the prompt's suite a catch is under way: that one's end is this test's.
    if trap::is_catching() {
        panic!("as it should");
    }
    trap::escape();
}

#[ktest]
fn interrupts_are_as_before_after_a_caught_fault() {
    for enabled in [true, false] {
        if enabled {
            interrupts::enable()
        } else {
            interrupts::disable()
        }
        fault_of(fault::read, 0).expect("nothing is mapped at 0");
        let after = interrupts::are_enabled();
        interrupts::enable();
        assert_eq!(after, enabled);
    }
}

#[ktest]
fn a_thousand_faults_leave_the_stack_where_it_was() {
    let here = 0_u8;
    let before = &raw const here as u64;
    for _ in 0..1000 {
        let fault = fault_of(fault::read, 8).expect("nothing is mapped at 8");
        assert!(fault.frame.rsp.abs_diff(before) < 16 * 1024, "the stack wanders");
    }
}
