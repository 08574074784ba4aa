"""Files of every shape that a store may be given: what is wrong with a row is known because it was made wrong."""

import csv
import functools
import gzip
import io
import os
import random
import re
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow

from tripstore_tools.harness import tripstore

HEADER = ["region", "origin_coord", "destination_coord", "datetime", "datasource"]
# Among them names that need quotes, and one é in two spellings: two names.
CITIES = {"Prague": (14.43, 50.07), "Turin": (7.68, 45.07), "Hamburg": (9.99, 53.55), "Praha, 1": (14.42, 50.08),
          'The "Hill"': (-0.1, 51.5), "Orl\u00e9ans": (1.9, 47.9), "Orle\u0301ans": (1.9, 47.9)}
DATASOURCES = ["funny_car", "cheap_mobile", "baba_car", "pt_search_app", "bad, diesel"]
FIRST_DAY = datetime(2018, 4, 30)
DAYS = 70

# What makes a row no trip: (position of the field, its text, the reason); no position: the whole row.
BAD_ROWS = [
    (1, "", "origin is empty"),
    (1, "POINT (200.5 50.0)", "origin longitude out of range -180...180"),
    (1, "POINT (120.0 95.0)", "origin latitude out of range -90...90"),
    (2, "POINT (14.4 95.0)", "destination latitude out of range -90...90 (are the axes swapped?)"),
    (2, "POINT (14.4 -190.0)", "destination latitude out of range -90...90"),
    (3, "", "datetime is empty"),
    (3, "2018-02-30 09:03:40", "datetime does not exist on calendar or clock"),
    (None, ["Prague", "POINT (14.4 50.0)"], "fewer fields than the header"),
    (None, ["Prague", "POINT (14.4 50.0)", "POINT (14.4 50.0)", "2018-05-28 09:03:40", "funny_car", "more"],
     "more fields than the header"),
]


CUT_OFF = "cut off"
# What the job of a file says that has rows but no trip.
ALL_REJECTED = "rejected, so nothing was loaded"
# What may happen to a file between an interruption and the same command again.
CHANGES = ["nothing", "nothing", "first row", "fewer rows", "more rows", "other rows"]


@dataclass
class TripFile:
    """A file and what loading it must come to."""

    path: Path
    plain: bytes = field(repr=False)
    # As it is on disk and sent.
    sent: bytes = field(repr=False)
    # Data rows, and of them the rejected ones: (line, reason).
    rows: int = 0
    rejects: list = field(default_factory=list, repr=False)
    # Words of the sentence with which its job fails; None: it is loaded.
    fault: str | None = None

    @property
    def name(self):
        return self.path.name

    @property
    def trips(self):
        return 0 if self.fault else self.rows - len(self.rejects)

    def write(self):
        """Puts it under its name, as an editor does: by another file in its place."""
        new = self.path.with_name(self.path.name + ".new")
        new.write_bytes(self.sent)
        os.replace(new, self.path)
        return self


