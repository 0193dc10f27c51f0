use proptest::prelude::*;
use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use super::*;

const WHOLE: &str = "\
timeout: 0
quiet: yes

# what is started
/Steward
    protocol: limine
    path: boot():/kernel
    kernel_path: boot():/kernel
    cmdline: debug-exit=0xf4 a:b
    kernel_cmdline: debug-exit=0xf4 a:b
    module_path: boot():/modules/hello
    module_string: hello there
    module_path: boot():modules/bare
    keep_log: ktest
";

/// The line and the fault of a text that is refused.
fn fault(text: &str) -> (usize, Fault<'_>) {
    let error = Config::parse(text.as_bytes()).unwrap_err();
    (error.line, error.fault)
}

/// A file with this line below an entry with a kernel, on line 3.
fn with(line: &str) -> String {
    format!("/Steward\npath: boot():/kernel\n{line}\n")
}

#[test]
fn a_whole_file_is_read() {
    let config = Config::parse(WHOLE.as_bytes()).unwrap();
    assert_eq!((config.name, config.kernel), ("Steward", "kernel"));
    assert_eq!(config.timeout, Timeout::Seconds(0));
    assert_eq!(config.command_line, "debug-exit=0xf4 a:b");
    assert_eq!(config.keep_log, Some("ktest"));
    let modules = [("modules/hello", "hello there"), ("modules/bare", "")];
    assert_eq!(config.modules().map(|module| (module.path, module.string)).collect::<Vec<_>>(), modules);
}

#[test]
fn an_entry_with_a_kernel_is_enough() {
    let config = Config::parse(b"/\npath:boot():///deep/kernel").unwrap();
    assert_eq!((config.name, config.kernel, config.command_line), ("", "deep/kernel", ""));
    assert_eq!((config.timeout, config.keep_log, config.modules().len()), (Timeout::Seconds(5), None, 0));
}

#[test]
fn keys_are_known_in_any_case_and_lines_may_end_as_on_windows() {
    let config = Config::parse(b"\xef\xbb\xbfTIMEOUT : NO\r\n/+Steward\r\n\tPath:\tBoot():/Kernel \r\n").unwrap();
    assert_eq!((config.name, config.kernel, config.timeout), ("Steward", "Kernel", Timeout::Forever));
}

#[test]
fn unknown_keys_and_the_entrys_keys_before_the_entry_are_ignored() {
    let config = Config::parse(b"path: elsewhere\nserial: yes\n/S\nresolution: 800x600\npath: boot():/k").unwrap();
    assert_eq!(config.kernel, "k");
}

#[test]
fn a_timeout_may_stand_anywhere_and_the_first_counts() {
    let config = Config::parse(b"/S\npath: boot():/k\ntimeout: 3\ntimeout: 4").unwrap();
    assert_eq!(config.timeout, Timeout::Seconds(3));
}

#[test]
fn a_file_without_an_entry_or_a_kernel_is_refused() {
    assert_eq!(fault(""), (1, Fault::NoEntry));
    assert_eq!(fault("timeout: 1\n"), (2, Fault::NoEntry));
    assert_eq!(fault("timeout: 1\n/Steward\ncmdline: a\n\n"), (2, Fault::NoKernel("Steward")));
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    assert_eq!(fault(&with("kernel_path: boot():/other")), (3, Fault::TwoKernels("kernel", "other")));
    assert_eq!(fault(&with("cmdline: a\nkernel_cmdline: b")), (4, Fault::TwoCommandLines("a", "b")));
    assert_eq!(fault(&with("/Other")), (3, Fault::SecondEntry("Other")));
    assert_eq!(fault(&with("//Below")), (3, Fault::SecondEntry("Below")));
}

