"""A branch with its settings and its connection, as the file named by WANTED asks for them."""

import json
import os
from pathlib import Path

import pulumi

from components.xata.resources import Branch, BranchConnection, BranchSettings

wanted = json.loads(Path(os.environ["WANTED"]).read_text())
if wanted:
    keep = pulumi.ResourceOptions(protect=wanted["protect"], retain_on_delete=wanted["protect"])
    branch = Branch("branch", **wanted["branch"], opts=keep)
    place = {"organization": wanted["branch"]["organization"], "project_id": branch.projectId, "branch_id": branch.id}
    BranchSettings("settings", **place, **wanted["settings"])
    connection = BranchConnection("connection", **place, **wanted["connection"])
    pulumi.export("url", connection.url)
    pulumi.export("branchId", branch.id)
