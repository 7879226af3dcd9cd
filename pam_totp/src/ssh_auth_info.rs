//! What sshd tells of the first factor, in `SSH_AUTH_INFO_0`.

use totp_core::policy::ssh_key;

/// What sshd says came first: the lines of `SSH_AUTH_INFO_0` (sshd_config(5), `ExposeAuthInfo`), which it puts into the PAM
/// environment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FirstFactor {
    /// `publickey`, `password`, `hostbased`, `gssapi-with-mic`, ...
    pub(crate) method: String,
    /// The public key that was used.
    pub(crate) key: Option<SshKey>,
}

/// An SSH public key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SshKey {
    /// `SHA256:...`, as ssh-keygen(1) prints it.
    pub(crate) fingerprint: String,
    /// Whether the private key is held in a FIDO2 security key.
    pub(crate) is_security_key: bool,
}

impl FirstFactor {
    /// Reads `info`: the first line with a key, else the first line.
    pub(crate) fn parse(info: &str) -> Option<Self> {
        let mut lines = info.lines().filter_map(line);
        let first = lines.next()?;
        if first.key.is_some() {
            return Some(first);
        }
        Some(lines.find(|line| line.key.is_some()).unwrap_or(first))
    }
}

fn line(text: &str) -> Option<FirstFactor> {
    let mut words = text.split_ascii_whitespace();
    let method = words.next()?.to_owned();
    let key = match (method.as_str(), words.next(), words.next()) {
        ("publickey", Some(algorithm), Some(blob)) => key(algorithm, blob),
        _ => None,
    };
    Some(FirstFactor { method, key })
}

fn key(algorithm: &str, blob: &str) -> Option<SshKey> {
    // sk-ssh-ed25519@openssh.com, sk-ecdsa-sha2-nistp256@openssh.com and their certificates (PROTOCOL.u2f of OpenSSH).
    let is_security_key = algorithm.starts_with("sk-") && algorithm.ends_with("@openssh.com");
    Some(SshKey { fingerprint: ssh_key::fingerprint(blob)?, is_security_key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_first_line_that_has_one_counts() {
        let factor = FirstFactor::parse("publickey ssh-ed25519 AAAAAXg=\n").unwrap();
        assert_eq!(factor.method, "publickey");
        let key = factor.key.unwrap();
        assert!(key.fingerprint.starts_with("SHA256:") && !key.is_security_key);
        let factor = FirstFactor::parse("password\npublickey ssh-ed25519 AAAAAXg=\n").unwrap();
        assert_eq!((factor.method.as_str(), factor.key), ("publickey", Some(key)));
        assert_eq!(FirstFactor::parse("password\n").unwrap().key, None);
        assert_eq!(FirstFactor::parse("\n \n"), None);
    }

    #[test]
    fn a_security_key_is_known_by_its_algorithm() {
        for (algorithm, is_security_key) in [
            ("sk-ssh-ed25519@openssh.com", true),
            ("sk-ecdsa-sha2-nistp256@openssh.com", true),
            ("sk-ssh-ed25519-cert-v01@openssh.com", true),
            ("ssh-ed25519", false),
            ("sk-ssh-ed25519@example.com", false),
            ("ssh-sk-ed25519", false),
        ] {
            let factor = FirstFactor::parse(&format!("publickey {algorithm} AAAAAXg=")).unwrap();
            assert_eq!(factor.key.unwrap().is_security_key, is_security_key, "{algorithm}");
        }
        let hidden = FirstFactor::parse("password sk-ssh-ed25519@openssh.com AAAAAXg=").unwrap();
        assert_eq!(hidden.key, None);
    }

    #[test]
    fn what_is_not_base64_is_no_key() {
        assert_eq!(FirstFactor::parse("publickey ssh-ed25519 *").unwrap().key, None);
        assert_eq!(FirstFactor::parse("publickey ssh-ed25519").unwrap().key, None);
    }
}
