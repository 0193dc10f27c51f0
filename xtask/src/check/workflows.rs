//! Workflows run nothing but `cargo xtask …`: what CI runs, a person can run.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Faults;

const DIRECTORY: &str = ".github/workflows";

/// Checks every workflow of the repository. No workflow at all is a fault too.
///
/// # Errors
/// When a file cannot be read.
pub fn check(root: &Path) -> Result<Faults> {
    let mut faults = Vec::new();
    let mut count = 0;
    if let Ok(entries) = fs::read_dir(root.join(DIRECTORY)) {
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
                count += 1;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                faults
                    .extend(faults_of(&fs::read_to_string(&path)?).map(|fault| format!("{DIRECTORY}/{name}:{fault}")));
            }
        }
    }
    if count == 0 {
        faults.push(format!("{DIRECTORY}: there is no workflow"));
    }
    faults.sort();
    Ok(faults)
}

/// Faults of one workflow, each starting with its line.
fn faults_of(text: &str) -> impl Iterator<Item = String> {
    let mut faults = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let indent = indent(line);
        let body = line.trim_start();
        let body = body.strip_prefix("- ").map_or(body, str::trim_start);
        let Some(command) = body.strip_prefix("run:").map(str::trim) else {
            if is_hidden_command(body) {
                faults.push(format!("{}: write `run:` at the start of a line of its own", index + 1));
            }
            continue;
        };
        if !command.starts_with(['|', '>']) {
            faults.extend(fault_of(index, command));
            continue;
        }
        while let Some((index, line)) = lines.next_if(|(_, line)| line.trim().is_empty() || self::indent(line) > indent)
        {
            if !line.trim().is_empty() {
                faults.extend(fault_of(index, line.trim()));
            }
        }
    }
    faults.into_iter()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// `run` as a key that is quoted or stands inside braces.
fn is_hidden_command(body: &str) -> bool {
    !body.starts_with('#') && ["{run:", "{ run:", ", run:", "\"run\":", "'run':"].iter().any(|form| body.contains(form))
}

fn fault_of(index: usize, command: &str) -> Option<String> {
    let command = command.trim_matches(['"', '\'']);
    let ours = command == "cargo xtask" || command.starts_with("cargo xtask ");
    let joined = ["&", ";", "|", "`", "$(", ">", "<"].iter().any(|mark| command.contains(mark));
    (!ours || joined).then(|| format!("{}: runs `{command}`; workflows run only `cargo xtask …`", index + 1))
}

#[cfg(test)]
mod tests {
    use super::super::sources::tests::tree;
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        faults_of(text).collect()
    }

    #[test]
    fn xtask_alone_passes() {
        let text = "
steps:
  - uses: actions/checkout@v4
  - run: cargo xtask test
  - name: x
    run: |
      cargo xtask check

      cargo xtask doctor
";
        assert_eq!(faults(text), [""; 0]);
    }

    #[test]
    fn anything_else_fails_with_its_line() {
        assert_eq!(faults("  - run: make\n"), ["1: runs `make`; workflows run only `cargo xtask …`"]);
        assert_eq!(faults("  - run: |\n      cargo xtask test\n      make\n").len(), 1);
        assert_eq!(faults("  - run: cargo xtask-other\n").len(), 1);
    }

    #[test]
    fn nothing_rides_along_with_xtask() {
        for command in
            ["cargo xtask test && make", "cargo xtask test; make", "cargo xtask $(make)", "cargo xtask x | y"]
        {
            assert_eq!(faults(&format!("  - run: {command}\n")).len(), 1, "{command}");
        }
    }

    #[test]
    fn a_command_in_braces_or_quotes_is_found() {
        assert_eq!(faults("  - { run: make }\n").len(), 1);
        assert_eq!(faults("  - \"run\": make\n").len(), 1);
    }

    #[test]
    fn a_repository_without_workflows_fails() {
        let root = tree(&[("README.md", "")]);
        assert_eq!(check(root.path()).unwrap().len(), 1);
        let root = tree(&[(".github/workflows/ci.yml", "- run: cargo xtask test\n")]);
        assert_eq!(check(root.path()).unwrap(), [""; 0]);
    }
}
