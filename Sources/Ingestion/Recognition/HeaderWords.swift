/// The words of a column's name, as far as they tell what it holds.
///
///     Pickup_Longitude   ` pickup_longitude`   pickupLongitude   PICKUPLONGITUDE   ->   origin, longitude
///     DOLocationID       ->   destination, place, identifier
///     unlock_date        ->   origin, date        (not `lock`: words are compared, never parts of words)
///
/// A name is split at everything that is neither letter nor digit, then at changes of case. What is still no word of the vocabulary
/// is split into several if all of it can be (`startstationlatitude`).
struct HeaderWords: Hashable, Sendable {
    /// What a word says.
    enum Meaning: Hashable, Sendable {
        case origin, destination
        case longitude, latitude
        /// Axes of a plane: degrees or metres, in either order.
        case x, y
        case point
        /// A named area or stop, and what identifies one.
        case place, identifier
        /// A moment, or either half of one.
        case moment, date, clock
        case region, datasource
        /// A word that shows that a column is no start of a trip, whatever else its name says.
        case other
    }

    /// The words, in lower case.
    let words: [String]
    let meanings: Set<Meaning>

    init(_ name: String) {
        words = name.split { !$0.isLetter && !$0.isNumber }.flatMap { Self.words(of: String($0)) }
        meanings = Set(words.compactMap { Self.vocabulary[$0] })
    }

    func has(_ meaning: Meaning) -> Bool { meanings.contains(meaning) }

    /// Which end of a trip a column is about; nil if its name says neither or both.
    var end: Meaning? {
        guard has(.origin) != has(.destination) else { return nil }
        return has(.origin) ? .origin : .destination
    }

    /// Whether every word is one of some meanings, or one that says nothing of whose place or time it is: `trip_lat`, not `vehicle_lat`.
    func isPlain(_ meanings: Set<Meaning>) -> Bool {
        words.allSatisfy { word in
            if Self.plainWords.contains(word) || word.allSatisfy(\.isNumber) { return true }
            return Self.vocabulary[word].map(meanings.contains) ?? false
        }
    }

    private static let plainWords: Set<String> = [
        "trip", "trips", "ride", "rides", "journey", "viaje", "viagem", "viaggio", "fahrt", "trajet", "recorrido", "travel",
        "the", "of", "de",
        "la", "local", "gps", "geo", "wgs", "epsg", "deg", "degree", "degrees", "decimal", "utc", "gmt", "and", "und", "y", "e",
    ]

    // MARK: Splitting

    private static func words(of token: String) -> [String] {
        let lowered = token.lowercased()
        if vocabulary[lowered] != nil { return [lowered] }
        let parts = partsByCase(token)
        if parts.count > 1, parts.allSatisfy({ vocabulary[$0] != nil }) { return parts }
        return segments(of: lowered) ?? (parts.count > 1 ? parts.flatMap { segments(of: $0) ?? [$0] } : [lowered])
    }

    /// Splits before a capital that follows a small letter or digit, and before the last capital of several: `PULocationID`.
    private static func partsByCase(_ token: String) -> [String] {
        let letters = Array(token)
        var parts: [String] = []
        var part = ""
        for (index, letter) in letters.enumerated() {
            let isBoundary =
                index > 0 && letter.isUppercase
                && (!letters[index - 1].isUppercase || (index + 1 < letters.count && letters[index + 1].isLowercase))
            if isBoundary, !part.isEmpty {
                parts.append(part.lowercased())
                part = ""
            }
            part.append(letter)
        }
        return parts + [part.lowercased()]
    }

    /// Splits a token into the fewest words of the vocabulary; nil if something is left.
    private static func segments(of token: String) -> [String]? {
        let letters = Array(token)
        guard (4...60).contains(letters.count) || letters.contains(where: { !$0.isASCII }) else { return nil }
        var best: [[String]?] = [[]]
        for end in 1...letters.count {
            var shortest: [String]?
            for start in max(0, end - longestWord)..<end {
                guard let before = best[start] else { continue }
                let word = String(letters[start..<end])
                guard vocabulary[word] != nil, !wholeWords.contains(word) else { continue }
                if shortest.map({ before.count + 1 < $0.count }) ?? true { shortest = before + [word] }
            }
            best.append(shortest)
        }
        return best[letters.count]
    }

    // MARK: Vocabulary

    /// Words that are too short to be looked for within others.
    private static let wholeWords: Set<String> = ["to", "at", "o", "d", "x", "y", "pu", "do", "up", "off", "day", "de", "le"]

    private static let longestWord = vocabulary.keys.map(\.count).max() ?? 0

    /// Spellings by meaning, collected from publishers' files in English, Spanish, Portuguese, French, German, Italian and Korean.
    private static let vocabulary: [String: Meaning] = {
        let spellings: [Meaning: String] = [
            .origin: """
            origin origins orig start starts started starting begin begins began beginning from pickup pu pulocation departure depart \
            departs departed départ checkout rent rented origen origem retiro partida salida inicio abfahrt unlock unlocked \
            unplug idunplug strt o 대여 출발 source board boarding pick
            """,
            .destination: """
            destination destinations dest end ends ended ending stop stops stopped to dropoff do dolocation drop return returned arrival \
            arrive arrived arrivée destino arribo llegada fin fim ende ziel ankunft lock locked plug idplug 반납 도착 finish \
            finished d checkin alight alighting
            """,
            .longitude: "longitude longitud long lon lng lngitude 경도",
            .latitude: "latitude latitud lat 위도",
            .x: "x x좌표 east easting",
            .y: "y y좌표 north northing",
            .point: """
            location locations point points coord coords coordinate coordinates geom geometry geolocation position pos latlng \
            latlon latlong lnglat lonlat wkt 좌표
            """,
            .place: """
            station stations statn zone zones terminal kiosk dock hub community tract puesto estacion estación estacao \
            estação ciclo cicloestacion 대여소 대여소번호 neighborhood neighbourhood borough area grid emplacement
            """,
            .identifier: "id ids number num no code name names uuid pk nombre key 번호",
            .moment: """
            time times datetime timestamp hourtime moment at when ms zeit startzeit horario 일시 일시간
            """,
            .date: "date dates day fecha data datum 일자 날짜",
            .clock: "clock hora uhrzeit 시간",
            .region: "region",
            .datasource: "datasource",
            .other: """
            duration seconds minutes miles distance fare tip tips tolls birth birthday birthyear year month hour hours modified \
            updated created online temperature slot voltage battery minute count version weekday gender type
            """,
        ]
        var all: [String: Meaning] = [:]
        for (meaning, words) in spellings {
            for word in words.split(separator: " ") { all[String(word)] = meaning }
        }
        return all
    }()
}
