//! From addresses to functions and lines.

mod annotate;

use std::{
    env, fmt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use addr2line::Loader;

pub use annotate::Annotator;

/// How far behind a symbol an address can be and still belong to it, where only the symbol table knows the address.
const LARGEST_FUNCTION: u64 = 64 << 10;

/// The symbols of a kernel's ELF file.
///
/// Reading debug information takes a while, so it happens at the first question.
pub struct Symbols {
    elf: PathBuf,
    /// `None` inside when the file has nothing to read.
    loader: OnceLock<Option<Loader>>,
    /// Source paths below this directory are shown relative to it.
    base: PathBuf,
}

impl fmt::Debug for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Symbols").field("elf", &self.elf).finish_non_exhaustive()
    }
}

impl Symbols {
    /// The symbols of this file. A file without any, or none at all, answers no question.
    #[must_use]
    pub fn of(elf: &Path) -> Self {
        let base = elf.ancestors().find(|path| path.join("Cargo.lock").is_file()).map(PathBuf::from);
        let base = base.or_else(|| env::current_dir().ok()).unwrap_or_default();
        Self { elf: elf.into(), loader: OnceLock::new(), base }
    }

    /// The function and line at an address, `function at file:line`; functions inlined there come first, each
    /// followed by the one it was inlined into. `None` when nothing is known about the address.
    ///
    /// A return address belongs to the instruction after the call: ask for the byte before it.
    #[must_use]
    pub fn describe(&self, address: u64) -> Option<String> {
        let loader = self.loader.get_or_init(|| Loader::new(&self.elf).ok()).as_ref()?;
        let mut frames = loader.find_frames(address).ok()?;
        let mut parts = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|function| function.demangle().ok());
            let place = frame.location.as_ref().and_then(|location| Some((location.file?, location.line.unwrap_or(0))));
            parts.push((
                name.map(|name| without_parameters(&name).into()),
                place.map(|(file, line)| format!("{}:{line}", self.shorten(file))),
            ));
        }
        // Debug information that holds only lines has only last names; the symbol table has full ones.
        let symbol = symbol(loader, address);
        match parts.last_mut() {
            Some((name, _)) => *name = symbol.or(name.take()),
            None => parts.push((Some(symbol?), None)),
        }
        let described = parts.into_iter().map(|(name, place): (Option<String>, Option<String>)| {
            let name = name.unwrap_or_else(|| String::from("?"));
            place.map_or_else(|| name.clone(), |place| format!("{name} at {place}"))
        });
        Some(described.collect::<Vec<_>>().join(", inlined into "))
    }

    fn shorten(&self, file: &str) -> String {
        // The compiler's own sources stand under a path that exists on no machine: /rustc/<commit>/library/….
        if let Some(rest) = file.strip_prefix("/rustc/").and_then(|rest| rest.split_once('/')) {
            return rest.1.into();
        }
        Path::new(file).strip_prefix(&self.base).map_or_else(|_| file.into(), |path| path.display().to_string())
    }
}

/// The name of the function around an address, as the symbol table has it.
fn symbol(loader: &Loader, address: u64) -> Option<String> {
    let symbol = loader.find_symbol_info(address).filter(|symbol| address - symbol.address() < LARGEST_FUNCTION)?;
    Some(addr2line::demangle_auto(symbol.name().into(), None).to_string())
}

/// `run` for `run<steward::Line>`; a name that starts with `<` stays as it is.
fn without_parameters(name: &str) -> &str {
    name.split_once('<').map_or(name, |(before, _)| if before.is_empty() { name } else { before })
}

/// A call stack, a line for each address: `  #0 0xffffffff80012345 function at file:line`.
///
/// `starts_at_instruction` says that the first address is the one of an instruction; all others are return addresses.
#[must_use]
pub fn describe_stack(addresses: &[u64], starts_at_instruction: bool, symbols: Option<&Symbols>) -> String {
    let line = |(number, &address): (usize, &u64)| {
        let asked = if number == 0 && starts_at_instruction { address } else { address.saturating_sub(1) };
        let place =
            symbols.and_then(|symbols| symbols.describe(asked)).map_or_else(String::new, |text| format!(" {text}"));
        format!("  #{number} {address:#018x}{place}\n")
    };
    addresses.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test's own program, which has symbols and debug information like a kernel.
    fn own() -> (Symbols, u64) {
        let program = env::current_exe().unwrap();
        // The program is loaded at a random place; its symbol table is not.
        let loader = Loader::new(&program).unwrap();
        let file = std::fs::read(&program).unwrap();
        let file = object::File::parse(&*file).unwrap();
        use object::{Object, ObjectSymbol};
        let marker = file.symbols().find(|symbol| symbol.name().is_ok_and(|name| name.contains("marker_for_symbols")));
        let address = marker.unwrap().address();
        assert!(loader.find_symbol(address).is_some());
        (Symbols::of(&program), address)
    }

    #[inline(never)]
    fn marker_for_symbols(number: u64) -> u64 {
        std::hint::black_box(number) + 1
    }

    #[test]
    fn a_function_is_named_with_its_file_and_line() {
        assert_eq!(marker_for_symbols(1), 2);
        let (symbols, address) = own();
        let text = symbols.describe(address).unwrap();
        assert!(text.contains("marker_for_symbols at ") && text.contains("symbols.rs:"), "{text}");
        assert!(!text.contains("_ZN") && !text.contains("_R"), "not demangled: {text}");
    }

    #[test]
    fn unknown_addresses_and_files_without_symbols_give_no_answer() {
        assert_eq!(own().0.describe(u64::MAX - 5), None);
        assert_eq!(Symbols::of(Path::new("/dev/null")).describe(1), None);
    }

    #[test]
    fn a_return_address_is_looked_up_at_the_call_before_it() {
        let (symbols, address) = own();
        let lines = describe_stack(&[address, address + 1], true, Some(&symbols));
        let (first, second) = lines.split_once('\n').unwrap();
        assert!(first.starts_with("  #0 0x") && first.contains("marker_for_symbols"), "{lines}");
        assert!(second.starts_with("  #1 0x") && second.contains("marker_for_symbols"), "{lines}");
        let before = describe_stack(&[address], false, Some(&symbols));
        assert_ne!(before, describe_stack(&[address], true, Some(&symbols)));
    }

    #[test]
    fn paths_are_shortened() {
        let symbols = Symbols { elf: PathBuf::new(), loader: OnceLock::new(), base: PathBuf::from("/w") };
        assert_eq!(symbols.shorten("/w/kernel/src/a.rs"), "kernel/src/a.rs");
        assert_eq!(symbols.shorten("/rustc/abc/library/core/src/cell.rs"), "library/core/src/cell.rs");
        assert_eq!(symbols.shorten("/elsewhere/a.rs"), "/elsewhere/a.rs");
    }
}
