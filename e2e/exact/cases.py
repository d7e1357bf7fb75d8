"""Random connections: what each of them is like follows from a seed alone."""
import dataclasses
import random

# HTTP-CONNECT, our client library by `hawser dial` and examples/send, and konnectivity-client.
FRONTS = ("connect-tls", "connect-unix", "dial-tls", "dial-unix", "grpc-tls", "grpc-unix")
SIZES = (0, 1, 1000, 60_000, 300_000, 1_000_000, 3_000_000)

# Who ends it, and how. The one who does not reads to the end first, or is the one who is read.
ENDINGS = (
    ("client", "half-closed"),  # sends all, half-closes, reads the answer
    ("client", "closed"),  # sends all and closes
    ("client", "aborted"),  # sends all and resets
    ("client", "killed"),  # is killed while it sends
    ("target", "half-closed"),  # reads the request, answers, half-closes
    ("target", "closed"),  # the same, and closes
    ("target", "aborted"),  # answers in part and resets
    ("target", "killed"),  # closes with bytes of the request unread, as a process that dies does
)


@dataclasses.dataclass(frozen=True)
class Case:
    seed: int
    front: str
    cluster: str
    who: str
    how: str
    up: int  # bytes
    down: int
    pause: float  # seconds that the reader rests after the first part
    rests: str  # which reader
    slow: float  # seconds between its reads
    small_buffers: bool

    @property
    def library(self):
        """Which client library a program pipes through, if one does."""
        name = self.front.split("-")[0]
        return None if name == "connect" else name

    @property
    def program(self):
        """What pipes: `hawser dial` half-closes, examples/send closes."""
        sends = self.library == "dial" and (self.who, self.how) == ("client", "closed")
        return "send" if sends else self.library

    @property
    def orderly(self):
        """Nobody did anything that may cost a byte."""
        return self.how in ("half-closed", "closed")

    def __str__(self):
        return (
            f"{self.front} to {self.cluster}, {self.who} {self.how}, {self.up} up, {self.down} down"
            f"{f', the {self.rests} rests {self.pause:.0f} s' if self.pause else ''}"
            f"{', slow reader' if self.slow else ''}"
            f"{', small buffers' if self.small_buffers else ''}"
        )


def bytes_of(seed, size):
    """What is sent: bytes that show where they belong."""
    return random.Random(seed).randbytes(size)


def make(seed, clusters):
    dice = random.Random(seed)
    front = dice.choice(FRONTS)
    who, how = dice.choice(ENDINGS)
    if front.startswith("dial") and how == "aborted" and who == "client":
        how = "closed"  # our client library has no abort; a program that is killed is one
    if front.startswith("grpc") and how in ("half-closed", "aborted") and who == "client":
        how = "closed"  # konnectivity-client has no other end
    up, down = dice.choice(SIZES), dice.choice(SIZES)
    if who == "client" and how != "half-closed":
        down = 0
    if front.startswith("grpc") and who == "target":
        up = max(up, 1000)  # konnectivity-client loses what a target says before its dial returns
    pause = dice.choice((0, 0, 0, 1, 5, 12, dice.uniform(15, 60)))
    return Case(
        seed=seed,
        front=front,
        cluster=dice.choice(clusters),
        who=who,
        how=how,
        up=up,
        down=down,
        pause=pause,
        rests=dice.choice(("client", "target")) if down else "target",
        slow=dice.choice((0, 0, 0.005)),
        small_buffers=dice.random() < 0.5,
    )
