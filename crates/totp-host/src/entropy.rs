//! Random bytes for what is made on this machine: secrets, keys, recovery codes, names of files.

use totp_core::secret::{Entropy, EntropyError};

/// Random bytes from getrandom(2).
#[derive(Debug, Clone, Copy)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}
