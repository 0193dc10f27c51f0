//! The logs of corpus/, beside what they come to.

use std::{collections::BTreeSet, fs, path::Path};

use crate::support::{corpus, results};

#[test]
fn each_log_comes_to_what_stands_beside_it() {
    let mut wrong = Vec::new();
    for log in corpus() {
        let found = results([&log.content[..]]);
        if found != log.expected {
            wrong.push(format!("{}: expected {}\n{:>4}found {found}", log.name, log.expected, ""));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_corpus_is_as_large_as_promised_and_explained() {
    let names: BTreeSet<_> = corpus().into_iter().map(|log| log.name).collect();
    assert!(names.len() >= 60, "{} logs", names.len());
    let index = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/README.md")).unwrap();
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    assert_eq!(index.lines().filter_map(cell).collect::<BTreeSet<_>>(), names);
}
