import Foundation
import TripModel

/// Places as JSON: `station_information` of GBFS (https://gbfs.org), a list of objects, or points of GeoJSON.
///
///     {"data": {"stations": [{"station_id": "3", "name": "Dock", "lat": 59.9, "lon": 10.7}]}}
///
/// Members become columns by their names; a place's line is its position in the list, from 1.
struct PlacesObjects: PlacesReader {
    /// Bytes of a file, which is parsed as a whole.
    private static let byteCountMax = 64 << 20

    let names: [String]?
    private let records: [[String]]
    private var position = 0

    init(_ text: Span<UInt8>, named name: String) throws(TripstoreError) {
        let refusal = TripstoreError(
            .badInput,
            "The file of places \(name) is JSON without places; give a station_information of GBFS, GeoJSON with points, or a CSV."
        )
        guard text.count <= Self.byteCountMax else {
            throw TripstoreError(
                .badInput,
                "The file of places \(name) is JSON of more than \(Self.byteCountMax.grouped) bytes; give it as a CSV.")
        }
        let bytes = Data(text.indices.map { text[$0] })
        guard let root = try? JSONDecoder().decode(Value.self, from: bytes), let objects = Self.objects(root) else {
            throw refusal
        }
        let names = Set(objects.flatMap(\.keys)).sorted()
        guard !names.isEmpty else { throw refusal }
        self.names = names
        records = objects.map { object in names.map { object[$0] ?? "" } }
    }

    mutating func next(_ text: Span<UInt8>) -> (fields: [String], line: Int)? {
        guard position < records.count else { return nil }
        position += 1
        return (records[position - 1], position)
    }

    mutating func restart() { position = 0 }

    // MARK: Values

    private enum Value: Decodable {
        case text(String)
        case number(String)
        case list([Value])
        case object([String: Value])
        case other

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let text = try? value.decode(String.self) {
                self = .text(text)
            } else if let number = try? value.decode(Int64.self) {
                self = .number(String(number))
            } else if let number = try? value.decode(Double.self) {
                self = .number(String(number))
            } else if let list = try? value.decode([Value].self) {
                self = .list(list)
            } else if let object = try? value.decode([String: Value].self) {
                self = .object(object)
            } else {
                self = .other
            }
        }

        var scalar: String? {
            switch self {
            case .text(let text), .number(let text): text
            case .list, .object, .other: nil
            }
        }
    }

    /// Returns the scalar members of each place; nil if there is no list of places.
    private static func objects(_ root: Value) -> [[String: String]]? {
        switch root {
        case .list(let list): return list.compactMap { place($0) }
        case .object(let members):
            if case .list(let features)? = members["features"] { return features.compactMap { place($0) } }
            if let data = members["data"] { return objects(data) }
            for case .list(let list)? in [members["stations"], members["places"], members["zones"]] {
                return list.compactMap { place($0) }
            }
            return nil
        case .text, .number, .other: return nil
        }
    }

    private static func place(_ value: Value) -> [String: String]? {
        guard case .object(let members) = value else { return nil }
        guard case .object(let geometry)? = members["geometry"] else { return members.compactMapValues(\.scalar) }
        var scalars: [String: String] = [:]
        if case .object(let properties)? = members["properties"] { scalars = properties.compactMapValues(\.scalar) }
        scalars["id"] = scalars["id"] ?? members["id"]?.scalar
        guard case .text("Point")? = geometry["type"], case .list(let point)? = geometry["coordinates"], point.count >= 2 else {
            return scalars
        }
        // The point of the geometry is the only one.
        scalars = scalars.filter { name, _ in !HeaderWords(name).has(.longitude) && !HeaderWords(name).has(.latitude) }
        scalars["longitude"] = point[0].scalar
        scalars["latitude"] = point[1].scalar
        return scalars
    }
}
