"""What Python's calendar says: writes, or checks, the fixture that ISOWeekTests.swift and CivilDateTests.swift use.

    python Tests/Interop/iso_week_oracle.py            writes Tests/Fixtures/iso_weeks.csv
    python Tests/Interop/iso_week_oracle.py --check    fails where the committed file is not what Python says
"""

import datetime
import pathlib
import random
import sys

FIXTURE = pathlib.Path(__file__).parent.parent / "Fixtures" / "iso_weeks.csv"
SEED = 20180528
EPOCH = datetime.date(1970, 1, 1)


def days():
    yield from [datetime.date.min, EPOCH, datetime.date.max]
    for year in range(1930, 2070):  # the days where the week's year and the date's may differ
        for month, day in [(12, 28), (12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3), (1, 4)]:
            yield datetime.date(year, month, day)
    for year in [1600, 1700, 1900, 2000, 2018, 2020, 2100, 2400]:
        for month, day in [(2, 28), (3, 1)]:
            yield datetime.date(year, month, day)
    rng = random.Random(SEED)
    for _ in range(600):
        yield datetime.date.fromordinal(rng.randrange(1, datetime.date.max.toordinal() + 1))


def fixture() -> str:
    lines = ["date,days_since_1970,week,week_start"]
    for date in days():
        year, week, weekday = date.isocalendar()
        start = date - datetime.timedelta(days=weekday - 1)
        lines.append(f"{date.isoformat()},{(date - EPOCH).days},{year:04}-W{week:02},{start.isoformat()}")
    return "\n".join(lines) + "\n"


def main() -> None:
    text = fixture()
    if sys.argv[1:] == ["--check"]:
        if FIXTURE.read_text() != text:
            sys.exit(f"{FIXTURE} is not what Python says: run this script without --check and look at the difference")
        print(f"{FIXTURE.name}: Python agrees with all {text.count(chr(10)) - 1} rows")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        FIXTURE.write_text(text)


if __name__ == "__main__":
    main()
