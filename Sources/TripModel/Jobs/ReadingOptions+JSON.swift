import Foundation

/// Reading options as JSON: in a catalog, of a job and of a profile.
///
///     {"map": ["time=Start Time", "origin_lng=Lng"], "region": "Oslo", "decimal_comma": true}
///
/// Members are the options that are given, in a fixed order, so equal options have equal texts.
extension ReadingOptions: Codable {
    /// The object.
    public var json: String {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.text
    }

    /// The object as a catalog stores it of a job; nil if nothing is said.
    package var stored: String? { isEmpty ? nil : json }

    /// Reads an object that `json` wrote; nil if it is none.
    package init?(json: String) {
        guard let options = try? JSONDecoder().decode(ReadingOptions.self, from: Data(json.utf8)) else { return nil }
        self = options
    }

    public init(from decoder: any Decoder) throws {
        self.init()
        let members = try decoder.container(keyedBy: Option.self)
        for option in members.allKeys {
            let texts =
                switch option {
                case .map: try members.decode([String].self, forKey: option)
                case .decimalComma: [try members.decode(Bool.self, forKey: option) ? "true" : "false"]
                default: [try members.decode(String.self, forKey: option)]
                }
            for text in texts { try set(option, to: text, named: option.rawValue) }
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: Option.self)
        let columns = values.filter { $0.option == .map }.map(\.text)
        if !columns.isEmpty { try members.encode(columns, forKey: .map) }
        for (option, text) in values where option != .map {
            if option == .decimalComma {
                try members.encode(text == "true", forKey: option)
            } else {
                try members.encode(text, forKey: option)
            }
        }
    }

    package func write(to writer: inout JSONWriter) {
        let values = values
        writer.object { writer in
            let columns = values.filter { $0.option == .map }.map(\.text)
            if !columns.isEmpty {
                writer.key(Option.map.rawValue)
                writer.array(columns) { $0.value($1) }
            }
            for (option, text) in values where option != .map {
                if option == .decimalComma {
                    writer.member(option.rawValue, text == "true")
                } else {
                    writer.member(option.rawValue, text)
                }
            }
        }
    }
}
