//! Every verdict from findings and evidence made by hand.

use std::time::Duration;

use steward_harness_wire::Nonce;

use super::*;
use crate::{
    autopsy::{Autopsy, Cpu},
    bounded::BoundedLog,
    foreign::decide::{Decider, Typed},
    qmp,
    session::Usage,
};

fn expect(texts: &[&str]) -> Vec<Expectation> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn evidence(log: &str, ending: Ending) -> Evidence {
    let mut kept = BoundedLog::new(1000);
    kept.push(log.as_bytes());
    Evidence { serves: false, nonce: None, log: kept, ..Evidence::of(Nonce(0), Vec::new(), ending) }
}

fn shutdown(reason: &str) -> qmp::Event {
    qmp::Event { name: "SHUTDOWN".into(), reason: Some(reason.into()) }
}

fn exited(log: &str, status: i32) -> Evidence {
    evidence(log, Ending::Exited(Exit::Status(status)))
}

fn reset(log: &str) -> Evidence {
    Evidence { events: vec![shutdown("guest-reset")], ..evidence(log, Ending::Stopped) }
}

fn hung_machine(log: &str, halted: bool) -> Evidence {
    let registers = [("RIP".to_string(), 0xffff_ffff_8000_0000), ("CR0".to_string(), 0x8000_0011)].into();
    let autopsy = Autopsy {
        all_halted: halted,
        interrupts: true,
        cpus: vec![Cpu { registers, ..Cpu::default() }],
        ..Autopsy::default()
    };
    let usage = Usage { elapsed: Duration::from_secs(10), cpu: Duration::from_secs(9) };
    Evidence { autopsy: Some(autopsy), usage, ..evidence(log, Ending::TimedOut(Phase::Run)) }
}

/// The verdict on a run, and its reason.
fn run(expected: &[&str], evidence: &Evidence) -> (Verdict, String) {
    let expected = expect(expected);
    let mut decider = Decider::new(&expected, None);
    decider.push(evidence.log.text().as_bytes(), Duration::ZERO);
    let Judgement { verdict, why } = judge(&expected, false, &decider.finish(), evidence);
    (verdict, why)
}

/// The same of a line.
fn line(expected: &[&str], typed: &str, evidence: &Evidence) -> (Verdict, String) {
    let expected = expect(expected);
    let typed = Typed { line: typed.into(), prompt: "$ ".into(), nonce: 0xa5 };
    let mut decider = Decider::new(&expected, Some(&typed));
    decider.push(evidence.log.text().as_bytes(), Duration::ZERO);
    let Judgement { verdict, why } = judge(&expected, true, &decider.finish(), evidence);
    (verdict, why)
}

#[track_caller]
fn is((verdict, why): (Verdict, String), expected: Verdict, part: &str) {
    assert!(verdict == expected && why.contains(part), "{verdict}: {why}");
}

#[test]
fn what_was_expected_passes_whatever_ended_the_machine() {
    is(run(&["text=done"], &evidence("done\n", Ending::Decided)), Verdict::Pass, "`text=done`");
    is(run(&["text=done", "exit=33"], &exited("done\n", 33)), Verdict::Pass, "`exit=33`");
    is(run(&["exit=0"], &Evidence { events: vec![shutdown("guest-shutdown")], ..exited("", 0) }), Verdict::Pass, "");
    is(run(&["text=[ok]"], &reset("[ok]\n")), Verdict::Pass, "");
}

#[test]
fn a_machine_that_ended_in_good_order_without_what_was_expected_has_failed() {
    is(run(&["text=done"], &exited("two of three\n", 35)), Verdict::Fail, "its last line was `two of three`");
    is(run(&["exit=33"], &exited("x\n", 35)), Verdict::Fail, "status 35");
    is(run(&["regex=^done$"], &exited("not done\n", 33)), Verdict::Fail, "`regex=^done$`");
}

#[test]
fn a_line_whose_machine_ends_before_its_status_is_truncated() {
    is(line(&["status=0"], "poweroff", &exited("poweroff\r\nbye\r\n", 0)), Verdict::Truncated, "`status=0`");
    is(line(&["exit=0"], "poweroff", &exited("poweroff\r\nbye\r\n", 0)), Verdict::Pass, "");
}

#[test]
fn a_wrong_status_fails_with_what_was_seen() {
    let answered = evidence("cat /x\r\ncat: no such file\r\n$ 00000000000000a5:1:\r\n", Ending::Decided);
    is(
        line(&["status=0"], "cat /x", &answered),
        Verdict::Fail,
        "the status is 1; its last line was `cat: no such file`",
    );
    is(line(&["status=1"], "cat /x", &answered), Verdict::Pass, "");
}

