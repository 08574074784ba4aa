/// Names that are almost known ones.
enum Misspelling {
    /// Returns the known name that was meant: the same but for case and hyphens, or for one letter that is wrong, missing, too many or exchanged
    /// with its neighbor; nil if there is none, or the name is known.
    static func meant(by name: String, among known: [String]) -> String? {
        guard name.utf8.count <= 64, !known.contains(name) else { return nil }
        let letters = Array(name.lowercased().replacing("-", with: "_").replacing(" ", with: "_").utf8)
        return known.first { isClose(letters, Array($0.utf8)) }
    }

    private static func isClose(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        if a == b { return true }
        guard b.count >= 4, abs(a.count - b.count) <= 1 else { return false }
        let start = zip(a, b).prefix { $0 == $1 }.count
        let (restOfA, restOfB) = (a[start...], b[start...])
        if a.count != b.count { return a.count > b.count ? restOfA.dropFirst() == restOfB : restOfA == restOfB.dropFirst() }
        if restOfA.dropFirst() == restOfB.dropFirst() { return true }
        return restOfA.count >= 2 && restOfA.first == restOfB.dropFirst().first && restOfA.dropFirst().first == restOfB.first
            && restOfA.dropFirst(2) == restOfB.dropFirst(2)
    }
}
