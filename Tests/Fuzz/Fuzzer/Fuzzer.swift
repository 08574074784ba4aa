import Foundation
import FuzzEntries

/// The fuzzer: libFuzzer has `main` and calls this with inputs that it makes; `scripts/fuzz` builds and runs it.
///
/// One program for all entries, so that there is one build; `FUZZ_ENTRY` says which one it is for.
private let entry: FuzzEntry = {
    guard let name = ProcessInfo.processInfo.environment["FUZZ_ENTRY"], let entry = FuzzEntry(rawValue: name) else {
        let names = FuzzEntry.allCases.map(\.rawValue).joined(separator: ", ")
        preconditionFailure("FUZZ_ENTRY must be one of \(names)")
    }
    return entry
}()

/// Called by libFuzzer for each input.
///
/// See https://llvm.org/docs/LibFuzzer.html#fuzz-target.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    entry.run([UInt8](UnsafeBufferPointer(start: start, count: count)))
    return 0
}
