//! `check`: every rule of the repository that a program can judge.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

use crate::out::say;
use crate::style;
use crate::workspace::Workspace;

mod allow;
mod crate_roots;
mod dependencies;
mod edges;
mod safety;
mod sizes;
pub mod sources;
mod tools;
mod unsafe_files;
mod unsafety;
mod workflows;

use sources::Source;

/// Checks formatting, lints, docs, unsafe code, dependency edges, sizes and workflows.
///
/// Each check prints one line with its outcome; a failure is followed by its details. The last line is
/// `N passed, M failed`, and the exit code is 0 only when nothing failed.
///
/// The allow-lists in xtask/allow/ only shrink: an entry that is no longer needed fails the check it belongs to.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Run only the checks of these names [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Print the names of the checks and what they check, and run nothing
    #[arg(long)]
    list: bool,
}

const EXAMPLES: &str = "\
Allow-lists:
  unsafe-files.txt  files that may contain unsafe code. The root of each library
                    and binary says #![forbid(unsafe_code)], unless it is listed
                    itself or a file in or below its directory is
  edges.txt         dependencies between packages of this workspace
  sizes.txt         files past 500 lines and functions past 70

Examples:
  cargo xtask check
  cargo xtask check fmt sizes
  cargo xtask check --list";

/// What the checks look at. Sources are read once.
struct Context {
    workspace: Workspace,
    sources: Vec<Source>,
}

impl Context {
    /// The text of a file of the repository.
    fn text(&self, path: &str) -> Result<String> {
        sources::read(self.workspace.root(), path)
    }
}

/// A check gives its faults, one text each; none means that it passed.
type Faults = Vec<String>;

struct Check {
    name: &'static str,
    what: &'static str,
    run: fn(&Context) -> Result<Faults>,
}

const CHECKS: &[Check] = &[
    Check { name: "fmt", what: "sources are formatted (cargo fmt)", run: tools::fmt },
    Check { name: "clippy-host", what: "no lint warns in what builds on this machine", run: tools::clippy_host },
    Check {
        name: "clippy-bare-metal",
        what: "no lint warns in what runs without an operating system",
        run: tools::clippy_bare_metal,
    },
    Check { name: "docs", what: "documentation builds without warnings", run: tools::docs },
    Check {
        name: "unsafe-files",
        what: "unsafe code stands in listed files only",
        run: |context| Ok(unsafe_files::check(&context.sources, &context.text("xtask/allow/unsafe-files.txt")?)),
    },
    Check {
        name: "forbid-unsafe",
        what: "every crate without a listed file forbids unsafe code",
        run: |context| {
            let roots = crate_roots::of(&context.workspace);
            Ok(crate_roots::check(&roots, &context.sources, &context.text("xtask/allow/unsafe-files.txt")?))
        },
    },
    Check {
        name: "safety-comments",
        what: "every unsafe block, impl and extern block has a SAFETY comment of its own",
        run: |context| Ok(safety::check(&context.sources)),
    },
    Check {
        name: "edges",
        what: "packages depend on each other only as listed, layers point one way",
        run: |context| Ok(edges::check(&edges::of(&context.workspace), &context.text("xtask/allow/edges.txt")?)),
    },
    Check {
        name: "dependencies",
        what: "docs/dependencies.md explains each external dependency, and nothing else",
        run: |context| {
            let used = dependencies::of(&context.workspace);
            Ok(dependencies::check(&used, &context.text("docs/dependencies.md")?))
        },
    },
    Check {
        name: "header",
        what: "the C headers of the ledger are what their sources say",
        run: |context| crate::header::check(context.workspace.root()),
    },
    Check {
        name: "sizes",
        what: "files have at most 500 lines, functions at most 70",
        run: |context| Ok(sizes::check(&context.sources, &context.text("xtask/allow/sizes.txt")?)),
    },
    Check {
        name: "workflows",
        what: "workflows run nothing but `cargo xtask`",
        run: |context| workflows::check(context.workspace.root()),
    },
];

/// Runs the chosen checks.
///
/// # Errors
/// When a name is unknown or the workspace cannot be read.
pub fn run(options: &Options) -> Result<ExitCode> {
    if options.list {
        for check in CHECKS {
            say!("{:<18} {}", check.name, check.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = choose(&options.names)?;
    let workspace = Workspace::load()?;
    let sources = sources::all(workspace.root())?;
    let context = Context { workspace, sources };
    let failed = chosen.iter().filter(|check| !report(check, &context)).count();
    say!("{} passed, {failed} failed", chosen.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose(names: &[String]) -> Result<Vec<&'static Check>> {
    if names.is_empty() {
        return Ok(CHECKS.iter().collect());
    }
    let known = || CHECKS.iter().map(|check| check.name).collect::<Vec<_>>().join(", ");
    let find = |name: &String| CHECKS.iter().find(|check| check.name == name);
    names.iter().map(|name| find(name).ok_or(name)).collect::<Result<_, _>>().or_else(|name| {
        bail!("there is no check named `{name}`; the checks are {}", known());
    })
}

/// Runs one check and prints its outcome. `true` when it passed.
fn report(check: &Check, context: &Context) -> bool {
    let start = Instant::now();
    let faults = (check.run)(context).unwrap_or_else(|error| vec![format!("{error:#}")]);
    let outcome = if faults.is_empty() { style::good("ok") } else { style::bad("FAILED") };
    let mut text = format!("check {} ... {outcome} ({:.1} s)", check.name, start.elapsed().as_secs_f64());
    for line in faults.iter().flat_map(|fault| fault.lines()) {
        let _ = write!(text, "\n  {line}");
    }
    say!("{text}");
    faults.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_check_is_refused_with_the_known_names() {
        let error = choose(&["fmt".into(), "spelling".into()]).err().unwrap().to_string();
        assert!(error.contains("`spelling`") && error.contains("safety-comments"), "{error}");
    }

    #[test]
    fn chosen_checks_run_alone_and_none_means_all() {
        let chosen = choose(&["sizes".into()]).unwrap();
        assert_eq!(chosen.iter().map(|check| check.name).collect::<Vec<_>>(), ["sizes"]);
        assert_eq!(choose(&[]).unwrap().len(), CHECKS.len());
    }
}
