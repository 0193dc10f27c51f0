//! A machine's lines, against stand-ins for QEMU.

use std::os::unix::process::ExitStatusExt;

use super::*;
use crate::test_emulator::Fake;

const PATIENCE: Duration = Duration::from_secs(20);

fn start(fake: &Fake) -> (Vm, Interrupts) {
    let interrupts = Interrupts::none().unwrap();
    let vm = Vm::start(&fake.emulator, &fake.configuration, &fake.image, &interrupts).unwrap();
    (vm, interrupts)
}

fn until_end(vm: &mut Vm) -> (Vec<Event>, ExitStatus) {
    let deadline = Instant::now() + PATIENCE;
    let mut events = Vec::new();
    loop {
        match vm.wait(deadline) {
            Wait::Event(event) => events.push(event),
            Wait::Ended(status) => return (events, status),
            other => panic!("{other:?} after {events:?}"),
        }
    }
}

fn com1(events: &[Event]) -> String {
    let bytes =
        events.iter().filter_map(|event| if let Event::Com1(bytes) = event { Some(bytes.clone()) } else { None });
    String::from_utf8(bytes.flatten().collect()).unwrap()
}

#[test]
fn what_a_machine_said_before_it_ended_is_heard_to_the_last_byte() {
    let fake = Fake::new("ask; ask; head -c 300000 /dev/zero | tr '\\0' x >&3; printf end >&3; exit 33");
    let (mut vm, _) = start(&fake);
    let (events, status) = until_end(&mut vm);
    let said = com1(&events);
    assert!(said.len() == 300_003 && said.ends_with("xend"), "{} bytes", said.len());
    assert_eq!(status.code(), Some(33));
    assert!(!vm.was_killed());
}

#[test]
fn commands_are_told_in_order_and_the_machine_is_let_run_last() {
    let fake = Fake::new("ask; echo \"$command\" >&3; ask; echo \"$command\" >&3");
    let (mut vm, _) = start(&fake);
    let said = com1(&until_end(&mut vm).0);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].contains("\"qmp_capabilities\"") && lines[1].contains("\"cont\""), "{said}");
}

#[test]
fn a_machine_that_waits_for_a_debugger_is_not_let_run() {
    use crate::machine::Gdb;
    let mut fake = Fake::new("ask; ask; echo \"$command\" >&3");
    fake.configuration.gdb = Some(Gdb { listen: "tcp::0".into(), start: Start::ByDebugger });
    let (mut vm, _) = start(&fake);
    vm.tell("query-status", None);
    assert!(com1(&until_end(&mut vm).0).contains("query-status"));
}

#[test]
fn answers_find_their_questions_between_events() {
    let fake = Fake::new(
        "say '{\"QMP\": {\"version\": {\"qemu\": {}}, \"capabilities\": []}}'\n\
         ask; ask; say '{\"return\": {}, \"id\": 2}'\n\
         ask; say '{\"event\": \"STOP\", \"timestamp\": {}}'; say '{\"return\": {}, \"id\": 1}'\n\
         say '{\"return\": \"HLT=1\\r\\n\", \"id\": 3}'\n\
         ask; say '{\"id\": 4, \"error\": {\"class\": \"GenericError\", \"desc\": \"no CPU 9\"}}'",
    );
    let (mut vm, _) = start(&fake);
    assert_eq!(vm.monitor("info registers", 0, PATIENCE), Ok("HLT=1\n".into()));
    assert_eq!(vm.monitor("info registers", 9, PATIENCE), Err("no CPU 9".into()));
    let (events, _) = until_end(&mut vm);
    assert!(matches!(&events[..], [Event::Machine(event)] if event.name == "STOP"), "{events:?}");
}

#[test]
fn an_emulator_that_does_not_answer_is_given_up_and_one_that_ended_at_once() {
    let fake = Fake::new("ask; ask; ask; sleep 60");
    let (mut vm, _) = start(&fake);
    let error = vm.ask("query-status", None, Duration::from_millis(100)).unwrap_err();
    assert!(error.contains("did not answer `query-status` within 100 ms"), "{error}");
    let fake = Fake::new("exit 1");
    let (mut vm, _) = start(&fake);
    assert_eq!(vm.ask("query-status", None, PATIENCE), Err("QEMU has ended".into()));
}

