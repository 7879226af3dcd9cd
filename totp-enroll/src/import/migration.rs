//! Parses one `otpauth-migration://` URI: the content of the QR codes that Google Authenticator shows to move accounts to another
//! phone. It has several accounts, as a protocol buffer in base64; many accounts are split into several QR codes.

use super::imported_authenticator::ImportedAuthenticator;
use super::wrapping::unwrapped;
use data_encoding::BASE64_NOPAD;
use percent_encoding::percent_decode;
use prost::Message;
use totp_core::factor::hotp::{self, DigitsError, Hotp};
use totp_core::factor::totp::{Algorithm, Parameters, ParametersError};
use totp_core::factor::{Factor, FactorKind};
use totp_core::random::Secret;
use zeroize::Zeroizing;

const SCHEME: &[u8] = b"otpauth-migration://";
/// The longest content of a QR code in bytes (ISO/IEC 18004, version 40).
const LONGEST: usize = 2953;

/// The protocol buffer of one QR code.
#[derive(Message)]
#[prost(skip_debug)]
struct Payload {
    #[prost(message, repeated, tag = "1")]
    accounts: Vec<ExportAccount>,
    #[prost(int32, tag = "3")]
    parts: i32,
    #[prost(int32, tag = "4")]
    part: i32,
    #[prost(int32, tag = "5")]
    id: i32,
}

#[derive(Message)]
#[prost(skip_debug)]
struct ExportAccount {
    #[prost(bytes = "vec", tag = "1")]
    secret: Vec<u8>,
    #[prost(string, tag = "2")]
    name: String,
    /// 1: SHA1, 2: SHA256, 3: SHA512, 4: MD5.
    #[prost(int32, tag = "4")]
    algorithm: i32,
    /// 1: six, 2: eight.
    #[prost(int32, tag = "5")]
    digits: i32,
    /// 1: HOTP, 2: TOTP.
    #[prost(int32, tag = "6")]
    kind: i32,
    /// HOTP: the counter of the code that the app showed last.
    #[prost(int64, tag = "7")]
    counter: i64,
}

/// Which of the QR codes of an export a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExportPart {
    /// The same in all QR codes of one export.
    pub(super) id: i32,
    pub(super) of: usize,
    pub(super) index: usize,
}

/// Why an export or an account in it cannot be imported. The messages do not repeat values of the line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MigrationError {
    #[error("is longer than a QR code; write one otpauth-migration:// URI per line")]
    TooLong,
    #[error("is an otpauth-migration:// export that does not have data once; write one QR code per line")]
    NoData,
    #[error("is an otpauth-migration:// export whose data is not base64; it may be incomplete")]
    Encoding,
    #[error("is an otpauth-migration:// export that cannot be decoded; it may be incomplete")]
    Unreadable,
    #[error("is an otpauth-migration:// export without an account")]
    Empty,
    #[error("account {0} of the export has a counter below 0, or at its end; enrol this user anew")]
    Counter(usize),
    #[error(
        "account {0} of the export has the algorithm {1}, but counter tokens (HOTP) are supported with SHA1 only; enrol this \
         user anew"
    )]
    CounterAlgorithm(usize, &'static str),
    #[error("account {0} of the export does not have the type TOTP or HOTP")]
    Type(usize),
    #[error("account {0} of the export has an unsupported algorithm; enrol this user anew")]
    Algorithm(usize),
    #[error("account {0} of the export has an unknown number of digits")]
    Digits(usize),
    #[error("account {0} of the export has no name; use --user")]
    NoAccount(usize),
    #[error("account {0} of the export: {1}")]
    Parameters(usize, ParametersError),
    #[error("account {0} of the export: {1}")]
    CounterDigits(usize, DigitsError),
}

/// Whether a line is an export.
pub(super) fn is_export(line: &[u8]) -> bool {
    unwrapped(line).get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
}

/// Parses the accounts of a line. `user` replaces every name.
pub(super) fn parse(
    line: &[u8],
    user: Option<&str>,
) -> Result<Vec<Result<ImportedAuthenticator, MigrationError>>, MigrationError> {
    let Payload { accounts, .. } = payload(line)?;
    if accounts.is_empty() {
        return Err(MigrationError::Empty);
    }
    Ok((1..).zip(accounts).map(|(at, account)| account.authenticator(at, user)).collect())
}

