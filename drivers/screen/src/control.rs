//! Control characters and sequences: what the terminal is told, in its own words.

use vte::{Params, Perform};

use crate::terminal::Terminal;

impl Perform for Terminal {
    fn print(&mut self, character: char) {
        Self::print(self, character);
    }

    /// The control characters of ECMA-48 (section 8.3) that a console obeys.
    fn execute(&mut self, byte: u8) {
        match byte {
            0x08 => self.left(1),
            b'\t' => self.tab(),
            b'\n' | 0x0b | 0x0c => self.line_feed(),
            b'\r' => self.move_to(self.row, 0),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _ignore: bool, byte: u8) {
        if !intermediates.is_empty() {
            return;
        }
        match byte {
            b'D' => self.line_feed(),
            b'E' => {
                self.move_to(self.row, 0);
                self.line_feed();
            }
            b'M' => self.reverse_line_feed(),
            b'7' => self.save(),
            b'8' => self.restore(),
            b'c' => self.reset(),
            _ => {}
        }
    }

    /// The control sequences of ECMA-48 (section 8.3), as xterm understands them. What is not known does nothing.
    fn csi_dispatch(&mut self, parameters: &Params, intermediates: &[u8], ignore: bool, last: char) {
        let parameter = |index| parameters.iter().nth(index).and_then(|sub| sub.first()).copied().unwrap_or(0);
        match (intermediates, last) {
            _ if ignore => return,
            ([], _) => {}
            (b"?", 'h' | 'l') if parameters.iter().any(|sub| sub == [25]) => {
                self.shows_cursor = last == 'h';
                return;
            }
            _ => return,
        }
        let mode = parameter(0);
        let count = usize::from(mode.max(1));
        match last {
            'A' => self.up(count),
            'B' | 'e' => self.down(count),
            'C' | 'a' => self.right(count),
            'D' => self.left(count),
            'E' => self.move_to(self.row.saturating_add(count), 0),
            'F' => self.move_to(self.row.saturating_sub(count), 0),
            'G' | '`' => self.move_to(self.row, count - 1),
            'H' | 'f' => self.move_to(count - 1, usize::from(parameter(1).max(1)) - 1),
            'J' => self.erase_in_screen(mode),
            'K' => self.erase_in_row(mode),
            'L' => self.insert_rows(count),
            'M' => self.delete_rows(count),
            'P' => self.delete_characters(count),
            'S' => self.scroll_up(count),
            'T' => self.scroll_down(count),
            'X' => self.erase_characters(count),
            '@' => self.insert_characters(count),
            'd' => self.move_to(count - 1, self.column),
            'm' => self.pen.select(parameters),
            's' => self.save(),
            'u' => self.restore(),
            _ => {}
        }
    }
}
