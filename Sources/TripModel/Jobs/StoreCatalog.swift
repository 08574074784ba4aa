/// What every catalog does, whoever asks.
package typealias StoreCatalog =
    JobCatalog & CommitLog & AttemptLedger & EventOutbox & TransferCatalog & ProfileStore & PlacesStore
