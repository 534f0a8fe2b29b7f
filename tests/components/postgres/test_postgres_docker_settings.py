from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from components.errors import ConfigurationError
from components.postgres.docker_settings import DockerSettings, image_major


def settings(**changes: Any) -> DockerSettings:
    """Good settings with some changes."""
    known = {"stack": "dev", "clone": "here", "container_name": "acme-shop-db-dev", "port": 15432}
    return DockerSettings(**{**known, "database": "shop", "user": "clerk", **changes})


def test_defaults_are_good() -> None:
    """What is not configured has a good value."""
    made = settings()
    assert (made.container_name, made.volume_name) == ("acme-shop-db-dev", "acme-shop-db-dev-data")
    assert (made.image, made.mount, made.retain_data) == ("postgres:18-alpine", "/var/lib/postgresql", True)


def test_settings_are_frozen_and_keyword_only() -> None:
    """Settings cannot change after they were judged."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings().port = 1  # type: ignore[misc] # that is the point
    with pytest.raises(TypeError):
        DockerSettings("dev")  # type: ignore[call-arg] # that is the point


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"container_name": "-db"}, "containerName: '-db' is no container's name"),
        ({"container_name": "a b"}, "containerName"),
        ({"container_name": ""}, "containerName"),
        ({"port": 0}, "port: 0 must have become a free port"),
        ({"port": 70000}, "port: 70000"),
        ({"port": 80}, "port: 80"),
        ({"memory_megabytes": 64}, "memoryMegabytes: 64 MB are too few; allowed: 128 or more"),
        ({"database": "template1"}, "databaseName"),
        ({"user": "infra_admin"}, "databaseUser"),
        ({"stack": ""}, "stack"),
        ({"mount": "/var/lib/postgresql/data"}, "mount: '/var/lib/postgresql/data' is not where Postgres 18"),
        ({"mount": "/data"}, "allowed: /var/lib/postgresql"),
    ],
    ids=str,
)
def test_wrong_values_are_refused_with_key_and_remedy(changes: dict[str, Any], text: str) -> None:
    """A wrong value names its key, what was found and what is allowed."""
    with pytest.raises(ConfigurationError) as caught:
        settings(**changes)
    assert text in caught.value.message
    assert text.partition(":")[0] in caught.value.next_step or "allowed" in text


def test_every_wrong_value_is_named_at_once() -> None:
    """Two mistakes need one run to be found."""
    with pytest.raises(ConfigurationError, match=r"(?s)containerName: .*memoryMegabytes: "):
        settings(container_name="!", memory_megabytes=1)


@pytest.mark.parametrize(
    "image",
    [
        "postgres:18-alpine",
        "postgres:18",
        "postgres:18.4-bookworm",
        "postgres:19beta1",
        "docker.io/library/postgres:18",
        "registry.example:5000/mirror/postgres:18-alpine",
        "registry.example/team/database:stable",
        "postgres@sha256:" + "a" * 64,
    ],
)
def test_images_of_18_and_later_are_taken(image: str) -> None:
    """Every tag of 18 or later, a digest, and images whose name says nothing."""
    assert settings(image=image).image == image


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("postgres:17-alpine", "is Postgres 17; allowed: 18 or later"),
        ("docker.io/library/postgres:9.6", "is Postgres 9"),
        ("registry.example/mirror/postgres:16", "is Postgres 16"),
        ("postgres", "may become another major version any day: it names none"),
        ("postgres:latest", "its tag 'latest' names none"),
        ("library/postgres:alpine", "its tag 'alpine' names none"),
        ("", "is no image reference"),
        ("postgres:18 alpine", "is no image reference"),
    ],
)
def test_older_and_floating_images_are_refused(image: str, text: str) -> None:
    """An older major does not read the mount; a floating tag becomes another major some day."""
    with pytest.raises(ConfigurationError) as caught:
        settings(image=image)
    assert text in caught.value.message


@pytest.mark.parametrize(
    ("image", "major"),
    [("postgres:18-alpine", 18), ("a:5000/postgres", None), ("a:5000/postgres:19.1", 19), ("x:latest", None)],
)
def test_major_is_read_from_the_tag_alone(image: str, major: int | None) -> None:
    """A registry's port is no version."""
    assert image_major(image) == major
