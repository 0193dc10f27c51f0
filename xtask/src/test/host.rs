//! The tests of this machine: `cargo test` over the default members, its output passed through and counted.

use std::process::Command;

use anyhow::{Context, Result};
use steward_harness::filter::Partition;
use steward_harness::listing::Tier;
use steward_harness::process::Interrupts;
use steward_harness::report::Line;

use super::budget::{self, Budget};
use super::cargo::{From, cargo, lines};
use super::libtest::{Counter, News, Test, Totals};
use super::scratch::Scratch;
use super::tied;
use crate::images;
use crate::out::say;
use crate::style;
use crate::workspace::{BARE_METAL, FIXTURES, KERNEL, LOADER, UEFI, UEFI_LOADER, Workspace};

/// Which host tests are meant.
#[derive(Clone, Copy, Default)]
pub struct Choice<'a> {
    /// Substrings of names; none selects all.
    pub filters: &'a [String],
    /// Only those of this part.
    pub partition: Option<Partition>,
    /// What cargo calls the test program, such as `["--package", "a", "--test", "b"]`; none for all programs.
    pub program: &'a [&'a str],
    /// No examples of the documentation.
    pub no_examples: bool,
}

/// How the host tests are run.
pub struct Run<'a> {
    /// Which of them.
    pub choice: Choice<'a>,
    /// How many tests run at once.
    pub jobs: Option<u32>,
    /// What the random choices of property tests are made of; `None` for new ones.
    pub seed: Option<u64>,
    /// What is printed.
    pub print: Print,
    /// The tier, and where the time goes to.
    pub budget: &'a Budget,
    /// Signals that ask to stop.
    pub interrupts: &'a Interrupts,
}

/// What is printed of host tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Print {
    /// libtest's text.
    Text,
    /// One JSON object a test.
    Json,
    /// libtest's text when something failed, and else nothing.
    Failures,
}

/// How host tests went.
#[derive(Debug, Default)]
pub struct Results {
    /// How many.
    pub totals: Totals,
    /// Each of them; what failed and is no test is among them.
    pub tests: Vec<Test>,
}

/// The programs that hold tests. Examples in documentation are compiled and run by rustdoc, which is called for itself:
/// it understands fewer options.
const PROGRAMS: [&str; 3] = ["--lib", "--bins", "--tests"];
const EXAMPLES: &str = "--doc";

/// Builds the tests and runs them.
///
/// # Errors
/// When cargo cannot be started, or there is no room for temporary files.
pub fn run(workspace: &Workspace, run: &Run<'_>) -> Result<Results> {
    let mut heard = Heard::new(run.print);
    let mut succeeded = build(workspace, run)?;
    if succeeded {
        let invocations = invocations(workspace, &run.choice, run.interrupts)?;
        let scratch = Scratch::new(&workspace.cache()).context("making a directory for temporary files")?;
        succeeded = run.budget.spend(|| {
            invocations.iter().try_fold(true, |succeeded, invocation| {
                let mut command = invocation.command(workspace, run);
                command.env("TMPDIR", scratch.path());
                anyhow::Ok(lines(command, From::Stdout, run.interrupts, |line| heard.line(line))? && succeeded)
            })
        })?;
        if invocations.is_empty() {
            // No test of a part is none that failed.
            return Ok(Results::default());
        }
    }
    if run.interrupts.signal().is_some() {
        // What was cut short is no test's failure; the exit code tells of the signal.
        eprintln!("interrupted");
    } else {
        let news = heard.counter.end(succeeded, !run.choice.filters.is_empty() || run.choice.partition.is_some());
        heard.tell(news);
        if heard.counter.totals.failed > 0 {
            heard.held.iter().for_each(|line| say!("{line}"));
        }
    }
    Ok(Results { totals: heard.counter.totals, tests: heard.tests })
}

/// Compiles what the tests are and what they boot, so that the time for running them is not spent on it.
fn build(workspace: &Workspace, run: &Run<'_>) -> Result<bool> {
    let mut tests = cargo(workspace, "build");
    tests.args(if run.choice.program.is_empty() { &PROGRAMS } else { run.choice.program });
    let build = |command| lines(command, From::Stdout, run.interrupts, |_| {});
    if !build(tests)? {
        return Ok(false);
    }
    if run.choice.filters.is_empty() {
        let kernel = ["--package", KERNEL, "--features", "ktest"];
        let guests: [(&str, &[&str]); 5] = [
            (BARE_METAL, &["--package", LOADER, "--release"]),
            (BARE_METAL, &["--package", FIXTURES]),
            (BARE_METAL, &kernel),
            (BARE_METAL, &[&kernel[..], &["--release"]].concat()),
            (UEFI, &["--package", UEFI_LOADER, "--bin", UEFI_LOADER, "--release"]),
        ];
        for (target, arguments) in guests {
            let mut command = cargo(workspace, "build");
            command.args(["--quiet", "--target", target]).args(arguments);
            // The test that needs it says what is wrong with it.
            build(command)?;
        }
        // Likewise.
        let _ = images::library(workspace, run.interrupts);
    }
    Ok(run.interrupts.signal().is_none())
}

