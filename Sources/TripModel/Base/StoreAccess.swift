/// Whether an opened store may be changed.
public enum StoreAccess: Sendable { case readWrite, readOnly }
