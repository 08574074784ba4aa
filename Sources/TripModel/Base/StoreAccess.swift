/// Whether a store that is opened may change.
public enum StoreAccess: Sendable { case readWrite, readOnly }
