/// Keeps uploads where every process can fetch them, until their job is done: the store says which and knows no protocol.
///
/// All methods may block and may be called from any thread that may wait.
public protocol UploadStore: Sendable {
    /// Copies a file there under a name, durably, and returns the URL from which a `SourceFetcher` fetches it.
    ///
    /// Throws one sentence that says why not.
    func keep(_ path: String, as name: String) throws(TripstoreError) -> String

    /// Deletes the object of a URL from `keep`; succeeds if it does not exist any more.
    func remove(_ url: String) throws(TripstoreError)

    /// Deletes objects under some names, complete or partial, unless they are needed (`sweep`).
    func remove(named names: Set<String>, except needed: () throws(TripstoreError) -> Set<String>) throws(TripstoreError)

    /// Throws a sentence if files cannot be kept there now; makes one request, and changes nothing.
    func check() throws(TripstoreError)

    /// Age in seconds at which an object without a job is orphaned: longer than an upload takes.
    var straySeconds: Int { get }

    /// Deletes orphaned objects, complete or partial, that are old enough, except named ones; returns their count.
    ///
    /// - Parameter needed: URLs of jobs; called after the objects were listed, so that an object that got a job since stays,
    ///   however long this process was suspended.
    func sweep(except needed: () throws(TripstoreError) -> Set<String>) throws(TripstoreError) -> Int
}
