"""Another project: it reads what infra exports for the environment that its own stack is named after."""

from typing import Any

import contract
import pulumi

NAME = f"{pulumi.get_organization()}/infra/{pulumi.get_stack()}"
environment = pulumi.StackReference(NAME)


def read(name: str) -> pulumi.Output[Any]:
    """One output, judged by the contract. What is a secret there stays one here, and in all that is made of it."""

    def judged(found: Any) -> Any:
        try:
            return contract.read({"contractVersion": found[0], name: found[1]}, name)
        except contract.ContractError as error:
            message = f"{NAME}: {error}"
        raise pulumi.RunError(message)  # told without a traceback

    version, value = environment.get_output("contractVersion"), environment.get_output(name)
    return pulumi.Output.all(version, value).apply(judged)


pulumi.export("environment", read("environment"))
place = map(read, ("databaseHost", "databasePort", "databaseName"))
pulumi.export("database", pulumi.Output.format("{}:{}/{}", *place))
pulumi.export("reportingUrl", pulumi.Output.concat(read("databaseReadOnlyUrl"), "&application_name=reports"))
