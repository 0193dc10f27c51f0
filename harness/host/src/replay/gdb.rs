//! gdb, and what it is told at its start.

use std::{
    env,
    ffi::OsString,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::scene::{Registers, Scene};
use crate::{Error, artifact::Artifact, process::Process};

const NAME: &str = "gdb";
/// The registers that gdb lists when nobody can ask it: without the vectors, which are many and say little.
const SHOWN: &str = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags cr0 cr2 cr3 cr4";

/// Finds gdb: the program that `STEWARD_GDB` names, else `gdb` on the search path.
pub fn find(id: &str) -> Result<PathBuf, Error> {
    let missing = |name: &str| {
        Error::Request(format!(
            "{name} was not found. Install it (Debian and Ubuntu: apt-get install gdb), name another in STEWARD_GDB, or \
             attach a debugger of your choice: cargo xtask test --replay {id} --listen tcp:127.0.0.1:1234"
        ))
    };
    if let Some(named) = env::var_os("STEWARD_GDB").map(PathBuf::from) {
        return if named.is_file() { Ok(named) } else { Err(missing(&named.display().to_string())) };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|directory| directory.join(NAME)).find(|file| file.is_file());
    found.ok_or_else(|| missing(NAME))
}

/// What gdb calls an address of QEMU's.
pub fn target(address: &str) -> &str {
    let address = address.split(',').next().unwrap_or_default();
    address.strip_prefix("tcp:").or_else(|| address.strip_prefix("unix:")).unwrap_or(address)
}

/// A gdb that is about to be started.
pub struct Session<'a> {
    pub program: PathBuf,
    pub artifact: &'a Artifact,
    pub scene: &'a Scene,
    /// A directory that holds the socket `gdb`, at which the machine waits, and takes what gdb reads.
    pub place: &'a Path,
    /// gdb talks to nobody: it tells what there is to see, and ends.
    pub batch: bool,
}

impl Session<'_> {
    /// Starts gdb on this process's terminal.
    pub fn start(&self) -> Result<Process, Error> {
        let script = self.place.join("commands");
        fs::write(&script, self.script()).map_err(Error::io(format!("writing {}", script.display())))?;
        let mut command = Command::new(&self.program);
        command.args(self.arguments(&script));
        // Not even batch mode keeps it from reading what is meant for somebody else.
        command.stdin(if self.batch { Stdio::null() } else { Stdio::inherit() });
        Process::spawn_beside(command).map_err(Error::io(format!("starting {}", self.program.display())))
    }

    fn arguments(&self, script: &Path) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["-q".into()];
        // The kernel may be anybody's, and a kernel can bring scripts. The machine is a copy: nothing needs to be confirmed.
        let mut first = vec!["set auto-load off", "set confirm off"];
        if self.batch {
            arguments.extend(["-batch".into(), "-nx".into()]);
            first.extend(["set width 0", "set style enabled off"]);
        }
        for command in first {
            arguments.extend(["-iex".into(), command.into()]);
        }
        if let Some(root) = source_root() {
            arguments.extend(["-d".into(), root.into()]);
        }
        arguments.extend([self.artifact.kernel().into(), "-x".into(), script.into()]);
        // Each by itself: one that gdb cannot follow does not keep it from the next. What the user has set is kept, but
        // nobody shall have to press Return before gdb has said what it was asked to.
        for command in self.commands() {
            arguments.extend(["-ex".into(), format!("with pagination off -- {command}").into()]);
        }
        arguments
    }

    /// What has more than one line, or must not be done without what comes before it.
    fn script(&self) -> String {
        let mut script = format!("with pagination off -- target remote {}\n", self.place.join("gdb").display());
        let thread = self.thread();
        let cpu = self.scene.cpu;
        if let Some(registers) = &self.scene.at_fault {
            let what = format!("CPU {cpu} with its registers at the fault");
            define(&mut script, "at-fault", thread, registers, &what);
            let what = format!("CPU {cpu} as it stands, in what the kernel did about the fault");
            define(&mut script, "at-end", thread, &self.scene.at_end, &what);
        }
        script
    }

    fn commands(&self) -> Vec<String> {
        let mut commands = vec![String::from("info threads")];
        let Scene { cpu, at_fault, panicked_at, .. } = self.scene;
        if at_fault.is_some() {
            commands.push("at-fault".into());
        } else {
            commands.push(format!("thread {}", self.thread()));
        }
        commands.push("backtrace".into());
        if at_fault.is_some() {
            commands.push(format!("echo `at-end` shows CPU {cpu} as it stands, and `at-fault` this again\\n"));
        }
        if let Some(place) = panicked_at {
            let line = place.rsplit(':').next().unwrap_or_default();
            commands.push(format!("echo the panic, {place}:\\n"));
            commands.push(format!("list {place},{line}"));
        }
        if self.batch {
            commands.push(format!("info registers {SHOWN}"));
        }
        commands
    }

    /// gdb counts from 1.
    fn thread(&self) -> u32 {
        self.scene.cpu.saturating_add(1)
    }
}

fn define(script: &mut String, name: &str, thread: u32, registers: &Registers, what: &str) {
    // Writing into a String cannot fail.
    // Registers must be set in the innermost frame: gdb 13 loses its way in another.
    let _ = write!(script, "define {name}\n  thread {thread}\n  select-frame 0\n");
    for (register, value) in registers {
        let _ = writeln!(script, "  set ${register} = {value:#x}");
    }
    let _ = write!(script, "  echo {what}\\n\n  frame\nend\ndocument {name}\nShow {what}.\nend\n");
}

/// The workspace around the working directory: paths in debug information are relative to that of whoever built the
/// kernel.
fn source_root() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    here.ancestors().find(|path| path.join("Cargo.lock").is_file()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_in_each_programs_own_way() {
        assert_eq!(target("tcp:127.0.0.1:1234"), "127.0.0.1:1234");
        assert_eq!(target("unix:/run/a/gdb,server=on,wait=off"), "/run/a/gdb");
        assert_eq!(target("tcp::1234"), ":1234");
    }

    #[test]
    fn a_command_is_defined_over_its_own_lines() {
        let mut script = String::new();
        define(&mut script, "at-fault", 3, &vec![("rsp", 16), ("rip", 0xffff_ffff_8000_0000)], "the fault");
        let lines = [
            "define at-fault",
            "  thread 3",
            "  select-frame 0",
            "  set $rsp = 0x10",
            "  set $rip = 0xffffffff80000000",
            "  echo the fault\\n",
            "  frame",
            "end",
            "document at-fault",
            "Show the fault.",
            "end",
        ];
        assert_eq!(script.lines().collect::<Vec<_>>(), lines);
    }
}
