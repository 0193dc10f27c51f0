//! What executes the machines: the host's CPU when it really works, else QEMU's translator.
//!
//! That `/dev/kvm` exists proves nothing: in containers and under nested virtualization it may open and then hang or
//! compute nonsense. So the very image that is to run is booted under it and asked to compute something, or where that
//! answers no questions, a program of the harness's own.

mod bare;
mod cache;
mod probe;

use std::{fmt, fs::File, io, path::Path, str::FromStr, time::Duration};

use crate::{
    Emulator, Error,
    image::Image,
    machine::{Accelerator, ParseError, Shape},
    process::Interrupts,
};
use cache::{Cache, Key};

pub use probe::{Health, probe};

/// The device through which the host's CPU executes machines.
const KVM: &str = "/dev/kvm";
/// How long a machine may take to come up under KVM.
const KVM_BOOT: Duration = Duration::from_secs(5);
/// How long it may take under the translator.
const TCG_BOOT: Duration = Duration::from_secs(60);
/// How long the check takes, per step, on the machine that limits are stated for: a 2-core host under the translator.
const REFERENCE_STEP: Duration = Duration::from_nanos(12);

/// What was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Request {
    /// KVM when it works, else the translator.
    #[default]
    Auto,
    /// The translator.
    Tcg,
    /// KVM, or nothing.
    Kvm,
}

impl FromStr for Request {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "auto" => Ok(Self::Auto),
            "tcg" => Ok(Self::Tcg),
            "kvm" => Ok(Self::Kvm),
            _ => Err(ParseError::new(format!("`{text}` is no accelerator; known are auto, tcg and kvm"))),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
        })
    }
}

/// What will execute the machines.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The accelerator.
    pub accelerator: Accelerator,
    /// How many times slower than the reference its machines are; below 1 for faster ones. Limits scale with it.
    pub slowness: f64,
    /// A line to show to whoever asked for `auto` and gets less than the host seemed to offer.
    pub note: Option<String>,
}

impl Chosen {
    /// This accelerator, unchecked and taken to be of ordinary speed.
    #[must_use]
    pub const fn unchecked(accelerator: Accelerator) -> Self {
        Self { accelerator, slowness: 1.0, note: None }
    }
}

/// Chooses the accelerator for machines that boot this image, which must serve the harness.
///
/// The answer is kept in `cache` and asked for again when the host was restarted or QEMU or `/dev/kvm` changed. An
/// image that does not come up under either accelerator gets the translator: its tests will say why.
///
/// # Errors
/// [`Error::Accelerator`] when KVM was demanded and does not work, [`Error::Interrupted`], and whatever keeps QEMU from
/// being executed.
pub fn choose(
    request: Request,
    emulator: &Emulator,
    image: &Image,
    cache: &Path,
    interrupts: &Interrupts,
) -> Result<Chosen, Error> {
    let limit = |accelerator| match accelerator {
        Accelerator::Kvm => KVM_BOOT + image.boot.limit() / 4,
        Accelerator::Tcg => TCG_BOOT,
    };
    let check = |accelerator| probe(emulator, image, &Shape::default(), accelerator, limit(accelerator), interrupts);
    choose_by(request, emulator, cache, check)
}

/// Chooses the accelerator for machines that boot something which answers no questions: a program of the harness's own
/// is booted in its place.
///
/// # Errors
/// As [`choose`].
pub fn choose_for_any(
    request: Request,
    emulator: &Emulator,
    cache: &Path,
    interrupts: &Interrupts,
) -> Result<Chosen, Error> {
    choose_by(request, emulator, cache, |accelerator| {
        let limit = if accelerator == Accelerator::Kvm { KVM_BOOT } else { TCG_BOOT };
        bare::probe(emulator, cache, accelerator, limit, interrupts)
    })
}

fn choose_by(
    request: Request,
    emulator: &Emulator,
    cache: &Path,
    healthy: impl Fn(Accelerator) -> Result<Result<Health, String>, Error>,
) -> Result<Chosen, Error> {
    let cache = Cache::new(cache, Key::of(emulator));
    if let Some(chosen) = cache.read(request) {
        return Ok(chosen);
    }
    let mut note = None;
    if request != Request::Tcg {
        let kvm = match open_kvm() {
            Ok(()) => healthy(Accelerator::Kvm)?,
            Err(error) => Err(format!("cannot be opened: {error}")),
        };
        match kvm {
            Ok(health) => return Ok(cache.write(request, Chosen::healthy(Accelerator::Kvm, health))),
            Err(why) if request == Request::Kvm => {
                return Err(Error::Accelerator(format!("{KVM} {why}; `--accel tcg` or `auto` works without it")));
            }
            // A host without the device, as opposed to one that keeps it back, has nothing to be told.
            Err(_) if !Path::new(KVM).exists() => {}
            Err(why) => note = Some(format!("{KVM} {why}; using TCG")),
        }
    }
    Ok(match healthy(Accelerator::Tcg)? {
        Ok(health) => cache.write(request, Chosen { note, ..Chosen::healthy(Accelerator::Tcg, health) }),
        Err(_) => Chosen::unchecked(Accelerator::Tcg),
    })
}

impl Chosen {
    fn healthy(accelerator: Accelerator, health: Health) -> Self {
        let slowness = health.step.as_secs_f64() / REFERENCE_STEP.as_secs_f64();
        Self { accelerator, slowness, note: None }
    }
}

/// What can be said of `/dev/kvm` without using it, for a report on the host: `Ok` when it can be opened.
///
/// # Errors
/// What the system says.
pub fn open_kvm() -> io::Result<()> {
    File::options().read(true).write(true).open(KVM).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_back_from_their_names() {
        for request in [Request::Auto, Request::Tcg, Request::Kvm] {
            assert_eq!(request.to_string().parse(), Ok(request));
        }
        assert!("hvf".parse::<Request>().unwrap_err().to_string().contains("auto, tcg and kvm"));
    }
}
