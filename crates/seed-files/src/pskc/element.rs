//! An element of the XML tree, with its line. Names are looked up by the namespace's URI, never by its prefix.

use crate::SeedFileError;
use crate::text::Text;
use base64ct::{Base64, Encoding};
use roxmltree::Node;
use totp_core::random::Secret;
use zeroize::Zeroizing;

/// The namespace of RFC 6030.
pub(super) const PSKC: &str = "urn:ietf:params:xml:ns:keyprov:pskc";
/// XML Encryption.
pub(super) const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
/// XML Encryption 1.1.
pub(super) const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";
/// XML Signature.
pub(super) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// PKCS #5 version 2.0.
pub(super) const PKCS5: &str = "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#";
/// No namespace: RFC 6030 figure 7 writes what is inside of PBKDF2-params so.
pub(super) const UNNAMED: &str = "";

/// The longest name that an error repeats.
const LONGEST_NAME: usize = 80;

/// An element of the file.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    node: Node<'a, 'a>,
    text: &'a Text<'a>,
}

impl<'a> Element<'a> {
    pub(super) fn of(node: Node<'a, 'a>, text: &'a Text<'a>) -> Self {
        Self { node, text }
    }

    pub(super) fn line(self) -> usize {
        self.text.line_at(self.node.range().start)
    }

    /// The file is refused for this element.
    pub(super) fn refused(self, problem: impl Into<String>) -> SeedFileError {
        SeedFileError::new(self.line(), problem)
    }

    pub(super) fn is(self, namespace: &str, name: &str) -> bool {
        let tag = self.node.tag_name();
        tag.name() == name && tag.namespace().unwrap_or(UNNAMED) == namespace
    }

    fn elements(self) -> impl Iterator<Item = Self> {
        self.node.children().filter(Node::is_element).map(move |node| Self { node, text: self.text })
    }

    pub(super) fn children(self, namespace: &str, name: &str) -> impl Iterator<Item = Self> {
        self.elements().filter(move |element| element.is(namespace, name))
    }

    /// The child of that name, if there is one.
    ///
    /// # Errors
    /// There is more than one.
    pub(super) fn child(self, namespace: &str, name: &str) -> Result<Option<Self>, SeedFileError> {
        let mut children = self.children(namespace, name);
        let first = children.next();
        match children.next() {
            Some(second) => Err(second.refused(format!("a second {name}: remove one of them"))),
            None => Ok(first),
        }
    }

    pub(super) fn required(self, namespace: &str, name: &str) -> Result<Self, SeedFileError> {
        self.child(namespace, name)?.ok_or_else(|| {
            self.refused(format!("{} has no {name}: ask the vendor for a complete file", self.name()))
        })
    }

    /// Of this namespace, only children of these names; those of others are extensions, which nothing here depends on.
    pub(super) fn allows(self, namespace: &str, names: &[&str]) -> Result<(), SeedFileError> {
        let is_of = |element: &Self| element.node.tag_name().namespace().unwrap_or(UNNAMED) == namespace;
        let is_known = |element: &Self| names.contains(&element.node.tag_name().name());
        match self.elements().find(|element| is_of(element) && !is_known(element)) {
            Some(strange) => Err(strange.refused(format!(
                "{} is unknown inside of {}: remove it if it means nothing, or ask the vendor for a file without it",
                strange.name(),
                self.name()
            ))),
            None => Ok(()),
        }
    }

    /// Only children of this namespace and these names, and no extensions.
    pub(super) fn allows_only(self, namespace: &str, names: &[&str]) -> Result<(), SeedFileError> {
        self.allows(namespace, names)?;
        let is_of = |element: &Self| element.node.tag_name().namespace().unwrap_or(UNNAMED) == namespace;
        match self.elements().find(|element| !is_of(element)) {
            Some(strange) => Err(strange.refused(format!(
                "{} is unknown inside of {}, where everything has to be understood (RFC 6030 section 5): ask the vendor for a file without it",
                strange.name(),
                self.name()
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn attribute(self, name: &str) -> Option<&'a str> {
        self.node.attribute(name)
    }

    /// The `Algorithm` attribute; empty if there is none, which is no algorithm.
    pub(super) fn algorithm(self) -> &'a str {
        self.attribute("Algorithm").unwrap_or_default().trim()
    }

    /// The text in it, without the blanks around it. Comments are no text.
    pub(super) fn content(self) -> Result<Zeroizing<String>, SeedFileError> {
        if let Some(inner) = self.elements().next() {
            return Err(inner.refused(format!(
                "an element inside of {}, which holds a text only: remove it",
                self.name()
            )));
        }
        let texts = || self.node.children().filter(Node::is_text).filter_map(|node| node.text());
        let mut content = Zeroizing::new(String::with_capacity(texts().map(str::len).sum()));
        texts().for_each(|text| content.push_str(text));
        Ok(Zeroizing::new(content.trim().to_owned()))
    }

    /// The bytes that it holds in base64; blanks and line breaks in it are skipped.
    pub(super) fn base64(self) -> Result<Secret, SeedFileError> {
        let content = self.content()?;
        let mut digits = Zeroizing::new(String::with_capacity(content.len()));
        digits.extend(content.chars().filter(|c| !c.is_ascii_whitespace()));
        Base64::decode_vec(&digits).map(Secret::new).map_err(|_| {
            self.refused(format!("{} is not base64 with its padding: get the file again", self.name()))
        })
    }

    /// Its name for an error.
    fn name(self) -> &'a str {
        shown(self.node.tag_name().name())
    }
}

/// A name from the file as an error repeats it: not at all if it is long or could be misread on a terminal.
pub(super) fn shown(name: &str) -> &str {
    let is_plain = name.len() <= LONGEST_NAME && name.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && !name.is_empty() { name } else { "(a name that is empty, long or not ASCII)" }
}
