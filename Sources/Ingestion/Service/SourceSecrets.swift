import TripModel

/// What follows the question mark of a job's URL, which may be a password: encrypted in the catalog, opened for a fetch.
final class SourceSecrets: Sendable {
    private let context: JobContext
    /// The key from a shared catalog's password, whose derivation takes a moment.
    private let sharedSeal = Lock<(password: SealingPassword, seal: SourceSeal)?>(nil)

    init(_ context: JobContext) { self.context = context }

    private func sourceSeal(makingKey: Bool) throws(TripstoreError) -> SourceSeal? {
        guard let password = try context.storage.shared?.sealingPassword() else {
            return try SourceSeal(file: context.folders.sourceKey, makingIt: makingKey)
        }
        return sharedSeal.withLock { known in
            if let known, known.password == password { return known.seal }
            let seal = SourceSeal(password)
            known = (password, seal)
            return seal
        }
    }

    /// Encrypts the secret part of a URL.
    func seal(_ secret: String, of place: String) throws(TripstoreError) -> String? {
        try sourceSeal(makingKey: true)?.seal(secret, of: place)
    }

    /// Returns the complete URL of a job's source; nil if it has none.
    func url(of record: JobRecord) throws(TripstoreError) -> String? {
        guard let place = record.sourceURL, let sealed = record.sealedQuery else { return record.sourceURL }
        if let secret = try sourceSeal(makingKey: false)?.open(sealed, of: place) { return place + secret }
        throw TripstoreError(
            .conflict,
            "The query string of \(place) is encrypted, and its key is not here: backups do not contain it, and it changes with the "
                + "catalog's password. Submit the URL again, and delete this job.")
    }

    /// Encrypts the URLs that an older version stored in plain text.
    func sealSources(of records: [JobRecord]) throws(TripstoreError) {
        guard let fetcher = context.settings.fetcher else { return }
        for record in records where !record.ownsURL && record.sealedQuery == nil {
            guard let url = record.sourceURL else { continue }
            let (place, secret) = fetcher.parts(of: url)
            if secret.isEmpty { continue }
            try context.catalog.setSource(record.job.id, from: url, to: place, sealedQuery: try seal(secret, of: place))
        }
    }
}
