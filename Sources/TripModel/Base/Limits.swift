/// Every bound of the store in one place, each with the reason for its size.
package enum Limits {
    // MARK: Reading CSV

    /// Bytes of one piece of CSV that one worker decodes: large enough that costs per piece vanish, small enough that a piece
    /// and its rows stay in a core's own cache from reading to decoding.
    package static let chunkByteCount = 512 << 10
    /// Chunks per worker that wait or are decoded: enough that none is idle while the reading thread is not on a core.
    package static let chunksInFlightPerThread = 4
    /// Bytes past the end of a chunk that may be read (never written, never believed), so that SIMD loads need no tail case.
    package static let chunkPaddingByteCount = 64
    /// The longest record, in bytes.
    ///
    /// A longer one is rejected instead of growing memory without bound.
    package static let recordByteCountMax = 2 << 20
    /// Bytes of a file's beginning from which the form of its times is inferred: in a year of trips by day, the first days.
    ///
    /// Held in memory once for each job that is not in our own form, until they are decoded.
    package static let sampleByteCount = 64 << 20
    /// The longest region or datasource name, in bytes of UTF-8: names, not documents.
    package static let nameByteCountMax = 1024
    /// Maximum bytes of a rejected row's text that are kept; longer text is cut there and marked.
    package static let rejectedTextByteCountMax = 64 << 10

    /// The longest name of a file that is sent or fetched, in bytes of UTF-8: the limit of file systems.
    package static let filenameByteCountMax = 255
    /// Saved reading options: those of publishers and their years, not of files.
    package static let profileCountMax = 1000
    /// Places of a file of stations or zones: ten times as many as the largest systems have together.
    package static let placeCountMax = 300_000
    /// Bytes of such a file, plain.
    package static let placesByteCountMax = 64 << 20
    /// Seconds that a request or a command waits for such a file from a URL.
    package static let placesFetchSeconds = 120
    /// Bytes of the parts in which a catalog keeps them.
    package static let placesPartByteCount = 1 << 20
    /// Age in seconds at which places that no job and no profile needs are deleted: longer than a request takes.
    package static let strayPlacesSeconds = 86_400
    /// The longest name of saved reading options, in bytes.
    package static let profileNameByteCountMax = 100

    // MARK: Rejected rows

    /// Rejected rows of a job that are kept, the first ones: if these do not explain a file, more will not.
    package static let rejectRowCountMax = 10_000
    /// Approximate bytes of rejected rows of a job that are kept: in a catalog of several processes they are part of its
    /// commits.
    package static let rejectsByteCountMax = 16 << 20
    /// Bytes of rejected rows that every job may keep, however small its file is: some thousand rows.
    package static let rejectsByteCountMin = 256 << 10
    /// Multiple of the bytes of its file, as sent, that a job may keep of rejected rows in addition: compressed CSV seldom
    /// expands more.
    package static let rejectsSourceMultiple = 16

    // MARK: Compressed files

    /// Maximum expansion of a compressed file, in addition to `expansionByteCountMin`: as much as gzip can.
    package static let expansionMax = 1000
    /// Bytes that a compressed file may always expand to: ten million rows, which take some seconds to ingest.
    package static let expansionByteCountMin = 2 << 30
    /// Bytes of segments that a job may have for each byte of its file, in addition to `outputByteCountMin`.
    ///
    /// Trips take less than their CSV, so this stops only what nobody foresaw.
    package static let outputSourceMultiple = 64
    /// Bytes of segments that every job may have.
    package static let outputByteCountMin = 256 << 20

    /// Files of a ZIP archive: more than publishers have in one, each of which becomes a job.
    package static let archiveEntryCountMax = 10_000
    /// Bytes of an archive's directory, held in memory while its files are copied out.
    package static let archiveDirectoryByteCountMax = 16 << 20

    // MARK: Waiting and failed jobs

    /// Jobs that may wait unless the server is configured otherwise: each has a file on the disk and a row that is scanned.
    package static let waitingJobCountMax = 10_000
    /// Runs of a job in a row that may end with their process and without a commit; then it fails, until it is resumed.
    ///
    /// A supervisor may start a process five times and then no more (systemd's default, in ten seconds): at the fifth it
    /// starts. With fewer, an operator who kills a server repeatedly during one job would reach the limit too soon.
    package static let startCountMax = 4
    /// Seconds after which the upload of a failed job is deleted: a week, so that a weekend passes before somebody looks.
    package static let failedUploadSecondsMax = 7 * 86_400
    /// The share of the disk that uploads of failed jobs may take: a quarter.
    package static let failedUploadsDivisor = 4
    /// Seconds between two checks for expired uploads of failed jobs.
    package static let failedUploadsInterval = 60

    // MARK: Disk

    /// Maximum bytes that writers leave free (`DiskReserve`).
    ///
    /// Enough for a deletion that rewrites a segment of several jobs, the catalog's log, and what concurrent writers write
    /// between two checks.
    package static let diskReserveByteCountMax = 256 << 20
    /// The share of a small disk that they leave free: an eighth.
    package static let diskReserveDivisor = 8
    /// Bytes of the file that reserves space for the catalog on a full disk (`Ballast`).
    ///
    /// SQLite's log up to the size at which it is checkpointed automatically, 1,000 pages of 4 KiB.
    package static let ballastByteCount = 4 << 20
    /// The share of a small disk that it takes.
    package static let ballastDivisor = 64
    /// Seconds between two attempts to write to a store whose disk refused it at the start: soon after somebody has freed
    /// space.
    package static let diskRetrySeconds = 2.0

    // MARK: Fetching

    /// Concurrent fetches from one host, each over several connections: more would share the same line.
    package static let fetchCountPerHostMax = 4
    /// Concurrent fetches: twice as many, so that one slow host never takes all slots.
    package static let fetchCountMax = 8
    /// Threads of all fetches: they wait for the disk, not for cores.
    package static let fetchThreadCount = 4

    // MARK: Small files

    /// Files up to this size are ingested together with others that wait: larger ones keep all cores busy by themselves.
    package static let smallFileByteCountMax = 4 << 20
    /// Maximum of jobs that are ingested together: a client that waits for one waits for all.
    package static let groupJobCountMax = 1024
    /// Rows at which jobs that are ingested together are committed, so that memory stays that of one segment.
    package static let groupRowCountMax = 1 << 20
    /// Files decoded between two checks of the row count: a few for each core, and at most 256 MB of CSV.
    package static let groupSliceFileCount = 32

    // MARK: Segments

    /// Rows of one segment: fewer segments make queries cheaper, more make a job's memory smaller.
    ///
    /// Two million rows cost about 250 MB while they are sorted and encoded.
    package static let segmentRowCountMax = 2 << 20
    /// Minimum of `SEGMENT_ROWS`: below it a commit's syncs and a file's footer cost more than its rows.
    package static let segmentRowCountMin = 1000
    /// Decoded chunks of one segment: usually some five hundred, more only if few rows are valid.
    package static let segmentBatchCountMax = 4096
    /// Rows of one row group: the unit in which other engines divide a file among their threads.
    package static let rowGroupRowCountMax = 256 << 10
    /// Rows of one page, the same for all columns so that page `i` of each covers the same rows: 64 KiB of coordinates.
    package static let pageRowCountMax = 8192
    /// Rows of one page of the origins' coordinates, an integer fraction of the other columns': the edge of a box reads
    /// scattered rows, and smaller pages would cost more space than they save time.
    package static let originPageRowCountMax = 1024
    /// zstd level of all pages: above 1 the files shrink by a few per cent and take twice the time.
    package static let zstdLevel: Int32 = 1
    /// zstd level of the coordinates: their split bytes are noise or runs, in which level 1 searches for repetitions in vain.
    package static let coordinateZstdLevel: Int32 = -1
    /// zstd level of the pages of an export: plain values shrink by three per cent more than at level 1, at the same speed.
    package static let exportZstdLevel: Int32 = 3
    /// Precision of the geohash columns in a segment: the default of `GEOHASH_PRECISION`, so that any engine can form the
    /// default groups from the file's own columns.
    package static let storedGeohashPrecision = 5

    /// Rows without a rollup from which on one is built: fewer are counted as fast as they are looked up.
    package static let rollupRowCountMin = 256 << 10
    /// Rows whose groups are counted at a time while a rollup is built, so that tables of groups stay small.
    package static let rollupStepRowCount = 4 << 20

    // MARK: Answers

    /// Groups counted for one answer from which on free memory is returned to the system.
    package static let manyGroupsCount = 4 << 20
    /// Maximum of groups in one answer.
    package static let groupLimitMax = 10_000
    /// Maximum of weeks in one answer: the 400 years after which the Gregorian calendar repeats, more than any history of
    /// trips.
    ///
    /// They are a megabyte; the years 1 to 9999 have 25 times as many.
    package static let weekCountMax = 20_871
    /// Default count of regions in one answer: more than the cities of most stores, a quarter of a megabyte.
    package static let regionLimitDefault = 1000
    /// Maximum of regions in one answer.
    package static let regionLimitMax = 10_000
    /// Datasources listed of each region, those with the most trips.
    package static let regionDatasourceCountMax = 100
    /// Approximate bytes at which a page of regions ends: names may have a kilobyte each, and 10,000 regions 100 of them.
    package static let regionsByteCountMax = 16 << 20
    /// Maximum of jobs in one listing.
    package static let jobLimitMax = 1000
    /// Maximum of rejected rows in one listing: all that a job keeps.
    package static let rejectLimitMax = rejectRowCountMax
    /// Approximate bytes of rejected rows after which a listing ends; the next one continues from there.
    package static let rejectsPageByteCountMax = 1 << 20

    // MARK: Recording

    /// Maximum time between two attempts to record the end of a job on a full disk: free space is noticed at once, and an
    /// attempt costs little.
    package static let recordingSecondsMax = 2

    // MARK: Engines of other processes

    /// Maximum time between two attempts to store while no server answers: a server that restarts is noticed soon.
    package static let retrySecondsMax = 15
    /// Minimum and maximum seconds for which a process claims no jobs after a fault of its machine: others have time to claim
    /// them.
    package static let troubleSecondsMin = 5
    package static let troubleSecondsMax = 120
    /// Attempts to reach the object store after which a job is requeued: this machine's network may be at fault.
    package static let fetchWaitCountMax = 4
    /// Age in seconds at which the receiver of a new, empty file surely holds it.
    package static let holdSeconds = 2
    /// Seconds for which uploads are refused before they are sent, after one could not be kept.
    package static let silentStoreSeconds = 5
    /// Age in seconds at which a file without a job is surely orphaned, if several processes share a folder of uploads.
    package static let strayUploadSeconds = 86_400
    /// Seconds that closing a store waits for uploads elsewhere to be deleted.
    package static let removalSecondsMax = 3
    /// Maximum seconds between two sweeps for uploads that never became jobs.
    package static let sweepSecondsMax = 3600

    // MARK: Watched folders

    /// Seconds for which a file must not change where the file system does not say whether it is being written.
    package static let watchSettleSeconds = 10
    /// Seconds between two looks at a folder of which the system reports nothing.
    package static let watchLookSeconds = 10
    /// Seconds after which a file is looked at again whose bytes another process is ingesting.
    package static let watchPostponeSeconds = 30
    /// Files of a folder that are jobs at a time; the others wait in the folder.
    package static let watchedFileCountMax = 1000

    // MARK: Progress

    /// Minimum time between two progress events of one job: at most ten per second reach a subscriber.
    package static let progressIntervalNanoseconds: UInt64 = 100_000_000
    /// Last states of finished jobs that are kept, so that late subscribers get what was told of the end.
    package static let finishedJobCountMax = 64
    /// Seconds after which whoever waits for a job looks it up though nothing was heard of it.
    package static let jobLookSeconds = 1.0
}
