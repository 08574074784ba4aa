import TripModel

/// The name of a file in an archive: as text, and what kind of file it promises.
package enum ArchiveName {
    /// Returns a name as text: UTF-8, else the code page of the first PCs, which the specification names.
    static func text(_ bytes: [UInt8]) -> String {
        let text: String
        if let valid = String(validating: bytes, as: UTF8.self) {
            text = valid
        } else {
            text = String(bytes.map { $0 < 0x80 ? Character(Unicode.Scalar($0)) : codePage437[Int($0) - 0x80] })
        }
        // `./a.csv` and `../a.csv` are names of files, wherever whoever made the archive stood; nothing is written under them.
        let parts = text.showingAll.split(separator: "/", omittingEmptySubsequences: false)
        return parts.filter { $0 != "." && $0 != ".." }.joined(separator: "/")
    }

    /// Returns a name of bounded length, with its ending.
    static func shortened(_ name: String) -> String {
        guard name.utf8.count > Limits.filenameByteCountMax else { return name }
        var (kept, byteCount) = ([Character](), 3)
        for character in name.reversed() {
            byteCount += character.utf8.count
            if byteCount > Limits.filenameByteCountMax { break }
            kept.append(character)
        }
        return "…" + String(kept.reversed())
    }

    private static let codePage437 = Array(
        "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{A0}"
    )

    /// Whether it is a folder, or what a system keeps for itself.
    package static func isHidden(_ name: String) -> Bool {
        if name.hasSuffix("/") || name.hasSuffix("\\") { return true }
        let parts = name.split(whereSeparator: { $0 == "/" || $0 == "\\" })
        return parts.isEmpty || parts.contains { $0.hasPrefix(".") && $0 != "." && $0 != ".." || $0 == "__MACOSX" }
            || ["thumbs.db", "desktop.ini"].contains(parts.last?.lowercased() ?? "")
    }

    /// Whether it ends as a CSV does, compressed or not.
    package static func isOfCSV(_ name: String) -> Bool {
        let name = name.lowercased()
        return [".csv", ".tsv", ".tab"].contains { kind in
            ["", ".gz", ".zst", ".bz2"].contains { name.hasSuffix(kind + $0) }
        }
    }

    /// Whether it may be a CSV, if nothing ends as one.
    package static func mayBeOfCSV(_ name: String) -> Bool {
        let last = name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? ""
        return last.lowercased().hasSuffix(".txt") && !last.lowercased().hasPrefix("readme") || !last.contains(".")
    }
}
