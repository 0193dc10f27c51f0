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
    /// Looks for it.
    ///
    /// # Errors
    /// When it is not there, or does not run; the text says what to do.
    pub fn find() -> Result<Self, String> {
        let named = env::var(VARIABLE).ok().filter(|name| !name.is_empty());
        Self::named(named.as_deref())
    }

    fn named(named: Option<&str>) -> Result<Self, String> {
        let z3 = Self(named.unwrap_or("z3").to_owned());
        match named {
            _ if z3.runs() => Ok(z3),
            Some(named) => {
                Err(format!("{VARIABLE} names {named}, which is no Z3 that runs; point it to one, or unset it"))
            }
            None => Err(format!(
                "there is no z3: cargo xtask verify installs it; or install it yourself (Debian's package z3, pip's \
                 z3-solver), or name it by {VARIABLE}"
            )),
        }
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
        answers(&self.0, &output)
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

/// The answers that a program has printed.
fn answers(program: &str, output: &str) -> Result<Vec<Answer>, String> {
    let answer = |line: &str| match line {
        "sat" => Ok(Answer::Sat),
        "unsat" => Ok(Answer::Unsat),
        "unknown" | "timeout" => Ok(Answer::Unknown),
        other => Err(format!("{program} says {other}")),
    };
    output.lines().map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_no_z3_is_named_in_the_error() {
        for program in ["/no/such/z3", "true"] {
            let error = Z3::named(Some(program)).unwrap_err();
            assert!(error.contains(program) && error.contains(VARIABLE), "{error}");
        }
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert_eq!(answers("z3", "sat\nunsat\nunknown\n"), Ok(vec![Answer::Sat, Answer::Unsat, Answer::Unknown]));
        assert!(answers("z3", "unsat\n(error \"line 1\")\n").is_err());
    }
}
