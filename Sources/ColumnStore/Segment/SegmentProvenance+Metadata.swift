import Foundation
package import Parquet
import TripModel

/// How the provenance of a segment's trips is stored in the footer of its file.
extension SegmentProvenance {
    /// Returns the provenance as key-value metadata of a segment with some trips of each job.
    func metadata(_ trips: [Int64: Int]) -> [(key: String, value: String)] {
        var writer = JSONWriter()
        writer.array(jobs.filter { trips[$0.id] != nil }) { writer, job in
            writer.object {
                $0.key("id")
                $0.value(Int(job.id))
                $0.key("filename")
                $0.value(job.filename)
                $0.key("created_at")
                $0.value(job.createdAt)
                if let upload = job.upload {
                    $0.key("upload")
                    $0.value(upload)
                }
                $0.key("trips")
                $0.value(trips[job.id] ?? 0)
                if let jobTrips = job.jobTrips {
                    $0.key("job_trips")
                    $0.value(jobTrips)
                }
                if let options = job.options {
                    $0.key("options")
                    options.write(to: &$0)
                }
                if let source = job.source {
                    $0.key("source")
                    $0.object {
                        $0.key("hash")
                        $0.value(source.hash.text)
                        $0.key("content_hash")
                        $0.value(source.contentHash.text)
                        if let byteCount = source.byteCount {
                            $0.key("bytes")
                            $0.value(byteCount)
                        }
                    }
                }
            }
        }
        var metadata = [
            (key: SegmentColumn.MetadataKey.jobs, value: writer.text),
            (key: SegmentColumn.MetadataKey.jobsChecksum, value: Self.checksum(writer.text)),
        ]
        if let replaces { metadata.append((key: SegmentColumn.MetadataKey.replaces, value: replaces.json)) }
        return metadata
    }

    /// Reads the provenance of a file; nil if it has none, as in an earlier version, or if its jobs are damaged.
    package init?(_ parquet: ParquetFile) {
        guard let text = parquet.value(forKey: SegmentColumn.MetadataKey.jobs),
            parquet.value(forKey: SegmentColumn.MetadataKey.jobsChecksum) == Self.checksum(text),
            let jobs = try? JSONDecoder().decode([Job].self, from: Data(text.utf8))
        else { return nil }
        self.init(jobs: jobs, replaces: Replacement(parquet))
    }

    private static func checksum(_ text: String) -> String {
        let bytes = [UInt8](text.utf8)
        return String(CRC32.checksum(bytes.span.bytes))
    }
}

extension SegmentProvenance.Replacement {
    /// Reads which segments a file replaces; nil if it replaces none.
    init?(_ parquet: ParquetFile) {
        guard let text = parquet.value(forKey: SegmentColumn.MetadataKey.replaces),
            let replacement = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)), !replacement.files.isEmpty
        else { return nil }
        self = replacement
    }

    fileprivate var json: String {
        var writer = JSONWriter()
        writer.object {
            $0.key("files")
            $0.array(files) { $0.value($1) }
            $0.key("earlier")
            $0.array(earlier) { $0.value($1) }
            if let trips {
                $0.key("trips")
                $0.value(trips)
            }
            if !withoutJobs.isEmpty {
                $0.key("without_jobs")
                $0.array(withoutJobs) { $0.value(Int($1)) }
            }
        }
        return writer.text
    }
}
