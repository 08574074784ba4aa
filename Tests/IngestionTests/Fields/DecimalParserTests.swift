#if canImport(Glibc)
import Glibc
#else
import Musl
#endif
import Ingestion
import TestSupport
import Testing
import TripModel

/// Numbers have the bits that `strtod` gives, which rounds correctly; anything that is not a number is refused.
@Suite(.timeLimit(.minutes(10)))
struct DecimalParserTests {
    private static func bits(_ text: String) -> UInt64? {
        let bytes = Array(text.utf8)
        return DecimalParser.value(of: bytes.span)?.bitPattern
    }

    /// Expects `strtod`'s bits of each text, signed or not; and again in rows, which have a path of their own.
    private static func check(_ texts: [String], _ what: String = "") throws {
        for text in texts {
            for text in [text, "-" + text, "+" + text] where bits(text) != strtod(text, nil).bitPattern {
                Issue.record("\(text) is not \(strtod(text, nil)) \(what)")
            }
        }
        let latitudes = texts.filter { abs(strtod($0, nil)) <= 90 }
        var records = ""
        for text in latitudes { records += "r,POINT (\(text) -\(text)),POINT(-\(text) \(text)),2018-05-28 09:03:40,d\n" }
        var decoder = CSVDecoder(layout: try CSVLayout(CSVLayout.usualText))
        let batch = decoder.decode(records.utf8).batch
        try #require(batch.count == latitudes.count, "\(what)")
        for (row, text) in latitudes.enumerated() {
            let expected = strtod(text, nil)
            let values = [
                batch.rows[row].originLongitude, -batch.rows[row].originLatitude, -batch.rows[row].destinationLongitude,
                batch.rows[row].destinationLatitude,
            ]
            if values.contains(where: { $0.bitPattern != expected.bitPattern }) {
                Issue.record("POINT (\(text) -\(text)) is not \(expected) \(what)")
            }
        }
    }

    @Test(
        "Known hard texts are rounded correctly",
        arguments: [
            // Values as files have them, and the edges of the globe.
            "14.4973794438195", "7.672837913286881", "50.00136875782316", "7.5652993e-7", "8.5E-07", "1.5E+2", "0", "0.0",
            "00.5", "5.",
            ".5", "007.25", "180", "180.0", "180.00000000000001", "180.00000000000003", "179.99999999999997",
            "179.99999999999999",
            "90.00000000000001", "90.000000000000007", "89.99999999999999", "0.1", "0.3", "0.000001", "1e-5",
            "123.4567890123456789",
            // Two to the 53, where integers stop being exact, and halves of it.
            "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994", "9007199254740995",
            "9007199254740993.0000000000000000000000001", "4503599627370496.5", "4503599627370497.5",
            "4503599627370497.4999999999",
            "9007199254740993e0", "90071992547409930e-1", "900719925474099.3e1", "1e22", "1e23", "8e22", "3e23",
            "10000000000000000000", "18446744073709551615", "18446744073709551616", "9999999999999999999",
            "123456789012345678901234567890",
            // Smallest and largest.
            "4.9e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072011e-308",
            "2.2250738585072012e-308",
            "2.2250738585072014e-308", "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1e309",
            "1e400",
            "1e-400", "0e999999999999", "0.0e-999999999999", "1e99999999999999999999", "1e-99999999999999999999",
            // Stress inputs of Paxson, "A Program for Testing IEEE Decimal-Binary Conversion", 1991, tables 1 and 2.
            "5e125", "69e267", "999e-26", "7861e-34", "75569e-254", "928609e-261", "9210917e80", "84863171e114",
            "653777767e273",
            "5232604057e-298", "27235667517e-109", "653532977297e-123", "3142213164987e-294", "46202199371337e-72",
            "231010996856685e-73", "9324754620109615e212", "78459735791271921e49", "272104041512242479e200",
            "6802601037806061975e198", "20505426358836677347e-221", "836168422905420598437e-234", "4891559871276714924261e222",
            "9e-265", "85e-37", "623e100", "3571e263", "81661e153", "920657e-23", "4603285e-24", "87575437e-309",
            "245540327e122",
            "6138508175e120", "83356057653e193", "619534293513e124", "2335141086879e218", "36167929443327e-159",
            "609610927149051e-255", "3743626360493413e-165", "94080055902682397e-242", "899810892172646163e283",
            "7120190517612959703e120", "25188282901709339043e-252", "308984926168550152811e-52", "6372891218502368041059e64",
        ])
    func hardTexts(text: String) throws { try Self.check([text]) }

    @Test("Any number of zeros makes no difference", arguments: [1, 7, 8, 16, 17, 18, 19, 20, 26, 27, 28, 400, 2000])
    func manyZeros(count: Int) throws {
        let zeros = String(repeating: "0", count: count)
        try Self.check(
            [
                "\(zeros)1.5", "0.\(zeros)1", "0.\(zeros)123456789", "1.\(zeros)", "1.\(zeros)1", "0.\(zeros)", "1\(zeros)",
                "\(zeros)",
                "0.\(zeros)15e\(count + 1)", "15\(zeros)e-\(count)", "\(zeros)e\(zeros)5", "1e-\(zeros)7", "14.5\(zeros)",
                "90.\(zeros)",
                "14.4973794438195\(zeros)", "7.672837913286881\(zeros)1",
            ], "\(count) zeros")
    }

