/// Something that an engine or its jobs need, in another process or on a disk, and how to ask whether it does its work.
package struct NeededPart: Sendable {
    /// What it is called in sentences and metrics, such as `PostgreSQL` or `ClickHouse at 10.0.0.7:8123`.
    package var name: String
    /// Asks it, and throws a sentence where something is wrong.
    ///
    /// May block for longer than anybody wants to wait.
    package var ask: @Sendable () throws(TripstoreError) -> Void

    package init(_ name: String, _ ask: @escaping @Sendable () throws(TripstoreError) -> Void) {
        self.name = name
        self.ask = ask
    }
}
