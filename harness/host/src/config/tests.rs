use std::{fs, path::Path};

use proptest::prelude::*;

use super::*;

/// The keys of the file, as messages have them; `{TOP}` in the table.
const TOP: &str = "append, boot, boot-timeout, expect, firmware, fork-at, image, initrd, kernel, limine, machine, \
                   matrix, send-file and timeout";

/// A text, and what is said about it after the file's name.
#[rustfmt::skip]
const WRONG: &[(&str, &str)] = &[
    ("memry = 3\n", "1:1: `memry` is no key here; did you mean `machine.memory`? Known are {TOP}\n    memry = 3\n    ^^^^^"),
    ("kernel = 3\n", "1:10: invalid type: integer `3`, expected a path, such as \"target/kernel\"\n    kernel = 3\n             ^"),
    ("kernel = \"\"\n", "1:10: an empty path names no file\n    kernel = \"\"\n             ^^"),
    ("[matrix.a]\ninitrd = \"a\\u0000b\"\n", "2:10: a path cannot hold the character U+0000\n    initrd = \"a\\u0000b\"\n             ^^^^^^^^^^"),
    ("image = [\"ma\\u0000ke\", \"{image}\"]\n", "1:9: a program and its arguments cannot hold the character U+0000\n    image = [\"ma\\u0000ke\", \"{image}\"]\n            ^^^^^^^^^^^^^^^^^^^^^^^^^"),
    ("memory = \"64M\"\n", "1:1: `memory` is no key here; it belongs into [machine]: machine.memory = …; known are {TOP}\n    memory = \"64M\"\n    ^^^^^^"),
    ("kernle = \"a\"\n", "1:1: `kernle` is no key here; did you mean `kernel`? Known are {TOP}\n    kernle = \"a\"\n    ^^^^^^"),
    ("[machine]\nmemory = 64\n", "2:10: invalid type: integer `64`, expected an amount of memory, such as \"128M\"\n    memory = 64\n             ^^"),
    ("[machine]\nmemory = \"64\"\n\tmemroy = \"1M\"\n", "3:2: `memroy` is no key here; did you mean `memory`? Known are accel, cpu, cpus, kind and memory\n     memroy = \"1M\"\n     ^^^^^^"),
    ("[machine]\nmemory = \"8T\"\n", "2:10: `8T` is no amount of memory; write 64M or 8G, from 1M to 1024G\n    memory = \"8T\"\n             ^^^^"),
    ("[machine]\nkind = \"isapc\"\n", "2:8: `isapc` is no machine; known are q35, pc and microvm\n    kind = \"isapc\"\n           ^^^^^^^"),
    ("[machine]\ncpus = 0\n", "2:8: `0` is no number of CPUs; write 1 to 255\n    cpus = 0\n           ^"),
    ("[machine]\ncpus = \"4\"\n", "2:8: invalid type: string \"4\", expected a number of CPUs, from 1 to 255\n    cpus = \"4\"\n           ^^^"),
    ("[machine]\ncpus = 4.5\n", "2:8: invalid type: floating point `4.5`, expected a number of CPUs, from 1 to 255\n    cpus = 4.5\n           ^^^"),
    ("[machine]\ncpu = true\n", "2:7: invalid type: boolean `true`, expected a string\n    cpu = true\n          ^^^^"),
    ("[machine]\naccel = \"hvf\"\n", "2:9: `hvf` is no accelerator; known are auto, tcg and kvm\n    accel = \"hvf\"\n            ^^^^^"),
    ("machine = 3\n", "1:11: invalid type: integer `3`, expected a table with the parts of machines, such as { memory = \"64M\" }\n    machine = 3\n              ^"),
    ("boot = \"grub\"\n", "1:8: `grub` is no way to boot; known are auto, direct, linux, iso and disk\n    boot = \"grub\"\n           ^^^^^^"),
    ("firmware = 'efi'\n", "1:12: `efi` is no firmware; known are bios and uefi\n    firmware = 'efi'\n               ^^^^^"),
    ("timeout = 0\n", "1:11: `0` is no time limit; write whole seconds, from 1 to 86400\n    timeout = 0\n              ^"),
    ("timeout = -1\n", "1:11: `-1` is no time limit; write whole seconds, from 1 to 86400\n    timeout = -1\n              ^^"),
    ("timeout = \"60\"\n", "1:11: invalid type: string \"60\", expected whole seconds, from 1 to 86400\n    timeout = \"60\"\n              ^^^^"),
    ("boot_timeout = 60\n", "1:1: `boot_timeout` is no key here; did you mean `boot-timeout`? Known are {TOP}\n    boot_timeout = 60\n    ^^^^^^^^^^^^"),
    ("boot-timeout = 99999999999999999999\n", "1:16: `99999999999999999999` is no time limit; write whole seconds, from 1 to 86400\n    boot-timeout = 99999999999999999999\n                   ^^^^^^^^^^^^^^^^^^^^"),
    ("fork-at = \"/ # \"\n", "1:11: `/ # ` is no fork point; write text= and what the kernel prints there, such as its prompt: text=/ #\n    fork-at = \"/ # \"\n              ^^^^^^"),
    ("fork-at = \"text=\"\n", "1:11: an empty text is no sign of anything\n    fork-at = \"text=\"\n              ^^^^^^^"),
    ("send-file = []\n", "1:13: invalid type: sequence, expected a path, such as \"target/kernel\"\n    send-file = []\n                ^^"),
    ("image = \"cargo bootimage\"\n", "1:9: invalid type: string \"cargo bootimage\", expected a list with a program and its arguments, such as [\"make\", \"{image}\"]\n    image = \"cargo bootimage\"\n            ^^^^^^^^^^^^^^^^^"),
    ("image = []\n", "1:9: an empty list names no program\n    image = []\n            ^^"),
    ("image = [\"cargo\", \"bootimage\"]\n", "1:9: no word of it has {image}, which stands for the file that the command must write\n    image = [\"cargo\", \"bootimage\"]\n            ^^^^^^^^^^^^^^^^^^^^^^"),
    ("image = [\"cargo\", 3]\n", "1:19: invalid type: integer `3`, expected a string\n    image = [\"cargo\", 3]\n                      ^"),
    ("expect = []\n", "1:10: an empty list expects nothing; write \"ktap\", \"exit=33\" or \"text=…\"\n    expect = []\n             ^^"),
    ("expect = 3\n", "1:10: invalid type: integer `3`, expected an expectation, such as \"ktap\", or a list of them\n    expect = 3\n             ^"),
    ("[matrix]\ntiny = 3\n", "2:8: invalid type: integer `3`, expected a table with a shape, such as { memory = \"64M\" }\n    tiny = 3\n           ^"),
    ("[matrix.tiny]\ntimeout = 3\nkernel = \"x\"\n", "3:1: `kernel` is no key here; known are append, boot, cpu, cpus, expect, firmware, initrd, kind, memory and timeout\n    kernel = \"x\"\n    ^^^^^^"),
    ("[matrix.\"a b\"]\n", "1:9: a shape's name is made of letters, digits, `-` and `_`\n    [matrix.\"a b\"]\n            ^^^^^"),
    ("[matrix.a]\n[matrix.a]\n", "2:9: duplicate key\n    [matrix.a]\n            ^"),
    ("kernel = \"a\"\nkernel = \"b\"\n", "2:1: duplicate key\n    kernel = \"b\"\n    ^^^^^^"),
    ("kernel = a\n", "1:10: string values must be quoted, expected literal string\n    kernel = a\n             ^"),
    ("kernel = \"a\n", "1:12: invalid basic string, expected `\"`\n    kernel = \"a\n               ^"),
    ("[machine\n", "1:9: unclosed table, expected `]`\n    [machine\n            ^"),
    ("kernel =", "1:9: string values must be quoted, expected literal string\n    kernel =\n            ^"),
    ("\"k\\u0007`ü\" = 1", "1:1: `k�`ü` is no key here; known are {TOP}\n    \"k\\u0007`ü\" = 1\n    ^^^^^^^^^^^"),
    ("append = \"ü\" x\n", "1:14: unexpected key or value, expected newline, `#`\n    append = \"ü\" x\n                 ^"),
    ("expect = \"passes\"\n", "1:10: `passes` is no expectation; known are ktap, text=TEXT, regex=EXPRESSION, exit=N, status=N and verdict=ID, and ktest for the kernel's own #[ktest]s\n    expect = \"passes\"\n             ^^^^^^^^"),
    ("expect = [\"ktap\", \"exit=999\"]\n", "1:19: `exit=999`: a status is a number from 0 to 255\n    expect = [\"ktap\", \"exit=999\"]\n                      ^^^^^^^^^^"),
    ("fork-at = \"text=a\\tb\"\n", "1:11: the text \"a\\tb\" holds the control character U+0009: only text within a line can be waited for\n    fork-at = \"text=a\\tb\"\n              ^^^^^^^^^^^"),
    ("[matrix.a]\nexpect = \"verdict=dead\"\n", "2:10: `verdict=dead` cannot be expected; known are fail, panic, triple-fault, reset, hang-interrupts-on, hang-interrupts-off, truncated, boot-failure, firmware-failure\n    expect = \"verdict=dead\"\n             ^^^^^^^^^^^^^^"),
    ("[matrix.a]\naccel = \"tcg\"\n", "2:1: `accel` is no key here; known are append, boot, cpu, cpus, expect, firmware, initrd, kind, memory and timeout\n    accel = \"tcg\"\n    ^^^^^"),
    ("[machines]\n", "1:2: `machines` is no key here; did you mean `machine`? Known are {TOP}\n    [machines]\n     ^^^^^^^^"),
];

