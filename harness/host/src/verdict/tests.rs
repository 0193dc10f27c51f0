//! Every verdict from evidence made by hand.

use std::time::Duration;

use steward_harness_wire::{DecodeError, Nonce, Registers};

use super::*;
use crate::{
    autopsy::{Autopsy, Cpu},
    bounded::BoundedLog,
    qmp,
    session::{Outcome, Usage},
};

const NONCE: Nonce = Nonce(0x5eed);
const COUNT: u32 = 3;

fn test() -> Test {
    Test {
        index: 1,
        name: "k::tests::it".into(),
        file: "k.rs".into(),
        line: 1,
        subject: crate::listing::Subject::Ktest,
        should_panic: false,
        ignored: None,
        tier: crate::listing::Tier::Test,
        timeout: None,
        needs: crate::listing::Needs::default(),
    }
}

fn should_panic() -> Test {
    Test { should_panic: true, ..test() }
}

fn session(said: Vec<Said>, ending: Ending) -> Evidence {
    Evidence::of(NONCE, said, ending)
}

fn exit(status: i32) -> Ending {
    Ending::Exited(Exit::Status(status))
}

fn hello() -> Said {
    Said::Hello { version: VERSION, tests: COUNT }
}

fn started() -> Said {
    Said::Started { nonce: NONCE, index: 1, name: "k::tests::it".into() }
}

fn finished(outcome: Result<(), &str>) -> Said {
    Said::Finished {
        nonce: NONCE,
        index: 1,
        outcome: outcome.map_or_else(|why| Outcome::Failed(why.into()), |()| Outcome::Passed),
        ticks: 5,
    }
}

fn panicked(nonce: Option<Nonce>) -> Said {
    Said::Panicked { nonce, message: "no more".into(), place: "k.rs:7".into(), backtrace: vec![1, 2] }
}

fn faulted(vector: u8) -> Said {
    let registers = Box::new(Registers { rip: 0x1234, cr2: 0xdead, ..Registers::default() });
    Said::Faulted { nonce: Some(NONCE), vector, error_code: 2, registers, backtrace: vec![] }
}

fn good() -> Evidence {
    session(vec![hello(), started(), finished(Ok(()))], exit(33))
}

fn shutdown(reason: &str) -> qmp::Event {
    qmp::Event { name: "SHUTDOWN".into(), reason: Some(reason.into()) }
}

fn autopsy(halted: bool, interrupts: bool) -> Autopsy {
    let registers = [("RIP".to_string(), 0xffff_ffff_8000_0000), ("CR0".to_string(), 0x8000_0011)].into();
    let cpu = Cpu { long_mode: true, registers, ..Cpu::default() };
    Autopsy { cpus: vec![cpu], all_halted: halted, interrupts, code: vec![0x90; 4] }
}

fn timed_out(phase: Phase, said: Vec<Said>, autopsy: Option<Autopsy>, cpu_seconds: f64) -> Evidence {
    let usage = Usage { elapsed: Duration::from_secs(10), cpu: Duration::from_secs_f64(cpu_seconds) };
    Evidence { autopsy, usage, ..session(said, Ending::TimedOut(phase)) }
}

#[track_caller]
fn expect(verdict: Verdict, test: &Test, evidence: &Evidence, words: &str) {
    let judged = judge(test, COUNT, evidence);
    assert_eq!(judged.verdict, verdict, "{}", judged.why);
    assert!(judged.why.contains(words), "`{}` does not say `{words}`", judged.why);
}

#[test]
fn a_test_passes_when_all_witnesses_agree() {
    expect(Verdict::Pass, &test(), &good(), "passed");
}