/// Which part of an export a line is; `None` if it is the only one.
pub(super) fn part(line: &[u8]) -> Option<ExportPart> {
    let Payload { parts, part, id, .. } = payload(line).ok()?;
    let (of, index) = (usize::try_from(parts).ok()?, usize::try_from(part).ok()?);
    (of > 1 && index < of).then_some(ExportPart { id, of, index })
}

fn payload(line: &[u8]) -> Result<Payload, MigrationError> {
    let line = unwrapped(line);
    if line.len() > LONGEST {
        return Err(MigrationError::TooLong);
    }
    let query = line.iter().position(|&byte| byte == b'?').and_then(|at| line.get(at.saturating_add(1)..));
    let data = query.ok_or(MigrationError::NoData)?.split(|&byte| byte == b'&');
    let mut data = data.filter_map(|parameter| parameter.strip_prefix(b"data="));
    let (Some(data), None) = (data.next(), data.next()) else { return Err(MigrationError::NoData) };
    let text: Zeroizing<Vec<u8>> = Zeroizing::new(percent_decode(data).filter_map(base64_of).collect());
    let mut specification = BASE64_NOPAD.specification();
    // Some QR code readers write the base64url alphabet.
    specification.translate.from.push_str("-_");
    specification.translate.to.push_str("+/");
    let encoding = specification.encoding().map_err(|_| MigrationError::Encoding)?;
    let bare = text.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last.saturating_add(1));
    let bytes =
        encoding.decode(text.get(..bare).unwrap_or_default()).map_err(|_| MigrationError::Encoding)?;
    let bytes = Zeroizing::new(bytes);
    Payload::decode(bytes.as_slice()).map_err(|_| MigrationError::Unreadable)
}

/// A form or a chat writes a blank where base64 has a `+`. Line ends are no part of it.
fn base64_of(byte: u8) -> Option<u8> {
    match byte {
        b' ' => Some(b'+'),
        b'\r' | b'\n' | b'\t' => None,
        other => Some(other),
    }
}

impl ExportAccount {
    fn authenticator(self, at: usize, user: Option<&str>) -> Result<ImportedAuthenticator, MigrationError> {
        let secret = Secret::new(self.secret);
        let kind = match self.kind {
            1 => FactorKind::Hotp,
            2 => FactorKind::Totp,
            _ => return Err(MigrationError::Type(at)),
        };
        let algorithm = match self.algorithm {
            // 0: not given; every app then uses SHA1.
            0 | 1 => Algorithm::Sha1,
            2 => Algorithm::Sha256,
            3 => Algorithm::Sha512,
            _ => return Err(MigrationError::Algorithm(at)),
        };
        let digits = match self.digits {
            0 | 1 => 6,
            2 => 8,
            _ => return Err(MigrationError::Digits(at)),
        };
        let (factor, used_up_to) = match kind {
            // The app supports no other period.
            FactorKind::Totp => Parameters::new(algorithm, digits, 30)
                .map(|parameters| (parameters.into(), 0))
                .map_err(|error| MigrationError::Parameters(at, error))?,
            FactorKind::Hotp => (hotp(at, algorithm, digits)?, next_counter(at, self.counter)?),
        };
        // An issuer may precede it, as in a label.
        let name = self.name.rsplit(':').next().unwrap_or_default().trim_matches(' ');
        let user = match user.unwrap_or(name) {
            "" => return Err(MigrationError::NoAccount(at)),
            user => user.to_owned(),
        };
        Ok(ImportedAuthenticator { user, factor, used_up_to, secret, last_code: None })
    }
}

fn hotp(at: usize, algorithm: Algorithm, digits: u8) -> Result<Factor, MigrationError> {
    match algorithm {
        Algorithm::Sha1 => {
            Hotp::new(digits).map(Factor::from).map_err(|error| MigrationError::CounterDigits(at, error))
        }
        Algorithm::Sha256 | Algorithm::Sha512 => {
            Err(MigrationError::CounterAlgorithm(at, algorithm.as_str()))
        }
    }
}

