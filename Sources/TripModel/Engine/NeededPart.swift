/// Something that an engine or its jobs need, in another process or on a disk, and how to check whether it works.
package struct NeededPart: Sendable {
    /// Its name in messages and metrics, such as `PostgreSQL` or `ClickHouse at 10.0.0.7:8123`.
    package var name: String
    /// Checks it, and throws a sentence if something is wrong.
    ///
    /// May block for longer than a caller wants to wait.
    package var ask: @Sendable () throws(TripstoreError) -> Void

    package init(_ name: String, _ ask: @escaping @Sendable () throws(TripstoreError) -> Void) {
        self.name = name
        self.ask = ask
    }
}