#[test]
fn exactly_one_exit_status_confirms_a_pass() {
    for status in (0..256).filter(|&status| status != 33) {
        let judged = judge(&test(), COUNT, &session(vec![hello(), started(), finished(Ok(()))], exit(status)));
        assert!(matches!(judged.verdict, Verdict::Garbled | Verdict::EmulatorFailure), "{status}: {judged:?}");
    }
    let powered_off = Evidence { events: vec![shutdown("guest-shutdown")], ending: exit(0), ..good() };
    expect(Verdict::Garbled, &test(), &powered_off, "but the guest powered the machine off");
}

#[test]
fn no_exit_status_alone_is_a_pass() {
    for status in [0, 33, 35, 37, 255] {
        expect(
            Verdict::Truncated,
            &test(),
            &session(vec![hello(), started()], exit(status)),
            "before it said how it went",
        );
        expect(Verdict::Truncated, &test(), &session(vec![hello()], exit(status)), "before the test started");
    }
}

#[test]
fn a_failing_test_says_why_and_its_exit_status_must_not_deny_it() {
    let failed = || vec![hello(), started(), finished(Err("left != right"))];
    expect(Verdict::Fail, &test(), &session(failed(), exit(35)), "left != right");
    expect(Verdict::Garbled, &test(), &session(failed(), exit(33)), "say that the test failed, but");
    let hung = Evidence { autopsy: Some(autopsy(true, false)), ..session(failed(), Ending::TimedOut(Phase::End)) };
    expect(Verdict::Fail, &test(), &hung, "left != right");
}

#[test]
fn a_panic_fails_a_test_and_passes_one_that_should_panic() {
    let panicking = || vec![hello(), started(), panicked(Some(NONCE))];
    expect(Verdict::Panic, &test(), &session(panicking(), exit(35)), "panicked at k.rs:7: no more");
    expect(Verdict::Garbled, &test(), &session(panicking(), exit(33)), "but exited with status 33");
    expect(Verdict::Pass, &should_panic(), &session(panicking(), exit(33)), "as it should");
    expect(Verdict::Garbled, &should_panic(), &session(panicking(), exit(35)), "should, but exited with status 35");
}

#[test]
fn a_test_that_should_panic_is_not_passed_by_any_other_panic() {
    let outside = session(vec![hello(), started(), panicked(None)], exit(33));
    expect(Verdict::Garbled, &should_panic(), &outside, "not inside the test");
    expect(Verdict::Panic, &test(), &session(vec![hello(), panicked(None)], exit(35)), "no more");
    let returned = session(vec![hello(), started(), finished(Err("should have panicked"))], exit(35));
    expect(Verdict::Fail, &should_panic(), &returned, "should have panicked");
}

#[test]
fn a_cpu_fault_states_its_exception() {
    let fault = |vector| session(vec![hello(), started(), faulted(vector)], exit(35));
    expect(Verdict::CpuFault, &test(), &fault(0), "#DE divide error at 0x0000000000001234");
    expect(Verdict::CpuFault, &test(), &fault(14), "on address 0xdead, error code 0x2");
    expect(Verdict::CpuFault, &should_panic(), &fault(6), "#UD");
}

#[test]
fn a_triple_fault_and_a_reset_are_told_apart() {
    let reset = || Evidence { events: vec![shutdown("guest-reset")], ..session(vec![hello(), started()], exit(0)) };
    expect(Verdict::Reset, &test(), &reset(), "asked for a reset");
    expect(Verdict::TripleFault, &test(), &Evidence { triple_fault: true, ..reset() }, "could not handle");
    let kvm = |code: &[u8]| {
        let autopsy = Some(Autopsy { code: code.into(), ..autopsy(false, false) });
        Evidence { accelerator: Accelerator::Kvm, autopsy, ..reset() }
    };
    expect(Verdict::TripleFault, &test(), &kvm(&[0x0f, 0x0b, 0x0f, 0x0b]), "not by an instruction");
    expect(Verdict::Reset, &test(), &kvm(&[0xb0, 0xee, 0xf4, 0xf4]), "asked for a reset");
}

