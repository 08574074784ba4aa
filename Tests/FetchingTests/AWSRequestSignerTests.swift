import Fetching
import Foundation
import Testing

/// Signatures that AWS has published: its test suite for version 4, and the examples of S3's documentation.
@Suite(.timeLimit(.minutes(10)))
struct AWSRequestSignerTests {
    private static let empty: [UInt8] = []

    struct Vector: Sendable, CustomTestStringConvertible {
        var name: String
        var method = "GET"
        var target = "/"
        var headers: [[String]] = []
        var body = ""
        var signature: String

        var testDescription: String { name }
    }

    private static func signature(_ headers: [(name: String, value: String)]) throws -> String {
        let value = try #require(headers.first { $0.name == "Authorization" }?.value)
        return try #require(value.split(separator: "Signature=").last.map(String.init))
    }

    private static func date(_ text: String) throws -> Date { try Date(text, strategy: .iso8601) }

    @Test(
        "The test suite of version 4",
        arguments: [
            Vector(name: "get-vanilla", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            Vector(
                name: "get-vanilla-empty-query-key", target: "/?Param1=value1",
                signature: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
            Vector(
                name: "get-vanilla-query-order-key-case", target: "/?Param2=value2&Param1=value1",
                signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
            Vector(
                name: "get-utf8", target: "/ሴ", signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
            Vector(
                name: "get-unreserved", target: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
            Vector(
                name: "post-vanilla", method: "POST",
                signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ])
    func suite(vector: Vector) throws {
        let signer = AWSRequestSigner(
            credentials: AWSCredentials(
                accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            region: "us-east-1", service: "service")
        let request = AWSRequestSigner.Request(
            method: vector.method, host: "example.amazonaws.com", target: vector.target, body: Array(vector.body.utf8))
        let headers = try signer.headers(for: request, at: Self.date("2015-08-30T12:36:00Z"))
        #expect(try Self.signature(headers) == vector.signature)
        #expect(headers.first { $0.name == "X-Amz-Date" }?.value == "20150830T123600Z")
    }

    @Test(
        "The examples of S3's documentation",
        arguments: [
            Vector(
                name: "get object", target: "/test.txt", headers: [["Range", "bytes=0-9"]],
                signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            Vector(
                name: "put object", method: "PUT", target: "/test$file.text",
                headers: [["Date", "Fri, 24 May 2013 00:00:00 GMT"], ["x-amz-storage-class", "REDUCED_REDUNDANCY"]],
                body: "Welcome to Amazon S3.",
                signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
            Vector(
                name: "get bucket lifecycle", target: "/?lifecycle",
                signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            Vector(
                name: "list objects", target: "/?max-keys=2&prefix=J",
                signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ])
    func s3(vector: Vector) throws {
        let signer = AWSRequestSigner(
            credentials: AWSCredentials(
                accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            region: "us-east-1", service: "s3")
        let request = AWSRequestSigner.Request(
            method: vector.method, host: "examplebucket.s3.amazonaws.com", target: vector.target,
            headers: vector.headers.map { (name: $0[0], value: $0[1]) }, body: Array(vector.body.utf8))
        let headers = try signer.headers(for: request, at: Self.date("2013-05-24T00:00:00Z"))
        #expect(try Self.signature(headers) == vector.signature)
    }

    @Test("A session's token is sent and signed")
    func token() throws {
        let signer = AWSRequestSigner(
            credentials: AWSCredentials(accessKeyID: "A", secretAccessKey: "B", sessionToken: "TOKEN"), region: "eu-west-1",
            service: "s3")
        let headers = signer.headers(for: AWSRequestSigner.Request(host: "h", target: "/"), at: .now)
        #expect(headers.first { $0.name == "X-Amz-Security-Token" }?.value == "TOKEN")
        #expect(headers.first { $0.name == "Authorization" }?.value.contains("x-amz-security-token") == true)
    }
}
