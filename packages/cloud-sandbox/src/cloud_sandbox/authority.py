"""A certificate authority of this sandbox's own, and the gateway's certificate below it.

Nothing trusts the authority unless it is told to (libpq: `sslrootcert`), and it can only vouch for names below
`localhost`: its certificate says so, and every TLS library holds it to that.

    <folder>/authority.pem   the authority's certificate: what clients are given to trust
    <folder>/authority.key   its key, mode 600
    <folder>/gateway.pem     the gateway's certificate and key, mode 600
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud_sandbox.errors import SetupError
from cloud_sandbox.files import private_folder, write_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TOP_NAME = "localhost"
AUTHORITY_DAYS, GATEWAY_DAYS = 3650, 397
"""Clients refuse a server's certificate that lives longer than 398 days."""
RENEWAL_DAYS = 30
"""A certificate is renewed when it has less than this left, so that none runs out under a running gateway."""
CLOCK_DAYS = 1
"""How far a clock may be behind."""

_Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Where they are: the authority's, for clients; the gateway's, with its key."""

    authority: Path
    gateway: Path


@dataclass(frozen=True, kw_only=True)
class _Pair:
    certificate: x509.Certificate
    key: _Key


def ensure(folder: Path, names: Sequence[str], *, now: dt.datetime | None = None) -> Certificates:
    """Have certificates for `names` in `folder`: those that are there while they are good, else new ones.

    Args:
        folder: Made when it is not there.
        names: DNS names below `localhost`. A star stands for one label: `*.us-east-1.localhost`.
        now: In UTC; the time of this machine when left out.

    Raises:
        SetupError: A name is not below `localhost`.
    """
    strangers = [name for name in names if not name.endswith(f".{TOP_NAME}")]
    if strangers or not names:
        raise SetupError(f"no certificate for {strangers or 'no names at all'}: only names below {TOP_NAME} are served")
    now = now or dt.datetime.now(dt.UTC)
    private_folder(folder)
    found = Certificates(authority=folder / "authority.pem", gateway=folder / "gateway.pem")
    key_file = folder / "authority.key"
    authority = _read(found.authority, key_file)
    if authority is None or not _lasts(authority, now):
        authority = _make_authority(now)
        write_private(key_file, _key_pem(authority.key))
        write_private(found.authority, _certificate_pem(authority.certificate))
    gateway = _read(found.gateway, found.gateway)
    if gateway is None or not (_lasts(gateway, now) and _vouched(gateway, authority) and _names(gateway) == set(names)):
        gateway = _make_gateway(authority, names, now)
        write_private(found.gateway, _certificate_pem(gateway.certificate) + _key_pem(gateway.key))
    return found


def _read(certificate: Path, key: Path) -> _Pair | None:
    """What the files hold; None when they are missing, damaged, or do not belong together."""
    try:
        read = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(_key_part(key.read_bytes()), password=None)
    except (OSError, ValueError):
        return None
    if not isinstance(private, _Key) or private.public_key() != read.public_key():
        return None
    return _Pair(certificate=read, key=private)


def _key_part(pem: bytes) -> bytes:
    start = pem.find(b"-----BEGIN PRIVATE KEY-----")
    return pem[max(start, 0) :]


def _lasts(pair: _Pair, now: dt.datetime) -> bool:
    renewal = pair.certificate.not_valid_after_utc - dt.timedelta(days=RENEWAL_DAYS)
    return pair.certificate.not_valid_before_utc <= now < renewal


def _vouched(pair: _Pair, authority: _Pair) -> bool:
    try:
        pair.certificate.verify_directly_issued_by(authority.certificate)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is made anew
        return False
    return True


def _names(pair: _Pair) -> set[str]:
    try:
        names = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return set(names.get_values_for_type(x509.DNSName))


def _make_authority(now: dt.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject("infra sandbox authority")
    constraint = x509.NameConstraints(permitted_subtrees=[x509.DNSName(TOP_NAME)], excluded_subtrees=None)
    certificate = (
        _builder(subject, subject, key, now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(constraint, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Pair(certificate=certificate, key=key)


def _make_gateway(authority: _Pair, names: Sequence[str], now: dt.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.key.public_key()
    certificate = (
        _builder(_subject("infra sandbox gateway"), authority.certificate.subject, key, now, GATEWAY_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return _Pair(certificate=certificate, key=key)


def _builder(subject: x509.Name, issuer: x509.Name, key: _Key, now: dt.datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=CLOCK_DAYS))
        .not_valid_after(now + dt.timedelta(days=days - CLOCK_DAYS))
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
