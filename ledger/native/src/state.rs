//! Twin of `StateTree.update` (`ledger/machine/state.py`, which states the rules): the same nodes, made here.
//! Nodes stay Python's `Leaf` and `Inner`, so whatever reads a tree reads this one, too.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyType};

use crate::merkle::{sha256, Hash};

const EMPTY: Hash = [0; 32];

/// A subtree: nothing, or a node of Python's with what is known of it.
#[derive(Clone)]
enum Subtree<'py> {
    Nothing,
    Leaf(Bound<'py, PyAny>, Option<Hash>),
    Inner(Bound<'py, PyAny>, Option<Hash>),
}

use Subtree::{Inner, Leaf, Nothing};

/// What shall be at a path: a leaf, or nothing.
type Change<'py> = (Hash, Subtree<'py>);

impl<'py> Subtree<'py> {
    fn object(&self) -> Option<&Bound<'py, PyAny>> {
        match self {
            Nothing => None,
            Leaf(node, _) | Inner(node, _) => Some(node),
        }
    }

    fn hash(&self) -> PyResult<Hash> {
        match self {
            Nothing => Ok(EMPTY),
            Leaf(_, Some(hash)) | Inner(_, Some(hash)) => Ok(*hash),
            Leaf(node, None) | Inner(node, None) => {
                let hash = node.getattr(intern!(node.py(), "hash"))?;
                Ok(hash.extract::<&[u8]>()?.try_into()?)
            }
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self.object(), other.object()) {
            (None, None) => true,
            (Some(one), Some(two)) => one.is(two),
            _ => false,
        }
    }
}

/// Makes nodes of Python's classes.
struct Maker<'a, 'py> {
    py: Python<'py>,
    leaf: &'a Bound<'py, PyType>,
    inner: &'a Bound<'py, PyType>,
}

impl<'py> Maker<'_, 'py> {
    fn read(&self, node: Bound<'py, PyAny>) -> Subtree<'py> {
        if node.is_none() {
            Nothing
        } else if node.get_type().is(self.inner) {
            Inner(node, None)
        } else {
            Leaf(node, None)
        }
    }

    fn make_leaf(
        &self,
        path: &Hash,
        key: Bound<'py, PyAny>,
        value: Bound<'py, PyAny>,
    ) -> PyResult<Subtree<'py>> {
        let content = value.extract::<&[u8]>()?;
        if content.is_empty() || key.extract::<&[u8]>()?.is_empty() {
            return Err(PyValueError::new_err(
                "the state tree holds no empty key or value",
            ));
        }
        let hash = sha256(&[&[0], path, &sha256(&[content])]);
        Ok(Leaf(
            self.leaf
                .call1((PyBytes::new(self.py, &hash), key, value))?,
            Some(hash),
        ))
    }

    /// The parent of two subtrees; a lone leaf rises instead.
    fn join(&self, left: Subtree<'py>, right: Subtree<'py>) -> PyResult<Subtree<'py>> {
        match (&left, &right) {
            (Nothing | Leaf(..), Nothing) => return Ok(left),
            (Nothing, Leaf(..)) => return Ok(right),
            _ => {}
        }
        let hash = sha256(&[&[1], &left.hash()?, &right.hash()?]);
        let node =
            self.inner
                .call1((PyBytes::new(self.py, &hash), left.object(), right.object()))?;
        Ok(Inner(node, Some(hash)))
    }

    /// The subtree at `depth` after these changes, which ascend by path and all lie in it.
    fn apply(
        &self,
        node: Subtree<'py>,
        changes: &[Change<'py>],
        depth: usize,
    ) -> PyResult<Subtree<'py>> {
        if changes.is_empty() {
            return Ok(node);
        }
        let Inner(parent, _) = &node else {
            return self.build(&leaves_after(node, changes)?, depth);
        };
        let (lower, upper) = halves(changes, depth);
        let old_left = self.read(parent.getattr(intern!(self.py, "left"))?);
        let old_right = self.read(parent.getattr(intern!(self.py, "right"))?);
        let left = self.apply(old_left.clone(), lower, depth + 1)?;
        let right = self.apply(old_right.clone(), upper, depth + 1)?;
        if left.is(&old_left) && right.is(&old_right) {
            return Ok(node);
        }
        self.join(left, right)
    }

    fn build(&self, leaves: &[Change<'py>], depth: usize) -> PyResult<Subtree<'py>> {
        match leaves {
            [] => Ok(Nothing),
            [(_, leaf)] => Ok(leaf.clone()),
            _ => {
                let (lower, upper) = halves(leaves, depth);
                self.join(self.build(lower, depth + 1)?, self.build(upper, depth + 1)?)
            }
        }
    }
}

/// Those whose path goes left at `depth`, and those that go right.
fn halves<'a, 'py>(
    changes: &'a [Change<'py>],
    depth: usize,
) -> (&'a [Change<'py>], &'a [Change<'py>]) {
    changes
        .split_at(changes.partition_point(|(path, _)| path[depth / 8] >> (7 - depth % 8) & 1 == 0))
}

/// The leaves, ascending, that one leaf (or nothing) and these changes make.
fn leaves_after<'py>(node: Subtree<'py>, changes: &[Change<'py>]) -> PyResult<Vec<Change<'py>>> {
    let mut leaves: Vec<_> = changes
        .iter()
        .filter(|(_, leaf)| !matches!(leaf, Nothing))
        .cloned()
        .collect();
    if let Some(object) = node.object() {
        let path = sha256(&[object
            .getattr(intern!(object.py(), "key"))?
            .extract::<&[u8]>()?]);
        if changes.iter().all(|(changed, _)| *changed != path) {
            let place = leaves.partition_point(|(other, _)| *other < path);
            leaves.insert(place, (path, node));
        }
    }
    Ok(leaves)
}

/// The root node after setting each key to its value, or deleting it where the value is None; nodes are of the
/// classes `leaf` and `inner`. Raises ValueError for an empty key or value.
#[pyfunction]
pub fn update<'py>(
    root: Bound<'py, PyAny>,
    changes: Bound<'py, PyDict>,
    leaf: Bound<'py, PyType>,
    inner: Bound<'py, PyType>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let maker = Maker {
        py: root.py(),
        leaf: &leaf,
        inner: &inner,
    };
    let mut ordered = Vec::with_capacity(changes.len());
    for (key, value) in changes.iter() {
        let path = sha256(&[key.extract::<&[u8]>()?]);
        let there = if value.is_none() {
            Nothing
        } else {
            maker.make_leaf(&path, key, value)?
        };
        ordered.push((path, there));
    }
    ordered.sort_unstable_by_key(|(path, _)| *path);
    Ok(maker
        .apply(maker.read(root), &ordered, 0)?
        .object()
        .cloned())
}