#[test]
fn a_path_on_another_volume_is_refused() {
    for path in ["/kernel", "boot(2):/kernel", "hdd(1:1):/kernel", "$boot():/kernel", "boot()", "böot():/kernel"] {
        assert_eq!(fault(&with(&format!("module_path: {path}"))), (3, Fault::NotOnThisVolume(path)));
    }
    assert_eq!(fault(&with("module_path: boot():/")), (3, Fault::EmptyPath));
    assert_eq!(fault(&with("path: boot():/kernel#12ab")), (3, Fault::Hash("boot():/kernel#12ab")));
}

#[test]
fn what_limine_would_replace_is_refused() {
    assert_eq!(fault(&with("cmdline: a ${B}")), (3, Fault::Macro("a ${B}")));
    assert_eq!(fault("${B}=c"), (1, Fault::NotUnderstood("${B}=c")));
}

#[test]
fn bad_values_are_refused() {
    assert_eq!(fault(&with("protocol: linux")), (3, Fault::Protocol("linux")));
    for timeout in ["", "-1", "+1", "1s", "4294967296", "yes"] {
        assert_eq!(fault(&format!("timeout: {timeout}")), (1, Fault::Timeout(timeout)));
    }
    for name in ["", "a/b", "a.log", "a b", "ä", "123456789012345678901234567890123"] {
        assert_eq!(fault(&with(&format!("keep_log: {name}"))), (3, Fault::LogName(name)));
    }
    assert_eq!(fault(&with("module_cmdline: early")), (3, Fault::StringWithoutModule));
    for line in ["kernel", "boot():/kernel", ": value", "two words: value"] {
        assert_eq!(fault(&with(line)), (3, Fault::NotUnderstood(line)));
    }
    assert_eq!(Config::parse(b"/S\ncmdline: \xff").unwrap_err(), ConfigError { line: 2, fault: Fault::NotUtf8 });
}

#[test]
fn as_many_modules_as_promised_and_not_one_more_are_taken() {
    let fits = with("") + &"module_path: boot():/m\n".repeat(MAX_MODULES);
    assert_eq!(Config::parse(fits.as_bytes()).unwrap().modules().len(), MAX_MODULES);
    let more = fits + "module_path: boot():/m";
    assert_eq!(fault(&more), (4 + MAX_MODULES, Fault::TooManyModules));
}

#[test]
fn an_error_tells_the_line_and_shows_no_more_than_a_line_of_it() {
    let text = with(&format!("\u{1b}[2J{}", "x".repeat(5000)));
    let error = Config::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with(r#"line 3: "\u{1b}[2Jxxx"#), "{error}");
    assert!(error.contains("…\" is neither `key: value`") && error.len() < 250, "{error}");
}

/// Lines of which many mean something.
fn line() -> impl Strategy<Value = String> {
    let key = "(timeout|path|kernel_path|cmdline|module_path|module_string|protocol|keep_log|quiet)";
    prop_oneof![
        key.prop_flat_map(|key| "[ -~]{0,12}".prop_map(move |value| format!("{key}: {value}"))),
        key.prop_flat_map(|key| "boot\\(\\):/[a-b#/]{0,3}".prop_map(move |value| format!("{key}: {value}"))),
        Just("/Steward".into()),
        "\\PC{0,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = Config::parse(&bytes) {
            prop_assert!(error.line >= 1 && !error.to_string().is_empty());
        }
    }

    #[test]
    fn whatever_is_accepted_keeps_what_the_type_promises(lines in proptest::collection::vec(line(), 0..12)) {
        let text = lines.join("\n");
        match Config::parse(text.as_bytes()) {
            Ok(config) => {
                let paths = config.modules().map(|module| module.path).chain([config.kernel]);
                for path in paths {
                    prop_assert!(!path.is_empty() && !path.starts_with('/') && !path.contains('\n'));
                }
                prop_assert_eq!(lines.iter().filter(|line| line.trim().starts_with('/')).count(), 1);
                prop_assert!(config.keep_log.is_none_or(|name| (1..=32).contains(&name.len())));
            }
            Err(error) => prop_assert!((1..=lines.len().max(1)).contains(&error.line), "{}", error),
        }
    }
}
