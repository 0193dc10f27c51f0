//! What a driver of a 16550 must do, against the fake chip.
//!
//! The tests know the driver by its public methods alone, so another driver can be held to them.

extern crate std;
use std::{fmt::Write as _, string::ToString, vec, vec::Vec};

use super::*;
use fake::{Chip, FakeUart, SharedUart};

/// Patient enough for the slowest chip below, and no more.
const PATIENCE: u32 = 200;

fn settings() -> Settings {
    Settings { patience: PATIENCE, ..Settings::default() }
}

/// A chip, and a driver that has been started on it.
fn started(chip: Chip) -> (SharedUart, Uart<SharedUart>) {
    let chip = FakeUart::shared(chip);
    let uart = Uart::start(chip.clone(), settings()).expect("the chip works");
    (chip, uart)
}

/// All that can be received now.
fn received(uart: &mut Uart<SharedUart>) -> Vec<Result<u8, LineError>> {
    std::iter::from_fn(|| uart.receive().transpose()).collect()
}

#[test]
fn an_empty_port_is_absent_and_costs_no_polls() {
    let mut chip = FakeUart::new(Chip::Nothing);
    let absent = Uart::start(&mut chip, settings()).err();
    assert_eq!(absent, Some(Absent::Scratchpad { wrote: 0xae, read: 0xff }));
    assert_eq!(chip.polls(), 0);
}

#[test]
fn a_scratchpad_with_a_stuck_bit_is_absent() {
    let absent = Uart::start(FakeUart::new(Chip::StuckBit), settings()).err();
    assert_eq!(absent, Some(Absent::Scratchpad { wrote: 0x51, read: 0xd1 }));
}

#[test]
fn a_chip_that_does_not_hear_itself_is_absent_within_its_patience() {
    let mut chip = FakeUart::new(Chip::DeadTransmitter);
    let absent = Uart::start(&mut chip, settings()).err();
    assert_eq!(absent, Some(Absent::LoopBack { sent: 0x5a, received: None }));
    assert!(chip.polls() <= 3 * PATIENCE, "{} polls", chip.polls());
}

#[test]
fn absence_says_what_was_seen() {
    let nothing = Absent::Scratchpad { wrote: 0xae, read: 0xff }.to_string();
    assert!(nothing.contains("no serial port") && nothing.contains("0xff"), "{nothing}");
    let deaf = Absent::LoopBack { sent: 0x5a, received: None }.to_string();
    assert!(deaf.contains("loop-back") && deaf.contains("nothing"), "{deaf}");
}

#[test]
fn a_started_chip_is_set_to_8n1_with_fifos_and_without_interrupts() {
    let (chip, _uart) = started(Chip::With16ByteFifos);
    let mut chip = chip.borrow_mut();
    assert_eq!(chip.written(Register::LineControl), 0b0000_0011);
    assert_eq!(chip.written(Register::InterruptEnable), 0);
    assert_eq!(chip.written(Register::InterruptOrFifo) & fifo_control::ENABLE, fifo_control::ENABLE);
    assert_eq!(chip.written(Register::ModemControl), 0b0000_1011, "ready, and out of loop-back mode");
    assert_eq!(chip.divisor(), [1, 0]);
    assert!(chip.take_sent().is_empty(), "detection must not be heard outside");
}

#[test]
fn the_divisor_follows_the_speed() {
    for (baud, latches) in [(115_200, [1, 0]), (38_400, [3, 0]), (9_600, [12, 0]), (300, [0x80, 0x01]), (2, [0, 0xe1])]
    {
        let divisor = Divisor::of_baud(baud).unwrap();
        let mut chip = FakeUart::new(Chip::With16ByteFifos);
        assert!(Uart::start(&mut chip, Settings { divisor, ..settings() }).is_ok());
        assert_eq!(chip.divisor(), latches, "{baud} baud");
    }
}

#[test]
fn speeds_that_the_clock_cannot_make_are_refused() {
    for baud in [0, 1, 7, 110, 100_000, 115_201, 230_400, u32::MAX] {
        assert_eq!(Divisor::of_baud(baud), Err(UnsupportedBaud(baud)));
    }
}