#[test]
fn a_triple_fault_after_the_pass_was_reported_is_no_pass() {
    let evidence = Evidence { triple_fault: true, events: vec![shutdown("guest-reset")], ending: exit(0), ..good() };
    expect(Verdict::TripleFault, &test(), &evidence, "");
}

#[test]
fn a_pass_that_any_other_witness_denies_is_none() {
    let panicking = session(vec![hello(), started(), panicked(Some(NONCE))], exit(33));
    let event = |name: &str| qmp::Event { name: name.into(), reason: None };
    for (test, good) in [(test(), good()), (should_panic(), panicking)] {
        let with = |events: Vec<qmp::Event>| Evidence { events, ..good.clone() };
        expect(Verdict::Pass, &test, &with(vec![shutdown("guest-shutdown"), event("STOP")]), "");
        expect(Verdict::TripleFault, &test, &Evidence { triple_fault: true, ..good.clone() }, "");
        expect(Verdict::Reset, &test, &with(vec![shutdown("guest-reset")]), "asked for a reset");
        expect(Verdict::Panic, &test, &with(vec![event("GUEST_PANICKED")]), "reported a panic to QEMU");
        expect(Verdict::Panic, &test, &with(vec![shutdown("guest-panic")]), "reported a panic to QEMU");
        expect(Verdict::Garbled, &test, &with(vec![shutdown("snapshot-load")]), "snapshot-load");
        expect(Verdict::Garbled, &test, &Evidence { cut: true, ..good.clone() }, "one more record");
    }
}

#[test]
fn a_hang_states_whether_interrupts_were_on() {
    let run = || vec![hello(), started()];
    let hang = |halted, interrupts| timed_out(Phase::Run, run(), Some(autopsy(halted, interrupts)), 9.9);
    expect(Verdict::Hang { interrupts: false }, &test(), &hang(false, false), "the machine runs, with interrupts off");
    expect(Verdict::Hang { interrupts: true }, &test(), &hang(false, true), "interrupts on");
    expect(Verdict::Hang { interrupts: false }, &test(), &hang(true, false), "halted for good");
    expect(Verdict::Hang { interrupts: true }, &test(), &hang(true, true), "waits for an interrupt");
    let idle = timed_out(Phase::Run, run(), Some(autopsy(true, true)), 0.01);
    expect(Verdict::Hang { interrupts: true }, &test(), &idle, "did not end within 10.000 s");
}

#[test]
fn a_machine_that_does_not_end_after_the_pass_is_no_pass() {
    let said = vec![hello(), started(), finished(Ok(()))];
    let evidence = timed_out(Phase::End, said, Some(autopsy(true, false)), 0.1);
    expect(Verdict::Hang { interrupts: false }, &test(), &evidence, "but the machine did not");
}

#[test]
fn a_machine_that_got_no_time_is_the_hosts_fault() {
    for phase in [Phase::Boot, Phase::Run] {
        let said = if phase == Phase::Boot { vec![] } else { vec![hello(), started()] };
        let starved = timed_out(phase, said.clone(), Some(autopsy(false, false)), 2.4);
        expect(Verdict::HostStarvation, &test(), &starved, "2.400 s");
        let fed = timed_out(phase, said.clone(), Some(autopsy(false, false)), 2.6);
        assert_ne!(judge(&test(), COUNT, &fed).verdict, Verdict::HostStarvation);
        expect(Verdict::HostStarvation, &test(), &timed_out(phase, said, None, 0.2), "fewer jobs");
    }
}

#[test]
fn an_emulator_that_does_not_answer_is_blamed_when_it_had_time() {
    let evidence = timed_out(Phase::Run, vec![hello(), started()], None, 9.0);
    expect(Verdict::EmulatorFailure, &test(), &evidence, "no longer answered");
    let blocked = timed_out(Phase::Run, vec![hello(), started()], None, 0.0);
    expect(Verdict::EmulatorFailure, &test(), &blocked, "used no CPU");
}

