//! Documents of this machine that only root can have written, by path: the config, the keyring, a backup, a file with a token.

pub use totp_store::directory::{Access, read_document};
pub use totp_store::documents::{
    create_document, destroy_document, destroy_drafts, replace_document, sync_document,
};
