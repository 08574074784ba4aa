import HTTPTypes
import TripModel

/// The server's own metrics: requests by method, route pattern and status, and bytes of uploads.
///
/// One lock guards them, held for a few additions. Labels have few values, whatever clients send.
package final class ServerMetrics: Sendable {
    /// Upper bounds of the duration histogram, in seconds: from an answer from the index to a long upload.
    static let bounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60]
    private static let knownMethods: Set<String> = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]

    fileprivate struct Key: Hashable {
        var route: String
        var method: String
        var status: Int
    }

    fileprivate struct Series {
        var seconds = 0.0
        var counts = [Int](repeating: 0, count: ServerMetrics.bounds.count + 1)
    }

    private struct State {
        var series: [Key: Series] = [:]
        var inFlight = 0
        var uploadedByteCount = 0
    }

    private let state = Lock(State())

    /// Makes metrics that start at zero.
    package init() {}

    func requestBegan() { state.withLock { $0.inFlight += 1 } }

    /// Counts a request; `route` is the pattern of its path, nil if there is none.
    func requestEnded(method: HTTPRequest.Method, route: String?, status: Int, duration: Duration) {
        let name = Self.knownMethods.contains(method.rawValue) ? method.rawValue : "OTHER"
        let pattern = route ?? "unmatched"
        let seconds = duration.seconds
        let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        state.withLock {
            $0.inFlight -= 1
            $0.series[Key(route: pattern, method: name, status: status), default: Series()].add(seconds, bucket)
        }
    }

    func uploaded(byteCount: Int) { state.withLock { $0.uploadedByteCount += byteCount } }

    /// Writes all metrics.
    func write(to text: inout PrometheusText) {
        let state = state.withLock { $0 }
        let series = state.series.sorted {
            ($0.key.route, $0.key.method, $0.key.status) < ($1.key.route, $1.key.method, $1.key.status)
        }
        text.metric("tripstore_http_requests_total", .counter, "Requests answered.") {
            for (key, series) in series { $0.sample(key.labels, series.counts.reduce(0, +)) }
        }
        text.metric("tripstore_http_request_duration_seconds", .histogram, "Time from a request's head to its answer.") {
            for (key, series) in series {
                $0.histogram(key.labels, bounds: Self.bounds, counts: series.counts, sum: series.seconds)
            }
        }
        text.metric("tripstore_http_requests_in_flight", .gauge, "Requests being answered now.") {
            $0.sample([], state.inFlight)
        }
        text.metric("tripstore_upload_bytes_total", .counter, "Bytes of uploads written to disk.") {
            $0.sample([], state.uploadedByteCount)
        }
    }
}

extension ServerMetrics.Key {
    fileprivate var labels: [(String, String)] { [("method", method), ("route", route), ("status", String(status))] }
}

extension ServerMetrics.Series {
    fileprivate mutating func add(_ seconds: Double, _ bucket: Int) {
        self.seconds += seconds
        counts[bucket] += 1
    }
}
