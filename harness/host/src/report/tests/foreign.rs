//! What is told of kernels that know nothing of the harness: their tests have names that somebody else chose.

use std::{fs, process::Command};

use super::{super::schema::Schema, *};
use crate::{
    listing::{Subject, Test},
    suite::Plan,
};

fn test(subject: Subject, name: &str, file: &str, line: u32) -> Test {
    Test { name: name.into(), file: file.into(), line, subject, ..listing(1).tests.remove(0) }
}

fn line(name: &str) -> Test {
    test(Subject::Line, name, "tests.sh", 7)
}

fn ktap(name: &str) -> Test {
    test(Subject::Ktap { line: None }, name, "", 0)
}

fn fails(test: &Test) -> Report<'_> {
    report(test, Verdict::Fail, "status 1, not 0\nsee above", None)
}

/// A run of such a kernel: each report in turn, and then the tests that it skipped.
fn run(sink: &mut dyn Sink, shape: Option<&str>, reports: &[Report<'_>], skipped: &[Test]) {
    let plan = Plan {
        shape: shape.map(str::to_owned),
        expect: vec!["ktap".into()],
        open: true,
        seed: None,
        ..plan(1, Isolation::Boot)
    };
    sink.began(&Plan { ignored: 0, filtered_out: 0, ..plan }).unwrap();
    let mut summary =
        Summary { total: reports.len(), ignored: skipped.len(), elapsed: Duration::from_secs(1), ..Summary::default() };
    for report in reports {
        sink.started(report.test).unwrap();
        sink.finished(report).unwrap();
        *if report.passed() { &mut summary.passed } else { &mut summary.failed } += 1;
    }
    skipped.iter().for_each(|test| sink.ignored(test).unwrap());
    sink.ended(&summary).unwrap();
}

fn style() -> Style {
    let options = " --kernel 'my kernel' --expect ktap";
    Style { command: "steward-harness run".into(), options: options.into(), ..Style::default() }
}

/// The record of such runs.
fn kept(shapes: &[Option<&str>], reports: &[Report<'_>], skipped: &[Test]) -> Record {
    let facts = vec![("kernel".into(), "bzImage".into())];
    let mut recorder = Recorder::new(Vec::new(), style().command, facts, symbols()).with_options(&style().options);
    shapes.iter().for_each(|shape| run(&mut recorder, *shape, reports, skipped));
    recorder.record().clone()
}

/// What a shell passes to the program when the command is pasted. Here the program tells it.
fn pasted(command: &str) -> Vec<String> {
    let command = command.replacen("steward-harness", r"printf '%s\0'", 1);
    let output = Command::new("/bin/sh").arg("-c").arg(&command).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{command}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn the_command_that_repeats_a_line_works_when_it_is_pasted() {
    for name in ["ls / | wc -l", "echo 'a' \"b\" $HOME `id` \\", "-x", "grep -q ü /etc/motd && true; #", HARD_NAME] {
        let test = line(name);
        let text = terminal(style(), |sink| run(sink, None, &[fails(&test)], &[]));
        let command = text.lines().find_map(|line| line.strip_prefix("  again: ")).unwrap().to_owned();
        let words = pasted(&command);
        // A filter selects the tests whose names have it as a part.
        let filter = words.iter().find(|word| *word != "run" && name.contains(*word)).unwrap();
        assert!(filter.len() * 2 >= name.len() || name == HARD_NAME, "{filter}");
        let rest: Vec<_> = words.iter().filter(|word| *word != filter && *word != "--").collect();
        assert_eq!(rest, ["run", "--kernel", "my kernel", "--expect", "ktap"], "{command}");
    }
}

#[test]
fn names_that_other_people_chose_are_shown_and_act_on_nothing() {
    let (hard, told) = (line(HARD_NAME), ktap(HARD_NAME));
    let skipped = Test { ignored: Some(HOSTILE.into()), ..ktap(HARD_NAME) };
    let text = terminal(style(), |sink| {
        sink.noted(HOSTILE).unwrap();
        run(sink, Some(HOSTILE), &[fails(&hard), fails(&told), passed(&hard)], slice::from_ref(&skipped));
    });
    let control = text.chars().find(|character| character.is_control() && !"\n\t".contains(*character));
    assert_eq!(control, None, "{text:?}");
    assert!(text.contains("PASS [  0.113s] echo 'a b' \"c\" > /tmp/ü,%0A:x && \u{fffd}[2J"), "{text}");
}

#[test]
fn a_test_that_a_log_tells_of_has_neither_seed_nor_machine_of_its_own() {
    let (told, by_line) = (
        ktap("list.init"),
        test(Subject::Ktap { line: Some("modprobe x".into()) }, "modprobe x › list.init", "tests.sh", 3),
    );
    let text = terminal(style(), |sink| run(sink, None, &[fails(&told), fails(&by_line)], &[]));
    assert!(!text.contains("seed") && !text.contains("ready point"), "{text}");
    assert!(text.contains("machine: q35, 1 CPU (max), 128M\n"), "{text}");
    assert!(text.contains("again: steward-harness run --kernel 'my kernel' --expect ktap\n"), "{text}");
    assert!(text.contains("test: tests.sh:3\n"), "{text}");
    assert!(text.contains("again: steward-harness run 'modprobe x' --kernel"), "{text}");
    let record = kept(&[None], &[fails(&told), passed(&told)], &[]);
    let page = html::page(&record);
    assert!(!page.contains("seed") && !page.contains(">none<"), "{page}");
    assert!(!github::job_summary(&record, 1 << 20).contains("seed"));
    let line = Line::finished(None, &fails(&told), &symbols());
    assert_eq!((line.get("seed"), line.get("origin"), line.get("kind")), (None, None, Some(&"ktap".into())));
}

#[test]
fn how_many_tests_a_log_tells_of_is_known_at_its_end() {
    let tests = ["list.init", "list.add"].map(ktap);
    let text = terminal(style(), |sink| run(sink, None, &[passed(&tests[0]), passed(&tests[1])], &[]));
    let first = "running 1 test or more, 2 at a time, each in a freshly booted machine (q35, 1 CPU (max), 128M, tcg), expecting ktap\n";
    assert!(text.starts_with(first), "{text}");
    assert!(text.contains("test result: ok. 2 passed; 0 failed"), "{text}");
    assert_eq!(kept(&[None], &[passed(&tests[0]), passed(&tests[1])], &[]).cut_short(), None);
}

#[test]
fn junit_has_a_suite_for_each_that_the_log_names_and_one_for_the_kernel() {
    let (told, typed) = (ktap("list.init"), line(HARD_NAME));
    let skipped = Test { ignored: Some("no CPU".into()), ..ktap("cpus.two") };
    let text = junit::junit(&kept(&[None], &[passed(&told), fails(&typed)], slice::from_ref(&skipped))).unwrap();
    let report = quick_junit::Report::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let suites: Vec<_> = report.test_suites.iter().map(|suite| suite.name.as_str()).collect();
    assert_eq!(suites, ["bzImage", "cpus", "list"]);
    let case = &report.test_suites[0].test_cases[0];
    // XML has no way to say a control character; all else is as it was.
    let name = HARD_NAME.replace(char::is_control, " ");
    assert_eq!((case.name.as_str(), case.classname.as_ref().unwrap().as_str()), (name.as_str(), "bzImage"));
    assert_eq!(case.extra.get("file").map(quick_junit::XmlString::as_str), Some("tests.sh"));
    assert!(!text.contains("\"seed\"") && report.test_suites[1].test_cases[0].extra.is_empty(), "{text}");
}

#[test]
fn a_page_shows_such_names_as_text() {
    let hard = line(HARD_NAME);
    let page = html::page(&kept(&[None], &[fails(&hard)], &[]));
    assert!(page.contains("echo &#39;a b&#39; &quot;c&quot; &gt; /tmp/ü,%0A:x &amp;&amp; \u{fffd}[2J"), "{page}");
    assert!(!page.contains(|character: char| character.is_control() && !"\n\t".contains(character)));
}

#[test]
fn a_line_is_annotated_in_its_script_from_the_repositorys_root() {
    let hard = line(HARD_NAME);
    let record = kept(&[None], &[fails(&hard)], &[]);
    let annotated = |working: &str, repository: Option<&str>| {
        let directories = github::Directories { working: working.into(), repository: repository.map(Into::into) };
        github::annotations(&record, &directories)
    };
    let text = annotated("/checkout/repo/kernel", Some("/checkout/repo"));
    assert!(
        text.starts_with("::error file=kernel/tests.sh,line=7,title=fail%3A echo 'a b' \"c\" > /tmp/ü%2C%250A%3Ax"),
        "{text}"
    );
    assert!(
        text.contains("::status 1, not 0%0Asee above%0Atest: tests.sh:7%0A") && text.lines().count() == 1,
        "{text}"
    );
    assert!(!text.contains(|character: char| character.is_control() && !"\n\t".contains(character)), "{text:?}");
    assert!(annotated("/elsewhere", Some("/checkout/repo")).starts_with("::error title="));
    assert!(annotated("/checkout", None).starts_with("::error file=tests.sh,line=7,"));
}

#[test]
fn what_kunit_says_of_its_place_is_where_a_failure_is_annotated() {
    let told = ktap("list.init");
    let why = "EXPECTATION FAILED at lib/list-test.c:17\nExpected 0 == len, but";
    let record = kept(&[None], &[report(&told, Verdict::Fail, why, None)], &[]);
    let text = github::annotations(&record, &github::Directories::default());
    assert!(
        text.starts_with("::error file=lib/list-test.c,line=17,title=fail%3A list.init::EXPECTATION FAILED"),
        "{text}"
    );
}

#[test]
fn a_retried_run_of_tests_in_a_log_is_not_a_failure_beside_them() {
    let (whole, told) = (test(Subject::Run, "bzImage", "", 0), ktap("list.init"));
    let mut recorder = Recorder::new(Vec::new(), String::new(), Vec::new(), symbols());
    recorder.began(&plan(1, Isolation::Boot)).unwrap();
    recorder.retrying(&fails(&whole)).unwrap();
    recorder.finished(&Report { attempt: 2, ..passed(&told) }).unwrap();
    recorder.ended(&Summary { total: 1, passed: 1, ..Summary::default() }).unwrap();
    assert_eq!(recorder.record().failures().count(), 0);
}

#[test]
fn runs_over_several_shapes_are_one_report_that_tells_them_apart() {
    let directory = tempfile::tempdir().unwrap();
    let (xml, page) = (directory.path().join("a.xml"), directory.path().join("a.html"));
    let outputs = Outputs {
        junit: Some(xml.clone()),
        html: Some(page.clone()),
        json: true,
        several: true,
        style: style(),
        ..Outputs::default()
    };
    let out = Shared::default();
    let mut sinks = outputs.open(out.clone(), symbols()).unwrap();
    let told = ktap("list.init");
    run(&mut sinks, Some("tiny"), &[passed(&told)], &[]);
    assert!(!xml.exists());
    run(&mut sinks, Some("big"), &[fails(&told)], slice::from_ref(&Test { ignored: None, ..line("x") }));
    sinks.close().unwrap();
    let lines = Schema::of(SCHEMA).lines(&out.text());
    assert_eq!(lines.last().unwrap(), &serde_json::json!({"type": "total", "passed": 1, "failed": 1, "skipped": 1}));
    let shapes: Vec<_> = lines.iter().filter(|line| line["verdict"].is_string()).map(|line| &line["shape"]).collect();
    assert_eq!(shapes, ["tiny", "big"]);
    let text = fs::read_to_string(xml).unwrap();
    let report = quick_junit::Report::deserialize_from_str(&text).unwrap();
    let suites: Vec<_> = report.test_suites.iter().map(|suite| suite.name.as_str()).collect();
    assert_eq!(suites, ["big/kernel", "big/list", "tiny/list"], "{text}");
    let page = fs::read_to_string(page).unwrap();
    assert!(
        page.contains("1 of 2 tests failed") && page.contains("<h2>Shapes</h2>") && page.contains("big: list.init"),
        "{page}"
    );
    let summary = github::job_summary(&kept(&[Some("tiny"), Some("big")], &[fails(&told)], &[]), 1 << 20);
    assert!(
        summary.contains("| :x: tiny | q35, 1 CPU &#40;max&#41;, 128M, tcg | ktap | 0 | 1 | 1.000s |")
            || summary.contains("| :x: tiny | q35"),
        "{summary}"
    );
}

#[test]
fn runs_that_were_given_up_end_with_a_total_and_their_reports() {
    let directory = tempfile::tempdir().unwrap();
    let xml = directory.path().join("a.xml");
    let outputs = || Outputs { junit: Some(xml.clone()), json: true, several: true, ..Outputs::default() };
    // Nothing has begun, so there is nothing to tell.
    drop(outputs().open(Shared::default(), symbols()).unwrap());
    assert!(!xml.exists());
    let out = Shared::default();
    let mut sinks = outputs().open(out.clone(), symbols()).unwrap();
    let told = ktap("list.init");
    sinks.began(&plan(9, Isolation::Test)).unwrap();
    sinks.finished(&passed(&told)).unwrap();
    drop(sinks);
    let lines = Schema::of(SCHEMA).lines(&out.text());
    assert_eq!(lines.last().unwrap(), &serde_json::json!({"type": "total", "passed": 1, "failed": 1, "skipped": 0}));
    assert!(fs::read_to_string(xml).unwrap().contains("cut short: 1 of 9 tests ran"));
}

#[test]
fn what_is_told_of_the_demonstrations_validates() {
    let schema = Schema::of(SCHEMA);
    let told = |play: &dyn Fn(&mut dyn Sink)| {
        let out = Shared::default();
        play(&mut JsonLines::new(out.clone(), symbols()));
        schema.lines(&out.text()).len()
    };
    assert_eq!((told(&simple), told(&retried)), (7, 11));
    assert_eq!(told(&|sink| sink.noted("KVM misbehaves").unwrap()), 1);
    let hard = line(HARD_NAME);
    assert_eq!(told(&|sink| run(sink, Some(HOSTILE), &[fails(&hard)], slice::from_ref(&hard))), 5);
}

/// Written to by a sink, and read by a test.
#[derive(Clone, Default)]
struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
