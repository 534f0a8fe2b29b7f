"""A room with three shelves, in three editions; the third does not work."""

import pulumi
from shelves import Shelf  # type: ignore[import-not-found] # beside this file, not in a package

config = pulumi.Config()
edition = config.require_int("edition")
if edition == 3:
    raise ValueError("there is no third edition")


class Room(pulumi.ComponentResource):
    """What the shelves stand in."""

    def __init__(self, name: str) -> None:
        super().__init__("shop:index:Room", name)
        self.register_outputs({})


def below(parent: pulumi.Resource, *others: pulumi.Resource) -> pulumi.ResourceOptions:
    """Stand in a room, after others: what is told then has one order."""
    return pulumi.ResourceOptions(parent=parent, depends_on=others)


first = edition == 1
hall = Room("hall")
novels = Shelf(
    "novels",
    opts=below(hall),
    place="left",
    wood="none" if config.require_bool("fail") else "oak" if first else "pine",
    books=["Emma", "Dracula"] if first else ["Emma", "Middlemarch", "Dracula"],
    code=pulumi.Output.secret(f"42{edition}"),
    note={"text": "by the author\nsigned" if first else "by the title\nsigned", "since": 1990},
)
maps = Shelf("maps", opts=below(hall, novels), place="right" if first else "corner", wood="ash", books=["Europe"])
if first:
    Shelf("magazines", opts=below(hall, maps), place="middle", wood="ash", books=[])
pulumi.export("place", maps.place)
pulumi.export("code", novels.code)
