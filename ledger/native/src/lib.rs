//! Many Ed25519 signatures verified together, by ZIP-215. All arithmetic is the crate `ed25519-zebra`'s: its
//! batch accepts exactly what its single verification accepts, which is what `py-ed25519-zebra-bindings` calls.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::slice::from_raw_parts;

use ed25519_zebra::{batch::Verifier, Signature, VerificationKeyBytes};

/// 1 when all `count` signatures hold, 0 when one does not, -1 on a fault of this library.
///
/// `keys` are 32 bytes each, `signatures` 64, `messages` lie one after another and message i stops before
/// `ends[i]`.
///
/// # Safety
/// Every pointer must lead to as many bytes as this says; `ends` must ascend.
#[no_mangle]
pub unsafe extern "C" fn salus_verify_batch(
    count: usize,
    keys: *const u8,
    signatures: *const u8,
    messages: *const u8,
    ends: *const u32,
) -> i32 {
    catch_unwind(AssertUnwindSafe(|| {
        let ends = from_raw_parts(ends, count);
        let keys = from_raw_parts(keys, 32 * count).chunks_exact(32);
        let signatures = from_raw_parts(signatures, 64 * count).chunks_exact(64);
        let messages = from_raw_parts(messages, ends.last().map_or(0, |end| *end as usize));
        let (mut batch, mut at) = (Verifier::new(), 0);
        for ((key, signature), end) in keys.zip(signatures).zip(ends) {
            let key: [u8; 32] = key.try_into().expect("32 bytes");
            let signature: [u8; 64] = signature.try_into().expect("64 bytes");
            let message = &messages[at..*end as usize];
            batch.queue((VerificationKeyBytes::from(key), Signature::from(signature), message));
            at = *end as usize;
        }
        i32::from(batch.verify(rand::thread_rng()).is_ok())
    }))
    .unwrap_or(-1)
}