fn read(text: &str) -> Result<Project, String> {
    Project::own_text(Path::new("a/b.toml"), text).map_err(|error| error.to_string())
}

#[test]
fn whatever_is_wrong_is_said_with_its_place_its_line_and_what_would_be_right() {
    for (text, said) in WRONG {
        assert_eq!(read(text).unwrap_err(), format!("a/b.toml:{}", said.replace("{TOP}", TOP)), "{text}");
    }
}

#[test]
fn every_key_is_read_and_paths_start_from_the_file() {
    let project = read(
        r#"
        kernel = "k"
        initrd = "/abs/i"
        append = "console=ttyS0"
        boot = "linux"
        firmware = "uefi"
        limine = "l"
        image = ["make", "{image}"]
        expect = ["ktap", "exit=33"]
        timeout = 5
        boot-timeout = 86400
        fork-at = "text=/ # "
        send-file = "t"
        machine = { kind = "pc", cpus = 4, memory = "1G", cpu = "qemu64", accel = "kvm" }
        "#,
    );
    let expected = Settings {
        kernel: Some("a/k".into()),
        initrd: Some("/abs/i".into()),
        append: Some("console=ttyS0".into()),
        boot: "linux".parse().ok(),
        firmware: Some(Firmware::Uefi),
        limine: Some("a/l".into()),
        image: Some(vec!["make".into(), "{image}".into()]),
        expect: Some(vec!["ktap".parse().unwrap(), "exit=33".parse().unwrap()]),
        timeout: Seconds::new(5),
        boot_timeout: Seconds::new(86_400),
        fork_at: "text=/ # ".parse().ok(),
        send_file: Some("a/t".into()),
        machine: Machine {
            kind: "pc".parse().ok(),
            cpus: Some(4),
            memory: "1G".parse().ok(),
            cpu: Some("qemu64".into()),
            accel: "kvm".parse().ok(),
        },
    };
    let project = project.unwrap();
    assert_eq!((project.settings, project.matrix), (expected, vec![]));
}

