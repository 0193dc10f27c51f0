//! A machine that runs: QEMU's process, its lines, and what comes over them.

mod channel;
mod keyboard;
mod picture;

use std::{
    collections::VecDeque,
    os::{
        fd::{BorrowedFd, OwnedFd, RawFd},
        unix::process::ExitStatusExt,
    },
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use command_fds::{CommandFdExt, FdMapping};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::Signal,
};
use serde_json::{Value, json};

use crate::{
    Emulator, Error,
    image::{Image, MEDIUM},
    machine::{Configuration, Display, Lines, Screen, Start},
    process::{Interrupts, Process},
    qmp::{self, Message},
};
use channel::{Channel, Reader};
pub use picture::Picture;

/// QEMU's ends of the lines, as it numbers them.
const LINES: Lines = Lines { com1: 3, com2: 4, qmp: 5 };
/// How long QEMU may take to be gone once it has closed all its lines.
const EXIT_LIMIT: Duration = Duration::from_secs(5);
/// How long QEMU may take to answer a question.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait before reading on in a record. A guest sends it byte by byte, and waking up for each would take more
/// of the host than the guest does.
const BREATH: Duration = Duration::from_micros(150);
/// Longest line of QEMU's log that is kept whole.
const LONGEST_LINE: usize = 4 << 10;
/// Most of QEMU's own messages that are kept.
const MOST_MESSAGES: usize = 20;
/// How QEMU's log tells of a triple fault, on a line of its own.
const TRIPLE_FAULT: &str = "Triple fault";

/// What came from a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes from COM1.
    Com1(Vec<u8>),
    /// Bytes from COM2.
    Com2(Vec<u8>),
    /// QEMU's word that something happened.
    Machine(qmp::Event),
}

/// What a wait came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Something came.
    Event(Event),
    /// The other descriptor that was waited for is readable.
    Other,
    /// The deadline passed.
    TimeOut,
    /// The harness was asked to stop.
    Interrupted,
    /// QEMU has ended, and everything it sent was handed out.
    Ended(ExitStatus),
}

/// A running machine. Dropping it kills it.
#[derive(Debug)]
pub struct Vm {
    process: Process,
    com1: Channel,
    com2: Channel,
    qmp: Channel,
    stderr: Reader,
    parser: qmp::Parser,
    events: VecDeque<Event>,
    replies: Vec<(u64, Result<Value, String>)>,
    last_id: u64,
    /// The last transfer brought bytes of a record, and more are likely to come.
    heard_records: bool,
    /// Commands whose answers nobody waits for.
    told: Vec<u64>,
    log: EmulatorLog,
    interrupts: Interrupts,
    /// Set once it was killed: when to stop waiting for what it had sent before.
    killed: Option<Instant>,
}

impl Vm {
    /// Starts QEMU and lets the machine run (unless a debugger shall do that).
    ///
    /// # Errors
    /// [`Error::Emulator`] when the program cannot be executed. What QEMU itself refuses shows as a machine that
    /// ends early; see [`Vm::emulator_messages`].
    pub fn start(
        emulator: &Emulator,
        configuration: &Configuration,
        image: &Image,
        interrupts: &Interrupts,
    ) -> Result<Self, Error> {
        let mut vm = Self::launch(emulator, configuration, image, interrupts, Vec::new())?;
        if configuration.gdb.as_ref().is_none_or(|gdb| gdb.start == Start::AtOnce) {
            vm.resume();
        }
        Ok(vm)
    }

