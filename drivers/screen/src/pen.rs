//! What new characters look like.

use vte::Params;

use crate::{
    Cell,
    palette::{self, BACKGROUND, BRIGHT, FOREGROUND},
};

/// The colours and attributes that characters are written with (ECMA-48, section 8.3.117, SGR).
#[derive(Clone, Copy)]
pub(crate) struct Pen {
    foreground: u8,
    background: u8,
    bold: bool,
    underline: bool,
    inverse: bool,
}

impl Pen {
    pub(crate) const DEFAULT: Self =
        Self { foreground: FOREGROUND, background: BACKGROUND, bold: false, underline: false, inverse: false };

    /// The character as this pen writes it.
    pub(crate) const fn cell(self, character: char) -> Cell {
        let bright = if self.bold { BRIGHT } else { 0 };
        let cell = Cell::new(character, self.foreground | bright, self.background, self.underline);
        if self.inverse { cell.inverse() } else { cell }
    }

    /// What this pen leaves where it erases: its background, as in xterm.
    pub(crate) const fn blank(self) -> Cell {
        Cell::new(' ', FOREGROUND, self.background, false)
    }

    /// Changes it as the parameters say, from left to right. What they say that is not known is passed over.
    pub(crate) fn select(&mut self, parameters: &Params) {
        let mut parameters = parameters.iter();
        while let Some(parameter) = parameters.next() {
            let [code, sub @ ..] = parameter else { continue };
            match *code {
                0 => *self = Self::DEFAULT,
                1 => self.bold = true,
                // 4:0 is xterm's and kitty's way to end it; 4:1 to 4:5 are kinds of underlines.
                4 => self.underline = sub.first() != Some(&0),
                7 => self.inverse = true,
                22 => self.bold = false,
                24 => self.underline = false,
                27 => self.inverse = false,
                code @ 30..=37 => self.foreground = (code - 30) as u8,
                39 => self.foreground = FOREGROUND,
                code @ 40..=47 => self.background = (code - 40) as u8,
                49 => self.background = BACKGROUND,
                code @ 90..=97 => self.foreground = (code - 90) as u8 | BRIGHT,
                code @ 100..=107 => self.background = (code - 100) as u8 | BRIGHT,
                code @ (38 | 48) => {
                    let colour = match sub {
                        [] => following_colour(&mut parameters),
                        _ => sub_colour(sub),
                    };
                    let place = if code == 38 { &mut self.foreground } else { &mut self.background };
                    *place = colour.unwrap_or(*place);
                }
                _ => {}
            }
        }
    }
}

/// A colour in the parameters that follow: `5;N`, or `2;R;G;B`.
fn following_colour<'p>(parameters: &mut impl Iterator<Item = &'p [u16]>) -> Option<u8> {
    let mut next = || parameters.next().and_then(|parameter| parameter.first()).copied();
    match next()? {
        5 => Some(palette::of_256(u8::try_from(next()?).ok()?)),
        2 => rgb([next()?, next()?, next()?]),
        _ => None,
    }
}

/// A colour within the parameter: `5:N`, `2:R:G:B`, or `2:SPACE:R:G:B` with what may follow.
fn sub_colour(sub: &[u16]) -> Option<u8> {
    match *sub {
        [5, index, ..] => Some(palette::of_256(u8::try_from(index).ok()?)),
        [2, red, green, blue] | [2, _, red, green, blue, ..] => rgb([red, green, blue]),
        _ => None,
    }
}

fn rgb(colour: [u16; 3]) -> Option<u8> {
    let [Ok(red), Ok(green), Ok(blue)] = colour.map(u8::try_from) else { return None };
    Some(palette::nearest([red, green, blue]))
}
