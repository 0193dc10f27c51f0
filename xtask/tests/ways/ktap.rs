//! A strict reader of KTAP, written from its description (Linux kernel documentation, "The Kernel Test Anything Protocol
//! (KTAP), version 1") and from nothing of ours.

/// What a log in KTAP says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Results {
    pub passed: Vec<String>,
    pub failed: Vec<String>,
    pub skipped: Vec<String>,
}

impl Results {
    pub fn all(&self) -> usize {
        self.passed.len() + self.failed.len() + self.skipped.len()
    }
}

/// Reads a log that holds one KTAP document, with other lines before, in and behind it. Whatever KTAP says must be there
/// must be: the version, then the plan, then one result for each number, in order; and totals, where there are some,
/// that agree with the results.
pub fn read(log: &str) -> Result<Results, String> {
    let mut results = Results::default();
    let (mut version, mut plan) = (false, None);
    for (number, line) in log.lines().enumerate() {
        let fault = |what: &str| format!("line {}: {what}: {line}", number + 1);
        let rest = line.strip_prefix("not ok ").map(|rest| (false, rest));
        let result = rest.or_else(|| line.strip_prefix("ok ").map(|rest| (true, rest)));
        match (line, result) {
            ("KTAP version 1", _) if version => return Err(fault("a second version")),
            ("KTAP version 1", _) => version = true,
            (_, Some(_)) if plan.is_none() => return Err(fault("a result before the plan")),
            (_, Some((ok, rest))) => add(&mut results, ok, rest).map_err(|what| fault(&what))?,
            _ if line.starts_with("1..") => match (version, plan, line["1..".len()..].parse::<usize>()) {
                (true, None, Ok(count)) => plan = Some(count),
                _ => return Err(fault("no plan, or one in a wrong place")),
            },
            _ if line.starts_with("Bail out!") => return Err(fault("the suite was given up")),
            _ => {
                if let Some(totals) = line.strip_prefix("# Totals: ") {
                    let Results { passed, failed, skipped } = &results;
                    let expected = format!("pass:{} fail:{} skip:{}", passed.len(), failed.len(), skipped.len());
                    if totals != expected {
                        return Err(fault(&format!("the totals are not {expected}")));
                    }
                }
            }
        }
    }
    match plan {
        None => Err("there is no plan".to_owned()),
        Some(count) if count != results.all() => {
            Err(format!("{count} results are planned, and {} there", results.all()))
        }
        Some(_) => Ok(results),
    }
}

/// Takes a result: its number, and if there are such a description and a directive.
fn add(results: &mut Results, ok: bool, rest: &str) -> Result<(), String> {
    let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let expected = results.all() + 1;
    if number != expected.to_string() {
        return Err(format!("it should be number {expected}"));
    }
    let (name, diagnostic) = rest.split_once(" # ").unwrap_or((rest, ""));
    let name = name.strip_prefix("- ").unwrap_or(name).to_owned();
    if name.is_empty() {
        return Err("it has no name".to_owned());
    }
    match (ok, diagnostic.split(' ').next()) {
        (true, Some("SKIP")) => results.skipped.push(name),
        (true, _) => results.passed.push(name),
        (false, _) => results.failed.push(name),
    }
    Ok(())
}

#[test]
fn documents_are_read_whatever_stands_between_their_lines() {
    let log = "boot\nKTAP version 1\n1..3\nok 1 - a::b\n[1.0] a log line\nnot ok 2 c # it failed\nok 3 - d # SKIP no\n\
               # Totals: pass:1 fail:1 skip:1\nsteward>\n";
    let strings = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let expected = Results { passed: strings(&["a::b"]), failed: strings(&["c"]), skipped: strings(&["d"]) };
    assert_eq!(read(log), Ok(expected));
}

#[test]
fn documents_that_lack_something_or_contradict_themselves_are_refused() {
    for (log, why) in [
        ("", "no plan"),
        ("1..1\nok 1 - a\n", "wrong place"),
        ("KTAP version 1\nok 1 - a\n1..1\n", "before the plan"),
        ("KTAP version 1\n1..2\nok 1 - a\n", "2 results are planned"),
        ("KTAP version 1\n1..2\nok 1 - a\nok 3 - b\n", "number 2"),
        ("KTAP version 1\n1..1\nok 1\n", "no name"),
        ("KTAP version 1\nKTAP version 1\n1..0\n", "second version"),
        ("KTAP version 1\n1..1\nok 1 - a\n# Totals: pass:2 fail:0 skip:0\n", "totals"),
        ("KTAP version 1\n1..1\nok 1 - a\nBail out! b\n", "given up"),
    ] {
        let fault = read(log).unwrap_err();
        assert!(fault.contains(why), "{fault}");
    }
}
