"""The commit of a job into ClickHouse, explored in every order: no interleaving of ingestion, freeze, takeover, deletion, purge and thaw counts a
trip twice or not at all, and nothing that is stored for good is forgotten.

This is a model of what docs/CLICKHOUSE.md ("Guarantees") says, not the program: `test_fence.py` and
`test_crash.py` try that. Each action is what the program does in one transaction of the catalog or one request to a server; a process
that is frozen or dead is one whose next action does not come. The model shows that each safeguard is needed: without it, the same
exploration finds the fault that it is for.

A job of two parts, two workers, one server, and one or two processes that remove rows: one that was frozen continues after another has
taken its place. Rows of a part arrive together: if one shard takes them and another does not, each may be thought of as a part
of its own."""

from collections import deque
from typing import NamedTuple

import pytest


class Worker(NamedTuple):
    """What a process knows; `step` is what it does next."""
    step: str = "idle"
    attempt: int = 0
    part: int = 0
    session: int = 0


class Attempt(NamedTuple):
    """A row of `load_attempts`."""
    number: int
    committed: int = 0
    sessions: frozenset = frozenset()
    is_settled: bool = False


class Purge(NamedTuple):
    """What the process that removes rows is about: the attempts that it read, and how far it is."""
    step: str = "idle"
    parts: tuple = ()


class State(NamedTuple):
    status: str = "pending"
    current: int = 0
    owner: int = -1
    committed: int = 0  # parts of the file that are committed, of all attempts
    attempts: tuple = ()
    counter: int = 0
    workers: tuple = (Worker(), Worker())
    alive: frozenset = frozenset()  # sessions that the server has
    last_session: int = 0
    on_the_way: frozenset = frozenset()  # INSERTs: (session, attempt, number of the part in the attempt, part of the file)
    running: frozenset = frozenset()  # INSERTs that the server has taken
    stored: tuple = ()  # the same without the session, each as often as it is there
    purges: tuple = (Purge(),)


def attempt_of(state, number):
    return next((each for each in state.attempts if each.number == number), None)


def with_attempt(state, changed):
    return state._replace(attempts=tuple(changed if each.number == changed.number else each for each in state.attempts))


def with_worker(state, index, worker):
    return state._replace(workers=tuple(worker if number == index else each for number, each in enumerate(state.workers)))


