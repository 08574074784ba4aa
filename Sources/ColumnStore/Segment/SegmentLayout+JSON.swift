package import TripModel

extension SegmentLayout {
    /// The layout as JSON.
    package var json: String {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.text
    }

    /// Writes the layout as one JSON object.
    package func write(to writer: inout JSONWriter) {
        writer.object {
            $0.key("path")
            $0.value(path)
            $0.key("bytes")
            $0.value(bytes)
            $0.key("rows")
            $0.value(rows)
            $0.key("created_by")
            $0.value(createdBy)
            $0.key("format_version")
            $0.value(formatVersion)
            $0.key("sorted_by")
            $0.array(sortedBy) { $0.value($1) }
            $0.key("has_page_index")
            $0.value(hasPageIndex)
            $0.key("row_groups")
            $0.array(rowGroups) { writer, group in
                writer.object {
                    $0.key("first_row")
                    $0.value(group.firstRow)
                    $0.key("rows")
                    $0.value(group.rows)
                    $0.key("columns")
                    $0.array(group.columns) { Self.write($1, to: &$0) }
                }
            }
            if let index {
                $0.key("index")
                Self.write(index, to: &$0)
            }
            $0.key("problems")
            $0.array(problems) { $0.value($1) }
        }
    }

    private static func write(_ column: Column, to writer: inout JSONWriter) {
        writer.object {
            $0.key("name")
            $0.value(column.name)
            $0.key("type")
            $0.value(column.type)
            $0.key("encodings")
            $0.array(column.encodings) { $0.value($1) }
            $0.key("codec")
            $0.value(column.codec)
            $0.key("pages")
            $0.value(column.pages)
            $0.key("dictionary_entries")
            $0.value(column.dictionaryEntries)
            $0.key("compressed_bytes")
            $0.value(column.compressedBytes)
            $0.key("uncompressed_bytes")
            $0.value(column.uncompressedBytes)
            $0.key("minimum")
            $0.value(column.minimum)
            $0.key("maximum")
            $0.value(column.maximum)
            $0.key("checked_pages")
            $0.value(column.checkedPages)
            $0.key("damaged_pages")
            $0.value(column.damagedPages)
        }
    }

    private static func write(_ index: Index, to writer: inout JSONWriter) {
        writer.object {
            $0.key("bytes")
            $0.value(index.bytes)
            $0.key("regions")
            $0.array(index.regions) { $0.value($1) }
            $0.key("datasources")
            $0.array(index.datasources) { $0.value($1) }
            $0.key("weeks")
            $0.array(index.weeks) { writer, week in
                writer.object {
                    $0.key("week")
                    $0.value(week.week)
                    $0.key("rows")
                    $0.value(week.rows)
                }
            }
            $0.key("count_entries")
            $0.value(index.countEntries)
            $0.key("cell_leaves")
            $0.value(index.cellLeaves)
            $0.key("approximation_bytes")
            $0.value(index.approximationBytes)
        }
    }
}
