/// Every bound of the server in one place, each with the reason for its size.
enum ServerLimits {
    // MARK: Uploads

    /// Bytes gathered before one write to disk: what the network delivers comes in pieces of some kilobytes, and each write
    /// costs a change of threads.
    static let uploadWriteByteCount = 512 << 10
    /// The same where there are so many uploads that they share `uploadBuffersByteCount`: what a socket delivers at once.
    static let uploadWriteByteCountMin = 16 << 10
    /// Bytes that uploads gather together, approximately; the more there are, the sooner each writes.
    static let uploadBuffersByteCount = 32 << 20
    /// Bytes of a form besides its file: the names and fields of a page's form, no more.
    static let formByteCountMax = 1 << 20
    /// Bytes of one form part's headers: a field name and a file name, no more.
    static let partHeaderByteCountMax = 16 << 10
    /// Bytes of a JSON body: a URL and a name, no more.
    static let jsonByteCountMax = 32 << 10
    /// Bytes of a multipart boundary, from RFC 2046.
    static let boundaryByteCountMax = 70

    /// Time that an upload may take to be kept though its client has closed its side; after that it has given up, and sends it again.
    static let uploadPatience: Duration = .seconds(5)

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

    // MARK: Parts

    /// Time that each part has to say that it does its work: whoever divides requests asks every few seconds.
    static let partTimeout: Duration = .seconds(1)
    /// Time for numbers of the catalog and of the engine, without which the server's own are told.
    static let numbersTimeout: Duration = .seconds(2)
    /// Time that jobs may take to be looked up: longer than a catalog takes that is there, shorter than clients and proxies wait.
    static let lookupTimeout: Duration = .seconds(10)

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

    // MARK: Requests

    /// Bytes of a request's target: a query names a box, some regions and times.
    static let targetByteCountMax = 8 << 10
    /// Bytes of a header field: cookies of other servers on the same host, tokens of a proxy.
    static let fieldByteCountMax = 16 << 10
    /// Bytes of a request's target and header fields together.
    static let headByteCountMax = 32 << 10
    /// Header fields of a request: browsers send twenty, proxies add some.
    static let fieldCountMax = 100
    /// Bytes of a body that are read and dropped for the sake of the connection, where the answer is given before the body is there.
    static let unreadByteCountMax = 256 << 10
    /// Parts of a request, up to 64 KiB of a body each, that wait for the route that reads them.
    static let requestPartCountMax = 3
    /// Seconds for which a browser may remember what a preflight was told.
    static let preflightSeconds = 600

    // MARK: Connections

    /// The name in the `Server` field.
    static let serverName = "tripstore"
    /// Connections at a time, where the limit of open files allows for as many: an idle one costs some ten kilobytes.
    static let connectionCountMax = 16_384
    /// Connections that are taken however low the limit of open files is: too many are noticed when files are opened.
    static let connectionCountMin = 16
    /// Files that the store, its catalog and its network have open besides uploads.
    static let storeFileCount = 128
    /// Of so many connections one makes room when the table is full.
    static let leavingPart = 16
    /// Time between two lines of the log that say so.
    static let connectionReportInterval: Duration = .seconds(10)
    /// Time that a connection for which there is no room has to ask, so that it can be told.
    static let refusalTimeout: Duration = .seconds(2)
    /// Of so many connections one may follow a job: half, as followers have nothing to do but wait, and others are to be answered.
    static let followerPart = 2
    /// Of so many connections one may be an upload: they are loaded one after the other, and each has a file and a buffer.
    static let uploadPart = 8
    /// Of so many connections one may wait for a thread with a query of a kind, cheap or scanning: with uploads and followers that
    /// leaves an eighth for what is answered at once.
    static let waitingQueryPart = 8
    /// Connections for which there is no room that are told so at a time; more are closed at once, as each takes a descriptor.
    static let refusedConnectionCountMax = 64
    /// Bytes a second below which a client has to go where others have no room.
    static let slowBytesPerSecond = 16 << 10
    /// Time over which a client has to be slow for that: a packet that is lost and sent again takes a second.
    static let slowTimeout: Duration = .seconds(2)
    /// Bytes a second that a client has to send of a body, or to take of an answer, over `clientTimeout`: a tenth of what the slowest
    /// mobile network brings.
    static let clientBytesPerSecondMin = 512
    /// Time for a request's head, and over which the bytes of bodies and answers are counted.
    static let clientTimeout: Duration = .seconds(30)
    /// Time that a client has to close its side once the last answer is out, or to find out that its upload is not wanted.
    static let lingerTimeout: Duration = .seconds(10)
    /// Time between two signs of life to a subscriber; one that stays silent for two of them is dropped.
    static let pingInterval: Duration = .seconds(20)
    /// Time a client has to answer a close frame.
    static let closeTimeout: Duration = .seconds(5)
    /// Time a connection may stay idle between requests.
    ///
    /// Longer than proxies keep theirs, since one that sends a request while we close the connection has to answer 502: nginx keeps
    /// them for 60 s, deploy/aws has its balancer keep them for 300.
    static let idleTimeout: Duration = .seconds(310)

    // MARK: The end

    /// Time from the signal to stop to the end of the process: below the 30 s after which compose and Kubernetes kill it.
    static let shutdownTimeout: Duration = .seconds(25)
    /// The part of it that requests under way have; the rest is for the checkpoint of a load.
    static let shutdownPartOfRequests = 0.6
    /// Time that a client which sends or takes nothing is waited for then.
    static let stallTimeout: Duration = .seconds(2)
}
