package import AsyncHTTPClient
package import NIOCore
package import NIOHTTP1

extension HTTPClient {
    /// Sends a request and takes the whole of a short answer, all within some time.
    ///
    /// The client's own limit of time ends with the answer's head, and a body may drip for ever.
    package func exchange(
        _ request: HTTPClientRequest, within time: Duration, upTo byteCountMax: Int
    ) async throws -> (status: HTTPResponseStatus, body: ByteBuffer) {
        try await withThrowingTaskGroup(of: (HTTPResponseStatus, ByteBuffer)?.self) { group in
            group.addTask {
                let response = try await self.execute(request, timeout: TimeAmount(time))
                return (response.status, try await response.body.collect(upTo: byteCountMax))
            }
            group.addTask {
                try await _Concurrency.Task.sleep(for: time)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let (status, body) = first else { throw HTTPClientError.deadlineExceeded }
            return (status, body)
        }
    }
}
