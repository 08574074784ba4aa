import TripModel

/// Texts and names of a chunk's fields, for rows that are decoded by the full rules.
extension ChunkRun {
    func bytes(_ field: FieldBounds) -> UnsafeBufferPointer<UInt8> {
        UnsafeRawBufferPointer(start: base + field.start, count: field.end - field.start).assumingMemoryBound(to: UInt8.self)
    }

    /// Calls `body` with a field's text, in which each doubled quote is one.
    func text<Value, Failure: Error>(
        _ field: FieldBounds, _ body: (Span<UInt8>) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        guard field.hasDoubledQuotes else { return try body(bytes(field).span) }
        unescape(field)
        let unescaped = scratch.unescaped
        return try body(unescaped.span)
    }

    /// Returns the entry of a field's text in a table, creating it if there is none; the text must be a name.
    func entry(_ field: FieldBounds, in table: UnsafeMutablePointer<NameTable>) -> UInt32 {
        guard field.hasDoubledQuotes else { return table.pointee.entry(base + field.start, length: field.end - field.start) }
        unescape(field)
        return entryOfUnescaped(in: table)
    }

    /// Returns the entry of a name that does not come from the file; `noEntry` of none.
    func entry(of name: String?, in table: UnsafeMutablePointer<NameTable>) -> UInt32 {
        guard let name else { return NameTable.noEntry }
        scratch.unescaped = Array(name.utf8)
        return entryOfUnescaped(in: table)
    }

    private func entryOfUnescaped(in table: UnsafeMutablePointer<NameTable>) -> UInt32 {
        let length = scratch.unescaped.count
        scratch.unescaped.append(contentsOf: repeatElement(0, count: 32))
        return scratch.unescaped.withUnsafeBytes { table.pointee.entry($0.baseAddress!, length: length) }
    }

    /// Writes the text of a quoted field, each doubled quote as one, to `scratch.unescaped`.
    private func unescape(_ field: FieldBounds) {
        scratch.unescaped.removeAll(keepingCapacity: true)
        var isSecondQuote = false
        for byte in bytes(field) {
            isSecondQuote = byte == UInt8(ascii: "\"") && !isSecondQuote
            // The second of each pair is kept.
            if !isSecondQuote { scratch.unescaped.append(byte) }
        }
    }
}