#[test]
fn a_kernel_that_does_not_come_up_is_a_boot_failure() {
    let boot = |ending| Evidence { nonce: None, boot: None, ..session(vec![], ending) };
    let slow = Evidence { autopsy: Some(autopsy(true, false)), ..boot(Ending::TimedOut(Phase::Boot)) };
    expect(Verdict::BootFailure, &test(), &slow, "no hello within 10.000 s");
    expect(Verdict::BootFailure, &test(), &boot(exit(35)), "exited with status 35");
    let reset = Evidence { events: vec![shutdown("guest-reset")], ..boot(exit(0)) };
    expect(Verdict::BootFailure, &test(), &reset, "asked for a reset before");
    expect(Verdict::BootFailure, &test(), &Evidence { triple_fault: true, ..reset }, "a triple fault before");
    let mut log = BoundedLog::new(100);
    log.push(b"up\r\nsteward-boot-direct: kernel: not an ELF file\r\n");
    expect(Verdict::BootFailure, &test(), &Evidence { log, ..boot(exit(37)) }, "kernel: not an ELF file");
    let panic = session(vec![panicked(None)], exit(35));
    expect(Verdict::BootFailure, &test(), &panic, "panicked at k.rs:7: no more");
}

#[test]
fn firmware_that_does_not_hand_over_is_told_from_a_kernel_that_is_silent() {
    let evidence = |rip: u64, cr0: u64| {
        let registers = [("RIP".to_string(), rip), ("CR0".to_string(), cr0)].into();
        let cpus = vec![Cpu { registers, ..Cpu::default() }];
        let evidence = timed_out(Phase::Boot, vec![], Some(Autopsy { cpus, ..autopsy(true, true) }), 9.0);
        Evidence { nonce: None, ..evidence }
    };
    expect(Verdict::FirmwareFailure, &test(), &evidence(0xf_1234, 0x10), "not handed over");
    expect(Verdict::BootFailure, &test(), &evidence(0xffff_ffff_8000_0000, 0x8000_0011), "no hello");
    let mut spoke = evidence(0xf_1234, 0x10);
    spoke.log.push(b"loader: on its way\r\n");
    expect(Verdict::BootFailure, &test(), &spoke, "no hello");
}

#[test]
fn a_kernel_of_another_version_or_count_is_refused() {
    let refused = |said| session(vec![said], Ending::Refused);
    let version = Said::Hello { version: VERSION + 1, tests: COUNT };
    expect(Verdict::Garbled, &test(), &refused(version), "build both from one source");
    for tests in [COUNT - 1, COUNT + 1] {
        let hello = Said::Hello { version: VERSION, tests };
        expect(Verdict::Garbled, &test(), &refused(hello), &format!("counts {tests} tests, and its ELF file holds 3"));
    }
}

#[test]
fn an_emulator_that_died_is_not_the_tests_fault() {
    for said in [vec![], vec![hello(), started()], vec![hello(), started(), finished(Ok(()))]] {
        let killed = session(said.clone(), Ending::Exited(Exit::Signal(9)));
        expect(Verdict::EmulatorFailure, &test(), &killed, "signal 9 (SIGKILL)");
        let asked = Evidence { events: vec![shutdown("host-signal")], ..session(said.clone(), exit(0)) };
        expect(Verdict::EmulatorFailure, &test(), &asked, "from outside");
        let message = vec![String::from("qemu-system-x86_64: no such machine")];
        let refused = Evidence { messages: message, ..session(said.clone(), exit(1)) };
        expect(Verdict::EmulatorFailure, &test(), &refused, "no such machine");
        let internal = Evidence { stopped_in: Some("internal-error".into()), ..session(said.clone(), exit(0)) };
        expect(Verdict::EmulatorFailure, &test(), &internal, "internal-error");
        expect(Verdict::EmulatorFailure, &test(), &session(said, Ending::Stuck), "killed");
    }
    expect(Verdict::EmulatorFailure, &test(), &session(vec![], exit(1)), "did not start");
}

