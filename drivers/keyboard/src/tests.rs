extern crate std;
use std::{cell::Cell, format, string::ToString, vec::Vec};

use proptest::prelude::*;

use crate::{
    Absent, Key, Keyboard,
    controller::{MOST_STALE, PATIENCE},
    fake::{Chip, FakeController, SharedController},
};

const SHIFT: u8 = 0x12;
const CTRL: u8 = 0x14;
const ALT: u8 = 0x11;
const CAPS_LOCK: u8 = 0x58;
const NUM_LOCK: u8 = 0x77;

const BOTH: [Chip; 2] = [Chip::Translating, Chip::Plain];

fn started(chip: Chip) -> (SharedController, Keyboard<SharedController>) {
    let controller = FakeController::shared(chip);
    let keyboard = Keyboard::start(controller.clone()).expect("the controller works");
    (controller, keyboard)
}

fn all(keyboard: &mut Keyboard<SharedController>) -> Vec<Key> {
    std::iter::from_fn(|| keyboard.poll()).collect()
}

/// What keys come from these codes of set 2, the same whether the controller translates or not.
fn keys(codes: &[u8]) -> Vec<Key> {
    let [one, other] = BOTH.map(|chip| {
        let (controller, mut keyboard) = started(chip);
        controller.borrow_mut().send(codes);
        all(&mut keyboard)
    });
    assert_eq!(one, other, "{codes:x?}, translated and not");
    one
}

/// The bytes of these codes.
fn bytes(codes: &[u8]) -> Vec<u8> {
    let bytes = |key: &Key| match key {
        Key::Bytes(bytes) => bytes.to_vec(),
        key => panic!("{key:?}"),
    };
    keys(codes).iter().flat_map(bytes).collect()
}

/// Presses and releases a key while others are held; those after 0xe0 are written as `0xe0_XX`.
fn stroke(held: &[u8], key: u16) -> Vec<u8> {
    let mut codes = held.to_vec();
    let [prefix, code] = key.to_be_bytes();
    let prefix: &[u8] = if prefix == 0 { &[] } else { &[prefix] };
    codes.extend(prefix);
    codes.push(code);
    codes.extend(prefix);
    codes.extend([0xf0, code]);
    held.iter().for_each(|&held| codes.extend([0xf0, held]));
    codes
}

#[test]
fn printable_keys_type_characters_of_the_us_layout() {
    let cases: &[(&[u8], u16, &str)] = &[
        (&[], 0x1c, "a"),
        (&[SHIFT], 0x1c, "A"),
        (&[0x59], 0x1c, "A"),
        (&[], 0x16, "1"),
        (&[SHIFT], 0x16, "!"),
        (&[SHIFT], 0x1e, "@"),
        (&[], 0x4e, "-"),
        (&[SHIFT], 0x54, "{"),
        (&[], 0x5d, "\\"),
        (&[SHIFT], 0x5d, "|"),
        (&[], 0x4a, "/"),
        (&[SHIFT], 0x52, "\""),
        (&[SHIFT], 0x0e, "~"),
        (&[], 0x29, " "),
        (&[], 0xe04a, "/"),
        (&[], 0x7c, "*"),
        (&[], 0x79, "+"),
        (&[], 0x7b, "-"),
    ];
    for &(held, key, expected) in cases {
        assert_eq!(bytes(&stroke(held, key)), expected.as_bytes(), "{held:x?} {key:x}");
    }
}

#[test]
fn caps_lock_changes_letters_only_and_counts_once_while_held() {
    let codes = [&stroke(&[], CAPS_LOCK.into())[..], &stroke(&[], 0x1c), &stroke(&[], 0x16), &stroke(&[SHIFT], 0x1c)];
    assert_eq!(bytes(&codes.concat()), b"A1a");
    let repeated = [&[CAPS_LOCK, CAPS_LOCK, CAPS_LOCK, CAPS_LOCK, 0xf0, CAPS_LOCK][..], &stroke(&[], 0x1c)];
    assert_eq!(bytes(&repeated.concat()), b"A");
    let twice = [stroke(&[], CAPS_LOCK.into()), stroke(&[], CAPS_LOCK.into()), stroke(&[], 0x1c)];
    assert_eq!(bytes(&twice.concat()), b"a");
}

#[test]
fn ctrl_types_control_characters_and_alt_an_escape_before() {
    let cases: &[(&[u8], u16, &[u8])] = &[
        (&[CTRL], 0x21, b"\x03"),
        (&[CTRL], 0x23, b"\x04"),
        (&[CTRL, SHIFT], 0x21, b"\x03"),
        (&[CTRL], 0x54, b"\x1b"),
        (&[CTRL], 0x5d, b"\x1c"),
        (&[CTRL], 0x29, b"\0"),
        (&[CTRL, SHIFT], 0x4e, b"\x1f"),
        (&[CTRL], 0x16, b"1"),
        (&[ALT], 0x23, b"\x1bd"),
        (&[ALT, SHIFT], 0x23, b"\x1bD"),
        (&[ALT, CTRL], 0x23, b"\x1b\x04"),
        (&[ALT], 0x66, b"\x1b\x7f"),
    ];
    for &(held, key, expected) in cases {
        assert_eq!(bytes(&stroke(held, key)), expected, "{held:x?} {key:x}");
    }
    let right = [0xe0, 0x14, 0x21, 0xe0, 0xf0, 0x14, 0x21, 0xe0, 0x11, 0x21, 0xe0, 0xf0, 0x11, 0x21];
    assert_eq!(bytes(&right), b"\x03c\x1bcc", "the right ones do the same");
}

