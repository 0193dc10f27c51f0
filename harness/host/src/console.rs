//! A machine with a prompt, driven by a person, by lines given beforehand, or by standard input.

mod interactive;
mod keys;
mod life;
mod lines;
mod marks;
mod raw;
mod scripted;

use std::{
    fmt,
    io::{IsTerminal, stdin, stdout},
    time::Duration,
};

use crate::{
    Emulator, Error,
    accel::Chosen,
    autopsy::Autopsy,
    image::Image,
    machine::{Backing, Configuration, DEBUG_EXIT, Display, Gdb, Screen, Shape, Start},
    process::Interrupts,
    suite::host_cpus,
    symbols::Symbols,
    vm::Vm,
};
use life::{Life, describe};
use lines::Lines;
pub use lines::check_line;
pub use marks::{Mark, Marks, Piece};
use scripted::{Printer, Script};

/// Where a debugger finds the machine: QEMU's own default.
const GDB_PORT: u16 = 1234;
/// How long a machine that was told what to do may print nothing before it counts as hung, on a host of ordinary
/// speed.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a person may take: waiting is then done again.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Who types at the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A person, at the host's terminal. Every key goes to the guest; Ctrl-A X ends the machine.
    Terminal,
    /// Nobody: these lines are typed, one at each prompt, if [`check_line`] lets all of them pass, and only what they print goes to standard output, byte for
    /// byte but for line ends. Then the machine is powered off.
    Lines(Vec<String>),
    /// Standard input, which is no terminal: its lines are typed, one at each prompt, and all that the machine prints
    /// is shown. At its end the machine is powered off. A line that [`check_line`] does not let pass ends the run.
    Stream,
}

/// Why a run at the prompt was not a success.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// A command said that it failed. Those after it were typed all the same.
    Command {
        /// The first line that failed.
        line: String,
        /// Its status.
        status: i32,
    },
    /// The machine failed.
    Died {
        /// How.
        why: String,
        /// The last lines of its log.
        log: String,
        /// Its CPUs, if they could be looked at.
        autopsy: Box<Autopsy>,
    },
    /// The machine ended, as a command asked it to, before these lines were typed.
    Unused(Vec<String>),
    /// A signal asked the harness to stop; its number.
    Interrupted(i32),
    /// The machine could not be started, or nobody was left to print to.
    Error(Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { line, status } => write!(f, "`{line}` failed with status {status}"),
            Self::Died { why, .. } => write!(f, "the machine failed: {why}"),
            Self::Unused(lines) => {
                write!(f, "the machine had ended before these lines could be typed: {}", lines.join(", "))
            }
            Self::Interrupted(signal) => write!(f, "interrupted by signal {signal}"),
            Self::Error(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Interrupted(signal) => Self::Interrupted(signal),
            error => Self::Error(error),
        }
    }
}

/// What a machine with a prompt needs.
#[derive(Clone, Debug)]
pub struct Console<'a> {
    /// The QEMU to use.
    pub emulator: &'a Emulator,
    /// What to boot.
    pub image: &'a Image,
    /// In what machine.
    pub shape: Shape,
    /// What executes it.
    pub chosen: &'a Chosen,
    /// The kernel's command line.
    pub command_line: String,
    /// The machine waits for a debugger; how to attach one is printed on standard error.
    pub gdb: bool,
    /// How long the machine may print nothing, when nobody types, before it counts as hung.
    pub silence: Duration,
    /// Whether the machine has COM1. Without it, nothing can be typed here.
    pub serial: bool,
    /// Whether the machine has a screen.
    pub screen: Screen,
}

