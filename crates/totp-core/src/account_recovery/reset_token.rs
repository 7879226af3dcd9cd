//! The reset token: 80 bits, kept as a keyed hash. Checks a typed token and whether it is still valid.
//!
//! A token looks like a recovery code and is typed in place of a code. A wrong one is charged *before* it is checked,
//! like a wrong code ([`crate::login::judge`]); after [`MOST_WRONG`] wrong ones the token is dead. Only the enrolment
//! uses it up, in the same hold, so someone who leaves the enrolment early can use the token again.

use crate::document::{Base64, ParseError, Table};
use crate::random::Id;
use crate::random::{Entropy, EntropyError, Secret};
use crate::recovery::{self, Hash};
use crate::time::Seconds;
use crate::user::User;
use serde::{Serialize, Serializer};

/// The number of wrong tokens that are checked.
pub const MOST_WRONG: u32 = 5;

/// A reset token as its document keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResetToken {
    /// Its id, which is also the salt of its hash.
    id: Id,
    #[serde(serialize_with = "as_base64")]
    hash: Hash,
    /// When it was made, seconds since 1970.
    pub(crate) at: u64,
    /// How many seconds it is valid.
    lasts: u64,
    /// The number of wrong tokens so far.
    wrong: u32,
}

/// The state of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It is valid for this time.
    Open(Seconds),
    /// It has expired.
    Expired,
    /// Too many wrong ones were typed.
    Dead,
}

impl ResetToken {
    /// Makes a token and returns it with its code in canonical form, which is shown once.
    pub(crate) fn new(
        user: &User,
        lasts: Seconds,
        now: u64,
        entropy: &mut dyn Entropy,
    ) -> Result<(Self, Secret), EntropyError> {
        let id = Id::random(entropy)?;
        let code = recovery::generate(entropy)?;
        let hash = hash(id, user, &code);
        Ok((Self { id, hash, at: now, lasts: lasts.0, wrong: 0 }, code))
    }

    /// Its state at `now`. If it was made in the future it counts as new; the caller corrects the timestamp.
    #[must_use]
    pub fn state(&self, now: u64) -> TokenState {
        if self.wrong >= MOST_WRONG {
            return TokenState::Dead;
        }
        let age = now.saturating_sub(self.at);
        match self.lasts.checked_sub(age) {
            None | Some(0) => TokenState::Expired,
            Some(left) => TokenState::Open(Seconds(left)),
        }
    }

    /// When it expires, seconds since 1970.
    #[must_use]
    pub fn expires_at(&self) -> u64 {
        self.at.saturating_add(self.lasts)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }

    /// Counts a wrong token.
    pub(crate) fn charge(&mut self) {
        self.wrong = self.wrong.saturating_add(1);
    }

    /// Takes the charge of a right token back.
    pub(crate) fn refund(&mut self) {
        self.wrong = self.wrong.saturating_sub(1);
    }

    /// Whether `code`, in canonical form, is this token. Compared in constant time.
    pub(crate) fn is(&self, user: &User, code: &Secret) -> bool {
        let salt = Secret::new(self.id.bytes().to_vec());
        recovery::Set { pepper: &salt, user, id: self.id }.find(code, &[self.hash]).is_some()
    }

    /// Reads the token's section of a reset document.
    pub(crate) fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        let (id, Base64(hash)) = (table.required("id")?, table.required("hash")?);
        let hash = Hash::try_from(hash).map_err(|_| table.wrong("the token's hash has the wrong length"))?;
        let (at, lasts, wrong) = (table.required("at")?, table.required("lasts")?, table.required("wrong")?);
        Ok(Self { id, hash, at, lasts, wrong })
    }
}

fn as_base64<S: Serializer>(bytes: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&Base64::text(bytes))
}

fn hash(id: Id, user: &User, code: &Secret) -> Hash {
    let salt = Secret::new(id.bytes().to_vec());
    recovery::Set { pepper: &salt, user, id }.hash(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::NOON;
    use crate::random::tests::Counter;

    fn alice() -> User {
        User::parse("alice").unwrap()
    }

    fn token() -> (ResetToken, Secret) {
        ResetToken::new(&alice(), Seconds(3600), NOON, &mut Counter(7)).unwrap()
    }

    #[test]
    fn a_token_is_bound_to_its_user() {
        let (token, code) = token();
        assert!(token.is(&alice(), &code));
        assert!(!token.is(&User::parse("bob").unwrap(), &code));
        let (other, other_code) = ResetToken::new(&alice(), Seconds(3600), NOON, &mut Counter(8)).unwrap();
        assert!(!token.is(&alice(), &other_code) && !other.is(&alice(), &code));
        assert!(!format!("{token:?}").contains(std::str::from_utf8(code.expose()).unwrap()));
    }

    #[test]
    fn a_token_is_good_until_its_last_second() {
        let (token, _) = token();
        assert_eq!(token.state(NOON), TokenState::Open(Seconds(3600)));
        assert_eq!(token.state(NOON + 3599), TokenState::Open(Seconds(1)));
        assert_eq!(token.state(NOON + 3600), TokenState::Expired);
        assert_eq!(token.state(u64::MAX), TokenState::Expired);
        assert_eq!(token.expires_at(), NOON + 3600);
    }

    #[test]
    fn the_fifth_wrong_one_is_its_end() {
        let (mut token, _) = token();
        for _ in 0..MOST_WRONG {
            assert_eq!(token.state(NOON), TokenState::Open(Seconds(3600)));
            token.charge();
        }
        assert_eq!(token.state(NOON), TokenState::Dead);
        token.refund();
        assert_eq!(token.state(NOON), TokenState::Open(Seconds(3600)));
    }
}
