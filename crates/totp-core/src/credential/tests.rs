//! What a credential promises: it comes back as it was written, and nothing that was changed in it opens.

use super::*;
use crate::factor::totp::{Algorithm, Drift, Parameters, Totp};
use crate::keyring::tests::{keyring, with_new_key};
use crate::random::tests::Counter;
use crate::recovery::ScratchCode;

pub(super) const SECRET: &[u8] = b"12345678901234567890";

pub(super) fn created() -> Created {
    "2026-11-20T19:00:00Z".parse().unwrap()
}

fn alice() -> User {
    User::parse("alice").unwrap()
}

pub(super) fn credential() -> Credential {
    let owner = Owner { user: alice(), uid: Some(1001), id: Id::new([7; 16]) };
    let mut credential = Credential::new(owner, created());
    add(&mut credential, "phone").unwrap();
    credential.renew_recovery(10, created(), &keyring(), &mut Counter(9)).unwrap();
    credential
}

fn add(credential: &mut Credential, label: &str) -> Result<(), AddError> {
    let secret = Secret::new(SECRET.to_vec());
    let parameters = Parameters::new(Algorithm::Sha1, 6, 30).unwrap();
    let label = Label::parse(label).unwrap();
    let new = NewAuthenticator { label, factor: parameters.into(), created: created(), secret: &secret };
    credential.add(new, &keyring(), &mut Counter(1))
}

pub(super) fn parse(text: &str) -> Result<Credential, String> {
    Credential::parse(Path::new("alice.toml"), text.as_bytes(), &alice()).map_err(|error| error.to_string())
}

pub(super) fn error(text: &str) -> String {
    match parse(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(error) => error,
    }
}

#[test]
fn a_credential_comes_back_as_it_was_written() {
    let written = credential();
    let read = parse(&written.to_document(Path::new("alice.toml")).unwrap()).unwrap();
    assert_eq!(read.owner(), written.owner());
    assert_eq!(
        read.to_document(Path::new("alice.toml")).unwrap(),
        written.to_document(Path::new("alice.toml")).unwrap()
    );
    let [authenticator] = read.authenticators() else { panic!("one authenticator") };
    assert_eq!(read.open(authenticator, &keyring()).unwrap().expose(), SECRET);
    assert!(read.open_pepper(read.recovery().unwrap(), &keyring()).is_ok());
}

#[test]
fn the_document_holds_no_secret() {
    let text = credential().to_document(Path::new("alice.toml")).unwrap();
    assert!(!text.contains(&data_encoding::BASE32.encode(SECRET)));
    assert!(!text.contains(&data_encoding::BASE64.encode(SECRET)));
}

#[test]
fn a_seal_opens_for_the_user_the_uid_and_the_parameters_it_was_made_for_only() {
    let text = credential().to_document(Path::new("alice.toml")).unwrap();
    let changes = [
        ("uid = 1001", "uid = 1002"),
        ("uid = 1001\n", ""),
        ("label = \"phone\"", "label = \"other\""),
        ("digits = 6", "digits = 8"),
        ("period = 30", "period = 60"),
        ("algorithm = \"SHA1\"", "algorithm = \"SHA256\""),
        ("id = \"07070707", "id = \"17070707"),
    ];
    for (from, to) in changes {
        let changed = parse(&text.replacen(from, to, 1)).unwrap();
        let [authenticator] = changed.authenticators() else { panic!("one authenticator") };
        assert!(changed.open(authenticator, &keyring()).is_err(), "{from} -> {to}");
    }
}

#[test]
fn the_pepper_is_bound_to_its_set() {
    let mut changed = credential();
    changed.recovery.as_mut().unwrap().id = Id::new([8; 16]);
    assert!(changed.open_pepper(changed.recovery().unwrap(), &keyring()).is_err());
}