#[test]
fn an_empty_file_states_nothing() {
    assert_eq!(read("").unwrap(), Project { file: Some("a/b.toml".into()), ..Project::default() });
    assert_eq!(Machine::default().shape(), crate::machine::Shape::default());
}

#[test]
fn shapes_keep_the_order_of_the_file_and_state_only_what_they_say() {
    let project =
        read("[matrix.z]\nmemory = \"16M\"\nexpect = \"text=out\"\n[matrix.a-1]\n[matrix]\nm_2 = { initrd = \"i\" }");
    let project = project.unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<_> = project.matrix.iter().map(|shape| shape.name.as_str()).collect();
    assert_eq!(names, ["z", "a-1", "m_2"]);
    let machine = Machine { memory: "16M".parse().ok(), ..Machine::default() };
    let expect = Some(vec!["text=out".parse().unwrap()]);
    assert_eq!(project.matrix[0].settings, Settings { machine, expect, ..Settings::default() });
    assert_eq!(project.matrix[2].settings.initrd.as_deref(), Some(Path::new("a/i")));
}

#[test]
fn what_is_stated_above_goes_over_what_is_stated_below() {
    let above = read("kernel = \"x\"\nmachine.cpus = 2").unwrap().settings;
    let below = read("kernel = \"y\"\nappend = \"z\"\nmachine.cpus = 4\nmachine.memory = \"1G\"").unwrap().settings;
    let both = above.over(below);
    assert_eq!((both.kernel.as_deref(), both.append.as_deref()), (Some(Path::new("a/x")), Some("z")));
    assert_eq!(both.machine.shape().to_string(), "q35, 2 CPUs (max), 1G");
}

/// A directory with these files; one whose name ends in `/` is a directory.
fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(if name.ends_with('/') { &path } else { path.parent().unwrap() }).unwrap();
        if !name.ends_with('/') {
            fs::write(path, text).unwrap();
        }
    }
    directory
}

