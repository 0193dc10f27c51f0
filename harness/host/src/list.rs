//! Listing tests for `--list`. Other programs read this.

use std::io::{self, Write};

use serde_json::json;
use steward_harness::listing::Test;

use crate::cli::Format;

/// Writes the list. Of the lines that are not JSON, every one that ends in `: test` is a test, and with
/// [`Format::Terse`] there is no other line. In JSON, tests of the crate `own_crate` go without its name.
pub fn write(out: &mut impl Write, tests: &[&Test], format: Format, own_crate: Option<&str>) -> io::Result<()> {
    if format == Format::Json {
        return write_json(out, tests, own_crate);
    }
    for test in tests {
        writeln!(out, "{}: test", test.name)?;
    }
    if format == Format::Pretty {
        writeln!(out, "\n{} tests, 0 benchmarks", tests.len())?;
    }
    out.flush()
}

/// As libtest does: a line for each test between two of type `suite`.
fn write_json(out: &mut impl Write, tests: &[&Test], own_crate: Option<&str>) -> io::Result<()> {
    writeln!(out, "{}", json!({ "type": "suite", "event": "discovery" }))?;
    for test in tests {
        let own = own_crate == Some(test.crate_name());
        let line = json!({
            "type": "test",
            "event": "discovered",
            "name": if own { test.path_in_crate() } else { &test.name },
            "ignore": test.ignored.is_some(),
            "ignore_message": test.ignored.as_deref().unwrap_or_default(),
            "source_path": test.file,
            "start_line": test.line,
        });
        writeln!(out, "{line}")?;
    }
    let ignored = tests.iter().filter(|test| test.ignored.is_some()).count();
    let (suite, event, total) = ("suite", "completed", tests.len());
    let line =
        json!({ "type": suite, "event": event, "tests": total, "benchmarks": 0, "total": total, "ignored": ignored });
    writeln!(out, "{line}")?;
    out.flush()
}
