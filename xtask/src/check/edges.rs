//! Dependencies between packages of the workspace: only listed ones, and layers point one way.

use std::collections::BTreeMap;

use cargo_metadata::DependencyKind;

use super::Faults;
use super::allow;
use crate::workspace::Workspace;

const LIST: &str = "xtask/allow/edges.txt";

/// Kernel layers from the lowest up. Each may use those before it; the binary is the last.
const KERNEL_LAYERS: [&str; 10] = [
    "kernel/abi",
    "kernel/ledger",
    "kernel/ledger/model",
    "kernel/c",
    "kernel/c/library",
    "kernel/frames",
    "kernel/slab",
    "kernel/machine",
    "kernel/core",
    "kernel",
];

/// A dependency of one package of the workspace on another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Name of the package that depends.
    pub from: String,
    /// Name of the package that it depends on.
    pub to: String,
    /// `normal`, `build` or `dev`.
    pub kind: &'static str,
    /// Directories of the two, relative to the root.
    pub directories: (String, String),
}

/// Every edge of the workspace, optional and target-specific ones included.
#[must_use]
pub fn of(workspace: &Workspace) -> Vec<Edge> {
    let mut edges = Vec::new();
    for package in workspace.packages() {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let Some(to) = workspace.package(&dependency.name) else { continue };
            edges.push(Edge {
                from: package.name.to_string(),
                to: to.name.to_string(),
                kind: kind(dependency.kind),
                directories: (workspace.directory(package), workspace.directory(to)),
            });
        }
    }
    edges.sort();
    edges.dedup();
    edges
}

fn kind(kind: DependencyKind) -> &'static str {
    match kind {
        DependencyKind::Build => "build",
        DependencyKind::Development => "dev",
        _ => "normal",
    }
}

/// Compares the edges with the list (lines of the form `from to kind reason`) and with the layers.
#[must_use]
pub fn check(edges: &[Edge], list: &str) -> Faults {
    let mut faults = Vec::new();
    let entries = allow::read(list, LIST, 3, &mut faults);
    let mut listed: BTreeMap<(&str, &str, &str), usize> =
        entries.iter().map(|entry| ((entry.words[0], entry.words[1], entry.words[2]), entry.line)).collect();
    for edge in edges {
        let Edge { from, to, kind, directories } = edge;
        if listed.remove(&(from.as_str(), to.as_str(), *kind)).is_none() {
            faults.push(format!("{from} depends on {to} ({kind}), which {LIST} does not list"));
        }
        if let Some(rule) = broken_layer(&directories.0, &directories.1) {
            faults.push(format!("{from} depends on {to} ({kind}): {rule}"));
        }
    }
    faults.extend(listed.into_iter().map(|((from, to, kind), line)| {
        format!("{LIST}:{line}: {from} does not depend on {to} ({kind}); take the entry out")
    }));
    faults
}

/// The rule of ARCHITECTURE.md that an edge between these directories breaks, whatever the list says.
fn broken_layer(from: &str, to: &str) -> Option<&'static str> {
    let layer = |directory: &str| KERNEL_LAYERS.iter().position(|layer| *layer == directory);
    let is_kernel = |directory: &str| directory == "kernel" || directory.starts_with("kernel/");
    match (is_kernel(from), is_kernel(to)) {
        (true, true) => match (layer(from), layer(to)) {
            (Some(from), Some(to)) if from > to => None,
            (Some(_), Some(_)) => Some("layers of the kernel use only lower ones"),
            _ => Some("this crate of the kernel has no layer yet; give it one in xtask/src/check/edges.rs"),
        },
        (false, true) if from.starts_with("user/") && to == "kernel/abi" => None,
        // Proofs are about the kernel, and nothing depends on them.
        (false, true) if from.starts_with("proofs/") => None,
        (false, true) => Some("nothing outside kernel/ knows the kernel"),
        (true, false) if to == "harness/host" || to == "xtask" => Some("the kernel does not know what runs it"),
        // A form of memory that both sides know, as both know the protocol.
        (true, false) if to == "boot/kept-log" => None,
        (true, false) if to.starts_with("boot/") => Some("the kernel knows only the boot protocol, not our loaders"),
        _ if from.starts_with("boot/") && to.starts_with("drivers/") => None,
        _ if to.starts_with("proofs/") => Some("nothing depends on proofs"),
        _ if to == "xtask" => Some("xtask is the outermost program; nothing depends on it"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str, kind: &'static str) -> Edge {
        let name = |directory: &str| directory.replace('/', "-");
        Edge { from: name(from), to: name(to), kind, directories: (from.into(), to.into()) }
    }

    #[test]
    fn listed_edges_pass() {
        let edges = [edge("kernel/machine", "kernel/frames", "normal"), edge("kernel", "harness/guest", "normal")];
        let list = "kernel-machine kernel-frames normal maps frames\nkernel harness-guest normal serves tests\n";
        assert_eq!(check(&edges, list), [""; 0]);
    }

    #[test]
    fn the_kernel_may_know_the_form_of_the_kept_log_and_no_other_part_of_the_loaders() {
        assert_eq!(broken_layer("kernel/machine", "boot/kept-log"), None);
        for part in ["boot/protocol", "boot/volume", "boot/uefi"] {
            assert!(broken_layer("kernel/machine", part).is_some(), "{part}");
        }
    }

    #[test]
    fn an_edge_that_is_not_listed_fails_by_kind() {
        let faults = check(&[edge("a", "b", "dev")], "a b normal used\n");
        assert_eq!(faults.len(), 2);
        assert!(faults[0].contains("a depends on b (dev)"), "{faults:?}");
        assert!(faults[1].contains("does not depend on b (normal)"), "{faults:?}");
    }

    #[test]
    fn no_list_permits_an_edge_against_the_layers() {
        for (from, to) in [
            ("kernel/frames", "kernel/machine"),
            ("kernel/machine", "kernel/core"),
            ("kernel/core", "kernel"),
            ("drivers/serial", "kernel/machine"),
            ("harness/host", "kernel/core"),
            ("ipc/ring", "kernel/abi"),
            ("boot/direct", "kernel"),
            ("kernel/core", "boot/protocol"),
            ("kernel", "harness/host"),
        ] {
            let edge = edge(from, to, "normal");
            let list = format!("{} {} normal wanted\n", edge.from, edge.to);
            assert_eq!(check(&[edge], &list).len(), 1, "{from} → {to}");
        }
    }

    #[test]
    fn a_listed_edge_that_does_not_exist_fails() {
        let faults = check(&[], "a b normal gone\n");
        assert_eq!(faults, ["xtask/allow/edges.txt:1: a does not depend on b (normal); take the entry out"]);
    }
}