impl<'a> Console<'a> {
    /// A machine of this shape, its kernel told of the debug-exit device and nothing else.
    #[must_use]
    pub fn new(emulator: &'a Emulator, image: &'a Image, shape: Shape, chosen: &'a Chosen) -> Self {
        Self {
            emulator,
            image,
            shape,
            chosen,
            command_line: format!("debug-exit={DEBUG_EXIT:#x}"),
            gdb: false,
            silence: SILENCE.mul_f64(chosen.slowness.clamp(1.0, 100.0)).max(image.boot.limit()),
            serial: true,
            screen: Screen::None,
        }
    }

    /// Boots the machine and drives it until it ends. What the guest prints goes to standard output, and everything
    /// else to standard error: hints, and the last lines of the log of a machine that failed.
    ///
    /// # Errors
    /// A [`Failure`], of which everything but its [`Display`](fmt::Display) was already told on standard error. The
    /// terminal is as it was before, and nothing of the machine is left, whatever happens.
    pub fn run(&self, input: Input, interrupts: &Interrupts) -> Result<(), Failure> {
        self.check(&input)?;
        let symbols = Symbols::of(&self.image.elf);
        let seen = input == Input::Terminal;
        let result = match input {
            Input::Terminal => interactive::run(self, interrupts, &symbols),
            Input::Lines(lines) => {
                let printer = Printer::output_only(stdout().lock());
                scripted::run(self, Script::new(Lines::Given(lines.into()), printer), interrupts)
            }
            Input::Stream => {
                let printer = Printer::everything(stdout().lock(), stdout().is_terminal(), &symbols);
                scripted::run(self, Script::new(Lines::of_stdin(), printer), interrupts)
            }
        };
        if let Err(Failure::Died { log, autopsy, .. }) = &result {
            // A person at the terminal has just read the log.
            eprint!("{}", describe(if seen { "" } else { log }, autopsy, &symbols));
        }
        result
    }

    /// Refuses what cannot work before anything is started.
    fn check(&self, input: &Input) -> Result<(), Error> {
        self.configuration().check(self.image)?;
        if let Input::Lines(lines) = input {
            lines.iter().try_for_each(|line| check_line(line))?;
        }
        let why = match input {
            _ if self.serial => return Ok(()),
            Input::Terminal if self.screen == Screen::Window => return Ok(()),
            Input::Terminal => "nobody can see a machine with neither a serial port nor a window",
            Input::Lines(_) | Input::Stream => "lines cannot be typed at a machine without a serial port",
        };
        Err(Error::Request(why.into()))
    }

    fn configuration(&self) -> Configuration {
        let gdb = self.gdb.then(|| Gdb { listen: format!("tcp:127.0.0.1:{GDB_PORT}"), start: Start::ByDebugger });
        Configuration {
            backing: Backing::Own,
            shape: self.shape.clone(),
            accelerator: self.chosen.accelerator,
            slots: host_cpus(),
            command_line: self.command_line.clone(),
            gdb,
            serial: self.serial,
            screen: self.screen,
        }
    }

    fn start(&self, interrupts: &Interrupts) -> Result<Life, Failure> {
        if self.gdb {
            let elf = self.image.elf.display();
            hint(&format!("the machine waits for a debugger: gdb {elf} -ex 'target remote 127.0.0.1:{GDB_PORT}'"));
        }
        let mut vm = Vm::start(self.emulator, &self.configuration(), self.image, interrupts)?;
        if self.screen == Screen::Window
            && let Display::Vnc(why) = Display::find(self.emulator)?
            && let Some(address) = vm.vnc_address()
        {
            hint(&format!("the machine's screen is at {address} for VNC viewers: {why}"));
        }
        Ok(Life::new(vm))
    }

    /// How long to wait for the machine when nobody types. With a debugger attached, it may stand still for ever.
    fn patience(&self) -> Duration {
        if self.gdb { PATIENCE } else { self.silence }
    }
}

/// A line for the person at the terminal, which may be in raw mode.
fn hint(text: &str) {
    eprint!("{text}{}", if stdin().is_terminal() { "\r\n" } else { "\n" });
}

#[cfg(test)]
mod tests;
