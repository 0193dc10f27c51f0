//! What a run is to do, after everything that was stated about it has been found to make sense.

use std::path::PathBuf;

use steward_harness::{
    Error,
    config::{Expect, Seconds, Settings},
    foreign::{Expectation, Line, Script},
    image::Way,
    session::Limits,
    suite::Isolation,
    verdict::Verdict,
};

use super::options::Options;

/// How long a run may take, and a machine to its fork point, when nothing is said.
const USUAL: u32 = 60;

/// A kernel in a machine, and what must come of it.
#[derive(Clone, Debug)]
pub struct Task {
    /// The name of its shape, in a matrix.
    pub shape: Option<String>,
    /// All that was stated.
    pub settings: Settings,
    /// The kernel's file.
    pub kernel: PathBuf,
    /// What it must come to.
    pub goal: Goal,
    /// How long it may take.
    pub limits: Limits,
}

/// What a run must come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The kernel's own tests pass.
    Ktest,
    /// The kernel is booted once.
    Once(Vec<Expectation>),
    /// Lines are typed, each in a machine of its own.
    Lines {
        /// What each must come to that says nothing else.
        expect: Vec<Expectation>,
        /// The lines that are meant.
        script: Script,
        /// How many are not.
        filtered_out: usize,
    },
}

impl Task {
    /// What these settings and options ask for.
    ///
    /// # Errors
    /// [`Error::Request`] when they contradict each other, lack something, or ask for nothing: the text says what to write.
    pub fn of(shape: Option<String>, settings: Settings, options: &Options) -> Result<Self, Error> {
        let within = |error: Error| match (&shape, error) {
            (Some(name), Error::Request(why)) => Error::Request(format!("[matrix.{name}]: {why}")),
            (_, error) => error,
        };
        let kernel = settings.kernel.clone().ok_or_else(|| {
            refused("no kernel is named: give --kernel FILE, or write kernel = \"FILE\" into steward-harness.toml")
        })?;
        let goal = Goal::of(&settings, options).map_err(within)?;
        check_boot(&settings).map_err(within)?;
        let limits = limits(&settings, goal == Goal::Ktest);
        Ok(Self { shape, settings, kernel, goal, limits })
    }

    /// What it must come to, in words; nothing where the tests say it themselves.
    pub fn expected(&self) -> Vec<String> {
        match &self.goal {
            Goal::Ktest => vec!["ktest".into()],
            Goal::Once(expect) | Goal::Lines { expect, .. } => expect.iter().map(Expectation::to_string).collect(),
        }
    }
}

fn refused(why: impl Into<String>) -> Error {
    Error::Request(why.into())
}

impl Goal {
    fn of(settings: &Settings, options: &Options) -> Result<Self, Error> {
        let expect = settings.expect.clone().unwrap_or_default();
        if expect.contains(&Expect::Ktest) {
            return Self::ktest(&expect, settings);
        }
        if options.isolation == Some(Isolation::None) {
            return Err(refused(
                "--isolation none needs a kernel that says when it is ready for the next test, as those with #[ktest] do \
                 (--expect ktest); here `test` forks a fresh machine in milliseconds, and `boot` boots each",
            ));
        }
        if options.seed.is_some() {
            return Err(refused("--seed is for the kernel's own tests (--expect ktest); this run has nothing to seed"));
        }
        let seen = expect.into_iter().filter_map(|expect| match expect {
            Expect::Seen(expectation) => Some(expectation),
            Expect::Ktest => None,
        });
        let seen: Vec<_> = seen.collect();
        check_agreement(&seen)?;
        match (&settings.fork_at, &settings.send_file) {
            (None, None) => Self::once(seen, options),
            (Some(_), None) => Err(refused(
                "--fork-at is where lines are typed: give them with --send-file FILE, each line of it a test",
            )),
            (None, Some(file)) => Err(refused(format!(
                "{} is typed where the kernel waits for it: say what it has printed then, with --fork-at 'text=/ # ' for \
                 a prompt that ends so",
                file.display()
            ))),
            (Some(point), Some(file)) => {
                let mut script = Script::read(file, point.text().into())?;
                if seen == [Expectation::Verdict(Verdict::BootFailure.id())] {
                    // Nothing can be typed into a machine that does not come so far: there is one test.
                    script.lines.truncate(1);
                    script
                        .lines
                        .iter_mut()
                        .for_each(|line| *line = Line { name: "boot".into(), expect: vec![], ..line.clone() });
                    return Ok(Self::Lines { expect: seen, script, filtered_out: 0 });
                }
                let filtered_out = choose(&mut script, &options.filters)?;
                let expect = if seen.is_empty() { vec![Expectation::Status(0)] } else { seen };
                Ok(Self::Lines { expect, script, filtered_out })
            }
        }
    }