#[test]
fn other_keys_send_what_terminals_send() {
    let cases: &[(&[u8], u16, &[u8])] = &[
        (&[], 0x5a, b"\r"),
        (&[], 0xe05a, b"\r"),
        (&[], 0x66, b"\x7f"),
        (&[], 0x0d, b"\t"),
        (&[SHIFT], 0x0d, b"\x1b[Z"),
        (&[], 0x76, b"\x1b"),
        (&[], 0xe075, b"\x1b[A"),
        (&[], 0xe072, b"\x1b[B"),
        (&[], 0xe074, b"\x1b[C"),
        (&[], 0xe06b, b"\x1b[D"),
        (&[CTRL], 0xe06b, b"\x1b[1;5D"),
        (&[ALT, SHIFT], 0xe074, b"\x1b[1;4C"),
        (&[], 0xe06c, b"\x1b[H"),
        (&[], 0xe069, b"\x1b[F"),
        (&[], 0xe070, b"\x1b[2~"),
        (&[], 0xe071, b"\x1b[3~"),
        (&[CTRL], 0xe071, b"\x1b[3;5~"),
        (&[], 0xe07d, b"\x1b[5~"),
        (&[], 0xe07a, b"\x1b[6~"),
        (&[], 0x05, b"\x1bOP"),
        (&[SHIFT], 0x06, b"\x1b[1;2Q"),
        (&[], 0x03, b"\x1b[15~"),
        (&[SHIFT, CTRL, ALT], 0x07, b"\x1b[24;8~"),
        // The keys with a window and a menu on them.
        (&[], 0xe01f, b""),
        (&[], 0xe02f, b""),
    ];
    for &(held, key, expected) in cases {
        assert_eq!(bytes(&stroke(held, key)), expected, "{held:x?} {key:x}");
    }
}

#[test]
fn the_number_pad_follows_num_lock() {
    let pad = [0x69, 0x72, 0x7a, 0x6b, 0x73, 0x74, 0x6c, 0x75, 0x7d, 0x70, 0x71].map(|key| stroke(&[], key)).concat();
    assert_eq!(bytes(&pad), b"1234567890.");
    let off = [stroke(&[], NUM_LOCK.into()), pad].concat();
    assert_eq!(bytes(&off), b"\x1b[F\x1b[B\x1b[6~\x1b[D5\x1b[C\x1b[H\x1b[A\x1b[5~\x1b[2~\x1b[3~");
}

#[test]
fn the_pause_key_does_not_switch_num_lock() {
    let pause = [0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77];
    assert_eq!(bytes(&[&pause[..], &stroke(&[], 0x69)].concat()), b"1");
}

#[test]
fn shift_and_page_keys_scroll() {
    assert_eq!(keys(&stroke(&[SHIFT], 0xe07d)), [Key::ScrollUp]);
    assert_eq!(keys(&stroke(&[SHIFT], 0xe07a)), [Key::ScrollDown]);
    // With Num Lock on, keyboards pretend that Shift is released around these keys.
    let pretended = [SHIFT, 0xe0, 0xf0, 0x12, 0xe0, 0x7d, 0xe0, 0xf0, 0x7d, 0xe0, 0x12, 0xf0, SHIFT, 0x1c];
    let [up, a] = keys(&pretended)[..] else { panic!() };
    assert_eq!(up, Key::ScrollUp);
    assert!(matches!(a, Key::Bytes(bytes) if *bytes == *b"a"), "{a:?}");
}

#[test]
fn a_held_key_repeats() {
    assert_eq!(bytes(&[0x1c, 0x1c, 0x1c, 0xf0, 0x1c]), b"aaa");
}

#[test]
fn starting_changes_nothing_but_the_keyboards_scanning() {
    for chip in BOTH {
        let (controller, _) = started(chip);
        let controller = controller.borrow();
        assert!(controller.scanning, "{chip:?}");
        assert_eq!(controller.commands, [0xad, 0x20, 0xae]);
        assert_eq!(controller.writes, [0xf4]);
    }
}

#[test]
fn bytes_that_waited_are_thrown_away() {
    for chip in BOTH {
        let controller = FakeController::shared(chip);
        (0..20).for_each(|byte| controller.borrow_mut().arrive(byte, byte % 3 == 0));
        let mut keyboard = Keyboard::start(controller.clone()).unwrap();
        assert_eq!(keyboard.poll(), None, "{chip:?}");
        controller.borrow_mut().send(&stroke(&[], 0x1c));
        assert_eq!(all(&mut keyboard).len(), 1);
    }
}

