public import TripModel

/// Saved reading options, which requests name instead of repeating them.
extension JobService {
    /// Lists the saved options in the order of their names.
    public func profiles() throws(TripstoreError) -> [ReadingProfile] { try catalog.profiles() }

    /// Returns the options that are saved under a name; throws `.notFound` if there are none.
    public func profile(_ name: String) throws(TripstoreError) -> ReadingProfile {
        guard let profile = try catalog.profile(name) else { throw try missing(name, .notFound) }
        return profile
    }

    /// Saves options under a name, in place of those that had it; throws `.invalidArgument` for a name that none may have.
    public func saveProfile(_ name: String, _ options: ReadingOptions) throws(TripstoreError) -> ReadingProfile {
        try ReadingProfile.requireName(name)
        guard !options.isEmpty else {
            throw TripstoreError(
                .invalidArgument,
                "The profile '\(name)' would have no options; give at least one, such as time_zone, or delete the profile.")
        }
        try requireWritable()
        return try catalog.saveProfile(name, options)
    }

    /// Deletes the options that are saved under a name; throws `.notFound` if there are none.
    public func deleteProfile(_ name: String) throws(TripstoreError) {
        try requireWritable()
        guard name != watchedProfile.withLock({ $0 }) else {
            throw TripstoreError(
                .conflict,
                "The profile '\(name)' is used for the files of the watched folder; restart the server without it, or with another one, first."
            )
        }
        guard try catalog.deleteProfile(name) else { throw try missing(name, .notFound) }
    }

    /// Sets the profile that a watched folder needs, which then cannot be deleted here.
    func setWatchedProfile(_ name: String?) { watchedProfile.withLock { $0 = name } }

    /// Returns the options of a request, completed by saved ones; given ones win.
    ///
    /// - Parameter profile: the name of the saved ones; nil: none.
    public func options(
        _ given: ReadingOptions, profile name: String?
    ) throws(TripstoreError) -> ReadingOptions {
        guard let name else { return given }
        guard let profile = try catalog.profile(name) else { throw try missing(name, .invalidArgument) }
        return given.completed(by: profile.options)
    }

    private func missing(_ name: String, _ code: TripstoreError.Code) throws(TripstoreError) -> TripstoreError {
        let shown = 20
        let names = try catalog.profiles().map(\.name)
        let known =
            names.isEmpty
            ? "none is saved yet"
            : "saved are " + names.prefix(shown).joined(separator: ", ") + (names.count > shown ? ", …" : "")
        return TripstoreError(
            code,
            "There is no profile '\(name.prefix(100))'; \(known). Save one with `tripstore profiles set` or, where a server has the store, with PUT."
        )
    }
}
