package import TripModel

/// A change of a job as a CloudEvent 1.0, structured mode as JSON.
///
/// Spec: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md.
package struct CloudEvent: Sendable {
    /// The media type of `body`.
    package static let contentType = "application/cloudevents+json; charset=utf-8"

    /// Unique among the events of a source; the same however often it is sent.
    package let id: String
    /// The body of a request.
    package let body: String

    /// Makes the event of a change.
    ///
    /// - Parameter store: the catalog's own name, which identifies the store.
    package init(_ event: JobEvent, store: String) {
        let id = "\(store)-\(event.id)"
        var writer = JSONWriter()
        writer.object {
            $0.key("specversion")
            $0.value("1.0")
            $0.key("id")
            $0.value(id)
            $0.key("source")
            $0.value("/tripstore/\(store)")
            $0.key("type")
            $0.value("tripstore.job.\(event.status)")
            $0.key("subject")
            $0.value("jobs/\(event.job)")
            $0.key("time")
            $0.value(event.time)
            $0.key("datacontenttype")
            $0.value("application/json")
        }
        self.id = id
        // The job is JSON already; it is inserted unchanged, as the last member.
        body = writer.text.dropLast() + ",\"data\":" + event.body + "}"
    }
}