#[test]
fn mouse_bytes_are_no_keys() {
    for chip in BOTH {
        let (controller, mut keyboard) = started(chip);
        for byte in [0x1c, 0x1e, 0xe0, 0xf0] {
            controller.borrow_mut().arrive(byte, true);
        }
        controller.borrow_mut().send(&stroke(&[], 0x1c));
        let keys = all(&mut keyboard);
        assert!(matches!(keys[..], [Key::Bytes(bytes)] if *bytes == *b"a"), "{keys:?}");
    }
}

#[test]
fn no_controller_and_dead_ones_are_told_apart_in_bounded_time() {
    for (chip, expected) in [
        (Chip::Nothing, Absent::Controller),
        (Chip::Busy, Absent::Stuck { status: 0x02 }),
        (Chip::Endless, Absent::Stuck { status: 0x01 }),
    ] {
        let controller = FakeController::shared(chip);
        let absent = Keyboard::start(controller.clone()).err();
        assert_eq!(absent, Some(expected));
        let accesses = controller.borrow().accesses;
        assert!(accesses <= PATIENCE + 2 * MOST_STALE + 10, "{chip:?}: {accesses} accesses");
    }
    assert!(Absent::Controller.to_string().contains("0xff"));
    assert!(Absent::Stuck { status: 2 }.to_string().contains("0x02"));
}

#[test]
fn a_controller_without_a_keyboard_or_without_answers_waits_for_one() {
    for chip in [Chip::WithoutKeyboard, Chip::Silent, Chip::Resending] {
        let (controller, mut keyboard) = started(chip);
        let accesses = controller.borrow().accesses;
        assert!(accesses <= 3 * PATIENCE + 50, "{chip:?}: {accesses} accesses");
        assert_eq!(keyboard.poll(), None);
        // Whoever imitates a keyboard without a configuration does so as the first PC's.
        let code = if chip == Chip::Silent { 0x1e } else { 0x1c };
        controller.borrow_mut().arrive(code, false);
        let keys = all(&mut keyboard);
        assert!(matches!(keys[..], [Key::Bytes(bytes)] if *bytes == *b"a"), "{chip:?}: {keys:?}");
    }
}

#[test]
fn a_controller_that_dies_later_costs_a_bounded_number_of_accesses_a_poll() {
    /// Answers every look with the same status, which the test changes.
    struct Dying<'t>(&'t Cell<u8>, &'t Cell<usize>);
    impl crate::Ports for Dying<'_> {
        fn status(&mut self) -> u8 {
            self.1.set(self.1.get() + 1);
            self.0.get()
        }
        fn data(&mut self) -> u8 {
            0xff
        }
        fn command(&mut self, _: u8) {}
        fn write(&mut self, _: u8) {}
    }
    let (status, looks) = (Cell::new(0), Cell::new(0));
    let mut keyboard = Keyboard::start(Dying(&status, &looks)).unwrap();
    for dying in 0..=0xff {
        status.set(dying);
        looks.set(0);
        assert_eq!(keyboard.poll(), None, "{dying:#x}");
        assert!(looks.get() <= 64, "{dying:#x}: {} looks", looks.get());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_at_most_a_key_each(bytes in prop::collection::vec((any::<u8>(), any::<bool>()), 0..300)) {
        for chip in BOTH {
            let (controller, mut keyboard) = started(chip);
            for &(byte, from_mouse) in &bytes {
                controller.borrow_mut().arrive(byte, from_mouse);
            }
            let mut keys = Vec::new();
            // A poll takes a limited number of bytes, and may return before the last of them.
            for _ in 0..bytes.len() + 10 {
                keys.extend(keyboard.poll());
            }
            let typed = bytes.iter().filter(|(_, from_mouse)| !from_mouse).count();
            prop_assert!(keys.len() <= typed);
            for key in keys {
                if let Key::Bytes(bytes) = key {
                    prop_assert!((1..=7).contains(&bytes.len()), "{bytes:?}");
                    prop_assert!(str::from_utf8(&bytes).is_ok(), "{}", format!("{bytes:?}"));
                }
            }
        }
    }

    #[test]
    fn after_any_bytes_a_key_is_understood_again(noise in prop::collection::vec(any::<u8>(), 0..50)) {
        for chip in BOTH {
            let (controller, mut keyboard) = started(chip);
            noise.iter().for_each(|&byte| controller.borrow_mut().arrive(byte, false));
            // Ends any prefix, then lets go of whatever the noise held.
            controller.borrow_mut().send(&[0x1c, 0x1c, 0xf0, 0x1c]);
            for modifier in [&[0x12][..], &[0x59], &[0x14], &[0x11]] {
                controller.borrow_mut().send(&[&[0xf0][..], modifier].concat());
            }
            controller.borrow_mut().send(&[0xe0, 0xf0, 0x14, 0xe0, 0xf0, 0x11, 0xe1, 0xf0, 0x14]);
            all(&mut keyboard);
            controller.borrow_mut().send(&stroke(&[], 0x29));
            let keys = all(&mut keyboard);
            prop_assert!(matches!(keys[..], [Key::Bytes(bytes)] if *bytes == *b" "), "{keys:?}");
        }
    }
}
