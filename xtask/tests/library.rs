//! The ledger's library for C kernels, made as a person makes it, and linked into a kernel that is a process.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use object::read::archive::ArchiveFile;
use object::{Object as _, ObjectSymbol as _, SymbolScope};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}\n{}", text(&output.stdout), text(&output.stderr));
    output
}

/// The directory that `cargo xtask library` has filled.
fn library() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("library");
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        // Flags for this process's target, such as those for coverage, would replace those that the library needs.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        let output = succeeds(command.args(["library", "--output"]).arg(&directory));
        assert!(text(&output.stdout).contains("libsteward_c.a"), "{output:?}");
        directory
    })
}

/// The sources in a directory of kernel/c.
fn sources(directory: &str) -> (PathBuf, Vec<PathBuf>) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernel/c").join(directory);
    let files = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let sources = files.filter(|path| path.extension().is_some_and(|extension| extension == "c")).collect();
    (directory, sources)
}

/// Links the test's sources with the library, as this linker flag says, and runs what comes of it.
fn kernel_runs(name: &str, flag: &str) {
    let (programs, mut all) = sources("tests/programs");
    let (own, more) = sources("library/tests");
    all.extend(more);
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let named = env::var_os("CC").filter(|name| !name.is_empty());
    let mut compile = Command::new(named.unwrap_or_else(|| "cc".into()));
    compile.args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", flag]);
    compile.arg("-I").arg(library().join("include")).arg("-I").arg(programs).arg("-I").arg(own);
    succeeds(compile.args(all).arg(library().join("libsteward_c.a")).arg("-o").arg(&program));
    let output = succeeds(&mut Command::new(program));
    let said = text(&output.stdout);
    for part in ["wrong beginnings", "programs", "two CPUs", "lent memory overwritten"] {
        assert!(said.contains(&format!("{part}: right\n")), "{said}");
    }
}

#[test]
fn a_c_kernel_that_is_somebody_elses_uses_the_ledger_wherever_it_is_linked_to() {
    kernel_runs("kernel-anywhere", "-pie");
}

#[test]
fn a_c_kernel_at_a_fixed_address_uses_the_ledger() {
    kernel_runs("kernel-fixed", "-no-pie");
}

/// The functions of a header: those that it declares `extern`, and the others.
fn declared(header: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let path = library().join("include/steward").join(header);
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with(['/', '*', '#']) && line.contains('('));
    let name = |line: &str| {
        let before = line.split('(').next().unwrap();
        before.rsplit([' ', '*']).next().unwrap().to_owned()
    };
    let (wanted, given): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("extern "));
    (wanted.into_iter().map(name).collect(), given.into_iter().map(name).collect())
}

/// The names of the library: those that it defines for everybody, and those that it asks for and has not itself.
fn names() -> (BTreeSet<String>, BTreeSet<String>) {
    let data = fs::read(library().join("libsteward_c.a")).unwrap();
    let (mut defined, mut undefined, mut hidden) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for member in ArchiveFile::parse(&*data).unwrap().members() {
        let file = object::File::parse(member.unwrap().data(&*data).unwrap()).unwrap();
        for symbol in file.symbols().filter(|symbol| symbol.is_global()) {
            let names = match symbol.scope() {
                SymbolScope::Unknown => &mut undefined,
                SymbolScope::Linkage => &mut hidden,
                _ => &mut defined,
            };
            names.insert(symbol.name().unwrap().to_owned());
        }
    }
    undefined.retain(|name| !defined.contains(name) && !hidden.contains(name));
    (defined, undefined)
}

#[test]
fn the_library_has_the_names_of_its_headers_and_asks_for_those_that_they_ask_for() {
    let (wanted, opens) = declared("host.h");
    let (none, calls) = declared("borrow.h");
    assert!(none.is_empty() && calls.len() > 15 && opens.len() == 2, "{none:?} {calls:?} {opens:?}");
    let (defined, undefined) = names();
    assert_eq!(undefined, wanted);
    let given: BTreeSet<_> = calls.union(&opens).cloned().collect();
    assert_eq!(defined, given);
}
