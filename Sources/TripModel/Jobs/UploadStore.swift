/// Keeps uploads where every process can fetch them, until their job is done: the store says which and knows no protocol.
///
/// All methods may block and may be called from any thread that may wait.
public protocol UploadStore: Sendable {
    /// Copies a file there under a name, durably, and returns the URL from which a `SourceFetcher` brings it back; throws one
    /// sentence that says why not.
    func keep(_ path: String, as name: String) throws(TripstoreError) -> String

    /// Removes what a URL of `keep` names; succeeds where nothing is there any more.
    func remove(_ url: String) throws(TripstoreError)

    /// Removes what was put there under some names, whole or not, but for what is needed (`sweep`).
    func remove(named names: Set<String>, except needed: () throws(TripstoreError) -> Set<String>) throws(TripstoreError)

    /// Throws a sentence where files cannot be kept there now; it is asked once, and changes nothing.
    func check() throws(TripstoreError)

    /// Age in seconds at which what no job names is nobody's: longer than an upload takes.
    var straySeconds: Int { get }

    /// Removes what is there, whole or not, and old enough to be nobody's, but for what is named; returns how many that were.
    ///
    /// - Parameter needed: URLs that jobs have; asked once it is known what is there, so that what became a job's since stays, however
    ///   long this process was suspended.
    func sweep(except needed: () throws(TripstoreError) -> Set<String>) throws(TripstoreError) -> Int
}
