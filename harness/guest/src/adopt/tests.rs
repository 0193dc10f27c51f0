//! A machine of three functions, against a host that is a list of bytes.

extern crate std;
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    vec::Vec,
};

use super::*;
use crate::{
    Test,
    wire::{Command, Decoder, MAX_FRAME, Nonce, Record, encode, layout::Tier, word},
};

/// How a machine ended.
#[derive(Debug, PartialEq)]
enum End {
    Exit(u8),
    Park(u8, u64),
}

#[derive(Default)]
struct Fake {
    incoming: VecDeque<u8>,
    outgoing: Vec<u8>,
}

impl Machine for &mut Fake {
    fn read(&mut self) -> u8 {
        self.incoming.pop_front().expect("the host has sent no more")
    }

    fn write(&mut self, byte: u8) {
        self.outgoing.push(byte);
    }

    fn exit(&mut self, word: u8) -> ! {
        panic_any(End::Exit(word))
    }
}

/// The same, which can park.
struct Parks(Fake);

impl Machine for &mut Parks {
    fn read(&mut self) -> u8 {
        (&mut self.0).read()
    }

    fn write(&mut self, byte: u8) {
        (&mut self.0).write(byte);
    }

    fn exit(&mut self, word: u8) -> ! {
        (&mut self.0).exit(word)
    }

    fn park(&mut self, word: u8, nonce: u64) -> ! {
        panic_any(End::Park(word, nonce))
    }
}

fn asked(after: After) -> Fake {
    let mut fake = Fake::default();
    let command = Command::Run { nonce: Nonce(77), index: 0, seed: 0, after };
    fake.incoming.extend(encode(0, &command, &mut [0; MAX_FRAME]).unwrap());
    fake
}

fn end_of(serve: impl FnOnce()) -> End {
    let _turn = crate::running::turn();
    *catch_unwind(AssertUnwindSafe(serve)).unwrap_err().downcast::<End>().unwrap()
}

fn test(passes: fn(&mut FailureText) -> bool) -> [Descriptor; 1] {
    [Descriptor::new(Test {
        name: "k::t",
        file: "src/main.rs",
        line: 1,
        run: passes,
        should_panic: false,
        ignore: false,
        ignore_reason: "",
        timeout_ms: 0,
        cpus: 0,
        memory_mib: 0,
        machine: "",
        cpu: "",
        tier: Tier::Test,
    })]
}

#[test]
fn three_functions_are_enough_to_run_a_test_and_report_it() {
    let mut machine = asked(After::Exit);
    let end = end_of(|| serve_tests(&mut machine, &test(|_| true)));
    assert_eq!(end, End::Exit(word::PASSED));
    let mut decoder = Decoder::new();
    let mut finished = false;
    for byte in machine.outgoing {
        if let Some(Ok(frame)) = decoder.push::<Record<'_>>(byte) {
            finished |= matches!(frame.message, Record::Finished { nonce: Nonce(77), .. });
        }
    }
    assert!(finished);
}

#[test]
fn a_machine_that_cannot_park_exits_instead() {
    let end = end_of(|| serve_tests(&mut asked(After::Park), &test(|_| false)));
    assert_eq!(end, End::Exit(word::FAILED));
}

#[test]
fn a_machine_that_can_parks_with_the_nonce_of_the_run() {
    let end = end_of(|| serve_tests(&mut Parks(asked(After::Park)), &test(|_| true)));
    assert_eq!(end, End::Park(word::PASSED, 77));
}