#[test]
fn bytes_waiting_before_the_start_are_gone() {
    for model in [Chip::With16ByteFifos, Chip::WithoutFifos] {
        let chip = FakeUart::shared(model);
        chip.borrow_mut().arrive(b'x', line_status::FRAMING);
        let mut uart = Uart::start(chip.clone(), settings()).unwrap();
        assert_eq!(uart.receive(), Ok(None), "{model:?}");
    }
}

#[test]
fn input_that_arrives_during_detection_does_not_make_a_chip_look_broken() {
    /// Lets a byte in from outside just before the chip's own in loop-back mode, as QEMU may.
    struct Leaky(FakeUart);
    impl Registers for Leaky {
        fn read(&mut self, register: Register) -> u8 {
            self.0.read(register)
        }
        fn write(&mut self, register: Register, value: u8) {
            if register == Register::Data && self.0.written(Register::ModemControl) == modem_control::LOOP_BACK {
                self.0.arrive(b'\r', 0);
            }
            self.0.write(register, value);
        }
    }
    assert!(Uart::start(Leaky(FakeUart::new(Chip::With16ByteFifos)), settings()).is_ok());
}

#[test]
fn what_is_sent_leaves_whole_and_in_order() {
    let text: Vec<u8> = (0..=u8::MAX).cycle().take(1000).collect();
    for model in [Chip::With16ByteFifos, Chip::WithoutFifos] {
        for polls in [0, 1, 7] {
            let (chip, mut uart) = started(model);
            chip.borrow_mut().take_polls_per_byte(polls);
            assert_eq!(uart.send_all(&text), Ok(()), "{model:?}, {polls} polls a byte");
            assert_eq!(uart.flush(), Ok(()));
            assert_eq!(chip.borrow().lost(), 0);
            assert_eq!(chip.borrow_mut().take_sent(), text);
        }
    }
}

#[test]
fn a_fifo_takes_sixteen_bytes_for_one_poll() {
    for (model, polls) in [(Chip::With16ByteFifos, 10), (Chip::WithoutFifos, 160)] {
        let (chip, mut uart) = started(model);
        let before = chip.borrow().polls();
        uart.send_all(&[b'a'; 160]).unwrap();
        assert_eq!(chip.borrow().polls() - before, polls, "{model:?}");
    }
}

#[test]
fn flush_returns_only_when_the_last_byte_has_left() {
    let (chip, mut uart) = started(Chip::With16ByteFifos);
    chip.borrow_mut().take_polls_per_byte(10);
    uart.send_all(b"bye").unwrap();
    assert_eq!(chip.borrow_mut().take_sent(), b"b", "the others wait");
    let before = chip.borrow().polls();
    assert_eq!(uart.flush(), Ok(()));
    assert_eq!(chip.borrow_mut().take_sent(), b"ye");
    assert!(chip.borrow().polls() - before >= 30, "each byte takes ten polls, the last one too");
}

#[test]
fn a_transmitter_that_never_empties_costs_its_patience_once() {
    let (chip, mut uart) = started(Chip::With16ByteFifos);
    chip.borrow_mut().block(true);
    let before = chip.borrow().polls();
    assert_eq!(uart.send_all(&[b'a'; 40]), Err(Stuck { sent: 16 }), "the FIFO took one burst");
    let after = chip.borrow().polls();
    assert_eq!(after - before, PATIENCE + 1);
    for _ in 0..100 {
        assert_eq!(uart.send(b'b'), Err(Stuck { sent: 0 }));
    }
    assert_eq!(chip.borrow().polls() - after, 100, "a dead line is looked at once a call");
    assert_eq!(chip.borrow().lost(), 0, "nothing is written to a full transmitter");
}

#[test]
fn a_transmitter_that_recovers_is_used_again_with_full_patience() {
    let (chip, mut uart) = started(Chip::With16ByteFifos);
    chip.borrow_mut().take_polls_per_byte(2);
    chip.borrow_mut().block(true);
    assert!(uart.send_all(&[b'a'; 17]).is_err());
    chip.borrow_mut().block(false);
    // Sixteen bytes have to leave first, two looks each, and each call looks once.
    let given_up = (0..100).take_while(|_| uart.send(b'b').is_err()).count();
    assert!((1..=32).contains(&given_up), "{given_up} calls gave up");
    assert_eq!(uart.send_all(&[b'c'; 40]), Ok(()));
    assert_eq!(uart.flush(), Ok(()));
    assert!(chip.borrow_mut().take_sent().ends_with(&[b'c'; 40]));
}

