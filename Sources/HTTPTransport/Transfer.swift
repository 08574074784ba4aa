import CCurl
import Foundation

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A request in libcurl's hands, which calls back with received bytes and for bytes to send.
///
/// Only the loop's thread uses it.
final class Transfer {
    /// Bytes of all heads of a response, including trailers.
    private static let headByteCountMax = 80 << 10

    let exchange: HTTPExchange
    let handle: UnsafeMutableRawPointer
    let origin: String
    private let options: HTTPClient.Options
    private let deadline: ContinuousClock.Instant?
    private let body: [UInt8]
    private var fields: UnsafeMutablePointer<curl_slist>?
    private var places: UnsafeMutablePointer<curl_slist>?
    private let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    private var sentByteCount = 0
    private var headByteCount = 0
    private var response: HTTPResponse?
    private var hasBegun = false
    private var isConnected = false
    private var isPaused = false
    /// Whether libcurl has called since the last check.
    private var hasMoved = false
    private var hasNews = false
    private var lastMove: ContinuousClock.Instant
    /// Why libcurl was told to end it.
    private var failure: HTTPFailure?

    /// Makes a handle; nil if there is no memory for it.
    init?(_ request: HTTPRequest, _ exchange: HTTPExchange, deadline: ContinuousClock.Instant?, _ options: HTTPClient.Options) {
        guard let handle = libcurl_easy_init() else { return nil }
        self.handle = handle
        self.exchange = exchange
        self.options = options
        self.deadline = deadline
        origin = request.origin
        body = request.body
        lastMove = .now
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        guard setUp(request), setFields(request) else { return nil }
    }

    deinit {
        libcurl_easy_cleanup(handle)
        libcurl_slist_free_all(fields)
        libcurl_slist_free_all(places)
        message.deallocate()
    }

    // MARK: Options

