//! A FIDO2 key in software: an agent that the ssh client asks for signatures, as of a key that was touched.
//!
//! Formats: PROTOCOL.u2f and PROTOCOL.agent of OpenSSH. The keys and signatures are those of openssl.

use crate::fixture::Fixture;
use crate::sshd::SECURITY_KEY;
use data_encoding::BASE64;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

const TYPE: &[u8] = b"sk-ssh-ed25519@openssh.com";
const APPLICATION: &[u8] = b"ssh:";
/// The person touched it.
const USER_PRESENCE: u8 = 1;

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGNATURE: u8 = 14;
const FAILURE: u8 = 5;

impl Fixture {
    /// Plugs in a key that sshd, which runs already, lets every account in with; gives the client's option by which it is found.
    ///
    /// # Panics
    /// Without openssl.
    pub fn plug_in_a_security_key(&mut self) -> String {
        let dir = self.path("sshd");
        let key = Key::made(dir.join("security_key.pem"));
        let line = format!("{} {}\n", String::from_utf8_lossy(TYPE), BASE64.encode(&key.public));
        fs::write(dir.join(SECURITY_KEY), &line).unwrap();
        let other = fs::read_to_string(dir.join("user_key.pub")).unwrap();
        self.machine().write("ssh/acceptance_keys", 0o644, &(other + &line));
        let socket = dir.join("agent");
        let listener = UnixListener::bind(&socket).unwrap();
        // Ends with the tests.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                drop(key.serve(client));
            }
        });
        format!("IdentityAgent={}", socket.display())
    }
}

struct Key {
    private: PathBuf,
    /// As ssh has it.
    public: Vec<u8>,
}

impl Key {
    fn made(private: PathBuf) -> Self {
        openssl(Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&private));
        let der = openssl(
            Command::new("openssl").args(["pkey", "-pubout", "-outform", "DER", "-in"]).arg(&private),
        );
        // RFC 8410: the key is the end of it.
        let point = &der[der.len() - 32..];
        Self { public: [string(TYPE), string(point), string(APPLICATION)].concat(), private }
    }

    /// Answers a client until it hangs up.
    fn serve(&self, mut client: UnixStream) -> io::Result<()> {
        loop {
            let mut length = [0; 4];
            client.read_exact(&mut length)?;
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            client.read_exact(&mut request)?;
            let answer = match request[0] {
                REQUEST_IDENTITIES => {
                    [&[IDENTITIES, 0, 0, 0, 1][..], &string(&self.public), &string(b"security key")].concat()
                }
                SIGN_REQUEST => {
                    let (_key, rest) = split(&request[1..]);
                    [&[SIGNATURE][..], &string(&self.sign(split(rest).0))].concat()
                }
                _ => vec![FAILURE],
            };
            client.write_all(&string(&answer))?;
        }
    }

    fn sign(&self, data: &[u8]) -> Vec<u8> {
        let counter = 1_u32.to_be_bytes();
        let message =
            [&self.sha256(APPLICATION)[..], &[USER_PRESENCE], &counter, &self.sha256(data)].concat();
        let file = self.private.with_extension("message");
        fs::write(&file, message).unwrap();
        let signature = openssl(
            Command::new("openssl")
                .args(["pkeyutl", "-sign", "-rawin", "-inkey"])
                .arg(&self.private)
                .arg("-in")
                .arg(&file),
        );
        [&string(TYPE)[..], &string(&signature), &[USER_PRESENCE], &counter].concat()
    }

    fn sha256(&self, data: &[u8]) -> Vec<u8> {
        let file = self.private.with_extension("data");
        fs::write(&file, data).unwrap();
        openssl(Command::new("openssl").args(["dgst", "-sha256", "-binary"]).arg(file))
    }
}

fn openssl(command: &mut Command) -> Vec<u8> {
    let out = command.output().expect("no openssl");
    assert!(out.status.success(), "openssl: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// RFC 4251, section 5: the length before the bytes.
fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_at(4);
    rest.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize)
}
