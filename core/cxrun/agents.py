"""The agents of an agent group: who is there, who is ready, who is kept for a callback."""

from __future__ import annotations

from collections import Counter, deque


class AgentPool:
    """The agents of one agent group, shared by every campaign group that it serves."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self.gone: set[str] = set()
        self.ready: deque[str] = deque(f"{name}-{number}" for number in range(1, size + 1))
        self.known = set(self.ready)
        self.awaited: Counter[str] = Counter()
        """How many callbacks wait for an agent who is busy."""
        self.kept: set[str] = set()
        """Agents who are free, and kept for a callback that waits for them."""

    def take(self) -> str:
        """The agent who has been ready for longest."""
        return self.ready.popleft()

    def free(self, agent_id: str) -> None:
        """An agent has nothing to do: he is kept if a callback waits for him, else he is ready."""
        if agent_id in self.awaited:
            self.kept.add(agent_id)
        elif agent_id not in self.ready:
            self.ready.append(agent_id)

    def present(self, agent_id: str | None) -> bool:
        """Whether an agent is logged in, busy or not."""
        return agent_id in self.known and agent_id not in self.gone

    def wait_for(self, agent_id: str) -> None:
        """A callback waits for an agent."""
        self.awaited[agent_id] += 1

    def wait_no_longer(self, agent_id: str, *, taken: bool) -> None:
        """A callback that waited for an agent has him now, if `taken`, or does without."""
        self.awaited[agent_id] -= 1
        if self.awaited[agent_id] <= 0:
            del self.awaited[agent_id]
        if agent_id in self.kept and (taken or agent_id not in self.awaited):
            self.kept.discard(agent_id)
            if not taken:
                self.ready.append(agent_id)
