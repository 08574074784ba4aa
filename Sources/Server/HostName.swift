#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A host with or without a port, as in `Host` and `Origin`: `localhost:8000`, `127.0.0.1`, `[::1]:8000`, `trips.example.com`.
///
/// https://www.rfc-editor.org/rfc/rfc9110#section-7.2
struct HostName: Hashable, Sendable {
    /// In lower case, without a dot at its end; an IPv6 address in its shortest form, in brackets.
    let name: String
    let port: Int?
    /// Whether it is an IP address rather than a name that DNS resolves.
    let isAddress: Bool

    /// Parses a host; nil if it is invalid: user names, blanks, zones of IPv6 and empty hosts are.
    init?(_ text: some StringProtocol) {
        let bytes = text.utf8
        let portStart: Substring.UTF8View.Index
        let whole = Substring(text)
        if bytes.first == UInt8(ascii: "[") {
            guard let bracket = whole.utf8.firstIndex(of: UInt8(ascii: "]")),
                let address = Self.canonicalIPv6(String(whole[..<bracket].dropFirst()))
            else { return nil }
            name = "[\(address)]"
            isAddress = true
            portStart = whole.utf8.index(after: bracket)
        } else {
            portStart = whole.utf8.firstIndex(of: UInt8(ascii: ":")) ?? whole.endIndex
            guard let name = Self.canonicalName(whole.utf8[..<portStart]) else { return nil }
            self.name = name
            isAddress = Self.isIPv4(name)
        }
        let port = whole[portStart...]
        if port.isEmpty || port == ":" {
            self.port = nil
        } else {
            guard port.utf8.first == UInt8(ascii: ":"),
                port.utf8.dropFirst().allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
                let number = UInt16(port.dropFirst())
            else { return nil }
            self.port = Int(number)
        }
    }

    /// Whether only this machine can be reached under it.
    var isLoopback: Bool {
        name == "localhost" || name == "ip6-localhost" || name == "[::1]" || isAddress && name.hasPrefix("127.")
    }

    /// Returns a name in lower case without a dot at its end; nil if it is invalid.
    ///
    /// By bytes, as each request is checked.
    private static func canonicalName(_ text: Substring.UTF8View) -> String? {
        let text = text.last == UInt8(ascii: ".") ? text.dropLast() : text
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        for byte in text {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): bytes.append(byte | 0x20)
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                bytes.append(byte)
            case UInt8(ascii: "."):
                guard let last = bytes.last, last != byte else { return nil }
                bytes.append(byte)
            default: return nil
            }
        }
        // Two dots at the end are one too many.
        return bytes.isEmpty || bytes.last == UInt8(ascii: ".") ? nil : String(decoding: bytes, as: UTF8.self)
    }

    private static func isIPv4(_ text: String) -> Bool {
        guard let last = text.utf8.last, UInt8(ascii: "0")...UInt8(ascii: "9") ~= last else { return false }
        var address = in_addr()
        return inet_pton(AF_INET, text, &address) == 1
    }

    private static func canonicalIPv6(_ text: String) -> String? {
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        var bytes = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &address, &bytes, socklen_t(bytes.count)) != nil else { return nil }
        return String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
