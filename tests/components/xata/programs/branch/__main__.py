"""A branch with its settings and its connection, as the file named by WANTED asks for them."""

import json
import os
from pathlib import Path

import pulumi

from components.xata.inputs import BranchConnectionInputs, BranchInputs, BranchSettingsInputs
from components.xata.provider import Branch, BranchConnection, BranchSettings

wanted = json.loads(Path(os.environ["WANTED"]).read_text())
if wanted:
    keep = pulumi.ResourceOptions(protect=wanted["protect"], retain_on_delete=wanted["protect"])
    branch = Branch("branch", BranchInputs(**wanted["branch"]), keep)
    place = {"organization": wanted["branch"]["organization"], "project_id": branch.project_id, "branch_id": branch.id}
    BranchSettings("settings", BranchSettingsInputs(**place, **wanted["settings"]))
    connection = BranchConnection("connection", BranchConnectionInputs(**place, **wanted["connection"]))
    pulumi.export("url", connection.url)
    pulumi.export("branchId", branch.id)
