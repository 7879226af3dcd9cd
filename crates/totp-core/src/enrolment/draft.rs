//! A draft: an authenticator that is not enrolled yet, until its first code confirms it.

use crate::code::Answer;
use crate::credential::{Credential, Label};
use crate::factor::totp::{LONGEST_SECRET, SHORTEST_SECRET};
use crate::factor::{ClockOff, Factor};
use crate::keyring::Keyring;
use crate::ledger::Progress;
use crate::random::{Entropy, EntropyError, Secret};
use crate::time::Now;
use crate::token::{Fingerprint, Fingerprinter};
use base32ct::{Base32UpperUnpadded, Encoding};

/// An authenticator that is not enrolled yet; it exists in memory only.
pub struct Draft {
    pub(crate) label: Label,
    pub(crate) factor: Factor,
    pub(crate) secret: Secret,
    /// What is used up before the first code, in the factor's count.
    pub(crate) begins_at: u64,
}

/// A draft that was confirmed by a code or imported from a trusted file. It can be enrolled.
pub struct Confirmed {
    pub(crate) draft: Draft,
    pub(crate) progress: Progress,
}

/// Why a code does not confirm a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotConfirmed {
    /// The answer cannot be a code of this authenticator.
    #[error("that is not a code of {digits} digits")]
    Malformed {
        /// Digits of this authenticator's codes.
        digits: u8,
    },
    /// The code is right for another time.
    #[error(
        "the code is for a time {} steps off: correct the clock of the phone or of this machine", .0.steps
    )]
    ClockOff(ClockOff),
    /// The code is wrong.
    #[error("the code is wrong: check that the app shows the code of this account")]
    Wrong,
}

impl Draft {
    /// A new random secret, as long as the algorithm's output.
    ///
    /// # Errors
    /// [`EntropyError`].
    pub fn generate(
        label: Label,
        factor: impl Into<Factor>,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let factor = factor.into();
        let secret = Secret::random(factor.secret_length(), entropy)?;
        Ok(Self { label, factor, secret, begins_at: 0 })
    }

    /// A draft with the secret of another program's file.
    ///
    /// # Errors
    /// [`SecretLengthError`] if the secret is too short to be safe or too long.
    pub fn import(
        label: Label,
        factor: impl Into<Factor>,
        secret: Secret,
    ) -> Result<Self, SecretLengthError> {
        if !(SHORTEST_SECRET..=LONGEST_SECRET).contains(&secret.expose().len()) {
            return Err(SecretLengthError);
        }
        Ok(Self { label, factor: factor.into(), secret, begins_at: 0 })
    }

    /// The same with codes up to `used_up_to`, in the factor's count, used up: for a counter, the next one.
    #[must_use]
    pub fn beginning_at(self, used_up_to: u64) -> Self {
        Self { begins_at: used_up_to, ..self }
    }

    /// What is used up before its first code, in the factor's count: for a counter, the next one.
    #[must_use]
    pub fn begins_at(&self) -> u64 {
        self.begins_at
    }

    /// What the codes are computed with, beside the secret.
    #[must_use]
    pub fn factor(&self) -> Factor {
        self.factor
    }

    /// The secret as people and apps write it: base32 without padding (RFC 4648 section 6).
    #[must_use]
    pub fn manual_key(&self) -> Secret {
        Secret::new(Base32UpperUnpadded::encode_string(self.secret.expose()).into_bytes())
    }

    /// The fingerprint of its secret.
    #[must_use]
    pub fn fingerprint(&self, by: &Fingerprinter) -> Fingerprint {
        by.of(self.factor, &self.secret)
    }

    /// Whether a code of one is a code of the other.
    #[must_use]
    pub fn same_secret(&self, other: &Self) -> bool {
        let by = Fingerprinter::default();
        self.fingerprint(&by) == other.fingerprint(&by)
    }

    /// Whether an enrolment has an authenticator with this secret and the same kind of codes; not if its secret cannot be opened.
    #[must_use]
    pub fn is_in(&self, credential: &Credential, keyring: &Keyring) -> bool {
        let codes = |factor: Factor| (factor.kind(), factor.algorithm(), factor.digits(), factor.period());
        let by = Fingerprinter::default();
        let its = self.fingerprint(&by);
        credential.authenticators().iter().any(|known| {
            codes(known.factor()) == codes(self.factor)
                && by.of_authenticator(credential, known, keyring).is_ok_and(|known| known == its)
        })
    }

    /// The newest time step near `now` that `code` belongs to, for a code that another program accepted last. `None`: a code that is
    /// no longer or not yet accepted, another one, or a counter token.
    #[must_use]
    pub fn step_near(&self, code: &Secret, now: Now) -> Option<u64> {
        self.factor.codes(&self.secret).step_near(code, now)
    }

