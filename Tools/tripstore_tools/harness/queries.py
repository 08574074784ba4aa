"""Queries of every kind: their parameters, made once the trips are known."""


def busiest(oracle, column):
    return oracle.value(f"SELECT {column} FROM trips GROUP BY ALL ORDER BY count(*) DESC, {column} LIMIT 1")


def box(oracle, low, high):
    """A box whose edges are coordinates of real trips of the busiest region, so that edges count."""
    edges = oracle.rows(
        f"""SELECT quantile_disc(origin_latitude, [{low}, {high}]), quantile_disc(origin_longitude, [{low}, {high}])
            FROM trips WHERE region = ?""", [busiest(oracle, "region")])[0]
    (min_lat, max_lat), (min_lng, max_lng) = edges
    return {"min_lat": min_lat, "max_lat": max_lat, "min_lng": min_lng, "max_lng": max_lng}


def middle(oracle):
    """A date-time in the middle of the data, to the second."""
    return oracle.value("SELECT strftime(quantile_disc(time, 0.5), '%Y-%m-%dT%H:%M:%S') FROM trips")


# name: the parameters, made when the trips are known
FILTERS = {
    "all": lambda oracle: {},
    "region": lambda oracle: {"region": busiest(oracle, "region")},
    "datasource": lambda oracle: {"datasource": busiest(oracle, "datasource")},
    "from": lambda oracle: {"from": middle(oracle)},
    "to": lambda oracle: {"to": middle(oracle)},
    "one day": lambda oracle: {"from": middle(oracle)[:10], "to": middle(oracle)[:10] + "T23:59:59"},
    "small box": lambda oracle: box(oracle, 0.49, 0.51),
    "large box": lambda oracle: box(oracle, 0.05, 0.95),
    "whole world": lambda oracle: {"min_lat": -90, "max_lat": 90, "min_lng": -180, "max_lng": 180},
    "destination": lambda oracle: box(oracle, 0.3, 0.7) | {"within": "destination"},
    "both": lambda oracle: box(oracle, 0.3, 0.7) | {"within": "both"},
    "either": lambda oracle: box(oracle, 0.3, 0.7) | {"within": "either"},
    "everything": lambda oracle: box(oracle, 0.1, 0.9) | {
        "within": "both", "region": busiest(oracle, "region"), "datasource": busiest(oracle, "datasource"),
        "from": middle(oracle)},
}
GROUPINGS = {
    "default": {},
    "precision 3": {"precision": 3},
    "precision 7": {"precision": 7, "limit": 500},
    "quarter hours": {"bucket_minutes": 15},
    "whole days": {"bucket_minutes": 1440, "precision": 4, "limit": 10_000},
    "absolute": {"bucket": "absolute"},
    "absolute quarter hours": {"bucket": "absolute", "bucket_minutes": 15, "precision": 4},
    "second page": {"limit": 100, "offset": 100},
    "beyond the end": {"offset": 2_000_000},
}
