"""What is done to one agent's way to its hub: how a fault begins and how it ends."""
import signal

from balancer import Balancer, Behavior
from parties import Agent, Hub

HUB_NAME = "hub.test"


class Case:
    """One balancer, one agent and, for faults of the hub, a hub of its own."""

    title = ""
    # Neither links nor dials may notice.
    harmless = False
    # What comes is not seen by a listener that does not answer.
    countable = True
    needs_clock = False
    through_proxy = False

    def __init__(self, lab, kind, number):
        self.lab, self.kind = lab, kind
        self.cluster = f"c{number}"
        self.hub = None
        self.number = number

    async def set_up(self):
        self.hub = self.make_hub()
        self.balancer = Balancer(self.address(), self.hub.agents, self.through_proxy)
        self.agent = self.make_agent()

    def make_hub(self):
        return self.lab.shared_hub(self.kind)

    def own_hub(self, **how):
        name = f"{self.kind.name}-{self.cluster}-hub"
        return Hub(self.kind, name, self.lab.free_port(), **how)

    def address(self):
        return "127.0.0.1", 0

    def make_agent(self):
        return self.start_agent()

    def start_agent(self, **how):
        base = self.lab.free_port()
        return Agent(self.kind, self.cluster, base, self.balancer.address, **how)

    def begin(self):
        raise NotImplementedError

    def heal(self):
        raise NotImplementedError


class Misbehaves(Case):
    """The balancer does, and behaves again."""

    behavior = None

    def begin(self):
        self.balancer.become(self.behavior)

    def heal(self):
        self.balancer.become(Behavior.RELAY)


class Resets(Misbehaves):
    title, behavior = "resets every connection", Behavior.RESET


class Closes(Misbehaves):
    title, behavior = "closes every connection", Behavior.CLOSE


class Swallows(Misbehaves):
    title, behavior = "accepts and swallows", Behavior.SWALLOW


class DropsSyns(Misbehaves):
    title, behavior = "drops everything, SYNs too", Behavior.SILENT
    countable = False


class Freezes(Misbehaves):
    title, behavior = "freezes established links, again and again", Behavior.FREEZE


class Dies(Misbehaves):
    title, behavior = "ends links a second after the handshake", Behavior.DIE


class DiesOfMany(Dies):
    """An agent that believes there are more hubs looks for them, too."""

    title = "the same, and the hub says that there are two"

    def make_hub(self):
        return self.own_hub(servers=2)


class Refuses(Misbehaves):
    title, behavior = "HTTP proxy answers 502", Behavior.REFUSE
    through_proxy = True

    def make_agent(self):
        # Proxies are for names: loopback is reached without them.
        return self.start_agent(proxy_to=(HUB_NAME, self.hub.agents[1]))


class Moves(Case):
    title = "black hole, then another address behind the name"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.old = []  # balancers

    def name(self):
        return f"{self.cluster}.{HUB_NAME}"

    def address(self):
        port = self.old[0].address[1] if self.old else 0
        return f"127.0.{1 + len(self.old)}.{self.number}", port

    def make_agent(self):
        self.lab.names.addresses[self.name()] = self.balancer.address[0]
        return self.start_agent(name=self.name())

    def begin(self):
        self.balancer.become(Behavior.SWALLOW)

    def heal(self):
        self.old.append(self.balancer)
        self.balancer = Balancer(self.address(), self.hub.agents)
        self.balancer.attempts = self.old[-1].attempts
        self.lab.names.addresses[self.name()] = self.balancer.address[0]


class HubStopped(Case):
    title = "hub's process is stopped (SIGSTOP)"

    def make_hub(self):
        return self.own_hub()

    def begin(self):
        self.hub.process.signal(signal.SIGSTOP)

    def heal(self):
        self.hub.process.signal(signal.SIGCONT)


class HubKilled(Case):
    title = "hub is killed, and started again"

    def make_hub(self):
        return self.own_hub()

    def begin(self):
        self.hub.process.kill()

    def heal(self):
        self.hub.restart()


class ClockAhead(Case):
    title = "hub's clock is ten years ahead"
    needs_clock = True

    def make_hub(self):
        return self.own_hub(clock=True)

    # Links there are need not end by it.
    def begin(self):
        self.hub.set_clock("+3650d")
        self.balancer.become(Behavior.RESET)
        self.balancer.become(Behavior.RELAY)

    def heal(self):
        self.hub.set_clock("+0")


class ClockBehind(ClockAhead):
    title = "hub's clock is ten years behind"

    def begin(self):
        self.hub.set_clock("-3650d")
        self.balancer.become(Behavior.RESET)
        self.balancer.become(Behavior.RELAY)


class ClockHops(ClockAhead):
    title = "hub's clock hops by an hour"
    harmless = True

    def begin(self):
        self.hub.set_clock("+1h")


ALL = [
    Resets,
    Closes,
    Swallows,
    DropsSyns,
    Freezes,
    Dies,
    DiesOfMany,
    Refuses,
    Moves,
    HubStopped,
    HubKilled,
    ClockAhead,
    ClockBehind,
    ClockHops,
]
