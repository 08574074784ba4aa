/// Writes metrics in the text format of Prometheus.
///
///     # HELP name What it counts.
///     # TYPE name counter
///     name{label="value"} 3
///
/// https://prometheus.io/docs/instrumenting/exposition_formats/
struct PrometheusText {
    enum Kind: String { case counter, gauge, histogram }

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""
    private var name = ""

    /// Writes one metric with its samples.
    mutating func metric(_ name: String, _ kind: Kind, _ help: String, _ samples: (inout PrometheusText) -> Void) {
        self.name = name
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        samples(&self)
    }

    /// Writes a metric without labels.
    mutating func metric(_ name: String, _ kind: Kind, _ help: String, value: Int) {
        metric(name, kind, help) { $0.sample([], value) }
    }

    mutating func sample(_ labels: [(String, String)], _ value: Int) { line("", labels, String(value)) }

    /// Writes a histogram whose `counts` are those of each bucket alone, the last one without a bound.
    mutating func histogram(_ labels: [(String, String)], bounds: [Double], counts: [Int], sum: Double) {
        var total = 0
        for (index, count) in counts.enumerated() {
            total += count
            line("_bucket", labels + [("le", index < bounds.count ? bounds[index].description : "+Inf")], String(total))
        }
        line("_sum", labels, sum.description)
        line("_count", labels, String(total))
    }

    private mutating func line(_ suffix: String, _ labels: [(String, String)], _ value: String) {
        text += name + suffix
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0)=\"\(Self.escape($1))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    private static func escape(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\"") || $0 == 10 }) else {
            return value
        }
        return value.reduce(into: "") {
            switch $1 {
            case "\\": $0 += "\\\\"
            case "\"": $0 += "\\\""
            case "\n": $0 += "\\n"
            default: $0.append($1)
            }
        }
    }
}
