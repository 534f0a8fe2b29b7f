"""A script as a configuration of workerd, in Cap'n Proto's text form.

Everything is inside the text, values of secrets too: it goes to workerd over standard input, so that none is seen in
the list of processes, in an environment or in a file.

Names below `localhost`, which the stand-in for databases has, are known to few resolvers. workerd asks the system's,
and gives no way round it: it starts TLS only on connections it opened by name itself. So scripts get their
`cloudflare:sockets` from a module of ours, which goes to 127.0.0.1 for such names and keeps the name for TLS.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

from cloud_sandbox.cloudflare.models import BASELINE_DATE

if TYPE_CHECKING:
    from cloud_sandbox.cloudflare.models import Binding, Bindings, Module, Script

SOCKETS, OUR_SOCKETS = "cloudflare:sockets", "sandbox:sockets"
IMPORT = re.compile(rf"(['\"`]){SOCKETS}\1")
TEXT_TYPES = {"text/plain", "text/html"}
KINDS = {
    "application/javascript+module": "esModule",
    "text/javascript+module": "esModule",
    "application/javascript": "commonJsModule",
    "text/javascript": "commonJsModule",
    "application/wasm": "wasm",
    "application/json": "json",
    "text/plain": "text",
    "text/html": "text",
}
ES_MODULE = "esModule"
CONTROL = re.compile(r'[\x00-\x1f\x7f"\\]')
SOCKETS_MODULE = """\
import sockets from "cloudflare-internal:sockets";

const place = (address) => {
  if (typeof address !== "string") return { ...address };
  const { hostname, port } = new URL(`tcp://${address}`);
  return { hostname, port: Number(port) };
};

export const connect = (address, options = {}) => {
  const { hostname, port } = place(address);
  if (!/\\.localhost\\.?$/i.test(hostname)) return sockets.connect(address, options);
  const local = { hostname: "127.0.0.1", port };
  const encrypted = (socket, more = {}) => socket.startTls({ expectedServerHostname: hostname, ...more });
  if (options.secureTransport === "on") {
    return encrypted(sockets.connect(local, { ...options, secureTransport: "starttls" }));
  }
  const socket = sockets.connect(local, options);
  const start = socket.startTls.bind(socket);
  socket.startTls = (more = {}) => start({ expectedServerHostname: hostname, ...more });
  return socket;
};

export default { connect };
"""


def text(value: str) -> str:
    """A text literal."""
    escaped = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
    return f'"{escaped}"'


def data(value: bytes) -> str:
    """A literal of bytes."""
    return f'0x"{value.hex(" ")}"'


def config(script: Script, bindings: Bindings, *, socket: str, trusted: str, newest: str) -> str:
    """The whole configuration of one Worker.

    Args:
        script: Its files.
        bindings: Variables and secrets; kinds that nothing here provides are left out, as if they were not declared.
        socket: Path of the socket it listens on.
        newest: The date of the program. It refuses scripts of later compatibility dates, which Cloudflare runs:
            they are run as of this date.
        trusted: Certificates of the authorities it trusts, as PEM; empty: none, so that no TLS server is reached.
    """
    flags = ", ".join(text(flag) for flag in script.compatibility_flags)
    bound = (_bound(name, binding) for name, binding in sorted(bindings.items()))
    worker = [
        _code(script),
        f"compatibilityDate = {text(min(script.compatibility_date or BASELINE_DATE, newest))}",
        f"compatibilityFlags = [{flags}]",
        f"bindings = [{', '.join(found for found in bound if found)}]",
        'globalOutbound = "network"',
    ]
    certificates = f"trustedCertificates = [{text(trusted)}], " if trusted else ""
    return f"""\
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = ({", ".join(worker)})),
    (name = "network", network = (allow = ["local"], tlsOptions = ({certificates}trustBrowserCas = false))),
  ],
  sockets = [(name = "http", address = {text("unix:" + socket)}, service = "worker", http = ())],
  extensions = [(modules = [(name = {text(OUR_SOCKETS)}, esModule = {text(SOCKETS_MODULE)})])],
);
"""


def _code(script: Script) -> str:
    if script.service_worker:
        main = next(module for module in script.modules if module.name == script.main)
        return f"serviceWorkerScript = {text(_decoded(main))}"
    first = [module for module in script.modules if module.name == script.main]
    others = [module for module in script.modules if module.name != script.main]
    return f"modules = [{', '.join(_module(module) for module in [*first, *others])}]"


def _module(module: Module) -> str:
    kind = KINDS.get(module.type, "data")
    content = base64.b64decode(module.content)
    literal = data(content) if kind in {"data", "wasm"} else text(_decoded(module))
    return f"(name = {text(module.name)}, {kind} = {literal})"


def _decoded(module: Module) -> str:
    found = base64.b64decode(module.content).decode("utf-8", "replace")
    return found if KINDS.get(module.type) != ES_MODULE else IMPORT.sub(rf"\g<1>{OUR_SOCKETS}\g<1>", found)


def _bound(name: str, binding: Binding) -> str:
    kind = binding["type"]
    if kind in {"plain_text", "secret_text"}:
        return f"(name = {text(name)}, text = {text(binding['text'])})"
    if kind == "json":
        return f"(name = {text(name)}, json = {text(json.dumps(binding.get('json')))})"
    return ""
