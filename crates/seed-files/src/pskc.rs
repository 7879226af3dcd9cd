//! Seeds in PSKC (RFC 6030).

use crate::{Seed, SeedFileError, Unlock};

/// Reads the seeds of a PSKC file.
///
/// # Errors
/// [`SeedFileError`] names the first line that is refused; nothing is read then.
pub fn read_pskc(_bytes: &[u8], _unlock: Unlock<'_>) -> Result<Vec<Seed>, SeedFileError> {
    Err(SeedFileError::new(1, "PSKC files are not read yet"))
}
