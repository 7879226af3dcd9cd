//! A user's authenticator, played by `oathtool`: another implementation than the one under test.

use crate::clock;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use std::fs::File;
use std::io::Read;
use std::process::Command;

/// What was set up in the app: a secret and its parameters.
#[derive(Clone, Debug)]
pub struct Authenticator {
    /// The shared secret.
    pub secret: Vec<u8>,
    /// As oathtool names it: SHA1, SHA256, SHA512.
    pub algorithm: String,
    /// How long a code is.
    pub digits: u32,
    /// How long a code lasts, in seconds.
    pub period: u64,
}

impl Authenticator {
    /// A fresh secret of 20 bytes and the parameters that every app has.
    #[must_use]
    pub fn random() -> Self {
        Self { secret: random_bytes(20), algorithm: "SHA1".to_owned(), digits: 6, period: 30 }
    }

    /// From a manual key: base32, in groups.
    ///
    /// # Panics
    /// When it is not base32.
    #[must_use]
    pub fn from_manual_key(key: &str) -> Self {
        let key: String = key.chars().filter(|c| !c.is_whitespace()).collect();
        let secret = BASE32_NOPAD.decode(key.trim_end_matches('=').as_bytes());
        let secret = secret.unwrap_or_else(|e| panic!("the manual key {key:?} is not base32: {e}"));
        Self { secret, ..Self::random() }
    }

    /// From the last manual key in an output.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn shown(said: &str) -> Self {
        Self::from_manual_key(shown_key(said))
    }

    /// The code of this moment.
    #[must_use]
    pub fn code(&self) -> String {
        self.code_at(clock::now())
    }

    /// The code so many steps from now.
    ///
    /// # Panics
    /// Before 1970.
    #[must_use]
    pub fn code_in(&self, steps: i64) -> String {
        let period = i64::try_from(self.period).unwrap();
        self.code_at(clock::now().checked_add_signed(steps * period).unwrap())
    }

    /// The code of a moment, in seconds since 1970.
    ///
    /// # Panics
    /// Without oathtool.
    #[must_use]
    pub fn code_at(&self, second: u64) -> String {
        self.codes_from(second, 0).remove(0)
    }

    /// Codes that are right at no step near now, each different.
    #[must_use]
    pub fn wrong_codes(&self, count: usize) -> Vec<String> {
        self.wrong_codes_at(count, clock::now())
    }

    /// Codes that are right at no step near a moment, each different.
    #[must_use]
    pub fn wrong_codes_at(&self, count: usize, second: u64) -> Vec<String> {
        let near = self.codes_from(second.saturating_sub(40 * self.period), 80);
        let digits = usize::try_from(self.digits).unwrap();
        (0..)
            .map(|n: u64| format!("{:0digits$}", 123_456 + n))
            .filter(|code| !near.contains(code))
            .take(count)
            .collect()
    }

    /// The code of a moment and so many after it.
    fn codes_from(&self, second: u64, more: u32) -> Vec<String> {
        let out = Command::new("oathtool")
            .args([
                format!("--totp={}", self.algorithm),
                format!("--digits={}", self.digits),
                format!("--time-step-size={}s", self.period),
                format!("--now=@{second}"),
                format!("--window={more}"),
                HEXLOWER.encode(&self.secret),
            ])
            .output()
            .expect("oathtool could not be started: install the packages in tests/apt-packages");
        assert!(out.status.success(), "oathtool: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// A code that is right at no step near now.
    #[must_use]
    pub fn wrong_code(&self) -> String {
        self.wrong_codes(1).remove(0)
    }
}

/// The text before a manual key.
pub const MANUAL_KEY: &str = "manual key: ";

/// The last manual key in an output, as it was shown.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn shown_key(said: &str) -> &str {
    let (_, key) = said.rsplit_once(MANUAL_KEY).unwrap_or_else(|| panic!("no manual key:\n{said}"));
    key.lines().next().unwrap().trim()
}

/// From the kernel.
#[must_use]
pub fn random_bytes(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes)).unwrap();
    bytes
}
