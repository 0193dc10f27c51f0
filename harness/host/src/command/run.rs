//! `steward-harness run`: any kernel.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use steward_harness::{
    Emulator, Error,
    accel::{self, Chosen},
    artifact,
    config::{Project, Settings},
    filter::Filter,
    foreign::{Expectation, Foreign, Script},
    image::{self, Image, cache_directory},
    listing::Listing,
    machine::DEBUG_EXIT,
    process::{Interrupts, exit_code},
    report::{Outputs, Sinks, Style, in_github_actions},
    suite::{Policy, Sink, Suite, Summary, host_cpus},
    symbols::Symbols,
};

use crate::open::open;

use super::{
    FAILED,
    matrix::{Row, table},
    options::{Options, directory_of},
    task::{Goal, Task},
    told::Told,
};

/// Does it.
///
/// # Errors
/// When it cannot be run: nothing is said about the kernel then.
pub fn run(options: &Options) -> Result<ExitCode, Error> {
    let project = options.project()?;
    if let Some(name) = &options.replay {
        return reopen(&project, options, name);
    }
    let tasks = tasks(&project, options)?;
    let interrupts = Interrupts::install()?;
    let kernel = tasks[0].kernel.clone();
    let cache = cache_directory(&kernel);
    let emulator = Emulator::find_known(&cache)?;
    let directory = directory_of(&project)?;
    let name = kernel.file_name().unwrap_or(kernel.as_os_str()).to_string_lossy().into_owned();
    let bench = Bench { options, kernel: name, directory, emulator, cache, interrupts };
    // Whatever is wrong with one shape is told before the first is run.
    let ready = tasks.into_iter().map(|task| bench.ready(task)).collect::<Result<Vec<_>, _>>()?;
    let notes: BTreeSet<_> = ready.iter().filter_map(|ready| ready.chosen.note.as_deref()).collect();
    notes.iter().for_each(|note| eprintln!("note: {note}"));
    let mut sinks = outputs(options, &bench).open(io::stdout(), Symbols::of(&kernel))?;
    let mut rows = Vec::new();
    let mut interrupted = None;
    for ready in &ready {
        let (summary, seen) = bench.run(ready, &mut sinks)?;
        rows.push(Row::new(&ready.task, &summary, seen));
        interrupted = summary.interrupted;
        if interrupted.is_some() {
            break;
        }
    }
    let writing = |source| Error::Io { doing: "writing the results".into(), source };
    sinks.close().map_err(writing)?;
    if options.matrix && !options.json {
        let table = table(&rows, options.colour(io::stdout().is_terminal()));
        writeln!(io::stdout(), "\n{table}").map_err(writing)?;
    }
    Ok(match interrupted {
        Some(signal) => ExitCode::from(exit_code(signal)),
        None if rows.iter().all(|row| row.ok) => ExitCode::SUCCESS,
        None => ExitCode::from(FAILED),
    })
}

/// Opens a machine that was kept beside what else is kept of the kernel, or of kernels that belong to no build directory.
fn reopen(project: &Project, options: &Options, name: &str) -> Result<ExitCode, Error> {
    let kernel = options.settings().over(project.settings.clone()).kernel;
    let places = [kernel.as_deref(), Some(Path::new(""))].into_iter().flatten().map(cache_directory);
    let kept: Vec<_> = places.map(|cache| artifact::directory(&cache)).collect();
    let place = kept.iter().find(|place| artifact::find(place, name).is_ok()).unwrap_or(&kept[0]);
    open(place, name, options.listen.as_deref(), &Interrupts::install()?)
}

/// What is to be run, in order; at least one.
fn tasks(project: &Project, options: &Options) -> Result<Vec<Task>, Error> {
    let given = options.settings();
    if !options.matrix {
        return Ok(vec![Task::of(None, given.over(project.settings.clone()), options)?]);
    }
    if project.matrix.is_empty() {
        let place = project.file.as_ref().map_or("steward-harness.toml".into(), |file| file.display().to_string());
        return Err(Error::Request(format!(
            "--matrix runs every shape of the configuration, and there is none: write a table such as [matrix.tiny] with \
             memory = \"16M\" into {place}"
        )));
    }
    let over = |settings: &Settings| given.clone().over(settings.clone()).over(project.settings.clone());
    let shapes = project.matrix.iter();
    shapes.map(|shape| Task::of(Some(shape.name.clone()), over(&shape.settings), options)).collect()
}

/// What all runs share.
struct Bench<'o> {
    options: &'o Options,
    /// The kernel's name.
    kernel: String,
    directory: PathBuf,
    emulator: Emulator,
    cache: PathBuf,
    interrupts: Interrupts,
}

/// A task with everything that its machines need.
struct Ready {
    task: Task,
    image: Image,
    chosen: Chosen,
    listing: Option<Listing>,
}

