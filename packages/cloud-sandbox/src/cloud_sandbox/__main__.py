"""`python -m cloud_sandbox`: settings as JSON on standard input (`cloud_sandbox.order`), one line when it is ready."""

from __future__ import annotations

import logging
import sys

from cloud_sandbox import order, process
from cloud_sandbox.errors import SandboxError

OK, FAILED = 0, 1


def main() -> int:
    """Serve until told to end; 1 when it cannot start, with the reason on standard error."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    try:
        process.run(order.read(sys.stdin.read()))
    except SandboxError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    return OK


if __name__ == "__main__":
    sys.exit(main())
