//! Reading a `limine.conf`, line by line.

use super::{Config, ConfigError, DEFAULT_TIMEOUT, Fault, Module, Modules, Timeout};

/// A value and the line that it stands on.
type Found<'a> = (&'a str, usize);

/// What was found so far.
struct Parser<'a> {
    entry: Option<Found<'a>>,
    timeout: Option<Timeout>,
    kernel: Option<&'a str>,
    command_line: Option<&'a str>,
    keep_log: Option<&'a str>,
    modules: Modules<'a>,
}

pub(super) fn parse(text: &[u8]) -> Result<Config<'_>, ConfigError<'_>> {
    // Some editors put a byte order mark before UTF-8.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut parser = Parser {
        entry: None,
        timeout: None,
        kernel: None,
        command_line: None,
        keep_log: None,
        modules: Modules::new(),
    };
    let mut line = 0;
    for bytes in text.split(|byte| *byte == b'\n') {
        line += 1;
        let read = str::from_utf8(bytes).map_err(|_| Fault::NotUtf8);
        read.and_then(|read| parser.line(read.trim(), line)).map_err(|fault| ConfigError { line, fault })?;
    }
    parser.finish(line)
}

impl<'a> Parser<'a> {
    fn line(&mut self, text: &'a str, line: usize) -> Result<(), Fault<'a>> {
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        if let Some(name) = text.strip_prefix('/') {
            return self.enter(name, line);
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        match text.split_once(':').map(|(key, value)| (key.trim_end(), value.trim_start())) {
            Some((key, value)) if !key.is_empty() && key.bytes().all(is_word) => self.assign(key, value),
            _ => Err(Fault::NotUnderstood(text)),
        }
    }

    /// An entry begins. More slashes make an entry of an entry, a plus shows it unfolded in a menu.
    fn enter(&mut self, rest: &'a str, line: usize) -> Result<(), Fault<'a>> {
        let name = rest.trim_start_matches('/').trim_start_matches('+').trim_start();
        match self.entry.replace((name, line)) {
            None => Ok(()),
            Some(_) => Err(Fault::SecondEntry(name)),
        }
    }

    fn assign(&mut self, key: &str, value: &'a str) -> Result<(), Fault<'a>> {
        let is = |name: &str| key.eq_ignore_ascii_case(name);
        if is("timeout") {
            // Of two, Limine takes the first.
            let timeout = timeout(value)?;
            self.timeout.get_or_insert(timeout);
            return Ok(());
        }
        // All other keys are the entry's.
        if self.entry.is_none() {
            return Ok(());
        }
        if is("path") || is("kernel_path") {
            let path = path(value)?;
            agree(&mut self.kernel, path, Fault::TwoKernels)
        } else if is("cmdline") || is("kernel_cmdline") {
            agree(&mut self.command_line, plain(value)?, Fault::TwoCommandLines)
        } else if is("module_path") {
            let module = Module { path: path(value)?, string: "" };
            if self.modules.push(module) { Ok(()) } else { Err(Fault::TooManyModules) }
        } else if is("module_string") || is("module_cmdline") {
            let module = self.modules.last_mut().ok_or(Fault::StringWithoutModule)?;
            module.string = plain(value)?;
            Ok(())
        } else if is("protocol") {
            if value.eq_ignore_ascii_case("limine") { Ok(()) } else { Err(Fault::Protocol(value)) }
        } else if is("keep_log") {
            self.keep_log = Some(log_name(value)?);
            Ok(())
        } else {
            Ok(())
        }
    }

    fn finish(self, last_line: usize) -> Result<Config<'a>, ConfigError<'a>> {
        let (name, line) = self.entry.ok_or(ConfigError { line: last_line, fault: Fault::NoEntry })?;
        let kernel = self.kernel.ok_or(ConfigError { line, fault: Fault::NoKernel(name) })?;
        Ok(Config {
            name,
            timeout: self.timeout.unwrap_or(DEFAULT_TIMEOUT),
            kernel,
            command_line: self.command_line.unwrap_or(""),
            keep_log: self.keep_log,
            modules: self.modules,
        })
    }
}

/// Keeps the value, unless another one is there already: releases of Limine differ in the key they know, so both may
/// stand in the file if they agree.
fn agree<'a>(
    place: &mut Option<&'a str>,
    value: &'a str,
    fault: fn(&'a str, &'a str) -> Fault<'a>,
) -> Result<(), Fault<'a>> {
    match place.replace(value) {
        Some(earlier) if earlier != value => Err(fault(earlier, value)),
        _ => Ok(()),
    }
}

/// A value without macros, which Limine would replace.
fn plain(value: &str) -> Result<&str, Fault<'_>> {
    if value.contains("${") { Err(Fault::Macro(value)) } else { Ok(value) }
}

/// The path within the volume, without leading slashes.
fn path(value: &str) -> Result<&str, Fault<'_>> {
    const RESOURCE: &str = "boot():";
    let named = plain(value)?;
    let rest = match named.split_at_checked(RESOURCE.len()) {
        Some((resource, rest)) if resource.eq_ignore_ascii_case(RESOURCE) => rest.trim_start_matches('/'),
        _ => return Err(Fault::NotOnThisVolume(value)),
    };
    match rest {
        "" => Err(Fault::EmptyPath),
        hashed if hashed.contains('#') => Err(Fault::Hash(value)),
        path => Ok(path),
    }
}

fn timeout(value: &str) -> Result<Timeout, Fault<'_>> {
    if value.eq_ignore_ascii_case("no") {
        return Ok(Timeout::Forever);
    }
    // `parse` would take a sign too.
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.then(|| value.parse().ok()).flatten();
    seconds.map(Timeout::Seconds).ok_or(Fault::Timeout(value))
}

fn log_name(value: &str) -> Result<&str, Fault<'_>> {
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let fits = (1..=32).contains(&value.len());
    if fits && value.bytes().all(usable) { Ok(value) } else { Err(Fault::LogName(value)) }
}