#[test]
fn a_kernel_that_goes_down_has_panicked_however_its_machine_ends() {
    let last = "Kernel panic - not syncing: sysrq triggered crash\n";
    for evidence in [evidence(last, Ending::Decided), reset(last), hung_machine(last, true), exited(last, 33)] {
        is(run(&["text=done"], &evidence), Verdict::Panic, "sysrq triggered");
        is(run(&["verdict=panic"], &evidence), Verdict::Pass, "as expected");
        is(run(&["verdict=reset"], &evidence), Verdict::Panic, "");
    }
    is(run(&["text=done"], &evidence(&format!("{last}done\n"), Ending::Decided)), Verdict::Pass, "");
    is(
        run(&["verdict=panic", "text=done"], &evidence(last, Ending::Decided)),
        Verdict::Fail,
        "`text=done` does not hold",
    );
}

#[test]
fn a_kernel_that_survives_its_complaint_is_judged_by_what_it_did() {
    let complaint = "BUG: sleeping function called from invalid context\n";
    let answered = |status| evidence(&format!("x\r\n{complaint}00000000000000a5:{status}:\n"), Ending::Decided);
    is(line(&["status=0"], "x", &answered(0)), Verdict::Pass, "");
    is(line(&["status=0"], "x", &answered(1)), Verdict::Fail, "it said `BUG: sleeping");
    is(line(&["status=0"], "x", &evidence(complaint, Ending::Decided)), Verdict::Panic, "sleeping");
    is(run(&["exit=33"], &exited("panicked at src/main.rs:1:2:\n", 35)), Verdict::Panic, "src/main.rs");
}

#[test]
fn violent_ends_have_their_names() {
    is(run(&["text=done"], &reset("x\n")), Verdict::Reset, "asked for a reset");
    is(run(&["text=done"], &Evidence { triple_fault: true, ..reset("x\n") }), Verdict::TripleFault, "");
    is(run(&["verdict=triple-fault"], &Evidence { triple_fault: true, ..reset("x\n") }), Verdict::Pass, "");
    is(run(&["text=done"], &hung_machine("x\n", false)), Verdict::Hang { interrupts: true }, "`text=done`");
    is(run(&["verdict=hang-interrupts-on"], &hung_machine("x\n", true)), Verdict::Pass, "");
    is(run(&["verdict=hang-interrupts-off"], &hung_machine("x\n", true)), Verdict::Hang { interrupts: true }, "");
}

#[test]
fn a_verdict_that_did_not_come_fails_with_what_came() {
    is(run(&["verdict=panic"], &exited("fine\n", 33)), Verdict::Fail, "`verdict=panic` does not hold");
    is(run(&["verdict=panic", "verdict=reset"], &reset("x\n")), Verdict::Reset, "");
}

#[test]
fn a_kernel_that_is_meant_to_fail_passes_when_it_does() {
    is(run(&["text=done", "verdict=fail"], &exited("no\n", 35)), Verdict::Pass, "fail, as expected");
    is(run(&["text=done", "verdict=fail"], &exited("done\n", 35)), Verdict::Fail, "`verdict=fail` does not hold");
    is(line(&["status=0", "verdict=truncated"], "off", &exited("off\r\n", 0)), Verdict::Pass, "truncated, as expected");
}

#[test]
fn the_emulator_is_to_blame_only_when_it_complains_or_nothing_ran() {
    let complained = Evidence { messages: vec!["no memory".into()], ..exited("x\n", 1) };
    is(run(&["text=done"], &complained), Verdict::EmulatorFailure, "no memory");
    is(run(&["exit=1"], &Evidence { messages: vec!["a warning".into()], ..exited("x\n", 1) }), Verdict::Pass, "");
    is(
        run(&["exit=1"], &Evidence { messages: vec!["no memory".into()], ..exited("", 1) }),
        Verdict::EmulatorFailure,
        "",
    );
    is(run(&["text=done"], &exited("x\n", 1)), Verdict::Fail, "status 1");
    is(run(&["text=done"], &evidence("done", Ending::Exited(Exit::Signal(9)))), Verdict::EmulatorFailure, "SIGKILL");
}

#[test]
fn a_host_that_gave_no_time_is_told() {
    let starved = Evidence {
        usage: Usage { elapsed: Duration::from_secs(10), cpu: Duration::from_millis(900) },
        ..hung_machine("x\n", false)
    };
    is(run(&["text=done"], &starved), Verdict::HostStarvation, "");
}

#[test]
fn a_fork_point_that_was_not_printed_is_a_boot_failure_with_the_reason() {
    let judged = |evidence: &Evidence| {
        let Judgement { verdict, why } = no_fork_point("$ ", evidence);
        (verdict, why)
    };
    is(judged(&hung_machine("booting\n", true)), Verdict::BootFailure, "`$ ` was not printed: nothing of it within");
    is(judged(&reset("x\n")), Verdict::BootFailure, "reset");
    is(judged(&exited("x\n", 35)), Verdict::BootFailure, "the machine ended before");
    let complained = Evidence { messages: vec!["no memory".into()], ..exited("", 1) };
    is(judged(&complained), Verdict::EmulatorFailure, "no memory");
}