/// One call of `cargo test`.
#[derive(Debug, PartialEq, Eq)]
struct Invocation {
    /// Which programs.
    programs: Vec<String>,
    /// Which tests; none for all.
    names: Vec<String>,
    /// Whether these are whole names.
    exact: bool,
}

impl Invocation {
    fn new(programs: &[&str], names: &[String], exact: bool) -> Self {
        let programs = programs.iter().map(|&word| word.to_owned()).collect();
        Self { programs, names: names.to_vec(), exact }
    }

    fn command(&self, workspace: &Workspace, run: &Run<'_>) -> Command {
        let mut command = cargo(workspace, "test");
        environment(&mut command, run.budget.tier(), run.seed);
        // Test programs boot machines; they must die with us, also when we are killed without warning.
        command.args(&self.programs).args(["--no-fail-fast", "--config", &tied::configuration(), "--"]);
        command.args(self.exact.then_some("--exact")).args(&self.names);
        if self.programs != [EXAMPLES] {
            command.args(ignored(run.budget.tier()));
        }
        if let Some(jobs) = run.jobs {
            command.arg(format!("--test-threads={jobs}"));
        }
        if style::coloured() && run.print != Print::Json {
            command.arg("--color=always");
        }
        command
    }
}

/// libtest's arguments for tests that are ignored below this tier: see [`Test::never_runs`].
fn ignored(tier: Tier) -> &'static [&'static str] {
    match tier {
        Tier::Test => &[],
        Tier::Verify => &["--include-ignored", "--skip=soak_"],
        Tier::Soak => &["--include-ignored"],
    }
}

/// What tests are told by variables.
fn environment(command: &mut Command, tier: Tier, seed: Option<u64>) {
    command.env("STEWARD_TIER", tier.name());
    if std::env::var_os("PROPTEST_CASES").is_none() {
        command.env("PROPTEST_CASES", budget::cases(tier).to_string());
    }
    if let Some(seed) = seed {
        command.env("PROPTEST_RNG_SEED", seed.to_string());
    }
}

/// The calls of `cargo test` that run the chosen tests.
fn invocations(workspace: &Workspace, choice: &Choice<'_>, interrupts: &Interrupts) -> Result<Vec<Invocation>> {
    let programs = if choice.program.is_empty() { &PROGRAMS } else { choice.program };
    let examples = choice.program.is_empty() && !choice.no_examples;
    let all = || Invocation::new(programs, choice.filters, false);
    let mut invocations = match choice.partition {
        None => vec![all()],
        // libtest knows no parts, but it runs tests of given names. Without a name it would run all.
        Some(partition) => {
            let names = part(listed(workspace, programs, choice.filters, interrupts)?, partition);
            if names.is_empty() { Vec::new() } else { vec![Invocation::new(programs, &names, true)] }
        }
    };
    if examples && choice.partition.is_none_or(examples_are_in) {
        invocations.push(Invocation::new(&[EXAMPLES], choice.filters, false));
    }
    Ok(invocations)
}

/// The names of a part. Tests of one name, of several programs, are in one part.
fn part(mut names: Vec<String>, partition: Partition) -> Vec<String> {
    names.retain(|name| partition.holds(name));
    names.sort();
    names.dedup();
    names
}

/// Whether the part has the examples in documentation. All are in one part: rustdoc takes no names with spaces, which
/// theirs have.
fn examples_are_in(partition: Partition) -> bool {
    partition.holds("examples in documentation")
}

/// Names of the host tests that are chosen.
///
/// # Errors
/// When the tests do not build.
pub fn list(workspace: &Workspace, choice: &Choice<'_>, interrupts: &Interrupts) -> Result<Vec<String>> {
    let mut names = listed(workspace, &PROGRAMS, choice.filters, interrupts)?;
    names.retain(|name| choice.partition.is_none_or(|partition| partition.holds(name)));
    if choice.partition.is_none_or(examples_are_in) {
        names.extend(listed(workspace, &[EXAMPLES], choice.filters, interrupts)?);
    }
    Ok(names)
}

fn listed(
    workspace: &Workspace,
    programs: &[&str],
    filters: &[String],
    interrupts: &Interrupts,
) -> Result<Vec<String>> {
    let mut command = cargo(workspace, "test");
    command.args(programs).args(["--quiet", "--", "--list", "--format=terse"]).args(filters);
    let mut names = Vec::new();
    let succeeded = lines(command, From::Stdout, interrupts, |line| {
        names.extend(line.strip_suffix(": test").map(str::to_owned));
    })?;
    anyhow::ensure!(succeeded, "the host tests do not build; see above");
    Ok(names)
}

/// What was heard of the tests, told at once.
struct Heard {
    counter: Counter,
    tests: Vec<Test>,
    print: Print,
    /// Lines that are printed when something fails.
    held: Vec<String>,
}

impl Heard {
    fn new(print: Print) -> Self {
        Self { counter: Counter::default(), tests: Vec::new(), print, held: Vec::new() }
    }

