import Bucketing
import Testing

@Suite(.timeLimit(.minutes(10)))
struct BoundingBoxTests {
    private let box = BoundingBox(minLongitude: 14, minLatitude: 50, maxLongitude: 15, maxLatitude: 51)

    @Test(
        arguments: [
            (14.0, 50.0, true), (15.0, 51.0, true), (14.5, 50.5, true), (14.0.nextDown, 50.5, false),
            (15.0.nextUp, 50.5, false),
            (14.5, 50.0.nextDown, false), (14.5, 51.0.nextUp, false), (.nan, 50.5, false), (14.5, .nan, false),
        ] as [(Double, Double, Bool)])
    func pointsOnTheEdgeAreContained(longitude: Double, latitude: Double, isContained: Bool) {
        #expect(box.contains(longitude: longitude, latitude: latitude) == isContained)
    }

    @Test(
        arguments: [
            // west, south, east, north, contained
            (14.0, 50.0, 15.0, 51.0, true), (14.2, 50.2, 14.2, 50.2, true), (13.0, 50.0, 15.0, 51.0, false),
            (15.0, 51.0, 16.0, 52.0, false), (14.0, 50.0, 15.0.nextUp, 51.0, false), (14.0, 50.0, 15.0, 51.0.nextUp, false),
            (13.0, 49.0, 14.0, 50.0, false), (13.0, 49.0, 16.0, 52.0, false),
        ] as [(Double, Double, Double, Double, Bool)])
    func boxesOnTheEdgeAreContained(west: Double, south: Double, east: Double, north: Double, isContained: Bool) {
        let other = BoundingBox(minLongitude: west, minLatitude: south, maxLongitude: east, maxLatitude: north)
        #expect(box.contains(other) == isContained)
    }

    @Test func emptyBoxesAreInEveryBox() {
        let inverted = BoundingBox(minLongitude: 15, minLatitude: 50, maxLongitude: 14, maxLatitude: 51)
        let undefined = BoundingBox(minLongitude: .nan, minLatitude: 50, maxLongitude: 15, maxLatitude: 51)
        for empty in [inverted, undefined] {
            #expect(empty.isEmpty)
            #expect(box.contains(empty))
        }
        #expect(!box.isEmpty)
    }
}
