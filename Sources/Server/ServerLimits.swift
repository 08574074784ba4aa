/// Every bound of the server in one place, each with the reason for its size.
enum ServerLimits {
    // MARK: Uploads

    /// Bytes gathered before one write to disk: what the network delivers comes in pieces of some kilobytes, and each write
    /// costs a change of threads.
    static let uploadWriteByteCount = 512 << 10
    /// Bytes of a form besides its file: the names and fields of a page's form, no more.
    static let formByteCountMax = 1 << 20
    /// Bytes of one form part's headers: a field name and a file name, no more.
    static let partHeaderByteCountMax = 16 << 10
    /// Bytes of a JSON body: a URL and a name, no more.
    static let jsonByteCountMax = 32 << 10
    /// Bytes of a multipart boundary, from RFC 2046.
    static let boundaryByteCountMax = 70

    // MARK: Listings

    /// Jobs of a listing that does not say how many.
    static let jobLimitDefault = 100
    /// Rejected rows of a listing that does not say how many.
    static let rejectLimitDefault = 100

    // MARK: Queries

    /// Seconds that a query may take, its wait for others included: as long as browsers and proxies wait at most.
    ///
    /// Longer ones hold threads for answers that nobody awaits.
    static let queryTimeoutSeconds = 300
    /// Queries of a kind, cheap or scanning, that wait for a thread: the last of a thousand waits for minutes, and would rather be
    /// told so.
    static let waitingQueryCountMax = 1000
    /// Time between the end of what a client sends and the end of its query: quick answers reach those who close their side first,
    /// and those who are gone cost no more.
    static let halfClosedGrace: Duration = .milliseconds(250)
    /// Seconds after which a client that met a full queue may try again.
    static let overloadRetrySeconds = 5
    /// Bytes of large answers on their way to clients: eight of the largest.
    static let answersByteCountMax = 256 << 20
    /// Bytes from which an answer is counted and is sent in pieces as the client reads; smaller ones are a socket's buffer.
    static let largeAnswerByteCount = 64 << 10

    // MARK: Progress

    /// Messages that wait for one slow subscriber; the oldest give way, as each tells the whole state.
    static let queuedMessageCountMax = 8
    /// Last messages of finished jobs that are kept, so that late subscribers of the same job share one encoding.
    static let finishedJobCountMax = 64
    /// Bytes of a message from a WebSocket client, in whatever frames.
    ///
    /// A client has nothing to say, and what it says is not kept; what is endless is a mistake. As much as libraries send in a frame.
    static let clientMessageByteCountMax = 64 << 10

    /// Pongs of one WebSocket that are on their way.
    ///
    /// Of the pings that come meanwhile the newest is answered. More than a client sends at once that is not after our memory.
    static let pongCountMax = 16

    // MARK: Connections

    /// Time between two signs of life to a subscriber; one that stays silent for two of them is dropped.
    static let pingInterval: Duration = .seconds(20)
    /// Time a client has to answer a close frame.
    static let closeTimeout: Duration = .seconds(5)
    /// Time a connection may stay idle between requests, or a client may pause within one.
    ///
    /// Longer than proxies keep theirs, since one that sends a request while we close the connection has to answer 502: nginx keeps
    /// them for 60 s, deploy/aws has its balancer keep them for 300.
    static let idleTimeout: Duration = .seconds(310)
    /// Time that requests under way have to finish once the server is told to stop.
    static let shutdownTimeout: Duration = .seconds(30)
}
