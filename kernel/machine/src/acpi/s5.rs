//! The sleep types of state S5, off (ACPI 6.5, section 7.4.2).
//!
//! `_S5` is a package of constants in the DSDT or an SSDT. Reading it takes no interpreter: the name is found in the byte code and
//! the constants behind it are decoded. An AML interpreter for stable Rust that reads every machine's tables does not
//! exist, and being unable to switch a machine off because of an unrelated method would be worse.

/// AML opcodes (ACPI 6.5, section 20.3).
const NAME_OP: u8 = 0x08;
const PACKAGE_OP: u8 = 0x12;
const ZERO_OP: u8 = 0x00;
const ONE_OP: u8 = 0x01;
const BYTE_PREFIX: u8 = 0x0a;
const WORD_PREFIX: u8 = 0x0b;

/// The values for PM1a and PM1b from a table's byte code; `None` when it defines no `_S5` package.
pub(super) fn sleep_types(aml: &[u8]) -> Option<(u8, u8)> {
    const NAME: &[u8] = b"_S5_";
    aml.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME).find_map(|(at, _)| {
        let named = matches!(aml[..at], [.., NAME_OP] | [.., NAME_OP, b'\\']);
        if named { package(&aml[at + NAME.len()..]) } else { None }
    })
}

/// The first two elements of a package, as bytes. A package of one element gives it twice.
fn package(aml: &[u8]) -> Option<(u8, u8)> {
    let (&PACKAGE_OP, rest) = aml.split_first()? else { return None };
    // The length's first byte says in its top two bits how many bytes follow it (section 20.2.4).
    let length_bytes = 1 + usize::from(rest.first()? >> 6);
    let (&elements, rest) = rest.get(length_bytes..)?.split_first()?;
    let (a, rest) = constant(rest)?;
    let b = if elements >= 2 { constant(rest)?.0 } else { a };
    Some((a, b))
}

/// A constant, and what follows it. Sleep types have three bits, so larger ones are no sleep types.
fn constant(aml: &[u8]) -> Option<(u8, &[u8])> {
    let (value, rest) = match *aml {
        [ZERO_OP, ref rest @ ..] => (0, rest),
        [ONE_OP, ref rest @ ..] => (1, rest),
        [BYTE_PREFIX, value, ref rest @ ..] | [WORD_PREFIX, value, 0, ref rest @ ..] => (value, rest),
        _ => return None,
    };
    (value < 8).then_some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_of_every_form_are_read() {
        assert_eq!(sleep_types(b"\x08_S5_\x12\x06\x04\x00\x00\x00\x00"), Some((0, 0)));
        assert_eq!(sleep_types(b"\x08_S5_\x12\x08\x04\x0a\x05\x0a\x07\x00\x00"), Some((5, 7)));
        assert_eq!(sleep_types(b"\x08\\_S5_\x12\x0a\x02\x0b\x03\x00\x01"), Some((3, 1)));
        assert_eq!(sleep_types(b"\x08_S5_\x12\x44\x00\x04\x01\x00\x00\x00"), Some((1, 0)));
    }

    #[test]
    fn a_package_of_one_serves_both_registers() {
        assert_eq!(sleep_types(b"\x08_S5_\x12\x03\x01\x0a\x06"), Some((6, 6)));
    }

    #[test]
    fn a_mention_that_defines_nothing_is_passed_over() {
        assert_eq!(sleep_types(b"x_S5_\x12\x06\x04\x01\x01\x08_S5_\x12\x06\x04\x0a\x02\x0a\x02"), Some((2, 2)));
    }

    #[test]
    fn byte_code_cut_short_anywhere_gives_nothing_and_never_panics() {
        let whole = b"\x08_S5_\x12\x08\x04\x0a\x05\x0a\x07";
        for length in 0..whole.len() {
            assert_eq!(sleep_types(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_three_bits_is_no_sleep_type() {
        assert_eq!(sleep_types(b"\x08_S5_\x12\x06\x02\x0a\x08\x0a\x01"), None);
    }
}
