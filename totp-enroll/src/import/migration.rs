//! One `otpauth-migration://` URI: what the app of Google Authenticator puts into the QR codes by which accounts move to another
//! phone. Several accounts in protocol buffers, in base64; of many accounts there are several codes.

use super::token::Token;
use data_encoding::BASE64_NOPAD;
use percent_encoding::percent_decode;
use prost::Message;
use totp_core::factor::totp::{Algorithm, Parameters, ParametersError};
use totp_core::secret::Secret;
use zeroize::Zeroizing;

const SCHEME: &[u8] = b"otpauth-migration://";
/// No QR code holds a longer one, in bytes (ISO/IEC 18004, version 40).
const LONGEST: usize = 2953;

/// An export, or a part of one.
#[derive(Message)]
#[prost(skip_debug)]
struct Payload {
    #[prost(message, repeated, tag = "1")]
    accounts: Vec<Account>,
    #[prost(int32, tag = "3")]
    parts: i32,
    #[prost(int32, tag = "4")]
    part: i32,
    #[prost(int32, tag = "5")]
    id: i32,
}

#[derive(Message)]
#[prost(skip_debug)]
struct Account {
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
}

/// Which of the QR codes of an export a line was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// The same for all of one export.
    pub(super) id: i32,
    pub(super) of: usize,
    pub(super) index: usize,
}

/// Why an export, or an account in it, cannot be taken over. Nothing of it repeats what is in the line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("is longer than a QR code: one otpauth-migration:// a line")]
    TooLong,
    #[error("is an otpauth-migration:// export without data")]
    NoData,
    #[error("is an otpauth-migration:// export whose data is not base64: it may be cut short")]
    Encoding,
    #[error("is an otpauth-migration:// export that cannot be read: it may be cut short")]
    Unreadable,
    #[error("is an otpauth-migration:// export without an account")]
    Empty,
    #[error(
        "account {0} of the export is a counter token (HOTP), which cannot be carried over: enrol this user anew"
    )]
    Counter(usize),
    #[error("account {0} of the export is of another type than TOTP")]
    Type(usize),
    #[error("account {0} of the export has an algorithm that is not supported: enrol this user anew")]
    Algorithm(usize),
    #[error("account {0} of the export has a number of digits that is not known")]
    Digits(usize),
    #[error("account {0} of the export has no name: give it one by --user")]
    NoAccount(usize),
    #[error("account {0} of the export: {1}")]
    Parameters(usize, ParametersError),
}

/// Whether a line is one.
pub(super) fn is_export(line: &[u8]) -> bool {
    line.trim_ascii().get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
}

/// The accounts of a line, each by itself. `user` stands in for every name.
pub(super) fn parse(line: &[u8], user: Option<&str>) -> Result<Vec<Result<Token, Problem>>, Problem> {
    let Payload { accounts, .. } = payload(line)?;
    if accounts.is_empty() {
        return Err(Problem::Empty);
    }
    Ok((1..).zip(accounts).map(|(at, account)| account.token(at, user)).collect())
}

/// Which part of an export a line is; `None` where it is the only one.
pub(super) fn part(line: &[u8]) -> Option<Part> {
    let Payload { parts, part, id, .. } = payload(line).ok()?;
    let (of, index) = (usize::try_from(parts).ok()?, usize::try_from(part).ok()?);
    (of > 1 && index < of).then_some(Part { id, of, index })
}

fn payload(line: &[u8]) -> Result<Payload, Problem> {
    let line = line.trim_ascii();
    if line.len() > LONGEST {
        return Err(Problem::TooLong);
    }
    let query = line.iter().position(|&byte| byte == b'?').and_then(|at| line.get(at.saturating_add(1)..));
    let data = query.ok_or(Problem::NoData)?.split(|&byte| byte == b'&');
    let data = data.filter_map(|parameter| parameter.strip_prefix(b"data=")).next().ok_or(Problem::NoData)?;
    let text: Zeroizing<Vec<u8>> = Zeroizing::new(percent_decode(data).collect());
    let mut specification = BASE64_NOPAD.specification();
    // Some readers of QR codes write the alphabet of file names.
    specification.translate.from.push_str("-_");
    specification.translate.to.push_str("+/");
    let encoding = specification.encoding().map_err(|_| Problem::Encoding)?;
    let bare = text.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last.saturating_add(1));
    let bytes = encoding.decode(text.get(..bare).unwrap_or_default()).map_err(|_| Problem::Encoding)?;
    let bytes = Zeroizing::new(bytes);
    Payload::decode(bytes.as_slice()).map_err(|_| Problem::Unreadable)
}

impl Account {
    fn token(self, at: usize, user: Option<&str>) -> Result<Token, Problem> {
        let secret = Secret::new(self.secret);
        match self.kind {
            1 => return Err(Problem::Counter(at)),
            2 => {}
            _ => return Err(Problem::Type(at)),
        }
        let algorithm = match self.algorithm {
            // What is left out is what every app takes for it.
            0 | 1 => Algorithm::Sha1,
            2 => Algorithm::Sha256,
            3 => Algorithm::Sha512,
            _ => return Err(Problem::Algorithm(at)),
        };
        let digits = match self.digits {
            0 | 1 => 6,
            2 => 8,
            _ => return Err(Problem::Digits(at)),
        };
        // The app knows no other period.
        let parameters =
            Parameters::new(algorithm, digits, 30).map_err(|error| Problem::Parameters(at, error))?;
        // An issuer may stand before it, as in a label.
        let name = self.name.rsplit(':').next().unwrap_or_default().trim_matches(' ');
        let user = match user.unwrap_or(name) {
            "" => return Err(Problem::NoAccount(at)),
            user => user.to_owned(),
        };
        Ok(Token { user, parameters, secret })
    }
}

#[cfg(test)]
#[path = "migration_tests.rs"]
mod tests;
