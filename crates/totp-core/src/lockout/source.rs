//! The source of a try: who can have typed it. Failures and budgets are counted by source, because a guesser is not the owner.

use crate::network::{Network, leading};
use crate::random::{Id, Secret};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Separates this use of the secret from any other.
const PURPOSE: &[u8] = b"source 2";

/// What makes a source, from the keys of `[limit]` that are the same for every service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRules {
    /// Leading bits of an IPv6 address that make one source, 1 to 128 (`known_ipv6_prefix`).
    pub ipv6_prefix: u8,
    /// Services without a remote host that people use at this machine itself; `None`: [`SourceRules::LOCAL_SERVICES`].
    pub local_services: Option<Vec<String>>,
    /// Addresses that strangers share, such as those of proxies: only an SSH key makes a source known there.
    pub shared_addresses: Vec<Network>,
}

impl SourceRules {
    /// The default of `known_ipv6_prefix`.
    pub const IPV6_PREFIX: u8 = 64;
    /// The default of `local_services`.
    pub const LOCAL_SERVICES: [&str; 5] = ["login", "lightdm", "gdm-password", "sddm", "polkit-1"];

    /// Whether people use this service at this machine itself.
    #[must_use]
    pub fn is_local(&self, service: &str) -> bool {
        match &self.local_services {
            Some(names) => names.iter().any(|name| name == service),
            None => Self::LOCAL_SERVICES.contains(&service),
        }
    }
}

impl Default for SourceRules {
    fn default() -> Self {
        Self { ipv6_prefix: Self::IPV6_PREFIX, local_services: None, shared_addresses: Vec::new() }
    }
}

/// Where a try comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A program of this machine, which this uid started.
    Local(u32),
    /// A remote host.
    Remote {
        /// The fingerprint of the SSH key that sshd vouched for.
        key: Option<String>,
        /// The place.
        place: Place,
    },
    /// A remote host without an address, or a program of root that does not say who asks. It never becomes known.
    Foreign,
}

/// An address as far as it makes a source: IPv4 whole, IPv6 by its prefix, a link-local one whole and with its interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    name: String,
    is_shared: bool,
}

impl Place {
    /// The place of an address as sshd writes it; `None`: not an address, such as a host name.
    #[must_use]
    pub fn of(text: &str, rules: &SourceRules) -> Option<Self> {
        let (address, interface) = match text.split_once('%') {
            Some((address, interface)) => (address, Some(interface)),
            None => (text, None),
        };
        let address = inside(address.parse().ok()?);
        let is_shared = rules.shared_addresses.iter().any(|network| network.contains(address));
        let name = match (address, interface) {
            (IpAddr::V6(local), interface) if is_link_local(local) => match interface {
                Some(interface) => format!("{local}%{interface}"),
                None => local.to_string(),
            },
            // Only a link-local address has an interface.
            (_, Some(_)) => return None,
            (IpAddr::V4(address), None) => address.to_string(),
            (IpAddr::V6(address), None) => {
                format!("{}/{}", leading(address.into(), rules.ipv6_prefix), rules.ipv6_prefix)
            }
        };
        Some(Self { name, is_shared })
    }

    /// The address or network, as people write it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Place {
    /// Which of 64 groups it is in. A guesser who stays within a few groups only looks like fewer places.
    fn group(&self) -> u8 {
        self.name.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % 64
    }
}

/// The IPv4 address inside an IPv6 one: mapped (RFC 4291 section 2.5.5.2) or translated (64:ff9b::/96, RFC 6052 section 2.1).
fn inside(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => match address.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, _, _] => {
                #[expect(clippy::cast_possible_truncation, reason = "the last 32 bits")]
                let last = address.to_bits() as u32;
                IpAddr::V4(Ipv4Addr::from_bits(last))
            }
            _ => IpAddr::V6(address),
        },
        ipv4 @ IpAddr::V4(_) => ipv4,
    }
}

fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments().first().is_some_and(|first| first & 0xffc0 == 0xfe80)
}

/// The kind of a row, by its number in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKind {
    /// An address.
    Address,
    /// An SSH key at an address.
    KeyAtAddress,
    /// A uid of this machine that is not the account's own.
    LocalUid,
    /// A known SSH key at all addresses that are not known with it.
    KeyElsewhere,
    /// The account's own uid, in programs of root.
    Own,
}

impl RowKind {
    const ALL: [Self; 5] = [Self::Address, Self::KeyAtAddress, Self::LocalUid, Self::KeyElsewhere, Self::Own];

