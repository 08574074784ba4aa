package import TripModel

/// The name of a file that is sent or fetched: the last component of the client's name, with an ending that the store can read.
///
/// One rule for uploads, forms and URLs, over HTTP and on the command line. A file that is read in place may have any name.
package struct UploadName: Sendable {
    /// The endings, in lower case.
    package static let endings = [".csv", ".csv.gz", ".csv.zst", ".csv.bz2", ".zip", ".tsv", ".tsv.gz", ".tsv.zst", ".tsv.bz2"]

    package let text: String

    /// Takes the client's name; throws `.invalidArgument` for one that is not a CSV's.
    package init(_ name: String) throws(TripstoreError) {
        guard let text = Self.component(of: name) else {
            throw TripstoreError(.invalidArgument, "Only CSV uploads are supported")
        }
        self.text = text
    }

    /// Takes the name in a URL; if it is not a CSV's, the error says how to give another.
    package init(ofURL name: String) throws(TripstoreError) {
        guard let text = Self.component(of: name) else {
            throw TripstoreError(
                .invalidArgument,
                "Only CSV uploads are supported; the name in this URL does not end in .csv, .csv.gz, .csv.zst, .csv.bz2 or "
                    + ".zip: give it one that does as 'filename'.")
        }
        self.text = text
    }

    private static func component(of name: String) -> String? {
        // Some clients send a whole path, in their own system's form.
        let last = name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
        let lowercased = last.lowercased()
        guard endings.contains(where: { lowercased.hasSuffix($0) && lowercased.utf8.count > $0.utf8.count }),
            last.utf8.count <= Limits.filenameByteCountMax, !last.hasControlCharacter
        else { return nil }
        return last
    }
}
