//! Seeds in PSKC (RFC 6030).

mod date;
mod decryption;
mod element;
mod encryption_key;
mod key_package;
mod mac;
mod policy;
mod tag_limits;

use crate::seed_list::SeedList;
use crate::text::Text;
use crate::{Seed, SeedFileError, Unlock};
use decryption::SecretReader;
use element::{Element, PSKC};
use roxmltree::{Document, Error, ParsingOptions};

/// The most elements and texts of a file: as many tokens as a file may have, with eighty each.
const MOST_NODES: u32 = 8_000_000;

/// Reads the seeds of a PSKC file. `unlock` opens encrypted secrets; a file that is not encrypted is refused with a key or passphrase.
///
/// A signature is not verified: it says who made the file only to a reader that knows the signer's certificate.
///
/// # Errors
/// [`SeedFileError`] names the first line that is refused; nothing is read then.
pub fn read_pskc(bytes: &[u8], unlock: Unlock<'_>) -> Result<Vec<Seed>, SeedFileError> {
    let text = Text::decode(bytes)?;
    if !text.as_str().trim_start().starts_with('<') {
        return Err(SeedFileError::new(1, "the file is not XML: if it is CSV, import it as CSV"));
    }
    tag_limits::check(&text)?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text.as_str(), options).map_err(|error| not_xml(&error, &text))?;
    let container = Element::of(document.root_element(), &text);
    check_container(container)?;
    let secrets = SecretReader::of(container, unlock)?;
    let mut seeds = SeedList::default();
    for package in container.children(PSKC, "KeyPackage") {
        seeds.push(key_package::seed(package, &secrets)?)?;
    }
    seeds.finish(text.last_line())
}

fn check_container(container: Element<'_>) -> Result<(), SeedFileError> {
    if !container.is(PSKC, "KeyContainer") {
        return Err(container.refused(format!(
            "is not a KeyContainer of the namespace {PSKC} (RFC 6030): ask the vendor for a PSKC file of version 1.0"
        )));
    }
    if container.attribute("Version") != Some("1.0") {
        return Err(
            container.refused("the KeyContainer is not of version 1.0: ask the vendor for that version")
        );
    }
    container.allows(PSKC, &["EncryptionKey", "MACMethod", "KeyPackage", "Signature", "Extensions"])
}

/// Why the text is no XML. The parser's own words repeat parts of the text, and so perhaps of a secret.
fn not_xml(error: &Error, text: &Text<'_>) -> SeedFileError {
    let is_truncated = matches!(error, Error::UnclosedRootNode | Error::UnexpectedEndOfStream);
    let is_too_large = matches!(
        error,
        Error::NodesLimitReached | Error::AttributesLimitReached | Error::NamespacesLimitReached
    );
    if matches!(error, Error::DtdDetected) {
        let place = text.as_str().find("<!DOCTYPE").unwrap_or_default();
        SeedFileError::new(
            text.line_at(place),
            "a document type (<!DOCTYPE), whose entities could expand without end: PSKC needs none; remove it",
        )
    } else if is_truncated {
        SeedFileError::new(text.last_line(), "the file ends here, in the middle of an element: get it again")
    } else if is_too_large {
        SeedFileError::new(1, "the file has too many elements: split it into several")
    } else if matches!(error, Error::NoRootNode) {
        SeedFileError::new(text.last_line(), "the file has no element: check that it is the right one")
    } else if matches!(error, Error::UnknownEntityReference(..)) {
        let line = usize::try_from(error.pos().row).unwrap_or(1);
        SeedFileError::new(line, "an entity that XML does not define: write the text that it stands for")
    } else {
        let line = usize::try_from(error.pos().row).unwrap_or(1);
        SeedFileError::new(line, "is not well-formed XML: get the file again, or correct it")
    }
}

#[cfg(test)]
mod tests;
