import TestSupport

/// Random CSV text: mostly right, with everything that may be wrong, often close together.
struct RandomCSV {
    var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    mutating func pick<Value>(_ values: [Value]) -> Value { values.randomElement(using: &random)! }

    /// A header line with the columns in random order and others among them.
    mutating func header() -> String {
        var names = ["region", "origin_coord", "destination_coord", "datetime", "datasource"]
        if chance(50) {
            for index in 0..<Int.random(in: 0...3, using: &random) { names.append("extra\(index)") }
            names.shuffle(using: &random)
        }
        names = names.map { chance(10) ? "\"\($0)\"" : chance(10) ? " \($0.uppercased()) " : $0 }
        return (chance(10) ? "\u{FEFF}" : "") + names.joined(separator: ",") + (chance(20) ? "\r\n" : "\n")
    }

    /// Records after a header whose fields are `columns` (nil for a column that is not needed).
    mutating func records(columns: [String?], count: Int, badPercent: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        for index in 0..<count {
            if chance(2) { bytes += pick(["\n", "\r\n", " \n"]).utf8 }
            var row = columns.map { quoted(field($0, badPercent: badPercent), badPercent: badPercent) }
            if chance(badPercent / 4) { row.removeLast() }
            if chance(badPercent / 4) { row.append(Array("more".utf8)) }
            var line = Array(row.joined(separator: [UInt8(ascii: ",")]))
            for _ in 0..<(chance(badPercent) ? Int.random(in: 1...3, using: &random) : 0) { mutate(&line) }
            bytes += line
            let isLast = index == count - 1
            if !isLast || chance(70) { bytes += pick(["\n", "\n", "\n", "\r\n"]).utf8 }
        }
        return bytes
    }

    private mutating func mutate(_ line: inout [UInt8]) {
        let byte = pick(Array("\"\"\"\",,\n\n\r\t .-+eE0959()POINTZ:\\;".utf8) + [0, 0xC3, 0xFF, 0x80])
        let position = Int.random(in: 0...line.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: line.insert(byte, at: position)
        case 1 where position < line.count: line[position] = byte
        case 2 where position < line.count: line.remove(at: position)
        default: line.append(byte)
        }
    }

    /// A field as it is written: quoted if it must be, and sometimes if it need not be.
    private mutating func quoted(_ text: [UInt8], badPercent: Int) -> [UInt8] {
        let needsQuotes = text.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\n") }
        if chance(badPercent / 8) { return text }
        if !needsQuotes && !chance(8) { return text }
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        for byte in text { bytes += byte == UInt8(ascii: "\"") ? [byte, byte] : [byte] }
        return bytes + [UInt8(ascii: "\"")]
    }

    private mutating func field(_ column: String?, badPercent: Int) -> [UInt8] {
        switch column {
        case "region", "datasource": chance(badPercent / 3) ? badName() : Array(name().utf8)
        case "origin_coord", "destination_coord": Array((chance(badPercent / 3) ? badPoint() : point()).utf8)
        case "datetime": Array((chance(badPercent / 3) ? badTime() : time()).utf8)
        default: Array(pick(["", "x", "a,b", "say \"\"", "two\nlines", "\"\n\"", "7", "\u{0}"]).utf8)
        }
    }

