//! Keeping the harness as new as its sources, as cargo's runner must.

use std::{
    env, fs, io,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::Command,
};

use steward_harness::{Error, freshness::Program, image::cache_directory};

const PACKAGE: &str = "steward-harness";

/// Returns when this program is as new as its sources in `workspace`. When they are newer, it has cargo build it and
/// becomes the new one.
///
/// # Errors
/// [`Error::Request`] when the sources do not compile; cargo has said why. [`Error::Io`] when there is no cargo.
pub fn harness(workspace: &Path, kernel: &Path) -> Result<(), Error> {
    let failed = |doing: &'static str| move |source| Error::Io { doing: doing.into(), source };
    let workspace = workspace.canonicalize().map_err(failed("finding the harness's workspace"))?;
    // Not `current_exe`: that names a file that is gone when another run has just built a new harness.
    let own = env::args_os().next().unwrap_or_default();
    let own = Path::new(&own).canonicalize().map_err(failed("finding the harness's own program"))?;
    let program = Program::new(&own, &workspace, &cache_directory(kernel));
    if !program.is_fresh() {
        program.update(|| build(&workspace, &own))?;
    }
    if is_running(&own).map_err(failed("looking at the harness's own program"))? {
        return Ok(());
    }
    // The arguments are the same, so the new program looks for itself: somebody may be editing its sources.
    Err(failed("starting the new harness")(Command::new(&own).args(env::args_os().skip(1)).exec()))
}

/// Whether this process executes the file at `path`, and not one that stood there before.
fn is_running(path: &Path) -> io::Result<bool> {
    let identity = |path: &Path| fs::metadata(path).map(|data| (data.dev(), data.ino()));
    Ok(identity(Path::new("/proc/self/exe"))? == identity(path)?)
}

fn build(workspace: &Path, own: &Path) -> Result<(), Error> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // This program is `<target>/debug/steward-harness`.
    let target = own.ancestors().nth(2).unwrap_or(workspace);
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", PACKAGE, "--bin", PACKAGE, "--target-dir"]).arg(target);
    // What cargo prints goes to standard error: the runner's standard output is read by programs.
    let status = command.current_dir(workspace).status();
    match status.map_err(|source| Error::Io { doing: "running cargo to build the harness".into(), source })? {
        status if status.success() => Ok(()),
        status => Err(Error::Request(format!("the harness does not build: cargo ended with {status}"))),
    }
}
