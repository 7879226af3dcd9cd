//! Whether the TPM refuses to open anything for a while, because it counted too many failures (TPM 2.0 Library, part 1, "Dictionary
//! Attack Protection"). A power cut counts as one, after something was opened since the last start.
//!
//! The TPM is asked with one command of its own (`TPM2_GetCapability`, part 3), because tpm2-tools need not be installed.

use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use totp_core::time::Seconds;

/// The TPM, through the kernel's resource manager.
const DEVICE: &str = "/dev/tpmrm0";

/// `TPM2_GetCapability` without a session: tag, size, command; then `TPM_CAP_TPM_PROPERTIES`, the first property, and their number.
const COMMAND: [u8; 22] = [
    0x80, 0x01, 0, 0, 0, 22, 0, 0, 0x01, 0x7a, // header
    0, 0, 0, 6, 0, 0, 0x02, 0, 0, 0, 0, 32, // from TPM_PT_PERMANENT on
];
/// Where the list begins in the answer: behind the header (10 bytes), `moreData` (1), the capability (4) and the length (4).
const LIST: usize = 19;
/// The properties (part 2, `TPM_PT`), and the bit of the first that says that it is locked.
const PERMANENT: u32 = 0x200;
const IN_LOCKOUT: u32 = 1 << 9;
const COUNTER: u32 = 0x20e;
const MOST: u32 = 0x20f;
const INTERVAL: u32 = 0x210;

/// A TPM that is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TpmLockout {
    /// The failures that it has counted, and how many lock it.
    failures: u32,
    most: u32,
    /// After this time without a power cut it forgets one failure; zero: never.
    interval: Seconds,
}

impl TpmLockout {
    /// Asks the TPM; `None`: it is not locked, or there is none, or it does not answer.
    pub(super) fn of_this_machine() -> Option<Self> {
        Self::asked(Path::new(DEVICE)).ok()?
    }

    /// Whether it ends while the machine runs, without a command.
    pub(super) fn ends_by_itself(&self) -> bool {
        self.interval.0 > 0
    }

    fn asked(device: &Path) -> std::io::Result<Option<Self>> {
        let mut tpm = File::options().read(true).write(true).open(device)?;
        tpm.write_all(&COMMAND)?;
        // One read returns the whole answer.
        let mut answer = [0; 4096];
        let length = tpm.read(&mut answer)?;
        Ok(Self::parse(answer.get(..length).unwrap_or_default()))
    }

    fn parse(answer: &[u8]) -> Option<Self> {
        // The third word is the response code: zero.
        let is_success = answer.get(6..10) == Some(&[0; 4]);
        let (pairs, _) = answer.get(LIST..).filter(|_| is_success)?.as_chunks::<8>();
        let value_of = |property: u32| {
            let pair = pairs.iter().find(|pair| pair.starts_with(&property.to_be_bytes()))?;
            let (_, value) = pair.split_last_chunk::<4>()?;
            Some(u32::from_be_bytes(*value))
        };
        if value_of(PERMANENT)? & IN_LOCKOUT == 0 {
            return None;
        }
        let interval = Seconds(value_of(INTERVAL)?.into());
        Some(Self { failures: value_of(COUNTER)?, most: value_of(MOST)?, interval })
    }
}

impl fmt::Display for TpmLockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failures, most, interval } = self;
        write!(
            f,
            "the TPM is locked, because it counted {failures} of {most} failures (power cuts count); "
        )?;
        if interval.0 == 0 {
            return f.write_str(
                "it stays locked until its owner clears the lock: run \"tpm2_dictionarylockout --clear-lockout\", then \"totp-enroll keys \
                 open\"; do not restore a backup",
            );
        }
        write!(
            f,
            "it forgets one every {interval} while the machine runs; then pam-totp-keyring-retry.timer opens the keyring; to open it now, run \
             \"tpm2_dictionarylockout --clear-lockout\", then \"totp-enroll keys open\"; do not restore a backup"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(properties: &[(u32, u32)]) -> Vec<u8> {
        let mut answer = vec![0x80, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0];
        for (property, value) in properties {
            answer.extend(property.to_be_bytes());
            answer.extend(value.to_be_bytes());
        }
        answer
    }

    #[test]
    fn a_locked_tpm_says_how_long() {
        let properties = [
            (PERMANENT, IN_LOCKOUT | 1),
            (0x201, 7),
            (COUNTER, 3),
            (MOST, 3),
            (INTERVAL, 1000),
            (0x211, 86400),
        ];
        let lockout = TpmLockout::parse(&answer(&properties)).unwrap();
        assert_eq!(lockout, TpmLockout { failures: 3, most: 3, interval: Seconds(1000) });
        let said = lockout.to_string();
        for words in
            ["locked", "3 of 3 failures", "1000s", "pam-totp-keyring-retry.timer", "do not restore a backup"]
        {
            assert!(said.contains(words), "{words}: {said}");
        }
        let forever = TpmLockout { interval: Seconds(0), ..lockout };
        assert_eq!([lockout, forever].map(|one| one.ends_by_itself()), [true, false]);
        let said = forever.to_string();
        assert!(said.contains("until its owner clears the lock"), "{said}");
        assert!(!said.contains("retry.timer"), "{said}");
    }

    #[test]
    fn a_tpm_that_is_not_locked_or_not_understood_is_no_lockout() {
        let open = answer(&[(PERMANENT, 1), (COUNTER, 2), (MOST, 3), (INTERVAL, 1000)]);
        let mut failed = answer(&[(PERMANENT, IN_LOCKOUT), (COUNTER, 3), (MOST, 3), (INTERVAL, 1000)]);
        let whole = failed.clone();
        assert!(TpmLockout::parse(&whole).is_some());
        failed[9] = 1;
        for answer in [&open[..], &failed, &answer(&[(PERMANENT, IN_LOCKOUT)]), &[]] {
            assert_eq!(TpmLockout::parse(answer), None, "{answer:?}");
        }
        for end in 0..whole.len() {
            assert_eq!(TpmLockout::parse(&whole[..end]), None, "{end}");
        }
        assert!(TpmLockout::asked(Path::new("/no/such/device")).is_err());
    }
}
