"""Which paths exist, which permission each asks for, and what answers them."""

from __future__ import annotations

from collections.abc import Callable

from cloud_sandbox.cloudflare import account, scripts, secrets, versions, workers
from cloud_sandbox.cloudflare.settings import READ, WRITE
from cloud_sandbox.cloudflare.world import Call, Enveloped, World
from cloud_sandbox.wire import Route

Operation = Callable[[World, Call], Enveloped]

ACCOUNT = "/accounts/:account"
WORKERS = f"{ACCOUNT}/workers"
SCRIPT, SERVICE = f"{WORKERS}/scripts/:script", f"{WORKERS}/services/:script"
WORKER = f"{WORKERS}/workers/:worker"

TABLE: tuple[tuple[str, str, Operation], ...] = (
    ("GET", "/user", account.user),
    ("GET", "/user/tokens/verify", account.verify),
    ("GET", "/memberships", account.memberships),
    ("GET", "/accounts", account.accounts),
    ("GET", ACCOUNT, account.account),
    ("GET", f"{ACCOUNT}/tokens/verify", account.verify),
    ("GET", f"{ACCOUNT}/storage/kv/namespaces", account.no_list),
    ("GET", f"{ACCOUNT}/containers/applications", account.no_list),
    ("GET", f"{WORKERS}/subdomain", account.subdomain),
    ("PUT", f"{WORKERS}/subdomain", account.set_subdomain),
    ("GET", f"{WORKERS}/durable_objects/namespaces", account.no_list),
    ("GET", f"{WORKERS}/domains/records", account.no_list),
    ("GET", f"{WORKERS}/tails/by-consumer/:script", scripts.empty),
    ("GET", f"{WORKERS}/scripts", scripts.list_all),
    ("GET", SCRIPT, scripts.download),
    ("GET", f"{SCRIPT}/content/v2", scripts.content),
    ("PUT", SCRIPT, scripts.upload),
    ("DELETE", SCRIPT, scripts.delete),
    ("GET", SERVICE, scripts.service),
    ("DELETE", SERVICE, scripts.delete_service),
    ("GET", f"{SERVICE}/environments/:environment", scripts.environment),
    ("GET", f"{SERVICE}/environments/:environment/bindings", scripts.environment_bindings),
    ("GET", f"{SCRIPT}/settings", scripts.settings),
    ("PATCH", f"{SCRIPT}/settings", scripts.patch_settings),
    ("GET", f"{SCRIPT}/script-settings", scripts.script_settings),
    ("PATCH", f"{SCRIPT}/script-settings", scripts.patch_script_settings),
    ("GET", f"{SCRIPT}/subdomain", scripts.subdomain),
    ("POST", f"{SCRIPT}/subdomain", scripts.set_subdomain),
    ("DELETE", f"{SCRIPT}/subdomain", scripts.unset_subdomain),
    ("GET", f"{SCRIPT}/references", scripts.references),
    ("GET", f"{SCRIPT}/schedules", scripts.schedules),
    ("PUT", f"{SCRIPT}/schedules", scripts.schedules),
    ("GET", f"{SCRIPT}/tails", scripts.empty),
    ("GET", f"{SCRIPT}/secrets", secrets.list_all),
    ("PUT", f"{SCRIPT}/secrets", secrets.put_one),
    ("GET", f"{SCRIPT}/secrets/:name", secrets.get_one),
    ("DELETE", f"{SCRIPT}/secrets/:name", secrets.delete_one),
    ("PATCH", f"{SCRIPT}/secrets-bulk", secrets.patch_many),
    ("GET", f"{SCRIPT}/versions", versions.list_all),
    ("POST", f"{SCRIPT}/versions", versions.create),
    ("GET", f"{SCRIPT}/versions/:version", versions.get_one),
    ("GET", f"{SCRIPT}/deployments", versions.deployments),
    ("POST", f"{SCRIPT}/deployments", versions.deploy),
    ("GET", f"{SCRIPT}/deployments/:deployment", versions.get_deployment),
    ("GET", f"{WORKERS}/workers", workers.list_all),
    ("POST", f"{WORKERS}/workers", workers.create),
    ("GET", WORKER, workers.get_one),
    ("PATCH", WORKER, workers.patch),
    ("DELETE", WORKER, workers.delete),
    ("GET", f"{WORKER}/versions", workers.versions),
    ("GET", f"{WORKER}/versions/:version", workers.get_version),
    ("PATCH", f"{WORKER}/versions/:version", workers.patch_version),
)


def _scope(method: str, path: str) -> str:
    if not path.startswith(WORKERS):
        return ""
    return READ if method == "GET" else WRITE


ROUTES = tuple(
    Route(method=method, path=path, scope=_scope(method, path), operation=operation)
    for method, path, operation in TABLE
)