/// The counter after the one in the export. The app stores the one of the code that it showed last: it counts before it shows a code
/// (`OtpProvider.getCurrentCode` of google-authenticator-android).
fn next_counter(at: usize, shown: i64) -> Result<u64, MigrationError> {
    let next = u64::try_from(shown).ok().and_then(|shown| shown.checked_add(1));
    next.filter(|next| *next < hotp::END).ok_or(MigrationError::Counter(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64;
    use proptest::prelude::*;

    const TWENTY: &[u8] = b"12345678901234567890";

    /// A field of bytes: its number and the wire type 2, the length, the bytes.
    fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
        [&[field << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
    }

    /// A field of a small number.
    fn number(field: u8, value: u8) -> Vec<u8> {
        vec![field << 3, value]
    }

    fn account(name: &str, algorithm: u8, digits: u8, kind: u8) -> Vec<u8> {
        let fields = [bytes(1, TWENTY), bytes(2, name.as_bytes()), bytes(3, b"ACME"), number(4, algorithm)];
        let more = [number(5, digits), number(6, kind), number(7, 9), bytes(8, b"unique")];
        bytes(1, &[fields.concat(), more.concat()].concat())
    }

    fn line(payload: &[u8]) -> String {
        let data = BASE64.encode(payload).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        format!("otpauth-migration://offline?data={data}")
    }

    fn imported(account: &[u8]) -> Result<ImportedAuthenticator, MigrationError> {
        parse(line(account).as_bytes(), None).ok().unwrap().remove(0)
    }

    fn error(result: Result<ImportedAuthenticator, MigrationError>) -> MigrationError {
        match result {
            Ok(_) => panic!("accepted"),
            Err(error) => error,
        }
    }

    #[test]
    fn every_account_of_an_export_is_read_with_its_parameters() {
        let payload = [
            account("ACME: alice", 1, 1, 2),
            account("bob", 2, 2, 2),
            account("a:b:carol", 3, 0, 2),
            number(2, 1),
        ];
        let tokens = parse(line(&payload.concat()).as_bytes(), None).ok().unwrap();
        let read: Vec<_> = tokens.iter().map(|token| token.as_ref().ok().unwrap()).collect();
        let expected =
            [("alice", Algorithm::Sha1, 6), ("bob", Algorithm::Sha256, 8), ("carol", Algorithm::Sha512, 6)];
        for (token, (user, algorithm, digits)) in read.iter().zip(expected) {
            assert_eq!(token.user, user);
            assert_eq!(token.factor, Parameters::new(algorithm, digits, 30).unwrap().into());
            assert_eq!(token.secret.expose(), TWENTY);
        }
        assert_eq!(read.len(), 3);
    }

    #[test]
    fn missing_fields_have_the_default_of_the_apps() {
        let account = bytes(1, &[bytes(1, TWENTY), bytes(2, b"alice"), number(6, 2)].concat());
        assert_eq!(imported(&account).ok().unwrap().factor, Parameters::EVERY_APP.into());
    }

    #[test]
    fn a_counter_in_an_export_is_followed_by_the_next_one() {
        for (counter, digits, next) in [(vec![], 6, 1), (number(7, 0), 6, 1), (number(7, 41), 8, 42)] {
            let fields = [
                bytes(1, TWENTY),
                bytes(2, b"alice"),
                number(5, if digits == 8 { 2 } else { 1 }),
                number(6, 1),
            ];
            let account = bytes(1, &[fields.concat(), counter].concat());
            let imported = imported(&account).ok().unwrap();
            let factor = Hotp::new(digits).unwrap().into();
            assert_eq!((imported.factor, imported.used_up_to), (factor, next));
        }
    }

    #[test]
    fn a_counter_that_cannot_be_imported_is_refused() {
        let with = |algorithm: u8, counter: i64| {
            let mut field = Vec::new();
            prost::encoding::int64::encode(7, &counter, &mut field);
            let fields = [bytes(1, TWENTY), bytes(2, b"alice"), number(4, algorithm), number(6, 1), field];
            imported(&bytes(1, &fields.concat()))
        };
        for counter in [-1, i64::MIN, i64::MAX, i64::MAX - 1] {
            assert_eq!(error(with(1, counter)), MigrationError::Counter(1), "{counter}");
        }
        assert_eq!(with(1, i64::MAX - 2).ok().unwrap().used_up_to, hotp::END - 1);
        assert_eq!(error(with(2, 1)), MigrationError::CounterAlgorithm(1, "SHA256"));
        assert_eq!(error(with(3, 1)), MigrationError::CounterAlgorithm(1, "SHA512"));
    }

    #[test]
    fn an_export_is_read_however_its_base64_is_written() {
        let payload = [account("alice", 1, 1, 2), bytes(9, &[0xfb, 0xff, 0xfe])].concat();
        let text = BASE64.encode(&payload);
        for data in [
            text.clone(),
            text.trim_end_matches('=').to_owned(),
            text.replace('+', "-").replace('/', "_"),
            text.replace('+', "%2b").replace('=', "%3d"),
            text.replace('+', " "),
            text.replace('+', "%20"),
            text.clone() + "%0A",
        ] {
            for line in [
                format!("otpauth-migration://offline?data={data}"),
                format!("  OTPAUTH-MIGRATION://offline?x=1&data={data}&y\r"),
                format!("\u{feff}\"QR-Code:otpauth-migration://offline?data={data}\""),
            ] {
                assert!(is_export(line.as_bytes()));
                assert!(parse(line.as_bytes(), None).ok().unwrap().remove(0).is_ok(), "{line}");
            }
        }
        assert!(!is_export(b"otpauth://totp/x") && !is_export(b"") && !is_export(b"# otpauth-migration://"));
    }

    #[test]
    fn a_bad_account_is_reported_by_number_and_hides_no_other() {
        let payload = [account("alice", 2, 1, 1), account("bob", 1, 1, 2)].concat();
        let mut tokens = parse(line(&payload).as_bytes(), None).ok().unwrap();
        assert_eq!(tokens.pop().unwrap().ok().unwrap().user, "bob");
        assert_eq!(error(tokens.pop().unwrap()), MigrationError::CounterAlgorithm(1, "SHA256"));
        assert_eq!(error(imported(&account("alice", 1, 1, 0))), MigrationError::Type(1));
        assert_eq!(error(imported(&account("alice", 1, 1, 3))), MigrationError::Type(1));
        assert_eq!(error(imported(&account("alice", 4, 1, 2))), MigrationError::Algorithm(1));
        assert_eq!(error(imported(&account("alice", 1, 3, 2))), MigrationError::Digits(1));
        assert_eq!(error(imported(&account("ACME: ", 1, 1, 2))), MigrationError::NoAccount(1));
        let named = parse(line(&account("", 1, 1, 2)).as_bytes(), Some("alice")).ok().unwrap().remove(0);
        assert_eq!(named.ok().unwrap().user, "alice");
    }

    #[test]
    fn a_truncated_export_is_refused() {
        let whole = [account("alice", 1, 1, 2), account("bob", 1, 1, 2)].concat();
        let first = account("alice", 1, 1, 2).len();
        for cut in (0..whole.len()).filter(|cut| ![0, first].contains(cut)) {
            assert!(
                matches!(parse(line(&whole[..cut]).as_bytes(), None), Err(MigrationError::Unreadable)),
                "{cut}"
            );
        }
        let whole = |text: &str| parse(text.as_bytes(), None).err();
        assert_eq!(whole("otpauth-migration://offline"), Some(MigrationError::NoData));
        assert_eq!(whole("otpauth-migration://offline?date=CjE"), Some(MigrationError::NoData));
        assert_eq!(whole("otpauth-migration://offline?data=C%2CjE"), Some(MigrationError::Encoding));
        assert_eq!(whole("otpauth-migration://offline?data=CjE&data=CjE"), Some(MigrationError::NoData));
        assert_eq!(whole("otpauth-migration://offline?data=C"), Some(MigrationError::Encoding));
        assert_eq!(whole("otpauth-migration://offline?data="), Some(MigrationError::Empty));
        assert_eq!(
            whole(&format!("otpauth-migration://offline?data={}", "A".repeat(LONGEST))),
            Some(MigrationError::TooLong)
        );
    }

    #[test]
    fn the_part_of_an_export_is_read() {
        let of = |parts: u8, part: u8| {
            let payload =
                [account("alice", 1, 1, 2), number(3, parts), number(4, part), number(5, 77)].concat();
            super::part(line(&payload).as_bytes())
        };
        assert_eq!(of(3, 2), Some(ExportPart { id: 77, of: 3, index: 2 }));
        assert_eq!((of(1, 0), of(0, 0), of(3, 3)), (None, None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_export_or_an_error(payload in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = parse(line(&payload).as_bytes(), None);
            let _ = super::part(line(&payload).as_bytes());
            let _ = parse(&payload, None);
        }
    }
}
