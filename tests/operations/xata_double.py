"""Xata in this process: the stand-in without databases, keys of any rights, and what commands are told of it."""

from __future__ import annotations

import httpx

from cloud_sandbox.transport import handler
from cloud_sandbox.xata.databases import NoDatabases
from cloud_sandbox.xata.service import Service
from cloud_sandbox.xata.settings import Key, Settings
from components.errors import InputError
from components.xata.api.client import Client
from components.xata.api.models import BranchCreation, ClusterConfiguration, ProjectCreation
from components.xata.branches.place import Place
from pulumi_embedded import api

ORGANIZATION = "sand01"
KEY = "xau_" + "k" * 40
REGION = "us-east-1"


class Xata:
    """One organization with the project `warehouse-manager`, its root branch `main`, and a branch `staging`.

    Attributes:
        service: The stand-in itself.
        place: The project.
        branch_id: Of `staging`.
    """

    def __init__(self, *keys: Key) -> None:
        everything = Key(token=KEY)
        self.service = Service(Settings(organization=ORGANIZATION, keys=(everything, *keys)), databases=NoDatabases())
        client = self.client()
        project = client.create_project(ORGANIZATION, ProjectCreation(name="warehouse-manager"))
        self.place = Place(organization=ORGANIZATION, project=project.id)
        cluster = ClusterConfiguration(image="postgres:18.1", region=REGION, instance_type="xata.micro", replicas=0)
        main = client.create_branch(*self._place, BranchCreation(name="main", configuration=cluster))
        staging = client.create_branch(*self._place, BranchCreation(name="staging", parent_id=main.id))
        self.branch_id = staging.id
        self.service.log.entries.clear()

    @property
    def _place(self) -> tuple[str, str]:
        return self.place.organization, self.place.project

    @property
    def methods(self) -> set[str]:
        """The methods of all calls so far."""
        return {entry.method for entry in self.service.log.entries}

    def client(self, key: str = KEY) -> Client:
        """A client of it."""
        transport = httpx.MockTransport(handler(self.service))
        return Client(key=key, base_url="http://127.0.0.1:1", transport=transport, sleep=lambda _: None)

    def connect(self, environment: dict[str, str]) -> Client:
        """What stands for the function that commands call."""
        key = environment.get("XATA_API_KEY", "")
        if not key:
            raise InputError("there is no API key")
        return self.client(key)

    def password(self) -> str:
        """The password of `staging`."""
        return self.client().credentials(*self._place, self.branch_id).password

    def rotate(self) -> None:
        """Give `staging` another password as somebody else would."""
        self.client().rotate_credentials(*self._place, self.branch_id)

    def delete_branch(self) -> None:
        """Delete `staging` as somebody else would."""
        self.client().delete_branch(*self._place, self.branch_id)
        self.service.log.entries.clear()

    def outputs(self) -> dict[str, api.Output]:
        """What the stack staging exports."""
        url = f"postgresql://xata:{self.password()}@{self.branch_id}.{REGION}.localhost:5999/xata?sslmode=require"
        plain = {
            "branchName": "staging",
            "branchId": self.branch_id,
            "organizationId": self.place.organization,
            "projectId": self.place.project,
        }
        values = {name: api.Output(value=value, secret=False) for name, value in plain.items()}
        return {**values, "databaseUrl": api.Output(value=url, secret=True)}
