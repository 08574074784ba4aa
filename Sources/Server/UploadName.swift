import Hummingbird

/// The client's name of an uploaded file: its last path component, with an ending that the store can read.
struct UploadName {
    private static let endings = [".csv", ".csv.gz", ".csv.zst"]

    let text: String

    /// Takes a name as the client gave it; throws 400 for one that is not a CSV's.
    init(_ name: String) throws {
        // Some clients send a whole path, of their own system's kind.
        let last = name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
        let lowercased = last.lowercased()
        guard Self.endings.contains(where: { lowercased.hasSuffix($0) && lowercased.utf8.count > $0.utf8.count }),
            lowercased.utf8.count <= 255, lowercased.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f })
        else {
            throw HTTPError(.badRequest, message: "Only CSV uploads are supported")
        }
        text = last
    }
}