    /// Starts QEMU, and leaves the machine standing before its first instruction. QEMU inherits `files`, each under
    /// the descriptor beside it.
    ///
    /// # Errors
    /// As [`Vm::start`].
    pub fn launch(
        emulator: &Emulator,
        configuration: &Configuration,
        image: &Image,
        interrupts: &Interrupts,
        files: Vec<(OwnedFd, RawFd)>,
    ) -> Result<Self, Error> {
        let no_socket = || Error::io("making a pair of sockets");
        let (com1, com1_far) = Channel::pair().map_err(no_socket())?;
        let (com2, com2_far) = Channel::pair().map_err(no_socket())?;
        let (qmp, qmp_far) = Channel::pair().map_err(no_socket())?;
        let mut command = Command::new(emulator.program());
        command.args(configuration.arguments(image, LINES));
        if configuration.screen == Screen::Window {
            command.args(Display::find(emulator)?.arguments());
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // Before QEMU runs: what cannot be had is then said by its name.
        let copied = image.boot.medium().filter(|medium| medium.is_copied());
        let copied = copied.map(|medium| medium.copy().map(|copy| (copy, MEDIUM))).transpose()?;
        let far_ends = [(com1_far, LINES.com1), (com2_far, LINES.com2), (qmp_far, LINES.qmp)];
        let far_ends =
            far_ends.map(|(end, child_fd)| (OwnedFd::from(end), child_fd)).into_iter().chain(files).chain(copied);
        let mappings = far_ends.map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd }).collect();
        command.fd_mappings(mappings).map_err(|error| Error::Emulator(error.to_string()))?;
        let cannot = |error| Error::Emulator(format!("{} cannot be started: {error}", emulator.program().display()));
        let mut process = Process::spawn(command).map_err(cannot)?;
        let stderr = process.take_stderr().map(OwnedFd::from);
        let stderr = Reader::new(stderr).map_err(Error::io("reading QEMU's standard error"))?;
        let mut vm = Self {
            process,
            com1,
            com2,
            qmp,
            stderr,
            parser: qmp::Parser::default(),
            events: VecDeque::new(),
            replies: Vec::new(),
            last_id: 0,
            heard_records: false,
            told: Vec::new(),
            log: EmulatorLog::default(),
            interrupts: interrupts.clone(),
            killed: None,
        };
        // It waits in the socket until QEMU reads it. The machine stands still before `cont`, so no event of its life
        // comes before QEMU has agreed to send events.
        vm.tell("qmp_capabilities", None);
        Ok(vm)
    }

    /// Lets the machine run; does not wait.
    pub fn resume(&mut self) {
        self.tell("cont", None);
    }

    /// Waits until something comes, `deadline` passes, or the harness is asked to stop.
    pub fn wait(&mut self, deadline: Instant) -> Wait {
        self.wait_or(deadline, None)
    }

    /// As [`Vm::wait`], and also until `other` is readable.
    pub fn wait_or(&mut self, deadline: Instant, other: Option<BorrowedFd<'_>>) -> Wait {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Wait::Event(event);
            }
            if self.is_over() {
                return Wait::Ended(self.reap());
            }
            if self.interrupts.signal().is_some() {
                return Wait::Interrupted;
            }
            let until = self.killed.unwrap_or(deadline);
            // Before the lines are read: a guest that never stops sending must not put the deadline off.
            let late = Instant::now() >= until;
            if self.pump(until, other) {
                return Wait::Other;
            }
            if late {
                // Who was killed is over even when something else holds its lines open, or nothing can end it.
                return if self.killed.is_some() { Wait::Ended(self.reap()) } else { Wait::TimeOut };
            }
        }
    }

    /// What has come already.
    pub fn ready(&mut self) -> Option<Event> {
        if self.events.is_empty() {
            self.pump(Instant::now(), None);
        }
        self.events.pop_front()
    }

    /// Sends what is queued, as far as there is room.
    pub fn flush(&mut self) {
        self.pump(Instant::now(), None);
    }

    /// Drops what has come already, and what QEMU has complained of: the machine begins another life.
    pub fn forget(&mut self) {
        while self.ready().is_some() {}
        self.log = EmulatorLog::default();
    }

    /// Queues bytes for COM1. They reach the guest as fast as its serial port takes them.
    pub fn send_com1(&mut self, bytes: &[u8]) {
        self.com1.send(bytes);
    }

    /// Queues bytes for COM2.
    pub fn send_com2(&mut self, bytes: &[u8]) {
        self.com2.send(bytes);
    }

    /// Asks QEMU for something and waits for its answer at most so long.
    ///
    /// # Errors
    /// QEMU's complaint, or that no answer came.
    pub fn ask(&mut self, name: &str, arguments: Option<&Value>, limit: Duration) -> Result<Value, String> {
        let id = self.command(name, arguments);
        let deadline = Instant::now() + limit;
        loop {
            if let Some(place) = self.replies.iter().position(|(reply, _)| *reply == id) {
                return self.replies.swap_remove(place).1;
            }
            if self.is_over() || self.qmp.is_closed() {
                return Err(String::from("QEMU has ended"));
            }
            if self.interrupts.signal().is_some() {
                return Err(String::from("the harness was asked to stop"));
            }
            if Instant::now() >= deadline {
                return Err(format!("QEMU did not answer `{name}` within {} ms", limit.as_millis()));
            }
            self.pump(deadline, None);
        }
    }

    /// Asks QEMU's human monitor, in the view of one CPU.
    ///
    /// # Errors
    /// As [`Vm::ask`].
    pub fn monitor(&mut self, line: &str, cpu: u32, limit: Duration) -> Result<String, String> {
        let mut arguments = json!({ "command-line": line });
        // It is the first CPU's view without, and QEMU reads its orders byte by byte.
        if cpu != 0 {
            arguments["cpu-index"] = cpu.into();
        }
        let value = self.ask("human-monitor-command", Some(&arguments), limit)?;
        value.as_str().map(|text| text.replace("\r\n", "\n")).ok_or_else(|| format!("`{line}` gave {value}"))
    }

    /// Where QEMU shows the machine's screen by VNC, as `host:port`; `None` when it does not.
    pub fn vnc_address(&mut self) -> Option<String> {
        let answer = self.ask("query-vnc", None, ANSWER_LIMIT).ok()?;
        Some(format!("{}:{}", answer["host"].as_str()?, answer["service"].as_str()?))
    }

    /// Asks QEMU to end; does not wait.
    pub fn quit(&mut self) {
        self.tell("quit", None);
    }

    /// Kills QEMU; what it sent before can still be waited for. From now on a wait ends with [`Wait::Ended`] after a
    /// few seconds at most, whatever the deadline, and even when QEMU cannot be killed.
    pub fn kill(&mut self) {
        let gone = self.process.kill().is_ok();
        self.killed = Some(Instant::now() + if gone { EXIT_LIMIT } else { Duration::ZERO });
    }

    /// Whether [`Vm::kill`] ended it, or had to.
    #[must_use]
    pub fn was_killed(&self) -> bool {
        self.killed.is_some()
    }

    /// The signal that [`Wait::Interrupted`] told of.
    #[must_use]
    pub fn interrupted_by(&self) -> i32 {
        self.interrupts.signal().unwrap_or_default()
    }

    /// Keeps QEMU on one CPU of the host.
    pub fn keep_on(&self, cpu: usize) {
        self.process.keep_on(cpu);
    }

    /// QEMU's process number.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// CPU time that QEMU has used; `None` once it has ended.
    #[must_use]
    pub fn cpu_time(&self) -> Option<Duration> {
        self.process.cpu_time()
    }

    /// Whether QEMU's log told of a triple fault.
    #[must_use]
    pub fn saw_triple_fault(&self) -> bool {
        self.log.triple_fault
    }

    /// What QEMU itself complained of, one line each.
    #[must_use]
    pub fn emulator_messages(&self) -> &[String] {
        &self.log.messages
    }

    /// Asks QEMU for something whose answer nobody waits for.
    fn tell(&mut self, name: &str, arguments: Option<&Value>) {
        let id = self.command(name, arguments);
        self.told.push(id);
    }

    fn command(&mut self, name: &str, arguments: Option<&Value>) -> u64 {
        self.last_id += 1;
        self.qmp.send(qmp::command(self.last_id, name, arguments).as_bytes());
        self.last_id
    }

    fn is_over(&self) -> bool {
        self.com1.is_closed() && self.com2.is_closed() && self.qmp.is_closed() && self.stderr.is_closed()
    }

    fn reap(&mut self) -> ExitStatus {
        let limit = if self.killed.is_some() { Duration::ZERO } else { EXIT_LIMIT };
        if let Ok(Some(status)) = self.process.wait_at_most(limit) {
            return status;
        }
        if self.killed.is_none() {
            self.kill();
        }
        // One that cannot even be killed counts as killed: nothing more will come from it.
        let status = self.process.wait_at_most(Duration::ZERO);
        status.ok().flatten().unwrap_or_else(|| ExitStatus::from_raw(Signal::KILL.as_raw()))
    }

    /// Moves bytes until something came or `deadline` passed. `true` when `other` is readable.
    fn pump(&mut self, deadline: Instant, other: Option<BorrowedFd<'_>>) -> bool {
        let mut polled = vec![PollFd::from_borrowed_fd(self.interrupts.as_fd(), PollFlags::IN)];
        polled.extend(other.map(|other| PollFd::from_borrowed_fd(other, PollFlags::IN)));
        for channel in [&self.com1, &self.com2, &self.qmp] {
            polled.extend(channel.poll_fd());
        }
        polled.extend(self.stderr.as_fd().map(|stderr| PollFd::from_borrowed_fd(stderr, PollFlags::IN)));
        if std::mem::take(&mut self.heard_records) {
            std::thread::sleep(BREATH.min(deadline.saturating_duration_since(Instant::now())));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match poll(&mut polled, Timespec::try_from(left).ok().as_ref()) {
            // A signal of this process, such as a child's end, woke the call: look again.
            Ok(0) | Err(Errno::INTR) => return false,
            Ok(_) => {}
            Err(error) => {
                // Not to spin on a system that cannot poll.
                std::thread::sleep(Duration::from_millis(10));
                self.log.message(format!("the harness cannot wait for QEMU: {error}"));
            }
        }
        let other_ready = other.is_some() && !polled[1].revents().is_empty();
        drop(polled);
        self.transfer();
        other_ready
    }

    /// Reads and writes whatever can be, in an order that keeps causes before effects: a guest writes to its
    /// serial lines before it resets, and QEMU logs a triple fault before it reports the reset.
    fn transfer(&mut self) {
        self.stderr.receive(|bytes| self.log.push(bytes));
        if self.stderr.is_closed() {
            self.log.finish();
        }
        let com1 = self.com1.transfer();
        let com2 = self.com2.transfer();
        let qmp = self.qmp.transfer();
        if !com1.is_empty() {
            self.events.push_back(Event::Com1(com1));
        }
        if !com2.is_empty() {
            self.heard_records = true;
            self.events.push_back(Event::Com2(com2));
        }
        for message in self.parser.push(&qmp) {
            match message {
                Message::Event(event) => self.events.push_back(Event::Machine(event)),
                Message::Reply(id, result) => self.take_reply(id, result),
                Message::Greeting(_) => {}
                Message::Unknown(line) => self.log.message(format!("no line of QEMU's protocol: {line}")),
            }
        }
    }

    fn take_reply(&mut self, id: u64, result: Result<Value, String>) {
        if let Err(complaint) = &result {
            self.log.message(complaint.clone());
        }
        if self.told.contains(&id) {
            self.told.retain(|told| *told != id);
        } else {
            self.replies.push((id, result));
        }
    }
}

