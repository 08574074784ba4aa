import Foundation

#if canImport(Glibc)
import Glibc
private let startListening = Glibc.listen
#else
import Musl
private let startListening = Musl.listen
#endif

/// A server on loopback of which a test sees and says every byte.
final class RawServer: @unchecked Sendable {
    /// A connection that was taken.
    struct Connection: Sendable {
        let descriptor: Int32

        /// Bytes up to an end that is among them, or up to the end of the connection.
        func read(to end: String) -> String {
            var bytes: [UInt8] = []
            var byte: UInt8 = 0
            while !bytes.suffix(end.utf8.count).elementsEqual(end.utf8), recv(descriptor, &byte, 1, 0) == 1 {
                bytes.append(byte)
            }
            return String(decoding: bytes, as: UTF8.self)
        }

        /// The head of a request; empty at the end of the connection.
        func readHead() -> String { read(to: "\r\n\r\n") }

        /// Returns whether all was taken.
        @discardableResult
        func write(_ text: String) -> Bool { write(Array(text.utf8)) == text.utf8.count }

        /// Returns how many bytes were taken.
        func write(_ bytes: [UInt8], told: (Int) -> Void = { _ in }) -> Int {
            var count = 0
            while count < bytes.count {
                let rest = min(bytes.count - count, 64 << 10)
                let written = bytes.withUnsafeBytes {
                    send(descriptor, $0.baseAddress! + count, rest, Int32(MSG_NOSIGNAL))
                }
                if written <= 0 { break }
                count += written
                told(count)
            }
            return count
        }
    }

    private let listener: Int32
    private let condition = NSCondition()
    private var connectionCountValue = 0
    let port: Int

    /// - Parameter talk: called on a thread of its own for each connection, which ends with it; with its number, from 0.
    init(_ talk: @escaping @Sendable (Connection, Int) -> Void) {
        (listener, port) = Self.listen()
        Thread.detachNewThread { [listener, weak self] in
            while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
                let number = self?.count() ?? 0
                Thread.detachNewThread {
                    talk(Connection(descriptor: descriptor), number)
                    close(descriptor)
                }
            }
            close(listener)
        }
    }

    private static func listen() -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                precondition(bind(descriptor, address, length) == 0 && startListening(descriptor, 64) == 0)
                getsockname(descriptor, address, &length)
            }
        }
        return (descriptor: descriptor, port: Int(UInt16(bigEndian: address.sin_port)))
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    private func count() -> Int {
        condition.withLock {
            connectionCountValue += 1
            return connectionCountValue - 1
        }
    }

    /// Connections so far.
    var connectionCount: Int { condition.withLock { connectionCountValue } }

    func url(_ path: String = "/") -> String { "http://127.0.0.1:\(port)\(path)" }
}

/// What threads note for a test.
final class Noted<Value: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func change(_ body: (inout Value) -> Void) {
        condition.withLock {
            body(&value)
            condition.broadcast()
        }
    }

    var now: Value { condition.withLock { value } }

    /// Waits until the value is as wanted.
    func wait(until isWanted: (Value) -> Bool) -> Value {
        condition.withLock {
            while !isWanted(value) { condition.wait() }
            return value
        }
    }
}
