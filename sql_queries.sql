-- Two questions about the trips, answered from the catalog alone (SQLite 3.40 or newer):
--     sqlite3 data/catalog.sqlite < sql_queries.sql
-- live_counts has, per segment, region and datasource, the number of trips and their first and last time; it leaves out
-- what is not visible: trips of loads that are under way, failed, cancelled or deleted.

-- name: latest_datasource_of_top_regions
-- From the two most common regions, which is the latest datasource?
WITH top_regions AS (
    SELECT region, sum(trips) AS trips
    FROM live_counts
    GROUP BY region
    ORDER BY trips DESC, region
    LIMIT 2
),
datasources AS (
    SELECT region, top_regions.trips AS region_trips, datasource, max(last_at) AS last_at
    FROM live_counts JOIN top_regions USING (region)
    GROUP BY region, datasource
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY region ORDER BY last_at DESC, datasource) AS place
    FROM datasources
)
SELECT region, datasource, last_at
FROM ranked
WHERE place = 1
ORDER BY region_trips DESC, region;

-- name: regions_of_cheap_mobile
-- What regions has the "cheap_mobile" datasource appeared in?
SELECT DISTINCT region
FROM live_counts
WHERE datasource = 'cheap_mobile'
ORDER BY region;
