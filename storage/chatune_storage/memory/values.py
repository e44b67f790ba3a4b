"""Small values by name, in memory."""

from collections.abc import Sequence


class MemoryKeyValues:
    """See KeyValues. Nothing outlives the process."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def get(self, name: str) -> str | None:
        """See KeyValues.get."""
        return self.values.get(name)

    async def put(self, name: str, value: str) -> None:
        """See KeyValues.put."""
        self.values[name] = value

    async def delete(self, name: str) -> None:
        """See KeyValues.delete."""
        self.values.pop(name, None)

    async def names(self, prefix: str) -> Sequence[str]:
        """See KeyValues.names."""
        return sorted(name for name in self.values if name.startswith(prefix))
