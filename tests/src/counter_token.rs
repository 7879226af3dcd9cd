//! A counter token (HOTP), played by `oathtool`: a fob with a button, or a key that types.

use crate::authenticator::{Authenticator, random_bytes};
use crate::enroll_command::CommandOutput;
use crate::fixture::{Builder, Fixture, users_file};
use data_encoding::HEXLOWER;
use std::process::Command;

/// The secret of a token and the length of its codes.
#[derive(Clone, Debug)]
pub struct CounterToken {
    /// The shared secret.
    pub secret: Vec<u8>,
    /// How long a code is.
    pub digits: u32,
}

/// Builds the fixture, and enrols alice with its phone and with a fob whose next counter is 5.
#[must_use]
pub fn phone_and_fob(builder: Builder) -> (Fixture, CounterToken) {
    let mut fixture = builder.build();
    let (phone, fob) = (Authenticator::random(), CounterToken::random());
    fob.enrol(&fixture, "alice", Some(&users_file(&[("alice".to_owned(), phone.clone())])), 5);
    fixture.note("alice", phone);
    (fixture, fob)
}

/// The last counter that has a code: 2⁶³−2.
pub const LAST: u64 = (1 << 63) - 2;

impl CounterToken {
    /// A token with a fresh secret and codes of six digits.
    #[must_use]
    pub fn random() -> Self {
        Self { secret: random_bytes(20), digits: 6 }
    }

    /// A token into which the last manual key of an output was written, with codes of six digits.
    ///
    /// # Panics
    /// When there is no key.
    #[must_use]
    pub fn shown(said: &str) -> Self {
        Self { secret: Authenticator::shown(said).secret, digits: 6 }
    }

    /// The code at this counter.
    ///
    /// # Panics
    /// Without oathtool.
    #[must_use]
    pub fn press(&self, counter: u64) -> String {
        self.presses(counter, 0).remove(0)
    }

    /// The code at this counter and so many after it.
    ///
    /// # Panics
    /// Without oathtool.
    #[must_use]
    pub fn presses(&self, counter: u64, more: u32) -> Vec<String> {
        let out = Command::new("oathtool")
            .args([
                "--hotp".to_owned(),
                format!("--counter={counter}"),
                format!("--digits={}", self.digits),
                format!("--window={more}"),
                HEXLOWER.encode(&self.secret),
            ])
            .output()
            .expect("oathtool could not be started: install the packages in tests/apt-packages");
        assert!(out.status.success(), "oathtool: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Codes that it shows at none of the first 1,200 counters, each different.
    #[must_use]
    pub fn wrong_codes(&self, count: usize) -> Vec<String> {
        let near = self.presses(0, 1200);
        (123_456..).map(|n: u64| n.to_string()).filter(|code| !near.contains(code)).take(count).collect()
    }

    /// Enrols it for a user, beside their authenticator in the fixture if they have one.
    ///
    /// # Panics
    /// When it cannot be enrolled.
    pub fn enrol(&self, fixture: &Fixture, user: &str, phone: Option<&str>, next: u64) {
        let line = format!("HOTP/E/{} {user} - {} {next}\n", self.digits, HEXLOWER.encode(&self.secret));
        let file = fixture.write("tokens.oath", &format!("{}{line}", phone.unwrap_or_default()));
        let arguments = ["--json", "import", "oath", file.to_str().unwrap(), "--allow-unknown"];
        fixture.totp_enroll(&arguments).assert_done();
    }

    /// Puts it into the inventory of hardware tokens, with its next counter 0.
    #[must_use]
    pub fn import(&self, fixture: &Fixture, serial: &str) -> CommandOutput {
        let (secret, digits) = (HEXLOWER.encode(&self.secret), self.digits);
        let text = format!("serial,secret,type,digits,counter\n{serial},{secret},hotp,{digits},0\n");
        let file = fixture.write("tokens.csv", &text);
        fixture.totp_enroll(&["--json", "import", "tokens", file.to_str().unwrap()])
    }
}
