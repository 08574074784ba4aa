/// Removes paths of files from messages for clients of a server.
///
/// A file of the store is named by its path in the store, any other by its name alone. Logs and the command line keep them.
package struct HiddenPaths: Sendable {
    /// The store's folder, in its known spellings.
    private let folders: [String]

    /// - Parameter folder: the store's.
    package init(_ folder: String) {
        folders = [folder, FileSystem.realPath(folder)].compactMap(\.self).filter { $0.hasPrefix("/") && $0.count > 1 }
    }

    /// Returns a sentence without paths.
    package func removed(from sentence: String) -> String {
        guard sentence.contains("/") else { return sentence }
        var text = sentence
        for folder in folders { text = text.replacing(folder + "/", with: "").replacing(folder, with: "the store's folder") }
        var result = ""
        var rest = text[...]
        while let slash = rest.firstIndex(of: "/") {
            let end = rest[slash...].firstIndex { $0.isWhitespace || "'\"(),;<>[]`".contains($0) } ?? rest.endIndex
            let path = rest[slash..<end].trimmingSuffix(while: { ":.".contains($0) })
            result += rest[..<slash]
            // A slash within a word belongs to a URL, a relative path or a unit.
            let isWord = result.last.map { " '\"(<[=:`".contains($0) } ?? true
            let names = path.split(separator: "/")
            result += isWord && names.count > 1 && !path.hasPrefix("//") ? names.last! : path
            rest = rest[path.endIndex..<rest.endIndex]
        }
        return result + rest
    }
}

extension StringProtocol where SubSequence == Substring {
    fileprivate func trimmingSuffix(while isLeftOut: (Character) -> Bool) -> Substring {
        var end = endIndex
        while end > startIndex, isLeftOut(self[index(before: end)]) { end = index(before: end) }
        return self[startIndex..<end]
    }
}
