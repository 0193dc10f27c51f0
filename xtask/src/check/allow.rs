//! Allow-lists: one entry a line, its words separated by spaces, then the reason. `#` starts a comment line.

/// An entry of an allow-list.
pub struct Entry<'a> {
    /// Line in the list, from 1.
    pub line: usize,
    /// The first words, as many as the list's format has.
    pub words: Vec<&'a str>,
}

/// Reads a list whose entries start with `count` words. Faults name the line and what it lacks.
pub fn read<'a>(list: &'a str, name: &str, count: usize, faults: &mut Vec<String>) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    for (number, line) in list.lines().enumerate() {
        let mut rest = line.trim();
        if rest.is_empty() || rest.starts_with('#') {
            continue;
        }
        let mut words = Vec::new();
        for _ in 0..count {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            words.push(word);
            rest = after.trim_start();
        }
        if rest.is_empty() {
            faults.push(format!("{name}:{}: the entry gives no reason after its {count} word(s)", number + 1));
            continue;
        }
        entries.push(Entry { line: number + 1, words });
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_words_and_a_reason() {
        let mut faults = Vec::new();
        let entries = read("# why\n\na.rs  5 it is  a table\n", "list", 2, &mut faults);
        assert!(faults.is_empty());
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].line, entries[0].words.as_slice()), (3, ["a.rs", "5"].as_slice()));
    }

    #[test]
    fn an_entry_without_reason_is_a_fault() {
        let mut faults = Vec::new();
        assert!(read("a.rs\n", "list.txt", 1, &mut faults).is_empty());
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("list.txt:1:"), "{faults:?}");
    }
}
