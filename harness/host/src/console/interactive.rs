//! A person at the prompt.

use std::{
    io::{Write, stdin, stdout},
    os::fd::AsFd,
};

use super::{
    Console, Failure, PATIENCE,
    keys::Keys,
    life::{End, Step},
    lines::{Input, read},
    marks::Piece,
    raw::RawTerminal,
};
use crate::{
    Error,
    process::Interrupts,
    symbols::{Annotator, Symbols},
};

/// Passes keys to the machine and its output to the terminal until the person or the guest ends it. A guest that
/// asks for a reset gets a new machine.
pub fn run(console: &Console<'_>, interrupts: &Interrupts, symbols: &Symbols) -> Result<(), Failure> {
    eprintln!("Ctrl-A X ends the machine; Ctrl-A Ctrl-A types a Ctrl-A.");
    let _raw = RawTerminal::enter().map_err(Error::io("setting up the terminal"))?;
    let mut keys = Keys::default();
    while live(console, interrupts, symbols, &mut keys)? == Some(End::Reset) {
        eprint!("\r\n[the machine starts again]\r\n");
    }
    Ok(())
}

/// One life of the machine; `None` when the person ended it.
fn live(
    console: &Console<'_>,
    interrupts: &Interrupts,
    symbols: &Symbols,
    keys: &mut Keys,
) -> Result<Option<End>, Failure> {
    let mut life = console.start(interrupts)?;
    let (stdin, mut out) = (stdin(), stdout().lock());
    let mut annotator = Annotator::default();
    let mut listens = true;
    let mut print = |bytes: &[u8]| {
        let printed = out.write_all(bytes).and_then(|()| out.flush());
        printed.map_err(Error::io("writing to the terminal")).map_err(Failure::from)
    };
    loop {
        match life.next(PATIENCE, listens.then(|| stdin.as_fd()))? {
            Step::Piece(Piece::Text(bytes)) => print(&annotator.push(&bytes, symbols))?,
            Step::Piece(Piece::Mark(_, bytes)) => print(&bytes)?,
            Step::Other => {
                let bytes = match read(&stdin) {
                    Input::Bytes(bytes) => bytes,
                    Input::Nothing => continue,
                    Input::End => {
                        listens = false;
                        continue;
                    }
                };
                let typed = keys.push(&bytes);
                life.type_bytes(&typed.bytes);
                if typed.quit {
                    print(b"\r\n")?;
                    return Ok(None);
                }
            }
            Step::Silence => {}
            Step::Ended(end) => return Ok(Some(end)),
        }
    }
}
