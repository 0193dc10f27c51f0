//! The prompt, with stand-ins for machines.

use std::time::Instant;

use super::*;
use crate::{machine::Accelerator, test_emulator::Fake};

/// A machine that shows a prompt and answers lines until `poweroff`, as `answer` says.
fn machine(answer: &str) -> String {
    format!(
        "ask; ask\n\
         prompt() {{ printf '\\033]133;A\\033\\\\$ \\033]133;B\\033\\\\' >&3; }}\n\
         output() {{ printf '\\033]133;C\\033\\\\' >&3; }}\n\
         done_with() {{ printf '\\033]133;D;%s\\033\\\\' $1 >&3; }}\n\
         line() {{ line=; while byte=$(dd bs=1 count=1 <&3 2>/dev/null; echo .) && [ \"$byte\" != \"$(printf '\\r.')\" ]; do\n\
         line=\"$line${{byte%.}}\"; done; }}\n\
         shut_down() {{ say '{{\"event\": \"SHUTDOWN\", \"data\": {{\"reason\": \"guest-'$1'\"}}}}'; ask; exit 0; }}\n\
         printf 'banner\\r\\n' >&3\n\
         while :; do prompt; line; output; case $line in poweroff) shut_down shutdown;; {answer} esac; done"
    )
}

fn run(body: &str, lines: &[&str], silence: Duration) -> (String, Result<(), Failure>) {
    let fake = Fake::new(body);
    let chosen = Chosen::unchecked(Accelerator::Tcg);
    let console = Console { silence, ..Console::new(&fake.emulator, &fake.image, Shape::default(), &chosen) };
    let mut printed = Vec::new();
    let lines = Lines::Given(lines.iter().map(|&line| line.into()).collect());
    let script = Script::new(lines, Printer::output_only(&mut printed));
    let result = scripted::run(&console, script, &Interrupts::none().unwrap());
    (String::from_utf8(printed).unwrap(), result)
}

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn commands_are_typed_one_at_each_prompt_and_the_machine_powered_off() {
    let body = machine("*) printf '<%s>\\r\\n' \"$line\" >&3; done_with 0;;");
    let (printed, result) = run(&body, &["a", "b c"], PATIENCE);
    assert_eq!(printed, "<a>\n<b c>\n");
    result.unwrap();
}

#[test]
fn a_machine_that_goes_down_at_a_command_is_a_failure_with_its_last_words() {
    let started = Instant::now();
    let body = machine("*) printf 'PANIC: no more\\r\\n  #0 0xffffffff80000000\\r\\n' >&3; sleep 60;;");
    let (_, result) = run(&body, &["a"], PATIENCE);
    let Err(Failure::Died { why, log, .. }) = result else { panic!("{result:?}") };
    assert!(why.contains("went down") && why.contains("PANIC: no more"), "{why}");
    assert!(log.contains("#0 0xffffffff80000000"), "{log}");
    assert!(started.elapsed() < Duration::from_secs(15), "the last words did not shorten the wait");
}

#[test]
fn a_command_that_prints_what_looks_like_last_words_is_no_failure() {
    let body = machine("*) printf 'PANIC: only a quote\\r\\n' >&3; done_with 0;;");
    let (printed, result) = run(&body, &["a"], PATIENCE);
    result.unwrap();
    assert_eq!(printed, "PANIC: only a quote\n");
}