    fn ktest(expect: &[Expect], settings: &Settings) -> Result<Self, Error> {
        if expect.len() > 1 {
            let all: Vec<_> = expect.iter().map(Expect::to_string).collect();
            return Err(refused(format!(
                "`ktest` stands alone, and {} are expected: each #[ktest] says itself what must come of it",
                all.join(", ")
            )));
        }
        if settings.fork_at.is_some() || settings.send_file.is_some() {
            return Err(refused(
                "--expect ktest runs the kernel's own tests; lines (--fork-at, --send-file) are typed in another run",
            ));
        }
        if settings.initrd.is_some() {
            return Err(refused("--expect ktest boots the kernel alone: leave --initrd out"));
        }
        Ok(Self::Ktest)
    }

    fn once(seen: Vec<Expectation>, options: &Options) -> Result<Self, Error> {
        if let Some(filter) = options.filters.first() {
            return Err(refused(format!(
                "`{filter}` would select lines of --send-file, or tests of --expect ktest, and there are neither; a kernel \
                 is named with --kernel FILE"
            )));
        }
        if seen.is_empty() {
            return Err(refused(
                "nothing is expected of the kernel, so it could not fail: say what it must come to, with --expect ktap \
                 (tests in its log, all passed), text=TEXT or regex=EXPRESSION (it prints that), exit=N (QEMU's status) or \
                 ktest (its own #[ktest]s)",
            ));
        }
        if seen.iter().any(|expectation| matches!(expectation, Expectation::Status(_))) {
            return Err(refused(
                "status=N is that of a line typed into a shell: give lines with --fork-at and --send-file, or expect \
                 exit=N, QEMU's own status",
            ));
        }
        Ok(Self::Once(seen))
    }
}

/// A machine ends once, and a line has one status.
fn check_agreement(expect: &[Expectation]) -> Result<(), Error> {
    for (place, one) in expect.iter().enumerate() {
        let contradicts = |other: &&Expectation| match (one, other) {
            (Expectation::Exit(one), Expectation::Exit(other))
            | (Expectation::Status(one), Expectation::Status(other)) => one != other,
            (Expectation::Verdict(one), Expectation::Verdict(other)) => one != other,
            _ => false,
        };
        if let Some(other) = expect[place + 1..].iter().find(contradicts) {
            return Err(refused(format!("{one} and {other} cannot both hold; expect one of them")));
        }
    }
    Ok(())
}

/// Keeps the lines that are meant; gives how many were not.
fn choose(script: &mut Script, filters: &[String]) -> Result<usize, Error> {
    let all = script.lines.len();
    let meant = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    script.lines.retain(|line| meant(&line.name));
    if script.lines.is_empty() {
        // A run that runs nothing must not look like one that passed.
        let wanted: Vec<_> = filters.iter().map(|filter| format!("`{filter}`")).collect();
        return Err(refused(format!(
            "{}: none of its {all} lines has a name that holds {}",
            script.path.display(),
            wanted.join(" or ")
        )));
    }
    Ok(all - script.lines.len())
}

/// What makes no sense before any file has been looked at.
fn check_boot(settings: &Settings) -> Result<(), Error> {
    let way = settings.boot.unwrap_or_default();
    if settings.limine.is_some() && matches!(way, Way::Direct | Way::Linux) {
        return Err(refused(format!("--limine makes a disc or a disk, and --boot {way} needs none: leave one out")));
    }
    Ok(())
}

