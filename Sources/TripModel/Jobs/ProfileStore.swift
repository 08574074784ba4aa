/// Saved reading options by name: the second file of a publisher needs no words.
package protocol ProfileStore: AnyObject, Sendable {
    /// Lists the profiles in the order of their names, which is that of their bytes.
    func profiles() throws(TripstoreError) -> [ReadingProfile]

    /// Returns a profile; nil if there is none of that name.
    func profile(_ name: String) throws(TripstoreError) -> ReadingProfile?

    /// Saves options under a name, in place of those that had it.
    ///
    /// Throws `.conflict` above `Limits.profileCountMax`.
    func saveProfile(_ name: String, _ options: ReadingOptions) throws(TripstoreError) -> ReadingProfile

    /// Deletes a profile; returns whether there was one of that name.
    func deleteProfile(_ name: String) throws(TripstoreError) -> Bool
}

/// Reading options that were saved under a name.
public struct ReadingProfile: Hashable, Sendable {
    public var name: String
    public var options: ReadingOptions
    /// UTC, ISO 8601 with `Z`, to the millisecond.
    public var updatedAt: String

    package init(name: String, options: ReadingOptions, updatedAt: String) {
        self.name = name
        self.options = options
        self.updatedAt = updatedAt
    }

    /// Throws `.invalidArgument` for a text that is no name of a profile: they stand in paths and on command lines.
    package static func requireName(_ text: String) throws(TripstoreError) {
        let isName = text.utf8.allSatisfy { byte in
            byte &- UInt8(ascii: "0") <= 9 || (byte | 0x20) &- UInt8(ascii: "a") < 26 || "_-.".utf8.contains(byte)
        }
        guard isName, 1...Limits.profileNameByteCountMax ~= text.utf8.count, text.first != "-", text.first != "." else {
            throw TripstoreError(
                .invalidArgument,
                "The name of a profile has 1 to \(Limits.profileNameByteCountMax) letters (a to z), digits, _, . and -, the first of which "
                    + "is a letter, a digit or _; '\(text.prefix(100))' has not.")
        }
    }
}

extension TripstoreError {
    /// The error for a profile whose stored options are not what was written.
    package static func unreadableProfile(_ name: String) -> TripstoreError {
        TripstoreError(
            .corrupt, "The options of the profile '\(name)' are damaged in the catalog; delete the profile and save it again.")
    }

    /// The error for a profile above the limit.
    package static var tooManyProfiles: TripstoreError {
        TripstoreError(
            .conflict, "There are \(Limits.profileCountMax.grouped) profiles, the most that are kept; delete one first.")
    }
}
