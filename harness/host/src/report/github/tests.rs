use super::*;
use crate::{
    report::demo::{HOSTILE, failed, listing, panicked, passed, record, report},
    suite::Report,
};

fn lines(record: &Record) -> Vec<String> {
    annotations(record, &Directories::default()).lines().map(String::from).collect()
}

#[test]
fn a_failure_is_annotated_where_the_kernel_panicked_and_else_where_the_test_stands() {
    let listing = listing(2);
    let hang = report(&listing.tests[1], Verdict::Hang { interrupts: true }, "no end", None);
    let record = record(2, &[failed(&listing.tests[0]), hang], &[], None);
    let [panicked, hangs] = &lines(&record)[..] else { panic!("{:?}", lines(&record)) };
    assert!(
        panicked.starts_with(
            "::error file=demo/src/lock.rs,line=17,title=panic%3A demo%3A%3Atests%3A%3At0::panicked: no%0Asecond line%0A"
        ),
        "{panicked}"
    );
    assert!(panicked.contains("demo::tests::t0 --seed 0x5eed"), "{panicked}");
    assert!(hangs.starts_with("::error file=demo/src/lib.rs,line=2,title=hang (interrupts on)%3A demo"), "{hangs}");
}

#[test]
fn places_outside_the_repository_are_not_annotated() {
    let listing = listing(1);
    let mut record = record(1, &[failed(&listing.tests[0])], &[], None);
    record.cases[0].attempts[0].place = Some(("/rustc/abc/library/core/src/option.rs".into(), 9));
    assert!(lines(&record)[0].starts_with("::error file=demo/src/lib.rs,line=1,"), "{:?}", lines(&record));
    record.cases[0].file = String::new();
    assert!(lines(&record)[0].starts_with("::error title="), "{:?}", lines(&record));
}

#[test]
fn a_message_cannot_begin_a_command_of_its_own() {
    let listing = listing(1);
    let why = format!("a\r\n::warning::b\n{HOSTILE}");
    let lines = lines(&record(1, &[report(&listing.tests[0], Verdict::Fail, &why, None)], &[], None));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("::a%0D%0A::warning::b%0A") && lines[0].contains("%250A"), "{lines:?}");
}

#[test]
fn ten_errors_are_shown_the_worst_first_and_the_last_counts_the_rest() {
    let listing = listing(30);
    let verdict = |place| if place == 29 { Verdict::TripleFault } else { Verdict::Fail };
    let of = |count: usize| {
        let attempts: Vec<_> =
            (0..count).map(|place| report(&listing.tests[place], verdict(place), "why", None)).collect();
        lines(&record(count, &attempts, &[], None))
    };
    assert_eq!(of(10).iter().filter(|line| line.contains("title=fail")).count(), 10);
    let thirty = of(30);
    assert_eq!(thirty.len(), 10);
    assert!(thirty[0].contains("triple fault") && thirty[0].contains("t29"), "{thirty:?}");
    assert_eq!(thirty[9], "::error title=and 21 more::21 more tests failed; the log names them all");
}

#[test]
fn flaky_tests_and_an_interrupt_are_warnings_of_which_ten_are_shown() {
    let listing = listing(12);
    let flaky = |test| [failed(test), Report { attempt: 2, ..passed(test) }];
    let attempts: Vec<_> = listing.tests[..12].iter().flat_map(flaky).collect();
    let lines = lines(&record(20, &attempts, &[], Some(15)));
    assert_eq!(lines.len(), 10);
    assert!(lines.iter().all(|line| line.starts_with("::warning ")), "{lines:?}");
    assert!(lines[0].contains("interrupted by signal 15 (SIGTERM): 12 of 20 tests ran"), "{lines:?}");
    assert!(lines[1].contains("title=flaky%2C passed on attempt 2%3A panic%3A demo"), "{lines:?}");
    assert!(lines[9].contains("4 more tests are flaky"), "{lines:?}");
}

#[test]
fn a_run_without_failures_or_tests_has_no_annotation() {
    assert_eq!(annotations(&record(0, &[], &[], None), &Directories::default()), "");
    let listing = listing(1);
    assert_eq!(annotations(&record(1, &[passed(&listing.tests[0])], &[], None), &Directories::default()), "");
}

