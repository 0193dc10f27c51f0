use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::sync::atomic::AtomicBool;
use std::sync::Mutex as StdMutex;

use super::*;

/// A sink that remembers, and refuses while it is closed.
#[derive(Default)]
struct Memory {
    lines: StdMutex<Vec<String>>,
    closed: AtomicBool,
}

impl Sink for Memory {
    fn write_line(&self, line: &str) -> bool {
        if self.closed.load(Ordering::Relaxed) {
            return false;
        }
        self.lines.lock().unwrap().push(line.into());
        true
    }
}

fn logger_with_sink() -> (Box<Logger>, &'static Memory) {
    // The level is the log crate's, and one for all tests.
    ::log::set_max_level(LevelFilter::Trace);
    let (logger, sink): (_, &'static Memory) = (Box::new(Logger::new()), Box::leak(Box::default()));
    logger.clock.call_once(|| || 1_234_567);
    logger.add_sink(sink).unwrap();
    (logger, sink)
}

fn write(logger: &Logger, level: Level, text: &str) {
    logger.log(&Record::builder().level(level).target("steward_core::log").args(format_args!("{text}")).build());
}

fn kept(logger: &Logger, level: LevelFilter) -> Vec<String> {
    let mut lines = Vec::new();
    let collected: Result<(), ()> = logger.read(level, |line| {
        lines.push(line.to_string());
        Ok(())
    });
    collected.unwrap();
    lines
}

#[test]
fn a_line_has_time_level_and_module() {
    let (logger, sink) = logger_with_sink();
    write(&logger, Level::Info, "2 CPUs");
    let expected = vec!["[    0.001234] INFO  steward_core::log: 2 CPUs\n".to_string()];
    assert_eq!(*sink.lines.lock().unwrap(), expected);
    assert_eq!(kept(&logger, LevelFilter::Trace), expected);
}

#[test]
fn a_text_cannot_pass_for_a_line_of_its_own() {
    let (logger, sink) = logger_with_sink();
    write(&logger, Level::Info, "a\n[    0.000000] ERROR x: y\x1b[2J");
    let line = sink.lines.lock().unwrap()[0].clone();
    assert_eq!(line.chars().filter(|c| c.is_control()).collect::<String>(), "\n");
    assert!(line.contains("a\\n[    0.000000] ERROR x: y\\u{1b}[2J"), "{line}");
}

#[test]
fn a_long_line_is_cut_and_still_ends() {
    let (logger, sink) = logger_with_sink();
    write(&logger, Level::Info, &"é".repeat(MAX_LINE));
    let line = sink.lines.lock().unwrap()[0].clone();
    assert!(line.len() <= MAX_LINE && line.len() >= MAX_LINE - 2);
    assert!(line.ends_with("é\n"));
}

#[test]
fn lines_are_read_by_severity() {
    let (logger, _) = logger_with_sink();
    for level in Level::iter() {
        write(&logger, level, level.as_str());
    }
    assert_eq!(kept(&logger, LevelFilter::Warn).len(), 2);
    assert_eq!(kept(&logger, LevelFilter::Trace).len(), 5);
    assert_eq!(kept(&logger, LevelFilter::Off).len(), 0);
}

#[test]
fn a_sink_that_could_not_take_lines_hears_how_many() {
    let (logger, sink) = logger_with_sink();
    sink.closed.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        write(&logger, Level::Info, "unheard");
    }
    sink.closed.store(false, Ordering::Relaxed);
    write(&logger, Level::Info, "heard");
    write(&logger, Level::Info, "and on");
    let lines = sink.lines.lock().unwrap();
    assert_eq!(lines[0], "... 3 log lines lost here\n");
    assert!(lines[1].ends_with("heard\n") && lines[2].ends_with("and on\n"));
    assert_eq!(kept(&logger, LevelFilter::Trace).len(), 5, "the ring lost nothing");
}

#[test]
fn a_line_logged_while_the_ring_is_held_is_counted_and_nobody_waits() {
    let (logger, sink) = logger_with_sink();
    let held = logger.ring.lock();
    write(&logger, Level::Info, "from an interrupt");
    drop(held);
    write(&logger, Level::Info, "after it");
    let lines = kept(&logger, LevelFilter::Trace);
    assert_eq!(lines[0], "... 1 log lines lost here\n");
    assert!(lines[1].ends_with("after it\n"));
    assert_eq!(sink.lines.lock().unwrap().len(), 2, "the sink lost nothing");
}

#[test]
fn reading_the_log_may_itself_log_and_still_ends() {
    let (logger, _) = logger_with_sink();
    write(&logger, Level::Info, "one");
    write(&logger, Level::Info, "two");
    let mut count = 0;
    logger
        .read(LevelFilter::Trace, |_| -> Result<(), ()> {
            count += 1;
            write(&logger, Level::Info, "while reading");
            Ok(())
        })
        .unwrap();
    assert_eq!(count, 2);
}

#[test]
fn an_error_ends_the_reading() {
    let (logger, _) = logger_with_sink();
    write(&logger, Level::Info, "one");
    write(&logger, Level::Info, "two");
    let mut count = 0;
    let result = logger.read(LevelFilter::Trace, |_| {
        count += 1;
        Err("full")
    });
    assert_eq!((result, count), (Err("full"), 1));
}

#[test]
fn one_sink_more_than_there_are_places_is_refused() {
    let (logger, sink) = logger_with_sink();
    for _ in 1..MAX_SINKS {
        logger.add_sink(sink).unwrap();
    }
    assert_eq!(logger.add_sink(sink), Err(TooManySinks));
    write(&logger, Level::Info, "to all");
    assert_eq!(sink.lines.lock().unwrap().len(), MAX_SINKS);
}

#[test]
fn a_value_that_cannot_be_formatted_is_named() {
    struct Broken;
    impl core::fmt::Display for Broken {
        fn fmt(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            Err(core::fmt::Error)
        }
    }
    let (logger, sink) = logger_with_sink();
    logger.log(&Record::builder().level(Level::Error).target("t").args(format_args!("a {Broken} b")).build());
    assert!(sink.lines.lock().unwrap()[0].ends_with("t: a  (this line's formatting failed)\n"));
}

#[test]
fn the_log_command_prints_what_the_kernels_log_keeps() {
    use crate::{command, monitor};
    let run = |line: &str| {
        let mut out = String::new();
        let platform = &monitor::tests::Fake::default();
        let context = &mut command::Context { out: &mut out, platform, table: monitor::COMMANDS };
        (command::execute(line, context).unwrap(), out)
    };
    ::log::set_max_level(LevelFilter::Trace);
    write(&LOGGER, Level::Warn, "only for this test");
    write(&LOGGER, Level::Debug, "a detail");
    let (status, all) = run("log");
    assert_eq!(status, 0);
    assert!(all.contains("WARN  steward_core::log: only for this test\n") && all.contains("a detail"), "{all}");
    assert!(!run("log info").1.contains("a detail"));
    assert_eq!(run("log set trace"), (0, String::new()));
}
