/// Which addresses a server may connect to for a client that names a URL.
///
/// Only globally reachable ones: any other may be the server's own machine, its network, or an address at which a cloud answers
/// only its machines. It follows the registries of https://www.iana.org/assignments/iana-ipv4-special-registry and
/// https://www.iana.org/assignments/iana-ipv6-special-registry, those of their networks that are not globally reachable, and
/// public addresses at which a cloud answers only its own machines.
package enum AddressPolicy {
    private static let networks: [(network: IPAddress, bits: Int, kind: String)] = [
        ("0.0.0.0", 8, "an unspecified address"),
        ("10.0.0.0", 8, "a private address"),
        ("100.64.0.0", 10, "an address behind a carrier's NAT"),
        ("127.0.0.0", 8, "a loopback address"),
        // https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
        ("168.63.129.16", 32, "an address of Azure's own"),
        ("169.254.0.0", 16, "a link-local address"),
        ("172.16.0.0", 12, "a private address"),
        ("192.0.0.0", 24, "a reserved address"),
        ("192.0.2.0", 24, "an address for documentation"),
        ("192.88.99.0", 24, "a reserved address"),
        ("192.168.0.0", 16, "a private address"),
        ("198.18.0.0", 15, "an address for benchmarks"),
        ("198.51.100.0", 24, "an address for documentation"),
        ("203.0.113.0", 24, "an address for documentation"),
        ("224.0.0.0", 4, "a multicast address"),
        ("240.0.0.0", 4, "a reserved address"),
        ("::", 128, "an unspecified address"),
        ("::1", 128, "a loopback address"),
        ("::ffff:0:0", 96, "an IPv4-mapped address"),
        ("64:ff9b:1::", 48, "an address of a local NAT64"),
        ("100::", 64, "an address that discards all"),
        ("5f00::", 16, "a segment identifier"),
        ("fc00::", 7, "a unique local address"),
        ("fe80::", 10, "a link-local address"),
        ("fec0::", 10, "a site-local address"),
        ("ff00::", 8, "a multicast address"),
        ("2001::", 32, "a Teredo address"),
        ("2001::", 23, "a reserved address"),
        ("2001:db8::", 32, "an address for documentation"),
        ("2002::", 16, "a 6to4 address"),
        ("3fff::", 20, "an address for documentation"),
    ].map { (IPAddress($0)!, $1, $2) }

    private static let globalUnicast = IPAddress("2000::")!
    private static let translated = IPAddress("64:ff9b::")!

    /// Returns the kind of an address that is not globally reachable; nil if it is.
    package static func refusal(of address: IPAddress) -> String? {
        if let match = networks.first(where: { address.isIn($0.network, bits: $0.bits) }) { return match.kind }
        if address.bytes.count == 4 || address.isIn(globalUnicast, bits: 3) { return nil }
        // A network without IPv4 reaches IPv4 hosts so: the embedded address counts.
        if address.isIn(translated, bits: 96) { return refusal(of: IPAddress(bytes: Array(address.bytes.suffix(4)))) }
        return "a reserved address"
    }
}
