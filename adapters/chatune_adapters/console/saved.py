"""Files that a bot sends to a terminal: saved in a folder, their paths shown."""

from dataclasses import replace
from pathlib import Path

from anyio import to_thread

from chatune_core.messages import File, Reply

_LONGEST_NAME = 100


class SavedFiles:
    """Saves files under `folder`, which is made when the first one comes; names are never reused."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def shown(self, reply: Reply) -> Reply:
        """Return `reply` with its files saved and their paths in its text."""
        if not reply.files:
            return reply
        paths = await to_thread.run_sync(self._save_all, reply.files)
        text = "\n".join([reply.text, *(f"(file: {path})" for path in paths)])
        return replace(reply, text=text.strip(), files=())

    def _save_all(self, files: tuple[File, ...]) -> list[Path]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [self._save(file) for file in files]

    def _save(self, file: File) -> Path:
        # The name alone: a path in it must not lead out of the folder.
        name = file.name.replace("\\", "/").rpartition("/")[2][-_LONGEST_NAME:].strip(". ")
        wanted = Path(name or "file")
        path, number = self._folder / wanted, 1
        while True:
            try:
                with path.open("xb") as target:
                    target.write(file.content)
                return path
            except FileExistsError:
                number += 1
                path = self._folder / f"{wanted.stem}-{number}{wanted.suffix}"
