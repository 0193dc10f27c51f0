//! Logs, and what the parser makes of them.

use std::path::Path;
use std::{fs, io};

use serde_json::Value;
use steward_ktap::json::Writer;
use steward_ktap::{Event, Parser, Summary};

/// A log of the corpus and what it comes to.
pub struct Log {
    pub name: String,
    pub content: Vec<u8>,
    pub expected: Value,
}

/// The whole corpus, by name.
pub fn corpus() -> Vec<Log> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut logs: Vec<_> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect();
    logs.sort();
    let log = |path: &std::path::PathBuf| {
        let expected = fs::read(path.with_extension("json")).unwrap();
        Log {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            content: fs::read(path).unwrap(),
            expected: serde_json::from_slice(&expected).unwrap(),
        }
    };
    logs.iter().map(log).collect()
}

/// The results of a log that comes in these pieces, as JSON.
pub fn results<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Value {
    let mut writer = Writer::new(Vec::new());
    let mut parser = Parser::new();
    for piece in pieces {
        parser.push(piece, &mut |event| writer.take(&event));
    }
    let summary = parser.finish(&mut |event| writer.take(&event));
    serde_json::from_slice(&writer.finish(&summary).unwrap()).unwrap()
}

/// Checks what holds of any input: the parser keeps little, and tells of tests in an order that makes a tree. Gives what
/// the log came to, and how many events were told.
pub fn check(input: &[u8], piece: usize) -> (Summary, u64) {
    let mut open = 0;
    let mut events = 0;
    let mut errors = 0;
    let mut tell = |event: Event<'_>| {
        events += 1;
        match event {
            Event::Open { depth, .. } => {
                assert_eq!(depth, open, "a level is opened out of order");
                open += 1;
            }
            Event::Test(test) => {
                open -= usize::from(test.has_subtests);
                assert_eq!(test.depth, open, "a test is told out of order");
            }
            Event::Problem { line, .. } => {
                assert!(line > 0);
                errors += 1;
            }
            _ => {}
        }
    };
    let mut parser = Parser::new();
    for piece in input.chunks(piece) {
        parser.push(piece, &mut tell);
        assert!(parser.retained() <= Parser::MOST, "{} bytes are kept", parser.retained());
    }
    let summary = parser.finish(&mut tell);
    assert_eq!(open, 0, "a level is left open");
    assert!(summary.counts.errors >= errors, "{errors} problems are told, and {} counted", summary.counts.errors);
    (summary, events)
}

/// Where nothing but time is wanted.
pub fn json_to_nowhere(input: &[u8]) -> Summary {
    let mut writer = Writer::new(io::sink());
    let mut parser = Parser::new();
    for piece in input.chunks(1 << 16) {
        parser.push(piece, &mut |event| writer.take(&event));
    }
    let summary = parser.finish(&mut |event| writer.take(&event));
    writer.finish(&summary).unwrap();
    summary
}