    @Test("Every number of digits before and after the point is read, with any digits")
    func everyDigitCount() throws {
        let seed: UInt64 = 3
        var random = SeededGenerator(seed: seed)
        var texts: [String] = []
        for before in 0...4 {
            for after in 0...23 where before + after > 0 {
                for _ in 0..<12 {
                    var text = ""
                    for digit in 0..<before + after {
                        if digit == before { text += "." }
                        // Small at first, so that most are latitudes; nines and zeros are where carries happen.
                        text += "\([Int.random(in: 0...9, using: &random), 9, 0].randomElement(using: &random)!)"
                    }
                    texts.append(text)
                }
            }
        }
        try Self.check(texts, "seed \(seed)")
    }

    @Test("Halfway between two doubles goes to the even one, and a digit more or less to the nearer")
    func halfway() throws {
        let seed: UInt64 = 4
        var random = SeededGenerator(seed: seed)
        var texts: [String] = []
        for _ in 0..<3000 {
            // 54 bits of which the last is set: halfway between two doubles, whatever power of two it is divided by.
            let integer = UInt64.random(in: 1 << 53..<1 << 54, using: &random) | 1
            let halvings = Int.random(in: 0...60, using: &random)
            var digits = "\(integer)".utf8.map { $0 - 48 }
            for _ in 0..<halvings {
                var carry = 0
                for index in digits.indices.reversed() {
                    carry += Int(digits[index]) * 5
                    digits[index] = UInt8(carry % 10)
                    carry /= 10
                }
                if carry > 0 { digits.insert(UInt8(carry), at: 0) }
            }
            let zeros = [UInt8](repeating: 0, count: max(0, halvings + 1 - digits.count))
            let all = (zeros + digits).map { "\($0)" }.joined()
            let exact = halvings == 0 ? "\(all).0" : "\(all.dropLast(halvings)).\(all.suffix(halvings))"
            texts += [exact, exact + "0000", exact + "00001", exact.dropLast() + "49999"]
        }
        // And times a power of ten: 5^22 is the largest power of five that leaves room for another factor.
        for exponent in 0...23 {
            var power = 1
            for _ in 0..<exponent { power *= 5 }
            let least = ((1 << 53) + power - 1) / power
            let most = ((1 << 54) - 1) / power
            for factor in Set([least | 1, (least + most) / 2 | 1, (most - 1) | 1]) {
                texts += [factor - 1, factor, factor + 1].map { "\($0)e\(exponent)" }
            }
        }
        try Self.check(texts, "seed \(seed)")
    }

    @Test("A million random texts of the shapes that occur", arguments: [UInt64(1), 2, 3, 4])
    func randomTexts(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var text: [UInt8] = []
        func appendDigits(_ count: Int) {
            for _ in 0..<count { text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: random.next() % 10)) }
        }
        for _ in 0..<250_000 {
            text.removeAll(keepingCapacity: true)
            let choice = random.next()
            if choice & 1 == 0 { text.append(UInt8(ascii: "-")) }
            appendDigits(1 + Int(choice >> 1 % 3))
            text.append(UInt8(ascii: "."))
            // One digit in eight texts is many; the others have 12 to 17, as printed doubles have.
            appendDigits(choice >> 8 & 7 == 0 ? 1 + Int(choice >> 16 % 30) : 12 + Int(choice >> 16 % 6))
            if choice >> 32 & 7 == 0 {
                text += [choice >> 35 & 1 == 0 ? UInt8(ascii: "e") : UInt8(ascii: "E")]
                if choice >> 36 & 1 == 0 { text.append(choice >> 37 & 1 == 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")) }
                appendDigits(1 + Int(choice >> 40 % 3))
            }
            let value = DecimalParser.value(of: text.span)
            text.append(0)
            let expected = text.withUnsafeBytes { strtod($0.assumingMemoryBound(to: CChar.self).baseAddress!, nil) }
            if value?.bitPattern != expected.bitPattern {
                Issue.record("seed \(seed): \(String(decoding: text.dropLast(), as: UTF8.self)) is not \(expected)")
            }
        }
    }

    @Test(
        "Text that is not a number is refused",
        arguments: [
            "", "+", "-", ".", "-.", "+.", "e5", ".e5", "-e5", "1e", "1e+", "1e-", "1E ", "--1", "+-1", "1-", "1..2", "1.2.3",
            "1,5", "0x1p3",
            "0x10", "nan", "NaN", "inf", "-inf", "infinity", " 1", "1 ", "1 2", "1_000", "1e5.5", "1e5e5", "1e5-", "1f",
            "1.5d0", "½", "١",
            "1\u{0}", "\u{0}", "1\n", "12:30", "1/2", "0.5;", "POINT", "1.4973794438195x", "14.49737944381x5",
            "14.4973794438195123456x",
        ])
    func malformed(text: String) throws {
        #expect(Self.bits(text) == nil)
        #expect(ReferenceCSVDecoder.number(text) == nil)
        // A point may have blanks around its numbers.
        if text.hasPrefix(" ") || text.hasSuffix(" ") { return }
        for points in ["\"POINT (\(text) 1)\",POINT (1 1)", "POINT (1 1),\"POINT (1 \(text))\""] {
            #expect(try FastDecoding.everyWay("r,\(points),2018-05-28 09:03:40,d\n").trips.isEmpty)
        }
    }
}
