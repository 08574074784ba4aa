/// The password of a catalog that several processes share.
package struct SealingPassword: Hashable, Sendable {
    /// The password; empty if the catalog wants none.
    package var text: String
    /// The catalog's name, which makes a key of its own of the same password.
    package var catalog: String

    package init(text: String, catalog: String) {
        self.text = text
        self.catalog = catalog
    }
}
