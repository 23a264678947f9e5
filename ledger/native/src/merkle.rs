//! Twins of `ledger.types.merkle.root` and `root_of_hashes`: RFC 6962 over a list.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sha2::{Digest, Sha256};

pub type Hash = [u8; 32];

/// SHA-256 over these parts, one after another.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

fn fold(mut level: Vec<Hash>) -> Hash {
    if level.is_empty() {
        return sha256(&[]);
    }
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => sha256(&[&[1], left, right]),
                lone => lone[0],
            })
            .collect();
    }
    level[0]
}

/// The root over leaves whose 32-byte hashes are given.
#[pyfunction]
pub fn root_of_hashes<'py>(
    py: Python<'py>,
    hashes: Vec<Bound<'py, PyBytes>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let level: Result<Vec<Hash>, _> = hashes
        .iter()
        .map(|hash| hash.as_bytes().try_into())
        .collect();
    let level = level.map_err(|_| PyValueError::new_err("every hash has 32 bytes"))?;
    Ok(PyBytes::new(py, &fold(level)))
}

/// The root over these leaves in their order.
#[pyfunction]
pub fn root<'py>(py: Python<'py>, leaves: Vec<Bound<'py, PyBytes>>) -> Bound<'py, PyBytes> {
    let level = leaves
        .iter()
        .map(|leaf| sha256(&[&[0], leaf.as_bytes()]))
        .collect();
    PyBytes::new(py, &fold(level))
}
