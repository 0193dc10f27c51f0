//! Measures isolated tests and what they are compared with, in turns.

use anyhow::{Context as _, Result};
use steward_harness::image::{Attach, Firmware, Image};
use steward_harness::machine::{Accelerator, Configuration, Kind, Memory, Shape};
use steward_harness::suite::{Isolation, host_cpus};

use super::stage::{Run, Sample, Stage};
use crate::bench::Context;
use crate::images::{self, Build};
use crate::media::{Content, Format, Loader};

/// The machines that tests are isolated on.
pub const MACHINES: [Kind; 2] = [Kind::Q35, Kind::Microvm];
/// How many tests a large run has.
pub const MANY: u32 = 300;
/// Measurements of one kind that follow each other. Then the next kind has its turn, so that a busy moment of the host
/// spoils a few of each rather than all of one.
const BLOCK: u32 = 3;
/// Isolated tests of each run that do not count: the first finds no machine.
const WARM_UP: u32 = 1;
/// The machine of a test that asks for much.
const LARGE: (u32, u32) = (4, 1024);

/// What is measured beside isolated tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Boots, to compare with.
    pub boots: bool,
    /// Large runs.
    pub many: bool,
}

/// Times in ms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// As in [`MACHINES`].
    pub machines: [OfMachine; 2],
    /// Isolated tests with 4 CPUs and 1 GiB, on q35.
    pub large: Vec<Sample>,
    /// Tests in a q35 that booted from a disc, for each disc.
    pub discs: Vec<OfDisc>,
    /// Machines that run at once in a large run.
    pub workers: u32,
}

/// Times on one kind of machine, in ms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfMachine {
    /// Isolated tests.
    pub isolated: Vec<Sample>,
    /// The same tests, from one's dispatch to the next one's.
    pub in_a_row: Vec<f64>,
    /// Tests in a machine that was booted directly.
    pub booted: Vec<f64>,
    /// Large runs, from nothing running to nothing left.
    pub many: Vec<f64>,
}

/// Times with one disc, in ms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfDisc {
    /// What is on it.
    pub loader: &'static str,
    /// By UEFI.
    pub uefi: Vec<f64>,
    /// By BIOS; none where that cannot start the loader.
    pub bios: Vec<f64>,
}

/// What is booted.
struct Images {
    direct: Image,
    /// The same kernel on discs.
    discs: Vec<Disc>,
}

/// A disc in a machine with either firmware.
struct Disc {
    loader: &'static str,
    uefi: Image,
    bios: Option<Image>,
}

/// Measures.
///
/// # Errors
/// When something does not build, a machine does not come up, or a test does not pass.
pub fn measure(context: &Context, parts: Parts) -> Result<Figures> {
    let images = Images::new(context)?;
    let stage = Stage::new(context, &images.direct)?;
    let mut figures = Figures { workers: host_cpus(), ..Figures::default() };
    let block = |parts: Parts, times, figures: &mut Figures| {
        for (kind, machine) in MACHINES.into_iter().zip(&mut figures.machines) {
            on_machine(&stage, &images, kind, parts, times, machine)?;
        }
        if parts.boots { boots(&stage, &images, times, figures) } else { Ok(()) }
    };
    // Everything comes into the host's caches.
    block(Parts { many: false, ..parts }, 1, &mut Figures::default())?;
    let mut left = context.rounds;
    while left > 0 {
        let times = left.min(BLOCK);
        block(parts, times, &mut figures)?;
        left -= times;
    }
    Ok(figures)
}

/// A block of measurements on one kind of machine.
fn on_machine(
    stage: &Stage<'_>,
    images: &Images,
    kind: Kind,
    parts: Parts,
    times: u32,
    figures: &mut OfMachine,
) -> Result<()> {
    let shape = Shape { kind, ..Shape::default() };
    let run = |isolation, jobs, times| {
        stage.run(&Run { image: &images.direct, shape: shape.clone(), isolation, jobs, times })
    };
    let samples = run(Isolation::Test, 1, WARM_UP + times)?.samples;
    figures.in_a_row.extend(gaps(counted(&samples)));
    figures.isolated.extend(counted(&samples));
    if parts.boots {
        figures.booted.extend(times_of(&run(Isolation::Boot, 1, times)?.samples));
    }
    if parts.many {
        figures.many.push(run(Isolation::Test, host_cpus(), MANY)?.whole);
    }
    Ok(())
}

