/// Every bound of the server in one place, each with the reason for its size.
enum ServerLimits {
    // MARK: Uploads

    /// Bytes gathered before one write to disk: the network delivers pieces of some kilobytes, and each write costs a change of
    /// threads.
    static let uploadWriteByteCount = 512 << 10
    /// The same if so many uploads share `uploadBuffersByteCount`: the bytes that a socket delivers at once.
    static let uploadWriteByteCountMin = 16 << 10
    /// Bytes that uploads gather together, approximately; the more uploads, the sooner each writes.
    static let uploadBuffersByteCount = 32 << 20
    /// Bytes of a form besides its file: the names and fields of a page's form, no more.
    static let formByteCountMax = 1 << 20
    /// Bytes of one field of a form: the longest name of a column and what it holds.
    static let formFieldByteCountMax = 4096
    /// Fields of a form that are read: each option, and a column for each thing that it may hold.
    static let formFieldCountMax = 100
    /// Bytes of one form part's headers: a field name and a file name, no more.
    static let partHeaderByteCountMax = 16 << 10
    /// Bytes of a JSON body: a URL and a name, no more.
    static let jsonByteCountMax = 32 << 10
    /// Bytes of a multipart boundary, from RFC 2046.
    static let boundaryByteCountMax = 70

    /// Time that an upload may take to be kept after its client has closed its side; later the client has given up, and sends
    /// it again.
    static let uploadPatience: Duration = .seconds(5)

    // MARK: Listings

    /// Default count of jobs in a listing.
    static let jobLimitDefault = 100
    /// Default count of rejected rows in a listing.
    static let rejectLimitDefault = 100

    // MARK: Queries

    /// Timeout of a query in seconds, including its wait for others: as long as browsers and proxies wait at most.
    ///
    /// Longer ones would occupy threads for answers that nobody awaits.
    static let queryTimeoutSeconds = 300
    /// Queries of a kind, cheap or scanning, that may wait for a thread.
    ///
    /// The last of a thousand waits for minutes; a client prefers an error.
    static let waitingQueryCountMax = 1000
    /// Time between the end of a client's input and the end of its query.
    ///
    /// Clients that close their side first still get quick answers, and disconnected clients cost no more.
    static let halfClosedGrace: Duration = .milliseconds(250)
    /// Seconds after which a client that met a full queue may retry.
    static let overloadRetrySeconds = 5
    /// Bytes of large answers in transit to clients: eight of the largest.
    static let answersByteCountMax = 256 << 20
    /// Size in bytes from which an answer is counted and sent in pieces as the client reads; smaller ones fit a socket's
    /// buffer.
    static let largeAnswerByteCount = 64 << 10

    // MARK: Components

    /// Timeout of each component's check: load balancers check every few seconds.
    static let partTimeout: Duration = .seconds(1)
    /// Timeout of statistics of the catalog and of the engine; without them only the server's own are reported.
    static let numbersTimeout: Duration = .seconds(2)
    /// Timeout of job lookups: longer than an available catalog takes, shorter than clients and proxies wait.
    static let lookupTimeout: Duration = .seconds(10)

    // MARK: Progress

    /// Messages that wait for one slow subscriber; the oldest are dropped, as each has the whole state.
    static let queuedMessageCountMax = 8
    /// Bytes of a message from a WebSocket client, in whatever frames.
    ///
    /// A client has nothing to send, and its messages are ignored; an endless one is a mistake. Libraries send as much in a
    /// frame.
    static let clientMessageByteCountMax = 64 << 10

    /// Pongs of one WebSocket that may be on their way.
    ///
    /// Of further pings, the newest is answered. A client sends fewer at once unless it attacks our memory.
    static let pongCountMax = 16

    // MARK: Requests

    /// Bytes of a request's target: a query has a box, some regions and times.
    static let targetByteCountMax = 8 << 10
    /// Bytes of a header field: cookies of other servers on the same host, tokens of a proxy.
    static let fieldByteCountMax = 16 << 10
    /// Bytes of a request's target and header fields together.
    static let headByteCountMax = 32 << 10
    /// Header fields of a request: browsers send twenty, proxies add some.
    static let fieldCountMax = 100
    /// Bytes of a body that are read and dropped to keep the connection, if the answer precedes the body's end.
    static let unreadByteCountMax = 256 << 10
    /// Parts of a request, up to 64 KiB of a body each, that wait for the route that reads them.
    static let requestPartCountMax = 3
    /// Seconds for which a browser may cache the answer to a preflight.
    static let preflightSeconds = 600

    // MARK: Connections

    /// The name in the `Server` field.
    static let serverName = "tripstore"
    /// Connections at a time, if the limit of open files allows as many: an idle one costs some ten kilobytes.
    static let connectionCountMax = 16_384
    /// Connections that are accepted however low the limit of open files is: opening files fails if they are too many.
    static let connectionCountMin = 16
    /// Files that the store, its catalog and its network have open besides uploads.
    static let storeFileCount = 128
    /// One of this many connections is closed when the table is full.
    static let leavingPart = 16
    /// Time between two log lines about that.
    static let connectionReportInterval: Duration = .seconds(10)
    /// Time that a connection for which there is no room has to send a request, so that it can be answered.
    static let refusalTimeout: Duration = .seconds(2)
    /// One of this many connections may follow a job: half, as followers only wait, and others must be answered.
    static let followerPart = 2
    /// One of this many connections may be an upload: they are ingested one after the other, and each has a file and a buffer.
    static let uploadPart = 8
    /// One of this many connections may wait for a thread with a query of a kind, cheap or scanning.
    ///
    /// With uploads and followers, that leaves an eighth for requests that are answered at once.
    static let waitingQueryPart = 8
    /// Connections that are being refused at a time; more are closed at once, as each takes a descriptor.
    static let refusedConnectionCountMax = 64
    /// Bytes per second below which a client must go if others have no room.
    static let slowBytesPerSecond = 16 << 10
    /// Time that a client must be slow for that: a packet that is lost and resent takes a second.
    static let slowTimeout: Duration = .seconds(2)
    /// Bytes per second that a client must send of a body, or read of an answer, over `clientTimeout`.
    ///
    /// A tenth of the rate of the slowest mobile network.
    static let clientBytesPerSecondMin = 512
    /// Timeout of a request's head, and the period over which the bytes of bodies and answers are counted.
    static let clientTimeout: Duration = .seconds(30)
    /// Time that a client has to close its side once the last answer is sent, or to learn that its upload is refused.
    static let lingerTimeout: Duration = .seconds(10)
    /// Time between two pings of a subscriber; one that does not answer two of them is dropped.
    static let pingInterval: Duration = .seconds(20)
    /// Time a client has to answer a close frame.
    static let closeTimeout: Duration = .seconds(5)
    /// Time that a connection may stay idle between requests.
    ///
    /// Longer than proxies keep theirs, since one that sends a request while we close the connection must answer 502: nginx
    /// keeps them for 60 s, deploy/aws makes its load balancer keep them for 300.
    static let idleTimeout: Duration = .seconds(310)

    // MARK: Shutdown

    /// Time from the stop signal to the end of the process: below the 30 s after which compose and Kubernetes kill it.
    static let shutdownTimeout: Duration = .seconds(25)
    /// The share of it for requests in progress; the rest is for the checkpoint of a job.
    static let shutdownPartOfRequests = 0.6
    /// Time to wait then for a client that sends or reads nothing.
    static let stallTimeout: Duration = .seconds(2)
}
