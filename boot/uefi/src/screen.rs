//! The firmware's screens (UEFI 2.10, section 12.9, Graphics Output Protocol).

use steward_boot_protocol::Framebuffer;

/// How a mode's pixels lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A byte of red, of green, of blue, and one unused.
    Rgb,
    /// A byte of blue, of green, of red, and one unused.
    Bgr,
    /// Which bits of a pixel are red, green, blue and unused.
    Masks([u32; 4]),
}

/// A mode with a linear framebuffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Physical address of the first pixel.
    pub address: u64,
    /// Pixels in a line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Pixels from one line to the next.
    pub stride: usize,
    /// Bits of a pixel.
    pub format: Format,
}

/// The mode as the protocol tells it; `None` when there is nothing that a kernel could draw on.
#[must_use]
pub fn framebuffer(mode: &Mode) -> Option<Framebuffer> {
    let (bits_per_pixel, masks) = match mode.format {
        Format::Rgb => (32, [(8, 0), (8, 8), (8, 16)]),
        Format::Bgr => (32, [(8, 16), (8, 8), (8, 0)]),
        Format::Masks([red, green, blue, unused]) => {
            let bits = u32::BITS - (red | green | blue | unused).leading_zeros();
            (bits.next_multiple_of(8), [field(red)?, field(green)?, field(blue)?])
        }
    };
    let pitch = mode.stride as u64 * u64::from(bits_per_pixel / 8);
    if mode.address == 0 || mode.width == 0 || mode.height == 0 || mode.stride < mode.width {
        return None;
    }
    Some(Framebuffer {
        address: mode.address,
        width: mode.width as u64,
        height: mode.height as u64,
        pitch,
        bits_per_pixel: u16::try_from(bits_per_pixel).ok()?,
        masks,
    })
}

/// Size and shift of a field, which is bits in a row.
fn field(mask: u32) -> Option<(u8, u8)> {
    let (shift, size) = (mask.trailing_zeros(), mask.count_ones());
    let in_a_row = mask != 0 && (mask >> shift).trailing_ones() == size;
    in_a_row.then_some((u8::try_from(size).ok()?, u8::try_from(shift).ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Format, Mode, framebuffer};
    use steward_boot_protocol::Framebuffer;

    const MODE: Mode = Mode { address: 0xc000_0000, width: 1366, height: 768, stride: 1376, format: Format::Bgr };

    #[test]
    fn padding_at_the_end_of_lines_is_in_the_pitch() {
        let screen = framebuffer(&MODE).expect("a good mode");
        let masks = [(8, 16), (8, 8), (8, 0)];
        let (width, height, pitch) = (1366, 768, 5504);
        assert_eq!(screen, Framebuffer { address: 0xc000_0000, width, height, pitch, bits_per_pixel: 32, masks });
    }

    #[test]
    fn red_comes_first_where_the_firmware_says_so() {
        let screen = framebuffer(&Mode { format: Format::Rgb, ..MODE }).expect("a good mode");
        assert_eq!(screen.masks, [(8, 0), (8, 8), (8, 16)]);
    }

    #[test]
    fn masks_give_fields_and_the_size_of_a_pixel() {
        let of = |masks| framebuffer(&Mode { format: Format::Masks(masks), ..MODE });
        let fields = |masks| of(masks).map(|screen| (screen.bits_per_pixel, screen.masks, screen.pitch));
        assert_eq!(fields([0xf800, 0x7e0, 0x1f, 0]), Some((16, [(5, 11), (6, 5), (5, 0)], 2752)));
        assert_eq!(fields([0x7c00, 0x3e0, 0x1f, 0x8000]), Some((16, [(5, 10), (5, 5), (5, 0)], 2752)));
        assert_eq!(fields([0x7c00, 0x3e0, 0x1f, 0]), Some((16, [(5, 10), (5, 5), (5, 0)], 2752)));
        assert_eq!(fields([0xff_0000, 0xff00, 0xff, 0]), Some((24, [(8, 16), (8, 8), (8, 0)], 4128)));
        let deep = [0x3ff0_0000, 0xf_fc00, 0x3ff, 0xc000_0000];
        assert_eq!(fields(deep), Some((32, [(10, 20), (10, 10), (10, 0)], 5504)));
    }

    #[test]
    fn modes_that_no_one_can_draw_on_are_refused() {
        let refused = |mode: Mode| framebuffer(&mode).is_none();
        assert!(refused(Mode { format: Format::Masks([0, 0xff00, 0xff, 0]), ..MODE }));
        assert!(refused(Mode { format: Format::Masks([0x50_0000, 0xff00, 0xff, 0]), ..MODE }));
        assert!(refused(Mode { address: 0, ..MODE }));
        assert!(refused(Mode { width: 0, ..MODE }));
        assert!(refused(Mode { height: 0, ..MODE }));
        assert!(refused(Mode { stride: 1365, ..MODE }));
    }
}