#[test]
fn the_nearest_file_above_is_found_but_none_outside_of_the_repository() {
    let tree = files(&[
        ("steward-harness.toml", "append = \"outer\""),
        ("one/steward-harness.toml", "append = \"one\""),
        ("one/a/b/", ""),
        ("two/.git/", ""),
        ("two/a/", ""),
        ("three/.git", "gitdir: elsewhere"),
        ("three/steward-harness.toml", "append = \"three\""),
        ("three/a/", ""),
        ("four/a/", ""),
    ]);
    let append = |place: &str| Project::find(&tree.path().join(place)).unwrap().settings.append;
    for (place, expected) in [
        ("one/a/b", Some("one")),
        ("one", Some("one")),
        ("two/a", None),
        ("three/a", Some("three")),
        ("four/a", Some("outer")),
    ] {
        assert_eq!(append(place).as_deref(), expected, "{place}");
    }
}

#[test]
fn a_manifest_states_the_same_in_a_table_of_its_own() {
    let tree = files(&[
        (".git/", ""),
        (
            "k/Cargo.toml",
            "[package]\nname = \"k\"\n[package.metadata.steward]\nkernel = \"x\"\n[package.metadata.steward.matrix.a]\n",
        ),
        ("plain/Cargo.toml", "[package]\nname = \"k\"\nmetadata.other = 1\n"),
        ("virtual/Cargo.toml", "[workspace]\nmembers = []\n"),
        ("wrong/Cargo.toml", "[package]\nname = \"k\"\n[package.metadata.steward]\nkernle = \"x\"\n"),
    ]);
    let project = Project::find(&tree.path().join("k")).unwrap();
    assert_eq!(project.settings.kernel, Some(tree.path().join("k/x")));
    assert_eq!(project.matrix[0].name, "a");
    for place in ["plain", "virtual"] {
        assert_eq!(Project::find(&tree.path().join(place)).unwrap(), Project::default());
        let named = Project::read(&tree.path().join(place).join("Cargo.toml")).unwrap_err().to_string();
        assert!(named.ends_with("it has no table [package.metadata.steward], which would be read"), "{named}");
    }
    let wrong = Project::find(&tree.path().join("wrong")).unwrap_err().to_string();
    assert!(wrong.contains("Cargo.toml:4:1: `kernle` is no key here; did you mean `kernel`?"), "{wrong}");
}

#[test]
fn two_places_at_once_are_refused_with_both_names() {
    let tree = files(&[
        ("steward-harness.toml", ""),
        ("k/Cargo.toml", "[package]\nname = \"k\"\n[package.metadata.steward]\n"),
    ]);
    let error = Project::find(&tree.path().join("k")).unwrap_err().to_string();
    assert!(
        error.contains("steward-harness.toml") && error.contains("k/Cargo.toml") && error.contains("--config"),
        "{error}"
    );
}

#[test]
fn a_file_that_cannot_be_read_or_is_no_text_is_named() {
    let tree = files(&[("steward-harness.toml/x", "")]);
    let error = Project::find(tree.path()).unwrap_err().to_string();
    assert!(error.starts_with("reading ") && error.contains("steward-harness.toml: "), "{error}");
    let file = tree.path().join("latin1.toml");
    fs::write(&file, b"kernel = \"k\"\nappend = \"\xfc\"\n").unwrap();
    let error = Project::read(&file).unwrap_err().to_string();
    assert!(error.ends_with("latin1.toml:2: this is no UTF-8, as TOML must be"), "{error}");
    assert!(Project::read(&tree.path().join("absent")).unwrap_err().to_string().contains("absent"));
}

#[test]
fn a_long_line_is_cut_and_nothing_in_it_moves_the_cursor() {
    let error = read(&format!("kernle = \"\u{7f}\" # {}", "x".repeat(10_000))).unwrap_err();
    assert!(error.chars().count() < 600 && !error.contains('\u{7f}'), "{error}");
    let error = read(&format!("{} = 1", "k".repeat(100_000))).unwrap_err();
    assert!(error.chars().count() < 800 && error.lines().count() == 3, "{error}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_the_files_name(
        text in r#"((kernel|expect|timeout|fork-at|image|machine|matrix\.a|memory|cpus|zzz)( = |\.)("[a-z=]{0,6}"|[0-9]{1,3}|\[[a-z", ]{0,9}\]|\{[a-z =1"]{0,9}\})|\[[a-z.]{0,9}\]|\n|.){0,8}"#
    ) {
        if let Err(error) = read(&text) {
            prop_assert!(error.starts_with("a/b.toml:"), "{}", error);
        }
    }
}
