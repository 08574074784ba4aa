/// Every bound of the server in one place, each with the reason for its size.
enum ServerLimits {
    // MARK: Uploads

    /// Bytes gathered before one write to disk: what the network delivers comes in pieces of some kilobytes, and each write
    /// costs a change of threads.
    static let uploadWriteByteCount = 512 << 10
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