/// QEMU's standard error: its own messages, and a log full of register dumps, one for each CPU's reset.
#[derive(Debug, Default)]
struct EmulatorLog {
    line: Vec<u8>,
    messages: Vec<String>,
    triple_fault: bool,
}

impl EmulatorLog {
    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() > LONGEST_LINE {
                self.take_line();
            }
        }
    }

    /// Nothing more will come: what stands there is a line, though none ends it.
    fn finish(&mut self) {
        if !self.line.is_empty() {
            self.take_line();
        }
    }

    fn take_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).trim_end().to_string();
        self.line.clear();
        if line == TRIPLE_FAULT {
            self.triple_fault = true;
        } else if !is_register_dump(&line) {
            self.message(line);
        }
    }

    fn message(&mut self, line: String) {
        if self.messages.len() < MOST_MESSAGES {
            self.messages.push(line);
        }
    }
}

/// `CPU Reset (CPU 0)`, then lines such as `EAX=00000000 …`, `ES =0000 …`, `GDT=     0000…`, `XMM00=…`: a register's
/// short name in capitals, and a hexadecimal number.
fn is_register_dump(line: &str) -> bool {
    let is_register = |(name, value): (&str, &str)| {
        let name = name.trim_end();
        let capitals = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let number = value.trim_start().bytes().next().is_some_and(|byte| byte.is_ascii_hexdigit());
        (2..=5).contains(&name.len()) && capitals && number
    };
    line.is_empty() || line.starts_with("CPU Reset") || line.split_once('=').is_some_and(is_register)
}

#[cfg(test)]
mod tests;
