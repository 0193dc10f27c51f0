//! Z3, as a program.

use std::env;
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// The variable that names Z3's program.
const VARIABLE: &str = "STEWARD_Z3";

/// What Z3 answers to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is a counterexample.
    Sat,
    /// There is none.
    Unsat,
    /// It gave up.
    Unknown,
}

/// A Z3 that can be run.
#[derive(Clone, Debug)]
pub struct Z3(String);

impl Z3 {
    /// Looks for it, and installs Debian's package when it is missing, unless `STEWARD_NO_INSTALL` forbids that.
    ///
    /// # Errors
    /// When it is not there and cannot be installed; the text says what to do.
    pub fn find() -> Result<Self, String> {
        let named = env::var(VARIABLE).ok().filter(|name| !name.is_empty());
        let z3 = Self(named.clone().unwrap_or_else(|| "z3".to_owned()));
        if z3.runs() {
            return Ok(z3);
        }
        if let Some(named) = named {
            return Err(format!("{VARIABLE} names {named}, which is no Z3 that runs; point it to one, or unset it"));
        }
        let advice = format!("install it (Debian: apt-get install z3; pip install z3-solver), or name it by {VARIABLE}");
        if env::var_os("STEWARD_NO_INSTALL").is_some_and(|value| !value.is_empty()) {
            return Err(format!("there is no z3, and STEWARD_NO_INSTALL forbids installing; {advice}"));
        }
        let installed = install();
        if z3.runs() { Ok(z3) } else { Err(format!("there is no z3 ({installed}); {advice}")) }
    }

    fn runs(&self) -> bool {
        let version = Command::new(&self.0).arg("--version").stdin(Stdio::null()).output();
        version.is_ok_and(|output| output.status.success() && output.stdout.starts_with(b"Z3 "))
    }

    /// The answers to the questions of a script, in their order.
    ///
    /// # Errors
    /// When Z3 cannot be run, or says something else.
    pub fn ask(&self, script: &str) -> Result<Vec<Answer>, String> {
        let output = self.run(script).map_err(|error| format!("cannot run {}: {error}", self.0))?;
        let answer = |line: &str| match line {
            "sat" => Ok(Answer::Sat),
            "unsat" => Ok(Answer::Unsat),
            "unknown" | "timeout" => Ok(Answer::Unknown),
            other => Err(format!("{} says {other}", self.0)),
        };
        output.lines().map(answer).collect()
    }

    fn run(&self, script: &str) -> io::Result<String> {
        let mut z3 = Command::new(&self.0).arg("-in").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut input = z3.stdin.take().expect("it is piped");
        let script = script.to_owned();
        let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
        let output = z3.wait_with_output()?;
        writer.join().expect("it does not panic")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Installs Debian's package. Answers what came of it.
fn install() -> String {
    let mut last = "not tried".to_owned();
    for arguments in [&["install", "-y", "z3"][..], &["update"], &["install", "-y", "z3"]] {
        match Command::new("apt-get").args(arguments).stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() && arguments[0] == "install" => return "installed".to_owned(),
            Ok(output) => last = format!("apt-get {}: {}", arguments.join(" "), output.status),
            Err(error) => return format!("apt-get: {error}"),
        }
    }
    last
}
