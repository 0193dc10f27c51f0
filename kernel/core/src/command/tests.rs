use proptest::prelude::*;

use super::*;
use crate::monitor::{COMMANDS, tests::Fake};

fn words(line: &str) -> Vec<String> {
    split(line).expect("the line is sound")
}

fn run(line: &str) -> (u8, String) {
    let mut out = String::new();
    let context = &mut Context { out: &mut out, platform: &Fake::default(), table: COMMANDS };
    let status = execute(line, context).expect("a String takes everything");
    (status, out)
}

#[test]
fn spaces_separate_words_and_quotes_join_them() {
    assert_eq!(words("  echo  a\tb "), ["echo", "a", "b"]);
    assert_eq!(words("a 'b c' \"d e\""), ["a", "b c", "d e"]);
    assert_eq!(words("a'b'\"c\"d"), ["abcd"]);
    assert_eq!(words("'' \"\""), ["", ""]);
    assert_eq!(words(""), Vec::<String>::new());
}

#[test]
fn a_backslash_takes_the_next_character_except_between_single_quotes() {
    assert_eq!(words(r"a\ b \' \\"), ["a b", "'", "\\"]);
    assert_eq!(words(r#""\"" '\'"#), ["\"", "\\"]);
}

#[test]
fn what_nothing_closes_is_refused() {
    assert_eq!(split("echo 'a"), Err(SplitError::OpenQuote('\'')));
    assert_eq!(split("echo \"a'"), Err(SplitError::OpenQuote('"')));
    assert_eq!(split("echo \\"), Err(SplitError::LoneBackslash));
    assert_eq!(run("echo 'a"), (USAGE, "nothing closes the '; put another ' after the text\n".into()));
}

#[test]
fn a_blank_line_succeeds_without_output() {
    assert_eq!(run("   "), (0, String::new()));
}

#[test]
fn an_unknown_command_is_named() {
    assert_eq!(run("frobnicate now"), (UNKNOWN, "unknown command 'frobnicate'; try help\n".into()));
    assert_eq!(run("''"), (UNKNOWN, "unknown command ''; try help\n".into()));
    assert_eq!(run("help frobnicate"), (UNKNOWN, "unknown command 'frobnicate'; try help\n".into()));
}

#[test]
fn wrong_arguments_print_the_usage() {
    assert_eq!(run("mem now"), (USAGE, "usage: mem\n".into()));
    assert_eq!(run("fault"), (USAGE, "usage: fault KIND\n".into()));
    assert_eq!(run("help a b"), (USAGE, "usage: help [COMMAND]\n".into()));
}

#[test]
fn help_lists_every_command_in_columns() {
    let (status, list) = run("help");
    assert_eq!(status, 0);
    assert_eq!(list.lines().count(), COMMANDS.0.len());
    let columns: Vec<_> = list.lines().zip(COMMANDS.0).map(|(line, command)| line.find(command.help)).collect();
    assert!(columns.iter().all(|column| column.is_some() && *column == columns[0]), "{list}");
}

#[test]
fn help_explains_one_command_with_its_words() {
    let (status, text) = run("help fault");
    assert_eq!(status, 0);
    assert!(
        text.starts_with("usage: fault KIND\nprovoke a CPU exception\nKIND is one of divide, breakpoint,"),
        "{text}"
    );
}

#[test]
fn completion_offers_commands_first_and_then_their_words() {
    let offered = |before: &str| {
        let mut seen = Vec::new();
        COMMANDS.candidates(before, &mut |word| seen.push(String::from(word)));
        seen
    };
    assert_eq!(offered("").len(), COMMANDS.0.len());
    assert_eq!(offered("help ").len(), COMMANDS.0.len());
    assert_eq!(offered("log "), ["error", "warn", "info", "debug", "trace"]);
    assert!(offered("fault divide ").is_empty());
    assert!(offered("nonsense ").is_empty());
}

#[test]
fn an_output_that_takes_nothing_ends_the_command() {
    struct Deaf;
    impl Write for Deaf {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            Err(fmt::Error)
        }
    }
    let context = &mut Context { out: &mut Deaf, platform: &Fake::default(), table: COMMANDS };
    assert_eq!(execute("mem", context), Err(fmt::Error));
}

proptest! {
    #[test]
    fn quoted_words_come_back_as_they_were(expected in proptest::collection::vec("[ a-z'\"\\\\é]{0,6}", 0..6)) {
        let quote = |word: &String| alloc::format!("'{}'", word.replace('\'', "'\\''"));
        let line = expected.iter().map(quote).collect::<Vec<_>>().join("  ");
        prop_assert_eq!(words(&line), expected);
    }

    #[test]
    fn no_line_panics(line in "\\PC{0,60}") {
        let _ = split(&line);
    }
}

#[test]
fn names_are_sorted_and_differ() {
    let names: Vec<_> = COMMANDS.0.iter().map(|command| command.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
}