/// A block of what only q35 can do.
fn boots(stage: &Stage<'_>, images: &Images, times: u32, figures: &mut Figures) -> Result<()> {
    let run = |image, shape, isolation, jobs, times| stage.run(&Run { image, shape, isolation, jobs, times });
    let (cpus, memory) = (LARGE.0, Memory::from_mib(LARGE.1).context("no such amount of memory")?);
    let large = Shape { cpus, memory, ..Shape::default() };
    let jobs = cpus.min(host_cpus());
    figures.large.extend(counted(&run(&images.direct, large, Isolation::Test, jobs, WARM_UP + times)?.samples));
    figures.discs.resize(images.discs.len(), OfDisc::default());
    for (disc, figures) in images.discs.iter().zip(&mut figures.discs) {
        let boot = |image| run(image, Shape::default(), Isolation::Boot, 1, times);
        figures.loader = disc.loader;
        figures.uefi.extend(times_of(&boot(&disc.uefi)?.samples));
        if let Some(bios) = &disc.bios {
            figures.bios.extend(times_of(&boot(bios)?.samples));
        }
    }
    Ok(())
}

impl Images {
    fn new(context: &Context) -> Result<Self> {
        let direct = images::image(
            &context.workspace,
            Build { release: false, tests: true, ..Build::default() },
            &context.interrupts,
        )?;
        let discs = context.loaders.iter().map(|loader| disc(context, loader, &direct)).collect::<Result<_>>()?;
        Ok(Self { direct, discs })
    }
}

fn disc(context: &Context, loader: &Loader, direct: &Image) -> Result<Disc> {
    let command_line = Configuration::serving(Shape::default(), Accelerator::Tcg, 1).command_line;
    let content = Content { elf: &direct.elf, command_line: &command_line, keep_log: None };
    let made = loader.make(&context.workspace, &context.interrupts)?;
    let disc = made.store(&content, Format::Iso, &context.workspace.cache().join("media"))?;
    let image = |firmware| Image::on_medium(&direct.elf, &disc, Attach::Cd, firmware);
    let bios = matches!(loader, Loader::Limine(_)).then(|| image(Firmware::Bios));
    Ok(Disc { loader: loader.name(), uefi: image(Firmware::uefi()?), bios })
}

/// Without those that are for warming up.
fn counted(samples: &[Sample]) -> &[Sample] {
    samples.get(WARM_UP as usize..).unwrap_or_default()
}

/// From dispatch to verdict.
pub fn times_of(samples: &[Sample]) -> impl Iterator<Item = f64> {
    samples.iter().map(|sample| sample.time)
}

/// From each dispatch to the next.
fn gaps(samples: &[Sample]) -> impl Iterator<Item = f64> {
    samples.windows(2).map(|pair| pair[1].started - pair[0].started)
}

#[cfg(test)]
mod tests {
    use steward_harness::suite::Origin;

    use super::*;

    #[test]
    fn what_warms_up_does_not_count_and_gaps_are_between_dispatches() {
        let sample = |started, time| Sample { started, time, origin: Origin::Reset };
        let samples = [sample(0.0, 300.0), sample(310.0, 10.0), sample(325.0, 11.0), sample(345.0, 12.0)];
        let counted = counted(&samples);
        assert_eq!(times_of(counted).collect::<Vec<_>>(), [10.0, 11.0, 12.0]);
        assert_eq!(gaps(counted).collect::<Vec<_>>(), [15.0, 20.0]);
        assert!(super::counted(&samples[..0]).is_empty());
    }
}