#[test]
fn damaged_frames_after_the_hello_garble_a_run_and_noise_before_it_does_not() {
    let damage = || Heard::Damaged(DecodeError::Checksum);
    let mut noisy = good();
    noisy.heard.insert(0, damage());
    expect(Verdict::Pass, &test(), &noisy, "");
    for place in 1..=3 {
        let mut damaged = good();
        damaged.heard.insert(place, damage());
        expect(Verdict::Garbled, &test(), &damaged, "checksum is wrong");
    }
}

#[test]
fn lost_repeated_and_misplaced_records_garble_a_run() {
    let renumbered = |numbers: [u32; 3]| {
        let mut evidence = good();
        for (heard, number) in evidence.heard.iter_mut().zip(numbers) {
            if let Heard::Record { sequence, .. } = heard {
                *sequence = number;
            }
        }
        evidence
    };
    expect(Verdict::Garbled, &test(), &renumbered([0, 1, 3]), "sequence numbers 2 to 2 are lost");
    expect(Verdict::Garbled, &test(), &renumbered([0, 1, 1]), "sequence repeats");
    expect(Verdict::Garbled, &test(), &renumbered([2, 3, 4]), "before it are lost");
    let order = |said| session(said, exit(33));
    let pass = || finished(Ok(()));
    expect(Verdict::Garbled, &test(), &order(vec![hello(), pass()]), "never started");
    expect(Verdict::Garbled, &test(), &order(vec![hello(), started(), started(), pass()]), "started twice");
    expect(Verdict::Garbled, &test(), &order(vec![hello(), started(), pass(), pass()]), "follows the one");
    expect(Verdict::Garbled, &test(), &order(vec![hello(), started(), hello(), pass()]), "booted again");
    let checked = Said::Checked { nonce: NONCE, ticks: 1, value: 1 };
    expect(Verdict::Garbled, &test(), &order(vec![hello(), checked, started(), pass()]), "nobody asked");
}

#[test]
fn records_of_another_run_or_another_test_do_not_count() {
    let order = |said| session(said, exit(33));
    let pass = || finished(Ok(()));
    let other = Nonce(1);
    let stranger = Said::Started { nonce: other, index: 1, name: "k::tests::it".into() };
    expect(Verdict::Garbled, &test(), &order(vec![hello(), stranger, pass()]), "another run");
    let stale = Said::Finished { nonce: other, index: 1, outcome: Outcome::Passed, ticks: 0 };
    expect(Verdict::Garbled, &test(), &order(vec![hello(), started(), stale]), "another run");
    let index = Said::Finished { nonce: NONCE, index: 2, outcome: Outcome::Passed, ticks: 0 };
    expect(Verdict::Garbled, &test(), &order(vec![hello(), started(), index]), "test 2");
    let name = Said::Started { nonce: NONCE, index: 1, name: "k::tests::other".into() };
    expect(Verdict::Garbled, &test(), &order(vec![hello(), name, pass()]), "`k::tests::other`");
    let crash = session(vec![hello(), started(), panicked(Some(other))], exit(35));
    expect(Verdict::Garbled, &test(), &crash, "another run");
}

#[test]
fn a_record_cut_by_a_crash_does_not_hide_the_crash_but_never_helps_to_pass() {
    let mut evidence = session(vec![hello(), started(), panicked(Some(NONCE))], exit(35));
    evidence.heard.insert(2, Heard::Damaged(DecodeError::Malformed));
    expect(Verdict::Panic, &test(), &evidence, "no more");
    if let Some(Heard::Record { sequence, .. }) = evidence.heard.last_mut() {
        *sequence += 1;
    }
    expect(Verdict::Panic, &test(), &evidence, "no more");
    let passing = Evidence { ending: exit(33), ..evidence };
    expect(Verdict::Garbled, &should_panic(), &passing, "not a frame");
}