/// The kernel's own tests have limits of their own, and a kernel that serves says so soon.
fn limits(settings: &Settings, ktest: bool) -> Limits {
    let usual = Limits::default();
    let stated = |stated: Option<Seconds>, otherwise| match stated {
        Some(seconds) => seconds.into(),
        None if ktest => otherwise,
        None => std::time::Duration::from_secs(USUAL.into()),
    };
    Limits { boot: stated(settings.boot_timeout, usual.boot), test: stated(settings.timeout, usual.test), ..usual }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::{Args, Command, FromArgMatches};
    use steward_harness::config::Project;

    use super::*;

    fn options(line: &[&str]) -> Options {
        let matches = Options::augment_args(Command::new("run")).try_get_matches_from([&["run"], line].concat());
        Options::from_arg_matches(&matches.unwrap_or_else(|error| panic!("{error}"))).unwrap()
    }

    fn task(line: &[&str]) -> Result<Task, String> {
        let options = options(line);
        Task::of(None, options.settings(), &options).map_err(|error| error.to_string())
    }

    /// A file of three lines, and a directory that it lies in.
    fn script() -> (tempfile::TempDir, String) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tests.txt");
        fs::write(&file, "true\n#: name a look around\nls /\n#: expect text=x\necho x\n").unwrap();
        (directory, file.to_str().unwrap().into())
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_to_write() {
        for (line, hints) in [
            (&[][..], ["--kernel FILE", "steward-harness.toml"]),
            (&["--kernel", "k"], ["could not fail", "--expect ktap"]),
            (&["--kernel", "k", "--expect", "ktap", "word"], ["`word`", "--send-file"]),
            (&["--kernel", "k", "--expect", "status=0"], ["--fork-at", "exit=N"]),
            (&["--kernel", "k", "--expect", "exit=1", "--expect", "exit=3"], ["exit=1 and exit=3", "both"]),
            (&["--kernel", "k", "--expect", "verdict=panic", "--expect", "verdict=reset"], ["verdict=reset", "both"]),
            (&["--kernel", "k", "--fork-at", "text=$ "], ["--send-file FILE", "each line"]),
            (&["--kernel", "k", "--send-file", "f"], ["--fork-at 'text=/ # '", "f is typed"]),
            (&["--kernel", "k", "--fork-at", "text=$ ", "--send-file", "/absent/f"], ["/absent/f", "No such file"]),
            (&["--kernel", "k", "--expect", "ktap", "--isolation", "none"], ["--expect ktest", "`test` forks"]),
            (&["--kernel", "k", "--expect", "ktap", "--seed", "1"], ["--seed", "ktest"]),
            (&["--kernel", "k", "--expect", "ktest", "--expect", "ktap"], ["`ktest` stands alone", "ktest, ktap"]),
            (&["--kernel", "k", "--expect", "ktest", "--send-file", "f"], ["own tests", "another run"]),
            (&["--kernel", "k", "--expect", "ktest", "--initrd", "i"], ["--initrd", "alone"]),
            (&["--kernel", "k", "--expect", "ktap", "--boot", "linux", "--limine", "l"], ["--limine", "--boot linux"]),
        ] {
            let why = task(line).unwrap_err();
            assert!(hints.iter().all(|hint| why.contains(hint)), "{line:?}: {why}");
        }
    }

    #[test]
    fn filters_choose_lines_and_none_chosen_is_an_error() {
        let (_directory, file) = script();
        let with = |filters: &[&str]| {
            let line = ["--kernel", "k", "--fork-at", "text=$ ", "--send-file", &file];
            task(&[&line, filters].concat())
        };
        let chosen = |filters: &[&str]| match with(filters).unwrap().goal {
            Goal::Lines { script, filtered_out, .. } => {
                (script.lines.into_iter().map(|line| line.name).collect::<Vec<_>>(), filtered_out)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(chosen(&[]), (["true", "a look around", "echo x"].map(String::from).to_vec(), 0));
        assert_eq!(chosen(&["look", "tru"]), (["true", "a look around"].map(String::from).to_vec(), 1));
        let why = with(&["walk", "swim"]).unwrap_err();
        assert!(why.ends_with("none of its 3 lines has a name that holds `walk` or `swim`"), "{why}");
    }

    #[test]
    fn lines_that_say_nothing_else_must_end_with_status_0() {
        let (_directory, file) = script();
        let line = ["--kernel", "k", "--fork-at", "text=$ ", "--send-file", &file];
        assert_eq!(task(&line).unwrap().expected(), ["status=0"]);
        assert_eq!(task(&[&line[..], &["--expect", "ktap"]].concat()).unwrap().expected(), ["ktap"]);
    }

    #[test]
    fn a_machine_that_is_not_to_come_to_its_fork_point_is_one_test() {
        let (_directory, file) = script();
        let line =
            ["--kernel", "k", "--fork-at", "text=$ ", "--send-file", &file, "--expect", "verdict=boot-failure", "look"];
        let Goal::Lines { script, filtered_out, .. } = task(&line).unwrap().goal else { panic!("no lines") };
        assert_eq!((script.lines.len(), script.lines[0].name.as_str(), filtered_out), (1, "boot", 0));
    }

    #[test]
    fn a_run_may_take_a_minute_and_the_kernels_own_tests_what_they_say() {
        let seconds = |line: &[&str]| {
            let limits = task(&[&["--kernel", "k"], line].concat()).unwrap().limits;
            (limits.boot.as_secs(), limits.test.as_secs())
        };
        assert_eq!(seconds(&["--expect", "ktap"]), (60, 60));
        assert_eq!(seconds(&["--expect", "ktap", "--timeout", "5", "--boot-timeout", "90"]), (90, 5));
        let usual = Limits::default();
        assert_eq!(seconds(&["--expect", "ktest"]), (usual.boot.as_secs(), usual.test.as_secs()));
        assert_eq!(seconds(&["--expect", "ktest", "--timeout", "5"]), (usual.boot.as_secs(), 5));
    }

    #[test]
    fn the_command_line_goes_over_the_file_and_a_shapes_name_stands_before_its_errors() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("steward-harness.toml");
        fs::write(&file, "kernel = \"k\"\nexpect = \"ktap\"\n[machine]\ncpus = 2\n[matrix.big]\nmemory = \"1G\"\n")
            .unwrap();
        let project = Project::read(&file).unwrap();
        let options = options(&["--cpus", "4", "--expect", "exit=33"]);
        let shape = &project.matrix[0];
        let settings = options.settings().over(shape.settings.clone()).over(project.settings.clone());
        let task = Task::of(Some(shape.name.clone()), settings.clone(), &options).unwrap();
        assert_eq!(task.settings.machine.shape().to_string(), "q35, 4 CPUs (max), 1G");
        assert_eq!((task.expected(), task.kernel), (vec!["exit=33".into()], directory.path().join("k")));
        let why =
            Task::of(Some("big".into()), Settings { expect: None, ..settings }, &options).unwrap_err().to_string();
        assert!(why.starts_with("[matrix.big]: nothing is expected"), "{why}");
    }
}
