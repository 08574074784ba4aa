package import Fetching
package import TripModel

/// The receiver of events, from `EVENTS_URL`: a webhook's URL, or `sns:` and the name (ARN) of a topic.
package enum EventsURL: Hashable, Sendable {
    case webhook(WebAddress)
    /// `arn:aws:sns:REGION:ACCOUNT:NAME`.
    case topic(arn: String, region: String)

    /// Parses a URL; throws `.invalidArgument` with a sentence if it is invalid.
    package init(_ text: String) throws(TripstoreError) {
        if text.hasPrefix("http://") || text.hasPrefix("https://") {
            do throws(TripstoreError) {
                self = .webhook(try WebAddress(text))
            } catch {
                // The path of a webhook is often all that keeps others from using it.
                throw TripstoreError(
                    .invalidArgument,
                    "EVENTS_URL (\(ShownURL(text))) is not the URL of a webhook; give one such as https://host/path, without user and password, and with "
                        + "special characters percent-encoded.")
            }
            return
        }
        let arn = String(text.dropFirst(4))
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        guard text.hasPrefix("sns:"), parts.count == 6, parts[0] == "arn", parts[2] == "sns", !parts[3].isEmpty,
            !parts[5].isEmpty
        else {
            throw TripstoreError(
                .invalidArgument,
                "EVENTS_URL must be a URL such as https://host/path, or sns:arn:aws:sns:REGION:ACCOUNT:TOPIC; not '\(ShownURL(text))'."
            )
        }
        self = .topic(arn: arn, region: String(parts[3]))
    }
}