#[test]
fn a_machine_that_ends_within_a_record_says_so() {
    let cut =
        Evidence { cut: true, events: vec![shutdown("guest-shutdown")], ..session(vec![hello(), started()], exit(0)) };
    expect(Verdict::Truncated, &test(), &cut, "in the middle of a record");
}

#[test]
fn every_witness_is_heard() {
    let evidence = Evidence {
        triple_fault: true,
        events: vec![shutdown("guest-reset")],
        messages: vec!["qemu: odd".into()],
        ..timed_out(Phase::Run, vec![hello(), started()], None, 5.0)
    };
    let text = witnesses(&evidence).join("\n");
    for words in [
        "hello (3 tests), started",
        "SHUTDOWN (guest-reset)",
        "a triple fault",
        "qemu: odd",
        "50 % of a CPU",
        "hello after 0.080 s",
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
}

#[test]
fn a_parked_machine_passes_only_with_the_word_for_passed() {
    let parked = |word: u8| Ending::Parked { word: word.into() };
    let said = || vec![hello(), started(), finished(Ok(()))];
    expect(Verdict::Pass, &test(), &session(said(), parked(word::PASSED)), "passed");
    expect(Verdict::Garbled, &test(), &session(said(), parked(word::FAILED)), "word for failed");
    expect(Verdict::Garbled, &test(), &session(said(), parked(0)), "means nothing");
    let failed = vec![hello(), started(), finished(Err("no"))];
    expect(Verdict::Fail, &test(), &session(failed.clone(), parked(word::FAILED)), "no");
    expect(Verdict::Garbled, &test(), &session(failed, parked(word::PASSED)), "word for passed");
}

#[test]
fn a_machine_that_serves_on_passes_by_its_records() {
    let said = vec![hello(), started(), finished(Ok(()))];
    expect(Verdict::Pass, &test(), &session(said, Ending::Served), "passed");
    expect(Verdict::Fail, &test(), &session(vec![hello(), started(), finished(Err("no"))], Ending::Served), "no");
}

#[test]
fn records_go_on_from_where_the_machine_was_saved() {
    let mut later = session(vec![hello(), started(), finished(Ok(()))], Ending::Served);
    for heard in &mut later.heard {
        if let Heard::Record { sequence, .. } = heard {
            *sequence += 40;
        }
    }
    expect(Verdict::Garbled, &test(), &later, "sequence number 40");
    later.resumes = 40;
    expect(Verdict::Pass, &test(), &later, "passed");
}

#[test]
fn an_order_of_a_life_before_is_never_a_pass() {
    expect(Verdict::Truncated, &test(), &session(vec![hello()], Ending::Stale), "life before");
}

#[test]
fn a_leak_is_a_verdict_of_its_own() {
    let leaked =
        Said::Finished { nonce: NONCE, index: 1, outcome: Outcome::Leaked("heap: 1 before, 2 after".into()), ticks: 0 };
    let parked = Ending::Parked { word: word::FAILED.into() };
    expect(Verdict::Leak, &test(), &session(vec![hello(), started(), leaked], parked), "2 after");
}

#[test]
fn all_verdicts_are_listed_and_each_has_an_id_of_its_own() {
    // A verdict that is new has to be named here, and in the list.
    for verdict in Verdict::ALL {
        match verdict {
            Verdict::Pass | Verdict::Fail | Verdict::Leak | Verdict::Panic | Verdict::CpuFault => {}
            Verdict::TripleFault | Verdict::Reset | Verdict::Hang { .. } | Verdict::Truncated | Verdict::Garbled => {}
            Verdict::BootFailure | Verdict::FirmwareFailure | Verdict::EmulatorFailure | Verdict::HostStarvation => {}
        }
    }
    let ids = std::collections::BTreeSet::from(Verdict::ALL.map(Verdict::id));
    assert_eq!(ids.len(), Verdict::ALL.len());
}
