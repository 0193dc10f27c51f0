//! Where Limine comes from, with a repository on this machine for the network's.

use std::fs;
use std::process::Command;

use super::*;

/// A repository with one commit, which holds `files`.
struct Repository {
    directory: tempfile::TempDir,
    commit: String,
}

impl Repository {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let git = |words: &[&str]| {
            let mut command = Command::new("git");
            command.args(["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgSign=false"]);
            let output = command.args(words).current_dir(directory.path()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        git(&["init", "--quiet"]);
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message", "x"]);
        let commit = git(&["rev-parse", "HEAD"]);
        Self { directory, commit }
    }

    fn url(&self) -> String {
        format!("file://{}", self.directory.path().display())
    }
}

fn interrupts() -> Interrupts {
    Interrupts::install().unwrap()
}

#[test]
fn what_is_named_comes_before_what_was_fetched_and_the_option_before_the_variable() {
    let repository = Repository::new(&[("limine-bios.sys", "x")]);
    let (place, url) = (tempfile::tempdir().unwrap(), repository.url());
    let (fetched, remote) = (place.path().join("limine"), Remote { url: &url, commit: &repository.commit });
    let of = |option: Option<&str>, variable: Option<&str>| {
        Source::of(option.map(Path::new), variable.map(PathBuf::from), &fetched, &remote)
    };
    assert_eq!(of(Some("/a"), Some("/b")), Source::Option("/a".into()));
    assert_eq!(of(None, Some("/b")), Source::Variable("/b".into()));
    assert_eq!(of(None, None), Source::Git(fetched.clone()));
    fetch::fetch(&remote, &fetched, &interrupts()).unwrap();
    assert_eq!(of(None, None), Source::Fetched(fetched.clone()));
    assert_eq!(of(Some("/a"), None), Source::Option("/a".into()));
}

#[test]
fn git_brings_the_files_of_the_commit_and_leaves_nothing_else() {
    let repository = Repository::new(&[("limine-bios.sys", "stage 3"), ("LICENSE", "text")]);
    let (place, url) = (tempfile::tempdir().unwrap(), repository.url());
    let (fetched, remote) = (place.path().join("limine"), Remote { url: &url, commit: &repository.commit });
    fetch::fetch(&remote, &fetched, &interrupts()).unwrap();
    assert_eq!(fs::read_to_string(fetched.join("limine-bios.sys")).unwrap(), "stage 3");
    assert!(remote.is_at(&fetched));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn another_commit_that_was_fetched_before_is_replaced() {
    let (old, new) = (Repository::new(&[("a", "old")]), Repository::new(&[("a", "new")]));
    let place = tempfile::tempdir().unwrap();
    let fetched = place.path().join("limine");
    for repository in [&old, &new, &new] {
        let url = repository.url();
        let remote = Remote { url: &url, commit: &repository.commit };
        fetch::fetch(&remote, &fetched, &interrupts()).unwrap();
        assert!(remote.is_at(&fetched));
    }
    assert_eq!(fs::read_to_string(fetched.join("a")).unwrap(), "new");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn without_a_network_the_error_says_what_was_tried_and_what_works_without() {
    let place = tempfile::tempdir().unwrap();
    let remote = Remote { url: "file:///no/such/repository", commit: UPSTREAM.commit };
    let source = Source::Git(place.path().join("limine"));
    let error = format!("{:#}", source.open_from(&remote, &interrupts()).err().unwrap());
    for part in [
        "--limine is not given",
        "STEWARD_LIMINE is not set",
        UPSTREAM.commit,
        "file:///no/such/repository",
        "`git fetch` failed",
        "--limine DIR",
        "--firmware uefi --bootloader steward",
        "--firmware direct",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "something was left behind");
}

#[test]
fn a_commit_that_the_repository_lacks_is_an_error_and_nothing_is_put_in_place() {
    let repository = Repository::new(&[("a", "x")]);
    let (place, url) = (tempfile::tempdir().unwrap(), repository.url());
    let fetched = place.path().join("limine");
    let remote = Remote { url: &url, commit: UPSTREAM.commit };
    assert!(fetch::fetch(&remote, &fetched, &interrupts()).is_err());
    assert!(!fetched.exists());
}

#[test]
fn a_directory_that_is_no_release_is_named_with_where_its_name_came_from() {
    let place = tempfile::tempdir().unwrap();
    for (source, from) in
        [(Source::Option(place.path().into()), "--limine"), (Source::Variable(place.path().into()), VARIABLE)]
    {
        let error = format!("{:#}", source.open(&interrupts()).err().unwrap());
        assert!(error.contains(from) && error.contains(&place.path().display().to_string()), "{error}");
        assert!(error.contains("no binary release of Limine"), "{error}");
    }
}