/// The ledger names used codes by their position: in another order, a used one would be taken for an unused one.
#[test]
fn the_pepper_is_bound_to_the_hashes_and_their_order() {
    let change = |act: fn(&mut Vec<Hash>)| {
        let mut changed = credential();
        act(&mut changed.recovery.as_mut().unwrap().hashes);
        changed.open_pepper(changed.recovery().unwrap(), &keyring()).is_err()
    };
    assert!(!change(|_| {}));
    assert!(change(|hashes| hashes.swap(0, 1)));
    assert!(change(|hashes| hashes.truncate(9)));
    assert!(change(|hashes| hashes.push([1; 32])));
}

#[test]
fn another_users_file_is_refused() {
    let text = credential().to_document(Path::new("alice.toml")).unwrap().replacen(
        "user = \"alice\"",
        "user = \"bob\"",
        1,
    );
    assert!(error(&text).contains("another user's credential"));
}

#[test]
fn what_is_out_of_range_is_refused_by_name() {
    let text = credential().to_document(Path::new("alice.toml")).unwrap();
    for (from, to, problem) in [
        ("version = 3", "version = 4", "newer than this program reads"),
        ("version = 3", "version = 4\nfuture = true", "newer than this program reads"),
        ("version = 3", "version = 0", "version 0"),
        ("period = 30", "period = 30\ndrift_steps = 5", "drift_steps must be 0 to 4"),
        ("[recovery]", "[recovery]\nkind = \"paper\"", "unknown variant `paper`"),
        ("digits = 6", "digits = 9", "digits must be"),
        ("period = 30", "period = 0", "period must be"),
        ("type = \"totp\"", "type = \"fido2\"", "unknown variant `fido2`"),
        ("label = \"phone\"", "label = \"\"", "a label is"),
        ("nonce = \"", "nonce = \"AAAA", "nonce is not 12 bytes"),
        ("ciphertext = \"", "ciphertext = \"!", "line 16"),
        ("hashes = [\"", "hashes = [\"AAAA", "recovery hash"),
        ("id = \"07", "id = \"zz", "32 hexadecimal digits"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(error(&changed).contains(problem), "{from} -> {to}: {}", error(&changed));
    }
}

#[test]
fn labels_are_told_apart_and_places_are_four() {
    let mut credential = credential();
    assert!(matches!(add(&mut credential, "phone"), Err(AddError::Credential(CredentialError::LabelTaken))));
    for label in ["b", "c", "d"] {
        add(&mut credential, label).unwrap();
    }
    assert!(matches!(add(&mut credential, "e"), Err(AddError::Credential(CredentialError::TooMany))));
    let text = credential.to_document(Path::new("alice.toml")).unwrap().replacen(
        "label = \"b\"",
        "label = \"c\"",
        1,
    );
    assert!(error(&text).contains("with this label exists"));
}

#[test]
fn renewing_the_recovery_codes_makes_a_new_set() {
    let mut credential = credential();
    let old = credential.recovery().unwrap().id;
    let codes = credential.renew_recovery(10, created(), &keyring(), &mut Counter(99)).unwrap();
    assert_eq!(codes.len(), 10);
    assert_ne!(credential.recovery().unwrap().id, old);
}

#[test]
fn how_many_recovery_codes_there_are_and_since_when_is_told() {
    let mut credential = credential();
    assert_eq!((credential.recovery_codes(), credential.recovery_created()), (10, Some(created())));
    credential.void_recovery();
    assert_eq!((credential.recovery_codes(), credential.recovery_created()), (0, None));
}

#[test]
fn a_label_is_one_to_32_printable_characters() {
    let longest = "x".repeat(32);
    for label in ["phone", "my phone", "Téléphone", longest.as_str()] {
        assert_eq!(Label::parse(label).unwrap().as_str(), label);
    }
    let too_long = "x".repeat(33);
    for label in ["", " ", " phone", "phone ", "a\nb", "a\u{1b}[2J", "a\u{85}b", &too_long, &"x".repeat(34)] {
        assert_eq!(Label::parse(label), Err(CredentialError::Label), "{label:?}");
    }
}

#[test]
fn a_moment_is_shown_as_the_document_writes_it() {
    assert_eq!(created().to_string(), "2026-11-20T19:00:00Z");
}

/// The document with another value of `key`, in the place where that stands for the `nth` time.
fn with(key: &str, nth: usize, value: &str) -> String {
    let text = credential().to_document(Path::new("alice.toml")).unwrap();
    let start = text.match_indices(&format!("\n{key} = ")).nth(nth).unwrap().0 + 1;
    let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    format!("{}{key} = {value}{}", &text[..start], &text[end..])
}

#[test]
fn a_ciphertext_is_as_long_as_a_secret_and_its_tag() {
    for (nth, plaintext, fits) in [
        (0, 9, false),
        (0, 10, true),
        (0, 128, true),
        (0, 129, false),
        (1, 31, false),
        (1, 32, true),
        (1, 33, false),
    ] {
        let ciphertext = data_encoding::BASE64.encode(&vec![1; plaintext + 16]);
        let read = parse(&with("ciphertext", nth, &format!("\"{ciphertext}\"")));
        assert_eq!(read.is_ok(), fits, "{nth}: {plaintext}");
    }
    for tagless in [0, 15] {
        let ciphertext = data_encoding::BASE64.encode(&vec![1; tagless]);
        assert!(
            error(&with("ciphertext", 0, &format!("\"{ciphertext}\""))).contains("wrong length"),
            "{tagless}"
        );
    }
}

#[test]
fn a_set_has_sixteen_recovery_codes_at_most() {
    let hash = format!("\"{}\"", data_encoding::BASE64.encode(&[1; 32]));
    let of = |count: usize| with("hashes", 0, &format!("[{}]", vec![hash.as_str(); count].join(", ")));
    assert_eq!(parse(&of(16)).unwrap().recovery_codes(), 16);
    for count in [17, 18] {
        assert!(error(&of(count)).contains("more than 16 recovery codes"), "{count}");
    }
    assert_eq!(credential().renew_recovery(17, created(), &keyring(), &mut Counter(9)).unwrap().len(), 16);
}

/// The same with a window of its own and another program's codes.
fn moved_in() -> Credential {
    let owner = Owner { user: alice(), uid: Some(1001), id: Id::new([7; 16]) };
    let mut credential = Credential::new(owner, created());
    let new = NewAuthenticator {
        label: Label::parse("phone").unwrap(),
        factor: Totp::new(Parameters::EVERY_APP).with_drift(Some(Drift::new(4).unwrap())).into(),
        created: created(),
        secret: &Secret::new(SECRET.to_vec()),
    };
    credential.add(new, &keyring(), &mut Counter(1)).unwrap();
    let codes = [ScratchCode::parse(b"12345678").unwrap(), ScratchCode::parse(b"87654321").unwrap()];
    credential.take_scratch(&codes, created(), &keyring(), &mut Counter(9)).unwrap();
    credential
}

#[test]
fn a_window_and_the_kind_of_the_codes_come_back_as_they_were_written() {
    let text = moved_in().to_document(Path::new("alice.toml")).unwrap();
    let read = parse(&text).unwrap();
    let Factor::Totp(totp) = read.authenticators()[0].factor() else { panic!("a phone") };
    assert_eq!(totp.drift(), Some(Drift::new(4).unwrap()));
    assert_eq!((read.recovery_kind(), read.recovery_codes()), (Some(recovery::RecoveryKind::Scratch), 2));
    assert_eq!(read.to_document(Path::new("alice.toml")).unwrap(), text);
    assert!(read.open(&read.authenticators()[0], &keyring()).is_ok());
    assert!(read.open_pepper(read.recovery().unwrap(), &keyring()).is_ok());
}

#[test]
fn a_seal_opens_for_the_window_and_the_kind_of_codes_it_was_made_for_only() {
    let text = moved_in().to_document(Path::new("alice.toml")).unwrap();
    for (from, to) in [("drift_steps = 4", "drift_steps = 3"), ("drift_steps = 4\n", "")] {
        let changed = parse(&text.replacen(from, to, 1)).unwrap();
        assert!(changed.open(&changed.authenticators()[0], &keyring()).is_err(), "{from} -> {to}");
    }
    // Eight digits that would be judged whatever the lock says.
    let changed = parse(&text.replacen("kind = \"scratch\"\n", "", 1)).unwrap();
    assert!(changed.open_pepper(changed.recovery().unwrap(), &keyring()).is_err());
    let own = credential().to_document(Path::new("alice.toml")).unwrap();
    let changed = parse(&own.replacen("period = 30", "period = 30\ndrift_steps = 4", 1)).unwrap();
    assert!(changed.open(&changed.authenticators()[0], &keyring()).is_err());
}

/// As an earlier version sealed and wrote it.
pub(super) fn of_version(version: u32) -> Credential {
    let owner = Owner { user: alice(), uid: Some(1001), id: Id::new([7; 16]) };
    let mut credential = Credential { version, ..Credential::new(owner, created()) };
    add(&mut credential, "phone").unwrap();
    credential.renew_recovery(10, created(), &keyring(), &mut Counter(9)).unwrap();
    credential
}

#[test]
fn a_credential_of_an_earlier_version_is_read_and_becomes_one_of_this_with_the_same_secrets() {
    for version in 1..VERSION {
        becomes_one_of_this_with_the_same_secrets(version);
    }
}

fn becomes_one_of_this_with_the_same_secrets(version: u32) {
    let text = of_version(version).to_document(Path::new("alice.toml")).unwrap();
    assert!(text.starts_with(&format!("version = {version}\n")), "{text}");
    let old = parse(&text).unwrap();
    assert!(!old.binds_ledger());
    let mut new = old.clone();
    new.upgrade(&keyring(), &mut Counter(50)).unwrap();
    let text = new.to_document(Path::new("alice.toml")).unwrap();
    assert!(text.starts_with("version = 3\n"), "{text}");
    let new = parse(&text).unwrap();
    assert!(new.binds_ledger());
    for credential in [&old, &new] {
        assert_eq!(credential.open(&credential.authenticators[0], &keyring()).unwrap().expose(), SECRET);
    }
    let pepper =
        |of: &Credential| of.open_pepper(of.recovery().unwrap(), &keyring()).unwrap().expose().to_vec();
    assert_eq!(pepper(&old), pepper(&new));
    assert_eq!(new.recovery().unwrap().hashes, old.recovery().unwrap().hashes);
    assert_eq!(new.recovery().unwrap().id, old.recovery().unwrap().id);
}

#[test]
fn a_credential_of_the_first_version_that_does_not_open_stays_what_it_is() {
    let mut damaged = of_version(1);
    damaged.authenticators[0].sealed.ciphertext[0] ^= 1;
    let before = damaged.to_document(Path::new("alice.toml")).unwrap();
    damaged.upgrade(&keyring(), &mut Counter(50)).unwrap();
    assert_eq!(damaged.to_document(Path::new("alice.toml")).unwrap(), before);
}

#[test]
fn a_rotation_makes_a_credential_of_the_first_version_one_of_this() {
    let keyring = with_new_key(&keyring());
    let new = of_version(1).resealed(&keyring, &mut Counter(50)).unwrap().unwrap();
    assert_eq!(new.version, VERSION);
    assert!(new.open(&new.authenticators[0], &keyring).is_ok());
}

#[test]
fn a_version_1_document_has_no_window_and_no_kind() {
    let text = of_version(1).to_document(Path::new("alice.toml")).unwrap();
    for (from, to) in
        [("period = 30", "period = 30\ndrift_steps = 4"), ("[recovery]", "[recovery]\nkind = \"scratch\"")]
    {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert!(error(&changed).contains("which version 1 does not know"), "{}", error(&changed));
    }
    // Nor does a newer number let the seals of the old one open.
    let changed = parse(&text.replacen("version = 1", "version = 2", 1)).unwrap();
    assert!(changed.open(&changed.authenticators[0], &keyring()).is_err());
}
