"""What the platform offers: images, instance types, regions.

Source: internal/postgresversions/versions.yaml and services/projects/store/store.go of the open-source service
(April and June 2026).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING

from cloud_sandbox.xata.messages import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud_sandbox.xata.settings import Region, Settings

DEFAULT_LIBRARIES = ("pg_stat_statements", "auto_explain")
APRIL_POSTGRES = {
    "14": ("14.20", "14.22"),
    "15": ("15.15", "15.17"),
    "16": ("16.11", "16.13"),
    "17": ("17.5", "17.6", "17.7", "17.9"),
    "18": ("18.0", "18.1", "18.3"),
}
JUNE_POSTGRES = {
    "14": ("14.20", "14.22", "14.23"),
    "15": ("15.15", "15.17", "15.18"),
    "16": ("16.11", "16.13", "16.14"),
    "17": ("17.5", "17.6", "17.7", "17.9", "17.10"),
    "18": ("18.0", "18.1", "18.3", "18.4"),
}
LATEST_ONLY = ("14", "15", "16")  # in June their older minors are hidden

REGION_FACTOR = {"us-east-1": 1.0, "eu-central-1": 1.15}


@dataclass(frozen=True, kw_only=True)
class InstanceType:
    """A size. Processors are in thousandths, memory in GiB, rates in US dollars."""

    name: str
    requested: int
    limit: int
    memory: int
    hourly: float
    storage_monthly: float = 0.3


INSTANCE_TYPES = (
    InstanceType(name="xata.micro", requested=250, limit=2000, memory=1, hourly=0.012),
    InstanceType(name="xata.small", requested=500, limit=2000, memory=2, hourly=0.024),
    InstanceType(name="xata.medium", requested=1000, limit=2000, memory=4, hourly=0.048),
    InstanceType(name="xata.large", requested=2000, limit=4000, memory=8, hourly=0.096),
    InstanceType(name="xata.xlarge", requested=4000, limit=8000, memory=16, hourly=0.192),
    InstanceType(name="xata.2xlarge", requested=8000, limit=12000, memory=32, hourly=0.384),
    InstanceType(name="xata.4xlarge", requested=16000, limit=24000, memory=64, hourly=0.768),
    InstanceType(name="xata.8xlarge", requested=32000, limit=48000, memory=128, hourly=1.536),
)


def _version(image: str) -> tuple[int, int]:
    major, _, minor = image.rpartition(":")[2].partition(".")
    return int(major), int(minor)


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The offer of one edition."""

    settings: Settings

    @property
    def images(self) -> list[str]:
        """Every image name that may be listed and used, sorted as the server sorts them: as text."""
        return sorted(set(self._postgres()) - set(self.hidden))

    def _postgres(self) -> Iterator[str]:
        majors = APRIL_POSTGRES if self.settings.is_april else JUNE_POSTGRES
        return (f"postgres:{version}" for versions in majors.values() for version in versions)

    @property
    def hidden(self) -> list[str]:
        """Images that exist but are not available without a flag."""
        if self.settings.is_april:
            return []
        return [f"postgres:{version}" for major in LATEST_ONLY for version in JUNE_POSTGRES[major][:-1]]

    def image(self, name: str) -> str:
        """The image to run for a wanted name.

        Raises:
            ValueError: It is hidden or unknown; the text is the server's.
        """
        if name in self.hidden:
            raise ValueError(f"image {name} is not available")
        if name not in self.images:
            raise ValueError(f"image {name} is not valid")
        return name

    def upgrade(self, wanted: str, current: str) -> str:
        """The image to run after an upgrade: same offering, same major, no older minor.

        Raises:
            ValueError: It is none of these; the text is the server's.
        """
        image = self.image(wanted)
        offering, running = image.partition(":")[0], current.partition(":")[0]
        (major, minor), (current_major, current_minor) = _version(image), _version(current)
        if offering != running:
            raise ValueError(f"incompatible offering: {offering} is not compatible with {running}")
        if major != current_major:
            raise ValueError(f"no major version upgrades supported: {major} is different than current {current_major}")
        if minor < current_minor:
            raise ValueError(f"new minor: {minor} is older than current  {current_minor}")
        return image

    def regions(self, organization: str) -> list[Region]:
        """The regions an organization sees, by name."""
        visible = (region for region in self.settings.regions if region.organization in {None, organization})
        return sorted(visible, key=lambda region: region.id)

    def region(self, organization: str, name: str) -> Region | None:
        """A region by name."""
        return next((region for region in self.regions(organization) if region.id == name), None)

    def require_region(self, organization: str, name: str) -> None:
        """Refuse a query that names an unknown region."""
        if self.region(organization, name) is None:
            raise invalid("region", f"invalid region: region {name} is not found")

    def instance_type(self, name: str, limit: int) -> InstanceType:
        """A size by name, when the organization may use it. `limit` 0 means there is none.

        Raises:
            ValueError: It is unknown or too large; the text is the server's.
        """
        found = next((size for size in INSTANCE_TYPES if size.name == name), None)
        if found is None:
            raise ValueError(f"instance type {name} is not found")
        if limit and found.limit > limit:
            raise ValueError(f"instance type {name} exceeds the maximum allowed compute limit of {limit} millicores")
        return found


def rates(size: InstanceType, region: str) -> tuple[float, float]:
    """Hourly rate and monthly rate of storage in a region."""
    factor = REGION_FACTOR.get(region, 1.0)
    return floor(size.hourly * factor * 1000 + 0.5) / 1000, floor(size.storage_monthly * factor * 100 + 0.5) / 100