#[test]
fn the_summary_tells_totals_failures_and_flaky_tests() {
    let listing = listing(2);
    let [flaky, fails, _] = &listing.tests[..] else { unreachable!() };
    let attempts = [failed(flaky), Report { attempt: 2, ..passed(flaky) }, failed(fails)];
    let page = job_summary(&record(2, &attempts, &[], None), 1 << 20);
    for piece in [
        "## :x: 1 of 2 tests failed",
        "| 1 | 1 | 1 | 1 | 1.000s |",
        "| <code>demo&#58;&#58;tests&#58;&#58;t1</code> | panic | panicked&#58; no |",
        "### Flaky\n\n- <code>demo&#58;&#58;tests&#58;&#58;t0</code>: attempt 2 passed; first panic&#58; panicked&#58; no\n",
        "<details><summary><code>demo&#58;&#58;tests&#58;&#58;t1</code>: panic</summary>\n\n<pre>\npanic: panicked: no\n",
        "0xffffffff80005678",
        "seed: <code>0x5eed</code>",
    ] {
        assert!(page.contains(piece), "`{piece}` is not in\n{page}");
    }
    let good = job_summary(&record(1, &[passed(fails)], &[], None), 1 << 20);
    assert!(good.contains(":white_check_mark: 1 tests passed") && !good.contains("| Test |"), "{good}");
    assert!(job_summary(&record(0, &[], &[], None), 1 << 20).contains("0 tests passed"));
    assert!(job_summary(&record(3, &[], &[], Some(2)), 1 << 20).contains("interrupted by signal 2 (SIGINT)"));
}

#[test]
fn what_a_kernel_prints_stays_inside_its_cell_and_its_block() {
    let listing = listing(1);
    let mut evidence = panicked();
    evidence.log.push(HOSTILE.as_bytes());
    let page = job_summary(
        &record(1, &[report(&listing.tests[0], Verdict::Fail, HOSTILE, Some(evidence))], &[], None),
        1 << 20,
    );
    assert_eq!((page.matches("<pre>").count(), page.matches("</pre>").count()), (1, 1), "{page}");
    assert!(!page.contains("</script") && !page.contains("<b>"), "{page}");
    let row = page.lines().find(|line| line.contains("| fail |")).unwrap();
    assert_eq!(row.matches('|').count(), 4, "{row}");
    assert!(!page.contains(|character: char| character.is_control() && !"\n\t".contains(character)));
}

#[test]
fn the_summary_stays_below_its_limit_with_whole_failures_and_counts_the_rest() {
    let listing = listing(40);
    let mut evidence = panicked();
    evidence.log = crate::BoundedLog::new(200_000);
    evidence.log.push(&b"x".repeat(100_000));
    let bad = |test| report(test, Verdict::Panic, "why", Some(evidence.clone()));
    let attempts: Vec<_> = listing.tests[..40].iter().map(bad).collect();
    let record = record(40, &attempts, &[], None);
    for limit in [0, 500, 3000, 20_000, 250_000, 1 << 20] {
        let page = job_summary(&record, limit);
        assert!(page.len() <= limit, "{} > {limit}", page.len());
        assert_eq!(page.matches("<details>").count(), page.matches("</details>").count());
    }
    let page = job_summary(&record, 1 << 20);
    let whole = page.matches("<details>").count();
    assert!((5..40).contains(&whole), "{whole}");
    assert!(page.contains(&format!("\n{} more failures are not in full below", 40 - whole)), "{whole}");
    assert_eq!(page.matches("| panic |").count(), 40);
}

#[test]
fn the_summary_is_appended_and_counts_what_the_step_has_written_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("summary.md");
    std::fs::write(&path, "before\n").unwrap();
    GitHub::with_summary(Some(path.clone())).unwrap().write(&record(0, &[], &[], None)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("before\n") && text.contains("0 tests passed"), "{text}");
    std::fs::write(&path, "x".repeat((1 << 20) - 500)).unwrap();
    GitHub::with_summary(Some(path.clone())).unwrap().write(&record(0, &[], &[], None)).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), (1 << 20) - 500);
    let error = GitHub::with_summary(Some(directory.path().into())).unwrap_err().to_string();
    assert!(error.contains("job summary"), "{error}");
}
