//! Random bytes for what is made in the command: secrets, keys, recovery codes.

use totp_core::secret::{Entropy, EntropyError};

/// Random bytes from getrandom(2).
pub(crate) struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}
