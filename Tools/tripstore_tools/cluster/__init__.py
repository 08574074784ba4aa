"""A whole cluster on loopback (scripts/cluster)."""

# Seconds without an answer after which a part that has answered before is taken for frozen.
HANG_SECONDS = 15.0
