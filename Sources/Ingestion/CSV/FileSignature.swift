/// What a file's first bytes say about its kind.
enum FileSignature {
    static let emptySentence = "The file is empty; choose a CSV file with a header line."
    static let binarySentence = "The file is not text; choose a CSV file in UTF-8."

    /// Returns why bytes can't be a CSV, or nil if they may be one.
    static func objection(to text: Span<UInt8>) -> String? {
        if text.isEmpty { return emptySentence }
        let kinds: [(signature: [UInt8], sentence: String)] = [
            ([0x1F, 0x8B], "The file is gzip-compressed; give it a name that ends in .csv.gz, or decompress it."),
            ([0x28, 0xB5, 0x2F, 0xFD], "The file is zstd-compressed; give it a name that ends in .csv.zst, or decompress it."),
            ([0x42, 0x5A, 0x68, 0x39, 0x31, 0x41, 0x59], "The file is bzip2-compressed; decompress it."),
            ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "The file is xz-compressed; decompress it."),
            ([0x50, 0x4B, 0x03, 0x04], "The file is a ZIP archive or an Excel workbook; extract it or save it as CSV."),
            ([0xD0, 0xCF, 0x11, 0xE0], "The file is an Excel workbook; save it as CSV."),
            ([0x50, 0x41, 0x52, 0x31, 0x15], "The file is a Parquet file; export it as CSV."),
            ([0xFF, 0xFE], "The file is UTF-16 text; save it as UTF-8."),
            ([0xFE, 0xFF], "The file is UTF-16 text; save it as UTF-8."),
        ]
        for kind in kinds where starts(text, with: kind.signature) { return kind.sentence }
        // UTF-16 without a mark: every second byte of ASCII text is zero.
        if text.count >= 2, text[0] == 0 || text[1] == 0 {
            let isUTF16 = (text[0] == 0) != (text[1] == 0)
            return isUTF16 ? "The file is UTF-16 text; save it as UTF-8." : binarySentence
        }
        return nil
    }

    /// Returns why the carriage return before `position` can't be part of a line end, or nil if it can.
    static func objection(toReturnBefore position: Int, in text: Span<UInt8>) -> String? {
        guard position < text.count, text[position] != UInt8(ascii: "\n") else { return nil }
        if text[position] == UInt8(ascii: "\r"), position + 1 < text.count, text[position + 1] == UInt8(ascii: "\n") {
            return
                "The lines end with two carriage returns and a line feed (\\r\\r\\n), as if \\r\\n had been converted once more; "
                + "remove the carriage returns, as `tr -d '\\r'` does."
        }
        return "The lines end with a carriage return alone; save the file with line feeds (\\n or \\r\\n)."
    }

    private static func starts(_ text: Span<UInt8>, with signature: [UInt8]) -> Bool {
        guard text.count >= signature.count else { return false }
        for index in signature.indices where text[index] != signature[index] { return false }
        return true
    }
}
