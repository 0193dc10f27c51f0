use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use steward_harness::machine::Kind;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn parse(words: &[&str]) -> Result<Options, clap::Error> {
    Line::try_parse_from([&["test"], words].concat()).map(|line| line.options)
}

fn parsed(words: &[&str]) -> Options {
    parse(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

#[test]
fn the_command_line_is_consistent() {
    Line::command().debug_assert();
}

#[test]
fn a_filter_that_selects_nothing_is_named_in_the_error() {
    let why = nothing_ran(&["pagign".into(), "tmier".into()]);
    assert!(why.contains("`pagign` or `tmier`") && why.contains("--list"), "{why}");
    assert_eq!(nothing_ran(&[]), "no test was run");
}

#[test]
fn listing_needs_what_building_needs() {
    let needed = |words: &[&str]| {
        let options = parsed(words);
        needed(&options, &options.way.way(Kind::Q35, &Workspace::load().unwrap()).unwrap())
    };
    assert_eq!(needed(&["--list"]), [Component::RustTarget(BARE_METAL), Component::Compiler]);
    assert_eq!(needed(&["--list", "--host-only"]), []);
    assert!(needed(&["--host-only"]).contains(&Component::Gdb));
    let for_kernel = [Component::Qemu, Component::RustTarget(BARE_METAL), Component::Compiler];
    assert_eq!(needed(&["--kernel-only"]), for_kernel);
    let by_uefi = needed(&["--kernel-only", "--firmware", "uefi"]);
    assert_eq!(by_uefi[3..], [Component::Firmware, Component::RustTarget(UEFI)]);
    let all = needed(&["--firmware", "bios", "--limine", "/l"]);
    assert!(all.contains(&Component::Compiler) && all.contains(&Component::Firmware), "{all:?}");
}

#[test]
fn a_replay_boots_nothing_and_so_takes_no_way_to_boot() {
    let error = run(&parsed(&["--replay", "7f", "--firmware", "uefi"])).unwrap_err().to_string();
    assert!(error.contains("--replay"), "{error}");
}

#[test]
fn a_way_that_does_not_exist_is_refused_before_anything_is_installed() {
    let words = ["--kernel-only", "--firmware", "uefi", "--machine", "microvm"];
    let error = run(&parsed(&words)).unwrap_err().to_string();
    assert!(error.contains("microvm"), "{error}");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for words in [
        &["--host-only", "--kernel-only"][..],
        &["--host-only", "--isolation", "boot"],
        &["--host-only", "--machine", "pc"],
        &["--host-only", "--firmware", "uefi"],
        &["--host-only", "--repeat", "3"],
        &["--list", "--junit", "x"],
        &["--list", "--replay", "7f"],
        &["--json", "--gdb-on-fail"],
        &["--replay", "7f", "--retries", "1"],
        &["--replay", "7f", "paging"],
    ] {
        assert_eq!(parse(words).err().map(|error| error.kind()), Some(ErrorKind::ArgumentConflict), "{words:?}");
    }
}

#[test]
fn partition_tier_and_names_choose_among_tests_of_both_kinds() {
    let options = parsed(&["paging", "--partition", "hash:2/3", "--tier", "verify"]);
    let partition = Some("hash:2/3".parse().unwrap());
    let (host, kernel) = (host_choice(&options), filter(&options));
    assert_eq!((host.filters, host.partition), (&["paging".to_owned()][..], partition));
    assert_eq!((kernel.patterns, kernel.partition), (vec!["paging".to_owned()], partition));
    assert_eq!((kernel.tier, budget(&options).tier()), (options.run.tier, options.run.tier));
}

#[test]
fn who_repeats_tests_has_no_budget() {
    assert!(budget(&parsed(&[])).line().ends_with("of 10 min"));
    assert!(budget(&parsed(&["--tier", "verify"])).line().ends_with("of 30 min"));
    assert_eq!(budget(&parsed(&["--repeat", "9"])).line(), "tier test: 0 s");
    assert_eq!(budget(&parsed(&["--gdb-on-fail"])).line(), "tier test: 0 s");
}

#[test]
fn a_report_that_cannot_be_written_ends_the_run_before_it_begins() {
    let error = run(&parsed(&["--junit", "/proc/self/no/results.xml"])).unwrap_err().to_string();
    assert!(error.contains("results.xml"), "{error}");
}