    /// The number in the ledger.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Address => 1,
            Self::KeyAtAddress => 2,
            Self::LocalUid => 3,
            Self::KeyElsewhere => 4,
            Self::Own => 5,
        }
    }

    /// The kind with that number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The word in the log and in `--json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::KeyAtAddress => "key_at_address",
            Self::LocalUid => "local_uid",
            Self::KeyElsewhere => "key_elsewhere",
            Self::Own => "own_uid",
        }
    }
}

/// The row of the ledger that a try is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedIn {
    /// That of a source, of this kind.
    Row(RowKind),
    /// The one for everything else.
    Foreign,
}

impl CountedIn {
    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Row(kind) => kind.as_str(),
            Self::Foreign => "foreign",
        }
    }
}

/// The identity of a row: 12 bytes from which no address and no key can be read, or a uid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(pub(crate) [u8; 12]);

/// The rows that a source may have in the ledger of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The source itself; `None`: it never becomes known.
    pub(crate) own: Option<(RowKind, Mark)>,
    /// Its SSH key alone.
    pub(crate) key: Option<Mark>,
    /// Which of 64 groups the place is in, to count places without storing them.
    pub(crate) place: u8,
}

impl Source {
    /// The rows of this source in the ledger of an account with this uid and credential. `secret` is one that only this account's
    /// documents have; without it a remote source is foreign.
    pub(crate) fn identity(&self, uid: Option<u32>, credential: Id, secret: Option<&Secret>) -> Identity {
        match (self, secret) {
            (Self::Foreign, _) => Identity::FOREIGN,
            (Self::Remote { place, .. }, None) => Identity { place: place.group(), ..Identity::FOREIGN },
            // Programs of root that no one started, such as login at a console, say nothing of who asks: also for root itself.
            (Self::Local(of), _) if *of != 0 && Some(*of) == uid => {
                Identity { own: Some((RowKind::Own, Mark::OWN)), ..Identity::FOREIGN }
            }
            (Self::Local(of), _) => {
                let mark = Mark::of_uid(*of);
                Identity { own: Some((RowKind::LocalUid, mark)), key: None, place: mark.place() }
            }
            (Self::Remote { key, place }, Some(secret)) => {
                let marks = Marks::of(credential, secret);
                let mark = marks.mark(key.as_deref(), Some(&place.name));
                let own = match (key, place.is_shared) {
                    (None, true) => None,
                    (None, false) => Some((RowKind::Address, mark)),
                    (Some(_), _) => Some((RowKind::KeyAtAddress, mark)),
                };
                let key = key.is_some().then(|| marks.mark(key.as_deref(), None));
                Identity { own, key, place: place.group() }
            }
        }
    }
}

impl Identity {
    /// That of a source that never becomes known.
    pub(crate) const FOREIGN: Self = Self { own: None, key: None, place: 0 };
}

/// Makes the marks of one credential.
struct Marks {
    keyed: Hmac<Sha256>,
    credential: Id,
}

impl Marks {
    fn of(credential: Id, secret: &Secret) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 section 3)")]
        let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.expose()).expect("any key length");
        Self { keyed, credential }
    }

    /// The mark of a key, or of none, at a place; without a place: at all places that have none of their own.
    fn mark(&self, key: Option<&str>, place: Option<&str>) -> Mark {
        // That of an address fits into one block of SHA-256, whose time is most of this function's.
        let mut text = Vec::with_capacity(128);
        text.extend(PURPOSE);
        text.extend(self.credential.bytes());
        for part in [key, place] {
            add(&mut text, part);
        }
        let mut mark = [0; 12];
        mark.copy_from_slice(self.keyed.clone().chain_update(text).finalize().into_bytes().split_at(12).0);
        Mark(mark)
    }
}

/// Adds a part after one more than its length, so that a missing part differs from an empty one, and different parts never give the
/// same text.
fn add(text: &mut Vec<u8>, part: Option<&str>) {
    let length = part.map_or(0, |part| u32::try_from(part.len()).unwrap_or(u32::MAX).saturating_add(1));
    text.extend(length.to_be_bytes());
    text.extend(part.unwrap_or_default().as_bytes());
}

impl Mark {
    /// That of the account's own uid, whatever its number.
    pub(crate) const OWN: Self = Self([0; 12]);

    fn of_uid(uid: u32) -> Self {
        let mut mark = [0; 12];
        mark[8..].copy_from_slice(&uid.to_be_bytes());
        Self(mark)
    }

    /// The uid of a row of a uid.
    pub(crate) fn uid(self) -> u32 {
        let [.., a, b, c, d] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    fn place(self) -> u8 {
        let [.., last] = self.0;
        last % 64
    }
}
