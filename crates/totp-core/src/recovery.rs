//! Recovery codes: making them, checking one against a set (HMAC-SHA-256 with the set's own pepper), and marking it as used.

use crate::code::{RECOVERY_LENGTH, SYNC};
use crate::random::Id;
use crate::random::{Entropy, EntropyError, Secret};
use crate::user::User;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The most codes in one set.
pub const MOST_CODES: usize = 16;
/// Bytes of a set's pepper.
pub(crate) const PEPPER_LENGTH: usize = 32;
/// Crockford's base32: digits and capitals without I, L, O and U, which are misread on paper.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Who made a set of codes, and therefore how well it resists guessing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryKind {
    /// Made by this program: 80 bits, which cannot be guessed. Judged during a lock too.
    Own,
    /// Imported from another program: eight digits, 26 bits. Judged and charged like a TOTP code, and not during a
    /// lock.
    Scratch,
}

impl RecoveryKind {
    /// The word in the log and in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "recovery_code",
            Self::Scratch => "scratch_code",
        }
    }
}

/// Digits of another program's single-use code.
pub const SCRATCH_DIGITS: u8 = 8;

/// A single-use code made by another program: eight digits.
pub struct ScratchCode(pub(crate) Secret);

impl ScratchCode {
    /// Parses exactly eight ASCII digits.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let is_code = text.len() == usize::from(SCRATCH_DIGITS) && text.iter().all(u8::is_ascii_digit);
        is_code.then(|| Self(Secret::new(text.to_vec())))
    }
}

/// Marks the code `at` of a set as used at `now`, in seconds since 1970. `marks` has a time for each code, zero for one that is
/// unused. `None`: it was used before, or there is no such code.
pub(crate) fn mark_used(marks: &mut [u64], at: usize, now: u64) -> Option<()> {
    let mark = marks.get_mut(at).filter(|mark| **mark == 0)?;
    *mark = now.max(1);
    Some(())
}

/// HMAC-SHA-256 of one code.
pub(crate) type Hash = [u8; 32];

/// What the hash of a code is bound to.
pub(crate) struct Set<'a> {
    pub(crate) pepper: &'a Secret,
    pub(crate) user: &'a User,
    pub(crate) id: Id,
}

impl Set<'_> {
    /// The hash of `code`, which is in canonical form.
    pub(crate) fn hash(&self, code: &Secret) -> Hash {
        self.mac(code).finalize().into_bytes().into()
    }

    /// The position of this code in `hashes`. All are compared, each in constant time.
    pub(crate) fn find(&self, code: &Secret, hashes: &[Hash]) -> Option<usize> {
        let mac = self.mac(code);
        let mut found = None;
        for (at, hash) in hashes.iter().enumerate() {
            if mac.clone().verify_slice(hash).is_ok() {
                found = Some(at);
            }
        }
        found
    }

    fn mac(&self, code: &Secret) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 section 3)")]
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(self.pepper.expose()).expect("any key length");
        let user = self.user.as_str().as_bytes();
        mac.update(&(user.len() as u64).to_be_bytes());
        mac.update(user);
        mac.update(self.id.bytes());
        mac.update(code.expose());
        mac
    }
}

/// A new code in its canonical form: sixteen characters, 80 bits. One that could be read as something else is not given out: digits
/// alone, typed with a blank, are two codes of a counter token, and behind a password an end of [`SYNC`] asks for two codes. That
/// takes a millionth of all codes away.
pub(crate) fn generate(entropy: &mut dyn Entropy) -> Result<Secret, EntropyError> {
    loop {
        let code = random_code(entropy)?;
        let is_misread = code.expose().iter().all(u8::is_ascii_digit) || is_end(code.expose(), SYNC);
        if !is_misread {
            return Ok(code);
        }
    }
}

fn is_end(code: &[u8], word: &[u8]) -> bool {
    let end = code.len().checked_sub(word.len()).and_then(|at| code.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(word))
}

fn random_code(entropy: &mut dyn Entropy) -> Result<Secret, EntropyError> {
    let random = Secret::random(RECOVERY_LENGTH, entropy)?;
    // 32 divides 256, so the low five bits of a random byte are uniform.
    let mut code = Vec::with_capacity(RECOVERY_LENGTH);
    code.extend(random.expose().iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 31))));
    Ok(Secret::new(code))
}

/// A code as people read it: groups of four with dashes.
#[must_use]
pub fn grouped(code: &Secret) -> Secret {
    let mut text = Vec::with_capacity(RECOVERY_LENGTH.saturating_add(3));
    for (at, group) in code.expose().chunks(4).enumerate() {
        if at > 0 {
            text.push(b'-');
        }
        text.extend(group);
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Answer;
    use crate::random::tests::Counter;

    fn code(text: &[u8]) -> Secret {
        Secret::new(text.to_vec())
    }

    #[test]
    fn a_code_is_found_in_its_own_set_only() {
        let (alice, bob) = (User::parse("alice").unwrap(), User::parse("bob").unwrap());
        let pepper = code(&[1; 32]);
        let set = Set { pepper: &pepper, user: &alice, id: Id::new([1; 16]) };
        let hashes = [set.hash(&code(b"AAAA")), set.hash(&code(b"BBBB"))];
        assert_eq!(set.find(&code(b"BBBB"), &hashes), Some(1));
        assert_eq!(set.find(&code(b"CCCC"), &hashes), None);
        assert_eq!(Set { user: &bob, ..set }.find(&code(b"BBBB"), &hashes), None);
        let set = Set { pepper: &pepper, user: &alice, id: Id::new([2; 16]) };
        assert_eq!(set.find(&code(b"BBBB"), &hashes), None);
    }

    #[test]
    fn a_code_that_could_be_read_as_something_else_is_not_given_out() {
        let numbers = |text: &str| -> Vec<u8> {
            let number = |one| (0..).zip(ALPHABET).find(|(_, of)| **of == one).unwrap().0;
            text.bytes().map(number).collect()
        };
        let given = |first: &str| {
            let bytes = [numbers(first), numbers("0123ABCDEFGH0123")].concat();
            let code = generate(&mut Bytes(bytes)).unwrap();
            String::from_utf8(code.expose().to_vec()).unwrap()
        };
        for misread in ["0123456789012345", "ABCDEFGH0123SYNC"] {
            assert_eq!(given(misread), "0123ABCDEFGH0123", "{misread}");
        }
        for plain in ["012345678901234A", "ABCDEFGHSYNC0123"] {
            assert_eq!(given(plain), plain);
        }
    }

    /// These bytes, one after the other.
    struct Bytes(Vec<u8>);

    impl Entropy for Bytes {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            let rest = self.0.split_off(bytes.len());
            bytes.copy_from_slice(&std::mem::replace(&mut self.0, rest));
            Ok(())
        }
    }

    #[test]
    fn a_generated_code_is_recognised_when_typed_back() {
        let code = generate(&mut Counter(200)).unwrap();
        assert_eq!(code.expose().len(), RECOVERY_LENGTH);
        let shown = grouped(&code);
        assert_eq!(shown.expose().len(), 19);
        match Answer::recognise(shown.expose()) {
            Some(Answer::Recovery(typed)) => assert_eq!(typed.expose(), code.expose()),
            _ => panic!("not recognised"),
        }
    }
}
