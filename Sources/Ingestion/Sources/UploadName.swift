package import TripModel

/// The name of a file that is sent or fetched: the last component of what the client gave, with an ending that the store can read.
///
/// One rule for uploads, forms and URLs, over HTTP and on the command line. A file that is read where it is may have any name.
package struct UploadName: Sendable {
    private static let endings = [".csv", ".csv.gz", ".csv.zst"]

    package let text: String

    /// Takes a name as the client gave it; throws `.invalidArgument` for one that is not a CSV's.
    package init(_ name: String) throws(TripstoreError) {
        guard let text = Self.component(of: name) else {
            throw TripstoreError(.invalidArgument, "Only CSV uploads are supported")
        }
        self.text = text
    }

    /// Takes the name that a URL has by itself; where that is not a CSV's, the sentence says how to give it another.
    package init(ofURL name: String) throws(TripstoreError) {
        guard let text = Self.component(of: name) else {
            throw TripstoreError(
                .invalidArgument,
                "Only CSV uploads are supported; the name in this URL does not end in .csv, .csv.gz or .csv.zst: give it one that "
                    + "does as 'filename'.")
        }
        self.text = text
    }

    private static func component(of name: String) -> String? {
        // Some clients send a whole path, of their own system's kind.
        let last = name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
        let lowercased = last.lowercased()
        guard endings.contains(where: { lowercased.hasSuffix($0) && lowercased.utf8.count > $0.utf8.count }),
            last.utf8.count <= Limits.filenameByteCountMax, !last.hasControlCharacter
        else { return nil }
        return last
    }
}
