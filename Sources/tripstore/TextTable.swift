import TripModel

/// Aligned columns for a person: texts to the left, numbers to the right.
struct TextTable {
    enum Alignment {
        /// A text, which may be cut.
        case left
        /// A text that says little once it is cut, so others are cut first: a time, a key.
        case fixed
        /// A number.
        case right
    }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

    /// Adds a row; whatever its cells contain, it takes one line and sends no control sequences to the terminal.
    mutating func add(_ cells: [String]) { rows.append(cells.map(Readable.text)) }

    /// The table, each line with its end.
    ///
    /// - Parameter width: columns that it may take; nil: as many as it needs. Numbers are not cut for that, so a table of many may still
    ///   be wider.
    func text(width: Int?) -> String {
        let titles = columns.map(\.title)
        let needed = columns.indices.map { column in ([titles] + rows).map { TextWidth.of($0[column]) }.max() ?? 0 }
        let widths = width.map { fitted(needed, to: $0) } ?? needed
        func line(_ cells: [String]) -> String {
            let padded = cells.enumerated().map { column, cell in
                let cell = TextWidth.cut(cell, to: widths[column])
                let blanks = String(repeating: " ", count: widths[column] - TextWidth.of(cell))
                return columns[column].alignment == .right ? blanks + cell : cell + blanks
            }
            return padded.joined(separator: Self.gap).trimmingSuffix(" ")
        }
        let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: Self.gap)
        return ([Style.heading(line(titles), on: .output), rule] + rows.map(line)).map { $0 + "\n" }.joined()
    }

    private static let gap = "  "
    /// Minimum columns of a text, however narrow the terminal is.
    private static let textWidthMin = 8

    /// Makes the widest texts narrower, one column at a time, until a line fits; times and keys only if nothing else is left to cut.
    private func fitted(_ needed: [Int], to width: Int) -> [Int] {
        var widths = needed
        var excess = widths.reduce(0, +) + Self.gap.count * (widths.count - 1) - width
        for kind in [Alignment.left, .fixed] {
            let texts = columns.indices.filter { columns[$0].alignment == kind }
            while excess > 0, let widest = texts.max(by: { widths[$0] < widths[$1] }), widths[widest] > Self.textWidthMin {
                widths[widest] -= 1
                excess -= 1
            }
        }
        return widths
    }
}

/// Numbers and foreign texts in readable form.
enum Readable {
    /// Returns a text with its control characters and line ends escaped, such as `\u001b`.
    static func text(_ text: String) -> String {
        func isShown(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: false
            default: true
            }
        }
        if text.unicodeScalars.allSatisfy(isShown) { return text }
        return text.unicodeScalars.map { scalar in
            switch scalar {
            case "\n": return "\\n"
            case "\r": return "\\r"
            case "\t": return "\\t"
            default:
                if isShown(scalar) { return String(scalar) }
                let digits = String(scalar.value, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }.joined()
    }

    /// `1234567` as `1,234,567`.
    static func count(_ number: Int) -> String { number.grouped }

    /// `1` of `trip` as `1 trip`, `1234567` as `1,234,567 trips`.
    static func count(_ number: Int, _ noun: String) -> String { "\(count(number)) \(noun)\(number == 1 ? "" : "s")" }

    /// `40155.653846` as `40,155.7`: one decimal is enough for comparisons.
    static func decimal(_ number: Double) -> String {
        let tenths = (number * 10).rounded()
        guard abs(tenths) < 1e15 else { return "\(number)" }
        let whole = Int(tenths)
        return (whole < 0 ? "-" : "") + "\(count(Int(whole.magnitude) / 10)).\(Int(whole.magnitude) % 10)"
    }

    /// Returns an argument of a command line, quoted for a shell if necessary.
    static func argument(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || "0123456789/._-+=:,@%".unicodeScalars.contains($0)
            }
        return isPlain ? word : "'" + text(word).replacing("'", with: "'\\''") + "'"
    }

    /// `1536` as `1.5 KiB`.
    static func bytes(_ number: Int) -> String {
        if number < 1024 { return "\(number) B" }
        var value = Double(number)
        var unit = 0
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\((value * 10).rounded() / 10) \(units[unit])"
    }

    /// `75` as `1:15`.
    static func seconds(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded(.up))
        let rest = whole % 60
        return "\(whole / 60):\(rest < 10 ? "0" : "")\(rest)"
    }
}

extension String {
    fileprivate func trimmingSuffix(_ character: Character) -> String {
        var text = Substring(self)
        while text.last == character { text.removeLast() }
        return String(text)
    }
}
