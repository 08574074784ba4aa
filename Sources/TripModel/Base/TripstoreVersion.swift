/// The version of the product, as `--version`, the API description and each segment's footer name it.
public enum TripstoreVersion {
    public static let current = "0.1.0"
}
