//! The folder in which a guide is followed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::output;

/// How long a command may take: the first build of all dependencies on a slow machine.
const SECONDS: &str = "1200";

/// Where the folders are made. The directory for temporary files lies in this workspace when `cargo xtask` runs the
/// tests, and cargo would take what is made there for a part of it. This one may be large (Filesystem Hierarchy Standard
/// 3.0, section 5.15).
const OUTSIDE: &str = "/var/tmp";

/// A folder outside every workspace, empty but for a link to this checkout, and a shell in it.
pub struct Place {
    folder: Option<TempDir>,
    directory: PathBuf,
}

impl Place {
    /// A new one.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("steward-guide-").tempdir_in(OUTSIDE).unwrap();
        std::os::unix::fs::symlink(checkout(), folder.path().join("steward")).unwrap();
        Self { directory: folder.path().into(), folder: Some(folder) }
    }

    /// Where it begins.
    pub fn path(&self) -> &Path {
        self.folder.as_ref().map_or(&self.directory, TempDir::path)
    }

    /// Leaves everything there to be looked at, and says where.
    pub fn keep(&mut self) -> PathBuf {
        self.folder.take().map_or_else(|| self.directory.clone(), TempDir::keep)
    }

    pub(super) fn write(&self, path: &str, content: &str, add: bool) -> Result<(), String> {
        let path = self.directory.join(path);
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
        let before = if add { fs::read_to_string(&path).map_err(failed)? } else { String::new() };
        fs::write(&path, before + content).map_err(failed)
    }

    pub(super) fn run(&mut self, command: &str, prints: Option<&str>, fails: bool) -> Result<(), String> {
        if let Some(directory) = command.strip_prefix("cd ") {
            self.directory.push(directory);
            return if self.directory.is_dir() {
                Ok(())
            } else {
                Err(format!("{command}: there is no such directory"))
            };
        }
        // What is started is ended with everything that it started in turn.
        let mut shell = Command::new("timeout");
        shell.args(["--kill-after=10", SECONDS, "bash", "-c", &format!("exec 2>&1\n{command}")]);
        shell.current_dir(&self.directory);
        self.clean(&mut shell, command);
        let done = shell.output().map_err(|error| format!("`{command}` cannot be run: {error}"))?;
        let printed = String::from_utf8_lossy(&done.stdout);
        match done.status.success() {
            false if !fails => return Err(format!("`{command}` failed, {}, and printed\n{printed}", done.status)),
            true if fails => return Err(format!("`{command}` should fail and succeeded; it printed\n{printed}")),
            _ => {}
        }
        match prints {
            Some(page) if !output::matches(page, &printed) => {
                Err(format!("`{command}` prints otherwise: the page has\n{page}and it printed\n{printed}"))
            }
            _ => Ok(()),
        }
    }

    /// The environment of somebody who has never heard of this workspace.
    fn clean(&self, shell: &mut Command, command: &str) {
        let kept = ["CARGO_HOME", "CARGO_HTTP", "CARGO_NET", "CARGO_REGISTR", "RUSTUP_HOME", "RUSTUP_DIST"];
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            let of_ours = ["CARGO", "RUST", "STEWARD", "GITHUB"].iter().any(|start| name.starts_with(start));
            if of_ours && !kept.iter().any(|start| name.starts_with(start)) {
                shell.env_remove(name);
            }
        }
        let installed = self.path().join(".installed");
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([installed.join("bin")].into_iter().chain(env::split_paths(&path)));
        shell.env("PATH", path.unwrap()).env("CARGO_TERM_COLOR", "never").env("TERM", "dumb");
        // Programs are installed for nobody but this folder; what they are made of is kept.
        shell.env("CARGO_INSTALL_ROOT", installed);
        if command.contains("cargo xtask") || command.starts_with("cargo install") {
            shell.env("CARGO_TARGET_DIR", target());
        }
        if command.starts_with("cargo install") {
            // What is tried here need not be fast, but soon.
            shell.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
            shell.env("CARGO_PROFILE_RELEASE_DEBUG", "0").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        }
        // The cache of a kernel that no cargo built.
        shell.env("XDG_CACHE_HOME", self.path().join(".cache"));
    }
}

/// The root of this checkout.
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// Cargo's build directory.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo keeps its temporary files in the build directory")
}