    private func setUp(_ request: HTTPRequest) -> Bool {
        let context = Unmanaged.passUnretained(self).toOpaque()
        var codes = [
            libcurl_set_text(handle, CURLOPT_URL, request.url),
            libcurl_set_pointer(handle, CURLOPT_ERRORBUFFER, message),
            libcurl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, max(1, options.connectTimeout.milliseconds)),
            libcurl_set_long(handle, CURLOPT_MAXAGE_CONN, options.idleSeconds),
            libcurl_set_pointer(handle, CURLOPT_WRITEDATA, context),
            libcurl_set_callback(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                Transfer.of(context).receive(UnsafeRawBufferPointer(start: bytes, count: size * count))
            },
            libcurl_set_pointer(handle, CURLOPT_HEADERDATA, context),
            libcurl_set_callback(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                Transfer.of(context).receiveLine(UnsafeRawBufferPointer(start: bytes, count: size * count))
            },
        ]
        switch request.method {
        case .get: break
        case .head: codes.append(libcurl_set_long(handle, CURLOPT_NOBODY, 1))
        case .delete: codes.append(libcurl_set_text(handle, CURLOPT_CUSTOMREQUEST, request.method.rawValue))
        case .put, .post:
            codes += [
                libcurl_set_long(handle, CURLOPT_POST, 1),
                libcurl_set_text(handle, CURLOPT_CUSTOMREQUEST, request.method.rawValue),
                libcurl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, Int(body.count)),
                libcurl_set_pointer(handle, CURLOPT_READDATA, context),
                libcurl_set_callback(handle, CURLOPT_READFUNCTION) { bytes, size, count, context in
                    Transfer.of(context).send(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
                },
            ]
        }
        if let path = options.rootCertificates {
            // Replaces the system's authorities, which are in both.
            codes += [libcurl_set_text(handle, CURLOPT_CAINFO, path), libcurl_set_text(handle, CURLOPT_CAPATH, nil)]
        }
        return codes.allSatisfy { $0 == CURLE_OK }
    }

    private func setFields(_ request: HTTPRequest) -> Bool {
        var lines = request.headers.fields.map { name, value in value.isEmpty ? "\(name);" : "\(name): \(value)" }
        // Fields that libcurl would add by itself.
        lines += ["Accept", "Expect", "Content-Type"].filter { !request.headers.contains(name: $0) }.map { "\($0):" }
        for line in lines {
            guard let list = libcurl_slist_append(fields, line) else { return false }
            fields = list
        }
        guard libcurl_set_list(handle, CURLOPT_HTTPHEADER, fields) == CURLE_OK else { return false }
        guard let address = request.address else { return true }
        // For any host and port: this address, and the same port.
        places = libcurl_slist_append(nil, address.contains(":") ? "::[\(address)]:" : "::\(address):")
        return places != nil && libcurl_set_list(handle, CURLOPT_CONNECT_TO, places) == CURLE_OK
    }

    // MARK: Callbacks

    private static func of(_ context: UnsafeMutableRawPointer?) -> Transfer {
        Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
    }

    private func send(_ room: UnsafeMutableRawBufferPointer) -> Int {
        hasMoved = true
        let count = min(room.count, body.count - sentByteCount)
        body.withUnsafeBytes { bytes in
            room.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[sentByteCount..<sentByteCount + count]))
        }
        sentByteCount += count
        return count
    }

    /// Receives a line of a head, or of what follows the body.
    private func receiveLine(_ line: UnsafeRawBufferPointer) -> Int {
        hasMoved = true
        headByteCount += line.count
        guard headByteCount <= Self.headByteCountMax else { return end(.other("the head of the response is too large"), 0) }
        if hasBegun { return line.count }
        let text = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        if line.starts(with: "HTTP/".utf8) {
            let parts = text.split(separator: " ", maxSplits: 2)
            let code = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
            let words = parts.count > 2 ? String(parts[2].prefix(100)) : ""
            response = HTTPResponse(status: HTTPStatus(code: code, words: words), headers: HTTPHeaders())
        } else if text.isEmpty {
            // What precedes the response itself is ignored.
            guard let response, response.status.code >= 200 else { return line.count }
            hasBegun = true
            hasNews = true
            exchange.begin(response)
        } else if let colon = text.firstIndex(of: ":") {
            let value = text[text.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            response?.headers.add(name: String(text[..<colon]), value: value)
        }
        return line.count
    }

    private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        hasMoved = true
        switch exchange.append(bytes) {
        case .all:
            hasNews = true
            return bytes.count
        case .nothingYet:
            isPaused = true
            return Int(CURL_WRITEFUNC_PAUSE)
        case .tooMuch: return end(.tooLarge, 0)
        }
    }

    private func end(_ failure: HTTPFailure, _ value: Int) -> Int {
        self.failure = failure
        return value
    }

    // MARK: The loop

    /// Resumes receiving, after received bytes were read.
    func resume() {
        isPaused = false
        hasMoved = true
        _ = libcurl_easy_pause(handle, CURLPAUSE_RECV_CONT)
    }

    /// Wakes the waiting caller if something has arrived, and returns why the request should end now, if it should.
    func look(at now: ContinuousClock.Instant) -> HTTPFailure? {
        if hasMoved { lastMove = now }
        if hasNews { exchange.tell() }
        (hasMoved, hasNews) = (false, false)
        if !isConnected {
            // libcurl's own timeout ends with that.
            var microseconds = 0
            _ = libcurl_get_offset(handle, CURLINFO_PRETRANSFER_TIME_T, &microseconds)
            isConnected = microseconds > 0
            if isConnected { lastMove = now }
        }
        if let deadline, deadline <= now { return .deadlineExceeded }
        if let (end, failure) = stall, end <= now { return failure }
        return nil
    }

    /// When to check it although nothing arrives.
    var nextLook: ContinuousClock.Instant? { [deadline, stall?.end].compactMap(\.self).min() }

    /// When it is aborted if nothing arrives.
    private var stall: (end: ContinuousClock.Instant, failure: HTTPFailure)? {
        if !isConnected || isPaused { return nil }
        if sentByteCount < body.count { return options.writeTimeout.map { (end: lastMove + $0, failure: .writeTimeout) } }
        return options.readTimeout.map { (end: lastMove + $0, failure: .readTimeout) }
    }

    /// OpenSSL's codes for a host mismatch, and those that libcurl leaves if only it has found one.
    private static let hostFaults = [0, 1, 62, 63, 64]

    /// Returns the meaning of libcurl's result; nil: the response is complete.
    func failure(_ code: CURLcode) -> HTTPFailure? {
        if code == CURLE_OK { return hasBegun ? nil : .connectionClosed }
        if let failure { return failure }
        var number = 0
        _ = libcurl_get_long(handle, CURLINFO_OS_ERRNO, &number)
        let written = String(cString: message)
        let words = written.isEmpty ? String(cString: libcurl_easy_strerror(code)) : written
        switch code {
        case CURLE_OPERATION_TIMEDOUT: return .connectTimeout
        case CURLE_COULDNT_RESOLVE_HOST: return .unreachable("the host is not found")
        case CURLE_PEER_FAILED_VERIFICATION:
            var result = 0
            _ = libcurl_get_long(handle, CURLINFO_SSL_VERIFYRESULT, &result)
            return .certificate(Self.hostFaults.contains(result) ? .otherHost : .untrusted)
        case CURLE_SSL_CACERT_BADFILE: return .certificate(.unreadableAuthorities)
        case CURLE_COULDNT_CONNECT:
            return .unreachable(number == 0 ? words : String(cString: strerror(Int32(number))))
        case CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_SEND_FAIL_REWIND: return .connectionClosed
        case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_SSL_CONNECT_ERROR:
            if [ECONNRESET, EPIPE, ECONNABORTED].contains(Int32(number)) { return .connectionClosed }
            if number != 0 { return .unreachable(String(cString: strerror(Int32(number)))) }
            return code == CURLE_RECV_ERROR && words.contains("chunk") || code == CURLE_SSL_CONNECT_ERROR
                ? .other(words) : .connectionClosed
        default: return .other(words)
        }
    }
}

extension Duration {
    /// Rounded up.
    var milliseconds: Int { Int((self / .milliseconds(1)).rounded(.up)) }
}
