// swift-tools-version: 6.2
import PackageDescription

/// One list for every target of ours.
///
/// Warnings are errors here and not on the command line, so that the packages we depend on may warn as they like.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0335-existential-any.md
    .enableUpcomingFeature("ExistentialAny"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0409-access-level-on-imports.md
    .enableUpcomingFeature("InternalImportsByDefault"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0444-member-import-visibility.md
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// For modules without unsafe code (docs/ARCHITECTURE.md, "Unsafe code"): the compiler refuses it.
let strictSettings = settings + [.strictMemorySafety()]

/// Locks that ThreadSanitizer sees, for `scripts/sanitize`.
let sanitizedSettings: [SwiftSetting] =
    Context.environment["TRIPSTORE_SANITIZE"] == "thread" ? settings + [.define("SANITIZE_THREAD")] : settings

/// For tests that mostly wait: they are compiled without optimization, in half of the time.
let waitingTests = settings + [.unsafeFlags(["-Onone"])]

let package = Package(
    name: "tripstore",
    products: [
        .executable(name: "tripstore", targets: ["tripstore"]),
        .library(name: "LocalStore", targets: ["LocalStore", "ColumnStore", "Ingestion", "TripModel"]),
        .library(name: "Parquet", targets: ["Parquet"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // Without its settings from files and the environment.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // In the order of the dependency direction: nothing refers to a target below it.
        .target(name: "Bucketing", swiftSettings: strictSettings),
        .target(name: "TripGenerator", dependencies: ["Bucketing"], swiftSettings: strictSettings),
        .systemLibrary(name: "CBZip2", providers: [.apt(["libbz2-dev"])]),
        // ISA-L is looked for when it is needed; zlib is linked.
        .target(name: "CInflate", linkerSettings: [.linkedLibrary("z"), .linkedLibrary("dl", .when(platforms: [.linux]))]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CNettle", pkgConfig: "nettle", providers: [.apt(["nettle-dev"])]),
        .target(name: "Cryptography", dependencies: ["CNettle"], swiftSettings: settings),
        .target(name: "CFastFloat"),
        .target(name: "CKernels"),
        .target(name: "CPlatform"),
        // Looked for when it is needed, like libpq; the package has its header.
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
        .target(name: "HTTPTransport", dependencies: ["CCurl"], swiftSettings: settings),
        .target(name: "CPostgreSQL", linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
        .target(
            name: "TripModel", dependencies: ["Bucketing", "CDeflate", "CXXHash", "CPlatform"], swiftSettings: sanitizedSettings
        ),
        .target(name: "TripstoreAPI", dependencies: ["TripModel", "Bucketing"], swiftSettings: strictSettings),
        .target(name: "Parquet", dependencies: ["CDeflate", "CZstd"], swiftSettings: settings),
        .target(
            name: "Ingestion",
            dependencies: [
                "TripModel", "Bucketing", "Cryptography", "CBZip2", "CInflate", "CZstd", "CFastFloat", "CKernels",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: sanitizedSettings
        ),
        .target(
            name: "Transfer", dependencies: ["TripModel", "Bucketing"], swiftSettings: strictSettings),
        .target(
            name: "ColumnStore",
            dependencies: [
                "TripModel", "Bucketing", "Parquet", "CKernels", "CPlatform",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: sanitizedSettings
        ),
        .target(
            name: "LocalStore",
            dependencies: ["ColumnStore", "Ingestion", "TripModel", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strictSettings
        ),
        .target(
            name: "ClickHouse",
            dependencies: [
                "ColumnStore", "TripModel", "Bucketing", "HTTPTransport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .target(name: "PostgreSQL", dependencies: ["TripstoreAPI", "TripModel", "CPostgreSQL"], swiftSettings: settings),
        .target(name: "Fetching", dependencies: ["TripModel", "Cryptography", "HTTPTransport"], swiftSettings: settings),
        .target(
            name: "Events",
            dependencies: [
                "Fetching", "Ingestion", "TripModel", "Cryptography", "HTTPTransport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strictSettings
        ),
        .target(
            name: "Server",
            dependencies: [
                "Ingestion", "TripstoreAPI", "TripModel", "Cryptography",
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            // In the binary, so that the program is one file.
            resources: ["openapi.json", "index.html", "page.css", "page.js", "docs.js"].map { .embedInCode("Resources/\($0)") },
            swiftSettings: settings
        ),
        .executableTarget(
            name: "tripstore",
            dependencies: [
                "Server", "Events", "PostgreSQL", "ClickHouse", "Fetching", "LocalStore", "Transfer", "ColumnStore",
                "Ingestion", "TripstoreAPI", "TripModel", "Bucketing", "TripGenerator",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "TestSupport", dependencies: ["TripModel", "Bucketing"], path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(name: "BucketingTests", dependencies: ["Bucketing", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "CryptographyTests", dependencies: ["Cryptography"], swiftSettings: waitingTests),
        .testTarget(name: "TripModelTests", dependencies: ["TripModel", "TestSupport"], swiftSettings: waitingTests),
        .testTarget(
            name: "TripstoreAPITests", dependencies: ["TripstoreAPI", "TripModel", "Bucketing"], swiftSettings: waitingTests),
        .testTarget(name: "ParquetTests", dependencies: ["Parquet", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "IngestionTests",
            dependencies: [
                "Bucketing",
                "Ingestion", "LocalStore", "ColumnStore", "TripstoreAPI", "TripModel", "Parquet", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "TransferTests", dependencies: ["Transfer", "Ingestion", "TripModel", "TestSupport"],
            swiftSettings: waitingTests),
        .testTarget(
            name: "ColumnStoreTests",
            dependencies: [
                "CKernels", "LocalStore", "ColumnStore", "Ingestion", "TripstoreAPI", "TripModel", "Parquet", "Bucketing",
                "TestSupport", "TripGenerator",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "LocalStoreTests",
            dependencies: [
                "LocalStore", "ColumnStore", "Ingestion", "TripstoreAPI", "TripModel", "Bucketing", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: waitingTests
        ),
        .testTarget(
            name: "ClickHouseTests",
            dependencies: ["ClickHouse", "ColumnStore", "TripModel", "Bucketing", "TestSupport"],
            swiftSettings: waitingTests),
        .testTarget(
            name: "PostgreSQLTests", dependencies: ["PostgreSQL", "ColumnStore", "TripstoreAPI", "TripModel", "TestSupport"],
            swiftSettings: waitingTests),
        .testTarget(name: "HTTPTransportTests", dependencies: ["HTTPTransport"], swiftSettings: waitingTests),
        .testTarget(name: "EventsTests", dependencies: ["Events", "Fetching", "TripModel"], swiftSettings: waitingTests),
        .testTarget(
            name: "FetchingTests",
            dependencies: [
                "Fetching", "HTTPTransport", "TripModel", "Cryptography", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: waitingTests
        ),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "Server", "LocalStore", "Ingestion", "ColumnStore", "TripstoreAPI", "TripModel", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: waitingTests
        ),
        .testTarget(name: "TripGeneratorTests", dependencies: ["TripGenerator", "Bucketing"], swiftSettings: settings),
        .target(
            name: "FuzzEntries",
            dependencies: ["ColumnStore", "Ingestion", "TripstoreAPI", "TripModel", "Parquet", "Bucketing", "TripGenerator"],
            path: "Tests/Fuzz/FuzzEntries",
            swiftSettings: settings),
        .testTarget(
            name: "FuzzTests", dependencies: ["FuzzEntries"], path: "Tests/Fuzz/FuzzTests", swiftSettings: waitingTests),
        .testTarget(name: "TidyTests", swiftSettings: waitingTests),
    ],
    cxxLanguageStandard: .cxx17
)

// What only its own script builds, so that everyone else neither fetches nor compiles it.

if Context.environment["TRIPSTORE_FUZZ"] != nil {  // scripts/fuzz
    package.targets.append(
        .executableTarget(
            name: "Fuzzer", dependencies: ["FuzzEntries"], path: "Tests/Fuzz/Fuzzer",
            // libFuzzer brings `main`.
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
}

if Context.environment["TRIPSTORE_BENCHMARKS"] != nil {  // scripts/microbench
    package.dependencies.append(.package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []))
    package.targets.append(
        .executableTarget(
            name: "ColumnStoreBenchmarks",
            dependencies: [
                "LocalStore", "ColumnStore", "Ingestion", "Parquet", "TripModel", "TripGenerator", "TestSupport",
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Benchmarks/ColumnStoreBenchmarks",
            swiftSettings: settings,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]))
}

if Context.environment["TRIPSTORE_COST_MODEL"] != nil {  // scripts/cost-model
    package.targets.append(
        .executableTarget(
            name: "CostModel",
            dependencies: [
                "LocalStore", "ColumnStore", "Ingestion", "TripModel", "Parquet", "Bucketing", "TripGenerator", "CDeflate",
                "CZstd",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Benchmarks/CostModel",
            swiftSettings: settings))
}
