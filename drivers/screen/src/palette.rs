//! The sixteen colours, and which of them stands for any other.

/// A colour as red, green and blue.
pub(crate) type Rgb = [u8; 3];

/// Light grey: what text is written in until it says otherwise.
pub(crate) const FOREGROUND: u8 = 7;
/// Black.
pub(crate) const BACKGROUND: u8 = 0;
/// Added to one of the first eight colours, makes it bright.
pub(crate) const BRIGHT: u8 = 8;

/// The colours that a VGA shows in text modes, in the order of ECMA-48 (section 8.3.117): black, red, green, yellow,
/// blue, magenta, cyan, white; then the same, bright.
pub(crate) const PALETTE: [Rgb; 16] = [
    [0x00, 0x00, 0x00],
    [0xaa, 0x00, 0x00],
    [0x00, 0xaa, 0x00],
    [0xaa, 0x55, 0x00],
    [0x00, 0x00, 0xaa],
    [0xaa, 0x00, 0xaa],
    [0x00, 0xaa, 0xaa],
    [0xaa, 0xaa, 0xaa],
    [0x55, 0x55, 0x55],
    [0xff, 0x55, 0x55],
    [0x55, 0xff, 0x55],
    [0xff, 0xff, 0x55],
    [0x55, 0x55, 0xff],
    [0xff, 0x55, 0xff],
    [0x55, 0xff, 0xff],
    [0xff, 0xff, 0xff],
];

/// The colour of the palette that is nearest.
pub(crate) fn nearest(colour: Rgb) -> u8 {
    let distance = |&(_, candidate): &(u8, Rgb)| -> u32 {
        candidate.iter().zip(colour).map(|(&one, other)| u32::from(one.abs_diff(other)).pow(2)).sum()
    };
    (0..).zip(PALETTE).min_by_key(distance).map_or(FOREGROUND, |(index, _)| index)
}

/// The colour of the palette for one of xterm's 256: the sixteen, a cube of six levels a side, 24 greys.
pub(crate) fn of_256(index: u8) -> u8 {
    match index {
        0..16 => index,
        16..232 => {
            let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
            let index = index - 16;
            nearest([level(index / 36), level(index / 6 % 6), level(index % 6)])
        }
        232.. => nearest([8 + 10 * (index - 232); 3]),
    }
}
