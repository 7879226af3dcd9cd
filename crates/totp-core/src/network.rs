//! Networks: a range of addresses, written `192.0.2.0/24` or `2001:db8::/32` (CIDR, RFC 4632 section 3.1, RFC 4291
//! section 2.3).

use std::fmt;
use std::net::IpAddr;

/// A network: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not an address, a slash and a number of bits.
    #[error(
        "is not a network: write an address, \"/\" and the number of leading bits, such as \"192.0.2.0/24\" or \"2001:db8::/32\""
    )]
    Form,
    /// More bits than the address has.
    #[error("has too long a prefix: at most 32 bits (IPv4) or 128 bits (IPv6)")]
    Prefix,
    /// The address or the length is mistaken.
    #[error("has bits set after its prefix: correct the address or the prefix length")]
    HostBits,
    /// Clients with such addresses count as IPv4, so the network would be empty (RFC 4291 section 2.5.5.2).
    #[error(
        "is IPv4 written as IPv6, which never matches a client: write it as IPv4, such as \"192.0.2.0/24\""
    )]
    Mapped,
}

impl Network {
    /// Parses a network. A single address needs the slash and its full length too, so that no typo widens it.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = text.split_once('/').ok_or(NetworkError::Form)?;
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
        if prefix.is_empty() || prefix.len() > 3 || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NetworkError::Form);
        }
        let prefix: u8 = prefix.parse().map_err(|_| NetworkError::Prefix)?;
        if prefix > length(address) {
            return Err(NetworkError::Prefix);
        }
        if leading(address, prefix) != address {
            return Err(NetworkError::HostBits);
        }
        if address.to_canonical() != address {
            return Err(NetworkError::Mapped);
        }
        Ok(Self { address, prefix })
    }

    /// Whether `address` is in it. An IPv4 address that is written as IPv6 (RFC 4291 section 2.5.5.2) counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        // An address of the other kind is never equal.
        leading(address.to_canonical(), self.prefix) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The address of a client in `PAM_RHOST`. A host name is none, even one that begins like an address: the owner of an
/// address chooses its reverse name.
#[must_use]
pub fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// `address` with all but its first `prefix` bits cleared.
pub(crate) fn leading(address: IpAddr, prefix: u8) -> IpAddr {
    let cleared = u32::from(length(address).saturating_sub(prefix));
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(cleared).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(cleared).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

fn length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contains(network: &str, host: &str) -> bool {
        Network::parse(network).unwrap().contains(host.parse().unwrap())
    }

    #[test]
    fn a_network_holds_what_begins_as_it_does() {
        assert!(contains("192.0.2.0/24", "192.0.2.255"));
        assert!(!contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("192.0.2.7/32", "192.0.2.7"));
        assert!(!contains("192.0.2.7/32", "192.0.2.6"));
        assert!(contains("0.0.0.0/0", "203.0.113.1"));
        assert!(!contains("0.0.0.0/0", "::1"), "all of IPv4 is nothing of IPv6");
        assert!(!contains("::/0", "192.0.2.1"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!contains("2001:db8::/32", "2001:db9::1"));
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.9"), "sshd on a socket for both kinds");
    }

    #[test]
    fn what_is_not_a_network_is_refused() {
        for (text, error) in [
            ("192.0.2.0", NetworkError::Form),
            ("192.0.2.0/", NetworkError::Form),
            ("192.0.2.0/+4", NetworkError::Form),
            ("192.0.2.0/255.255.255.0", NetworkError::Form),
            ("192.0.2/24", NetworkError::Form),
            ("example.net/24", NetworkError::Form),
            ("192.0.2.0/24 ", NetworkError::Form),
            ("fe80::1%eth0/64", NetworkError::Form),
            ("192.0.2.0/33", NetworkError::Prefix),
            ("2001:db8::/129", NetworkError::Prefix),
            ("2001:db8::/999", NetworkError::Prefix),
            ("192.0.2.1/24", NetworkError::HostBits),
            ("2001:db8::1/32", NetworkError::HostBits),
            ("::ffff:192.0.2.1/120", NetworkError::HostBits),
        ] {
            assert_eq!(Network::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn ipv4_written_as_ipv6_is_refused_since_nobody_would_be_in_it() {
        for text in ["::ffff:192.0.2.0/120", "::ffff:c000:200/120", "::ffff:192.0.2.7/128", "::ffff:0:0/96"] {
            assert_eq!(Network::parse(text), Err(NetworkError::Mapped), "{text}");
        }
        for text in ["::/0", "::fffe:0:0/95", "::fffe:0:0/96", "::192.0.2.0/120"] {
            assert!(Network::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn only_an_address_is_an_address() {
        for text in [
            "",
            "localhost",
            "192.0.2.1.example.net",
            "192.0.2.1 ",
            "192.0.2.01",
            "fe80::1%eth0",
            "3221225985",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
        let written_as_ipv4 = Some(IpAddr::from([192, 0, 2, 1]));
        assert_eq!([address("192.0.2.1"), address("::ffff:192.0.2.1")], [written_as_ipv4; 2]);
    }

    proptest! {
        #[test]
        fn an_address_lies_in_each_network_that_it_begins_like(bits: u128, prefix in 0..=128u8) {
            let host = IpAddr::V6(bits.into());
            prop_assume!(host.to_canonical() == host);
            let network = format!("{}/{prefix}", leading(host, prefix));
            prop_assert!(Network::parse(&network).unwrap().contains(host), "{}", network);
            prop_assert_eq!(Network::parse(&network).unwrap().to_string(), network);
        }
    }
}