#[test]
fn silence_unasked_ends_and_a_dead_emulator_are_failures() {
    let why = |answer: &str, silence| match run(&machine(answer), &["a"], silence).1 {
        Err(Failure::Died { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert!(why("*) sleep 60;;", Duration::from_millis(1500)).contains("nothing came from the machine"));
    assert!(why("*) shut_down shutdown;;", PATIENCE).contains("powered the machine off, and nobody asked"));
    assert!(why("*) shut_down reset;;", PATIENCE).contains("reset, and nobody asked"));
    assert!(why("*) kill -9 $$;;", PATIENCE).contains("signal 9 (SIGKILL)"));
    assert!(why("*) exit 35;;", PATIENCE).contains("exited with status 35"));
    let triple = why("*) echo 'Triple fault' >&2; shut_down reset;;", PATIENCE);
    assert!(triple.contains("a triple fault"), "{triple}");
}

#[test]
fn a_machine_asked_to_restart_may_end() {
    let (_, result) = run(&machine("reboot) shut_down reset;;"), &["reboot"], PATIENCE);
    result.unwrap();
}

#[test]
fn a_machine_that_ends_otherwise_than_it_was_asked_to_is_a_failure() {
    let (_, result) = run(&machine("reboot) shut_down shutdown;;"), &["reboot"], PATIENCE);
    let Err(Failure::Died { why, .. }) = result else { panic!("{result:?}") };
    assert!(why.contains("powered the machine off, and nobody asked"), "{why}");
}

#[test]
fn a_line_that_cannot_be_typed_is_refused_before_anything_boots() {
    // This program would be a machine that never speaks.
    let fake = Fake::new("sleep 60");
    let chosen = Chosen::unchecked(Accelerator::Tcg);
    let console = Console::new(&fake.emulator, &fake.image, Shape::default(), &chosen);
    let started = Instant::now();
    let lines = Input::Lines(vec!["help".into(), "mem\nhelp".into()]);
    let failure = console.run(lines, &Interrupts::none().unwrap()).unwrap_err().to_string();
    assert!(failure.contains("one per --command"), "{failure}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_interrupt_is_passed_on() {
    let fake = Fake::new("sleep 60");
    let chosen = Chosen::unchecked(Accelerator::Tcg);
    let console = Console::new(&fake.emulator, &fake.image, Shape::default(), &chosen);
    let interrupts = Interrupts::none().unwrap();
    interrupts.trigger(15);
    let script = Script::new(Lines::of_stdin(), Printer::output_only(Vec::new()));
    assert!(matches!(scripted::run(&console, script, &interrupts), Err(Failure::Interrupted(15))));
}

#[test]
fn a_window_that_was_closed_is_an_end_but_not_one_that_a_script_asked_for() {
    for reason in ["host-ui", "host-qmp-quit"] {
        let body =
            machine(&format!("*) say '{{\"event\": \"SHUTDOWN\", \"data\": {{\"reason\": \"{reason}\"}}}}'; exit 0;;"));
        let (_, result) = run(&body, &["a"], PATIENCE);
        let Err(Failure::Died { why, .. }) = result else { panic!("{result:?}") };
        assert!(why.contains("window was closed"), "{why}");
    }
    let (_, result) = run(
        &machine("*) say '{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"host-signal\"}}'; exit 0;;"),
        &["a"],
        PATIENCE,
    );
    assert!(matches!(&result, Err(Failure::Died { why, .. }) if why.contains("from outside")), "{result:?}");
}

#[test]
fn what_cannot_be_seen_or_typed_at_is_refused_before_anything_boots() {
    let fake = Fake::new("sleep 60");
    let chosen = Chosen::unchecked(Accelerator::Tcg);
    let console = Console::new(&fake.emulator, &fake.image, Shape::default(), &chosen);
    let refused = |console: &Console<'_>, input| match console.run(input, &Interrupts::none().unwrap()) {
        Err(Failure::Error(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let mute = Console { serial: false, ..console.clone() };
    assert!(refused(&mute, Input::Lines(vec!["help".into()])).contains("without a serial port"));
    assert!(refused(&mute, Input::Terminal).contains("neither a serial port nor a window"));
    let microvm = Shape { kind: crate::machine::Kind::Microvm, ..Shape::default() };
    let screen = Console { screen: Screen::Hidden, shape: microvm, ..console };
    assert!(refused(&screen, Input::Stream).contains("no screen"));
}
