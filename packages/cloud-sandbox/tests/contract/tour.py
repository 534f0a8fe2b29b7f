"""A tour of the whole API: every operation that is used, and each way in which it refuses that the facts tell.

It only asks; what the answers must be, the tests say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

UNKNOWN_PROJECT = "prj_" + "v" * 26
UNKNOWN_BRANCH = "v" * 26
IMAGE, REGION, SIZE = "postgres:18.1", "us-east-1", "xata.micro"
NO_BACKUPS_REGION = "us-central1"
ROOT = {"image": IMAGE, "region": REGION, "instanceType": SIZE, "replicas": 0}

BAD_PROJECTS: tuple[dict[str, Any], ...] = ({}, {"name": ""}, {"name": 7}, {"name": "x", "configuration": []})
BAD_BRANCHES: tuple[dict[str, Any], ...] = (
    {},
    {"name": ""},
    {"name": "bad", "mode": "clone"},
    {"name": "bad", "mode": "inherit"},
    {"name": "bad", "mode": "inherit", "parentID": UNKNOWN_BRANCH},
    {"name": "bad", "mode": "custom"},
    {"name": "bad", "mode": "custom", "configuration": {**ROOT, "image": "postgres:latest"}},
    {"name": "bad", "mode": "custom", "configuration": {**ROOT, "region": "nowhere"}},
    {"name": "bad", "mode": "custom", "configuration": {**ROOT, "instanceType": "xata.huge"}},
    {"name": "bad", "mode": "custom", "configuration": {**ROOT, "replicas": "1"}},
    {"name": "bad", "mode": "custom", "configuration": {**ROOT, "replicas": 9}},
    {"name": "bad", "mode": "custom", "configuration": ROOT, "description": "a_b"},
    {"name": "bad", "mode": "custom", "configuration": ROOT, "description": "a" * 51},
    *(
        {"name": "bad", "mode": "custom", "configuration": ROOT, "backupConfiguration": {"retentionPeriod": days}}
        for days in (0, 1, 36, 7.5, "7")
    ),
    {"name": "bad", "mode": "custom", "configuration": ROOT, "backupConfiguration": {"backupTime": "daily"}},
    {
        "name": "bad",
        "mode": "custom",
        "configuration": {**ROOT, "region": NO_BACKUPS_REGION},
        "backupConfiguration": {"retentionPeriod": 7},
    },
    {
        "name": "bad",
        "mode": "custom",
        "configuration": ROOT,
        "scaleToZero": {"enabled": True, "inactivityPeriodMinutes": 100_000},
    },
)
PATCHES: tuple[dict[str, Any], ...] = (
    {"description": "one"},
    {"name": "renamed"},
    {"name": "child"},
    {"scaleToZero": {"enabled": True, "inactivityPeriodMinutes": 15}},
    {"backupConfiguration": {"retentionPeriod": 7, "backupTime": "*:02:30"}},
    {"instanceType": "xata.small"},
    {"replicas": 1},
    {"storage": 300},
    {"image": IMAGE},
    {"hibernate": True},
    {"hibernate": False},
)
BAD_PATCHES: tuple[dict[str, Any], ...] = (
    {},
    {"region": REGION},
    {"name": "root"},
    {"description": "a_b"},
    {"storage": 1},
    {"replicas": -1},
    {"instanceType": "xata.huge"},
    {"image": "postgres:17.1"},
    {"image": IMAGE, "instanceType": SIZE},
    {"backupConfiguration": {"retentionPeriod": 99}},
    {"scaleToZero": {"enabled": True, "inactivityPeriodMinutes": 0}},
)


class Tour:
    """A walk through the API of one organization that has nothing yet.

    Args:
        http: A client that carries the key.
        organization: The organization's id.
    """

    def __init__(self, http: httpx.Client, organization: str) -> None:
        self._http = http
        self._here = f"/organizations/{organization}"
        self.project = self.root = self.child = self.elsewhere = ""

    def walk(self) -> None:
        """Everything, in the only order that makes sense."""
        self.see_catalogue()
        self.make_projects()
        self.make_branches()
        self.look_at_branches()
        self.change_branches()
        self.use_credentials_and_backups()
        self.ask_for_what_is_not_there()
        self.refuse_strangers()
        self.delete_everything()

    def _ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self._http.request(method, path, json=body, **more)

    @property
    def _branches(self) -> str:
        return f"{self._here}/projects/{self.project}/branches"

    def see_catalogue(self) -> None:
        """What is on offer, and what the limits are."""
        for path in ("/organizations", self._here, f"{self._here}/regions", f"{self._here}/images"):
            self._ask("GET", path)
        for kind in ("images", "instanceTypes"):
            self._ask("GET", f"{self._here}/{kind}", params={"region": REGION})
        self._ask("GET", f"{self._here}/instanceTypes")
        self._ask("GET", f"{self._here}/instanceTypes", params={"region": "nowhere"})
        for kind in ("limits", "projects/limits"):
            self._ask("GET", f"{self._here}/{kind}")

    def make_projects(self) -> None:
        """Projects, with all that is wrong in one."""
        projects = f"{self._here}/projects"
        self._ask("GET", projects)
        for body in BAD_PROJECTS:
            self._ask("POST", projects, body)
        halves = {"enabled": True, "inactivityPeriodMinutes": 15}
        self.project = self._ask("POST", projects, {"name": "first"}).json()["id"]
        configuration = {
            "scaleToZero": {"baseBranches": {**halves, "enabled": False}, "childBranches": halves},
            "ipFiltering": {"enabled": True, "cidr": [{"cidr": "10.0.0.0/8", "description": "office"}]},
        }
        other = self._ask("POST", projects, {"name": "second", "configuration": configuration}).json()["id"]
        self._ask("POST", projects, {"name": "first"})
        self._ask("GET", projects)
        for path in (self.project, other, UNKNOWN_PROJECT, f"{self.project}/limits"):
            self._ask("GET", f"{projects}/{path}")
        for patch in ({"name": "third"}, {"name": "first"}, {}, {"name": 7}, {"configuration": configuration}):
            self._ask("PATCH", f"{projects}/{other}", patch)
        for _ in range(2):
            self._ask("DELETE", f"{projects}/{other}")

    def make_branches(self) -> None:
        """A root and a child, with all that is wrong in one."""
        self._ask("GET", self._branches)
        for body in BAD_BRANCHES:
            self._ask("POST", self._branches, body)
        for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/json"}):
            self._http.post(self._branches, content=b'{"name": ', headers=headers)
        root: dict[str, Any] = {
            "name": "root",
            "mode": "custom",
            "configuration": ROOT,
            "description": "infra stack tour",
            "backupConfiguration": {"retentionPeriod": 7, "backupTime": "*:02:30"},
        }
        self.root = self._ask("POST", self._branches, root).json()["id"]
        child = {"name": "child", "mode": "inherit", "parentID": self.root}
        self.child = self._ask("POST", self._branches, child).json()["id"]
        self._ask("POST", self._branches, child)
        elsewhere = {"name": "elsewhere", "mode": "custom", "configuration": {**ROOT, "region": NO_BACKUPS_REGION}}
        self.elsewhere = self._ask("POST", self._branches, elsewhere).json()["id"]

    def look_at_branches(self) -> None:
        """Lists and single branches, from just made to ready."""
        self._ask("GET", self._branches)
        for branch in (self.root, self.child, self.elsewhere):
            for _ in range(4):
                self._ask("GET", f"{self._branches}/{branch}")

    def change_branches(self) -> None:
        """Every setting, well and badly."""
        for patch in (*PATCHES, *BAD_PATCHES):
            self._ask("PATCH", f"{self._branches}/{self.child}", patch)
            self._ask("GET", f"{self._branches}/{self.child}")

    def use_credentials_and_backups(self) -> None:
        """Credentials before and after a rotation, the backup, and a restore of it."""
        credentials = f"{self._branches}/{self.root}/credentials"
        for user in ("xata", "postgres", None):
            self._ask("GET", credentials, params={"username": user} if user else None)
        for body in ({"username": "xata"}, {"username": "postgres"}, {}):
            self._ask("POST", f"{credentials}/rotate", body)
            self._ask("GET", f"{self._branches}/{self.root}")
            for _ in range(3):
                self._ask("GET", credentials, params={"username": "xata"})
        project = f"{self._here}/projects/{self.project}"
        for path in ("backups", f"backups/{self.root}", f"backups/{self.elsewhere}", f"backups/{UNKNOWN_BRANCH}"):
            for _ in range(3):
                self._ask("GET", f"{project}/{path}")
        for source, name in ((self.root, "restored"), (self.root, ""), (self.root, "root"), (UNKNOWN_BRANCH, "none")):
            self._ask("POST", f"{self._branches}/{source}/restore", {"name": name})

    def ask_for_what_is_not_there(self) -> None:
        """Every operation on a branch, for one that is not there, and in a project that is not there."""
        for branches in (self._branches, f"{self._here}/projects/{UNKNOWN_PROJECT}/branches"):
            for method, path, body in _of_branch(UNKNOWN_BRANCH):
                self._ask(method, f"{branches}{path}", body)
        lost = f"{self._here}/projects/{UNKNOWN_PROJECT}"
        for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
            self._ask(method, lost, body)
        self._ask("GET", f"{lost}/branches")
        self._ask("POST", f"{lost}/branches", {"name": "x", "mode": "custom", "configuration": ROOT})

    def refuse_strangers(self) -> None:
        """Without a key, with a wrong one, and for another organization."""
        for authorization in ("", "Bearer wrong"):
            for method, path, body in ((("GET", "", None)), *_of_branch(self.root)):
                self._ask(method, f"{self._branches}{path}", body, headers={"Authorization": authorization})
            for kind in ("regions", "limits", "projects", "projects/limits"):
                self._ask("GET", f"{self._here}/{kind}", headers={"Authorization": authorization})
        self._ask("GET", "/organizations/others/projects")

    def delete_everything(self) -> None:
        """Children last, to show that nobody minds; the project only once it is empty."""
        project = f"{self._here}/projects/{self.project}"
        self._ask("DELETE", project)
        self._ask("DELETE", f"{self._branches}/{self.root}")
        self._ask("GET", f"{self._branches}/{self.child}")
        for branch in self._ask("GET", self._branches).json()["branches"]:
            for _ in range(2):
                self._ask("DELETE", f"{self._branches}/{branch['id']}")
        for _ in range(2):
            self._ask("DELETE", project)


def _of_branch(branch: str) -> Iterator[tuple[str, str, Any]]:
    yield "GET", f"/{branch}", None
    yield "PATCH", f"/{branch}", {"description": "x"}
    yield "GET", f"/{branch}/credentials?username=xata", None
    yield "POST", f"/{branch}/credentials/rotate", {"username": "xata"}
    yield "POST", f"/{branch}/restore", {"name": "x"}
    yield "DELETE", f"/{branch}", None