#[test]
fn flushing_a_blocked_line_gives_up() {
    let (chip, mut uart) = started(Chip::With16ByteFifos);
    chip.borrow_mut().block(true);
    uart.send(b'a').unwrap();
    assert_eq!(uart.flush(), Err(Stuck { sent: 0 }));
}

#[test]
fn a_patience_of_zero_still_looks_once() {
    let mut chip = FakeUart::new(Chip::With16ByteFifos);
    let mut uart = Uart::start(&mut chip, Settings { patience: 0, ..settings() }).unwrap();
    assert_eq!(uart.send(b'a'), Ok(()));
    assert_eq!(chip.take_sent(), b"a");
}

#[test]
fn formatted_text_is_sent_and_a_stuck_line_is_an_error() {
    let (chip, mut uart) = started(Chip::With16ByteFifos);
    write!(uart, "com-{:#x}", 0x3f8).unwrap();
    assert_eq!(chip.borrow_mut().take_sent(), b"com-0x3f8");
    chip.borrow_mut().block(true);
    assert!(write!(uart, "{}", "x".repeat(100)).is_err());
}

#[test]
fn received_bytes_come_in_order_and_then_none() {
    let (chip, mut uart) = started(Chip::With16ByteFifos);
    assert_eq!(uart.receive(), Ok(None));
    for byte in *b"mem\r" {
        chip.borrow_mut().arrive(byte, 0);
    }
    assert_eq!(received(&mut uart), b"mem\r".map(Ok));
    assert_eq!(uart.receive(), Ok(None));
}

#[test]
fn an_overrun_is_reported_once_and_loses_only_what_did_not_fit() {
    let (chip, mut uart) = started(Chip::With16ByteFifos);
    for byte in 0..20 {
        chip.borrow_mut().arrive(byte, 0);
    }
    let mut expected = vec![Err(LineError::Overrun)];
    expected.extend((0..16).map(Ok));
    assert_eq!(received(&mut uart), expected);
}

#[test]
fn damaged_bytes_are_dropped_and_the_bytes_around_them_are_not() {
    let cases = [
        (line_status::PARITY, LineError::Parity),
        (line_status::FRAMING, LineError::Framing),
        (line_status::FRAMING | line_status::PARITY, LineError::Framing),
        (line_status::BREAK | line_status::FRAMING, LineError::Break),
    ];
    for (errors, error) in cases {
        let (chip, mut uart) = started(Chip::With16ByteFifos);
        chip.borrow_mut().arrive(b'a', 0);
        chip.borrow_mut().arrive(0, errors);
        chip.borrow_mut().arrive(b'b', 0);
        assert_eq!(received(&mut uart), [Ok(b'a'), Err(error), Ok(b'b')]);
    }
}

#[test]
fn errors_that_sending_saw_first_still_meet_their_bytes() {
    let (chip, mut uart) = started(Chip::With16ByteFifos);
    chip.borrow_mut().arrive(0, line_status::FRAMING);
    chip.borrow_mut().arrive(b'b', 0);
    uart.send(b'x').unwrap();
    assert_eq!(received(&mut uart), [Err(LineError::Framing), Ok(b'b')]);

    let (chip, mut uart) = started(Chip::WithoutFifos);
    chip.borrow_mut().arrive(b'a', 0);
    chip.borrow_mut().arrive(b'b', 0);
    uart.send(b'x').unwrap();
    assert_eq!(received(&mut uart), [Err(LineError::Overrun), Ok(b'a')]);
}

#[test]
fn the_receive_interrupt_is_raised_by_a_byte_and_cleared_by_reading_it() {
    let (chip, mut uart) = started(Chip::With16ByteFifos);
    chip.borrow_mut().arrive(b'a', 0);
    assert!(!chip.borrow().interrupts(), "off until enabled");
    uart.enable_receive_interrupt();
    assert!(chip.borrow().interrupts());
    assert_eq!(received(&mut uart), [Ok(b'a')]);
    assert!(!chip.borrow().interrupts());
    uart.disable_receive_interrupt();
    chip.borrow_mut().arrive(b'b', 0);
    assert!(!chip.borrow().interrupts());
}
