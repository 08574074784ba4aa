"""The cases of the Autobahn test suite for WebSocket servers (25.10.1), as bytes a client sends and what must come of them.

Autobahn expects a server that echoes, and runs on Python 2 alone. Ours expects nothing from a client: it checks a message
and passes over it, so where Autobahn awaits the echo, these await that the connection lives on: a ping behind it is answered.
Messages of more than 64 KiB (groups 9 and 10) are refused with 1009. Groups 12 and 13 are about compression, which the server
does not agree to. Each case is sent whole, frame by frame and octet by octet. Cases "x." are ours, where Autobahn has none.

https://github.com/crossbario/autobahn-testsuite
"""

import dataclasses
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
NORMAL = struct.pack(">H", 1000)
MESSAGE_BYTES_MAX = 64 << 10
HELLO = b"Hello, world!"


def masked(payload):
    size = len(payload)
    key = (MASK * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def frame(opcode, payload=b"", fin=True, rsv=0, mask=True, length=None):
    """A frame; length: another one than the payload's, as its bytes are to be written."""
    size = len(payload)
    flag = 0x80 if mask else 0
    if length is None:
        if size < 126:
            length = bytes([size])
        elif size < 1 << 16:
            length = b"\x7e" + struct.pack(">H", size)
        else:
            length = b"\x7f" + struct.pack(">Q", size)
    head = bytes([0x80 * fin | rsv << 4 | opcode, length[0] | flag]) + length[1:]
    return head + (MASK + masked(payload) if mask else payload)


def close(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def fragments(opcode, *payloads):
    return [frame(opcode if index == 0 else CONTINUATION, payload, fin=index == len(payloads) - 1)
            for index, payload in enumerate(payloads)]


def cut(payload, size):
    return [payload[start:start + size] for start in range(0, len(payload), size)]


@dataclasses.dataclass
class Case:
    """What is sent, and what must come: pongs with these payloads, then, unless the connection lives on, a close with this code
    (None: without one)."""

    name: str
    frames: list
    pongs: list = dataclasses.field(default_factory=list)
    closes: bool = False
    code: int | None = None
    # Too long to be sent octet by octet.
    is_long: bool = False

    def __str__(self):
        return self.name


def lives(name, *frames, pongs=(), is_long=False):
    return Case(name, list(frames), list(pongs), is_long=is_long)


def fails(name, code, *frames, pongs=(), is_long=False):
    return Case(name, list(frames), list(pongs), closes=True, code=code, is_long=is_long)


# MARK: 6, UTF-8: from https://www.cl.cam.ac.uk/~mgk25/ucs/examples/UTF-8-test.txt

KOSME = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()

UTF8_GOOD = [
    b"hello\x24world", b"hello\xc2\xa2world", b"hello\xe2\x82\xacworld", b"hello\xf0\xa4\xad\xa2world", KOSME,
    b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80", b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf",
    b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xef\xbf\xbe", b"\xef\xbf\xb9", b"\xef\xbf\xba", b"\xef\xbf\xbb",
    b"\xef\xbf\xbc",
    # Noncharacters are valid UTF-8 all the same.
    *[bytes([lead, second, 0xbf, last]) for lead in range(0xf0, 0xf5) for second in (0x8f, 0x9f, 0xaf, 0xbf)
      for last in (0xbe, 0xbf) if not (lead == 0xf4 and second != 0x8f) and not (lead == 0xf0 and second == 0x8f)],
]

CUT_OFF = [b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80", b"\xdf", b"\xef\xbf",
           b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"]

UTF8_BAD = [
    b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf",
    b"\xfd\xbf\xbf\xbf\xbf\xbf", b"\xf4\x90\x80\x80", b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", b"\x80\xbf\x80\xbf",
    b"\x80\xbf\x80\xbf\x80", b"\x80\xbf\x80\xbf\x80\xbf", bytes(range(0x80, 0xbf)),
    *[b"".join(bytes([lead, 0x20]) for lead in range(first, last))
      for first, last in ((0xc0, 0xdf), (0xe0, 0xef), (0xf0, 0xf7), (0xf8, 0xfb), (0xfc, 0xfd))],
    *CUT_OFF, b"".join(CUT_OFF), b"\xfe", b"\xff", b"\xfe\xfe\xff\xff",
    # Longer than they need to be.
    b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf", b"\xc1\xbf",
    b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf", b"\xc0\x80", b"\xe0\x80\x80",
    b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80",
    # Halves of UTF-16 pairs, alone and in pairs.
    b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xa0\x80\xed\xbf\xbf", b"\xed\xad\xbf\xed\xb0\x80", b"\xed\xad\xbf\xed\xbf\xbf",
    b"\xed\xae\x80\xed\xb0\x80", b"\xed\xae\x80\xed\xbf\xbf", b"\xed\xaf\xbf\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf",
]

# All prefixes of a text: valid if no character is cut off.
for size in range(1, len(KOSME)):
    (UTF8_GOOD if size in (2, 5, 7, 9) else UTF8_BAD).append(KOSME[:size])


def utf8_cases():
    for index, text in enumerate(UTF8_GOOD):
        yield lives(f"6.good.{index}", frame(TEXT, text))
        yield lives(f"6.good.{index}.octets", *fragments(TEXT, *cut(text, 1)))
    for index, text in enumerate(UTF8_BAD):
        yield fails(f"6.bad.{index}", 1007, frame(TEXT, text))
        yield fails(f"6.bad.{index}.octets", 1007, *fragments(TEXT, *cut(text, 1)))


PIECES = [b"fragment1", b"fragment2", b"fragment3", b"fragment4", b"fragment5"]
TEN_PINGS = [b"payload-%d" % index for index in range(10)]
PING_MAX = bytes([0xfe]) * 125
BAD_PARTS = [KOSME, b"\xf4\x90\x80\x80", b"edited"]
LONG_SIZES = [(65536, True), (256 << 10, False), (1 << 20, False), (4 << 20, False), (8 << 20, False), (16 << 20, False)]


def long_cases():
    """9: messages are taken up to the bound, whole and in fragments, and refused beyond."""
    for opcode, name in ((TEXT, "9.1"), (BINARY, "9.2")):
        for index, (size, fits) in enumerate(LONG_SIZES, 1):
            message = frame(opcode, b"*" * size)
            case = f"{name}.{index}"
            yield lives(case, message, is_long=True) if fits else fails(case, 1009, message, is_long=True)
    for opcode, name in ((TEXT, "9.3"), (BINARY, "9.4")):
        for index, size in enumerate((64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20), 1):
            yield fails(f"{name}.{index}", 1009, b"".join(fragments(opcode, *cut(b"*" * (4 << 20), size))), is_long=True)
            yield lives(f"{name}.{index}.small", b"".join(fragments(opcode, *cut(b"*" * (64 << 10), size))), is_long=True)
    # 9.5, 9.6 are 9.1.3 and 9.2.3 in chops of 64 to 2,048 octets; 9.7, 9.8: a thousand messages.
    for opcode, name in ((TEXT, "9.7"), (BINARY, "9.8")):
        for index, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
            yield lives(f"{name}.{index}", frame(opcode, b"*" * size) * 1000, is_long=True)
    endless = frame(TEXT, b"*" * 4096, fin=False) + frame(CONTINUATION, b"*" * 4096, fin=False) * 1000
    yield fails("9.9.1", 1009, endless, is_long=True)
    yield lives("10.1.1", *fragments(TEXT, *cut(b"*" * (64 << 10), 1300)), is_long=True)


CASES = [
    *[lives(f"1.{kind}.{index}", frame(opcode, filling * size), is_long=size > 1000)
      for kind, opcode, filling in ((1, TEXT, b"*"), (2, BINARY, b"\xfe"))
      for index, size in enumerate((0, 125, 126, 127, 128, 65535, 65536), 1)],

    lives("2.1", frame(PING), pongs=[b""]),
    lives("2.2", frame(PING, HELLO), pongs=[HELLO]),
    lives("2.3", frame(PING, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"), pongs=[b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"]),
    lives("2.4", frame(PING, PING_MAX), pongs=[PING_MAX]),
    fails("2.5", 1002, frame(PING, PING_MAX + b"\xfe")),
    lives("2.7", frame(PONG)),
    lives("2.8", frame(PONG, b"unsolicited pong payload")),
    lives("2.9", frame(PONG, b"unsolicited pong payload"), frame(PING, b"ping payload"), pongs=[b"ping payload"]),
    lives("2.10", *[frame(PING, payload) for payload in TEN_PINGS], pongs=TEN_PINGS),

    fails("3.1", 1002, frame(TEXT, HELLO, rsv=1)),
    *[fails(f"3.{rsv}", 1002, frame(TEXT, HELLO), frame(TEXT, HELLO, rsv=rsv), frame(PING)) for rsv in (2, 3, 4)],
    fails("3.5", 1002, frame(BINARY, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", rsv=5)),
    fails("3.6", 1002, frame(PING, HELLO, rsv=6)),
    fails("3.7", 1002, frame(CLOSE, NORMAL, rsv=7)),

    *[fails(f"4.1.{opcode - 2}", 1002, frame(TEXT, HELLO), frame(opcode, payload), frame(PING))
      for opcode, payload in ((3, b""), (4, b"reserved opcode payload"), (5, b""), (6, HELLO), (7, HELLO))],
    *[fails(f"4.2.{opcode - 10}", 1002, frame(TEXT, HELLO), frame(opcode, payload), frame(PING))
      for opcode, payload in ((11, b""), (12, b"reserved opcode payload"), (13, b""), (14, HELLO), (15, HELLO))],

    fails("5.1", 1002, *fragments(PING, b"fragment1", b"fragment2")),
    fails("5.2", 1002, *fragments(PONG, b"fragment1", b"fragment2")),
    lives("5.3", *fragments(TEXT, b"fragment1", b"fragment2")),
    lives("5.6", frame(TEXT, b"fragment1", fin=False), frame(PING, b"ping payload"), frame(CONTINUATION, b"fragment2"),
          pongs=[b"ping payload"]),
    fails("5.9", 1002, frame(CONTINUATION, b"non-continuation payload"), frame(TEXT, HELLO)),
    fails("5.12", 1002, frame(CONTINUATION, b"non-continuation payload", fin=False), frame(TEXT, HELLO)),
    fails("5.15", 1002, *fragments(TEXT, b"fragment1", b"fragment2"), frame(CONTINUATION, b"fragment3", fin=False),
          frame(TEXT, b"fragment4")),
    fails("5.16", 1002, *[frame(CONTINUATION, b"fragment1", fin=False), *fragments(TEXT, b"fragment2", b"fragment3")] * 2),
    fails("5.17", 1002, *[frame(CONTINUATION, b"fragment1"), *fragments(TEXT, b"fragment2", b"fragment3")] * 2),
    fails("5.18", 1002, frame(TEXT, b"fragment1", fin=False), frame(TEXT, b"fragment2")),
    lives("5.19", frame(TEXT, PIECES[0], fin=False), frame(CONTINUATION, PIECES[1], fin=False), frame(PING, b"ping 1"),
          frame(CONTINUATION, PIECES[2], fin=False), frame(CONTINUATION, PIECES[3], fin=False), frame(PING, b"ping 2"),
          frame(CONTINUATION, PIECES[4]), pongs=[b"ping 1", b"ping 2"]),

    lives("6.1.1", frame(TEXT)),
    lives("6.1.2", *fragments(TEXT, b"", b"", b"")),
    lives("6.1.3", *fragments(TEXT, b"", b"middle frame payload", b"")),
    lives("6.2.1", frame(TEXT, "Hello-µ@ßöäüàá-UTF-8!!".encode())),
    lives("6.2.2", *fragments(TEXT, "Hello-µ@ßöä".encode(), "üàá-UTF-8!!".encode())),
    lives("6.2.3", *fragments(TEXT, *cut("Hello-µ@ßöäüàá-UTF-8!!".encode(), 1))),
    # 6.4: a text is refused at the first byte that makes it no UTF-8, before its end has come.
    fails("6.4.1", 1007, frame(TEXT, BAD_PARTS[0], fin=False), frame(CONTINUATION, BAD_PARTS[1], fin=False)),
    fails("6.4.2", 1007, frame(TEXT, BAD_PARTS[0], fin=False), frame(CONTINUATION, b"\xf4\x90", fin=False)),
    fails("6.4.3", 1007, frame(TEXT, b"".join(BAD_PARTS))[:-len(BAD_PARTS[2])]),
    fails("6.4.4", 1007, frame(TEXT, b"".join(BAD_PARTS))[:-len(BAD_PARTS[2]) - 2]),
    *utf8_cases(),

    fails("7.1.1", 1000, frame(TEXT, HELLO), close(1000)),
    fails("7.1.2", 1000, close(1000), close(1000)),
    fails("7.1.3", 1000, close(1000), frame(PING)),
    fails("7.1.4", 1000, close(1000), frame(TEXT, HELLO)),
    fails("7.1.5", 1000, frame(TEXT, b"fragment1", fin=False), close(1000), frame(CONTINUATION, b"fragment2")),
    fails("7.1.6", 1009, frame(TEXT, b"BAsd7&jh23" * (256 << 7)), close(1000), frame(PING), is_long=True),
    fails("7.3.1", None, frame(CLOSE)),
    fails("7.3.2", 1002, frame(CLOSE, b"a")),
    fails("7.3.3", 1000, close(1000)),
    fails("7.3.4", 1000, close(1000, HELLO)),
    fails("7.3.5", 1000, close(1000, b"*" * 123)),
    fails("7.3.6", 1002, close(1000, b"*" * 124)),
    fails("7.5.1", 1007, close(1000, KOSME + b"\xed\xa0\x80edited")),
    *[fails(f"7.7.{index}", code, close(code))
      for index, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1)],
    *[fails(f"7.9.{index}", 1002, close(code))
      for index, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1)],
    fails("7.13.1", 1002, close(5000)),
    fails("7.13.2", 1002, close(65535)),

    *long_cases(),

    # Ours.
    *[fails(f"x.code.{code}", code, close(code)) for code in (1012, 1013, 1014)],
    fails("x.code.1015", 1002, close(1015)),
    fails("x.reason", 1007, close(1000, KOSME[:3])),
    fails("x.unmasked.text", 1002, frame(TEXT, HELLO, mask=False)),
    fails("x.unmasked.ping", 1002, frame(PING, mask=False)),
    fails("x.unmasked.close", 1002, frame(CLOSE, NORMAL, mask=False)),
    fails("x.length.top-bit", 1002, frame(BINARY, length=b"\x7f" + struct.pack(">Q", 1 << 63))),
    fails("x.length.largest", 1009, frame(BINARY, length=b"\x7f" + struct.pack(">Q", (1 << 63) - 1))),
    fails("x.length.16-for-7", 1002, frame(BINARY, HELLO, length=b"\x7e" + struct.pack(">H", len(HELLO)))),
    fails("x.length.64-for-16", 1002, frame(BINARY, HELLO * 20, length=b"\x7f" + struct.pack(">Q", len(HELLO) * 20))),
    fails("x.length.control", 1002, frame(PING, HELLO, length=b"\x7e" + struct.pack(">H", len(HELLO)))),
    fails("x.bound", 1009, frame(BINARY, length=b"\x7f" + struct.pack(">Q", MESSAGE_BYTES_MAX + 1))),
    fails("x.bound.fragments", 1009, *fragments(TEXT, b"*" * MESSAGE_BYTES_MAX, b"*"), is_long=True),
    fails("x.binary-start", 1002, frame(TEXT, b"a", fin=False), frame(BINARY, b"b")),
    lives("x.binary-is-not-text", frame(BINARY, b"\xff\xfe")),
    lives("x.fragments.empty", *fragments(TEXT, *[b""] * 1000), is_long=True),
    fails("x.after-close", 1000, close(1000), frame(3, rsv=7, mask=False)),
]
