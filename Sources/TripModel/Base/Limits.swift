/// Every bound of the store in one place, each with the reason for its size.
package enum Limits {
    // MARK: Reading CSV

    /// Bytes of one piece of CSV that one worker decodes: large enough that per-piece costs vanish, small enough that a piece
    /// and the rows made of it stay in a core's own cache from reading to decoding.
    package static let chunkByteCount = 512 << 10
    /// Chunks that wait for a worker or are decoded, for each worker: enough that none is idle while the thread that reads is
    /// not on a core.
    package static let chunksInFlightPerThread = 4
    /// Bytes past the end of a chunk that may be read (never written to, never believed), so that SIMD loads need no tail case.
    package static let chunkPaddingByteCount = 64
    /// The longest record, in bytes.
    ///
    /// One that is longer is rejected instead of growing memory without bound.
    package static let recordByteCountMax = 2 << 20
    /// The longest region or datasource name, in bytes of UTF-8: names, not documents.
    package static let nameByteCountMax = 1024
    /// The most bytes of a rejected row's text that are kept; what is longer is cut there and marked.
    package static let rejectedTextByteCountMax = 64 << 10

    /// The longest name of a file that is sent or fetched, in bytes of UTF-8: what file systems take.
    package static let filenameByteCountMax = 255
    // MARK: Rejected rows

    /// Rejected rows of a job that are kept, the first ones: who has not understood a file by them is not helped by more.
    package static let rejectRowCountMax = 10_000
    /// Bytes of rejected rows of a job that are kept, about: in a catalog of several processes they travel with its commits.
    package static let rejectsByteCountMax = 16 << 20
    /// Bytes of rejected rows that every job may keep, however small its file is: some thousand rows.
    package static let rejectsByteCountMin = 256 << 10
    /// Times the bytes of its file, as it was sent, that a job may keep of rejected rows besides: compressed CSV seldom grows more.
    package static let rejectsSourceMultiple = 16

    // MARK: Compressed files

    /// Times its stored bytes that a file may have of plain ones, besides `expansionByteCountMin`: as much as gzip can.
    package static let expansionMax = 1000
    /// Bytes that a compressed file may have whatever it is compressed to: ten million rows, which take a loader some seconds.
    package static let expansionByteCountMin = 2 << 30
    /// Bytes of segments that a job may have for each byte of its file, besides `outputByteCountMin`: trips of CSV take less than the
    /// CSV, so this stops only what nobody foresaw.
    package static let outputSourceMultiple = 64
    /// Bytes of segments that every job may have.
    package static let outputByteCountMin = 256 << 20

    // MARK: Waiting and failed jobs

    /// Jobs that may wait for a server that is told no other number: each has a file on the disk and a row that is looked through.
    package static let waitingJobCountMax = 10_000
    /// Runs of a job in a row that may end with their process and without a commit; then it fails, until somebody resumes it.
    ///
    /// A supervisor may start a process five times and then no more (systemd's default, in ten seconds): at the fifth it comes up. Fewer
    /// would be met too soon by an operator who kills a server again and again during one load.
    package static let startCountMax = 4
    /// Seconds after which the upload of a failed job is removed: a week, so that a weekend passes before somebody looks.
    package static let failedUploadSecondsMax = 7 * 86_400
    /// The part of the disk that uploads of failed jobs may take: a quarter.
    package static let failedUploadsDivisor = 4
    /// Seconds between two looks for uploads of failed jobs that are too old.
    package static let failedUploadsInterval = 60

    // MARK: Disk

    /// The most bytes that writers leave free (`DiskReserve`): a deletion that writes a segment of several jobs anew, the catalog's
    /// log, and what some writers write at the same time between two looks.
    package static let diskReserveByteCountMax = 256 << 20
    /// The part of a small disk that they leave: an eighth.
    package static let diskReserveDivisor = 8
    /// Bytes of the file that makes room for the catalog on a disk that is full (`Ballast`): SQLite's log up to where it is written into
    /// the catalog by itself, 1,000 pages of 4 KiB.
    package static let ballastByteCount = 4 << 20
    /// The part of a small disk that it takes.
    package static let ballastDivisor = 64
    /// Seconds between two attempts to write to a store whose disk refused it at the start: soon after somebody has made room.
    package static let diskRetrySeconds = 2.0

    // MARK: Fetching

    /// Files that are fetched at a time from one host, each over some connections: more would share the same line.
    package static let fetchCountPerHostMax = 4
    /// Files that are fetched at a time: twice as many, so that one host which is slow never has all places.
    package static let fetchCountMax = 8
    /// Threads of all fetches: they wait for the disk, not for cores.
    package static let fetchThreadCount = 4

    // MARK: Small loads

    /// Files up to this size are loaded together with others that wait: larger ones keep all cores busy by themselves.
    package static let smallFileByteCountMax = 4 << 20
    /// Most jobs that are loaded together: a client that waits for one waits for all.
    package static let groupJobCountMax = 1024
    /// Rows at which jobs that are loaded together are committed, so that memory stays that of one segment.
    package static let groupRowCountMax = 1 << 20
    /// Files decoded between two looks at the number of rows: a few for each core, and at most 256 MB of CSV.
    package static let groupSliceFileCount = 32

    // MARK: Segments

    /// Rows of one segment: fewer segments make queries cheaper, more make a load's memory smaller.
    ///
    /// Two million rows cost about 250 MB while they are sorted and encoded.
    package static let segmentRowCountMax = 2 << 20
    /// Fewest rows that `SEGMENT_ROWS` may ask for: below them a commit's syncs and a file's footer cost more than its rows.
    package static let segmentRowCountMin = 1000
    /// Decoded chunks of one segment: some five hundred as a rule, more only where few rows are right.
    package static let segmentBatchCountMax = 4096
    /// Rows of one row group: the unit in which other engines divide a file among their threads.
    package static let rowGroupRowCountMax = 256 << 10
    /// Rows of one page, the same for all columns so that page `i` of each covers the same rows: 64 KiB of coordinates.
    package static let pageRowCountMax = 8192
    /// Rows of one page of the origins' coordinates, a whole fraction of the other columns': the edge of a box reads one
    /// row here and there, and smaller ones would cost more space than they spare time.
    package static let originPageRowCountMax = 1024
    /// zstd level of all pages: above 1 the files shrink by a few per cent and take twice the time.
    package static let zstdLevel: Int32 = 1
    /// zstd level of the coordinates: their split bytes are noise or runs, in which level 1 looks for repetitions in vain.
    package static let coordinateZstdLevel: Int32 = -1
    /// zstd level of the pages of an export: plain values shrink by three per cent more than at level 1, as fast.
    package static let exportZstdLevel: Int32 = 3
    /// Precision of the geohash columns in a segment: the default of `GEOHASH_PRECISION`, so that any engine can form the
    /// default groups from the file's own columns.
    package static let storedGeohashPrecision = 5

    /// Rows that no rollup covers yet at which one is made: fewer are counted as fast as they are looked up.
    package static let rollupRowCountMin = 256 << 10
    /// Rows whose groups are counted at a time while a rollup is made, so that tables of groups stay small.
    package static let rollupStepRowCount = 4 << 20

    // MARK: Answers

    /// Groups counted for one answer after which free memory goes back to the system.
    package static let manyGroupsCount = 4 << 20
    /// Most groups of one answer.
    package static let groupLimitMax = 10_000
    /// Most weeks of one answer: the 400 years after which the Gregorian calendar repeats, more than any history of trips.
    ///
    /// They are a megabyte; the years 1 to 9999 have 25 times as many.
    package static let weekCountMax = 20_871
    /// Regions of one answer that does not say how many: more than the cities of most stores, a quarter of a megabyte.
    package static let regionLimitDefault = 1000
    /// Most regions of one answer.
    package static let regionLimitMax = 10_000
    /// Datasources listed of each region, those with the most trips.
    package static let regionDatasourceCountMax = 100
    /// Bytes at which a page of regions ends, about: names may have a kilobyte each, and 10,000 regions 100 of them.
    package static let regionsByteCountMax = 16 << 20
    /// Most jobs of one listing.
    package static let jobLimitMax = 1000
    /// Most rejected rows of one listing: all that a job keeps.
    package static let rejectLimitMax = rejectRowCountMax
    /// Bytes of rejected rows after which a listing ends, about; the next one goes on from there.
    package static let rejectsPageByteCountMax = 1 << 20

    // MARK: Recording

    /// Longest time between two attempts to record what happened to a job where the disk is full: room is noticed at once, and to ask
    /// costs little.
    package static let recordingSecondsMax = 2

    // MARK: Engines of other processes

    /// Longest time between two attempts to store where nobody answers: a server that restarts is noticed soon.
    package static let retrySecondsMax = 15
    /// Seconds for which a process takes no jobs that found its machine at fault, at least and at most: others have time to take them.
    package static let troubleSecondsMin = 5
    package static let troubleSecondsMax = 120
    /// Attempts to reach where uploads are kept after which a job goes back: this machine's network may be at fault.
    package static let fetchWaitCountMax = 4
    /// Age in seconds at which an empty file that comes is surely held by who receives it.
    package static let holdSeconds = 2
    /// Seconds for which uploads are refused before they are sent, once one could not be kept.
    package static let silentStoreSeconds = 5
    /// Age in seconds at which a file that no job names is surely nobody's, where several processes share a folder of uploads.
    package static let strayUploadSeconds = 86_400
    /// Seconds that a store which is closed waits for uploads elsewhere to be removed.
    package static let removalSecondsMax = 3
    /// Seconds between two looks for uploads that never became jobs, at most.
    package static let sweepSecondsMax = 3600

    // MARK: Progress

    /// Least time between two progress events of one job: at most ten a second reach a subscriber.
    package static let progressIntervalNanoseconds: UInt64 = 100_000_000
}
