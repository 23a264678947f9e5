//! Compiled help for a validator's hot path. Each function does what its Python twin does, and nothing else;
//! the tests run both against each other.

mod merkle;
mod state;

use ed25519_zebra::{batch::Verifier, Signature, VerificationKeyBytes};
use pyo3::prelude::*;

/// Whether all of these (32-byte key, message, 64-byte signature) hold, by ZIP-215. All arithmetic is the
/// crate `ed25519-zebra`'s: its batch accepts exactly what its single verification accepts, which is what
/// `py-ed25519-zebra-bindings` calls. Keys and signatures of other lengths do not hold.
#[pyfunction]
fn verify_batch(
    signed: Vec<(
        Bound<'_, pyo3::types::PyBytes>,
        Bound<'_, pyo3::types::PyBytes>,
        Bound<'_, pyo3::types::PyBytes>,
    )>,
) -> bool {
    let mut batch = Verifier::new();
    for (key, message, signature) in &signed {
        let (Ok(key), Ok(signature)) = (key.as_bytes().try_into(), signature.as_bytes().try_into())
        else {
            return false;
        };
        let (key, signature): ([u8; 32], [u8; 64]) = (key, signature);
        batch.queue((
            VerificationKeyBytes::from(key),
            Signature::from(signature),
            message.as_bytes(),
        ));
    }
    batch.verify(rand::thread_rng()).is_ok()
}

#[pymodule]
fn salus_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(verify_batch, module)?)?;
    module.add_function(wrap_pyfunction!(merkle::root_of_hashes, module)?)?;
    module.add_function(wrap_pyfunction!(merkle::root, module)?)?;
    module.add_function(wrap_pyfunction!(state::update, module)?)
}