impl Bench<'_> {
    fn ready(&self, task: Task) -> Result<Ready, Error> {
        let Settings { ref initrd, ref append, boot, firmware, ref limine, ref image, ref machine, .. } = task.settings;
        let append = append.as_deref().unwrap_or_default();
        if matches!(fs::metadata(&task.kernel), Err(error) if error.kind() == io::ErrorKind::NotFound) {
            let why = "there is no such file; build the kernel first, or name another with --kernel".into();
            return Err(Error::Kernel { path: task.kernel, why });
        }
        let served = format!("serve=com2 debug-exit={DEBUG_EXIT:#x} {append}");
        let on_limine = limine.is_some();
        let image = image::foreign(&image::Options {
            kernel: &task.kernel,
            initrd: initrd.as_deref(),
            append: if task.goal == Goal::Ktest && on_limine { served.trim_end() } else { append },
            boot: boot.unwrap_or_default(),
            firmware: firmware.map(steward_harness::config::Firmware::find).transpose()?.as_ref(),
            limine: limine.as_deref(),
            command: image.as_deref(),
            directory: &self.directory,
            cache: &self.cache,
            interrupts: &self.interrupts,
        })?;
        image.boot.check(&machine.shape())?;
        let listing = (task.goal == Goal::Ktest).then(|| self.listing(&task.kernel)).transpose()?;
        let chosen = match listing {
            Some(_) => accel::choose(machine.accel(), &self.emulator, &image, &self.cache, &self.interrupts)?,
            None => accel::choose_for_any(machine.accel(), &self.emulator, &self.cache, &self.interrupts)?,
        };
        Ok(Ready { task, image, chosen, listing })
    }

    /// Runs it; gives how it went, in numbers and in words.
    fn run(&self, ready: &Ready, sinks: &mut Sinks) -> Result<(Summary, String), Error> {
        let mut told = Told::new(sinks, &ready.task);
        let summary = match &ready.task.goal {
            Goal::Ktest => self.ktests(ready, &mut told)?,
            Goal::Once(expect) => self.foreign(ready, expect, None, &mut told)?,
            Goal::Lines { expect, script, .. } => self.foreign(ready, expect, Some(script), &mut told)?,
        };
        let seen = told.seen(&summary);
        Ok((summary, seen))
    }

    fn foreign(
        &self,
        ready: &Ready,
        expect: &[Expectation],
        script: Option<&Script>,
        sink: &mut dyn Sink,
    ) -> Result<Summary, Error> {
        let Ready { task, image, chosen, .. } = ready;
        let foreign = Foreign {
            emulator: &self.emulator,
            image,
            shape: task.settings.machine.shape(),
            chosen,
            command_line: task.settings.append.clone().unwrap_or_default(),
            limits: task.limits,
            expect: expect.into(),
            script: script.cloned(),
            name: self.kernel.clone(),
            jobs: self.options.jobs.unwrap_or_else(host_cpus),
            policy: self.policy(),
            cache: self.cache.clone(),
        };
        foreign.run(sink, &self.interrupts)
    }

    fn ktests(&self, ready: &Ready, sink: &mut dyn Sink) -> Result<Summary, Error> {
        let Ready { task, image, chosen, listing } = ready;
        let Some(listing) = listing else { return Err(Error::Request("the kernel's tests were not listed".into())) };
        let suite = Suite {
            emulator: &self.emulator,
            image,
            count: listing.count(),
            shape: task.settings.machine.shape(),
            chosen,
            jobs: self.options.jobs.unwrap_or_else(host_cpus),
            limits: task.limits,
            command_line: task.settings.append.clone().unwrap_or_default(),
            policy: self.policy(),
            cache: self.cache.clone(),
        };
        suite.run(&self.filter().select(listing), sink, &self.interrupts)
    }

    fn filter(&self) -> Filter {
        Filter { patterns: self.options.filters.clone(), ..Filter::default() }
    }

    /// The kernel's own tests, of which at least one is meant.
    fn listing(&self, kernel: &Path) -> Result<Listing, Error> {
        let listing = Listing::read(kernel)?;
        let wrong = |why: String| Err(Error::Kernel { path: kernel.into(), why });
        if listing.tests.is_empty() {
            return wrong("`ktest` is expected of it, and it holds no #[ktest]: was it built with its tests?".into());
        }
        // A run that runs nothing must not look like one that passed.
        if self.filter().select(&listing).run.is_empty() {
            let filters: Vec<_> = self.options.filters.iter().map(|filter| format!("`{filter}`")).collect();
            return wrong(format!(
                "none of its {} tests has a name that holds {}",
                listing.count(),
                filters.join(" or ")
            ));
        }
        Ok(listing)
    }

    fn policy(&self) -> Policy {
        let Options { isolation, retries, repeat, until_fail, seed, .. } = self.options;
        let usual = Policy::default();
        Policy {
            isolation: isolation.unwrap_or_default(),
            retries: retries.unwrap_or(0),
            repeat: repeat.unwrap_or(1),
            until_fail: *until_fail,
            seed: seed.unwrap_or(usual.seed),
            artifacts: Some(artifact::directory(&self.cache)),
        }
    }
}

fn outputs(options: &Options, bench: &Bench<'_>) -> Outputs {
    let terminal = io::stdout().is_terminal();
    Outputs {
        json: options.json,
        style: Style {
            colour: options.colour(terminal),
            output: options.nocapture,
            progress: terminal,
            command: "steward-harness run".into(),
            options: options.again(),
        },
        junit: options.junit.clone(),
        html: options.html.clone(),
        github: in_github_actions(),
        facts: vec![("kernel".into(), bench.kernel.clone()), ("QEMU".into(), bench.emulator.version().to_string())],
        several: true,
    }
}
