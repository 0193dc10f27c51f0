//! Archives of object files, as linkers read them (the format of GNU `ar`): the compiler makes one with all of its run time in
//! it, several megabytes of arithmetic that nobody calls.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use object::read::archive::ArchiveFile;
use object::{File, Object, ObjectSymbol};

/// Bytes of the header of a member.
const HEADER: usize = 60;

/// An object file in an archive.
struct Member<'d> {
    data: &'d [u8],
    /// Names of what it defines and others may use.
    defined: BTreeSet<String>,
    /// Names of what it uses of others.
    used: BTreeSet<String>,
}

/// An archive of those members of another whose names begin with `root`, and of those that they need, directly or not.
///
/// # Errors
/// When the data is no archive of object files, or no name begins so.
pub fn reduced(data: &[u8], root: &str) -> Result<Vec<u8>> {
    let (mut chosen, mut rest) = (Vec::new(), Vec::new());
    for member in ArchiveFile::parse(data)?.members() {
        let member = member?;
        let is_root = member.name().starts_with(root.as_bytes());
        let members = if is_root { &mut chosen } else { &mut rest };
        members.push(Member::read(member.data(data)?)?);
    }
    chosen.first().with_context(|| format!("no member's name begins with {root}"))?;
    Ok(written(&with_needed(chosen, rest)))
}

/// Members, and those of the rest that they need, directly or not.
fn with_needed<'d>(mut chosen: Vec<Member<'d>>, mut rest: Vec<Member<'d>>) -> Vec<Member<'d>> {
    let mut at = 0;
    while let Some(member) = chosen.get(at) {
        for name in member.used.clone() {
            let is_there = chosen.iter().any(|member| member.defined.contains(&name));
            let found = rest.iter().position(|member| member.defined.contains(&name)).filter(|_| !is_there);
            chosen.extend(found.map(|number| rest.remove(number)));
        }
        at += 1;
    }
    chosen
}

impl<'d> Member<'d> {
    fn read(data: &'d [u8]) -> Result<Self> {
        let file = File::parse(data)?;
        let (mut defined, mut used) = (BTreeSet::new(), BTreeSet::new());
        for symbol in file.symbols().filter(ObjectSymbol::is_global) {
            let names = if symbol.is_undefined() { &mut used } else { &mut defined };
            names.insert(symbol.name()?.to_owned());
        }
        Ok(Self { data, defined, used })
    }
}

/// An archive of these, with the index that linkers look names up in.
fn written(members: &[Member<'_>]) -> Vec<u8> {
    let names = || members.iter().flat_map(|member| &member.defined);
    let index = 4 + names().map(|name| 4 + name.len() + 1).sum::<usize>();
    let mut archive = b"!<arch>\n".to_vec();
    archive.extend(header("/", index));
    archive.extend((names().count() as u32).to_be_bytes());
    let mut start = archive.len() - 4 + index.next_multiple_of(2);
    for member in members {
        member.defined.iter().for_each(|_| archive.extend((start as u32).to_be_bytes()));
        start += HEADER + member.data.len().next_multiple_of(2);
    }
    names().for_each(|name| archive.extend(name.bytes().chain([0])));
    pad(&mut archive);
    for (number, member) in members.iter().enumerate() {
        archive.extend(header(&format!("{number}.o/"), member.data.len()));
        archive.extend(member.data);
        pad(&mut archive);
    }
    archive
}

/// The header of a member, without time and owner: the same content gives the same bytes.
fn header(name: &str, bytes: usize) -> Vec<u8> {
    format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{bytes:<10}`\n", 0, 0, 0, 644).into_bytes()
}

/// Members begin at even places.
fn pad(archive: &mut Vec<u8>) {
    archive.extend((!archive.len().is_multiple_of(2)).then_some(b'\n'));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member<'d>(data: &'d [u8], defined: &[&str], used: &[&str]) -> Member<'d> {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Member { data, defined: set(defined), used: set(used) }
    }

    #[test]
    fn an_archive_has_its_members_and_says_who_defines_what() {
        let members = [member(b"odd", &["a", "bc"], &[]), member(b"even", &["d"], &["a"])];
        let archive = written(&members);
        let read = ArchiveFile::parse(&*archive).unwrap();
        let contents: Vec<_> = read.members().map(|member| member.unwrap().data(&*archive).unwrap()).collect();
        assert_eq!(contents, [&b"odd"[..], b"even"]);
        let symbols = read.symbols().unwrap().unwrap().map(|symbol| {
            let symbol = symbol.unwrap();
            let member = read.member(symbol.offset()).unwrap();
            (symbol.name(), member.data(&*archive).unwrap())
        });
        let expected = [(&b"a"[..], &b"odd"[..]), (b"bc", b"odd"), (b"d", b"even")];
        assert_eq!(symbols.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_needed_comes_along_once_and_nothing_else_does() {
        let rest = vec![
            member(b"unused", &["x"], &["a"]),
            member(b"second", &["c"], &["a", "nowhere"]),
            member(b"first", &["b", "d"], &["c"]),
        ];
        let chosen = with_needed(vec![member(b"root", &["a"], &["b", "d", "nowhere"])], rest);
        assert_eq!(chosen.iter().map(|member| member.data).collect::<Vec<_>>(), [&b"root"[..], b"first", b"second"]);
    }

    #[test]
    fn what_is_no_archive_of_object_files_or_lacks_the_root_is_refused() {
        assert!(reduced(b"words", "a").is_err());
        let archive = written(&[member(b"no object", &["a"], &[])]);
        assert!(reduced(&archive, "0").is_err());
        let error = reduced(&written(&[]), "steward").unwrap_err().to_string();
        assert!(error.contains("steward"), "{error}");
    }
}
