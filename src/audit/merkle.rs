//! The Merkle tree hash of RFC 6962, section 2.1, over a list that only grows.

use aws_lc_rs::digest::{Context, SHA256};

/// A SHA-256 hash.
pub(super) type Hash = [u8; 32];

/// SHA-256 of several byte strings, one after the other.
pub(super) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|p| context.update(p));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// What has to be kept of a tree to add leaves to it: the roots of its complete subtrees, one for each bit that is
/// set in the number of leaves, the largest first. At most 64 hashes, whatever the number of leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// A frontier that was kept; `None` where the number of hashes cannot be that of `size` leaves.
    pub(super) fn resume(size: u64, peaks: Vec<Hash>) -> Option<Frontier> {
        // Half of what the number could hold: room to grow, whoever says it.
        let fits = peaks.len() == size.count_ones() as usize && size < u64::MAX / 2;
        fits.then_some(Frontier { size, peaks })
    }

    /// Leaves so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees.
    pub(super) fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf.
    pub(super) fn push(&mut self, leaf: &[u8]) {
        // A leaf and a node begin with different bytes: no node can be shown as a leaf.
        let mut node = sha256(&[&[0], leaf]);
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = sha256(&[&[1], &left, &node]);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root over all leaves; of none, the hash of nothing.
    pub(super) fn root(&self) -> Hash {
        let joined = self.peaks.iter().rev().copied().reduce(|right, left| sha256(&[&[1], &left, &right]));
        joined.unwrap_or_else(|| sha256(&[]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::encoding::hex;
    use proptest::prelude::*;

    /// The definition, as RFC 6962 has it.
    fn definition(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => sha256(&[]),
            [leaf] => sha256(&[&[0], leaf]),
            _ => {
                let k = leaves.len().next_power_of_two() / 2;
                sha256(&[&[1], &definition(&leaves[..k]), &definition(&leaves[k..])])
            }
        }
    }

    /// The samples that implementations of Certificate Transparency are tested with.
    #[test]
    fn known_roots() {
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Frontier::default();
        assert_eq!(hex(&tree.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (leaf, root) in leaves.iter().zip(roots) {
            tree.push(leaf);
            assert_eq!(hex(&tree.root()), root, "{} leaves", tree.size());
        }
    }

    #[test]
    fn a_frontier_has_the_hashes_of_its_size() {
        assert!(Frontier::resume(5, vec![[0; 32]; 2]).is_some());
        for (size, hashes) in [(5, 1), (5, 3), (0, 1), (u64::MAX, 64)] {
            assert!(Frontier::resume(size, vec![[0; 32]; hashes]).is_none(), "{size}");
        }
    }

    proptest! {
        #[test]
        fn grows_into_what_the_definition_says(leaves: Vec<Vec<u8>>, cut: prop::sample::Index) {
            let mut tree = Frontier::default();
            for (n, leaf) in leaves.iter().enumerate() {
                if n == cut.index(leaves.len()) {
                    tree = Frontier::resume(tree.size(), tree.peaks().to_vec()).unwrap();
                }
                tree.push(leaf);
                prop_assert_eq!(tree.root(), definition(&leaves[..=n]));
                prop_assert_eq!(tree.peaks().len(), tree.size().count_ones() as usize);
            }
        }
    }
}