class TripFiles:
    """Makes files in a folder, each with a name of its own, so that a job tells which one it is of."""

    def __init__(self, folder, random):
        self.folder = Path(folder)
        self.folder.mkdir()
        self.random = random
        self.count = 0

    # MARK: Shapes

    def make(self, shape):
        """A new file of a shape, compressed by chance."""
        ending = ".csv.gz" if shape == "truncated" else self.random.choice([".csv", ".csv", ".csv.gz", ".csv.zst", ".CSV"])
        return self.write(shape, ending, *getattr(self, shape)())

    def again(self, file, ending=None):
        """The same rows under another name: the same bytes, or with another ending compressed otherwise."""
        if ending is None:
            # A rebuilt catalog knows an upload by the name under which it was kept, which is not a CSV's.
            ending = "".join(file.path.suffixes) if ".csv" in file.path.name.lower() else ".csv"
            copy = self.write("again", ending, file.plain, file.rows, file.rejects, file.fault)
            copy.sent = file.sent
            return copy.write()
        # One that was cut off is complete again.
        fault = file.fault if file.fault != CUT_OFF else None
        return self.write("again", ending, file.plain, file.rows, file.rejects, fault)

    def changed(self, file, how):
        """Another file under the same name, made of one whose rows are all trips; `how` is one of CHANGES."""
        header, *lines = file.plain.splitlines(keepends=True)
        if how == "first row":
            # One digit: neither the size nor the count of rows reveals it. At 90.0 and 180.0 the world ends.
            lines[0] = re.sub(rb"(?<!180)(?<!\D90)\.\d", lambda digit: b".%d" % ((int(digit[0][1:]) + 1) % 10), lines[0], count=1)
        elif how == "fewer rows":
            lines = lines[:len(lines) // 2]
        elif how == "more rows":
            lines += lines[:self.random.randint(1, 100)]
        elif how == "other rows":
            header, *lines = self.csv(self.random.randint(1, 60_000), 0)[0].splitlines(keepends=True)
        plain = header + b"".join(lines)
        return TripFile(file.path, plain, compressed(plain, "".join(file.path.suffixes)), len(lines)).write()

    def write(self, shape, ending, plain, rows, rejects, fault):
        self.count += 1
        sent = compressed(plain, ending)
        if shape == "truncated":
            sent = sent[:-self.random.randint(9, 60)]
        path = self.folder / f"{self.count:04}-{shape}{ending}"
        if rows and len(rejects) == rows:
            fault = fault or ALL_REJECTED
        return TripFile(path, plain, sent, rows, rejects, fault).write()

    def empty(self):
        return b"", 0, [], "empty"

    def header_only(self):
        # A column of its own, or it would be the same file every time.
        return f"{','.join(HEADER)},note{self.random.getrandbits(64)}\n".encode(), 0, [], None

    def no_trips(self):
        return f"not,trips\n{self.random.getrandbits(64)},2\n".encode(), 0, [], "column"

    def truncated(self):
        return (*self.csv(self.random.randint(50, 2000), 0)[:3], CUT_OFF)

    def all_rejected(self):
        return self.csv(self.random.randint(1, 20), 1)

    def some_rejected(self):
        return self.csv(self.random.randint(2, 400), self.random.choice([0.01, 0.3, 0.9]))

    def one(self):
        return self.csv(1, 0)

    def sample(self):
        return tripstore.SAMPLE.read_bytes(), 100, [], None

    def hundred(self):
        return self.csv(100, 0)

    def thousands(self):
        return self.csv(self.random.randint(1000, 20_000), self.random.choice([0, 0, 0.01]))

    def long(self):
        """Above 4 MiB, so that it is ingested alone, and commits many times if segments are small."""
        return self.many(self.random.randint(40_000, 60_000))

    def hundreds_of_thousands(self):
        return self.many(self.random.randint(100_000, 300_000))

    # MARK: Rows

    def csv(self, rows, bad, order=None):
        """A CSV of so many rows, of which this share is not trips."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator=self.random.choice(["\n", "\r\n"]))
        names = order or self.random.sample(HEADER, len(HEADER))
        order = [HEADER.index(name) for name in names]
        writer.writerow(names)
        rejects = []
        for row in range(rows):
            fields = self.trip()
            if bad and self.random.random() < bad:
                position, value, reason = self.random.choice(BAD_ROWS)
                rejects.append((row + 2, reason))
                if position is None:
                    writer.writerow(value)
                    continue
                fields[position] = value
            writer.writerow([fields[position] for position in order])
        return text.getvalue().encode(), rows, rejects, None

    def many(self, rows):
        """Rows of a stock that all files share, for they take long to make, and one of its own."""
        own = self.csv(1, 0, HEADER)[0].replace(b"\r\n", b"\n")
        stock = stock_of_rows()
        start = self.random.randrange(len(stock))
        chosen = (stock * (2 + rows // len(stock)))[start:start + rows - 1]
        return own + b"".join(chosen), rows, [], None

    def trip(self):
        random = self.random
        region, center = random.choice(list(CITIES.items()))
        time = FIRST_DAY + timedelta(seconds=random.randrange(DAYS * 86_400), microseconds=random.choice([0, 0, 0, 250_000]))
        return [region, self.point(center), self.point(center), time.isoformat(sep=random.choice(" T")),
                random.choice(DATASOURCES)]

    def point(self, center):
        random = self.random
        if random.random() < 0.01:
            # Corners and edges of the world, and of the coarsest cells.
            longitude, latitude = random.choice([-180.0, 180.0, 0.0, 45.0]), random.choice([-90.0, 90.0, 0.0, 45.0])
        else:
            longitude, latitude = (random.gauss(degrees, 0.05) for degrees in center)
            if random.random() < 0.5:
                longitude, latitude = round(longitude, 3), round(latitude, 3)
        return f"{random.choice(['POINT (', 'POINT (', 'point('])}{longitude} {latitude})"


@functools.cache
def stock_of_rows():
    """Lines of trips, their fields in the usual order."""
    with tempfile.TemporaryDirectory() as folder:
        text, *_ = TripFiles(Path(folder) / "stock", random.Random("stock")).csv(30_000, 0, HEADER)
    return [line + b"\n" for line in text.splitlines()[1:]]


def compressed(plain, ending):
    """Bytes as a file with this ending has them."""
    if ending.lower().endswith(".gz"):
        return gzip.compress(plain, mtime=0)
    if ending.lower().endswith(".zst"):
        return pyarrow.compress(plain, codec="zstd", asbytes=True)
    return plain

