//! Guides, followed to the letter: the files and commands of a page in docs/, taken out of it and tried.
//!
//! A page is read from top to bottom. What counts is how its fenced blocks are introduced:
//!
//! - Below a line that ends with a path in backticks and a colon, such as "Put this into `src/main.rs`:", a block is that
//!   file, whole. When the line has the word `add` or `append` in it, the block is added to the end of the file.
//! - A block marked `console` holds commands, each after `$ `, and below each what it prints. They are run by bash, and
//!   must succeed; in a block marked `console fails`, the last one must fail. `cd DIRECTORY`, by itself, holds for all that
//!   follows, files included. A command whose line ends with `\` goes on in the next.
//! - Where something is printed in the page, all that the command prints (output and errors) must be that: `…` on a line of
//!   its own stands for any number of lines, and within a line for any text. Where nothing is printed, it is not compared.
//! - All other blocks are there to be looked at: `text`, `sh` for what is not to be tried, listings without a file's name.
//!
//! The page starts in an empty folder, with a link `steward` in it to this checkout.

mod output;
mod place;

use std::fmt;

pub use place::Place;

/// A page, taken apart.
pub struct Guide {
    name: String,
    steps: Vec<Step>,
}

/// One thing to do, and the line of the page that says so.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    line: usize,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    /// Write a file, or add to its end.
    File { path: String, content: String, add: bool },
    /// Run a command that prints this, when that is compared.
    Command { command: String, prints: Option<String>, fails: bool },
}

impl Guide {
    /// The page of this name in docs/.
    pub fn read(name: &str) -> Self {
        Self::parse(name, &text(name))
    }

    /// A page with this text, for what has to be changed in it first.
    pub fn parse(name: &str, text: &str) -> Self {
        let mut lines = (1..).zip(text.lines());
        let (mut introduction, mut steps) = ("", Vec::new());
        while let Some((line, text)) = lines.next() {
            let Some(info) = text.strip_prefix("```") else {
                introduction = if text.is_empty() { introduction } else { text };
                continue;
            };
            let block: Vec<&str> = lines.by_ref().map(|(_, text)| text).take_while(|text| *text != "```").collect();
            match (info.strip_prefix("console"), file_of(introduction)) {
                (Some(mark), _) => steps.extend(commands(line, mark.trim() == "fails", &block)),
                (None, Some((path, add))) => {
                    let content = block.iter().flat_map(|line| [line, "\n"]).collect();
                    steps.push(Step { line, what: What::File { path: path.into(), content, add } });
                }
                (None, None) => {}
            }
            introduction = "";
        }
        Self { name: name.into(), steps }
    }

    /// Does what the page says, in order. Panics with the page's line where something goes otherwise than it says.
    pub fn follow(&self, place: &mut Place) {
        assert!(!self.steps.is_empty(), "{self} has nothing to do in it");
        for Step { line, what } in &self.steps {
            let done = match what {
                What::File { path, content, add } => place.write(path, content, *add),
                What::Command { command, prints, fails } => place.run(command, prints.as_deref(), *fails),
            };
            if let Err(why) = done {
                panic!("{self}, line {line}: {why}\nall of it stands in {}", place.keep().display());
            }
        }
    }
}

impl fmt::Display for Guide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "docs/{}", self.name)
    }
}

/// The text of the page of this name in docs/.
pub fn text(name: &str) -> String {
    let path = place::checkout().join("docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The file that a line introduces, and whether the block is added to it.
fn file_of(introduction: &str) -> Option<(&str, bool)> {
    let (before, path) = introduction.strip_suffix("`:")?.rsplit_once('`')?;
    let adds = |word: &str| matches!(word.to_lowercase().as_str(), "add" | "append");
    let is_path = !path.is_empty() && !path.contains(' ') && !path.ends_with('/');
    is_path.then(|| (path, before.split(|letter: char| !letter.is_alphabetic()).any(adds)))
}

/// The commands of a block that begins at this line of the page.
fn commands(start: usize, fails: bool, block: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut goes_on = false;
    for (line, text) in (start + 1..).zip(block) {
        if let Some(first) = text.strip_prefix("$ ") {
            let what = What::Command { command: first.into(), prints: None, fails: false };
            steps.push(Step { line, what });
        } else if let Some(Step { what: What::Command { command, prints, .. }, .. }) = steps.last_mut() {
            let text_of = if goes_on { command } else { prints.get_or_insert_default() };
            text_of.extend([if goes_on { "\n" } else { "" }, text, if goes_on { "" } else { "\n" }]);
        }
        goes_on = (goes_on || text.starts_with("$ ")) && text.ends_with('\\');
    }
    if let Some(Step { what: What::Command { fails: last, .. }, .. }) = steps.last_mut() {
        *last = fails;
    }
    steps
}

#[test]
fn files_and_commands_are_taken_out_of_a_page_in_order() {
    let page = "\
# Title

Put this into `src/main.rs`:

```rust
fn main() {}

```

Now add to `Cargo.toml`:
```toml
[profile.dev]
```
To look at:
```rust
nothing()
```
```console fails
$ cd a
$ cargo run \\
    --quiet
one
… two
```
";
    let file = |path: &str, content: &str, add| What::File { path: path.into(), content: content.into(), add };
    let command = |command: &str, prints: Option<&str>, fails| What::Command {
        command: command.into(),
        prints: prints.map(String::from),
        fails,
    };
    let expected = [
        (5, file("src/main.rs", "fn main() {}\n\n", false)),
        (11, file("Cargo.toml", "[profile.dev]\n", true)),
        (19, command("cd a", None, false)),
        (20, command("cargo run \\\n    --quiet", Some("one\n… two\n"), true)),
    ];
    let steps = Guide::parse("page.md", page).steps;
    assert_eq!(steps, expected.map(|(line, what)| Step { line, what }));
}

#[test]
fn a_guide_is_followed_and_told_where_it_is_wrong() {
    let page =
        "`a/b`:\n```\none\n```\nAdd to `a/b`:\n```\ntwo\n```\n```console\n$ cd a\n$ cat b; pwd >&2\none\n…\n…/a\n```\n";
    let mut place = Place::new();
    Guide::parse("page.md", page).follow(&mut place);
    let wrong = |page: &str| {
        let follow = || Guide::parse("page.md", page).follow(&mut Place::new());
        let told = *std::panic::catch_unwind(follow).unwrap_err().downcast::<String>().unwrap();
        let (_, kept) = told.rsplit_once(' ').unwrap();
        std::fs::remove_dir_all(kept).unwrap();
        told
    };
    let told = wrong("```console\n$ true\n$ echo three\none\n```\n");
    assert!(told.starts_with("docs/page.md, line 3: `echo three` prints otherwise"), "{told}");
    let told = wrong("```console\n$ false\n```\n");
    assert!(told.contains("line 2: `false` failed"), "{told}");
    let told = wrong("```console fails\n$ true\n```\n");
    assert!(told.contains("line 2: `true` should fail and succeeded"), "{told}");
}
