import Fetching
import Foundation
import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct AWSSettingsTests {
    private static let credentialsFile = """
        # the usual
        [default]
        aws_access_key_id = DEFAULT ; a comment
        aws_secret_access_key=secret/with#marks;inside

          [not a section: indented]
        [work]
        aws_access_key_id\t=\tWORK
        AWS_SECRET_ACCESS_KEY = work+secret
        aws_session_token = token==
        nonsense
        [half]
        aws_access_key_id = HALF
        """
    private static let configFile = """
        [default]
        region = eu-central-1
        s3 =
          max_concurrent_requests = 20
        [profile work]
        region = ap-south-1 # comment
        [half]
        region = never
        [profile half]
        region = us-west-2
        [sso-session work]
        region = never
        """

    @Test("A profile of the credentials file")
    func credentialsFile() {
        let file = AWSProfileFile(Self.credentialsFile, kind: .credentials)
        #expect(
            file["default"] == ["aws_access_key_id": "DEFAULT", "aws_secret_access_key": "secret/with#marks;inside"])
        #expect(
            file["work"] == [
                "aws_access_key_id": "WORK", "aws_secret_access_key": "work+secret", "aws_session_token": "token==",
            ])
        #expect(file["absent"] == nil)
    }

    @Test(
        "A profile of the config file has its kind in its section",
        arguments: [
            ("default", "eu-central-1"), ("work", "ap-south-1"), ("half", "us-west-2"), ("sso-session", nil),
        ] as [(String, String?)])
    func configFile(profile: String, region: String?) {
        #expect(AWSProfileFile(Self.configFile, kind: .config)[profile]?["region"] == region)
    }

    /// Settings with both files in a folder, and other variables.
    private static func with(
        _ variables: [String: String], hasFiles: Bool = true, _ body: (AWSSettings) throws -> Void
    ) throws {
        let home = FileManager.default.temporaryDirectory.appendingPathComponent("tripstore-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: home) }
        try FileManager.default.createDirectory(at: home.appendingPathComponent(".aws"), withIntermediateDirectories: true)
        if hasFiles {
            try credentialsFile.write(to: home.appendingPathComponent(".aws/credentials"), atomically: true, encoding: .utf8)
            try configFile.write(to: home.appendingPathComponent(".aws/config"), atomically: true, encoding: .utf8)
        }
        try body(AWSSettings(environment: ["HOME": home.path].merging(variables) { $1 }))
    }

    @Test(
        "Credentials are the environment's, else the profile's",
        arguments: [
            (["AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"], "ENV"), ([:], "DEFAULT"),
            (["AWS_PROFILE": "work"], "WORK"), (["AWS_PROFILE": "half"], nil), (["AWS_ACCESS_KEY_ID": "ENV"], "DEFAULT"),
            (["AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_CONFIG_FILE": "/nowhere"], nil),
        ] as [([String: String], String?)])
    func credentials(variables: [String: String], id: String?) throws {
        try Self.with(variables) { settings in
            let found = try settings.credentials()
            #expect(found?.accessKeyID == id)
        }
    }

    @Test("A profile that is nowhere is named")
    func absentProfile() throws {
        try Self.with(["AWS_PROFILE": "absent"]) { settings in
            let error = #expect(throws: TripstoreError.self) { try settings.credentials() }
            #expect(error?.message.contains("'absent'") == true)
        }
    }

    @Test(
        "The region is the environment's, else the profile's",
        arguments: [
            (["AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "never"], "eu-west-1"),
            (["AWS_DEFAULT_REGION": "eu-west-2"], "eu-west-2"), ([:], "eu-central-1"), (["AWS_PROFILE": "work"], "ap-south-1"),
            (["AWS_CONFIG_FILE": "/nowhere"], "us-east-1"),
        ] as [([String: String], String)])
    func region(variables: [String: String], region: String) throws {
        try Self.with(variables) { #expect($0.region == region) }
    }

    @Test(
        "The endpoint of S3 goes before the one of all services",
        arguments: [
            (["AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", "AWS_ENDPOINT_URL": "http://127.0.0.1:2"], "http://127.0.0.1:1/"),
            (["AWS_ENDPOINT_URL": "https://minio.example"], "https://minio.example/"), ([:], nil),
        ] as [([String: String], String?)])
    func endpoint(variables: [String: String], url: String?) throws {
        try Self.with(variables) { settings in
            let found = try settings.endpoint("S3")
            #expect(found?.url == url)
        }
    }

    @Test(
        "A container's credentials come from its host, or over https",
        arguments: [
            (["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"], "http://169.254.170.2/v2/x", nil),
            (
                ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:90/x", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t"],
                "http://127.0.0.1:90/x", "t"
            ),
            (["AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://host.example/x"], "https://host.example/x", nil),
        ] as [([String: String], String, String?)])
    func container(variables: [String: String], url: String, token: String?) throws {
        try Self.with(variables, hasFiles: false) { settings in
            let found = try #require(try settings.containerCredentials())
            #expect(found.address.url == url)
            #expect(found.token == token)
        }
    }

    @Test("A container's credentials are not requested from another host over http")
    func containerElsewhere() throws {
        try Self.with(["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://host.example/x"], hasFiles: false) { settings in
            #expect(throws: TripstoreError.self) { try settings.containerCredentials() }
        }
    }
}