#[test]
fn an_emulators_own_words_are_kept() {
    let fake = Fake::new("echo 'qemu: unsupported machine type' >&2; exit 1");
    let (mut vm, _) = start(&fake);
    assert_eq!(until_end(&mut vm).1.code(), Some(1));
    assert_eq!(vm.emulator_messages(), ["qemu: unsupported machine type"]);
    let fake = Fake::new("printf 'first\\nkey=7 is odd\\nqemu: cut sho' >&2; exit 1");
    let (mut vm, _) = start(&fake);
    until_end(&mut vm);
    assert_eq!(vm.emulator_messages(), ["first", "key=7 is odd", "qemu: cut sho"]);
}

#[test]
fn an_interrupt_ends_every_wait_at_once_and_dropping_kills() {
    let fake = Fake::new("sleep 60");
    let (mut vm, interrupts) = start(&fake);
    assert!(matches!(vm.wait(Instant::now() + Duration::from_millis(50)), Wait::TimeOut));
    interrupts.trigger(15);
    assert_eq!(vm.wait(Instant::now() + PATIENCE), Wait::Interrupted);
    assert_eq!(vm.interrupted_by(), 15);
    let id = vm.process_id();
    drop(vm);
    assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
}

#[test]
fn a_killed_emulator_is_known_to_be_killed_by_the_harness() {
    let fake = Fake::new("printf before >&3; sleep 60");
    let (mut vm, _) = start(&fake);
    let Wait::Event(Event::Com1(bytes)) = vm.wait(Instant::now() + PATIENCE) else { panic!("nothing came") };
    assert_eq!(bytes, b"before");
    vm.kill();
    assert_eq!(until_end(&mut vm).1.signal(), Some(9));
    assert!(vm.was_killed());
}

#[test]
fn a_killed_machine_is_over_though_something_else_holds_its_lines_open() {
    let fake = Fake::new("setsid sleep 12 & sleep 0.5; printf before >&3; sleep 60");
    let (mut vm, _) = start(&fake);
    let Wait::Event(Event::Com1(bytes)) = vm.wait(Instant::now() + PATIENCE) else { panic!("nothing came") };
    assert_eq!(bytes, b"before");
    let killed = Instant::now();
    vm.kill();
    assert_eq!(until_end(&mut vm).1.signal(), Some(9));
    assert!(killed.elapsed() < Duration::from_secs(11), "the lines were waited for");
}

#[test]
fn a_guest_that_never_stops_sending_does_not_put_the_deadline_off() {
    let fake = Fake::new("exec cat /dev/zero >&3");
    let (mut vm, _) = start(&fake);
    let started = Instant::now();
    while !matches!(vm.wait(started + Duration::from_millis(300)), Wait::TimeOut) {
        assert!(started.elapsed() < PATIENCE, "the deadline passed unnoticed");
    }
}

#[test]
fn what_the_guest_does_not_take_waits_and_none_is_lost() {
    let fake = Fake::new("ask; ask; sleep 0.3; head -c 1000000 <&3 | cksum >&3");
    let (mut vm, _) = start(&fake);
    let typed: Vec<u8> = (0..1_000_000u32).map(|number| number as u8).collect();
    vm.send_com1(&typed);
    let said = com1(&until_end(&mut vm).0);
    assert!(said.trim_end().ends_with(" 1000000"), "{said}");
}

#[test]
fn of_qemus_log_the_triple_fault_and_the_messages_count() {
    let mut log = EmulatorLog::default();
    let text = "CPU Reset (CPU 0)\nEAX=00000000 EBX=00000000\nES =0000 00000000 0000ffff 00009300\nGDT=     0\n\
                FPR0=0000000000000000 0000\nqemu-system-x86_64: terminating on signal 15 from pid 1\nTriple fa";
    log.push(text.as_bytes());
    assert!(!log.triple_fault);
    log.push(b"ult\n");
    assert!(log.triple_fault);
    assert_eq!(log.messages, ["qemu-system-x86_64: terminating on signal 15 from pid 1"]);
}

#[test]
fn a_line_that_only_mentions_a_triple_fault_is_none() {
    let mut log = EmulatorLog::default();
    log.push(b"qemu: no Triple fault here\n");
    assert!(!log.triple_fault);
}