    mutating func name() -> String {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: "Zürich \(Int.random(in: 0...9, using: &random))"
        case 1: String(repeating: "n", count: Int.random(in: 1...70, using: &random))
        case 2: pick(["New York, NY", "the \"Ruhr\"", " Rome", "東京", "e\u{301}", "\u{E9}", "O'Hare", "a\u{A0}b"])
        default: pick(["Prague", "Turin", "Hamburg", "bad_diesel_vehicles", "pt_search_app"])
        }
    }

    private mutating func badName() -> [UInt8] {
        pick([
            [], [0xFF], [0xC3], [0x41, 0xC0, 0x80], Array("a\tb".utf8), Array("nul\u{0}".utf8), Array("cr\rlf".utf8),
            Array("new\nline".utf8), Array(repeating: 0x61, count: 1025), Array(repeating: 0x61, count: 1024),
            Array("a\u{7F}b".utf8), Array("a\u{80}b".utf8), Array("a\u{9F}".utf8), [0xE0, 0xC2, 0x85],
        ])
    }

    /// A number's text, as any program may write it.
    mutating func number(_ range: ClosedRange<Double>) -> String {
        let value = Double.random(in: range, using: &random)
        switch Int.random(in: 0..<20, using: &random) {
        case 0: return "\(Int(value))"
        case 1: return "\(value)e0"
        case 2: return "+\(abs(value))"
        case 3: return "\(Int(value))."
        case 4: return "\(value)" + String(repeating: "0", count: Int.random(in: 1...9, using: &random))
        case 5: return String(repeating: "0", count: Int.random(in: 1...3, using: &random)) + "\(abs(value))"
        case 6: return "\(value / 1e9)"
        case 7: return pick(["0", "-0", "-0.0", "0.00000000", "90", "-90", "90.0", ".5", "-.5", "1E1", "7.5652993e-7"])
        case 8: return "\(value)" + (0..<Int.random(in: 1...9, using: &random)).map { _ in pick(["0", "1", "9"]) }.joined()
        case 9...12:
            let decimals = Int.random(in: 0...17, using: &random)
            let digits = (0..<decimals).map { _ in "\(Int.random(in: 0...9, using: &random))" }.joined()
            return "\(Int(value)).\(digits)"
        default: return "\(value)"
        }
    }

    mutating func point() -> String {
        let numbers = "\(number(-180...180)) \(number(-90...90))"
        switch Int.random(in: 0..<12, using: &random) {
        case 0: return "POINT(\(numbers))"
        case 1: return " POINT  ( \(numbers)  )\t"
        case 2: return "point (\(numbers))"
        default: return "POINT (\(numbers))"
        }
    }

    private mutating func badPoint() -> String {
        let (x, y) = (number(-180...180), number(-90...90))
        return pick([
            "", " ", "POINT EMPTY", "POINT ()", "POINT (\(x))", "POINT (\(x) \(y) 3)", "POINT Z (\(x) \(y) 1)", "POINT (a b)",
            "POINT (\(y) \(x))", "POINT (181.5 \(y))", "POINT (-180.0000000000001 0)", "POINT (\(x) 90.00000001)",
            "POINT (\(x), \(y))", "POINT \(x) \(y)", "POINT (\(x) \(y)", "MULTIPOINT ((\(x) \(y)))", "POINT (nan inf)",
            "POINT (0x1p3 1)", "POINT (1e400 0)", "POINT (1.5.2 3)", "POINT (\(x) \(y)) ", "POINT (--1 2)", "POINT (1e 2)",
            "POINT (95 120)", "POINT (45 122)", "POINTZ(1 2 3)", "POINT (\(x)  \(y))x", "\(x)", "POINTS (1 2)", "POINT (1 .)",
        ])
    }

    mutating func time() -> String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let year = chance(10) ? pick([1, 4, 1600, 1900, 1969, 1970, 2000, 9999]) : Int.random(in: 2010...2026, using: &random)
        let date =
            String(repeating: "0", count: 4 - "\(year)".count) + "\(year)-\(two(Int.random(in: 1...12, using: &random)))-"
            + two(Int.random(in: 1...31, using: &random))
        let clock = "\(two(Int.random(in: 0...23, using: &random))):\(two(Int.random(in: 0...59, using: &random)))"
        let seconds = ":\(two(Int.random(in: 0...59, using: &random)))"
        let text = date + pick([" ", " ", " ", "T"]) + clock
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return text
        case 1: return text + seconds + "." + String("123456789".prefix(Int.random(in: 1...9, using: &random)))
        case 2: return " " + text + seconds + "  "
        default: return text + seconds
        }
    }

    private mutating func badTime() -> String {
        let good = "2018-05-28 09:03:40"
        return pick([
            "", "2018-05-28", "2018-05-28 9:03:40", "28.05.2018 09:03", "2018-02-30 01:01:01", "2018-13-01 01:01:01",
            "2018-00-10 01:01:01", "2018-05-00 01:01:01", "2018-05-28 24:00:00", "2018-05-28 23:60:00", "2018-05-28 23:59:60",
            good + "Z", good + "+02:00", good + " UTC", good + "-0500", good + "+02", good + ".", good + ".1234567890",
            "0000-01-01 00:00:00", "2018/05/28 09:03:40", "2018-05-28_09:03:40", "2018-05-28 09:03:4x", "1527498220",
            good + " AM",
            "2018-05-28 09:03:40.5Z", "2018-05-2: 09:03:40", "2018-05-28 0:903:40", "2019-02-29 00:00:00",
            "2018-5-28 09:03:400",
        ])
    }
}
