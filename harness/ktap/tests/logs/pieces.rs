//! What makes no difference to a log's results.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::{Log, corpus, results};

/// A line behind its timestamp.
fn behind_time(number: usize, line: &str) -> String {
    let seconds = [0.000_001, 0.5, 9.999_999, 10.0, 12_345.678_901][number.min(4)];
    format!("[{seconds:12.6}] {line}")
}

/// The corpus's logs that are text, changed; those of these names are left out.
fn changed(but: &[&str], change: impl Fn(&str) -> String) {
    for Log { name, content, expected } in corpus() {
        let Ok(text) = String::from_utf8(content) else { continue };
        if but.contains(&&*name) {
            continue;
        }
        let changed = change(&text);
        assert_eq!(results([changed.as_bytes()]), expected, "{name}, changed to\n{changed}");
    }
}

fn each_line(text: &str, change: impl Fn(usize, &str) -> String) -> String {
    text.split_inclusive('\n').enumerate().map(|(number, line)| change(number, line)).collect()
}

#[test]
fn timestamps_make_no_difference() {
    // Lines that end in CR alone are not told apart here.
    changed(&["cr"], |text| each_line(text, behind_time));
}

#[test]
fn other_prefixes_make_no_difference() {
    changed(&["cr"], |text| each_line(text, |number, line| format!("<{}>{}", number % 8, behind_time(number, line))));
    changed(&["cr"], |text| each_line(text, |number, line| format!("[{:>6}] {line}", format!("T{number}"))));
}

#[test]
fn the_ends_of_lines_make_no_difference() {
    changed(&[], |text| text.replace("\r\n", "\n").replace('\n', "\r\n"));
    changed(&[], |text| text.replace('\n', "\n\n"));
}

#[test]
fn the_width_of_indentation_makes_no_difference() {
    let double = |_: usize, line: &str| {
        let rest = line.trim_start_matches(' ');
        format!("{}{line}", " ".repeat(line.len() - rest.len()))
    };
    // Not where spaces are behind a prefix.
    changed(&["prefix-none-in-between"], |text| each_line(text, double));
}

#[test]
fn messages_between_the_lines_make_no_difference() {
    let messages = ["usb 1-1: new device", "[    1.5] eth0: link is up", "  # nothing", "1.. 2"];
    let with = |number: usize, line: &str| format!("{}\n{line}", messages[number % 4]);
    changed(&["cr", "no-last-newline"], |text| each_line(text, with));
}

proptest! {
    #[test]
    fn pieces_of_any_size_make_no_difference(
        log in any::<Index>(), cuts in prop::collection::vec(any::<Index>(), 0..12)
    ) {
        thread_local!(static CORPUS: Vec<Log> = corpus());
        CORPUS.with(|corpus| {
            let Log { name, content, expected } = &corpus[log.index(corpus.len())];
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(content.len() + 1)).collect();
            cuts.extend([0, content.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &content[cut[0]..cut[1]]);
            prop_assert_eq!(&results(pieces), expected, "{}", name);
            Ok(())
        })?;
    }

    #[test]
    fn bytes_of_any_kind_are_read_alike_whole_and_one_by_one(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(results([&bytes[..]]), results(bytes.chunks(1)));
    }

    #[test]
    fn lines_like_those_of_tests_are_read_alike_whole_and_in_pieces(
        lines in prop::collection::vec("( {0,9}|\t|# |\\[ 1.5\\] )(not )?(ok|1\\.\\.|# Subtest: |TAP version 13|---|\\.\\.\\.)( ?[0-9]{0,2})( - [a-c #]{0,6})?(\r|\n|\r\n)", 0..12),
        size in 1usize..40,
    ) {
        let log = lines.concat();
        prop_assert_eq!(results([log.as_bytes()]), results(log.as_bytes().chunks(size)));
    }
}
