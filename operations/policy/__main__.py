"""The policy pack: `pulumi preview --policy-pack operations/policy`. The rules are those of `./infra gate`.

Runs in an environment of its own (`PulumiPolicy.yaml`), since pulumi_policy asks for older libraries than the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pulumi.runtime
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

if TYPE_CHECKING:
    from pulumi_policy import ReportViolation, ResourceValidationArgs

    from operations.policy.rules import RULES, STACK, Planned, Rule
else:  # the folder is the program, and the rest is not on its path
    from rules import RULES, STACK, Planned


def planned(args: ResourceValidationArgs) -> Planned:
    """What the engine shows of a resource. It shows secrets as they are."""
    inputs = pulumi.runtime.get_config_env() if args.resource_type == STACK else _known(args.props)
    stack = args.urn.removeprefix("urn:pulumi:").partition("::")[0]
    return Planned(type=args.resource_type, name=args.name, stack=stack, inputs=inputs, protect=args.opts.protect)


def _known(value: Any) -> Any:
    """Lists and mappings for those of the SDK, which raise for what is not known yet."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    return [_item(value, at) for at in range(len(value))] if isinstance(value, Sequence) else value


def _item(of: Any, key: Any) -> Any:
    try:
        return _known(of[key])
    except UnknownValueError:
        return UNKNOWN_STRING_VALUE


def validate(rule: Rule, args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report what a rule finds."""
    for one in rule.find(planned(args)):
        report(f"{one.sentence}\nnext: {one.next_step}", None)


if __name__ == "__main__":
    PolicyPack(
        name="infra",
        enforcement_level=EnforcementLevel.MANDATORY,
        policies=[
            ResourceValidationPolicy(name=rule.name, description=rule.asks, validate=partial(validate, rule))
            for rule in RULES
        ],
    )
