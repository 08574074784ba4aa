-- Queries for wrk: a region, or a box of two kilometres in one, different each time.
-- REGIONS is a file with a region's name and the middle of its origins (longitude, latitude) on each line, tab between them.
local regions = {}
for line in io.lines(os.getenv("REGIONS")) do
    local name, x, y = line:match("([^\t]+)\t([^\t]+)\t([^\t]+)")
    table.insert(regions, { name = name, x = tonumber(x), y = tonumber(y) })
end

local function escaped(text)
    return (text:gsub("[^%w]", function(character) return string.format("%%%02X", character:byte()) end))
end

function init() math.randomseed(os.time()) end

function request()
    local region = regions[math.random(#regions)]
    if os.getenv("ONLY_REGIONS") or math.random(2) == 1 then
        return wrk.format("GET", "/analytics/weekly-average?region=" .. escaped(region.name))
    end
    local x = region.x + (math.random() - 0.5) * 0.1
    local y = region.y + (math.random() - 0.5) * 0.1
    return wrk.format("GET", string.format(
        "/analytics/weekly-average?min_lng=%.5f&max_lng=%.5f&min_lat=%.5f&max_lat=%.5f", x - 0.013, x + 0.013, y - 0.009, y + 0.009))
end

function done(summary, latency)
    local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    io.write(string.format("FIGURES %.0f %.3f %.3f %d\n", summary.requests / (summary.duration / 1e6),
        latency:percentile(50) / 1000, latency:percentile(99) / 1000, errors))
end
