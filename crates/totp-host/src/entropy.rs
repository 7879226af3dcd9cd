//! Random bytes from the operating system, for secrets, keys, recovery codes and file names.

use totp_core::secret::{Entropy, EntropyError};

/// getrandom(2).
#[derive(Debug, Clone, Copy)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}
