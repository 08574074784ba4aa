package import TripModel

/// How a file's bytes are text: by its first bytes, and what its user says.
///
/// Only what the bytes prove is decided here: UTF-16 by its mark or its zeros, and lines that end with carriage returns alone. Whether
/// bytes that are not UTF-8 matter depends on their column (`CSVRecognition`).
package enum TextForm {
    /// Bytes that are looked at.
    package static let sampleByteCount = 64 << 10

    /// Returns what converts a file, or nil if it is read as it is.
    ///
    /// - Parameters:
    ///   - sample: the file's first bytes, all or `sampleByteCount`.
    ///   - encoding: the option `encoding`.
    package static func converter(
        for sample: [UInt8], encoding: ReadingOptions.Encoding?
    ) throws(TripstoreError) -> TextConverter? {
        let form = try self.encoding(of: sample, option: encoding)
        let text = convert(sample, form)
        let isOfReturns = text.contains(UInt8(ascii: "\r")) && !text.contains(UInt8(ascii: "\n"))
        return form == .utf8 && !isOfReturns ? nil : TextConverter(form, replacesReturns: isOfReturns)
    }

    private static func convert(_ sample: [UInt8], _ encoding: TextConverter.Encoding) -> [UInt8] {
        if encoding == .utf8 { return sample }
        var converter = TextConverter(encoding)
        var text = [UInt8](repeating: 0, count: TextConverter.outputByteCountMax(for: sample.count))
        let count = text.withUnsafeMutableBytes { output in
            sample.withUnsafeBytes { converter.convert($0, into: output, isFinal: true) }
        }
        return Array(text[..<count])
    }

    private static func encoding(
        of sample: [UInt8], option: ReadingOptions.Encoding?
    ) throws(TripstoreError) -> TextConverter.Encoding {
        if sample.starts(with: [0xFF, 0xFE, 0, 0]) || sample.starts(with: [0, 0, 0xFE, 0xFF]) {
            throw TripstoreError(
                .badInput, "The file is UTF-32 text; convert it with: iconv -f UTF-32 -t UTF-8 FILE > NEW.csv.")
        }
        switch option {
        case .utf16LittleEndian: return .utf16LittleEndian
        case .utf16BigEndian: return .utf16BigEndian
        default: break
        }
        // A proof wins over an option for bytes: a profile of a publisher outlives the publisher's encoding.
        if let proven = provenUTF16(sample) { return proven }
        if sample.starts(with: [0xEF, 0xBB, 0xBF]) { return .utf8 }
        switch option {
        case .latin1: return .latin1
        case .windows1252: return .windows1252
        case .utf16:
            throw TripstoreError(
                asking: FormatQuestion(
                    option: "encoding", column: nil, example: nil,
                    choices: [ReadingOptions.Encoding.utf16LittleEndian, .utf16BigEndian].map(\.rawValue),
                    reason: "The file has no mark that tells which byte of a UTF-16 character comes first."))
        default: return .utf8
        }
    }

    private static func provenUTF16(_ sample: [UInt8]) -> TextConverter.Encoding? {
        if sample.starts(with: [0xFF, 0xFE]) { return .utf16LittleEndian }
        if sample.starts(with: [0xFE, 0xFF]) { return .utf16BigEndian }
        // Digits, delimiters and line ends have a zero byte each, on one side of all characters.
        let pairs = min(sample.count, 4096) / 2
        guard pairs >= 4 else { return nil }
        var zeros = (first: 0, second: 0)
        for index in 0..<pairs {
            if sample[2 * index] == 0 { zeros.first += 1 }
            if sample[2 * index + 1] == 0 { zeros.second += 1 }
        }
        if zeros.second * 4 >= pairs, zeros.first * 16 <= zeros.second { return .utf16LittleEndian }
        if zeros.first * 4 >= pairs, zeros.second * 16 <= zeros.first { return .utf16BigEndian }
        return nil
    }
}
