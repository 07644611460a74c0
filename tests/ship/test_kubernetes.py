"""The Kubernetes manifests before a real API server: each overlay as kustomize renders it, and the pods it makes."""

import base64
import copy
import os
import secrets
import subprocess
import sys

import pytest

from tests.live.ably_server import ROOT
from tests.ship import manifests
from tests.ship.api_server import ApiServer, Etcd, tools

pytestmark = pytest.mark.ship

SOON = {"name": "own", "rules": [{"alert": "Away", "expr": "up == 0", "for": "soon"}]}


def render(overlay: str) -> list[manifests.Object]:
    folder = manifests.FOLDER / "overlays" / overlay
    done = subprocess.run(
        [tools() / "bin" / "kubectl", "kustomize", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return manifests.objects_of(done.stdout)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """An API server that knows the custom kinds, and has what other objects need to be there before them."""
    folder = tmp_path_factory.mktemp("kubernetes")
    with Etcd(folder) as etcd, ApiServer(folder, etcd) as server:
        defined = server.kubectl("apply", "--server-side", f"--filename={tools() / 'crds'}")
        assert defined.returncode == 0, defined.stderr
        there = server.kubectl("wait", "--for=condition=Established", "--all", "customresourcedefinitions")
        assert there.returncode == 0, there.stderr
        for overlay in manifests.OVERLAYS:
            first = [one for one in render(overlay) if one["kind"] in ("Namespace", "ServiceAccount")]
            taken = server.apply(first)
            assert taken.returncode == 0, taken.stderr
        yield server


@pytest.fixture(scope="module", params=manifests.OVERLAYS)
def overlay(request):
    return request.param


@pytest.fixture(scope="module")
def objects(overlay):
    return render(overlay)


def of(objects, kind: str, name: str):
    """Return a copy of one of them."""
    return copy.deepcopy(next(one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name)))


def test_the_api_server_takes_each_object_and_warns_of_none(server, objects):
    judged = server.judge(objects)
    assert (judged.returncode, judged.stderr) == (0, "")
    assert len(judged.stdout.splitlines()) == len(objects)


def test_admission_takes_each_pod_by_the_restricted_standard(server, objects):
    pods = manifests.pods(objects)
    assert {pod["metadata"]["name"] for pod in pods} == {"web-tried", "dispatcher-tried", "migrate-tried"}
    judged = server.judge(pods)
    assert (judged.returncode, judged.stderr) == (0, "")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda pod: pod["securityContext"].pop("runAsNonRoot"), "runAsNonRoot != true"),
        (lambda pod: pod["securityContext"].pop("seccompProfile"), "seccompProfile"),
        (lambda pod: pod["containers"][0]["securityContext"].pop("capabilities"), "unrestricted capabilities"),
        (lambda pod: pod["volumes"].append({"name": "host", "hostPath": {"path": "/"}}), "restricted volume types"),
        (lambda pod: pod.update(serviceAccountName="other"), 'serviceaccount "other" not found'),
        (lambda pod: pod["volumes"].pop(0), "volumeMounts[0].name: Not found"),
    ],
)
def test_a_pod_that_may_more_or_lacks_something_is_refused(server, objects, spoil, told):
    spoilt = copy.deepcopy(manifests.pods(objects)[0])
    spoil(spoilt["spec"])
    judged = server.judge([spoilt])
    assert judged.returncode == 1
    assert told in judged.stderr


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        ("Deployment/web", {"gracePeriod": 25}, "spec.gracePeriod"),
        ("Deployment/web", {"selector": {"matchLabels": {"app": "web"}}}, "`selector` does not match template"),
        ("HorizontalPodAutoscaler/web", {"maxReplicas": 1}, "must be greater than or equal to `minReplicas`"),
        ("ServiceMonitor/web", {"endpoint": []}, "spec.endpoint"),
        ("ServiceMonitor/web", {"endpoints": [{"interval": "15 s"}]}, "spec.endpoints[0].interval"),
        ("PrometheusRule/semtas-notificacoes", {"groups": [SOON]}, "spec.groups[0].rules[0].for"),
        ("ExternalSecret/semtas-secrets", {"refreshIntervall": "1h"}, "spec.refreshIntervall"),
    ],
)
def test_an_object_that_is_written_wrong_is_refused(server, objects, name, spoil, told):
    spoilt = of(objects, *name.split("/"))
    spoilt["spec"] |= spoil
    judged = server.judge([spoilt])
    assert judged.returncode == 1
    assert told in judged.stderr


def test_what_is_rendered_is_of_one_piece_and_in_one_namespace(objects):
    assert manifests.faults(objects) == []
    namespace = next(one["metadata"]["name"] for one in objects if one["kind"] == "Namespace")
    assert {one["metadata"].get("namespace", namespace) for one in objects} == {namespace}


def test_what_is_rendered_is_valid_without_a_server_too(objects):
    assert {manifests.schema_fault(one) for one in objects if not manifests.is_custom(one)} == {None}


def test_staging_and_production_share_no_namespace_and_no_host():
    told = [render(overlay) for overlay in manifests.OVERLAYS]
    for kind, path in (("Namespace", lambda one: one["metadata"]["name"]), ("Ingress", hosts)):
        found = [{str(path(one)) for one in objects if one["kind"] == kind} for objects in told]
        assert not found[0] & found[1]


def hosts(ingress) -> list[str]:
    rules = [rule["host"] for rule in ingress["spec"]["rules"]]
    assert rules == [host for tls in ingress["spec"]["tls"] for host in tls["hosts"]]
    return rules


def test_an_environments_host_is_written_once(overlay, objects):
    wanted = [manifests.settings(overlay)["SITE_HOST"]]
    assert [hosts(one) for one in objects if one["kind"] == "Ingress"] == [wanted, wanted]


def test_each_container_runs_one_image_of_one_version(objects):
    images = {container["image"] for made in manifests.workloads(objects) for container in made.containers}
    assert len(images) == 1
    assert images.pop().rpartition(":")[2] not in ("", "latest")


def test_the_site_starts_with_an_environments_settings(overlay):
    """What a pod is given, with secrets of this run alone: Django's checks as in production find nothing."""
    told = manifests.settings(overlay)
    secret = base64.b64encode(secrets.token_bytes(48)).decode()
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            **told,
            "ALLOWED_HOSTS": f"{told['SITE_HOST']},10.244.0.7",
            "SECRET_KEY": secret,
            "ENCRYPTION_SECRET": secret,
            "SIGNING_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
            "DATABASE_URL": "postgres://semtas@127.0.0.1/semtas",
            "REDIS_URL": "redis://127.0.0.1/0",
            "ABLY_API_KEY": "semtas.local:segredo",
            "METRICS_TOKEN": secrets.token_hex(16),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
