internal import TripModel

/// The beginning of a file: the names of its columns and the values of its first records.
package struct TripSample: Sendable {
    /// As the file spells them, without quotes; empty for a column without a name.
    package let names: [String]
    /// Values of each column that are not empty, without blanks around them, in the order of the records.
    package let values: [[String]]
    /// The records as they are.
    let records: [[String]]

    /// - Parameter records: fields of each record; missing ones count as empty, surplus ones are left out.
    package init(names: [String], records: [[String]]) {
        self.names = names
        self.records = records
        values = names.indices.map { column in
            records.compactMap { record in
                guard column < record.count else { return nil }
                let value = record[column].trimmingBlanks().withoutSingleQuotes()
                return value.utf8.count <= 4 && EmptyText.texts.contains(value) ? nil : value
            }
        }
    }

    /// A column's name, or its index from 1 if it has none that can be shown in a sentence.
    func name(_ column: Int) -> String {
        let name = names[column]
        return name.isEmpty || name.hasControlCharacter || name.utf8.count > 200 ? "\(column + 1)" : name
    }

    /// What names a column in the option `map`: its name, or its index from 1 if others have that name too.
    func reference(_ column: Int) -> String {
        names.count { $0.trimmingBlanks().lowercased() == names[column].trimmingBlanks().lowercased() } > 1
            ? "\(column + 1)" : name(column)
    }

    /// Returns how many of a column's values satisfy a condition, as a share of all; 0 if there are none.
    func share(_ column: Int, _ condition: (String) -> Bool) -> Double {
        values[column].isEmpty ? 0 : Double(values[column].count(where: condition)) / Double(values[column].count)
    }
}

extension String {
    /// The text without a pair of single quotes around it.
    fileprivate func withoutSingleQuotes() -> String {
        let quote = UInt8(ascii: "'")
        guard utf8.count >= 2, utf8.first == quote, utf8.last == quote else { return self }
        return String(dropFirst().dropLast()).trimmingBlanks()
    }

    /// The text without blanks, tabs and a byte order mark around it.
    func trimmingBlanks() -> String {
        // Most texts have none, and comparing characters is slow.
        if let first = utf8.first, let last = utf8.last, (0x21..<0x80).contains(first), (0x21..<0x80).contains(last) {
            return self
        }
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\u{FEFF}" || $0 == "\u{A0}" }
        return String(drop { isBlank($0) }.reversed().drop { isBlank($0) }.reversed())
    }
}
