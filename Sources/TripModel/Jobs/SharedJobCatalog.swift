/// A catalog of several processes, each of which may work on jobs.
package protocol SharedJobCatalog: JobCatalog, CommitLog, AttemptLedger, EventOutbox, TransferCatalog, RejectStore, Leadership,
    JobClaims, ProcessRegistry, CatalogNotices, ProfileStore, PlacesStore
{
    /// Returns a secret that all processes with access to the catalog know, with which `SourceSeal` encrypts; nil: each data
    /// directory has a key instead.
    func sealingPassword() throws(TripstoreError) -> SealingPassword?

    /// Makes the next use check again whether the catalog became an older one (`AttemptLedger.requireNewer`).
    func doubt()
}