class Model:
    """All that may happen; `without` names a safeguard that is left out."""

    def __init__(self, without=None, parts=2, attempts=2, purges=1):
        self.without = without
        self.parts, self.attempts_max, self.purges = parts, attempts, purges

    def successors(self, state):
        for index in range(len(state.workers)):
            yield from self.of_worker(state, index)
        yield from self.of_server(state)
        yield from self.of_user(state)
        for index in range(len(state.purges)):
            yield from self.of_purge(state, index)

    def of_worker(self, state, index):
        worker = state.workers[index]
        # Claims a job that waits, or one whose owner was silent for a lease: any moment, as clocks may say anything.
        if worker.step == "idle" and state.status in ("pending", "running") and state.owner != index and state.counter < self.attempts_max:
            number = state.counter + 1
            started = state._replace(status="running", owner=index, current=number, counter=number,
                                     attempts=(*state.attempts, Attempt(number)))
            yield "claim", with_worker(started, index, Worker("session", number, 0))
        if worker.step == "session":
            session = state.last_session + 1
            made = state._replace(last_session=session, alive=state.alive | {session})
            yield "make session", with_worker(made, index, worker._replace(step="note", session=session))
        if worker.step == "note":
            if self.without == "note" or (state.status == "running" and state.current == worker.attempt and state.owner == index):
                row = attempt_of(state, worker.attempt)
                noted = state if row is None or self.without == "note" else with_attempt(
                    state, row._replace(sessions=row.sessions | {worker.session}))
                yield "note", with_worker(noted, index, worker._replace(step="insert"))
            else:
                yield "note refused", with_worker(state, index, Worker())
        if worker.step == "insert":
            row = (worker.session, worker.attempt, worker.part, self.place(state, worker))
            sent = state._replace(on_the_way=state.on_the_way | {row})
            yield "insert", with_worker(sent, index, worker._replace(step="answer"))
        if worker.step == "answer":
            row = (worker.attempt, worker.part, self.place(state, worker))
            if row in state.stored and (worker.session, *row) not in state.on_the_way | state.running:
                yield "answered", with_worker(state, index, worker._replace(step="commit"))
            # No answer came, whatever became of it: the job starts again from its last commit, as another attempt.
            yield "gave up", with_worker(state, index, Worker())
            if worker.session not in state.alive:
                # The server refused it: nothing was done, and it is sent again in another session.
                gone = state._replace(on_the_way=frozenset(each for each in state.on_the_way if each[0] != worker.session))
                if row not in state.stored and (worker.session, *row) not in state.running:
                    yield "refused", with_worker(gone, index, worker._replace(step="session"))
        if worker.step == "commit":
            is_current = state.status == "running" and state.current == worker.attempt
            if is_current or (self.without == "attempt" and state.status == "running"):
                committed = state.committed + 1
                is_last = committed == self.parts
                # A row that was forgotten is not there to be changed.
                row = attempt_of(state, worker.attempt) or Attempt(0)
                row = row._replace(committed=worker.part + 1, sessions=frozenset() if is_last else row.sessions)
                done = with_attempt(state, row)._replace(
                    committed=committed, status="completed" if is_last else "running", owner=-1 if is_last else state.owner)
                yield "commit", with_worker(
                    done, index, Worker() if is_last else worker._replace(step="insert", part=worker.part + 1))
            else:
                yield "commit refused", with_worker(state, index, Worker())

    @staticmethod
    def place(state, worker):
        """The part of the file that a worker is at: it continues from what was committed before its attempt."""
        before = sum(each.committed for each in state.attempts if each.number < worker.attempt)
        return before + worker.part

    def of_server(self, state):
        for row in state.on_the_way:
            left = state._replace(on_the_way=state.on_the_way - {row})
            if row[0] in state.alive or self.without == "session":
                yield "be taken", left._replace(running=state.running | {row})
            yield "get lost", left
        for row in state.running:
            yield "be stored", state._replace(running=state.running - {row}, stored=tuple(sorted((*state.stored, row[1:]))))

    def of_user(self, state):
        if state.status in ("pending", "running"):
            yield "fail", state._replace(status="failed", owner=-1)
        if state.status == "failed":
            attempts = tuple(each._replace(committed=0, is_settled=False) for each in state.attempts)
            yield "resume", state._replace(status="pending", committed=0, attempts=attempts)
            yield "cancel", state._replace(status="cancelled")
        if state.status == "completed":
            yield "delete", state._replace(status="deleted")

    def leftovers(self, state):
        """What may be stored and does not count: of each attempt its number and the first part that does not."""
        if state.status == "completed":
            return tuple((each.number, each.committed) for each in state.attempts if each.number != state.current and not each.is_settled)
        is_over = state.status in ("failed", "cancelled", "deleted")
        return tuple((number, 0) for number in range(1, state.current + 1)) if is_over and state.attempts else ()

    def of_purge(self, state, index):
        step, parts = state.purges[index]

        def after(changed, purge):
            return changed._replace(purges=tuple(purge if number == index else each for number, each in enumerate(state.purges)))

        if step == "idle":
            if parts := self.leftovers(state):
                yield "read leftovers", after(state, Purge("fence", parts))
            return
        numbers = {number for number, _ in parts}
        if step == "fence":
            sessions = frozenset().union(*(each.sessions for each in state.attempts if each.number in numbers))
            # A session in which an INSERT runs lasts until that has ended.
            if self.without == "wait" or not any(row[0] in sessions for row in state.running):
                yield "end sessions", after(state._replace(alive=state.alive - sessions), Purge("remove", parts))
            yield "put off", after(state, Purge())
        elif step == "remove":
            first = dict(parts)
            stored = tuple(row for row in state.stored if row[0] not in first or row[1] < first[row[0]])
            yield "remove", after(state._replace(stored=stored), Purge("forget", parts))
        elif step == "forget":
            if state.status == "completed":
                attempts = tuple(each._replace(is_settled=True, sessions=frozenset()) if each.number in numbers else each
                                 for each in state.attempts)
            else:
                attempts = tuple(each for each in state.attempts if each.number not in numbers)
            yield "forget", after(state._replace(attempts=attempts), Purge())


def counted(state):
    """Rows that answers see: those of a complete job, without what its attempts did not commit."""
    if state.status != "completed":
        # Jobs of which attempts are known are hidden; of others all that is stored would be seen.
        return [] if state.attempts else list(state.stored)
    rows = []
    for row in state.stored:
        attempt = attempt_of(state, row[0])
        is_hidden = attempt is not None and attempt.number != state.current and not attempt.is_settled and row[1] >= attempt.committed
        if not is_hidden:
            rows.append(row)
    return rows


def fault(model, state):
    """What is wrong with a state; None if nothing is."""
    parts = sorted(row[2] for row in counted(state))
    if parts != (list(range(model.parts)) if state.status == "completed" else []):
        return f"a {state.status} job shows the parts {parts}"
    return None


def explore(model):
    """All states that can be reached, breadth first; returns their number and the shortest way to a fault."""
    start = State(purges=(Purge(),) * model.purges)
    ways, queue = {start: None}, deque([start])
    while queue:
        state = queue.popleft()
        if problem := fault(model, state):
            steps = []
            while ways[state]:
                state, step = ways[state]
                steps.append(step)
            return len(ways), f"{problem}: {', '.join(reversed(steps))}"
        for step, following in model.successors(state):
            if following not in ways:
                ways[following] = (state, step)
                queue.append(following)
    return len(ways), None


@pytest.mark.parametrize("parts, attempts, purges", [(2, 2, 1), (1, 2, 2)])
def test_no_order_of_events_counts_a_trip_twice_or_not_at_all(parts, attempts, purges):
    count, problem = explore(Model(None, parts, attempts, purges))
    print(f"{count} states")
    assert problem is None
    assert count > 50_000


@pytest.mark.parametrize("safeguard", ["session", "note", "wait", "attempt"])
def test_each_safeguard_is_needed(safeguard):
    """session: servers take INSERTs in sessions that exist only; note: the catalog knows of a session before it is used; wait: rows are
    removed once no INSERT runs in their sessions; attempt: only the last attempt of a job commits."""
    _, problem = explore(Model(without=safeguard))
    assert problem is not None
    print(problem)