    /// Checks a first code as a login would. On refusal the draft is returned, for another attempt.
    ///
    /// # Errors
    /// [`NotConfirmed`].
    pub fn confirm(self, typed: &[u8], now: Now) -> Result<Confirmed, (Self, NotConfirmed)> {
        let digits = self.factor.digits();
        let code = match Answer::recognise(typed) {
            Some(Answer::Code(code)) if code.expose().len() == usize::from(digits) => code,
            Some(Answer::Code(_) | Answer::Pair(..) | Answer::Recovery(_) | Answer::Trailing(_)) | None => {
                return Err((self, NotConfirmed::Malformed { digits }));
            }
        };
        match self.factor.codes(&self.secret).first(&code, self.begins_at, now) {
            Ok(used_up_to) => {
                let progress = Progress { used_up_to, confirmed_at: now.realtime };
                Ok(Confirmed { draft: self, progress })
            }
            Err(off) => Err((self, off.map_or(NotConfirmed::Wrong, NotConfirmed::ClockOff))),
        }
    }

    /// Accepts a draft that its owner has not seen yet: the first code at a login confirms it.
    #[must_use]
    pub fn pending(self) -> Confirmed {
        let begins_at = self.begins_at;
        self.confirm_without_code(begins_at)
    }

    /// Accepts an imported draft without a code, because its owner already uses it. Codes up to `used_up_to`, in the
    /// factor's count, may have been used elsewhere and are refused here.
    #[must_use]
    pub fn confirm_without_code(self, used_up_to: u64) -> Confirmed {
        Confirmed { draft: self, progress: Progress { used_up_to, confirmed_at: 0 } }
    }
}

/// The shared secret has a length that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret must be {SHORTEST_SECRET} to {LONGEST_SECRET} bytes long")]
pub struct SecretLengthError;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::totp::{Algorithm, Parameters};
    use crate::fixture::{NOON, PHONE, SPARE, at, code, draft};
    use crate::random::tests::Counter;

    #[test]
    fn a_draft_is_confirmed_by_its_own_code_and_comes_back_from_a_wrong_one() {
        let (draft, why) = draft("phone", PHONE).confirm(&code(SPARE, NOON), at(NOON)).err().unwrap();
        assert_eq!(why, NotConfirmed::Wrong);
        let (draft, why) = draft.confirm(&code(PHONE, NOON + 120), at(NOON)).err().unwrap();
        assert_eq!(why, NotConfirmed::ClockOff(ClockOff { steps: 4, seconds: 120 }));
        let (draft, why) = draft.confirm(b"hello", at(NOON)).err().unwrap();
        assert_eq!(why, NotConfirmed::Malformed { digits: 6 });
        let (draft, why) = draft.confirm(b"12345678", at(NOON)).err().unwrap();
        assert_eq!(why, NotConfirmed::Malformed { digits: 6 });
        assert!(draft.confirm(&code(PHONE, NOON), at(NOON)).is_ok());
    }

    #[test]
    fn the_step_of_a_code_is_found_near_now() {
        let step = NOON / 30;
        for (seconds, found) in
            [(0, Some(step)), (-300, Some(step - 10)), (900, Some(step + 30)), (-330, None), (930, None)]
        {
            let typed = Secret::new(code(PHONE, NOON.saturating_add_signed(seconds)));
            assert_eq!(draft("phone", PHONE).step_near(&typed, at(NOON)), found, "{seconds}");
        }
        assert_eq!(draft("phone", PHONE).step_near(&Secret::new(code(SPARE, NOON)), at(NOON)), None);
    }

    #[test]
    fn a_draft_is_confirmed_right_after_a_boot() {
        let now = Now { realtime: NOON, boottime: 1 };
        assert!(draft("phone", PHONE).confirm(&code(PHONE, NOON), now).is_ok());
    }

    #[test]
    fn secrets_are_the_same_if_their_codes_are() {
        let same = |a: &[u8], b: &[u8]| draft("a", a).same_secret(&draft("b", b));
        assert!(same(PHONE, PHONE));
        assert!(same(PHONE, &[PHONE, b"\0"].concat()));
        assert!(!same(PHONE, &[PHONE, b"1"].concat()));
        assert!(!same(PHONE, &[b"2", &PHONE[1..]].concat()));
    }

    #[test]
    fn a_new_secret_is_as_long_as_the_output_of_its_hash() {
        for (algorithm, length) in [(Algorithm::Sha1, 20), (Algorithm::Sha256, 32), (Algorithm::Sha512, 64)] {
            let parameters = Parameters::new(algorithm, 6, 30).unwrap();
            let draft = Draft::generate(Label::parse("phone").unwrap(), parameters, &mut Counter(1)).unwrap();
            assert_eq!(draft.secret.expose().len(), length);
        }
    }
}
