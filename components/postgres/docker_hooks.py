"""What is done just before the provider plugin makes an image or a container. Only the Pulumi CLI calls it.

A hook is called when the resource is not in the state and is about to be made, which a program cannot know by itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pulumi

from components.dynamic import own_text
from components.errors import LocalError
from components.postgres import docker_claim, docker_daemon

if TYPE_CHECKING:
    from collections.abc import Callable


def container_hooks() -> pulumi.ResourceOptions:
    """Options by which what a cut-off run has left of the container goes before it is made."""
    return _before_create("infra-make-room", _make_room)


def image_hooks() -> pulumi.ResourceOptions:
    """Options by which an image that is missing is downloaded, or named in words."""
    return _before_create("infra-pull", _pull)


def _before_create(name: str, hook: Callable[[Any], None]) -> pulumi.ResourceOptions:
    def call(told: pulumi.ResourceHookArgs) -> None:
        own_text(lambda: hook(told.new_inputs))

    return pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook(name, call)]))


def _make_room(inputs: Any) -> None:
    from components.postgres.docker_engine import REMOVE_SECONDS, open_engine  # noqa: PLC0415 - the SDK is slow

    labels = {one["label"]: one["value"] for one in inputs["labels"]}
    daemon = docker_daemon.find(os.environ)
    with open_engine(daemon.address, os.environ, timeout_seconds=REMOVE_SECONDS) as engine:
        docker_claim.make_room(inputs["name"], labels, engine)


def _pull(inputs: Any) -> None:
    from components.postgres.docker_engine import PULL_SECONDS, open_engine  # noqa: PLC0415 - as above

    image = inputs["name"]
    daemon = docker_daemon.find(os.environ)
    with open_engine(daemon.address, os.environ) as engine:
        if engine.has_image(image):
            return
    try:
        with open_engine(daemon.address, os.environ, timeout_seconds=PULL_SECONDS) as engine:
            engine.pull(image)
    except LocalError as error:
        raise LocalError(
            f"the image {image} is not on this machine and could not be downloaded: {error.message}",
            next_step=f"docker pull {image} where its registry can be reached; or set dockerImage to one that is here, "
            "or database: embedded, in the stack's configuration",
        ) from None
