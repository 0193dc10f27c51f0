//! The commands that run tests again, as people type them.

use super::{Attempt, Case};
use crate::listing::{Subject, Tier};

/// What repeats a run, and tests of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// What people type to run tests, without any name or option, such as `cargo xtask test`.
    pub command: String,
    /// Options for that, each after a space, and [quoted]: the kernel, how its machines boot.
    pub options: String,
    /// What the run's seeds were made of, if its tests have some.
    pub seed: Option<u64>,
}

impl Again {
    /// Repeats the run.
    #[must_use]
    pub fn run(&self) -> String {
        self.with("", "")
    }

    /// Repeats this test, with as few others as can be; `None` for one that is not run by this command.
    #[must_use]
    pub fn case(&self, case: &Case) -> Option<String> {
        let filter = match &case.subject {
            Subject::Host => return None,
            Subject::Run | Subject::Ktap { line: None } => "",
            Subject::Ktap { line: Some(name) } => name,
            Subject::Ktest | Subject::Line => &case.name,
        };
        let rounds = if case.round > 1 { format!(" --repeat {}", case.round) } else { String::new() };
        let tier = if case.tier > Tier::Test { format!(" --tier {}", case.tier) } else { String::new() };
        Some(self.with(typeable(filter), &(rounds + &tier)))
    }

    /// Opens the machine of this attempt again, if it was kept.
    #[must_use]
    pub fn replay(&self, attempt: &Attempt) -> Option<String> {
        Some(format!("{} --replay {}", self.command, attempt.artifact.as_ref()?))
    }

    fn with(&self, filter: &str, more: &str) -> String {
        let Self { command, options, seed } = self;
        let seed = seed.map_or_else(String::new, |seed| format!(" --seed {seed:#x}"));
        match filter {
            "" => format!("{command}{seed}{more}{options}"),
            // It would be taken for an option anywhere else.
            dash if dash.starts_with('-') => format!("{command}{seed}{more}{options} -- {}", quoted(dash)),
            name => format!("{command} {}{seed}{more}{options}", quoted(name)),
        }
    }
}

/// The longest part of a name that can be typed: a filter may be a part of a name, and a terminal passes on no control
/// characters.
fn typeable(name: &str) -> &str {
    // Of parts that are equally long, the last.
    name.split(char::is_control).max_by_key(|part| part.len()).unwrap_or_default()
}

/// Text as a word of a POSIX shell's command, in quotes where it needs them.
#[must_use]
pub fn quoted(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_-./:=,+@%".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into();
    }
    // Within single quotes nothing has a meaning but the quote itself, which stands between two such texts.
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::{
        prelude::*,
        test_runner::{Config, TestRunner},
    };

    use super::*;

    fn again() -> Again {
        Again { command: "steward-harness run".into(), options: " --kernel 'my kernel'".into(), seed: None }
    }

    fn of(subject: Subject, name: &str) -> Option<String> {
        again().case(&Case { subject, name: name.into(), ..super::super::demo::case() })
    }

    #[test]
    fn a_line_is_repeated_by_its_name_in_quotes() {
        let line = of(Subject::Line, "cat '/proc/x' | wc").unwrap();
        assert_eq!(line, r"steward-harness run 'cat '\''/proc/x'\'' | wc' --kernel 'my kernel'");
        assert_eq!(of(Subject::Line, "-x").unwrap(), "steward-harness run --kernel 'my kernel' -- -x");
        assert_eq!(of(Subject::Line, "ls\t/\u{7}").unwrap(), "steward-harness run ls --kernel 'my kernel'");
    }

    #[test]
    fn what_a_log_tells_is_repeated_with_all_that_it_told() {
        let whole = "steward-harness run --kernel 'my kernel'";
        assert_eq!(of(Subject::Ktap { line: None }, "list.init").as_deref(), Some(whole));
        assert_eq!(of(Subject::Run, "vmlinuz").as_deref(), Some(whole));
        let line = of(Subject::Ktap { line: Some("modprobe x".into()) }, "modprobe x › list.init").unwrap();
        assert_eq!(line, "steward-harness run 'modprobe x' --kernel 'my kernel'");
    }

    #[test]
    fn a_test_of_this_machine_is_not_run_by_this_command() {
        assert_eq!(of(Subject::Host, "a::b"), None);
    }

    #[test]
    fn a_shell_reads_a_quoted_text_as_it_was() {
        // Each case starts a shell.
        let mut runner = TestRunner::new(Config { cases: 200, ..Config::default() });
        let texts = "[^\0]{0,40}|[-'\"\\\\$`! a\n]{0,12}";
        let read = |text: String| {
            // `a` in front, so that no text is an option of printf.
            let command = format!("printf %s a{}", quoted(&text));
            let output = Command::new("sh").arg("-c").arg(command).output().unwrap();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("a{text}"));
            Ok(())
        };
        runner.run(&texts.prop_map(String::from), read).unwrap();
    }
}
