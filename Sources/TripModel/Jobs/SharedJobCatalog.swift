/// A catalog of several processes, each of which may work on jobs.
package protocol SharedJobCatalog: JobCatalog, CommitLog, AttemptLedger, EventOutbox, TransferCatalog, RejectStore, Leadership,
    JobClaims, ProcessRegistry, CatalogNotices
{
    /// Returns what all who open the catalog know, with which `SourceSeal` keeps secrets; nil: nothing, and each data directory has
    /// a key.
    func sealingPassword() throws(TripstoreError) -> SealingPassword?

    /// Has the next use check again whether the catalog was replaced by an older one (`AttemptLedger.requireNewer`).
    func doubt()
}
