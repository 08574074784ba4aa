/// The version of the product, as in `--version`, the API description and each segment's footer.
public enum TripstoreVersion {
    public static let current = "0.1.0"
}
