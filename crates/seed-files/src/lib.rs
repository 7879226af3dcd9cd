//! Reads a vendor's file of token seeds: PSKC (RFC 6030), or CSV.
//!
//! Bytes in, seeds out: no I/O, no clock. A file is read whole or not at all. Each error names the line, what is wrong and what to
//! do, and repeats no secret and no passphrase. `docs/seed-files.md` says what is accepted.

#![forbid(unsafe_code)]

pub mod base32;
mod columns;
mod csv_file;
mod error;
mod pskc;
mod seed;
mod seed_list;
mod text;
mod token_values;
mod unlock;
mod written_secret;

pub use csv_file::read_csv;
pub use error::SeedFileError;
pub use pskc::read_pskc;
pub use seed::Seed;
pub use text::Text;
pub use unlock::Unlock;
