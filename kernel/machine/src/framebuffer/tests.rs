use super::*;

const LOADER_DIRECT_MAP: u64 = 0xffff_8000_0000_0000;

fn raw() -> Raw {
    let field = |shift| Field { shift, bits: 8 };
    Raw {
        address: LOADER_DIRECT_MAP + 0xfd00_0000,
        width: 1280,
        height: 800,
        pitch: 5120,
        bits_per_pixel: 32,
        is_rgb: true,
        red: field(16),
        green: field(8),
        blue: field(0),
    }
}

#[test]
fn a_usual_framebuffer_is_taken_as_it_is() {
    let found = Framebuffer::check(&raw()).unwrap();
    assert_eq!((found.mode().width, found.mode().height, found.bytes()), (1280, 800, 1280 * 800 * 4));
    let physical = found.to_physical(LOADER_DIRECT_MAP).unwrap();
    assert_eq!((physical.address(), physical.mode()), (0xfd00_0000, found.mode()));
}

#[test]
fn the_last_line_ends_with_its_last_pixel() {
    let padded = Raw { pitch: 8192, ..raw() };
    assert_eq!(Framebuffer::check(&padded).unwrap().bytes(), 8192 * 799 + 5120);
}

#[test]
fn numbers_that_no_screen_has_are_refused() {
    for raw in [
        Raw { width: u64::MAX, ..raw() },
        Raw { height: 1 << 32, ..raw() },
        Raw { pitch: u64::MAX - 1, ..raw() },
        Raw { bits_per_pixel: 0x120, ..raw() },
        // Each number is one that some screen has, and the product is 32 GiB.
        Raw { height: 1 << 15, pitch: 1 << 20, ..raw() },
    ] {
        assert_eq!(Framebuffer::check(&raw), Err(Unfit::TooLarge), "{raw:?}");
    }
}

#[test]
fn modes_without_room_for_text_are_refused() {
    for raw in [
        Raw { width: 0, ..raw() },
        Raw { height: 0, ..raw() },
        Raw { pitch: 5119, ..raw() },
        Raw { bits_per_pixel: 8, ..raw() },
        Raw { red: Field { shift: 255, bits: 255 }, ..raw() },
    ] {
        assert!(matches!(Framebuffer::check(&raw), Err(Unfit::Mode(_))), "{raw:?}");
    }
    assert_eq!(Framebuffer::check(&Raw { is_rgb: false, ..raw() }), Err(Unfit::NotRgb));
}

#[test]
fn addresses_where_nothing_can_be_are_refused() {
    for address in [0, 0xfd00_0000, DIRECT_MAP - 1, u64::MAX, u64::MAX - 4096] {
        assert_eq!(Framebuffer::check(&Raw { address, ..raw() }), Err(Unfit::OutOfReach(address)));
    }
}

#[test]
fn physical_addresses_past_every_memory_are_refused() {
    let found = Framebuffer::check(&raw()).unwrap();
    assert_eq!(found.to_physical(0xffff_c000_0000_0000), None);
    let far = Framebuffer::check(&Raw { address: LOADER_DIRECT_MAP + (1 << 46), ..raw() }).unwrap();
    assert!(far.to_physical(LOADER_DIRECT_MAP).is_some());
    let end = Framebuffer::check(&Raw { address: u64::MAX - found.bytes(), ..raw() }).unwrap();
    assert_eq!(end.to_physical(0), None);
}
