//! The measures of a FAT volume (Microsoft, FAT32 File System Specification 1.03).

/// Bytes of a sector.
pub(super) const SECTOR: u32 = 512;
/// Copies of the file allocation table.
pub(super) const TABLES: u32 = 2;
/// The first cluster's number (page 13).
pub(super) const FIRST_CLUSTER: u32 = 2;

/// The width of the file allocation table's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Fat12,
    Fat16,
    Fat32,
}

/// How a volume is divided. All counts are of sectors, where they say nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) sectors: u32,
    pub(super) per_cluster: u32,
    /// In front of the tables.
    pub(super) reserved: u32,
    /// Each of the tables.
    pub(super) table: u32,
    /// The root directory, which FAT32 keeps in clusters like any other.
    pub(super) root: u32,
    /// Clusters.
    pub(super) clusters: u32,
}

impl Shape {
    /// The shape of a volume of this many sectors, with a root directory of this many bytes. None when it is too small.
    pub(super) fn new(sectors: u32, root: u32) -> Option<Self> {
        let (kind, per_cluster) = kind(sectors);
        let (reserved, root) = match kind {
            Kind::Fat32 => (32, 0),
            _ => (1, root.div_ceil(SECTOR)),
        };
        // What the table must cover never gets less by a larger table being taken off: this ends.
        let mut table = 1;
        loop {
            let data = sectors.checked_sub(reserved + root + TABLES * table)?;
            let clusters = data / per_cluster;
            let needed = kind.table_bytes(clusters).div_ceil(SECTOR);
            if needed <= table {
                return Some(Self { kind, sectors, per_cluster, reserved, table, root, clusters });
            }
            table += 1;
        }
    }

    pub(super) fn cluster_bytes(&self) -> u32 {
        self.per_cluster * SECTOR
    }

    /// Where the root directory of FAT12 and FAT16 begins.
    pub(super) fn root_start(&self) -> u32 {
        self.reserved + TABLES * self.table
    }

    /// Where a cluster begins.
    pub(super) fn cluster_start(&self, cluster: u32) -> u32 {
        self.root_start() + self.root + (cluster - FIRST_CLUSTER) * self.per_cluster
    }
}

impl Kind {
    /// Bytes of a table for this many clusters.
    fn table_bytes(self, clusters: u32) -> u32 {
        let entries = clusters + FIRST_CLUSTER;
        match self {
            Self::Fat12 => (entries * 3).div_ceil(2),
            Self::Fat16 => entries * 2,
            Self::Fat32 => entries * 4,
        }
    }
}

/// The kind, and the sectors of a cluster, for a volume of this many sectors.
///
/// The count of clusters is what makes the kind: below 4085 it is FAT12, below 65525 FAT16 (page 14). Programs disagree
/// by a few about where the limits are, so here no count is within 16 of them.
fn kind(sectors: u32) -> (Kind, u32) {
    match sectors {
        ..=4_100 => (Kind::Fat12, 1),
        4_101..=5_200 => (Kind::Fat12, 2),
        5_201..=65_500 => (Kind::Fat16, 1),
        65_501..=67_000 => (Kind::Fat16, 2),
        67_001..=540_000 => (Kind::Fat32, 1),
        540_001.. => (Kind::Fat32, 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_size_has_a_cluster_count_near_the_limits_between_the_kinds_of_fat() {
        let edges = [128, 1000, 65_500, 65_501, 67_000, 67_001, 540_000, 540_001, 2 << 20];
        for sectors in edges.into_iter().chain(4_000..5_300).chain(65_400..67_200) {
            for root in [512 * 32, 1000 * 32] {
                let Shape { kind, clusters, .. } = Shape::new(sectors, root).unwrap();
                let fits = match kind {
                    Kind::Fat12 => clusters <= 4_084 - 16,
                    Kind::Fat16 => (4_085 + 16..=65_524 - 16).contains(&clusters),
                    Kind::Fat32 => clusters >= 65_525 + 16,
                };
                assert!(fits, "{sectors} sectors: {kind:?} with {clusters} clusters");
            }
        }
    }

    #[test]
    fn the_parts_of_a_volume_fit_into_it_and_its_table_covers_its_clusters() {
        for sectors in (128..2_000_000).step_by(997) {
            let shape = Shape::new(sectors, 512 * 32).unwrap();
            let end = shape.cluster_start(FIRST_CLUSTER + shape.clusters);
            assert!(end <= sectors && sectors - end < shape.per_cluster + 1, "{shape:?}");
            assert!(shape.kind.table_bytes(shape.clusters) <= shape.table * SECTOR, "{shape:?}");
        }
    }

    #[test]
    fn a_volume_without_room_for_a_cluster_has_no_shape() {
        assert_eq!(Shape::new(20, 512 * 32), None);
    }
}
