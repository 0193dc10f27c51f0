use std::time::Duration;

use tempfile::TempDir;

use super::*;

/// A workspace in a directory with a space in its name, whose program was built a minute after its sources were written.
struct Fixture {
    directory: TempDir,
    program: Program,
}

const FILES: [&str; 4] = ["Cargo.toml", "demo/Cargo.toml", "demo/src/main.rs", "demo/src/part.rs"];

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("a b").tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("demo/src")).unwrap();
        for file in FILES {
            fs::write(root.join(file), "text").unwrap();
            touch(&root.join(file), -60);
        }
        let program = Program::new(&root.join("demo-program"), root, &root.join("cache"));
        let fixture = Self { directory, program };
        fixture.compile("first");
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Does what cargo does: a new file in the program's place, and the list of its sources.
    fn compile(&self, content: &str) {
        let escaped = |path: &Path| path.display().to_string().replace(' ', "\\ ");
        let sources = [escaped(&self.path(FILES[2])), escaped(&self.path(FILES[3]))].join(" ");
        let _ = fs::remove_file(self.program.path());
        fs::write(self.program.path(), content).unwrap();
        let list = format!("{}: {sources}\n", escaped(self.program.path()));
        fs::write(self.path("demo-program.d"), list).unwrap();
    }
}

/// Sets a file's time to so many seconds from now.
fn touch(path: &Path, seconds: i64) {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance };
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn a_program_is_fresh_once_cargo_has_said_so() {
    let fixture = Fixture::new();
    assert!(!fixture.program.is_fresh(), "nobody has asked cargo yet");
    fixture.program.update(|| Ok(())).unwrap();
    assert!(fixture.program.is_fresh());
}

#[test]
fn any_source_or_manifest_that_changes_makes_it_stale_until_it_is_built_again() {
    for file in FILES {
        let fixture = Fixture::new();
        fixture.program.update(|| Ok(())).unwrap();
        touch(&fixture.path(file), 1);
        assert!(!fixture.program.is_fresh(), "{file}");
        touch(&fixture.path(file), -1);
        let rebuild = || {
            fixture.compile("second");
            Ok(())
        };
        fixture.program.update(rebuild).unwrap();
        assert!(fixture.program.is_fresh(), "{file}");
    }
}

#[test]
fn a_source_that_changes_while_it_is_built_makes_it_stale() {
    let fixture = Fixture::new();
    fixture
        .program
        .update(|| {
            std::thread::sleep(Duration::from_millis(20));
            fs::write(fixture.path("demo/src/part.rs"), "changed").unwrap();
            fixture.compile("without the change");
            Ok(())
        })
        .unwrap();
    assert!(!fixture.program.is_fresh());
}

#[test]
fn a_source_that_is_gone_and_a_list_that_is_gone_or_damaged_make_it_stale() {
    for damage in [
        |fixture: &Fixture| fs::remove_file(fixture.path("demo/src/part.rs")).unwrap(),
        |fixture: &Fixture| fs::remove_file(fixture.path("demo-program.d")).unwrap(),
        |fixture: &Fixture| fs::write(fixture.path("demo-program.d"), "").unwrap(),
        |fixture: &Fixture| fs::write(fixture.path("demo-program.d"), "demo-program:\n").unwrap(),
        |fixture: &Fixture| fs::write(fixture.path("demo-program.d"), "demo program\\").unwrap(),
        |fixture: &Fixture| fs::remove_file(fixture.program.path()).unwrap(),
    ] {
        let fixture = Fixture::new();
        fixture.program.update(|| Ok(())).unwrap();
        assert!(fixture.program.is_fresh());
        damage(&fixture);
        assert!(!fixture.program.is_fresh());
    }
}

#[test]
fn a_program_that_somebody_else_put_there_is_not_trusted() {
    let fixture = Fixture::new();
    fixture.program.update(|| Ok(())).unwrap();
    // Another workspace that builds into the same directory.
    let other = Program { workspace: "/elsewhere".into(), ..fixture.program.clone() };
    assert!(!other.is_fresh());
    fixture.compile("by another");
    assert!(!fixture.program.is_fresh());
}

#[test]
fn a_build_that_fails_stamps_nothing_and_leaves_no_file() {
    let fixture = Fixture::new();
    let failed = fixture.program.update(|| Err(Error::Loader("no".into())));
    assert!(failed.is_err() && !fixture.program.is_fresh());
    assert_eq!(fs::read_dir(fixture.path("cache")).unwrap().count(), 0);
}

#[test]
fn a_place_where_no_stamp_can_be_kept_is_no_error() {
    let fixture = Fixture::new();
    let program = Program { stamp: "/proc/nowhere/stamp".into(), ..fixture.program.clone() };
    program.update(|| Ok(())).unwrap();
    assert!(!program.is_fresh());
}

#[test]
fn names_with_spaces_and_backslashes_are_read_as_cargo_writes_them() {
    let read = |text: &str| sources_in(text).map(|paths| paths.iter().map(|p| p.display().to_string()).collect());
    assert_eq!(read("/t/x: /a/b.rs /c\\ d/e.rs\n\n"), Some(vec!["/a/b.rs".to_owned(), "/c d/e.rs".into()]));
    assert_eq!(read("/t\\ u/x: /a\\\\b.rs"), Some(vec!["/a\\b.rs".to_owned()]));
    assert_eq!(read("no list"), None);
    assert_eq!(read(""), None);
}
