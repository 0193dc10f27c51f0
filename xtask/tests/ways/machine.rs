//! A machine that a test talks to: over its serial line, or with screen and keyboard.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::json;
use steward_harness::Emulator;
use steward_harness::console::{Mark, Marks, Piece};
use steward_harness::image::{Attach, Boot, Firmware, Image};
use steward_harness::machine::{Accelerator, Backing, Configuration, Screen, Shape};
use steward_harness::process::Interrupts;
use steward_harness::vm::{Event, Picture, Vm, Wait};

/// How long anything may take that is waited for, on a host that is busy with much else.
const LIMIT: Duration = Duration::from_secs(120);
/// How often a screen is looked at.
const GLANCE: Duration = Duration::from_millis(150);

/// A medium in a drive, and the machine around it.
pub struct Parts<'a> {
    pub file: &'a Path,
    pub attach: Attach,
    pub firmware: Firmware,
    pub shape: Shape,
    /// Whether what the machine writes goes into the file.
    pub writable: bool,
    pub serial: bool,
    pub screen: bool,
}

impl<'a> Parts<'a> {
    /// By UEFI, with a serial line and without a screen.
    pub fn new(file: &'a Path, attach: Attach) -> Self {
        let firmware = Firmware::uefi().unwrap();
        Self { file, attach, firmware, shape: Shape::default(), writable: false, serial: true, screen: false }
    }
}

pub struct Machine {
    vm: Vm,
    marks: Marks,
    /// What came over the serial line and was not yet asked for, without the marks of prompts.
    heard: String,
    /// Each mark that came, and where in `heard`.
    marked: Vec<(usize, Mark)>,
}

impl Machine {
    pub fn start(parts: Parts<'_>) -> Self {
        static INTERRUPTS: OnceLock<Interrupts> = OnceLock::new();
        static EMULATOR: OnceLock<Emulator> = OnceLock::new();
        let interrupts = INTERRUPTS.get_or_init(|| Interrupts::install().unwrap());
        let emulator = EMULATOR.get_or_init(|| Emulator::find().unwrap());
        let Parts { file, attach, firmware, shape, writable, serial, screen } = parts;
        let boot = Boot::Medium { file: file.into(), attach, writable, firmware, needs: None, screen: false };
        let configuration = Configuration {
            slots: 1,
            shape,
            accelerator: Accelerator::Tcg,
            command_line: String::new(),
            gdb: None,
            backing: Backing::Own,
            serial,
            screen: if screen { Screen::Hidden } else { Screen::None },
        };
        let image = Image { boot, elf: "no symbols are needed".into() };
        configuration.check(&image).unwrap();
        let vm = Vm::start(emulator, &configuration, &image, interrupts).unwrap();
        Self { vm, marks: Marks::default(), heard: String::new(), marked: Vec::new() }
    }

    /// Lets the machine start again when it resets itself; otherwise it would end.
    pub fn may_reset(&mut self) {
        self.vm.ask("set-action", Some(&json!({ "reboot": "reset" })), LIMIT).unwrap();
    }

    /// Waits until the text has come over the serial line; gives what came before and with it.
    pub fn hears(&mut self, text: &str) -> String {
        self.wait(&format!("`{text}` on the serial line"), |machine| {
            let end = machine.heard.find(text)? + text.len();
            Some(machine.take(end))
        })
    }

    /// Waits for the prompt, types a line, and gives what the command prints. It must succeed.
    pub fn answers(&mut self, line: &str) -> String {
        self.wait("a prompt", |machine| {
            let at = machine.marked.iter().position(|(_, mark)| *mark == Mark::Input)?;
            machine.take(machine.marked[at].0);
            Some(())
        });
        self.marked.clear();
        self.vm.send_com1(format!("{line}\r").as_bytes());
        self.wait(&format!("the end of `{line}`"), |machine| {
            let place = |wanted: fn(&Mark) -> bool| machine.marked.iter().find(|(_, mark)| wanted(mark)).copied();
            let (end, done) = place(|mark| matches!(mark, Mark::Done(_)))?;
            assert_eq!(done, Mark::Done(0), "`{line}` failed: {}", machine.heard);
            let (start, _) = place(|mark| *mark == Mark::Output).unwrap();
            machine.take(end).get(start..).map(str::to_owned)
        })
    }

    /// Types a text at the machine's own keyboard.
    pub fn types(&mut self, text: &str) {
        self.vm.type_text(text).unwrap();
    }

    /// Waits until `read` finds what it looks for in the picture on the screen.
    pub fn shows<T>(&mut self, what: &str, mut read: impl FnMut(&Picture) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            let picture = self.vm.screendump().unwrap();
            if let Some(found) = read(&picture) {
                return found;
            }
            if start.elapsed() > LIMIT {
                let place = self.keep(&picture);
                panic!("no {what} on the screen, which shows {place}; on the serial line:\n{}", self.heard);
            }
            self.rest(GLANCE);
        }
    }

    /// Keeps a picture for whoever looks into the failure; says where.
    fn keep(&self, picture: &Picture) -> String {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("screen-{}.ppm", self.vm.process_id()));
        let mut content = format!("P6\n{} {}\n255\n", picture.width, picture.height).into_bytes();
        content.extend_from_slice(&picture.rgb);
        std::fs::write(&place, content).unwrap();
        place.display().to_string()
    }

    /// Lets the machine go on for so long.
    fn rest(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            match self.vm.wait(end) {
                Wait::Event(event) => self.hear(event),
                Wait::TimeOut => {}
                other => panic!("the machine ended ({other:?}): {:?}\n{}", self.vm.emulator_messages(), self.heard),
            }
        }
    }

    fn wait<T>(&mut self, what: &str, mut reached: impl FnMut(&mut Self) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = reached(self) {
                return found;
            }
            assert!(start.elapsed() < LIMIT, "no {what} within {LIMIT:?}; what came is:\n{}", self.heard);
            self.rest(Duration::from_millis(20));
        }
    }

    fn hear(&mut self, event: Event) {
        let Event::Com1(bytes) = event else { return };
        for piece in self.marks.push(&bytes) {
            match piece {
                Piece::Text(text) => self.heard.push_str(&String::from_utf8_lossy(&text)),
                Piece::Mark(mark, _) => self.marked.push((self.heard.len(), mark)),
            }
        }
    }

    /// Takes what was heard up to `end`.
    fn take(&mut self, end: usize) -> String {
        let rest = self.heard.split_off(end);
        self.marked.retain(|(place, _)| *place > end);
        self.marked.iter_mut().for_each(|(place, _)| *place -= end);
        std::mem::replace(&mut self.heard, rest)
    }
}
