"""One stack in one file backend: lock it, load it, save it, record what was done."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pulumi_embedded.errors import EngineError, HeldError, PassphraseError, StateError
from pulumi_embedded.state import checkpoint, files, history, integrity, layout, lock
from pulumi_embedded.state.crypto import Crypter, new_salt
from pulumi_embedded.state.resource import PendingOperation, ResourceState, Snapshot
from pulumi_embedded.state.values import Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from pulumi_embedded.values import Secret

__all__ = ["PendingOperation", "ResourceState", "Snapshot", "Store"]


class Store:
    """One stack in one file backend.

    Nothing is written before `lock` or `save`: a preview leaves no trace. `save` overwrites only what `load` has read
    and understood.

    Args:
        backend_url: "file://…"; anything else is an UnsupportedError.
        project: The project's name.
        stack: The stack's name.
        passphrase: Opens the secrets.
        folder: The project's folder, which relative URLs start from.
        config_salt: `encryptionsalt` of the stack's file (`read_salt`), or None.
    """

    def __init__(
        self, backend_url: str, project: str, stack: str, passphrase: str, *, folder: Path, config_salt: str | None
    ) -> None:
        self._place = backend_url, folder
        self._layout = layout.parse(backend_url, folder=folder, project=project, stack=stack)
        self._passphrase = passphrase
        self._config_salt = config_salt
        self._recorded_salt: str | None = None
        self._crypters: dict[str, Future[Crypter]] = {}
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="key")
        self._values = Values(None)
        self._texts = checkpoint.Texts(self._values)
        self._new_salt: Future[str] | None = None
        self._loaded = False
        self._written = (b"", b"")

    @property
    def file(self) -> Path:
        """The stack's checkpoint file."""
        return self._layout.checkpoint

    def warm_up(self) -> None:
        """Start deriving the keys in threads; whoever needs one later waits for the rest of it only."""
        salts = [self._config_salt]
        with suppress(EngineError, OSError):
            salts.append(checkpoint.salt_of(self._read() or {}, self.file))
        for salt in filter(None, salts):
            self._begin(salt)
        if not any(salts):
            self._new_salt = self._executor.submit(new_salt, self._passphrase)

    def decrypt_text(self, ciphertext: str) -> str:
        """Decrypt one `secure:` value of the stack's file; pass this method as `crypter` to `load_config`."""
        if self._config_salt is None:
            raise PassphraseError(
                "the stack's file holds encrypted values but no encryptionsalt",
                next_step="restore its encryptionsalt line from version control",
            )
        return self._crypter(self._config_salt).decrypt(ciphertext)

    def holders(self) -> list[lock.LockHolder]:
        """Who holds the stack's lock, those included that are gone."""
        return lock.holders(self._layout)

    @contextmanager
    def lock(
        self,
        *,
        timeout: float,
        on_wait: Callable[[lock.LockHolder], None],
        on_stale: Callable[[lock.LockHolder], None] = lambda _: None,
    ) -> Iterator[None]:
        """Hold the stack's lock.

        Args:
            timeout: Seconds to wait for somebody else before a LockedError.
            on_wait: Called once for each holder that is waited for.
            on_stale: Called for each lock of a dead process of this machine, which is removed.
        """
        self._layout.prepare()
        with lock.held(self._layout, timeout=timeout, on_wait=on_wait, on_stale=on_stale):
            yield

    def load(self) -> Snapshot:
        """Read the current snapshot; an empty one when the stack is new."""
        self._layout.check()
        content = self._read()
        snapshot = Snapshot()
        if content is not None:
            self._recorded_salt = checkpoint.salt_of(content, self.file)
            self._values = Values(self._crypter(self._recorded_salt) if self._recorded_salt else None)
            self._texts = checkpoint.Texts(self._values)
            snapshot = checkpoint.decode(content, self._values, self.file)
            broken = integrity.problem(snapshot.resources)
            if broken:
                raise checkpoint.damaged(self.file, broken + _told_by_the_cli(snapshot))
        if self._config_salt:
            self._crypter(self._config_salt)  # a wrong one is told now, not when the first step is to be saved
        self._loaded = True
        return snapshot

    def sibling(self, project: str, stack: str) -> Store:
        """Another stack of the same backend, to look at, with the same passphrase."""
        url, folder = self._place
        return Store(url, project, stack, self._passphrase, folder=folder, config_salt=None)

    def outputs(self) -> dict[str, Any] | None:
        """Read the stack's outputs alone; None where there is no such stack. Only secrets need the passphrase."""
        self._layout.check()
        content = self._read()
        if content is None:
            return None
        recorded = checkpoint.root(content, self.file)
        salt = checkpoint.salt_of(content, self.file) if "ciphertext" in json.dumps(recorded.get("outputs")) else None
        values = Values(self._crypter(salt) if salt else None)
        return dict(values.decode(recorded.get("outputs") or {}, (str(self.file), "", "outputs")))

    def held(self, *, settled: bool = False) -> list[str] | None:
        """The names of the recorded resources, which need no passphrase; None where there is no such stack.

        Creations that were cut off count, unless somebody has `settled` what they left.
        """
        self._layout.check()
        content = self._read()
        return None if content is None else checkpoint.held(content, self.file, settled=settled)

    def forget(self, *, settled: bool = False) -> bool:
        """Remove the stack's checkpoint, history and backups; False where there was no such stack.

        Call it under the lock. The checkpoint goes last: whoever is cut off in between can be called again.
        """
        found = self.held(settled=settled)
        if found:
            raise HeldError.of(self._layout.stack, found)
        for path in self._layout.kept():
            files.remove(path)
        return found is not None

    def save(self, snapshot: Snapshot) -> None:
        """Write the snapshot, atomically; the one before stays beside it as ".bak"."""
        if not self._loaded:
            self.load()
        broken = integrity.problem(snapshot.resources)
        if broken:
            raise StateError(
                f"the new state of {self._layout.stack} is not written, because {broken}",
                next_step=f"this is a bug of the engine, please report it; {self.file} is as it was",
            )
        stack = f"organization/{self._layout.project}/{self._layout.stack}"
        text = checkpoint.encode(snapshot, self._texts, stack=stack, salt=self._salt())
        if text == self._written:
            return
        self._layout.prepare()
        backup = files.backup_of(self.file)
        if self._written == (b"", b""):  # until `finish`: an old side file would speak of other bytes
            files.forget_attributes(self.file)
            files.forget_attributes(backup)
        state = checkpoint.render(*text)
        files.write(self.file, state, durable=True, previous=backup)
        self._written = text
        history.retain(self._layout, state)

    def finish(
        self,
        *,
        kind: history.UpdateKind,
        started: datetime,
        result: history.UpdateResult,
        changes: Mapping[str, int],
        config: Mapping[str, str | Secret],
    ) -> None:
        """Record the finished update: `pulumi stack history` shows it, a copy of the state goes to the backups."""
        for file in (self.file, files.backup_of(self.file)):
            files.describe(file)
        history.record(
            self._layout,
            kind=kind,
            started=started,
            result=result,
            changes=changes,
            config=config,
            encrypt=lambda text: self._crypter(self._salt()).encrypt(text),
        )

    def _read(self) -> dict[str, object] | None:
        for suffix, name in ((".gz", "gzip"), (".zst", "zstd")):
            packed = self.file.with_name(self.file.name + suffix)
            if packed.exists():
                raise checkpoint.compressed(packed, name)
        return checkpoint.parse(files.read(self.file), self.file) if self.file.exists() else None

    def _salt(self) -> str:
        """Return the salt to write with, and let `_values` encrypt with it."""
        salt = self._config_salt or self._recorded_salt or self._make_salt()
        if salt != self._recorded_salt:
            self._values.forget_ciphertexts(self._crypter(salt))
            self._recorded_salt = salt
        return salt

    def _make_salt(self) -> str:
        return self._new_salt.result() if self._new_salt else new_salt(self._passphrase)

    def _crypter(self, salt: str) -> Crypter:
        self._begin(salt)
        return self._crypters[salt].result()

    def _begin(self, salt: str) -> None:
        if salt not in self._crypters:
            place = f"the state in {self.file}"
            if salt == self._config_salt:
                place = f"the secrets of Pulumi.{self._layout.stack}.yaml (its line encryptionsalt)"
            self._crypters[salt] = self._executor.submit(Crypter, self._passphrase, salt, place=place)


def _told_by_the_cli(snapshot: Snapshot) -> str:
    """What the CLI noted when it wrote a state that breaks the rules: what it ran, and what it found."""
    note = snapshot.metadata.get("integrity_error")
    if not isinstance(note, dict):
        return ""
    return f" (`{note.get('command', 'pulumi')}` wrote it so and noted: {note.get('error', 'nothing')})"
