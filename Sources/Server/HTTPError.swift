package import HTTPTypes

/// An error of a route, with the status and the sentence that the client gets.
package struct HTTPError: Error {
    package let status: HTTPResponse.Status
    /// Further fields of the answer.
    package let headers: HTTPFields
    /// One sentence that says what is wrong and what to do; nil for that of the status.
    package let message: String?

    package init(_ status: HTTPResponse.Status, headers: HTTPFields = [:], message: String? = nil) {
        self.status = status
        self.headers = headers
        self.message = message
    }
}
