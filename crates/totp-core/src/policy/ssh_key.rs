//! The fingerprint of an SSH public key, as ssh-keygen(1) prints it; for a certificate, that of its key.

use base64ct::{Base64, Base64Unpadded, Encoding};
use sha2::{Digest, Sha256};

/// The end of the type name of a certificate (PROTOCOL.certkeys of OpenSSH).
const CERTIFICATE: &[u8] = b"-cert-v01@openssh.com";

/// `SHA256:` and the hash of the key. `base64` is its blob as authorized_keys has it. `None`: it is no key.
#[must_use]
pub fn fingerprint(base64: &str) -> Option<String> {
    let blob = Base64::decode_vec(base64).ok().filter(|blob| !blob.is_empty())?;
    let (name, rest) = field(&blob)?;
    let key = match name.strip_suffix(CERTIFICATE) {
        // A certificate is issued again and again; only its key stays the same.
        Some(plain) => certified(plain, rest)?,
        None => blob,
    };
    Some(format!("SHA256:{}", Base64Unpadded::encode_string(&Sha256::digest(key))))
}

/// The blob of the key in a certificate: after a nonce come the fields of the key, as many as its type has.
fn certified(plain: &[u8], rest: &[u8]) -> Option<Vec<u8>> {
    let (fields, suffix): (usize, &[u8]) = match plain {
        b"ssh-ed25519" => (1, b""),
        b"ssh-rsa" => (2, b""),
        b"sk-ssh-ed25519" => (2, b"@openssh.com"),
        b"sk-ecdsa-sha2-nistp256" => (3, b"@openssh.com"),
        ecdsa if ecdsa.starts_with(b"ecdsa-sha2-") => (2, b""),
        _ => return None,
    };
    let (_nonce, behind_nonce) = field(rest)?;
    let mut behind_key = behind_nonce;
    for _ in 0..fields {
        behind_key = field(behind_key)?.1;
    }
    let of_key =
        behind_nonce.len().checked_sub(behind_key.len()).and_then(|length| behind_nonce.get(..length))?;
    let name = [plain, suffix].concat();
    let length = u32::try_from(name.len()).ok()?;
    Some([&length.to_be_bytes(), name.as_slice(), of_key].concat())
}