    fn line(&mut self, line: &str) {
        let news = self.counter.line(&style::plain(line));
        match self.print {
            Print::Text => say!("{line}"),
            Print::Failures => self.held.push(line.to_owned()),
            // Standard output is for JSON; what a program says besides must not be lost.
            Print::Json if news.is_none() && !line.is_empty() => eprintln!("{line}"),
            Print::Json => {}
        }
        self.tell(news.unwrap_or_default());
    }

    /// What a line of libtest's text does not already tell a person is told here; programs are told everything.
    fn tell(&mut self, news: Vec<News>) {
        for news in news {
            match (self.print, &news) {
                (Print::Json, news) => say!("{}", event(news)),
                (_, News::Test(_)) => {}
                (_, News::Problem(problem)) => eprintln!("error: `cargo test`: {problem}"),
            }
            self.tests.push(match news {
                News::Test(test) => test,
                News::Problem(why) => Test::failed("cargo test", why),
            });
        }
    }
}

fn event(news: &News) -> Line {
    match news {
        News::Test(Test { name, event: "ok", .. }) => Line::host_passed(name),
        News::Test(Test { name, event: "ignored", reason, .. }) => Line::host_ignored(name, reason),
        News::Test(Test { name, output, .. }) => Line::host_failed(name, output),
        News::Problem(why) => Line::problem("cargo test", why),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use steward_harness::report::SCHEMA;

    use super::super::schema::Schema;
    use super::*;

    #[test]
    fn every_failure_has_an_event_that_says_why() {
        let failed = Test::failed("a", "words\n".into());
        assert_eq!(event(&News::Test(failed)).get("stdout"), Some(&json!("words\n")));
        let problem = event(&News::Problem("it died".into()));
        assert_eq!((problem.get("event"), problem.get("why")), (Some(&json!("failed")), Some(&json!("it died"))));
    }

    #[test]
    fn every_line_about_host_tests_validates() {
        let text = "running 4 tests\ntest a ... ok\ntest b - should panic ... FAILED\ntest verify_c ... ignored, tier verify\n\
            test d ... ignored\n\nfailures:\n\n---- b - should panic stdout ----\nwords \u{1}\n\nfailures:\n    b\n\n\
            test result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out\nrunning 1 test\n";
        let mut counter = Counter::default();
        let mut news: Vec<News> = text.lines().filter_map(|line| counter.line(line)).flatten().collect();
        news.extend(counter.end(false, false));
        let lines: String = news.iter().map(|news| format!("{}\n", event(news))).collect();
        let lines = Schema::of(SCHEMA).lines(&lines);
        let kinds: Vec<_> =
            lines.iter().map(|line| format!("{} {}", line["kind"], line["event"]).replace('"', "")).collect();
        let expected = ["host ok", "host ignored", "host ignored", "problem failed", "host failed", "problem failed"];
        assert_eq!(kinds, expected, "{lines:?}");
    }

    #[test]
    fn the_parts_of_the_host_tests_are_all_of_them_and_share_none() {
        let names: Vec<String> = (0..40).map(|number| format!("tests::t{number}")).collect();
        let twice = [names.clone(), names.clone()].concat();
        let parts = ["hash:1/2", "hash:2/2"].map(|text| text.parse::<Partition>().unwrap());
        let [one, two] = parts.map(|partition| part(twice.clone(), partition));
        assert!(one.iter().all(|name| !two.contains(name)) && !one.is_empty());
        let mut together = [one, two].concat();
        together.sort();
        let mut names = names;
        names.sort();
        assert_eq!(together, names);
        assert_ne!(examples_are_in(parts[0]), examples_are_in(parts[1]));
    }

    #[test]
    fn what_is_not_printed_is_held_and_counted_all_the_same() {
        let mut heard = Heard::new(Print::Failures);
        for line in ["running 1 test", "test a ... ok", "words"] {
            heard.line(line);
        }
        assert_eq!((heard.held.len(), heard.tests.len()), (3, 1));
    }

    fn variables(tier: Tier, seed: Option<u64>) -> Vec<(String, String)> {
        let mut command = Command::new("true");
        environment(&mut command, tier, seed);
        let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        command.get_envs().map(|(name, value)| (text(name), value.map(text).unwrap_or_default())).collect()
    }

    #[test]
    fn tests_are_told_their_tier_and_their_seed() {
        let has = |variables: &[(String, String)], name: &str, value: &str| {
            variables.iter().any(|variable| variable.0 == name && variable.1 == value)
        };
        let verify = variables(Tier::Verify, Some(255));
        assert!(has(&verify, "STEWARD_TIER", "verify") && has(&verify, "PROPTEST_RNG_SEED", "255"), "{verify:?}");
        let test = variables(Tier::Test, None);
        assert!(has(&test, "STEWARD_TIER", "test") && test.iter().all(|(name, _)| name != "PROPTEST_RNG_SEED"));
    }

    #[test]
    fn no_tier_runs_ignored_tests_of_a_higher_one() {
        assert!(ignored(Tier::Test).is_empty());
        assert!(ignored(Tier::Verify).contains(&"--skip=soak_"));
        assert_eq!(ignored(Tier::Soak), ["--include-ignored"]);
    }
}
