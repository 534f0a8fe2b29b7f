"""The sandbox's own certificates."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import stat
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from cloud_sandbox import authority
from cloud_sandbox.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["*.eu-central-1.localhost", "*.us-east-1.localhost"]
NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)


def read(path: Path) -> x509.Certificate:
    """A certificate."""
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize("host", ["abc.us-east-1.localhost", "abc-pooler.eu-central-1.localhost"])
def test_a_client_that_trusts_the_authority_trusts_the_gateway(tmp_path: Path, host: str) -> None:
    """A real handshake succeeds for every host of a region."""
    found = authority.ensure(tmp_path / "sandbox", NAMES)
    assert handshake(found, host)


@pytest.mark.parametrize("host", ["abc.mars-1.localhost", "a.b.us-east-1.localhost", "us-east-1.localhost"])
def test_other_names_are_not_vouched_for(tmp_path: Path, host: str) -> None:
    """A star covers one label of the regions that are served."""
    found = authority.ensure(tmp_path / "sandbox", NAMES)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(found, host)


def handshake(found: authority.Certificates, host: str) -> bool:
    """Let a verifying client meet a server with the gateway's certificate."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(found.gateway)
    here, there = socket.socketpair()
    thread = threading.Thread(target=_serve, args=(serving, there))
    thread.start()
    try:
        context = ssl.create_default_context(cafile=str(found.authority))
        with here, context.wrap_socket(here, server_hostname=host) as client:
            return client.recv(1) == b"!"
    finally:
        thread.join()


def _serve(context: ssl.SSLContext, plain: socket.socket) -> None:
    with plain:
        try:
            with context.wrap_socket(plain, server_side=True) as server:
                server.sendall(b"!")
        except OSError:
            return


def test_the_authority_vouches_for_nothing_but_localhost(tmp_path: Path) -> None:
    """Whoever trusts it by mistake cannot be led astray: a certificate for a public name is not accepted."""
    made = authority.ensure(tmp_path, NAMES, now=NOW)
    signer = authority._read(made.authority, tmp_path / "authority.key")
    assert signer
    policy = PolicyBuilder().store(Store([signer.certificate])).time(NOW)
    stranger = authority._make_gateway(signer, ["xata.io"], NOW).certificate
    with pytest.raises(VerificationError):
        policy.build_server_verifier(x509.DNSName("xata.io")).verify(stranger, [])
    ours = policy.build_server_verifier(x509.DNSName("abc.us-east-1.localhost"))
    assert ours.verify(read(made.gateway), [])


def test_certificates_stay_as_long_as_they_are_good(tmp_path: Path) -> None:
    """A second start changes no file."""
    authority.ensure(tmp_path, NAMES, now=NOW)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    authority.ensure(tmp_path, list(reversed(NAMES)), now=NOW + dt.timedelta(days=300))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("days", "names", "new_authority"),
    [
        (380, NAMES, False),
        (0, [*NAMES, "*.us-west-2.localhost"], False),
        (3640, NAMES, True),
        (-5, NAMES, True),
    ],
)
def test_what_is_not_good_any_more_is_renewed(
    tmp_path: Path,
    days: int,
    names: list[str],
    new_authority: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Near its end, for other names, or from the future: the gateway's certificate, and the authority's if needed."""
    made = authority.ensure(tmp_path, NAMES, now=NOW)
    before = read(made.authority), read(made.gateway)
    later = NOW + dt.timedelta(days=days)
    authority.ensure(tmp_path, names, now=later)
    assert (read(made.authority) != before[0]) == new_authority
    assert read(made.gateway) != before[1]
    assert read(made.gateway).not_valid_before_utc <= later < read(made.gateway).not_valid_after_utc
    read(made.gateway).verify_directly_issued_by(read(made.authority))


@pytest.mark.parametrize("name", ["authority.pem", "authority.key", "gateway.pem"])
@pytest.mark.parametrize("content", [None, b"", b"damaged"])
def test_damaged_files_are_made_anew(tmp_path: Path, name: str, content: bytes | None) -> None:
    """A missing, empty or damaged file is no reason to fail."""
    made = authority.ensure(tmp_path, NAMES)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    authority.ensure(tmp_path, NAMES)
    assert handshake(made, "abc.us-east-1.localhost")


def test_only_the_account_itself_can_read_the_keys(tmp_path: Path) -> None:
    """Every file has mode 600, and the folder 700."""
    authority.ensure(tmp_path / "sandbox", NAMES)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "sandbox").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "sandbox").stat().st_mode) == 0o700


@pytest.mark.parametrize("names", [["*.xata.io"], ["localhost.xata.io"], []])
def test_names_elsewhere_are_refused(tmp_path: Path, names: list[str]) -> None:
    """Only names below localhost get a certificate."""
    with pytest.raises(SetupError, match="only names below localhost"):
        authority.ensure(tmp_path, names)