/// The first field of a blob and the rest: a length of four bytes, then that many bytes (RFC 4251 section 5).
fn field(blob: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = blob.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_and_every_certificate_of_it_have_the_fingerprint_of_ssh_keygen() {
        // ssh-keygen -s CA -I alice KEY.pub; ssh-keygen -l -f KEY.pub; ssh-keygen -l -f KEY-cert.pub
        for (key, certificate, known) in [
            (
                "AAAAC3NzaC1lZDI1NTE5AAAAINFBKkL/VKBCPw3uNyv5CJohdEugTHrEWgedg+wY7ekS",
                "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIGLJN0ugszDjNkoLSoigTQmno1Yn3m7xBPBuwX09/XTpAAAAINFBKkL/VKBCPw3uNyv5CJohdEugTHrEWgedg+wY7ekSAAAAAAAAAAAAAAABAAAABWFsaWNlAAAACQAAAAVhbGljZQAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACDU2DOc6HJqqJUTwCkExwZ+8lSlWVunk7hh0nu2yzI6dQAAAFMAAAALc3NoLWVkMjU1MTkAAABA53eZjWBApe8zZ9iU4hOS12PvR++vz14EezSXuzeWINnc3QWr0vC1VNQcYZeE6Wp4hSvbE5Srkd49p1uyIhKzCw==",
                "SHA256:bb+oO6FAqNNLclQFuCaR3T1Rgqd1HrBAu0EbH+LICC0",
            ),
            (
                "AAAAB3NzaC1yc2EAAAADAQABAAABAQDXQYV5I2QfX5HFdfqXxVX8PJoobYipMJ+cINraIXErKuRPhIbtnaCAfhFu1TJ4bWeABIyGfTMoLLuRT1j9pI74ALtiKe5Wi5YzfvHs2Zd9vVXSiRoyJVOwq18/WU6+gVdsXODTiP+gKyrDAFwipnOWAvzAdoZ53KE9h6FX2WcLf4JvLBsZf7Tzd8d5mT61Rh5vGcKSnId33JBMwTyMrzaa/o+6PzWOKSVKa85y0ya3EV8sBAmGnZXdsAUWSQdByAWfBFQGD6LuIAfMC1mH89QyrCxZFUY25BquIDBSbNvWousgnrH72JqFPGNDINnnFpSZ0EAMo1/WupNnU5u5wJRH",
                "AAAAHHNzaC1yc2EtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgPL4rL+BjIQqafLCXKQw1lXjd0r6ngVS680+ZjgDuIW8AAAADAQABAAABAQDXQYV5I2QfX5HFdfqXxVX8PJoobYipMJ+cINraIXErKuRPhIbtnaCAfhFu1TJ4bWeABIyGfTMoLLuRT1j9pI74ALtiKe5Wi5YzfvHs2Zd9vVXSiRoyJVOwq18/WU6+gVdsXODTiP+gKyrDAFwipnOWAvzAdoZ53KE9h6FX2WcLf4JvLBsZf7Tzd8d5mT61Rh5vGcKSnId33JBMwTyMrzaa/o+6PzWOKSVKa85y0ya3EV8sBAmGnZXdsAUWSQdByAWfBFQGD6LuIAfMC1mH89QyrCxZFUY25BquIDBSbNvWousgnrH72JqFPGNDINnnFpSZ0EAMo1/WupNnU5u5wJRHAAAAAAAAAAAAAAABAAAABWFsaWNlAAAACQAAAAVhbGljZQAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACDU2DOc6HJqqJUTwCkExwZ+8lSlWVunk7hh0nu2yzI6dQAAAFMAAAALc3NoLWVkMjU1MTkAAABAV+8JlYl6tTEIC2J5FxjiLUETzDmvMYGKnS3WYhfx3izobkwNjgnXpwAViTUHuz1T4ebrOP9rwQdYDdTYjLLACw==",
                "SHA256:2PN3md/RAmJUqkxRcQNvOknW+pf9NFSz5iXuzR997do",
            ),
            (
                "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBKIoGBp1/1MSOAXmAUkjgoD3QCbjYl+BJ3wRJhu94WXOLU17dv9Z73P8ef8FqmgtHsIJDjEnyo/2iYYZeBMIIHA=",
                "AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgAplHq6I8vT64S8TaTkyWWNLQ+kRZbZxhns1ReAzBAX8AAAAIbmlzdHAyNTYAAABBBKIoGBp1/1MSOAXmAUkjgoD3QCbjYl+BJ3wRJhu94WXOLU17dv9Z73P8ef8FqmgtHsIJDjEnyo/2iYYZeBMIIHAAAAAAAAAAAAAAAAEAAAAFYWxpY2UAAAAJAAAABWFsaWNlAAAAAAAAAAD//////////wAAAAAAAACCAAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkAAAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAINTYM5zocmqolRPAKQTHBn7yVKVZW6eTuGHSe7bLMjp1AAAAUwAAAAtzc2gtZWQyNTUxOQAAAECD4vKAGaqtWIRjagaw0VX5aGVf7QgmLzpKzLsB4Lv+M1OtRDD9yWdblmsniJdUN06/Wv0JWG0wKUKyD5XOfIQG",
                "SHA256:1SQVKr4scNgjxGHhS+hY1R0byvJDQIJ4xVWYDzohXWg",
            ),
        ] {
            assert_eq!(fingerprint(key).as_deref(), Some(known));
            assert_eq!(fingerprint(certificate).as_deref(), Some(known));
        }
    }

    /// A blob of fields, each with its length.
    fn blob(fields: &[&str]) -> String {
        let fields = fields.iter().map(|field| {
            let length = u32::try_from(field.len()).unwrap().to_be_bytes();
            [&length, field.as_bytes()].concat()
        });
        Base64::encode_string(&fields.collect::<Vec<_>>().concat())
    }

    #[test]
    fn a_certificate_of_each_type_has_the_fingerprint_of_its_key() {
        let types: [(&str, &str, &[&str]); 6] = [
            ("ssh-ed25519", "", &["public"]),
            ("ssh-rsa", "", &["exponent", "modulus"]),
            ("ecdsa-sha2-nistp384", "", &["nistp384", "point"]),
            ("ecdsa-sha2-nistp521", "", &["nistp521", "point"]),
            ("sk-ssh-ed25519", "@openssh.com", &["public", "ssh:"]),
            ("sk-ecdsa-sha2-nistp256", "@openssh.com", &["nistp256", "point", "ssh:"]),
        ];
        for (name, suffix, key) in types {
            let (plain, certified) = (format!("{name}{suffix}"), format!("{name}-cert-v01@openssh.com"));
            let plain = [&[plain.as_str()], key].concat();
            let certificate = [&[certified.as_str(), "nonce"], key, &["serial", "type", "alice"]].concat();
            assert_eq!(fingerprint(&blob(&certificate)), fingerprint(&blob(&plain)), "{name}");
            assert!(fingerprint(&blob(&plain)).is_some());
        }
        let unknown = ["ssh-unknown-cert-v01@openssh.com", "nonce", "a", "b", "c", "d"];
        assert_eq!(fingerprint(&blob(&unknown)), None, "nobody knows which fields are the key");
    }

    #[test]
    fn what_is_no_key_has_no_fingerprint() {
        let torn = Base64::encode_string(b"\0\0\0\x20ssh-ed25519-cert-v01@openssh.com\0\0\0\x09nonce");
        let foreign = Base64::encode_string(b"\0\0\0\x20ssh-unknown-cert-v01@openssh.com\0\0\0\0");
        for text in ["", "*", "AAA", "AAAA", &torn, &foreign] {
            assert_eq!(fingerprint(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = fingerprint(&Base64::encode_string(&bytes));
        }
    }
}
