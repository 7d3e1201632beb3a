//! Which addresses are on the open internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of IPv4 that are not global: private, shared, local, reserved, for documentation and
/// benchmarks, multicast.
const NOT_GLOBAL_V4: [([u8; 4], u32); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// The one part of IPv6 that is global unicast, …
const GLOBAL_V6: (u128, u32) = (0x2000 << 112, 3);

/// … but for these: protocol assignments and Teredo, documentation, 6to4.
const NOT_GLOBAL_V6: [(u128, u32); 4] = [
    (0x2001 << 112, 23),
    (0x2001_0db8 << 96, 32),
    (0x2002 << 112, 16),
    (0x3fff << 112, 20),
];

/// IPv4 addresses as an IPv6-only network sees them (RFC 6052).
const NAT64: (u128, u32) = (0x0064_ff9b << 96, 96);

/// Whether an address is one of the open internet.
pub(super) fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_global_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => is_global_v4(v4),
            None => {
                within(v6.to_bits(), GLOBAL_V6)
                    && !NOT_GLOBAL_V6
                        .iter()
                        .any(|network| within(v6.to_bits(), *network))
            }
        },
    }
}

/// An IPv4 address that is written as an IPv6 one is the IPv4 address.
pub(super) fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => embedded_v4(v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = v6.octets();
    let nat64 = within(v6.to_bits(), NAT64).then(|| Ipv4Addr::new(a, b, c, d));
    v6.to_ipv4_mapped().or(nat64)
}

fn is_global_v4(v4: Ipv4Addr) -> bool {
    !NOT_GLOBAL_V4.iter().any(|(network, prefix)| {
        let differ = v4.to_bits() ^ u32::from_be_bytes(*network);
        differ >> (32 - prefix) == 0
    })
}

fn within(address: u128, (network, prefix): (u128, u32)) -> bool {
    (address ^ network) >> (128 - prefix) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_open_internet_are_global() {
        for global in [
            "1.1.1.1",
            "93.184.215.14",
            "100.63.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(
                is_global(global.parse().expect("an address")),
                "{global} is global"
            );
        }
        let local = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2002:0a00:0001::1",
            "2001::1",
            "fec0::1",
            "100::1",
        ];
        for local in local {
            assert!(
                !is_global(local.parse().expect("an address")),
                "{local} is not global"
            );
        }
    }
}
