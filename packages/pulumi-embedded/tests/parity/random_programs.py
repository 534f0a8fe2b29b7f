"""Random programs and edits of them, made of small numbers, so that a failing example shrinks to a short one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pulumi_embedded.goal import Alias, Goal, make_urn
from tests.parity.random_rig import PROJECT, ROOT, STACK, Registration

if TYPE_CHECKING:
    from collections.abc import Callable

ROOM: Final = "parity:rooms:Room"
THING: Final = "pulumi-python:dynamic/things:Thing"
OPTIONS: Final = ("protect", "retain", "first", "ignore", "deleted_with")
MOST: Final = 30


@dataclass(kw_only=True)
class Wish:
    """One resource of a program. Others are named by their `key`, which stays when the name changes.

    Attributes:
        room: Whether it is a component.
        takes: Properties that are another one's token; "need…" forces a replacement when that changes.
        earlier: Names and parents it had.
        urns: The URNs it had. They are aliases if it was renamed or moved itself: else its parent's aliases must do.
    """

    key: str
    name: str
    room: bool
    parent: str = ""
    depends: list[str] = field(default_factory=list)
    takes: dict[str, str] = field(default_factory=dict)
    props: dict[str, int] = field(default_factory=lambda: {"color": 0, "size": 0, "fixed": 0})
    options: dict[str, Any] = field(default_factory=dict)
    earlier: list[tuple[str, str]] = field(default_factory=list)
    urns: list[str] = field(default_factory=list)


Program = list[Wish]
Numbers = tuple[int, ...]

number = st.integers(0, 59)
resources = st.lists(st.tuples(*[number] * 7), min_size=4, max_size=MOST)
edits = st.lists(st.tuples(*[number] * 3), min_size=1, max_size=10)
no_faults: st.SearchStrategy[list[tuple[str, int, str]]] = st.just([])
faults = no_faults | st.lists(
    st.tuples(
        st.sampled_from(["create", "update", "delete", "diff", "check", "read"]),
        st.integers(0, 5),
        st.sampled_from(["fail", "die", "die late"]),
    ),
    min_size=1,
    max_size=3,
)
"""Which call of which method fails, and how."""


def add(program: Program, key: str, numbers: Numbers) -> None:
    """Add a resource that needs earlier ones, as the numbers say."""
    kind, parent, first, second, third, option, value = numbers
    made = Wish(key=key, name=key, room=kind % 4 == 0)
    things = [wish.key for wish in program if not wish.room]
    if program and parent % 3:
        made.parent = _pick(program, parent).key
    if things and not made.room:
        made.depends = [_pick(things, first)] if first % 3 == 0 else []
        made.takes |= {"soft": _pick(things, second)} if second % 3 == 0 else {}
        made.takes |= {"need": _pick(things, third)} if third % 2 == 0 else {}
    program.append(made)
    if option % 2:
        toggle(program, made, OPTIONS[option // 2 % len(OPTIONS)], value)


def toggle(program: Program, wish: Wish, option: str, value: int) -> None:
    """Set an option to something, or take it away."""
    things = [other.key for other in program[: program.index(wish)] if not other.room]
    choices: dict[str, list[Any]] = {
        "protect": [True, None, False],
        "retain": [True, None, False],
        "first": [True, None, False],
        "ignore": [("color",), ("size",), ()],
        "deleted_with": [*things, None],
    }
    wish.options[option] = _pick(choices[option], value)


def edit(program: Program, numbers: Numbers, key: str) -> None:
    """Change a program; `key` is for what may be added."""
    act, which, value = numbers
    known = urns(program)
    for other in program:
        other.urns = list(dict.fromkeys([*other.urns, known[other.key]]))
    if not program or act % 14 == 0:
        if len(program) < MOST:
            add(program, key, (which, value, act, which + value, value + 1, which + 1, value))
        return
    wish = _pick(program, which)
    acts: list[Callable[[], None]] = [
        lambda: wish.props.update(color=value),
        lambda: wish.props.update(size=value % 3),
        lambda: wish.props.update(size=value % 5),
        lambda: wish.props.update(fixed=value % 3),
        lambda: wish.props.update(fixed=value % 5),
        lambda: _remove(program, wish),
        lambda: _rename(wish, wish.name + "x", wish.parent),
        lambda: _move(program, wish, value),
        lambda: _connect(program, wish, value),
        *(lambda option=option: toggle(program, wish, option, value) for option in OPTIONS),
    ]
    _pick(acts, act)()


def _pick(choices: list[Any], value: int) -> Any:
    return choices[value % len(choices)]


def _remove(program: Program, wish: Wish) -> None:
    for other in program:
        if other.parent == wish.key:
            _rename(other, other.name, wish.parent)
        other.depends = [key for key in other.depends if key != wish.key]
        other.takes = {name: key for name, key in other.takes.items() if key != wish.key}
        if other.options.get("deleted_with") == wish.key:
            del other.options["deleted_with"]
    program.remove(wish)


def _rename(wish: Wish, name: str, parent: str) -> None:
    wish.earlier.append((wish.name, wish.parent))
    wish.name, wish.parent = name, parent


def _move(program: Program, wish: Wish, value: int) -> None:
    before = [other.key for other in program[: program.index(wish)]]
    _rename(wish, wish.name, _pick([*before, ""], value))


def _connect(program: Program, wish: Wish, value: int) -> None:
    things = [other.key for other in program[: program.index(wish)] if not other.room]
    name = _pick(["soft", "need"], value)
    if wish.takes.pop(name, None) is None and things and not wish.room:
        wish.takes[name] = _pick(things, value)


def urns(program: Program) -> dict[str, str]:
    """The URN of each resource."""
    made = {"": ROOT}
    for wish in program:
        made[wish.key] = make_urn(STACK, PROJECT, made[wish.parent], ROOM if wish.room else THING, wish.name)
    return made


def registrations(program: Program, *, protect: bool = True) -> list[Registration]:
    """What the program registers, the stack first; `protect` False leaves out all protection."""
    known = urns(program)
    stack = Goal(urn=ROOT, type="pulumi:pulumi:Stack", custom=False)
    return [Registration(goal=stack), *(_registration(wish, known, protect=protect) for wish in program)]


def _registration(wish: Wish, known: dict[str, str], *, protect: bool) -> Registration:
    options = wish.options
    takes = {name: known[key] for name, key in wish.takes.items()}
    aliases = [
        *(Alias(urn=urn) for urn in wish.urns if wish.earlier),
        *(Alias(name=name, parent=known[up], no_parent=not up) for name, up in wish.earlier if up in known),
    ]
    said: dict[str, Any] = {
        "protect": options.get("protect") if protect else None,
        "retain_on_delete": options.get("retain"),
        "deleted_with": known[options["deleted_with"]] if options.get("deleted_with") else None,
    }
    goal = Goal(
        urn=known[wish.key],
        type=ROOM if wish.room else THING,
        custom=not wish.room,
        parent=known[wish.parent],
        inputs={"label": wish.key, **({} if wish.room else wish.props)},
        dependencies=sorted({*(known[key] for key in wish.depends), *takes.values()}),
        property_dependencies={name: [urn] for name, urn in takes.items()},
        delete_before_replace=options.get("first"),
        ignore_changes=[] if wish.room else list(options.get("ignore", ())),
        earlier=tuple(aliases),
        unsaid=tuple(name for name, value in said.items() if value is None),
        **{name: value for name, value in said.items() if value is not None},
    )
    return Registration(goal=goal, takes=takes)
