import Fetching
import Testing

@Suite(.timeLimit(.minutes(10)))
struct AddressPolicyTests {
    @Test(
        "An address that not everybody can reach is refused",
        arguments: [
            ("0.0.0.0", "unspecified"), ("0.1.2.3", "unspecified"), ("10.0.0.1", "private"), ("10.255.255.255", "private"),
            ("100.64.0.1", "NAT"), ("100.127.255.255", "NAT"), ("127.0.0.1", "loopback"), ("127.255.255.254", "loopback"),
            ("169.254.169.254", "link-local"), ("172.16.0.1", "private"), ("172.31.255.255", "private"),
            ("192.0.0.8", "reserved"), ("192.0.2.1", "documentation"), ("192.168.1.1", "private"),
            ("198.18.0.1", "benchmarks"), ("198.51.100.7", "documentation"), ("203.0.113.9", "documentation"),
            ("224.0.0.1", "multicast"), ("239.255.255.255", "multicast"), ("240.0.0.1", "reserved"),
            ("255.255.255.255", "reserved"), ("::", "unspecified"), ("::1", "loopback"), ("::ffff:127.0.0.1", "IPv4-mapped"),
            ("::ffff:8.8.8.8", "IPv4-mapped"), ("::127.0.0.1", "reserved"), ("fc00::1", "unique local"),
            ("fd12:3456::1", "unique local"), ("fe80::1", "link-local"), ("febf::1", "link-local"), ("fec0::1", "site-local"),
            ("ff02::1", "multicast"), ("2001::1", "Teredo"), ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
            ("2001:2::1", "reserved"), ("2001:10::1", "reserved"), ("2001:20::1", "reserved"), ("2001:1ff:ffff::1", "reserved"),
            ("2001:db8::1", "documentation"), ("2002:7f00:1::", "6to4"),
            ("3fff::1", "documentation"), ("64:ff9b::7f00:1", "loopback"), ("64:ff9b::a00:1", "private"),
            ("64:ff9b:1::1", "NAT64"), ("64:ff9b:1:ffff::7f00:1", "NAT64"),
            ("64:ff9b::a9fe:a9fe", "link-local"), ("64:ff9b::a83f:8110", "Azure"), ("100::1", "discards"),
            ("100:0:0:1::1", "reserved"), ("4000::1", "reserved"), ("5f00::1", "segment"), ("168.63.129.16", "Azure"),
            ("100.100.100.200", "NAT"),
            ("192.0.0.192", "reserved"), ("192.0.0.170", "reserved"), ("192.88.99.1", "reserved"),
            ("fd00:ec2::254", "unique local"),
            ("fd20:ce::254", "unique local"), ("::ffff:168.63.129.16", "IPv4-mapped"), ("2002:a83f:8110::1", "6to4"),
            ("::ffff:0:127.0.0.1", "reserved"), ("0100::ffff:ffff:ffff:ffff", "discards"),
        ])
    func refused(text: String, kind: String) throws {
        let refusal = AddressPolicy.refusal(of: try #require(IPAddress(text)))
        #expect(refusal?.contains(kind) == true, "\(refusal ?? "allowed")")
    }

    @Test(
        "An address that everybody can reach is allowed",
        arguments: [
            "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
            "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
            "198.20.0.0", "223.255.255.255", "2000::1", "2001:4860:4860::8888", "2606:4700:4700::1111", "2a00::1",
            "64:ff9b::808:808", "168.63.129.15", "168.63.129.17", "192.0.1.0", "2001:200::1", "2620:4f:8000::1", "192.31.196.1",
        ])
    func allowed(text: String) throws {
        #expect(AddressPolicy.refusal(of: try #require(IPAddress(text))) == nil)
    }

    @Test(
        "Text that is not an address is refused",
        arguments: ["", "localhost", "127.1", "0x7f000001", "1.2.3", "1.2.3.4.5", "[::1]", "fe80::1%lo", "::g"])
    func noAddress(text: String) { #expect(IPAddress(text) == nil) }

    @Test("An address reads as it was written", arguments: ["127.0.0.1", "::1", "2606:4700:4700::1111"])
    func description(text: String) { #expect(IPAddress(text)?.description == text) }
}
