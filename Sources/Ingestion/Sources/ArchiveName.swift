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
        let shown = text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }
        return String(String.UnicodeScalarView(shown))
    }

    private static let codePage437 = Array(
        "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{A0}"
    )

    /// Whether it is a folder, or what a system keeps for itself.
    package static func isHidden(_ name: String) -> Bool {
        if name.hasSuffix("/") || name.hasSuffix("\\") { return true }
        let parts = name.split(whereSeparator: { $0 == "/" || $0 == "\\" })
        return parts.isEmpty || parts.contains { $0.hasPrefix(".") || $0 == "__MACOSX" }
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
