//! The seeds of one file: their number, and that no serial number and no secret occurs twice.

use crate::{Seed, SeedFileError};
use std::collections::HashMap;
use totp_core::token::{Fingerprint, Fingerprinter, Serial};

/// The most tokens of one file.
const MOST_TOKENS: usize = 100_000;

/// The seeds that were read so far.
#[derive(Default)]
pub(crate) struct SeedList {
    seeds: Vec<Seed>,
    lines: HashMap<Serial, usize>,
    fingerprinter: Fingerprinter,
    secrets: HashMap<Fingerprint, usize>,
}

impl SeedList {
    /// # Errors
    /// [`SeedFileError`]: one too many, or one of a serial number or a secret that is there.
    pub(crate) fn push(&mut self, seed: Seed) -> Result<(), SeedFileError> {
        if self.seeds.len() >= MOST_TOKENS {
            return Err(SeedFileError::new(
                seed.line,
                format!("the file has more than {MOST_TOKENS} tokens: split it into several"),
            ));
        }
        if let Some(first) = self.lines.insert(seed.serial.clone(), seed.line) {
            return Err(SeedFileError::new(
                seed.line,
                format!(
                    "the serial number of this token is that of line {first} too: find out which is right, and remove the other"
                ),
            ));
        }
        // One code would open the accounts of two people.
        if let Some(first) = self.secrets.insert(self.fingerprinter.of(seed.factor, &seed.secret), seed.line)
        {
            return Err(SeedFileError::new(
                seed.line,
                format!(
                    "the secret of this token is that of line {first} too: find out which serial number is right, and remove the other"
                ),
            ));
        }
        self.seeds.push(seed);
        Ok(())
    }

    /// The seeds, in the order of the file. `last_line` is where a file without any ends.
    pub(crate) fn finish(self, last_line: usize) -> Result<Vec<Seed>, SeedFileError> {
        if self.seeds.is_empty() {
            return Err(SeedFileError::new(
                last_line,
                "the file has no token: check that it is the right one",
            ));
        }
        Ok(self.seeds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use totp_core::factor::totp::Parameters;
    use totp_core::random::Secret;

    fn seed(line: usize) -> Seed {
        Seed {
            serial: Serial::parse(&line.to_string()).unwrap(),
            maker: None,
            model: None,
            factor: Parameters::EVERY_APP.into(),
            next_counter: 0,
            secret: Secret::new(line.to_be_bytes().to_vec()),
            valid_from: None,
            expires: None,
            line,
        }
    }

    #[test]
    fn two_tokens_of_one_secret_are_refused_with_both_lines() {
        let mut list = SeedList::default();
        list.push(seed(1)).unwrap();
        list.push(seed(2)).unwrap();
        let problem = list.push(Seed { secret: seed(1).secret, ..seed(3) }).unwrap_err().to_string();
        assert!(problem.starts_with("line 3: the secret of this token is that of line 1 too"), "{problem}");
    }

    #[test]
    fn a_hundred_thousand_tokens_are_the_most() {
        let mut list = SeedList::default();
        for line in 1..=100_000 {
            list.push(seed(line)).unwrap();
        }
        let problem = list.push(seed(100_001)).unwrap_err().to_string();
        assert!(problem.starts_with("line 100001: the file has more than 100000 tokens"), "{problem}");
        assert_eq!(list.finish(1).ok().unwrap().len(), 100_000);
    }
}
