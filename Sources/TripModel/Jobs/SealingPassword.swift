/// The password of a catalog that several processes share.
package struct SealingPassword: Hashable, Sendable {
    /// The password; empty if the catalog requires none.
    package var text: String
    /// The catalog's name, which makes keys differ for the same password.
    package var catalog: String

    package init(text: String, catalog: String) {
        self.text = text
        self.catalog = catalog
    }
}
